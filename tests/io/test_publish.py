"""A file appears whole or not at all, whatever fails and whenever."""

import errno
import os
import stat

import pytest

from obverse.errors import DataError
from obverse.io import Hdu, Header, open_fits, prepare_directory, publish, write_fits, write_text
from obverse.io.writer import write_fits_all
from tests.io.making import BLOCK, counts, leftovers, put, raw

OLD = raw(counts(seed=2))
NEW = [Hdu(0, "PRIMARY", 1, Header([]), counts(seed=3)), Hdu(1, "B", 1, Header([]), counts(seed=4))]


class NthFailure:
    """Let a function of os fail at its Nth call, once."""

    def __init__(self, function, n):
        self.function, self.n, self.calls = function, n, 0

    def __call__(self, *args, **kwargs):
        self.calls += 1
        if self.calls == self.n:
            raise OSError(errno.EIO, "Input/output error")
        return self.function(*args, **kwargs)


def attempted(path, **options):
    """Write, and return the message of our own error, or nothing."""
    try:
        write_fits(path, NEW, **options)
    except DataError as problem:
        return str(problem)
    return ""


def every_failure(monkeypatch, name, attempt):
    """Try with a failure at call 1, 2, 3 ... until nothing fails; yields after each attempt."""
    for n in range(1, 100):
        with monkeypatch.context() as patch:
            failure = NthFailure(getattr(os, name), n)
            patch.setattr(os, name, failure)
            attempt(n)
        if failure.calls < n:
            return n - 1
    raise AssertionError("it fails for ever")


@pytest.mark.parametrize("name", ["write", "fsync", "replace", "open", "close"])
def test_after_any_failure_the_old_file_or_the_new_one_is_whole(tmp_path, monkeypatch, name):
    path = tmp_path / "a.fits"
    write_fits(path, NEW)
    new = path.read_bytes()

    def attempt(_n):
        put(tmp_path, OLD)
        problem = attempted(path, overwrite=True)
        assert "Input/output error" in problem or not problem
        found = path.read_bytes()
        assert found in (OLD, new)
        assert problem or found == new
        assert leftovers(tmp_path) == []

    assert every_failure(monkeypatch, name, attempt) >= 1


@pytest.mark.parametrize("name", ["write", "fsync", "link"])
def test_after_any_failure_nothing_or_the_whole_new_file_is_there(tmp_path, monkeypatch, name):
    path = tmp_path / "a.fits"
    write_fits(path, NEW)
    new = path.read_bytes()

    def attempt(_n):
        path.unlink(missing_ok=True)
        attempted(path)
        if path.exists():
            assert path.read_bytes() == new
        assert leftovers(tmp_path) == []

    assert every_failure(monkeypatch, name, attempt) >= 1
    assert path.read_bytes() == new


def test_short_writes_are_continued(tmp_path, monkeypatch):
    write = os.write
    monkeypatch.setattr(os, "write", lambda fd, data: write(fd, data[:7000]))
    write_fits(tmp_path / "a.fits", NEW)
    monkeypatch.undo()
    assert (open_fits(tmp_path / "a.fits")[1].data == NEW[1].data).all()


def test_what_does_not_read_back_is_not_published(tmp_path, monkeypatch):
    write = os.write

    def spoil(fd, data):
        bad = bytearray(data)
        if len(bad) > BLOCK:
            bad[BLOCK + 7] ^= 1  # in the pixels, behind one block of header
        return write(fd, bad)

    monkeypatch.setattr(os, "write", spoil)
    with pytest.raises(DataError, match="DATASUM"):
        write_fits(tmp_path / "a.fits", NEW)
    assert list(tmp_path.iterdir()) == []


def test_an_existing_file_is_kept_unless_it_may_be_replaced(tmp_path):
    path = put(tmp_path, OLD)
    with pytest.raises(DataError, match="exists already"):
        write_fits(path, NEW)
    assert path.read_bytes() == OLD


def test_a_file_that_appears_meanwhile_is_kept(tmp_path, monkeypatch):
    path = tmp_path / "a.txt"
    link = os.link

    def race(source, target):
        path.write_text("theirs")
        link(source, target)

    monkeypatch.setattr(os, "link", race)
    with pytest.raises(DataError, match="exists already"):
        write_text(path, "ours")
    assert path.read_text() == "theirs"
    assert leftovers(tmp_path) == []


def test_without_hard_links_a_file_is_made_all_the_same(tmp_path, monkeypatch):
    def refuse(*_args):
        raise OSError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(os, "link", refuse)
    write_text(tmp_path / "a.txt", "one")
    assert (tmp_path / "a.txt").read_text() == "one"
    with pytest.raises(DataError, match="exists already"):
        write_text(tmp_path / "a.txt", "two")


def test_an_input_is_never_written_onto(tmp_path):
    path = put(tmp_path, OLD)
    (tmp_path / "alias.fits").symlink_to(path)
    os.link(path, tmp_path / "twin.fits")
    for name in ("a.fits", "alias.fits", "twin.fits"):
        with pytest.raises(DataError, match="is an input"):
            write_fits(tmp_path / name, NEW, overwrite=True, inputs=[path])
    assert path.read_bytes() == OLD


def test_permissions_follow_the_umask(tmp_path):
    old = os.umask(0o027)
    try:
        write_text(tmp_path / "a.txt", "x")
    finally:
        os.umask(old)
    assert stat.S_IMODE((tmp_path / "a.txt").stat().st_mode) == 0o640


def test_text_is_written_as_given(tmp_path):
    write_text(tmp_path / "a.txt", "ä\r\n")
    assert (tmp_path / "a.txt").read_bytes() == "ä\r\n".encode()


def test_the_failure_of_the_maker_leaves_nothing(tmp_path):
    def pieces():
        yield b"half"
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        publish(tmp_path / "a.bin", pieces())
    assert list(tmp_path.iterdir()) == []


def test_a_long_name_can_be_written(tmp_path):
    write_text(tmp_path / ("x" * 250 + ".txt"), "one")


def test_missing_directories_are_made_and_left_empty(tmp_path):
    made = prepare_directory(tmp_path / "a" / "b")
    assert list(made.iterdir()) == []


def test_a_directory_that_is_a_file_is_refused(tmp_path):
    put(tmp_path, b"", "out")
    with pytest.raises(DataError, match="is a file"):
        prepare_directory(tmp_path / "out")
    with pytest.raises(DataError, match="output"):
        prepare_directory(tmp_path / "out" / "below")


def test_a_directory_that_cannot_be_written_is_refused(tmp_path, monkeypatch):
    def refuse(*_args):
        raise OSError(errno.EROFS, "Read-only file system")

    monkeypatch.setattr(os, "open", refuse)
    with pytest.raises(DataError, match="Read-only file system, free space or choose another directory"):
        prepare_directory(tmp_path)


# --- files that belong together ---


def together(folder, **options):
    write_fits_all({folder / "a.fits": NEW, folder / "b.fits": NEW}, **options)


def test_where_one_name_is_taken_none_of_the_others_appears(tmp_path):
    (tmp_path / "b.fits").write_bytes(OLD)
    with pytest.raises(DataError, match=r"b\.fits: output: exists already"):
        together(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["b.fits"]
    assert (tmp_path / "b.fits").read_bytes() == OLD


@pytest.mark.parametrize("name", ["write", "fsync", "link", "open"])
def test_after_any_failure_all_new_files_are_there_or_none(tmp_path, monkeypatch, name):
    def attempt(_n):
        for path in tmp_path.iterdir():
            path.unlink()
        failed = False
        try:
            together(tmp_path)
        except DataError:
            failed = True
        assert sorted(path.name for path in tmp_path.iterdir()) == ([] if failed else ["a.fits", "b.fits"])

    assert every_failure(monkeypatch, name, attempt) >= 2


def test_a_name_taken_while_the_files_are_written_takes_the_others_away_again(tmp_path, monkeypatch):
    link = os.link

    def taken(source, target):
        if target.name == "b.fits":
            target.write_bytes(b"somebody else's")
        link(source, target)

    monkeypatch.setattr(os, "link", taken)
    with pytest.raises(DataError, match="exists already"):
        together(tmp_path)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == {"b.fits": b"somebody else's"}


def test_a_directory_of_the_name_is_refused_even_with_overwrite(tmp_path):
    (tmp_path / "b.fits").mkdir()
    with pytest.raises(DataError, match="is a directory"):
        together(tmp_path, overwrite=True)
    assert [path.name for path in tmp_path.iterdir()] == ["b.fits"]
