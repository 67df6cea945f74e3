"""The rate of a ramp that is cut: the weighted mean of its segments, a pixel at a time.

What runs once a pixel takes few arrays and no slices of them: numba counts the references of each, which takes
longer than the sums.
"""

from __future__ import annotations

from typing import Any

from numpy.typing import NDArray

from obverse.kernels._jit import jit
from obverse.kernels._rule import COMMON_RATE, FORMAL_TOTAL, NOISE, READ_ONLY, TBAR
from obverse.kernels._weights import form_of, optimal_weights, place_of, slope_of

__all__ = ["line_of", "mean_of_lines", "mean_of_optimal", "mean_rate", "weight"]

Array = NDArray[Any]


@jit
def weight(
    combine: int, a: int, b: int, read: float, f: float, qr: float, qs: float, times: Array, formal: Array
) -> float:
    """Weight of a segment in the mean: its inverse variance, as the rule of combination sees it."""
    if combine == READ_ONLY:
        return 1 / (read * qr)
    if combine == COMMON_RATE:
        return 1 / (read * qr + f * qs)
    photons = f / (times[TBAR, b] - times[TBAR, a]) if combine == FORMAL_TOTAL else read - read
    return 1 / (read * formal[a, b] + photons)


@jit
def line_of(
    R: Array, a: int, b: int, read: float, times: Array, signal: Array, rows: Array, lines: Array
) -> tuple[float, int, int]:
    """Slope of a segment by the weights of a line, and where in `lines` they stand."""
    row, place = rows[a, b], place_of(R[b] - R[a], read * times[NOISE, b], signal)
    slope = lines.dtype.type(0)
    for k in range(1, b - a + 1):  # no slice of `lines`: counting its references takes longer than the sum
        slope += lines[row, place, 2 + k] * (R[a + k] - R[a])
    return slope, row, place


@jit
def mean_of_lines(
    R: Array,
    first: Array,
    last: Array,
    count: int,
    read: float,
    f: float,
    combine: int,
    times: Array,
    signal: Array,
    rows: Array,
    lines: Array,
    formal: Array,
) -> tuple[float, float, float, float]:
    """Weighted mean of the slopes of all segments, its QR and QS, and the sum of the weights."""
    zero = lines.dtype.type(0)
    rate, qr, qs, total = zero, zero, zero, zero
    for s in range(count):
        a, b = first[s], last[s]
        slope, row, place = line_of(R, a, b, read, times, signal, rows, lines)
        own_qr, own_qs = lines[row, place, 0], lines[row, place, 1]
        W = weight(combine, a, b, read, f, own_qr, own_qs, times, formal)
        rate += W * slope
        qr += W * W * own_qr
        qs += W * W * own_qs
        total += W
    return rate / total, qr / (total * total), qs / (total * total), total  # NaN where no segment is left


@jit
def mean_of_optimal(
    R: Array,
    first: Array,
    last: Array,
    count: int,
    read: float,
    f: float,
    times: Array,
    differences: Array,
    w: Array,
    K: Array,
) -> tuple[float, float, float, float]:
    """The same of optimal weights at the covariance rate f, and segments weighed by their variance at it."""
    zero = K.dtype.type(0)
    rate, qr, qs, total = zero, zero, zero, zero
    for s in range(count):
        a, b = first[s], last[s]
        optimal_weights(a, b, f / read, differences, w, K)
        own_qr, own_qs = form_of(K, a, b, times, times[TBAR, a])
        W = 1 / (read * own_qr + f * own_qs)
        rate += W * slope_of(R, K, a, b)
        qr += W * W * own_qr
        qs += W * W * own_qs
        total += W
    return rate / total, qr / (total * total), qs / (total * total), total


@jit
def mean_rate(R: Array, times: Array, first: Array, last: Array, count: int) -> float:
    rise, time = R.dtype.type(0), R.dtype.type(0)
    for s in range(count):
        rise += R[last[s]] - R[first[s]]
        time += times[TBAR, last[s]] - times[TBAR, first[s]]
    return rise / time
