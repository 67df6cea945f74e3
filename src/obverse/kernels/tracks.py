"""Straight tracks through a grid of pixels, and the electrons that they leave in each."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from obverse.kernels._binomial import poisson
from obverse.kernels._jit import jit

__all__ = ["tracks"]

Array = NDArray[Any]


@jit
def tracks(start: Array, step: Array, electrons: Array, rows: int, columns: int, state: Array) -> tuple[Array, Array]:
    """Return the pixels that tracks cross, counted along the rows, and Poisson numbers of electrons in each.

    `start` and `step` are (track, 2) rows and columns [pixel], pixel (0, 0) from 0 to 1; `electrons` (track,) are
    shared out by the part of its length that a track has in a pixel. What falls beside the sensor is lost.
    """
    most = 0
    for i in range(step.shape[0]):
        most += int(abs(step[i, 0])) + int(abs(step[i, 1])) + 3
    pixel, charge = np.empty(most, np.int64), np.empty(most, np.float32)
    n = 0
    for i in range(step.shape[0]):
        done = 0.0
        while done < 1.0:
            end = min(_next(start[i, 0], step[i, 0], done), _next(start[i, 1], step[i, 1], done))
            middle = 0.5 * (done + end)
            row = math.floor(start[i, 0] + step[i, 0] * middle)
            column = math.floor(start[i, 1] + step[i, 1] * middle)
            if 0 <= row < rows and 0 <= column < columns:
                pixel[n] = row * columns + column
                charge[n] = poisson(electrons[i] * (end - done), state)
                n += 1
            done = end
    return pixel[:n], charge[:n]


@jit
def _next(x: float, dx: float, done: float) -> float:
    """Return the fraction of the track at which it meets its next line of the grid, 1 at its end."""
    if dx == 0.0:
        return 1.0
    line = math.floor(x + dx * done) + 1.0 if dx > 0.0 else math.ceil(x + dx * done) - 1.0
    found = (line - x) / dx
    while found <= done:  # rounding has put us on that line already
        line += 1.0 if dx > 0.0 else -1.0
        found = (line - x) / dx
    return min(found, 1.0)
