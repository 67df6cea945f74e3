"""Polynomials with coefficients of each pixel, their inverse, and how flat they get.

`c` is (power, row, column), from the constant up. Powers stand in the outer loop and `LANES` neighbouring pixels in
the inner one, so that the coefficients of a lane stay in the first cache while all planes of the pixels pass by.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from obverse.kernels._jit import jit
from obverse.kernels._lanes import LANES

__all__ = ["evaluate", "flattest", "invert"]

Array = NDArray[Any]

_ROUNDS = 12
_NEAR = 1e-5
"""A step of Newton's that is so small leaves the square of it: less than a float32 can tell."""


@jit
def _polynomial(x: Array, c: Array, out: Array, n: int) -> None:
    powers = c.shape[0]
    last = c[powers - 1]
    for j in range(n):
        out[j] = last[j]
    for k in range(powers - 2, -1, -1):
        here = c[k]
        for j in range(n):
            out[j] = out[j] * x[j] + here[j]


@jit
def _slope(x: Array, c: Array, out: Array, n: int) -> None:
    powers = c.shape[0]
    last = c[powers - 1]
    for j in range(n):
        out[j] = (powers - 1) * last[j]
    for k in range(powers - 2, 0, -1):
        here = c[k]
        for j in range(n):
            out[j] = out[j] * x[j] + k * here[j]


@jit
def evaluate(values: Array, c: Array) -> None:
    """Replace values (plane, row, column) by their polynomial."""
    planes, rows, columns = values.shape
    x = np.empty(LANES, values.dtype)
    for row in range(rows):
        for start in range(0, columns, LANES):
            n = min(LANES, columns - start)
            lane = c[:, row, start : start + n]
            for k in range(planes):
                here = values[k, row, start : start + n]
                for j in range(n):
                    x[j] = here[j]
                _polynomial(x, lane, here, n)


@jit
def _step(x: Array, wanted: Array, height: Array, slope: Array, flat: float, n: int) -> int:
    """Make one step of Newton's in every lane, and count the lanes that are not there yet."""
    far = 0
    for j in range(n):
        steep = slope[j] if slope[j] > flat else flat
        step = (height[j] - wanted[j]) / steep
        x[j] -= step
        far += abs(step) > _NEAR * (abs(x[j]) + 1.0)
    return far


@jit
def invert(values: Array, c: Array, limit: Array, flat: float) -> None:
    """Replace values (plane, row, column), at most `limit` (row, column), by what the polynomial takes to them.

    Newton's method in double precision, from the straight line; nowhere with a slope of less than `flat`.
    """
    planes, rows, columns = values.shape
    wide = np.empty((c.shape[0], LANES))
    wanted, x, height, slope = np.empty(LANES), np.empty(LANES), np.empty(LANES), np.empty(LANES)
    for row in range(rows):
        for start in range(0, columns, LANES):
            n = min(LANES, columns - start)
            for p in range(c.shape[0]):
                for j in range(n):
                    wide[p, j] = c[p, row, start + j]
            top = limit[row, start : start + n]
            for k in range(planes):
                here = values[k, row, start : start + n]
                for j in range(n):
                    wanted[j] = top[j] if here[j] > top[j] else here[j]
                    x[j] = (wanted[j] - wide[0, j]) / wide[1, j]
                for _ in range(_ROUNDS):
                    _polynomial(x, wide, height, n)
                    _slope(x, wide, slope, n)
                    if _step(x, wanted, height, slope, flat, n) == 0:
                        break
                for j in range(n):
                    here[j] = x[j]


@jit
def flattest(c: Array, top: Array, points: int) -> Array:
    """Return the least slope of each polynomial from zero to `top` (row, column), tried at some points."""
    _, rows, columns = c.shape
    least = np.full((rows, columns), np.inf)
    wide = np.empty((c.shape[0], LANES))
    x, slope = np.empty(LANES), np.empty(LANES)
    for row in range(rows):
        for start in range(0, columns, LANES):
            n = min(LANES, columns - start)
            for p in range(c.shape[0]):
                for j in range(n):
                    wide[p, j] = c[p, row, start + j]
            here = least[row, start : start + n]
            for i in range(points):
                for j in range(n):
                    x[j] = top[row, start + j] * i / (points - 1)
                _slope(x, wide, slope, n)
                for j in range(n):
                    here[j] = slope[j] if slope[j] < here[j] else here[j]
    return least
