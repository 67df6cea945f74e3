"""Running means and scatters of a stack of frames, a frame at a time (Welford's recursion).

Symbols: `n` frames counted so far, `mean` their mean, `squares` the sum of squared deviations from it. Nothing is
summed that could cancel, so that frames without noise give their value exactly, whatever its size.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from obverse.kernels._jit import jit

__all__ = ["add_rows", "pool_rows"]

Array = NDArray[Any]


@jit
def add_rows(
    data: Array, marks: Array, n: Array, mean: Array, squares: Array, seen: Array, start: int, stop: int
) -> None:
    """Add the rows from `start` to `stop` of one frame.

    Parameters
    ----------
    data
        (row, column); a value that is no number does not count.
    marks
        (row, column) uint32; any bit takes the pixel out of this frame.
    n, mean, squares
        (row, column), int and float64: what is known of the frames before, updated.
    seen
        (row, column) uint32, gets the bits of `marks`, and 1 for what is no number.
    """
    for r in range(start, stop):
        for c in range(data.shape[1]):
            x = float(data[r, c])
            is_number = x - x == 0.0
            good = is_number and marks[r, c] == 0
            count = n[r, c] + (1 if good else 0)
            delta = x - mean[r, c] if good else 0.0
            step = delta / max(count, 1)
            n[r, c] = count
            mean[r, c] += step
            squares[r, c] += delta * (delta - step)
            seen[r, c] |= marks[r, c] | (np.uint32(0) if is_number else np.uint32(1))


@jit
def pool_rows(squares: Array, n: Array, labels: Array, sums: Array, start: int, stop: int) -> None:
    """Sum the scatter over the pixels of each label, a row at a time.

    Parameters
    ----------
    squares, n
        As in `add_rows`.
    labels
        (row, column) uint8.
    sums
        (row, label, 2), gets sum of `squares` and of n - 1 over the pixels with two frames or more.
    """
    for r in range(start, stop):
        for c in range(n.shape[1]):
            if n[r, c] > 1:
                sums[r, labels[r, c], 0] += squares[r, c]
                sums[r, labels[r, c], 1] += n[r, c] - 1
