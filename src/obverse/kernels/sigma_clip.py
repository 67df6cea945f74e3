"""Sigma clipping of differences along integrations, many pixels at a time.

The values of a pixel are sorted once; every round of clipping then only narrows the window of ranks that is kept.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from obverse.kernels._jit import jit
from obverse.kernels._lanes import LANES, aligned, take_run
from obverse.kernels._sorting import sort_lanes
from obverse.kernels.differences import DARK, JUMP, PER_SECOND, RATE_FIELDS, READ, N, load_rate, prepare
from obverse.kernels.two_point import put_jump, room

__all__ = ["clip_rows"]

Array = NDArray[Any]

ROUNDS = 5

# Fields of `lane` after those of the differences.
LOWEST, HIGHEST, START, COUNT, SUM, SQUARES, BELOW, ABOVE, CENTRE, CLIP_FIELDS = (
    RATE_FIELDS + i * LANES for i in range(10)
)


@jit
def _add_kept(here: Array, lane: Array, n: int) -> None:
    zero, one, missing = lane.dtype.type(0), lane.dtype.type(1), lane.dtype.type(np.inf)
    for j in range(n):
        value = here[j]
        kept = (value >= lane[LOWEST + j]) & (value <= lane[HIGHEST + j]) & (value < missing)
        lane[START + j] += one if value < lane[LOWEST + j] else zero
        lane[COUNT + j] += one if kept else zero
        lane[SUM + j] += value if kept else zero


@jit
def _add_squares(here: Array, lane: Array, k: int, n: int) -> None:
    zero, half, missing = lane.dtype.type(0), lane.dtype.type(0.5), lane.dtype.type(np.inf)
    for j in range(n):
        value, count, start = here[j], lane[COUNT + j], lane[START + j]
        kept = (value >= lane[LOWEST + j]) & (value <= lane[HIGHEST + j]) & (value < missing)
        off = value - lane[SUM + j] / count
        lane[SQUARES + j] += off * off if kept else zero
        below, above = np.floor(start + (count - 1) * half), np.floor(start + count * half)
        lane[BELOW + j] = value if below == k else lane[BELOW + j]
        lane[ABOVE + j] = value if above == k else lane[ABOVE + j]


@jit
def _narrow(ordered: Array, sigma: float, lane: Array, n: int) -> None:
    """One round: keep what is within `sigma` standard deviations of the median of what was kept."""
    lane[START:BELOW] = 0
    half = lane.dtype.type(0.5)
    for k in range(ordered.shape[0]):
        _add_kept(ordered[k], lane, n)
    for k in range(ordered.shape[0]):
        _add_squares(ordered[k], lane, k, n)
    for j in range(n):
        middle = half * (lane[BELOW + j] + lane[ABOVE + j])
        reach = sigma * np.sqrt(lane[SQUARES + j] / lane[COUNT + j])
        lane[CENTRE + j], lane[LOWEST + j], lane[HIGHEST + j] = middle, middle - reach, middle + reach


@jit
def _mark(here: Array, lane: Array, found: Array, out: Array, n: int) -> int:
    number = 0
    for j in range(n):
        value = here[j]
        beyond = (value < np.inf) & ((value < lane[LOWEST + j]) | (value > lane[HIGHEST + j]))
        out[j] = 1 if beyond else 0
        found[j] |= JUMP if beyond else 0
        number += 1 if beyond else 0
    return number


@jit
def _list_out(here: Array, lane: Array, numbers: Array, out: Array, place: int, jumps: Array, used: int, n: int) -> int:
    for j in range(n):
        if out[j]:
            middle = lane[CENTRE + j]
            light = abs(middle) + lane[DARK + j]
            put_jump(jumps[used], place + j, here[j] - middle, light, lane[READ + j], numbers)
            used += 1
    return used


@jit
def clip_rows(
    counts: Array,
    flags: Array,
    pixels: Any,
    lists: Array,
    constants: Array,
    exchanges: Array,
    sigma: float,
    found: Array,
    start: int,
    stop: int,
) -> Array:
    """Clip the rows from `start` to `stop`; returns the list of the jumps found, as `search_rows` does.

    Their sizes are above the median of what was clipped together.

    Parameters
    ----------
    counts, flags, pixels, constants, found
        As in `obverse.kernels.two_point.search_rows`; every difference has the same constants.
    lists
        Earlier resultants of the differences that are clipped together, (list, member).
    exchanges
        `network` of the number of members.
    sigma
        Standard deviations from the median beyond which a difference is clipped.
    """
    n_columns, last = counts.shape[2], flags.shape[0] - 1
    tile = aligned(2, LANES, constants.dtype)
    marks = np.zeros((2, LANES), np.uint8)
    rates = aligned(lists.shape[1], LANES, constants.dtype)
    ordered = aligned(lists.shape[1], LANES, constants.dtype)
    lane = aligned(1, CLIP_FIELDS, constants.dtype)[0]
    known, out = np.zeros(LANES, np.uint32), np.zeros(LANES, np.uint8)
    jumps, used = np.empty((64, 3)), 0
    everywhere = np.arange(n_columns)
    for row in range(start, stop):
        for first in range(0, n_columns, LANES):
            n = min(LANES, n_columns - first)
            here = slice(first, first + n)
            prepare(pixels, row, everywhere[here], lane, known, n)
            for places in lists:
                lane[N : N + LANES] = 0
                for i, k in enumerate(places):
                    for step in range(2):
                        take_run(counts[k + step, row, here], tile[step], n)
                        if last >= 0:
                            take_run(flags[k + step, row, here], marks[step], n)
                    load_rate(tile[0], tile[1], marks[0], marks[1], rates[i], lane, constants[PER_SECOND, 0], n)
                    take_run(rates[i], ordered[i], n)
                sort_lanes(ordered, exchanges, n)
                lane[LOWEST:HIGHEST], lane[HIGHEST:START] = -np.inf, np.inf
                for _ in range(ROUNDS):
                    _narrow(ordered, sigma, lane, n)
                for i, k in enumerate(places):
                    number = _mark(rates[i], lane, found[k + 1, row, here], out, n)
                    if number > 0:
                        jumps = room(jumps, used, number)
                        place = ((k + 1) * found.shape[1] + row) * n_columns + first
                        used = _list_out(rates[i], lane, constants[:, 0], out, place, jumps, used, n)
    return jumps[:used]
