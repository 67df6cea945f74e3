"""Two-point differences: what stands out from the median of a pixel, many pixels at a time.

Differences stand in the outer loop and `LANES` neighbouring pixels in the inner one, where LLVM vectorises. A
glance at all pixels keeps those with any ratio beyond its limit; these are gathered and searched.

Symbols are those of `obverse.kernels.differences`.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from obverse.kernels._jit import jit
from obverse.kernels._lanes import LANES, aligned
from obverse.kernels.differences import (
    DARK,
    GAIN,
    JUMP,
    MIDDLE,
    PER_SECOND,
    RATE_FIELDS,
    READ,
    SINGLE,
    A,
    B,
    N,
    copy_rows,
    load_rates,
    median,
    prepare,
    take_lists,
    take_runs,
)

__all__ = ["put_jump", "room", "search_rows"]

Array = NDArray[Any]

# Fields of `lane` after those of the differences.
LIMIT, BEST, AT, PLAIN, HITS, LANE_FIELDS = (RATE_FIELDS + i * LANES for i in range(6))


@jit
def _fold(here: Array, copy: Array, lane: Array, n: int) -> None:
    """Take the size of a rate where the pixel is searched in rounds."""
    for j in range(n):
        value = here[j]
        size = value if (value >= 0) | (lane[SINGLE + j] > 0) else -value
        here[j] = size
        copy[j] = size


@jit
def _limits(lane: Array, limits: Array, n: int) -> None:
    two, three, more, never = limits[0], limits[1], limits[2], lane.dtype.type(np.inf)
    for j in range(n):
        count = lane[N + j]
        few = two if count == 2 else three if count == 3 else never
        lane[LIMIT + j] = more if count >= 4 else few


@jit
def _ratio(here: Array, lane: Array, a: float, b: float, i: int, n: int) -> None:
    """Square of (rate - median) / sigma; keep the largest and its place."""
    zero, place, missing = lane.dtype.type(0), lane.dtype.type(i), lane.dtype.type(np.inf)
    for j in range(n):
        middle = lane[MIDDLE + j]
        excess = here[j] - middle
        variance = a * lane[READ + j] + b * ((middle if middle > 0 else -middle) + lane[DARK + j])
        ratio = excess * excess / variance if here[j] < missing else zero
        better = ratio > lane[BEST + j]
        lane[AT + j] = place if better else lane[AT + j]
        lane[BEST + j] = ratio if better else lane[BEST + j]


@jit
def _look(rates: Array, ordered: Array, exchanges: Array, constants: Array, limits: Array, lane: Array, n: int) -> None:
    """Find the difference of each pixel that stands out most; `ordered` holds a copy of the rates."""
    median(ordered, exchanges, lane, n)
    _limits(lane, limits, n)
    lane[BEST : BEST + n] = 0
    for i in range(rates.shape[0]):
        _ratio(rates[i], lane, constants[A, i], constants[B, i], i, n)


@jit
def _beyond(here: Array, lane: Array, a: float, b: float, n: int) -> None:
    one, missing = lane.dtype.type(1), lane.dtype.type(np.inf)
    for j in range(n):
        middle = lane[MIDDLE + j]
        excess = here[j] - middle
        variance = a * lane[READ + j] + b * ((middle if middle > 0 else -middle) + lane[DARK + j])
        out = (excess * excess > lane[LIMIT + j] * variance) & (here[j] < missing)
        lane[BEST + j] = one if out else lane[BEST + j]


@jit
def _glance(
    rates: Array, ordered: Array, exchanges: Array, constants: Array, limits: Array, lane: Array, n: int
) -> None:
    """Set BEST to 1 where any difference is beyond its limit; without a division."""
    median(ordered, exchanges, lane, n)
    _limits(lane, limits, n)
    lane[BEST : BEST + n] = 0
    for i in range(rates.shape[0]):
        _beyond(rates[i], lane, constants[A, i], constants[B, i], n)


@jit
def _begin(rates: Array, ordered: Array, single: float, lane: Array, n: int) -> None:
    zero, one = lane.dtype.type(0), lane.dtype.type(1)
    for j in range(n):
        lane[SINGLE + j] = one if lane[N + j] >= single else zero
    for i in range(rates.shape[0]):
        _fold(rates[i], ordered[i], lane, n)


@jit
def _suspects(lane: Array, columns: Array, n: int, list_: Array, length: int) -> int:
    for j in range(n):
        list_[length] = columns[j]
        length += lane[BEST + j] > 0
    return length


@jit
def _mark_largest(rates: Array, places: Array, lane: Array, found: Array, row: int, columns: Array, n: int) -> int:
    """In rounds: flag what stands out most, and leave it out of the next round."""
    changed = 0
    for j in range(n):
        if lane[SINGLE + j] == 0 and lane[BEST + j] > lane[LIMIT + j]:
            i = int(lane[AT + j])
            rates[i, j] = np.inf
            lane[N + j] -= 1
            lane[HITS + j] += 1
            found[places[i] + 1, row, columns[j]] |= JUMP
            changed += 1
    return changed


@jit
def _mark_all(
    rates: Array, places: Array, constants: Array, lane: Array, found: Array, row: int, columns: Array, n: int
) -> None:
    """In a single pass: flag whatever stands out."""
    for j in range(n):
        if lane[SINGLE + j] > 0 and lane[BEST + j] > lane[LIMIT + j]:
            middle = lane[MIDDLE + j]
            for i in range(rates.shape[0]):
                variance = constants[A, i] * lane[READ + j] + constants[B, i] * (abs(middle) + lane[DARK + j])
                if rates[i, j] < np.inf and (rates[i, j] - middle) ** 2 / variance > lane[LIMIT + j]:
                    lane[HITS + j] += 1
                    found[places[i] + 1, row, columns[j]] |= JUMP


@jit
def _search(
    rates: Array,
    ordered: Array,
    exchanges: Array,
    places: Array,
    constants: Array,
    limits: Array,
    single: float,
    lane: Array,
    found: Array,
    row: int,
    columns: Array,
    n: int,
) -> None:
    lane[SINGLE : SINGLE + LANES] = 1
    lane[HITS : HITS + LANES] = 0
    copy_rows(rates, ordered, n)
    median(ordered, exchanges, lane, n)
    lane[PLAIN : PLAIN + n] = lane[MIDDLE : MIDDLE + n]
    _begin(rates, ordered, single, lane, n)
    _look(rates, ordered, exchanges, constants, limits, lane, n)
    _mark_all(rates, places, constants, lane, found, row, columns, n)
    while _mark_largest(rates, places, lane, found, row, columns, n) > 0:  # ends: each round takes one away
        copy_rows(rates, ordered, n)
        _look(rates, ordered, exchanges, constants, limits, lane, n)


@jit
def room(jumps: Array, used: int, more: int) -> Array:
    """Return the list of jumps with room for `more` rows beyond those in use."""
    if used + more <= jumps.shape[0]:
        return jumps
    made = np.empty((2 * (used + more), jumps.shape[1]))
    made[:used] = jumps[:used]
    return made


@jit
def put_jump(jump: Array, place: int, excess: float, light: float, read: float, numbers: Array) -> None:
    """Write place, size and ratio of a jump, `excess` above the median where photons came at `light` [electron/s]."""
    variance = numbers[A] * read + numbers[B] * light
    jump[0] = place  # exact: whole numbers are up to 2^53
    jump[1] = excess / numbers[PER_SECOND]
    jump[2] = abs(excess) / np.sqrt(variance)


@jit
def _list_hits(
    tile: Array,
    marks: Array,
    places: Array,
    constants: Array,
    lane: Array,
    found: Array,
    row: int,
    columns: Array,
    jumps: Array,
    used: int,
    n: int,
) -> int:
    last = marks.shape[0] - 1
    for j in range(n):
        if lane[HITS + j] > 0:
            for i in range(places.shape[0]):
                k, column = places[i] + 1, columns[j]
                if found[k, row, column] & ~marks[min(k, last), j] & JUMP:
                    rate = lane[GAIN + j] * (tile[k, j] - tile[k - 1, j]) * constants[PER_SECOND, i]
                    middle = lane[PLAIN + j]
                    place = (k * found.shape[1] + row) * found.shape[2] + column
                    light = abs(middle) + lane[DARK + j]
                    put_jump(jumps[used], place, rate - middle, light, lane[READ + j], constants[:, i])
                    used += 1
    return used


@jit
def search_rows(
    counts: Array,
    flags: Array,
    pixels: Any,
    places: Array,
    constants: Array,
    exchanges: Array,
    limits: Array,
    single: float,
    found: Array,
    start: int,
    stop: int,
) -> Array:
    """Search the rows from `start` to `stop`; returns the list of the jumps found, (jump, 3).

    It has the place in the flattened (resultant, row, column), the size above the median rate of all usable
    differences [electron], and the absolute ratio of that to its noise.

    Parameters
    ----------
    counts
        (resultant, row, column) [DN], C-contiguous; integrations follow one another.
    flags
        (resultant, row, column) uint8, or (0, 0, 0) where nothing is flagged.
    pixels
        Gain [electron/DN], read noise of one read [electron] and pixel flags (uint32), each (row, column) or
        of length 1 along an axis.
    places
        Earlier resultant of each difference, (difference,).
    constants
        (3, difference): 1/D, A/D^2, B/D^2, see `two_point.constants`; of the type in which all is computed.
    exchanges
        `network` of the number of differences.
    limits
        Squared ratio beyond which a jump is seen: with two, three, and more usable differences.
    single
        Usable differences from which one pass is enough.
    found
        (resultant, row, column) uint8, gets JUMP on the later resultant of each difference found.
    """
    n_columns = counts.shape[2]
    tile = aligned(counts.shape[0], LANES, constants.dtype)
    marks = np.zeros((max(flags.shape[0], 1), LANES), np.uint8)
    rates = aligned(places.shape[0], LANES, constants.dtype)
    ordered = aligned(places.shape[0], LANES, constants.dtype)
    lane = aligned(1, LANE_FIELDS, constants.dtype)[0]
    known = np.zeros(LANES, np.uint32)
    everywhere = np.arange(n_columns)
    suspects = np.zeros(n_columns + 1, np.int64)
    jumps, used = np.empty((64, 3)), 0
    for row in range(start, stop):
        length = 0
        for first in range(0, n_columns, LANES):
            n = min(LANES, n_columns - first)
            columns = everywhere[first : first + n]
            take_runs(counts, flags, row, first, tile, marks, n)
            prepare(pixels, row, columns, lane, known, n)
            load_rates(tile, marks, places, constants, rates, lane, n)
            _begin(rates, ordered, single, lane, n)
            _glance(rates, ordered, exchanges, constants, limits, lane, n)
            length = _suspects(lane, columns, n, suspects, length)
        for first in range(0, length, LANES):
            n = min(LANES, length - first)
            columns = suspects[first : first + n]
            take_lists(counts, flags, row, columns, tile, marks, n)
            prepare(pixels, row, columns, lane, known, n)
            load_rates(tile, marks, places, constants, rates, lane, n)
            _search(rates, ordered, exchanges, places, constants, limits, single, lane, found, row, columns, n)
            jumps = room(jumps, used, int(lane[HITS : HITS + n].sum()))
            used = _list_hits(tile, marks, places, constants, lane, found, row, columns, jumps, used, n)
    return jumps[:used]
