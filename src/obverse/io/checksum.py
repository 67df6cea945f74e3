"""The two checksums of FITS: the sum of the data (DATASUM) and of the whole unit (CHECKSUM).

Reference: FITS standard 4.0, appendix J (Seaman, Pence and Rots 2012).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["BLANK", "encode", "fold", "ones_sum"]

BLANK = "0" * 16
_ONES = 0xFFFFFFFF
_WORDS = 1 << 16  # so many words at a time stay in the cache, and their halves add up without overflow
_PUNCTUATION = frozenset(range(0x3A, 0x41)) | frozenset(range(0x5B, 0x61))


def ones_sum(data: NDArray[np.uint8]) -> int:
    """Add big-endian 32-bit words in ones' complement; the end is padded with zeros.

    Examples
    --------
    >>> ones_sum(np.array([0, 0, 0, 1, 0, 0, 0, 2], np.uint8))
    3
    """
    whole = len(data) // 4 * 4
    words = data[:whole].view(">u4")
    total = sum(_block_sum(words[i : i + _WORDS]) for i in range(0, len(words), _WORDS))
    return fold(total + int.from_bytes(data[whole:].tobytes().ljust(4, b"\0"), "big"))


def _block_sum(words: NDArray[np.uint32]) -> int:
    native = words.astype(np.uint32)
    low = int((native & np.uint32(0xFFFF)).sum(dtype=np.uint32))
    return low + (int((native >> np.uint32(16)).sum(dtype=np.uint32)) << 16)


def fold(total: int) -> int:
    """Carry what overflows 32 bits back in at the bottom."""
    while total > _ONES:
        total = (total & _ONES) + (total >> 32)
    return total


def encode(total: int) -> str:
    """Write the complement of a sum as the 16 letters and digits that bring the unit's sum to all ones."""
    columns = [_column(byte) for byte in (~total & _ONES).to_bytes(4, "big")]
    text = "".join(chr(columns[i][j]) for j in range(4) for i in range(4))
    return text[-1] + text[:-1]


def _column(byte: int) -> list[int]:
    """Split a byte into four characters that add up to it, none of them punctuation."""
    quarter, rest = divmod(byte, 4)
    column = [quarter + rest + 0x30, quarter + 0x30, quarter + 0x30, quarter + 0x30]
    while _PUNCTUATION & set(column):
        for j in (0, 2):
            if _PUNCTUATION & {column[j], column[j + 1]}:
                column[j] += 1
                column[j + 1] -= 1
    return column
