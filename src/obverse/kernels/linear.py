"""Rates that are weighted sums of resultants, where the weights follow the signal.

A pixel whose whole ramp is usable needs no weights of its own: they lie on a curve in a space of few
dimensions, K(c) = basis[0] + sum_b phi[b, c] basis[b], so that the products basis . R are made once, many pixels
at a time, and the signal only mixes them. Pixels with flags, or with a jump in sight, are gathered in a list; each
of their segments gets its own weights.

Symbols: `R` resultant [electron]; `K` weights of the rate; `f` covariance rate; `QR`, `QS` quadratic forms of K,
var(rate) = read QR + f QS.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from obverse.kernels._cut_ramps import fit_cut
from obverse.kernels._hits import look_for_jumps
from obverse.kernels._jit import jit
from obverse.kernels._lanes import LANES, aligned, put_list, take_list, take_run
from obverse.kernels._pixels import DARK, GOOD, JUMP, PROPAGATED, READ, UNUSABLE, prepare, unite
from obverse.kernels._rule import COMBINE, LANE_FIELDS, NEXT, ODD, PEDESTAL, QR, QS, RATE, TBAR, WEIGHT
from obverse.kernels._segment_means import weight
from obverse.kernels._whole_ramps import fit_whole, intercepts

__all__ = ["fit_rows"]

Array = NDArray[Any]


@jit
def _weights_of_regular(
    lane: Array, rule: Array, times: Array, formal: Array, given: Array, row: int, first: int, n: int
) -> None:
    """Fill the weight of each ramp, for the mean over integrations."""
    last = times.shape[1] - 1
    for j in range(n):
        f = given[row % given.shape[0], (first + j) % given.shape[1]]
        own = lane[READ + j], f, lane[QR + j], lane[QS + j]
        lane[WEIGHT + j] = weight(rule[COMBINE], 0, last, own[0], own[1], own[2], own[3], times, formal)


@jit
def _odd_ones(product: Array, seen: Array, lane: Array, n: int) -> None:
    """Mark what needs a fit of its own: flags, numbers that are none, pixels that make no sense."""
    one, zero = lane.dtype.type(1), lane.dtype.type(0)
    total = product[0]  # every resultant went into it, so NaN or infinity in one shows
    for j in range(n):
        clean = ((seen[j] & (UNUSABLE | JUMP)) == 0) & (lane[GOOD + j] > 0) & (total[j] - total[j] == 0)
        lane[ODD + j] = zero if clean else one


@jit
def _conclude(lane: Array, seen: Array, known: Array, n: int) -> None:
    """Turn the forms into variances, in the fields QS (photons) and QR (read), and set the flags."""
    zero = lane.dtype.type(0)
    for j in range(n):
        f = (lane[RATE + j] if lane[RATE + j] > 0 else zero) + lane[DARK + j]
        lane[NEXT + j] = lane[QS + j]
        lane[QS + j] *= f
        lane[QR + j] *= lane[READ + j]
    for j in range(n):
        known[j] |= (seen[j] & PROPAGATED) | (lane[RATE + j] != lane[RATE + j])  # DO_NOT_USE is 1


@jit
def fit_rows(
    counts: Array,
    flags: Array,
    pixels: Any,
    given: Array,
    rule: Array,
    intercept: float,
    tables: Any,
    found: Array,
    segments: Array,
    out: Array,
    out_flags: Array,
    start: int,
    stop: int,
) -> float:
    """Fit the rows from `start` to `stop`; returns how many resultants were lost to NaN or infinity.

    Parameters
    ----------
    counts
        (resultant, row, column) [DN], C-contiguous.
    flags
        (resultant, row, column) uint8, or (0, 0, 0) where nothing is flagged.
    pixels
        Gain [electron/DN], read noise of one read [electron], dark rate [electron/s] and pixel flags (uint32),
        each (row, column) or of length 1 along an axis.
    given
        Covariance rate [electron/s] that all segments and integrations share, (row, column), or (1, 1) NaN.
    rule
        Kind of weights, whether hit resultants join the next segment, how segments are combined.
    intercept
        Significance of a jump at 1 electron/s; infinite: no search.
    tables
        Times, constants of differences, limits of the signal, basis, phi, forms; of segments
        the formal variances, the weights of lines, and where they stand; pairs: `obverse.ramps.weights`.
    found
        (resultant, row, column) uint8, gets JUMP on the resultants beside each jump found.
    segments
        (field, segment, row, column), see `FIELDS`, or empty.
    out
        (4, row, column): rate [electron/s], its variances from photons and from reading, pedestal [electron];
        (6, ...): also the weight of the ramp among integrations, and the form QS.
    out_flags
        (row, column) uint32.
    """
    times, differences, signal, basis, phi, forms, formal, lines, rows, pairs = tables
    size, n_columns = times.shape[1], counts.shape[2]
    tile = aligned(size, LANES, times.dtype)
    product = aligned(basis.shape[0], LANES, times.dtype)
    lane = aligned(1, LANE_FIELDS, times.dtype)[0]
    marks = np.zeros((max(flags.shape[0], 1), LANES), np.uint8)
    all_states = np.zeros((size, LANES), np.uint8)
    lost_to_nan = np.zeros(1, np.int64)
    seen = np.zeros(LANES, np.uint8)
    known = np.zeros(LANES, np.uint32)
    at = np.zeros(LANES, np.uint32)
    everywhere = np.arange(n_columns)
    listed = np.zeros(n_columns, np.int64)
    limit = intercept - 4 / 3
    for row in range(start, stop):
        length = 0
        for first in range(0, n_columns, LANES):
            n = min(LANES, n_columns - first)
            seen[:] = 0
            for k in range(flags.shape[0]):
                unite(flags[k, row, first : first + n], seen, n)
            prepare(pixels, row, everywhere[first : first + n], lane, known, n)
            fit_whole(counts, lane, product, at, rule, times, signal, pairs, basis, phi, forms, given, row, first, n)
            _odd_ones(product, seen, lane, n)
            if segments.shape[0] > 0:
                lane[ODD : ODD + n] = 1
            if limit < np.inf:
                look_for_jumps(counts, row, first, lane, times, limit, n)
            intercepts(counts[0, row, first : first + n], lane, times[TBAR, 0], n)
            if out.shape[0] > 4:
                _weights_of_regular(lane, rule, times, formal, given, row, first, n)
            _conclude(lane, seen, known, n)
            for place, field in enumerate((RATE, QS, QR, PEDESTAL, WEIGHT, NEXT)):
                if place < out.shape[0]:
                    take_run(lane[field : field + n], out[place, row, first : first + n], n)
            take_run(known, out_flags[row, first : first + n], n)
            for j in range(n):
                if lane[ODD + j] > 0:
                    listed[length] = first + j
                    length += 1
        for first in range(0, length, LANES):
            n = min(LANES, length - first)
            columns = listed[first : first + n]
            for k in range(size):
                take_list(counts[k, row], columns, n, tile[k])
            seen[:] = 0
            for k in range(flags.shape[0]):
                take_list(flags[k, row], columns, n, marks[k])
                unite(marks[k], seen, n)
            prepare(pixels, row, columns, lane, known, n)
            fit_cut(
                tile,
                marks,
                all_states,
                lost_to_nan,
                lane,
                seen,
                columns,
                row,
                given,
                rule,
                intercept,
                times,
                differences,
                signal,
                rows,
                lines,
                formal,
                found,
                segments,
                n,
            )
            _conclude(lane, seen, known, n)
            for place, field in enumerate((RATE, QS, QR, PEDESTAL, WEIGHT, NEXT)):
                if place < out.shape[0]:
                    put_list(lane[field : field + n], columns, out[place, row], n)
            put_list(known, columns, out_flags[row], n)
    return lost_to_nan[0]
