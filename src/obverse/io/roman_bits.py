"""The data quality bits of Roman, translated to ours and back.

Reference: roman_datamodels 1.1, dqflags (bits 0 to 3, 5, 6, 9 to 25, 30 and 31 are ours too).
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from obverse.flags import Flag

__all__ = ["from_roman", "from_roman_reads", "to_roman"]

_READS: Mapping[int, Flag] = {
    16: Flag.DO_NOT_USE,  # no bit of a resultant: what it means here nobody says
    128: Flag.DO_NOT_USE,  # WFI18_TRANSIENT: the anomaly of one detector's first read, which we do not correct
}
_PIXELS: Mapping[int, Flag] = {
    16: Flag.OTHER_BAD_PIXEL,  # GW_AFFECTED_DATA: read while a guide window was
    128: Flag.OTHER_BAD_PIXEL,  # OUTLIER: against other exposures
    256: Flag.UNRELIABLE_SLOPE,  # UNRELIABLE_ERROR
    1 << 28: Flag.OTHER_BAD_PIXEL,  # UNRELIABLE_RESET
}
_RESERVED = 1 << 14 | 1 << 26 | 1 << 27 | 1 << 29
_OUTWARDS: Mapping[int, Flag] = {
    int(Flag.CHARGELOSS): Flag.OTHER_BAD_PIXEL,  # Roman has none; its bit 128 means an outlier
}


def from_roman(dq: NDArray[np.uint32]) -> NDArray[np.uint32]:
    """Translate the bits of pixels, (row, column).

    Examples
    --------
    >>> from_roman(np.array([[16, 1024]], "u4")) == [[int(Flag.OTHER_BAD_PIXEL), int(Flag.DEAD)]]
    array([[ True,  True]])
    """
    return _translated(dq.astype(np.uint32), _PIXELS, _RESERVED)


def from_roman_reads(dq: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Translate the bits of resultants, (resultant, row, column)."""
    return _translated(dq.astype(np.uint32), _READS, 0).astype(np.uint8)


def to_roman(flags: NDArray[np.uint32]) -> NDArray[np.uint32]:
    """Translate our flags of pixels to the bits of Roman.

    Examples
    --------
    >>> to_roman(np.array([[6, 128]], "u4"))
    array([[         6, 1073741824]], dtype=uint32)
    """
    return _translated(flags.astype(np.uint32), _OUTWARDS, 0)


def _translated(bits: NDArray[np.uint32], table: Mapping[int, Flag], dropped: int) -> NDArray[np.uint32]:
    """Move the bits of the table to their new places; all others keep theirs."""
    made = bits & np.uint32(~(sum(table) | dropped) & 0xFFFFFFFF)
    for bit, flag in table.items():
        made[(bits & np.uint32(bit)) != 0] |= np.uint32(flag)
    return made
