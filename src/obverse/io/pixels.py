"""Bytes of a unit to numbers in native order: astropy decodes, after every claim has been checked.

A unit is handed to astropy alone, so that nothing outside of what the scan has measured can be seen.
"""

from __future__ import annotations

import math
import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
from numpy.typing import NDArray

from obverse.errors import ObverseWarning
from obverse.io.cards import quiet
from obverse.io.header import Header
from obverse.io.scan import BITPIX, MOST_AXES, Unit
from obverse.io.text import FETCH, shown

__all__ = ["image", "table"]

_VARIABLE = re.compile(r"[01]?[PQ]([LXBIJKAEDCM])")  # a column of variable length, and what its heap holds
_ELEMENT = {"I": 2, "J": 4, "K": 8, "E": 4, "D": 8, "C": 8, "M": 16}  # bytes; 1 for the other letters


def image(unit: Unit, raw: bytes) -> NDArray[Any]:
    """Return the pixels of an image; `raw` holds the bytes of its unit.

    BZERO of half the range makes the other integer types (uint16 for raw counts); any other BSCALE and BZERO,
    and BLANK, make floats, with NaN for blank pixels and a warning.
    """
    bits, blank = unit.header.integer("BITPIX"), unit.header.integer("BLANK", None)
    pixels = _pixels(unit, raw, ignore_blank=False)
    if bits < 0 or blank is None:
        return pixels
    empty = int(np.isnan(pixels).sum())
    if not empty:
        return _pixels(unit, raw, ignore_blank=True)
    what = f"{unit.header.file}: {unit.header.hdu}/BLANK: {empty} blank pixels, they are NaN now"
    warnings.warn(what, ObverseWarning, stacklevel=2)
    return pixels


def _pixels(unit: Unit, raw: bytes, *, ignore_blank: bool) -> NDArray[Any]:
    from astropy.io import fits

    kind = fits.PrimaryHDU if unit.header.cards[0].key == "SIMPLE" else fits.ImageHDU
    with _told(unit.header, "BITPIX"):
        return _native(kind.fromstring(raw, ignore_blank=ignore_blank).data, unit.shape)


def table(unit: Unit, raw: bytes, max_bytes: int) -> NDArray[Any]:
    """Return a tile-compressed image decompressed, or the records of a table as they are stored.

    Columns of variable length stay pairs (count, offset) into the heap.

    Raises
    ------
    DataError
        If a column's form cannot be read, the columns do not fill the row, or a descriptor leaves the heap.
    """
    from astropy.io import fits

    with _told(unit.header, "TFORM1"):
        columns = _named(fits.BinTableHDU.fromstring(raw).columns)
        dtype = columns.dtype.newbyteorder(">")
    if dtype.itemsize != unit.shape[1]:
        what = f"{unit.shape[1]} bytes a row, the columns fill {dtype.itemsize}"
        raise unit.header.error("NAXIS1", what, FETCH)
    records = np.ndarray(unit.shape[0], dtype, raw, unit.start - unit.header_start)
    _check_heap(unit, columns, records)
    if unit.header.flag("ZIMAGE", False):
        return _decompressed(unit, raw, max_bytes)
    return records.astype(dtype.newbyteorder("="))


def _named(columns: Any) -> Any:
    """Give a name to columns without one, and another to those that share one."""
    names = [column.name for column in columns]
    for i, column in enumerate(columns):
        if not names[i] or names[i] in names[:i]:
            column.name = f"{names[i]}_{i + 1}" if names[i] else f"col{i + 1}"
    return columns


def _check_heap(unit: Unit, columns: Any, records: NDArray[Any]) -> None:
    """Refuse descriptors that point outside the heap, before anybody follows them."""
    size = unit.shape[0] * unit.shape[1]
    heap = unit.size - unit.header.integer("THEAP", size, least=size)
    for i, column in enumerate(columns):
        form = _VARIABLE.match(column.format)
        if form and _outside(records[column.name], _ELEMENT.get(form[1], 1), heap):
            raise unit.header.error(f"TFORM{i + 1}", "a descriptor points outside the heap", FETCH)


def _outside(pairs: NDArray[Any], element: int, heap: int) -> bool:
    return any(n < 0 or at < 0 or at + n * element > heap for n, at in pairs.reshape(-1, 2).tolist())


def _decompressed(unit: Unit, raw: bytes, max_bytes: int) -> NDArray[Any]:
    from astropy.io import fits

    shape = _compressed(unit.header, max_bytes)
    with _told(unit.header, "ZIMAGE"):
        return _native(fits.CompImageHDU(bintable=fits.BinTableHDU.fromstring(raw)).data, shape)


def _compressed(header: Header, max_bytes: int) -> tuple[int, ...]:
    """Return the shape that a tile-compressed image claims, refusing one of more than `max_bytes`."""
    axes = header.integer("ZNAXIS", least=1, most=MOST_AXES)
    shape = tuple(header.integer(f"ZNAXIS{axes - i}", least=1) for i in range(axes))
    size = abs(header.integer("ZBITPIX")) // 8 * math.prod(shape)
    if header.integer("ZBITPIX") not in BITPIX or size > max_bytes:
        what = f"a compressed image claims {size} bytes, more than max_bytes={max_bytes}"
        raise header.error("ZNAXIS", what, "raise it to read")
    return shape


def _native(data: NDArray[Any], shape: tuple[int, ...]) -> NDArray[Any]:
    """Return pixels that can be written to, in the byte order of this machine."""
    if data.shape != shape:
        raise ValueError(f"the header claims {shape}, the pixels are {data.shape}")
    return data.astype(data.dtype.newbyteorder("="), copy=not data.flags.writeable)


@contextmanager
def _told(header: Header, key: str) -> Iterator[None]:
    """Turn whatever a decoder of hostile bytes throws into one line."""
    try:
        with quiet():
            yield
    except Exception as problem:  # noqa: BLE001 - whatever it is
        what = f"cannot be decoded ({type(problem).__name__}: {shown(problem)})"
        raise header.error(key, what, FETCH) from None
