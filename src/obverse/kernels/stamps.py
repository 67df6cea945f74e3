"""Stars from stamps that are tabulated at phases of the pixel, any number of them, into one strip of rows.

A star at x = n + f, n the nearest pixel, has its stamp between those of the four nearest phases along each axis,

    stamp(f) = sum_ab w_a(f_row) w_b(f_column) table[i + a, j + b],        f = (i + t) / K - 1/2,

with the weights w of cubic interpolation between equal steps. They reproduce every cubic, so that the sum, the
centroid and the second moments of the tabulated stamps carry over to all phases.
"""

from __future__ import annotations

from math import floor
from typing import Any

import numpy as np
from numpy.typing import NDArray

from obverse.kernels._jit import jit

__all__ = ["add_stars"]

Array = NDArray[Any]


@jit
def _cubic(t: float, weights: Array) -> None:
    """Lagrange's weights of values at -1, 0, 1 and 2 for the place t in [0, 1]."""
    weights[0] = -t * (t - 1.0) * (t - 2.0) / 6.0
    weights[1] = (t + 1.0) * (t - 1.0) * (t - 2.0) / 2.0
    weights[2] = -(t + 1.0) * t * (t - 2.0) / 2.0
    weights[3] = (t + 1.0) * t * (t - 1.0) / 6.0


@jit
def _phase(x: float, phases: int, weights: Array) -> tuple[int, int]:
    """Return the nearest pixel and the first of four phases; fill in their weights."""
    nearest = floor(x + 0.5)
    u = (x - nearest + 0.5) * phases
    first = min(int(u), phases - 1)
    _cubic(u - first, weights)
    return int(nearest), first


@jit
def _mix(stamp: Array, one: Array, two: Array, three: Array, four: Array, weights: Array, scale: float) -> None:
    """Add a stamp from its four phases along columns."""
    a, b, c, d = scale * weights[0], scale * weights[1], scale * weights[2], scale * weights[3]
    for k in range(stamp.size):
        stamp[k] += a * one[k] + b * two[k] + c * three[k] + d * four[k]


@jit
def _put(image: Array, top: int, bottom: int, stamp: Array, size: int, row: int, column: int) -> None:
    """Add what of a stamp falls into the strip; (row, column) is its first pixel on the image."""
    start, stop = max(0, -column), min(size, image.shape[1] - column)
    for r in range(max(top - row, 0), min(bottom - row, size)):
        out = image[row + r]
        for k in range(start, stop):
            out[column + k] += stamp[r * size + k]


@jit
def add_stars(
    image: Array, top: int, bottom: int, rows: Array, columns: Array, fluxes: Array, table: Array, phases: int
) -> None:
    """Add stars to rows `top` to `bottom` of an image, in the order in which they are given.

    Parameters
    ----------
    image
        (row, column), added to in place.
    top, bottom
        First row and the one behind the last; other rows are not touched.
    rows, columns, fluxes
        Of each star.
    table
        Square stamps (row phase, column phase, pixel), their rows one behind the other, with phase j for a star at
        (j - 1) / phases - 1/2 from the middle of the central pixel; ``phases + 3`` of them along each axis.
    phases
        Steps to a pixel.

    Examples
    --------
    >>> image, one = np.zeros((3, 3)), np.ones(1)
    >>> add_stars(image, 0, 3, one, one, 5 * one, np.ones((11, 11, 1)), 8)
    >>> float(image[1, 1]), float(image.sum())
    (5.0, 5.0)
    """
    stamp = np.empty(table.shape[2])
    size = int(np.sqrt(stamp.size) + 0.5)
    half = size // 2
    along, across = np.empty(4), np.empty(4)
    for star in range(rows.size):
        row, i = _phase(rows[star], phases, along)
        column, j = _phase(columns[star], phases, across)
        if row - half >= bottom or row + half < top or column - half >= image.shape[1] or column + half < 0:
            continue
        stamp[:] = 0.0
        for a in range(4):
            lines = table[i + a]
            _mix(stamp, lines[j], lines[j + 1], lines[j + 2], lines[j + 3], across, fluxes[star] * along[a])
        _put(image, top, bottom, stamp, size, row - half, column - half)
