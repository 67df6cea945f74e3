"""Errors of measured parameters without a noise model: leave out one block of rows at a time."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from obverse.errors import UsageError
from obverse.tiles import QUANTUM

__all__ = ["block_sums", "jackknife"]


def block_sums(pixels: NDArray[Any]) -> NDArray[np.float64]:
    """Sum (..., row, column) over columns and blocks of 16 rows: (block, ...); NaN counts as nothing.

    Examples
    --------
    >>> block_sums(np.ones((40, 2)))
    array([32., 32., 16.])
    """
    rows = np.nansum(pixels, axis=-1, dtype=np.float64)
    starts = np.arange(0, rows.shape[-1], QUANTUM)
    return np.moveaxis(np.add.reduceat(rows, starts, axis=-1), -1, 0)


def jackknife(
    sums: NDArray[np.float64], statistic: Callable[[NDArray[np.float64]], NDArray[np.float64]]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    r"""Return a statistic of totals, and its covariance by the delete-one jackknife.

    .. math:: C = \frac{B-1}{B} \sum_b (\theta_b - \bar\theta)(\theta_b - \bar\theta)^T

    Parameters
    ----------
    sums
        Sums over each of B blocks, (block, ...).
    statistic
        Takes totals (...) and returns k values, (k, ...).

    Returns
    -------
    value, covariance
        (k, ...) and (k, k, ...).

    Raises
    ------
    UsageError
        With fewer than three blocks (48 rows) nothing can be said about the error.

    Notes
    -----
    Reference: Efron & Tibshirani 1993, An Introduction to the Bootstrap, ch. 11.

    Examples
    --------
    >>> value, covariance = jackknife(np.array([[1.0], [2.0], [3.0]]), lambda total: total / 3)
    >>> value, covariance.round(3)
    (array([2.]), array([[0.148]]))
    """
    n = len(sums)
    if n < 3:
        raise UsageError(f"{n} blocks of {QUANTUM} rows say nothing about an error, 3 are the least")
    total = sums.sum(axis=0)
    left_out = np.stack([statistic(total - block) for block in sums])
    deviation = left_out - left_out.mean(axis=0)
    covariance = (n - 1) / n * np.einsum("bi...,bj...->ij...", deviation, deviation)
    return statistic(total), covariance
