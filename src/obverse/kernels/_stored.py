"""What each segment was fitted with, written down for those who ask."""

from __future__ import annotations

import math
from typing import Any

from numpy.typing import NDArray

from obverse.kernels._jit import jit
from obverse.kernels._pixels import READ
from obverse.kernels._rule import JOINS, KIND, NEXT, NOISE, POWER, SHARE, TBAR
from obverse.kernels._segments import split
from obverse.kernels._weights import form_of, optimal_weights, place_of, power_weights, slope_of

__all__ = ["store_all"]

Array = NDArray[Any]


@jit
def _store(
    R: Array, K: Array, w: Array, a: int, b: int, slope: float, read: float, times: Array, target: Array
) -> None:
    """Write what `FIELDS` lists; the intercept is the line at the time of the first resultant of the ramp."""
    zero = slope - slope
    F0, F1, F2, Fy = zero, zero, zero, zero
    for k in range(a, b + 1):
        t = times[TBAR, k] - times[TBAR, 0]
        F0 += w[k]
        F1 += w[k] * t
        F2 += w[k] * t * t
        Fy += w[k] * (R[k] - R[a])
    forms = form_of(K, a, b, times, times[TBAR, a])
    for k in range(a, b + 1):  # K becomes the weights of the intercept
        K[k] = w[k] / F0 - K[k] * (F1 / F0)
    intercept_forms = form_of(K, a, b, times, zero)
    spread = F0 * F2 - F1 * F1
    noise = read * times[SHARE, b]
    target[0], target[1], target[2] = slope, forms[0], forms[1]
    target[3], target[4] = a, b
    target[5] = R[a] + Fy / F0 - slope * (F1 / F0)
    target[6], target[7] = intercept_forms
    two = b == a + 1  # the mission states the noise of a difference for both
    target[8] = math.sqrt(2 * noise) / (times[TBAR, b] - times[TBAR, a]) if two else math.sqrt(noise * F0 / spread)
    target[9] = math.sqrt(2 * noise) if two else math.sqrt(noise * F2 / spread)


@jit
def store_all(
    R: Array,
    lane: Array,
    j: int,
    rule: Array,
    times: Array,
    differences: Array,
    signal: Array,
    states: Array,
    first: Array,
    last: Array,
    w: Array,
    K: Array,
    target: Array,
) -> None:
    """Fit every segment once more, and write what became of it."""
    read = lane[READ + j]
    for s in range(split(states, rule[JOINS], first, last)):
        a, b = first[s], last[s]
        if rule[KIND] == POWER:
            place = place_of(R[b] - R[a], read * times[NOISE, b], signal)
            power_weights(signal[1, place], a, b, times, w, K)
        else:
            optimal_weights(a, b, lane[NEXT + j] / read, differences, w, K)
        _store(R, K, w, a, b, slope_of(R, K, a, b), read, times, target[:, s])
