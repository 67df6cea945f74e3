"""Light that falls while rows are clocked out: added to columns and taken out again, one pass over the rows."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from obverse.kernels._jit import jit

__all__ = ["add_smear", "take_out_smear", "variance_without_smear"]

Array = NDArray[Any]


@jit
def add_smear(image: Array, q: float) -> None:
    """Add to each pixel of `image` (row, column) q times the sum of its column up to it; rows in read-out order."""
    rows, columns = image.shape
    passed = np.zeros(columns)
    for i in range(rows):
        for j in range(columns):
            passed[j] += q * image[i, j]
            image[i, j] += passed[j]


@jit
def take_out_smear(image: Array, smears: Array, q: float) -> None:
    """Undo `add_smear`; pixels that `smears` (row, column) does not mark count as their neighbours in the row do."""
    rows, columns = image.shape
    passed, row = np.zeros(columns), np.zeros(columns)
    for i in range(rows):
        for j in range(columns):
            row[j] = image[i, j]
        _fill(row, smears[i], passed)
        for j in range(columns):
            passed[j] = (passed[j] + q * row[j]) / (1.0 + q)
            image[i, j] -= passed[j]


@jit
def _fill(row: Array, good: Array, passed: Array) -> None:
    """Exchange bad values for the mean of the nearest good ones at both sides; smear alone where there is none."""
    last, columns = -1, row.shape[0]
    j = 0
    while j < columns:
        if good[j]:
            last = j
            j += 1
            continue
        following = j
        while following < columns and not good[following]:
            following += 1
        for k in range(j, following):
            if last < 0 and following == columns:
                row[k] = passed[k]  # as if no light had fallen there
            elif last < 0:
                row[k] = row[following]
            elif following == columns:
                row[k] = row[last]
            else:
                row[k] = 0.5 * (row[last] + row[following])
        j = following


@jit
def variance_without_smear(variance: Array, smears: Array, q: float) -> None:
    """Turn the variance of independent pixels (row, column) into that behind `take_out_smear`."""
    rows, columns = variance.shape
    passed, shrunk = np.zeros(columns), 1.0 / (1.0 + q) ** 2
    for i in range(rows):
        for j in range(columns):
            own = variance[i, j]
            variance[i, j] = shrunk * (own + passed[j])
            passed[j] = shrunk * (passed[j] + (q * q * own if smears[i, j] else 0.0))
