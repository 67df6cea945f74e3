"""Least squares for three maps at once: y_i = F + g_i C + g_i t_i D in every pixel.

Symbols: `y` mean frame of a stack, `n` frames that count in it, `x` a row of the design (1, g, g t), `w` weight of the
stack, `beta` (F, C, D), `inverse` of the normal matrix sum w x x^T, in the order FF CC DD FC FD CD. Stacks are outside
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
def _weigh(n: Array, labels: Array, table: Array, power: int, w: Array, used: Array) -> None:
    """Give one stack its weight in each pixel of a row."""
    for j in range(n.shape[0]):
        count = float(n[j])
        factor = min(count, 1.0) if power == 0 else (count if power == 1 else count * count)
        w[j] = table[labels[j]] * factor
        used[j] += 1.0 if w[j] > 0 else 0.0


@jit
def _add_normal(w: Array, x: Array, sums: Array) -> None:
    """Add one stack to the normal equations of a row of pixels."""
    g, d = x[1], x[2]
    gg, gd, dd = g * g, g * d, d * d
    for j in range(w.shape[0]):
        sums[0, j] += w[j]
        sums[1, j] += w[j] * g
        sums[2, j] += w[j] * d
        sums[3, j] += w[j] * gg
        sums[4, j] += w[j] * gd
        sums[5, j] += w[j] * dd


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
        inverse[3, j] = fc * scale
        inverse[4, j] = fd * scale
        inverse[1, j] = (a * f - c * c) * scale
        inverse[5, j] = (b * c - a * e) * scale
        inverse[2, j] = (a * d - b * b) * scale


@jit
def _add_right(y: Array, w: Array, x: Array, beta: Array, right: Array) -> None:
    """Add one stack's residuals to the right-hand side."""
    g, d = x[1], x[2]
    for j in range(y.shape[0]):
        r = w[j] * (y[j] - beta[0, j] - g * beta[1, j] - d * beta[2, j])
        right[0, j] += r
        right[1, j] += r * g
        right[2, j] += r * d


@jit
def _step(inverse: Array, right: Array, beta: Array) -> None:
    for j in range(beta.shape[1]):
        p, q, s = right[0, j], right[1, j], right[2, j]
        beta[0, j] += inverse[0, j] * p + inverse[3, j] * q + inverse[4, j] * s
        beta[1, j] += inverse[3, j] * p + inverse[1, j] * q + inverse[5, j] * s
        beta[2, j] += inverse[4, j] * p + inverse[5, j] * q + inverse[2, j] * s


@jit
def _add_quality(y: Array, w: Array, x: Array, beta: Array, mean: Array, sums: Array) -> None:
    """Add one stack's squares: of weighted residuals, of residuals, and of the model about the mean of all stacks."""
    g, d = x[1], x[2]
    for j in range(y.shape[0]):
        model = beta[0, j] + g * beta[1, j] + d * beta[2, j]
        r = y[j] - model if w[j] > 0 else 0.0
        about = mean[j] - model if w[j] > 0 else 0.0
        sums[0, j] += w[j] * r * r
        sums[1, j] += r * r
        sums[2, j] += about * about


@jit
def _add_statistics(
    y: Array, n: Array, w: Array, labels: Array, x: Array, beta: Array, inverse: Array, statistics: Array
) -> None:
    """Add one stack's residuals to the sums of their region; h is how far a stack draws the fit to itself."""
    g, d = x[1], x[2]
    for j in range(y.shape[0]):
        if labels[j] < statistics.shape[0] and w[j] > 0 and inverse[0, j] == inverse[0, j]:
            r = y[j] - beta[0, j] - g * beta[1, j] - d * beta[2, j]
            h = inverse[0, j] + 2.0 * (g * inverse[3, j] + d * inverse[4, j] + g * d * inverse[5, j])
            h = w[j] * (h + g * g * inverse[1, j] + d * d * inverse[2, j])
            here = statistics[labels[j]]
            here[0] += r
            here[1] += n[j]
            here[2] += w[j] * r * r / max(1.0 - h, 1e-6)
            here[3] += 1.0


@jit
def _add_mean(y: Array, w: Array, used: Array, mean: Array) -> None:
    for j in range(y.shape[0]):
        mean[j] += y[j] / max(used[j], 1.0) if w[j] > 0 else 0.0


@jit
def _rate(sums: Array, used: Array, quality: Array) -> None:
    """Turn the sums of squares into chi-square, mean square and adjusted R^2."""
    for j in range(used.shape[0]):
        freedom = used[j] - 3.0 if used[j] > 3 else np.nan
        unexplained = sums[1, j] / (sums[1, j] + sums[2, j])
        quality[_CHI, j] = sums[0, j] / freedom
        quality[_S2, j] = sums[1, j] / freedom
        quality[_R2, j] = 1.0 - unexplained * (used[j] - 1.0) / freedom


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
        (row, stack, region, `FIELDS`), added to, or of no rows: then nothing is said of the quality either.
    first
        The first row of the strip in those planes.
    """
    m, width = means.shape[0], means.shape[2]
    w, sums, used, mean = np.empty((m, width)), np.empty((6, width)), np.empty(width), np.empty(width)
    inverse, beta, right = np.empty((6, width)), np.empty((3, width)), np.empty((3, width))
    for r in range(means.shape[1]):
        sums[:], used[:], mean[:], beta[:] = 0.0, 0.0, 0.0, 0.0
        for i in range(m):
            _weigh(frames[i, r], labels[r], table[i], power, w[i], used)
            _add_normal(w[i], design[i], sums)
        _invert(sums, used, inverse)
        for _ in range(2):
            right[:] = 0.0
            for i in range(m):
                _add_right(means[i, r], w[i], design[i], beta, right)
            _step(inverse, right, beta)
        maps[:, first + r], inverses[:, first + r] = beta, inverse
        if statistics.shape[0] == 0:
            continue
        sums[:] = 0.0
        for i in range(m):
            _add_mean(means[i, r], w[i], used, mean)
        for i in range(m):
            here = statistics[first + r, i]
            _add_quality(means[i, r], w[i], design[i], beta, mean, sums)
            _add_statistics(means[i, r], frames[i, r], w[i], labels[r], design[i], beta, inverse, here)
        _rate(sums, used, quality[:, first + r])
