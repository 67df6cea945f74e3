"""Lanes: a few hundred neighbouring pixels, worked on together in contiguous scratch.

Loops over groups stand outside and loops over lanes inside, where LLVM vectorises. Pixels that need more work than
their neighbours are gathered into a list, and the list is cut into lanes again.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from obverse.kernels._jit import jit

__all__ = ["LANES", "aligned", "put_list", "take_list", "take_plane", "take_run"]

Array = NDArray[Any]

LANES = 512  # fewer spend their time between the loops; more leave the second-level cache with many groups


@jit
def aligned(rows: int, length: int, dtype: Any) -> Array:
    """Zeros that begin with a cache line; vectors that straddle two cost a quarter of the time of a fit."""
    made = np.zeros(rows * length + 64, dtype)
    skip = (64 - made.ctypes.data % 64) // made.itemsize
    return made[skip : skip + rows * length].reshape(rows, length)


@jit
def take_run(values: Array, here: Array, n: int) -> None:
    for j in range(n):
        here[j] = values[j]


@jit
def take_list(values: Array, columns: Array, n: int, here: Array) -> None:
    for j in range(n):
        here[j] = values[columns[j]]


@jit
def take_plane(plane: Array, row: int, columns: Array, n: int, lane: Array, field: int) -> None:
    """Copy one value a pixel; a plane of length 1 along an axis serves every row or column."""
    source = plane[row if plane.shape[0] > 1 else 0]
    if source.shape[0] == 1:
        lane[field : field + n] = source[0]
    elif columns[n - 1] - columns[0] == n - 1:
        take_run(source[columns[0] : columns[0] + n], lane[field : field + n], n)
    else:
        take_list(source, columns, n, lane[field : field + n])


@jit
def put_list(values: Array, columns: Array, target: Array, n: int) -> None:
    for j in range(n):
        target[columns[j]] = values[j]
