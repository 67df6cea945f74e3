"""Runs of full pixels in rows."""

from __future__ import annotations

from typing import Any

from numpy.typing import NDArray

from obverse.kernels._jit import jit

__all__ = ["mark_runs", "plateaus"]

Array = NDArray[Any]


@jit
def plateaus(image: Array, full: Array, edge: Array, width: int, found: Array) -> int:
    """List the plateaus of each row, in order, and return how many there are.

    Parameters
    ----------
    image
        (row, column).
    full, edge
        Value of a full pixel and that at which a plateau ends, the shape of the image.
    width
        Pixels around one of which half must be full, more than half where it is odd.
    found
        Takes row, first and last column, as far as it reaches (plateau, 3).
    """
    rows, columns = image.shape
    n = 0
    for i in range(rows):
        if not _any_full(image[i], full[i]):
            continue
        last = -1
        for j in range(columns):
            if j <= last or not image[i, j] >= edge[i, j] or not _half_full(image[i], full[i], j, width):
                continue
            first, last = j, j
            while first > 0 and image[i, first - 1] >= edge[i, first - 1]:
                first -= 1
            while last < columns - 1 and image[i, last + 1] >= edge[i, last + 1]:
                last += 1
            if n < found.shape[0]:
                found[n, 0], found[n, 1], found[n, 2] = i, first, last
            n += 1
    return n


@jit
def _any_full(row: Array, full: Array) -> bool:
    bright = False
    for j in range(row.shape[0]):
        bright |= row[j] >= full[j]
    return bright


@jit
def _half_full(row: Array, full: Array, j: int, width: int) -> bool:
    start = j - width // 2
    hits = 0
    for k in range(max(start, 0), min(start + width, row.shape[0])):
        hits += row[k] >= full[k]
    return hits >= width - width // 2


@jit
def mark_runs(mask: Array, begin: Array, end: Array) -> None:
    """Set the pixels (pixel,) of runs, half-open, as far as there are pixels."""
    for k in range(begin.shape[0]):
        for n in range(max(begin[k], 0), min(end[k], mask.shape[0])):
            mask[n] = True
