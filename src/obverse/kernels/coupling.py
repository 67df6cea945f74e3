"""What each pixel gets from its eight neighbours, as direct sums: no transform, so bits stay local."""

from __future__ import annotations

from typing import Any

from numpy.typing import NDArray

from obverse.kernels._jit import jit

__all__ = ["add_coupled"]

Array = NDArray[Any]


@jit
def add_coupled(image: Array, weights: Array, both: Array, out: Array) -> None:
    """Add to `out` what neighbours give to the pixels of `image` (row, column), the weight times the difference.

    `weights` (3, 3) has the type of the pixels; `both` (row, column) is 1 where a pixel takes part, 0 where not, or
    (1, 1) where all do.
    """
    rows, columns = image.shape
    all_take_part = both.size == 1
    for i in range(rows):
        for k in range(9):
            di, dj = k // 3 - 1, k % 3 - 1
            if k == 4 or weights[k // 3, k % 3] == 0.0 or not 0 <= i + di < rows:
                continue
            first, last = max(0, -dj), columns - max(0, dj)
            here, there = image[i, first:last], image[i + di, first + dj : last + dj]
            if all_take_part:
                _add(here, there, weights[k // 3, k % 3], out[i, first:last])
            else:
                mine, theirs = both[i, first:last], both[i + di, first + dj : last + dj]
                _add_masked(here, there, mine, theirs, weights[k // 3, k % 3], out[i, first:last])


@jit
def _add(here: Array, there: Array, weight: Any, out: Array) -> None:
    for j in range(out.shape[0]):
        out[j] += weight * (there[j] - here[j])


@jit
def _add_masked(here: Array, there: Array, mine: Array, theirs: Array, weight: Any, out: Array) -> None:
    for j in range(out.shape[0]):
        out[j] += weight * (there[j] - here[j]) * (mine[j] * theirs[j])
