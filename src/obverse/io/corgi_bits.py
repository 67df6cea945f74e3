"""The data quality bits of Roman's coronagraph, translated to ours and back.

Bits 1 to 256 go in and come out again as they were; 16 means nothing, and others are nobody's: they travel aside.

Reference: corgidrp 5.1.1, data quality definitions.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from obverse.flags import Flag

__all__ = ["OTHER_BITS", "READ_BITS", "PIXEL_BITS", "flags_of", "from_corgi", "other_bits", "to_corgi"]

READ_BITS: Mapping[int, Flag] = MappingProxyType(
    {
        1: Flag.DO_NOT_USE,  # bad for a reason that is not told
        2: Flag.DROPOUT,  # the value was replaced
        32: Flag.SATURATED,  # full well
        128: Flag.JUMP_DET,  # cosmic ray, its tail included
    }
)
"""Bits that belong to this exposure of a pixel."""

PIXEL_BITS: Mapping[int, Flag] = MappingProxyType(
    {
        4: Flag.DEAD | Flag.DO_NOT_USE,  # bad
        8: Flag.HOT,
        64: Flag.NONLINEAR,  # above the range in which the nonlinearity is known
        256: Flag.UNRELIABLE_SLOPE,  # too bright for counting photons
    }
)
"""Bits that belong to a pixel."""

_KNOWN = sum(READ_BITS) | sum(PIXEL_BITS)
_BITS = 9  # of a plane that tables can be made for

OTHER_BITS = "OBV_OTHER_DQ"
"""Name under which quality bits without a flag of ours travel from a file to its products."""

_OUT_ONLY: Mapping[int, Flag] = MappingProxyType(
    {
        1: Flag.AD_FLOOR | Flag.CHARGELOSS | Flag.PERSISTENCE | Flag.LOW_QE | Flag.TELEGRAPH | Flag.BAD_REF_PIXEL
        | Flag.OTHER_BAD_PIXEL | Flag.UNRELIABLE_BIAS | Flag.UNRELIABLE_DARK | Flag.UNRELIABLE_FLAT
        | Flag.NO_GAIN_VALUE | Flag.NO_FLAT_FIELD,
        8: Flag.WARM,
    }
)  # fmt: skip
"""Flags of ours for which the pipeline has no bit of their own, and the bit that says enough of them."""


def from_corgi(dq: NDArray[Any]) -> tuple[NDArray[np.uint8] | None, NDArray[np.uint32] | None]:
    """Translate a plane or a cube of bits to flags of its elements and of its pixels; None where there are none.

    Parameters
    ----------
    dq
        Quality bits (row, column), or (integration, row, column), of any integer type.

    Examples
    --------
    >>> flags, pixel_flags = from_corgi(np.array([[128, 8]], "u2"))
    >>> flags, pixel_flags == Flag.HOT
    (array([[4, 0]], dtype=uint8), array([[False,  True]]))
    """
    present = int(np.bitwise_or.reduce(dq, axis=None))
    flags = _spread(dq, READ_BITS, "u1") if present & sum(READ_BITS) else None
    pixels = _spread(dq, PIXEL_BITS, "u4") if present & sum(PIXEL_BITS) else None
    if pixels is not None and pixels.ndim > 2:
        pixels = np.bitwise_or.reduce(pixels, axis=0)
    return flags, pixels


def flags_of(dq: NDArray[Any]) -> NDArray[np.uint32]:
    """Translate a plane of bits to flags of pixels, those of an exposure among them."""
    made = np.zeros(dq.shape, np.uint32)
    for plane in from_corgi(dq):
        made |= 0 if plane is None else plane
    return made


def _spread(dq: NDArray[Any], bits: Mapping[int, Flag], dtype: str) -> NDArray[Any]:
    """Return the flags of all elements; few have any, so that only those are looked up."""
    made = np.zeros(dq.shape, dtype)
    marked = np.flatnonzero(dq)
    made.ravel()[marked] = _table(tuple(bits.items()), dtype)[dq.ravel()[marked].astype(np.intp) & ((1 << _BITS) - 1)]
    return made


def other_bits(dq: NDArray[Any]) -> NDArray[np.uint32] | None:
    """Return the bits that no flag of ours stands for; None where there are none.

    Examples
    --------
    >>> other_bits(np.array([[16 | 8, 8]], "u2"))
    array([[16,  0]], dtype=uint32)
    """
    if not int(np.bitwise_or.reduce(dq, axis=None)) & ~_KNOWN:
        return None
    return dq.astype(np.uint32) & np.uint32(~_KNOWN & 0xFFFFFFFF)


def to_corgi(
    shape: tuple[int, ...], flags: NDArray[np.uint8] | None, pixel_flags: NDArray[np.uint32] | None
) -> NDArray[np.uint16]:
    """Translate our flags to quality bits of the `shape` of the data.

    Flags without a bit of their own become 1 (bad for a reason that is not told), or 8 if they are warm; those that
    only say what was not known, or where a pixel is, have none.

    Examples
    --------
    >>> to_corgi((1, 2), np.array([[6, 0]], "u1"), np.array([[0, 4096]], "u4"))
    array([[160,   8]], dtype=uint16)
    """
    made = np.zeros(shape, np.uint16)
    if flags is not None and flags.any():
        made |= _outward(flags.astype(np.uint32), READ_BITS)
    if pixel_flags is not None and pixel_flags.any():
        made |= _outward(pixel_flags, {**READ_BITS, **PIXEL_BITS})
    return made


def _outward(flags: NDArray[np.uint32], bits: Mapping[int, Flag]) -> NDArray[np.uint16]:
    made = np.zeros(flags.shape, np.uint16)
    for bit, flag in bits.items():
        made[(flags & flag) == flag] |= np.uint16(bit)
    if 4 in bits:  # a dead pixel is one that is not to be used: no second bit for that
        made[(flags & Flag.DEAD) != 0] = made[(flags & Flag.DEAD) != 0] & np.uint16(~1 & 0xFFFF) | np.uint16(4)
    for bit, flag in _OUT_ONLY.items():
        made[(flags & flag) != 0] |= np.uint16(bit)
    return made


@cache
def _table(bits: tuple[tuple[int, Flag], ...], dtype: str) -> NDArray[Any]:
    """Return the flags for every sum of the known bits."""
    index = np.arange(1 << _BITS)
    table = np.zeros(index.shape, dtype)
    for bit, flag in bits:
        table[(index & bit) != 0] |= table.dtype.type(flag)
    return table
