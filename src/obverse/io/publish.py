"""The atomic and durable way to make a file: a whole one appears under its name, or nothing does.

A hidden temporary in the same directory is written, flushed to the disk, checked, and only then given its
name; then the directory is flushed too. A failure at any point leaves the old file or none, and no temporary.
"""

from __future__ import annotations

import errno
import os
import secrets
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from obverse.errors import DataError
from obverse.io.text import shown_path

__all__ = ["Buffer", "prepare_directory", "publish", "publish_all", "refuse_targets", "write_text"]

Buffer = bytes | memoryview
_NO_LINKS = (errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK)


def publish(
    path: str | os.PathLike[str],
    pieces: Iterable[Buffer],
    *,
    overwrite: bool = False,
    inputs: Iterable[str | os.PathLike[str]] = (),
    check: Callable[[Path], object] | None = None,
) -> None:
    """Write `pieces` to a new file and give it its name once it is whole.

    Parameters
    ----------
    path
        Name of the file; its directory exists.
    pieces
        What to write, in order.
    overwrite
        Allow another file of this name to be replaced; it stays intact until the new one is complete.
    inputs
        Files that must not be written onto.
    check
        Called with the temporary before it gets its name; raises where it is not right.

    Raises
    ------
    DataError
        If the file exists, is an input, or cannot be written.
    """
    publish_all({Path(path): pieces}, overwrite=overwrite, inputs=inputs, check=check)


def publish_all(
    files: Mapping[Path, Iterable[Buffer]],
    *,
    overwrite: bool = False,
    inputs: Iterable[str | os.PathLike[str]] = (),
    check: Callable[[Path], object] | None = None,
) -> None:
    """Write files that belong together: none gets its name before all are whole.

    Parameters
    ----------
    files
        Name of each, and what to write, in order.
    overwrite, inputs, check
        See `publish`.

    Raises
    ------
    DataError
        If one of them exists, is an input, or cannot be written.

    Notes
    -----
    Limits: names are given one after the other. Where that fails half way, new files are taken away again; of files
    that replace older ones, those that had their names by then stay.
    """
    refuse_targets(files, overwrite=overwrite, inputs=inputs)
    with ExitStack() as stack:
        ready = [stack.enter_context(_temporary(target)) for target in files]
        for (target, pieces), temporary in zip(files.items(), ready, strict=True):
            with _told(target):
                _fill(temporary, pieces)
                if check is not None:
                    check(temporary)
        _name_all(ready, files, overwrite)


def refuse_targets(
    targets: Iterable[Path], *, overwrite: bool = False, inputs: Iterable[str | os.PathLike[str]] = ()
) -> None:
    """Refuse names that cannot be written to, before the work whose result they shall hold.

    Raises
    ------
    DataError
        If one of them exists and is not to be replaced, is a directory, or is one of `inputs`.

    Examples
    --------
    >>> import tempfile
    >>> refuse_targets([Path(tempfile.mkdtemp()) / "x_rate.fits"])
    """
    names = list(inputs)
    for target in targets:
        _refuse_inputs(target, names)
        if target.is_dir() or (not overwrite and os.path.lexists(target)):
            raise _exists(target)


def _name_all(ready: Iterable[Path], targets: Iterable[Path], overwrite: bool) -> None:
    """Give whole files their names; where one cannot be had, take away those that are new."""
    named: list[Path] = []
    try:
        for temporary, target in zip(ready, targets, strict=True):
            with _told(target):
                (os.replace if overwrite else _claim)(temporary, target)
                named.append(target)
                _sync_directory(target.parent)
    except BaseException:
        for target in () if overwrite else named:
            with suppress(OSError):
                os.unlink(target)
        raise


def write_text(path: str | os.PathLike[str], text: str, *, overwrite: bool = False) -> None:
    r"""Write a text file (UTF-8, as given) with the same guarantee.

    Examples
    --------
    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "note.txt"
    >>> write_text(path, "one\n")
    >>> path.read_text()
    'one\n'
    """
    publish(path, [text.encode()], overwrite=overwrite)


def prepare_directory(path: str | os.PathLike[str]) -> Path:
    """Make a directory where it is missing, and prove that files can be made in it, before any work.

    Raises
    ------
    DataError
        If it is a file, or nothing can be written there.

    Examples
    --------
    >>> import tempfile
    >>> prepare_directory(Path(tempfile.mkdtemp()) / "night" / "products").is_dir()
    True
    """
    directory = Path(path)
    if directory.exists() and not directory.is_dir():
        raise DataError(f"{shown_path(path)}: output directory: is a file, choose another directory")
    with _told(directory):
        directory.mkdir(parents=True, exist_ok=True)
        with _temporary(directory / "probe") as probe:
            _fill(probe, [])
    return directory


@contextmanager
def _told(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as problem:
        reason = problem.strerror or str(problem)
        raise DataError(f"{shown_path(path)}: output: {reason}, free space or choose another directory") from problem


@contextmanager
def _temporary(target: Path) -> Iterator[Path]:
    """Name a hidden neighbour of `target`, and see that it is gone at the end."""
    # Not mkstemp: only the owner can read its files, and the umask cannot be read without setting it.
    name = f".{target.name[:100]}.{secrets.token_hex(8)}.tmp"
    temporary = target.parent / name
    try:
        yield temporary
    finally:
        with suppress(FileNotFoundError):
            os.unlink(temporary)


def _fill(temporary: Path, pieces: Iterable[Buffer]) -> None:
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_CLOEXEC", 0), 0o666)
    try:
        for piece in pieces:
            rest = memoryview(piece)
            while rest:
                rest = rest[os.write(descriptor, rest) :]
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _claim(temporary: Path, target: Path) -> None:
    """Give the file its name unless another has it; both at once, by a hard link."""
    try:
        os.link(temporary, target)
    except FileExistsError:
        raise _exists(target) from None
    except OSError as problem:
        if problem.errno not in _NO_LINKS:
            raise
        _claim_without_links(temporary, target)


def _claim_without_links(temporary: Path, target: Path) -> None:
    # Some file systems have no hard links; there a second writer could slip in between these two lines.
    if os.path.lexists(target):
        raise _exists(target)
    os.replace(temporary, target)


def _exists(target: Path) -> DataError:
    if target.is_dir():
        return DataError(f"{shown_path(target)}: output: is a directory, choose another name")
    return DataError(f"{shown_path(target)}: output: exists already, choose another name or use --overwrite")


def _refuse_inputs(target: Path, inputs: Iterable[str | os.PathLike[str]]) -> None:
    for name in inputs:
        with suppress(OSError):
            if os.path.samefile(name, target):
                raise DataError(f"{shown_path(target)}: output: is an input too, choose another name")


def _sync_directory(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
