"""Image bytes to numbers in native order, and back; the one place that knows BZERO, BSCALE and BLANK."""

from __future__ import annotations

import sys
import warnings
from typing import Any

import numpy as np
from numpy.typing import NDArray

from obverse.errors import ObverseWarning, UsageError
from obverse.io.cards import Card
from obverse.io.header import Header

__all__ = ["TYPES", "decoded", "encoded"]

TYPES = {8: ">u1", 16: ">i2", 32: ">i4", 64: ">i8", -32: ">f4", -64: ">f8"}
_OFFSET = {8: -(1 << 7), 16: 1 << 15, 32: 1 << 31, 64: 1 << 63}  # BZERO of the types that FITS has not
_OTHER = {8: "i1", 16: "u2", 32: "u4", 64: "u8"}


def decoded(header: Header, raw: NDArray[np.uint8], shape: tuple[int, ...]) -> NDArray[Any]:
    """Turn the bytes of an image into pixels; `raw` is used up.

    BZERO of half the range makes the other integer types (uint16 for raw counts); any other BSCALE and BZERO,
    and BLANK, make floats, with NaN for blank pixels and a warning.
    """
    bits = header.integer("BITPIX")
    stored = native(raw.view(TYPES[bits]))
    zero, scale, blank = header.number("BZERO", 0), header.number("BSCALE", 1), header.integer("BLANK", None)
    empty = stored == blank if blank is not None and bits > 0 else None
    offset = bits > 0 and scale == 1 and zero == _OFFSET[bits]
    if offset:
        stored = _flipped(stored)
    elif (zero, scale) != (0, 1):
        stored = _scaled(stored, zero, scale, bits)
    if empty is not None and empty.any():
        stored = _blanked(header, stored, empty, bits)
    return stored.reshape(shape)


def encoded(data: NDArray[Any]) -> tuple[NDArray[np.uint8], int, list[Card]]:
    """Turn pixels into bytes; returns them with BITPIX and the cards that undo an offset.

    Raises
    ------
    UsageError
        If FITS has no such type of pixel.
    """
    kind = data.dtype.str[1:]
    bits = -8 * data.dtype.itemsize if data.dtype.kind == "f" else 8 * data.dtype.itemsize
    if bits not in TYPES or data.dtype.kind not in "iuf" or 0 in data.shape:
        raise UsageError(f"an array of {data.dtype} and shape {data.shape} cannot stand in FITS, convert it")
    other = bits > 0 and _OTHER[bits] == kind
    stored = _flipped(data.astype(kind)) if other else data
    raw = np.ascontiguousarray(stored.reshape(-1).astype(TYPES[bits])).view(np.uint8)
    return raw, bits, [Card("BSCALE", 1), Card("BZERO", _OFFSET[bits])] if other else []


def native(array: NDArray[Any]) -> NDArray[Any]:
    """Put an array of its own into the byte order of this machine, in place."""
    if array.dtype.itemsize == 1:
        return array.view(array.dtype.newbyteorder("="))
    if (array.dtype.byteorder == ">") == (sys.byteorder == "little"):
        return array.byteswap(inplace=True).view(array.dtype.newbyteorder("="))
    return array.view(array.dtype.newbyteorder("="))


def _flipped(array: NDArray[Any]) -> NDArray[Any]:
    """Turn the top bit in place: signed to unsigned or back, with no chance to wrap."""
    bits = 8 * array.dtype.itemsize
    unsigned = array.view(f"u{bits // 8}")
    np.bitwise_xor(unsigned, np.array(1 << (bits - 1), unsigned.dtype), out=unsigned)
    return unsigned.view(f"{'i' if array.dtype.kind == 'u' else 'u'}{bits // 8}")


def _scaled(stored: NDArray[Any], zero: float, scale: float, bits: int) -> NDArray[Any]:
    return (stored * np.float64(scale) + np.float64(zero)).astype(_float(bits))


def _blanked(header: Header, stored: NDArray[Any], empty: NDArray[np.bool_], bits: int) -> NDArray[Any]:
    what = f"{header.file}: {header.hdu}/BLANK: {int(empty.sum())} blank pixels, they are NaN now"
    warnings.warn(what, ObverseWarning, stacklevel=2)
    return np.where(empty, np.nan, stored).astype(_float(bits))


def _float(bits: int) -> type:
    return np.float32 if bits in (8, 16, -32) else np.float64
