"""Casertano's search: where the charge rises by more than the rate of its segment explains, over one step or two."""

from __future__ import annotations

import math
from typing import Any

from numpy.typing import NDArray

from obverse.kernels._jit import jit
from obverse.kernels._pixels import DARK, GAIN, JUMP, READ
from obverse.kernels._rule import ODD, RATE, SHARE, TAU, TBAR
from obverse.kernels._segment_means import line_of
from obverse.kernels._segments import LOST

__all__ = ["cut_at_hits", "look_for_jumps"]

Array = NDArray[Any]


@jit
def _significance(
    R: Array, i: int, j: int, a: int, b: int, rate: float, read: float, dark: float, times: Array
) -> float:
    """How far the rate from resultant i to j stands above that of its segment, in sigma."""
    t = times[TBAR, j] - times[TBAR, i]
    excess = (R[j] - R[i]) / t - rate
    f = max(rate, rate - rate) + dark
    noise = read * (times[SHARE, i] + times[SHARE, j])
    photons = f * (times[TAU, i] + times[TAU, j] - 2 * min(times[TBAR, i], times[TBAR, j]))
    variance = (noise + photons) / (t * t) - f / (times[TBAR, b] - times[TBAR, a])
    return excess / math.sqrt(variance) if variance > 0 else rate - rate


@jit
def _worst(R: Array, a: int, b: int, rate: float, read: float, dark: float, times: Array) -> tuple[int, float]:
    """Return the resultant behind which the charge rises most, over one step or two, and by how many sigma."""
    at, best = a, rate - rate
    for i in range(a, b):
        score = _significance(R, i, i + 1, a, b, rate, read, dark, times)
        if i + 2 <= b:
            score = max(score, _significance(R, i, i + 2, a, b, rate, read, dark, times))
        at, best = (i, score) if score > best else (at, best)
    return at, best


@jit
def _limit(rate: float, intercept: float) -> float:
    """Lower for bright pixels, whose jumps do more harm to the rate than noise does."""
    return intercept - math.log10(min(max(rate, 1.0), 1e4)) / 3


@jit
def cut_at_hits(
    R: Array,
    read: float,
    dark: float,
    intercept: float,
    times: Array,
    signal: Array,
    rows: Array,
    lines: Array,
    states: Array,
    first: Array,
    last: Array,
    count: int,
    found: Array,
) -> bool:
    """Cut segments where their charge jumps, until none does; `found` and `states` get the two resultants lost."""
    any_found = False
    while count > 0:
        count -= 1
        a, b = first[count], last[count]
        rate, _, _ = line_of(R, a, b, read, times, signal, rows, lines)
        i, score = _worst(R, a, b, rate, read, dark, times)
        if score > _limit(rate, intercept):
            any_found = True
            for k in range(i, i + 2):
                found[k] |= JUMP
                states[k] = LOST
            for begin, end in ((a, i - 1), (i + 2, b)):
                if end > begin:
                    first[count], last[count] = begin, end
                    count += 1
    return any_found


@jit
def _suspect(low: Array, high: Array, lane: Array, times: Array, i: int, step: int, limit: float, n: int) -> None:
    """Mark pixels in which the charge rises by more than `limit` sigma (always positive) over some resultants."""
    last, real = times.shape[1] - 1, lane.dtype.type
    t = times[TBAR, i + step] - times[TBAR, i]
    share = real((times[SHARE, i] + times[SHARE, i + step]) * limit * limit)
    photons = times[TAU, i + step] + times[TAU, i] - 2 * times[TBAR, i] - t * t / (times[TBAR, last] - times[TBAR, 0])
    photons = real(photons * limit * limit)
    zero, one = real(0), real(1)
    for j in range(n):
        excess = lane[GAIN + j] * (real(high[j]) - real(low[j])) - lane[RATE + j] * t
        f = (lane[RATE + j] if lane[RATE + j] > 0 else zero) + lane[DARK + j]
        variance = lane[READ + j] * share + f * photons
        lane[ODD + j] = one if (excess > 0) & (excess * excess > variance) else lane[ODD + j]


@jit
def look_for_jumps(counts: Array, row: int, first: int, lane: Array, times: Array, limit: float, n: int) -> None:
    for i in range(counts.shape[0] - 1):
        low = counts[i, row, first : first + n]
        for step in range(1, min(3, counts.shape[0] - i)):
            _suspect(low, counts[i + step, row, first : first + n], lane, times, i, step, limit, n)
