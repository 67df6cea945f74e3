"""Pixels that need a fit of their own: flags, jumps, numbers that are none."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from obverse.kernels._hits import cut_at_hits
from obverse.kernels._jit import jit
from obverse.kernels._pixels import DARK, GAIN, GOOD, JUMP, READ, UNUSABLE
from obverse.kernels._rule import COMBINE, JOINS, KIND, NEXT, PEDESTAL, POWER, QR, QS, RATE, TBAR, WEIGHT
from obverse.kernels._segment_means import mean_of_lines, mean_of_optimal, mean_rate
from obverse.kernels._segments import CLEAN, HIT, LOST, split
from obverse.kernels._stored import store_all

__all__ = ["fit_cut"]

Array = NDArray[Any]


@jit
def _fit_lines(
    R: Array,
    lane: Array,
    j: int,
    f: float,
    combine: int,
    times: Array,
    signal: Array,
    rows: Array,
    lines: Array,
    formal: Array,
    first: Array,
    last: Array,
    count: int,
) -> None:
    read = lane[READ + j]
    lane[RATE + j], lane[QR + j], lane[QS + j], lane[WEIGHT + j] = mean_of_lines(
        R, first, last, count, read, f, combine, times, signal, rows, lines, formal
    )
    lane[NEXT + j] = f


@jit
def _fit_optimal(
    R: Array,
    lane: Array,
    j: int,
    given: float,
    times: Array,
    differences: Array,
    first: Array,
    last: Array,
    count: int,
    w: Array,
    K: Array,
) -> None:
    """Weights at the rate that was given; else at the mean rate, and then at the rate that these gave."""
    read, dark, zero = lane[READ + j], lane[DARK + j], lane.dtype.type(0)
    f = given
    if not f >= 0:
        f = max(mean_rate(R, times, first, last, count), zero) + dark if count > 0 else zero
        rate, _, _, _ = mean_of_optimal(R, first, last, count, read, f, times, differences, w, K)
        f = max(rate, zero) + dark
    lane[RATE + j], lane[QR + j], lane[QS + j], lane[WEIGHT + j] = mean_of_optimal(
        R, first, last, count, read, f, times, differences, w, K
    )
    lane[NEXT + j] = f


@jit
def _first_clean(states: Array) -> int:
    """Return the first clean resultant: no jump came before it, even where it is in no segment."""
    k = 0
    while k < states.shape[0] - 1 and states[k] != CLEAN:
        k += 1
    return k


@jit
def _judge(values: Array, marks: Array, states: Array, lane: Array, n: int) -> int:
    """Turn counts into electrons and flags into states; returns how many numbers were none and not flagged."""
    lost, zero = 0, lane.dtype.type(0)
    for j in range(n):
        value, unusable = lane[GAIN + j] * values[j], (marks[j] & UNUSABLE) != 0
        finite = value - value == 0
        usable = finite & (lane[GOOD + j] > 0) & (not unusable)
        states[j] = (HIT if (marks[j] & JUMP) != 0 else CLEAN) if usable else LOST
        values[j] = value if finite else zero
        lost += 0 if finite | unusable else 1
    return lost


@jit
def fit_cut(
    tile: Array,
    marks: Array,
    all_states: Array,
    lost_to_nan: Array,
    lane: Array,
    seen: Array,
    columns: Array,
    row: int,
    given: Array,
    rule: Array,
    intercept: float,
    times: Array,
    differences: Array,
    signal: Array,
    rows: Array,
    lines: Array,
    formal: Array,
    found: Array,
    segments: Array,
    n: int,
) -> None:
    size = tile.shape[0]
    R, K, w = np.zeros(size, tile.dtype), np.zeros(size, tile.dtype), np.zeros(size, tile.dtype)
    states, first, last = np.zeros(size, np.uint8), np.zeros(size, np.int64), np.zeros(size, np.int64)
    hits = np.zeros(size, np.uint8)
    for k in range(size):
        lost_to_nan[0] += _judge(tile[k], marks[min(k, marks.shape[0] - 1)], all_states[k], lane, n)
    for j in range(n):
        column = columns[j]
        for k in range(size):
            R[k], states[k], hits[k] = tile[k, j], all_states[k, j], 0
        f = given[row, column] if given.size > 1 else given[0, 0]
        start = _first_clean(states)  # before the search, which takes resultants beside jumps out
        count = split(states, rule[JOINS], first, last)
        if intercept < np.inf and count > 0:
            read = lane[READ + j]
            if cut_at_hits(
                R, read, lane[DARK + j], intercept, times, signal, rows, lines, states, first, last, count, hits
            ):
                seen[j] |= JUMP
                for k in range(size):
                    found[k, row, column] |= hits[k]
                count = split(states, rule[JOINS], first, last)
        if rule[KIND] == POWER:
            _fit_lines(R, lane, j, f, rule[COMBINE], times, signal, rows, lines, formal, first, last, count)
        else:
            _fit_optimal(R, lane, j, f, times, differences, first, last, count, w, K)
        lane[PEDESTAL + j] = R[start] - lane[RATE + j] * times[TBAR, start]  # NaN without a rate
        if segments.shape[0] > 0:
            target = segments[:, :, row, column]
            store_all(R, lane, j, rule, times, differences, signal, states, first, last, w, K, target)
