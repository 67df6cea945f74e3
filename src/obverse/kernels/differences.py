"""Differences of neighbouring resultants over their times, and the median of each pixel, many pixels at a time.

Symbols: a row of `rates` holds one difference over its time [electron/s], infinity where it does not count;
`lane` holds what belongs to a pixel, cut into fields of `LANES` values.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from obverse.kernels._jit import jit
from obverse.kernels._lanes import LANES, aligned, take_list, take_run
from obverse.kernels._pixels import DARK, GAIN, GOOD, JUMP, READ, UNUSABLE, prepare
from obverse.kernels._sorting import sort_lanes

__all__ = [
    "DARK",
    "GAIN",
    "JUMP",
    "READ",
    "copy_rows",
    "load_rate",
    "load_rates",
    "median",
    "median_rows",
    "prepare",
    "take_lists",
    "take_runs",
]

Array = NDArray[Any]

# Fields of `lane`, behind those of _pixels. SINGLE is 1 where the median is that of all, 0 where the search goes in
# rounds.
N, SINGLE, LOW, HIGH, BELOW, ABOVE, MIDDLE, RATE_FIELDS = (i * LANES for i in range(4, 12))

# Rows of `constants`, one column a difference.
PER_SECOND, A, B = range(3)


@jit
def load_rate(
    low: Array, high: Array, f_low: Array, f_high: Array, here: Array, lane: Array, per_second: float, n: int
) -> None:
    """Turn two resultants into a rate, infinity where it does not count, and count it where it does."""
    zero, one, missing = lane.dtype.type(0), lane.dtype.type(1), lane.dtype.type(np.inf)
    for j in range(n):
        step = high[j] - low[j]
        allowed = ((f_low[j] & UNUSABLE) | (f_high[j] & (UNUSABLE | JUMP))) == 0
        usable = allowed & (step - step == 0) & (lane[GOOD + j] > 0)
        here[j] = lane[GAIN + j] * step * per_second if usable else missing
        lane[N + j] += one if usable else zero


@jit
def load_rates(tile: Array, marks: Array, places: Array, constants: Array, rates: Array, lane: Array, n: int) -> None:
    lane[N : N + LANES] = 0
    last = marks.shape[0] - 1
    for i in range(places.shape[0]):
        k = places[i]
        f_low, f_high = marks[min(k, last)], marks[min(k + 1, last)]
        load_rate(tile[k], tile[k + 1], f_low, f_high, rates[i], lane, constants[PER_SECOND, i], n)


@jit
def take_runs(counts: Array, flags: Array, row: int, first: int, tile: Array, marks: Array, n: int) -> None:
    for k in range(counts.shape[0]):
        take_run(counts[k, row, first : first + n], tile[k], n)
    for k in range(flags.shape[0]):
        take_run(flags[k, row, first : first + n], marks[k], n)


@jit
def take_lists(counts: Array, flags: Array, row: int, columns: Array, tile: Array, marks: Array, n: int) -> None:
    for k in range(counts.shape[0]):
        take_list(counts[k, row], columns, n, tile[k])
    for k in range(flags.shape[0]):
        take_list(flags[k, row], columns, n, marks[k])


@jit
def _ranks(lane: Array, n: int) -> None:
    """Say which two ranks the median is the mean of.

    In rounds, the largest of four or more is left out first, and of two the smaller one is taken.
    """
    one, two = lane.dtype.type(1), lane.dtype.type(2)
    for j in range(n):
        count = lane[N + j]
        rounds = lane[SINGLE + j] == 0
        count = count - one if rounds & (count >= 4) else count
        count = one if rounds & (count == 2) else count
        lane[LOW + j] = np.floor((count - one) / two)
        lane[HIGH + j] = np.floor(count / two)


@jit
def _pick(here: Array, lane: Array, k: int, n: int) -> None:
    rank = lane.dtype.type(k)
    for j in range(n):
        value = here[j]
        lane[BELOW + j] = value if lane[LOW + j] == rank else lane[BELOW + j]
        lane[ABOVE + j] = value if lane[HIGH + j] == rank else lane[ABOVE + j]


@jit
def _same(lane: Array, n: int) -> bool:
    """Whether all pixels have the same ranks, as they do where nothing is flagged."""
    different = 0
    for j in range(n):
        different += (lane[LOW + j] != lane[LOW]) | (lane[HIGH + j] != lane[HIGH])
    return different == 0


@jit
def _mean_of(below: Array, above: Array, lane: Array, n: int) -> None:
    half = lane.dtype.type(0.5)
    for j in range(n):
        lane[MIDDLE + j] = half * (below[j] + above[j])


@jit
def median(ordered: Array, exchanges: Array, lane: Array, n: int) -> None:
    """Sort, and set MIDDLE to the median of the usable rates; infinity or NaN where there are none."""
    _ranks(lane, n)
    sort_lanes(ordered, exchanges, n)
    if _same(lane, n) and lane[LOW] >= 0 and lane[HIGH] < ordered.shape[0]:
        _mean_of(ordered[int(lane[LOW])], ordered[int(lane[HIGH])], lane, n)
        return
    lane[BELOW : BELOW + n], lane[ABOVE : ABOVE + n] = np.inf, np.inf
    for i in range(ordered.shape[0]):
        _pick(ordered[i], lane, i, n)
    _mean_of(lane[BELOW : BELOW + n], lane[ABOVE : ABOVE + n], lane, n)


@jit
def copy_rows(rates: Array, ordered: Array, n: int) -> None:
    for i in range(rates.shape[0]):
        take_run(rates[i], ordered[i], n)


@jit
def median_rows(
    counts: Array,
    flags: Array,
    pixels: Any,
    places: Array,
    constants: Array,
    exchanges: Array,
    middle: Array,
    start: int,
    stop: int,
) -> None:
    """Put the median rate of the rows from `start` to `stop` into `middle` [electron/s]; see `search_rows`."""
    n_columns = counts.shape[2]
    tile = aligned(counts.shape[0], LANES, constants.dtype)
    marks = np.zeros((max(flags.shape[0], 1), LANES), np.uint8)
    rates = aligned(places.shape[0], LANES, constants.dtype)
    ordered = aligned(places.shape[0], LANES, constants.dtype)
    lane = aligned(1, RATE_FIELDS, constants.dtype)[0]
    known = np.zeros(LANES, np.uint32)
    everywhere = np.arange(n_columns)
    for row in range(start, stop):
        for first in range(0, n_columns, LANES):
            n = min(LANES, n_columns - first)
            take_runs(counts, flags, row, first, tile, marks, n)
            prepare(pixels, row, everywhere[first : first + n], lane, known, n)
            load_rates(tile, marks, places, constants, rates, lane, n)
            lane[SINGLE : SINGLE + LANES] = 1
            copy_rows(rates, ordered, n)
            median(ordered, exchanges, lane, n)
            take_run(lane[MIDDLE : MIDDLE + n], middle[row, first : first + n], n)
