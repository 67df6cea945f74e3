"""The safe ASDF door: a tree of plain values, and arrays that stay in the file until they are asked for.

An ASDF file is a tree in YAML and, behind it, blocks of bytes that the arrays of the tree point to. As at the FITS
door nothing is believed: the file itself (regular, bounded), the text (measured before it is a tree), every size
against the file, and the checksum of each block that is read.

Why not the package ``asdf``: it walks a tree before anybody can look at it, hangs on a few hundred bytes of aliases,
opens the local files that an array names as its source, and checks no checksum unless it is told to.
"""

from __future__ import annotations

import math
import os
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from obverse.errors import DataError, ObverseWarning
from obverse.io.asdf_blocks import Block, inflated, md5, read_blocks
from obverse.io.asdf_tree import CORE, MOST_TEXT, TaggedMap, parse_tree, tag_of
from obverse.io.door import MAX_BYTES
from obverse.io.source import Source, opened
from obverse.io.text import FETCH, shown

__all__ = ["AsdfFile", "Stored", "is_asdf", "open_asdf"]

_NDARRAY = f"{CORE}core/ndarray-"
_CHUNK = 1 << 16
_END = b"\n...\n"
_TYPES = {f"{kind}{8 * size}": f"{kind[0]}{size}" for kind in ("int", "uint") for size in (1, 2, 4, 8)}
_TYPES |= {f"float{8 * size}": f"f{size}" for size in (2, 4, 8)} | {"bool8": "b1"}


@dataclass(frozen=True, eq=False)
class Stored:
    """An array that lies in a block of the file."""

    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    block: int
    offset: int = 0
    strides: tuple[int, ...] | None = None


@dataclass(frozen=True, eq=False)
class AsdfFile:
    """An open ASDF file.

    Parameters
    ----------
    name
        Its name, for messages.
    tree
        Its tree; an array in it is a `Stored`, or an array where the text holds its numbers.
    """

    name: str
    tree: Mapping[str, Any]
    _source: Source
    _blocks: tuple[Block, ...]
    _max_bytes: int
    _ignore_checksum: bool

    def read(self, array: Any) -> NDArray[Any]:
        """Return the pixels of an array of the tree, in native byte order.

        Raises
        ------
        DataError
            If it is no array, or its block is cut, damaged, or smaller than the array.
        """
        if isinstance(array, np.ndarray):
            return array
        if not isinstance(array, Stored):
            raise DataError(f"{self.name}: tree: {shown(array)} stands where an array should, {FETCH}")
        if array.block >= len(self._blocks):
            raise self._wrong(array, f"the file has {len(self._blocks)} blocks")
        data = self._bytes(array.block)
        try:
            pixels: NDArray[Any] = np.ndarray(array.shape, array.dtype, data, array.offset, array.strides)
        except (TypeError, ValueError) as problem:
            raise self._wrong(array, f"its array of {array.shape} does not fit ({problem})") from None
        return np.ascontiguousarray(pixels, array.dtype.newbyteorder("="))

    def _bytes(self, index: int) -> bytes:
        block = self._blocks[index]
        raw = self._source.at(block.start, block.used)
        data = inflated(block, raw, f"{self.name}: block {index}", self._max_bytes)
        # asdf sums up the bytes as they lie in the file; before version 4 it summed up what they inflate to
        if block.checksum and block.checksum != md5(raw) and (data is raw or block.checksum != md5(data)):
            self._mismatch(index)
        return data

    def _mismatch(self, index: int) -> None:
        problem = f"{self.name}: block {index}/checksum: does not fit the bytes, {FETCH} or use --ignore-checksum"
        if not self._ignore_checksum:
            raise DataError(problem)
        warnings.warn(problem, ObverseWarning, stacklevel=4)

    def _wrong(self, array: Stored, what: str) -> DataError:
        return DataError(f"{self.name}: block {array.block}: {what}, {FETCH}")


@contextmanager
def open_asdf(
    path: str | os.PathLike[str], *, max_bytes: int = MAX_BYTES, ignore_checksum: bool = False
) -> Iterator[AsdfFile]:
    """Open an ASDF file that may come from anybody.

    Parameters
    ----------
    path
        A regular file.
    max_bytes
        The most that the file, or one block of it inflated, may hold.
    ignore_checksum
        Turn a wrong checksum into a warning.

    Yields
    ------
    AsdfFile
        With its tree; its arrays can be read until the file is left.

    Raises
    ------
    DataError
        If the file cannot be trusted: one line, with what to do.

    Examples
    --------
    >>> import tempfile, pathlib
    >>> from obverse.io.asdf_writer import write_asdf
    >>> path = pathlib.Path(tempfile.mkdtemp()) / "zero.asdf"
    >>> write_asdf(path, {"data": np.zeros((2, 3), "u2")})
    >>> with open_asdf(path) as file:
    ...     file.read(file.tree["data"]).shape
    (2, 3)
    """
    with opened(path, max_bytes) as source:
        text, end = _text(source)
        tree = parse_tree(text, f"{source.name}: tree")
        if not isinstance(tree, dict):
            raise DataError(f"{source.name}: tree: is no mapping, {FETCH}")
        blocks = tuple(read_blocks(source, end))
        found = _with_arrays(tree, source.name)
        yield AsdfFile(source.name, found, source, blocks, max_bytes, ignore_checksum)


def is_asdf(path: str | os.PathLike[str]) -> bool:
    """Say whether a file is called ASDF; the door sees to it that it is.

    Examples
    --------
    >>> is_asdf("r0_uncal.asdf"), is_asdf("r0.fits")
    (True, False)
    """
    return os.fsdecode(path).lower().endswith(".asdf")


def _text(source: Source) -> tuple[bytes, int]:
    """Return the tree's text, and where it ends."""
    text = source.at(0, _CHUNK)
    if not text.startswith(b"#ASDF "):
        raise DataError(f"{source.name}: file: does not begin with #ASDF, give an ASDF file")
    while (end := text.replace(b"\r\n", b" \n").find(_END)) < 0:
        more = source.at(len(text), len(text))
        if not more or len(text) > MOST_TEXT:
            raise DataError(f"{source.name}: tree: has no end in {len(text)} bytes, the file is cut: {FETCH}")
        text += more
    return text[: end + len(_END)], end + len(_END)


def _with_arrays(value: Any, name: str) -> Any:
    """Turn the descriptions of arrays into `Stored` ones; all else stays."""
    if tag_of(value).startswith(_NDARRAY):
        return _array(value, name)
    if isinstance(value, dict):
        return _like(value, {key: _with_arrays(item, name) for key, item in value.items()})
    if isinstance(value, list):
        return _like(value, [_with_arrays(item, name) for item in value])
    return value


def _like(old: Any, made: Any) -> Any:
    """Give `made` the class and the tag of `old`."""
    if not tag_of(old):
        return made
    made = type(old)(made)
    made.tag = old.tag
    return made


def _array(entry: Any, name: str) -> Stored | NDArray[Any]:
    """Read what the tree says of one array."""
    if not isinstance(entry, TaggedMap):
        return _inline(entry, None, name)
    if "data" in entry:
        return _inline(entry["data"], entry, name)
    source = entry.get("source")
    if isinstance(source, str):
        raise DataError(f"{name}: tree: an array lies in another file ({shown(source)}), which is not opened")
    numbers: list[Any] = [source, entry.get("offset", 0), *_list(entry, "shape"), *_list(entry, "strides")]
    if not all(isinstance(n, int) for n in numbers) or min(numbers[:2]) < 0 or "mask" in entry:
        raise DataError(f"{name}: tree: an array is described by {shown(dict(entry), 200)}, which cannot be read")
    shape = tuple(_list(entry, "shape"))
    dtype = _dtype(entry, name)
    if not shape or min(shape) < 0 or math.prod(shape) * dtype.itemsize > MAX_BYTES:
        raise DataError(f"{name}: tree: an array of shape {shown(shape)} is refused, {FETCH}")
    return Stored(shape, dtype, numbers[0], numbers[1], tuple(_list(entry, "strides")) or None)


def _list(entry: Mapping[Any, Any], key: str) -> list[Any]:
    value = entry.get(key, [])
    return value if isinstance(value, list) else [value]


def _dtype(entry: Mapping[Any, Any], name: str) -> np.dtype[Any]:
    said = entry.get("datatype")
    if not isinstance(said, str) or said not in _TYPES:
        raise DataError(f"{name}: tree: datatype {shown(said)} is not one of {', '.join(_TYPES)}")
    return np.dtype(_TYPES[said]).newbyteorder("<" if entry.get("byteorder", "little") == "little" else ">")


def _inline(numbers: Any, entry: Mapping[Any, Any] | None, name: str) -> NDArray[Any]:
    """Return an array whose numbers stand in the text."""
    dtype = None if entry is None or "datatype" not in entry else _dtype(entry, name).newbyteorder("=")
    try:
        made = np.array(numbers, dtype)
    except (TypeError, ValueError, OverflowError) as problem:
        raise DataError(f"{name}: tree: numbers of an array in the text: {problem}, {FETCH}") from None
    if made.dtype.kind not in "biuf":
        raise DataError(f"{name}: tree: an array in the text holds {made.dtype}, no numbers: {FETCH}")
    shape = [] if entry is None else _list(entry, "shape")
    if shape and tuple(shape) != made.shape and made.size:
        raise DataError(f"{name}: tree: an array of shape {made.shape} says it has {shown(shape)}, {FETCH}")
    return made.reshape(shape) if shape and not made.size and 0 in shape else made
