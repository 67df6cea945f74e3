"""The safe ASDF door: a tree of plain values, and arrays that stay in the file until they are asked for.

An ASDF file is a tree in YAML and, behind it, blocks of bytes that the arrays of the tree point to. As at the FITS
door nothing is believed: the file itself (regular, bounded), the text (measured before it is a tree), every size
against the file, and the checksum of each block that is read.

Why not the package ``asdf``: it walks a tree before anybody can look at it, hangs on a few hundred bytes of aliases,
opens the local files that an array names as its source, and checks no checksum unless it is told to.
"""

from __future__ import annotations

import os
import re
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from obverse.errors import DataError, ObverseWarning
from obverse.io.asdf_arrays import Stored, with_arrays
from obverse.io.asdf_blocks import Block, inflated, md5, read_blocks
from obverse.io.asdf_tree import MOST_TEXT, parse_tree
from obverse.io.door import MAX_BYTES
from obverse.io.source import Source, opened
from obverse.io.text import FETCH, shown

__all__ = ["AsdfFile", "is_asdf", "open_asdf"]

_CHUNK = 1 << 16
_END = re.compile(rb"\n\.\.\.\r?\n")


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
        if array.nbytes > len(data):
            raise self._wrong(array, f"{len(data)} bytes, its array of {array.shape} needs {array.nbytes}")
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
        found = with_arrays(tree, source.name)
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
    while (end := _END.search(text)) is None:
        more = source.at(len(text), len(text))
        if not more or len(text) > MOST_TEXT:
            raise DataError(f"{source.name}: tree: has no end in {len(text)} bytes, the file is cut: {FETCH}")
        text += more
    return text[: end.end()], end.end()
