"""The ASDF door: what was written comes back, nothing is read unasked, and hostile files end in one line."""

from __future__ import annotations

import bz2
import time
import tracemalloc
import zlib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from obverse.errors import DataError, ObverseWarning, UsageError
from obverse.io import asdf_blocks
from obverse.io.asdf_blocks import HEADER, MAGIC, md5
from obverse.io.asdf_door import open_asdf
from obverse.io.asdf_tree import TaggedText, dump_tree, parse_tree
from obverse.io.asdf_writer import write_asdf

HEAD = "#ASDF 1.0.0\n#ASDF_STANDARD 1.6.0\n%YAML 1.1\n%TAG ! tag:stsci.edu:asdf/\n--- !core/asdf-1.1.0\n"
ARRAY = "data: !core/ndarray-1.1.0 {source: 0, datatype: uint8, byteorder: little, shape: [8]}\n"
EIGHT = bytes(range(8))


def block(data: bytes, *, compression: bytes = b"\0\0\0\0", size: int | None = None, **claims: int) -> bytes:
    """Make a block; `claims` overrule what its header says."""
    sizes = [claims.get("allocated", len(data)), claims.get("used", len(data)), len(data) if size is None else size]
    head = HEADER.pack(claims.get("flags", 0), compression, *sizes, md5(data))
    return MAGIC + HEADER.size.to_bytes(2, "big") + head + data


def asdf_file(folder: Path, tree: str = ARRAY, blocks: bytes | None = None) -> Path:
    path = folder / "made.asdf"
    path.write_bytes((HEAD + tree + "...\n").encode() + (block(EIGHT) if blocks is None else blocks))
    return path


def read_all(path: Path, **how: bool) -> np.ndarray:
    with open_asdf(path, **how) as file:
        return file.read(file.tree["data"])


def problem(path: Path) -> str:
    with pytest.raises(DataError) as caught:
        read_all(path)
    text = str(caught.value)
    assert "\n" not in text
    assert path.name in text
    return text


KINDS = [np.dtype(code) for code in ("u1", "<u2", ">u2", "<i4", ">f4", "<f2", "<f8", "u8", "?")]


@given(st.sampled_from(KINDS).flatmap(lambda kind: arrays.arrays(kind, arrays.array_shapes(max_dims=3, max_side=4))))
def test_an_array_comes_back(tmp_path_factory: pytest.TempPathFactory, array: np.ndarray) -> None:
    path = tmp_path_factory.mktemp("asdf") / "a.asdf"
    write_asdf(path, {"data": array})
    back = read_all(path)
    assert back.dtype == array.dtype.newbyteorder("=")
    np.testing.assert_array_equal(back, array)


TREES = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**12), 10**12) | st.floats(allow_nan=False) | st.text(max_size=9),
    lambda inside: st.lists(inside, max_size=3) | st.dictionaries(st.text(max_size=5), inside, max_size=3),
    max_leaves=8,
).map(lambda tree: {"a": tree})


@given(TREES.filter(lambda tree: "$ref" not in repr(tree)))
def test_a_tree_comes_back(tree: dict) -> None:
    assert parse_tree(dump_tree(tree), "tree") == tree


def test_tags_come_back() -> None:
    when = TaggedText("2027-03-01T00:00:00.000")
    when.tag = "tag:stsci.edu:asdf/time/time-1.4.0"
    back = parse_tree(dump_tree({"when": when}), "tree")["when"]
    assert (back, back.tag) == (when, when.tag)


def test_same_input_same_bytes(tmp_path: Path) -> None:
    for name in ("a", "b"):
        write_asdf(tmp_path / f"{name}.asdf", {"x": np.arange(6.0), "y": 3})
    assert (tmp_path / "a.asdf").read_bytes() == (tmp_path / "b.asdf").read_bytes()


def test_pixels_take_no_memory_before_they_are_asked_for(tmp_path: Path) -> None:
    write_asdf(tmp_path / "big.asdf", {"big": np.zeros(1 << 24, np.uint8), "small": np.arange(3)})
    tracemalloc.start()
    try:
        with open_asdf(tmp_path / "big.asdf") as file:
            assert file.read(file.tree["small"]).tolist() == [0, 1, 2]
            assert tracemalloc.get_traced_memory()[1] < 1 << 21
            file.read(file.tree["big"])
            assert tracemalloc.get_traced_memory()[1] > 1 << 24
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(
    ("name", "squeeze"), [(b"zlib", zlib.compress), (b"bzp2", bz2.compress)], ids=lambda value: str(value)[:8]
)
def test_compressed_blocks_inflate(tmp_path: Path, name: bytes, squeeze: object) -> None:
    squeezed = squeeze(EIGHT)  # type: ignore[operator]
    path = asdf_file(tmp_path, blocks=block(squeezed, compression=name, size=8))
    np.testing.assert_array_equal(read_all(path), np.arange(8))


def test_lz4_blocks_inflate(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # an lz4 block by hand (token 0x80: eight literals), in the frame of asdf
    piece = (8).to_bytes(4, "little") + b"\x80" + EIGHT
    raw = len(piece).to_bytes(4, "big") + piece
    monkeypatch.setattr(asdf_blocks, "_lz4_unpacker", lambda: lambda some: some[5:])
    path = asdf_file(tmp_path, blocks=block(raw, compression=b"lz4\0", size=8))
    np.testing.assert_array_equal(read_all(path), np.arange(8))


def test_without_lz4_one_line_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "lz4", None)
    path = asdf_file(tmp_path, blocks=block(b"\0\0\0\5xxxxx", compression=b"lz4\0", size=8))
    with pytest.raises(UsageError, match=r"obverse\[roman\]"):
        read_all(path)


def test_numbers_in_the_text_are_an_array(tmp_path: Path) -> None:
    path = asdf_file(tmp_path, "data: !core/ndarray-1.1.0 {data: [[1, 2]], datatype: float16, shape: [1, 2]}\n", b"")
    back = read_all(path)
    assert (back.dtype, back.tolist()) == (np.float16, [[1.0, 2.0]])


# -- hostile files ---------------------------------------------------------------------------------------------


def bomb(levels: int) -> str:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]" for i in range(1, levels)]
    return "\n".join(lines) + "\n"


def test_a_bomb_of_aliases_is_refused_at_once(tmp_path: Path) -> None:
    path = asdf_file(tmp_path, bomb(12) + ARRAY)
    start = time.perf_counter()
    assert "bomb" in problem(path)
    assert time.perf_counter() - start < 1.0


def test_a_few_aliases_are_fine(tmp_path: Path) -> None:
    with open_asdf(asdf_file(tmp_path, bomb(3) + ARRAY)) as file:
        assert file.tree["a2"][0][0][0] == "x"


@pytest.mark.parametrize(
    ("tree", "what"),
    [
        ("a: &a [*a]\n", "stands in itself"),
        ("a: " + "[" * 100 + "]" * 100 + "\n", "deeper"),
        ("a: !!python/object/apply:os.system ['true']\n", "python/object"),
        ("a: !!binary aGVsbG8=\n", "binary"),
        ("a: 1\na: 2\n", "twice"),
        ("a: {<<: {b: 1}}\n", "merge"),
        ("a: {$ref: 'http://example.org/x#/y'}\n", r"\$ref"),
        ("a: [1\n", "YAML"),
        ("? [1, 2]\n: 3\n", "no name"),
    ],
)
def test_a_hostile_tree_is_refused(tmp_path: Path, tree: str, what: str) -> None:
    with pytest.raises(DataError, match=what):
        read_all(asdf_file(tmp_path, tree + ARRAY))


@pytest.mark.parametrize(
    ("entry", "what"),
    [
        ("{source: 'file:///etc/hostname', datatype: uint8, shape: [8]}", "another file"),
        ("{source: 1, datatype: uint8, shape: [8]}", "1 blocks"),
        ("{source: -1, datatype: uint8, shape: [8]}", "cannot be read"),
        ("{source: 0, datatype: uint8, shape: [9]}", "needs 9"),
        ("{source: 0, datatype: uint8, shape: [1000000], strides: [0]}", "needs 1000000"),
        ("{source: 0, datatype: uint8, shape: [8], offset: 1}", "does not fit"),
        ("{source: 0, datatype: uint8, shape: [2], strides: [8]}", "does not fit"),
        ("{source: 0, datatype: uint8, shape: [2], strides: [-1]}", "does not fit"),
        ("{source: 0, datatype: float64, shape: [999999999999]}", "refused"),
        ("{source: 0, datatype: [ascii, 8], shape: [1]}", "datatype"),
        ("{source: 0, datatype: uint8, shape: ['*']}", "cannot be read"),
        ("{data: [[1, 2], [3]]}", "numbers of an array"),
        ("{data: [a, b]}", "no numbers"),
    ],
)
def test_an_array_that_lies_is_refused(tmp_path: Path, entry: str, what: str) -> None:
    assert what in problem(asdf_file(tmp_path, f"data: !core/ndarray-1.1.0 {entry}\n"))


@pytest.mark.parametrize(
    ("blocks", "what"),
    [
        (block(EIGHT, allocated=1 << 40, used=1 << 40, size=1 << 40), "claim"),
        (block(EIGHT)[:-1], "claim"),
        (block(EIGHT)[:30], "cut"),
        (block(EIGHT, used=9), "contradict"),
        (block(EIGHT, size=9), "contradict"),
        (block(EIGHT, used=9, size=9), "contradict"),  # more than what was allocated, which is there
        (block(EIGHT) + b"junk", "none begins"),
        (block(b"") * 10_002, "more than 10000"),
        (b"junk", "junk"),
        (b"", "0 blocks"),
        (block(b"x" * 9, compression=b"zlib", size=8), "damaged"),
        (block(zlib.compress(EIGHT + b"more"), compression=b"zlib", size=8), "damaged"),
        (block(zlib.compress(EIGHT), compression=b"zlib", size=1 << 33), "bomb"),
        (block(EIGHT, compression=b"blsc", size=8), "compression"),
    ],
)
def test_a_block_that_lies_is_refused(tmp_path: Path, blocks: bytes, what: str) -> None:
    assert what in problem(asdf_file(tmp_path, blocks=blocks))


def test_a_wrong_checksum_is_refused_or_warned_of(tmp_path: Path) -> None:
    path = asdf_file(tmp_path, blocks=block(EIGHT)[:-1] + b"\xff")
    assert "checksum" in problem(path)
    with pytest.warns(ObverseWarning, match="checksum"):
        assert read_all(path, ignore_checksum=True)[-1] == 255


def test_a_checksum_of_the_inflated_bytes_is_right_too(tmp_path: Path) -> None:
    made = bytearray(block(zlib.compress(EIGHT), compression=b"zlib", size=8))
    made[38:54] = md5(EIGHT)  # as older releases of asdf wrote it
    np.testing.assert_array_equal(read_all(asdf_file(tmp_path, blocks=bytes(made))), np.arange(8))


@pytest.mark.parametrize("text", ["", "#ASDF 1.0.0\n", "SIMPLE  = T", HEAD + "a: 1\n"])
def test_a_file_without_a_whole_tree_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "cut.asdf"
    path.write_text(text)
    problem(path)


@given(st.binary(min_size=1, max_size=4), st.integers(0, 10**6), st.booleans())
def test_damage_ends_in_an_array_or_in_one_line(
    tmp_path_factory: pytest.TempPathFactory, junk: bytes, place: int, cut: bool
) -> None:
    folder = tmp_path_factory.mktemp("fuzz")
    data = bytearray(asdf_file(folder).read_bytes())
    at = place % len(data)
    data[at : at + len(junk)] = b"" if cut else junk
    path = folder / "damaged.asdf"
    path.write_bytes(data[:at] if cut else data)
    try:
        read_all(path)
        said = "all is well"
    except (DataError, KeyError) as caught:  # KeyError: the name of the array itself was hit
        said = str(caught)
    assert said
    assert "\n" not in said


def test_the_package_asdf_reads_what_we_write(tmp_path: Path) -> None:
    asdf = pytest.importorskip("asdf")
    write_asdf(tmp_path / "a.asdf", {"data": np.arange(6, dtype="f4").reshape(2, 3), "note": {"a": [1, None]}})
    with asdf.open(tmp_path / "a.asdf", validate_checksums=True) as file:
        np.testing.assert_array_equal(file["data"], np.arange(6).reshape(2, 3))
        assert dict(file["note"])["a"] == [1, None]


@pytest.mark.parametrize("compression", [None, "zlib", "bzp2", "lz4"])
def test_we_read_what_the_package_asdf_writes(tmp_path: Path, compression: str | None) -> None:
    asdf = pytest.importorskip("asdf")
    pixels = np.arange(60000, dtype=">u2").reshape(200, 300)
    made = asdf.AsdfFile({"data": pixels, "view": pixels[3:9, ::2]})
    made.write_to(tmp_path / "a.asdf", all_array_compression=compression)
    with open_asdf(tmp_path / "a.asdf") as file:
        np.testing.assert_array_equal(file.read(file.tree["data"]), pixels)
        np.testing.assert_array_equal(file.read(file.tree["view"]), pixels[3:9, ::2])
