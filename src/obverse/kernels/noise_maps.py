"""Least squares for three maps at once: y_i = F + g_i C + g_i t_i D in every pixel.

Symbols: `y` mean frame of a stack, `n` frames that count in it, `x` a row of the design (1, g, g t), `w` weight of the
stack, `beta` (F, C, D), `inverse` of the normal matrix sum w x x^T, in the order FF FC FD CC CD DD. Stacks are outside
and columns inside, so that the sums of a row of pixels are vectors.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from obverse.kernels._jit import jit

__all__ = ["FIELDS", "LOST", "fit_rows"]

Array = NDArray[Any]

FIELDS = 4
"""Sums over pixels for each stack and region: residuals, frames, squared studentised residuals, pixels."""

LOST = 1e-14
"""Determinant, in units of the diagonal's product, below which the stacks cannot tell the three apart."""

_CHI, _S2, _R2 = 0, 1, 2


@jit
def _weight(power: int, n: float, scale: float) -> float:
    if power == 0:
        return scale if n > 0 else 0.0
    return scale * n if power == 1 else scale * n * n


@jit
def _add_normal(
    y: Array, n: Array, labels: Array, table: Array, power: int, x: Array, sums: Array, used: Array
) -> None:
    """Add one stack to the normal equations of a row of pixels."""
    g, d = x[1], x[2]
    for j in range(y.shape[0]):
        w = _weight(power, float(n[j]), table[labels[j]])
        used[j] += 1.0 if w > 0 else 0.0
        sums[0, j] += w
        sums[1, j] += w * g
        sums[2, j] += w * d
        sums[3, j] += w * g * g
        sums[4, j] += w * g * d
        sums[5, j] += w * d * d


@jit
def _invert(sums: Array, used: Array, inverse: Array) -> None:
    """Invert the symmetric matrices of a row of pixels; NaN where fewer than four stacks or no three unknowns."""
    for j in range(used.shape[0]):
        a, b, c, d, e, f = sums[0, j], sums[1, j], sums[2, j], sums[3, j], sums[4, j], sums[5, j]
        ff, fc, fd = d * f - e * e, c * e - b * f, b * e - c * d
        determinant = a * ff + b * fc + c * fd
        known = used[j] > 3 and determinant > LOST * a * d * f
        scale = 1.0 / determinant if known else np.nan
        inverse[0, j] = ff * scale
        inverse[1, j] = fc * scale
        inverse[2, j] = fd * scale
        inverse[3, j] = (a * f - c * c) * scale
        inverse[4, j] = (b * c - a * e) * scale
        inverse[5, j] = (a * d - b * b) * scale


@jit
def _add_right(
    y: Array, n: Array, labels: Array, table: Array, power: int, x: Array, beta: Array, right: Array
) -> None:
    """Add one stack's residuals to the right-hand side."""
    g, d = x[1], x[2]
    for j in range(y.shape[0]):
        w = _weight(power, float(n[j]), table[labels[j]])
        r = w * (y[j] - beta[0, j] - g * beta[1, j] - d * beta[2, j])
        right[0, j] += r
        right[1, j] += r * g
        right[2, j] += r * d


@jit
def _step(inverse: Array, right: Array, beta: Array) -> None:
    for j in range(beta.shape[1]):
        p, q, s = right[0, j], right[1, j], right[2, j]
        beta[0, j] += inverse[0, j] * p + inverse[1, j] * q + inverse[2, j] * s
        beta[1, j] += inverse[1, j] * p + inverse[3, j] * q + inverse[4, j] * s
        beta[2, j] += inverse[2, j] * p + inverse[4, j] * q + inverse[5, j] * s


@jit
def _add_quality(
    y: Array, n: Array, labels: Array, table: Array, power: int, x: Array, beta: Array, mean: Array, sums: Array
) -> None:
    """Add one stack's squares: of weighted residuals, of residuals, and of the model about the mean of all stacks."""
    g, d = x[1], x[2]
    for j in range(y.shape[0]):
        w = _weight(power, float(n[j]), table[labels[j]])
        model = beta[0, j] + g * beta[1, j] + d * beta[2, j]
        r = y[j] - model if w > 0 else 0.0
        about = mean[j] - model if w > 0 else 0.0
        sums[0, j] += w * r * r
        sums[1, j] += r * r
        sums[2, j] += about * about


@jit
def _add_statistics(
    y: Array, n: Array, labels: Array, table: Array, x: Array, beta: Array, inverse: Array, statistics: Array
) -> None:
    """Add one stack's residuals to the sums of their region; h is how far a stack draws the fit to itself."""
    g, d = x[1], x[2]
    for j in range(y.shape[0]):
        w = table[labels[j]] * n[j]
        if labels[j] < statistics.shape[0] and w > 0 and inverse[0, j] == inverse[0, j]:
            r = y[j] - beta[0, j] - g * beta[1, j] - d * beta[2, j]
            h = inverse[0, j] + 2.0 * (g * inverse[1, j] + d * inverse[2, j] + g * d * inverse[4, j])
            h = w * (h + g * g * inverse[3, j] + d * d * inverse[5, j])
            here = statistics[labels[j]]
            here[0] += r
            here[1] += n[j]
            here[2] += w * r * r / max(1.0 - h, 1e-6)
            here[3] += 1.0


@jit
def _add_mean(y: Array, n: Array, labels: Array, table: Array, used: Array, mean: Array) -> None:
    for j in range(y.shape[0]):
        counts = n[j] > 0 and table[labels[j]] > 0
        mean[j] += y[j] / max(used[j], 1.0) if counts else 0.0


@jit
def fit_rows(
    means: Array,
    frames: Array,
    labels: Array,
    table: Array,
    power: int,
    design: Array,
    maps: Array,
    inverses: Array,
    quality: Array,
    statistics: Array,
    first: int,
) -> None:
    """Fit a strip of rows.

    The solution is found twice, the second time for what the first has left: that brings back the digits which the
    normal equations lose.

    Parameters
    ----------
    means, frames
        (stack, row, column) float64 and uint16: mean frames, and how many frames count; a mean of none is finite.
    labels
        (row, column) uint8: which column of `table` holds the pixel's weights.
    table
        (stack, label): the weight of one frame.
    power
        The weight of a stack is ``table n^power``; 0 counts every stack that has a frame.
    design
        (stack, 3): 1, g, g t, in any units.
    maps, inverses, quality
        Whole planes: F, C and D (3, row, column) float64; the inverse (6, row, column); chi-square a degree of
        freedom, mean squared residual and adjusted R^2 (3, row, column).
    statistics
        (row, stack, region, `FIELDS`), added to, or of no rows.
    first
        The first row of the strip in those planes.
    """
    m, width = means.shape[0], means.shape[2]
    sums, used, mean = np.empty((6, width)), np.empty(width), np.empty(width)
    inverse, beta, right = np.empty((6, width)), np.empty((3, width)), np.empty((3, width))
    for r in range(means.shape[1]):
        here = labels[r]
        sums[:], used[:], mean[:], beta[:] = 0.0, 0.0, 0.0, 0.0
        for i in range(m):
            _add_normal(means[i, r], frames[i, r], here, table[i], power, design[i], sums, used)
        _invert(sums, used, inverse)
        for _ in range(2):
            right[:] = 0.0
            for i in range(m):
                _add_right(means[i, r], frames[i, r], here, table[i], power, design[i], beta, right)
            _step(inverse, right, beta)
        sums[:] = 0.0
        for i in range(m):
            _add_mean(means[i, r], frames[i, r], here, table[i], used, mean)
        for i in range(m):
            _add_quality(means[i, r], frames[i, r], here, table[i], power, design[i], beta, mean, sums)
            if statistics.shape[0]:
                _add_statistics(
                    means[i, r], frames[i, r], here, table[i], design[i], beta, inverse, statistics[first + r, i]
                )
        maps[:, first + r], inverses[:, first + r] = beta, inverse
        for j in range(width):
            freedom = used[j] - 3.0
            quality[_CHI, first + r, j] = sums[0, j] / freedom if freedom > 0 else np.nan
            quality[_S2, first + r, j] = sums[1, j] / freedom if freedom > 0 else np.nan
            explained = sums[2, j] / (sums[1, j] + sums[2, j])
            quality[_R2, first + r, j] = 1.0 - (1.0 - explained) * (used[j] - 1.0) / freedom if freedom > 0 else np.nan
