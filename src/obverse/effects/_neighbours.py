"""Flags that spread: to the pixels around, and up the ramp to its end."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["grown", "touched", "until_the_end"]

Mask = NDArray[np.bool_]


def grown(where: Mask, n: int) -> Mask:
    """Return `where` (..., row, column) grown to boxes of 2n + 1 pixels, cut at the edges.

    Examples
    --------
    >>> grown(np.array([[True, False, False]]), 1)
    array([[ True,  True, False]])
    """
    return _smeared(_smeared(where, n, -2), n, -1) if n else where  # a box is a line of lines


def touched(where: Mask) -> Mask:
    """Return `where` (..., row, column) with the four nearest neighbours of each pixel.

    Examples
    --------
    >>> touched(np.array([[True, False], [False, False]]))
    array([[ True,  True],
           [ True, False]])
    """
    return _smeared(where, 1, -2) | _smeared(where, 1, -1)


def until_the_end(where: Mask, axes: tuple[str, ...]) -> Mask:
    """Return `where` with all that follows in the same ramp; an image has no end but itself."""
    if "resultant" not in axes:
        return where
    return np.logical_or.accumulate(where, axis=axes.index("resultant"))


def _smeared(where: Mask, n: int, axis: int) -> Mask:
    out = where.copy()
    along, given = np.moveaxis(out, axis, 0), np.moveaxis(where, axis, 0)
    for step in range(1, n + 1):
        along[step:] |= given[:-step]
        along[:-step] |= given[step:]
    return out
