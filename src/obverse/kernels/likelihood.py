"""Generalised least squares on the differences of a ramp, many pixels at a time.

Differences stand in the outer loop and `LANES` neighbouring pixels in the inner one, where LLVM vectorises.
A loop vectorises only while it touches few arrays (each further one needs a test for overlap), so that all
the scratch of a difference is one row of `work`, cut into fields of `LANES` values, and all that belongs to
a pixel is one array `lane`, cut in the same way. Row 0 of `work` is a difference before the first, all zero.

Symbols: `y` difference [electron]; `d` its time; `w` 1 where it counts, else 0; `v` = `a` + `u` `b` its
variance and `c` = `ac` + `u` `bc` its covariance with the difference before, both in units of the read
variance of one read; `u` covariance rate over read variance; `x` = V^-1 d.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from obverse.kernels._jit import jit
from obverse.kernels._lanes import LANES, aligned, put_list, take_list, take_run
from obverse.kernels._pixels import DARK, GAIN, GOOD, JUMP, PROPAGATED, READ, UNUSABLE, prepare, unite

__all__ = ["fit_rows"]

Array = NDArray[Any]

# Fields of a row of `work`.
Y, W, R, E, Z, FIELDS = (i * LANES for i in range(6))

# Fields of `lane`.
U, START, S, T, Q = (i * LANES for i in range(4, 9))  # behind what _pixels has put there
N, SUM_Y, SUM_D, HIGH, LOW = (i * LANES for i in range(9, 14))
X, V, INVERSE, QUAD_A, QUAD_B, RATE, LOST, ZERO = (i * LANES for i in range(14, 22))
BEST_1, AT_1, BEST_2, AT_2, RESIDUAL, P_LATER, LANE_FIELDS = (i * LANES for i in range(22, 29))

# Rows of `constants`, one column a difference.
D, A, B, AC, BC, PAIR = range(6)


@jit
def _load_difference(
    low: Array, high: Array, f_low: Array, f_high: Array, here: Array, lane: Array, d: float, n: int
) -> None:
    zero, one = lane.dtype.type(0), lane.dtype.type(1)
    for j in range(n):
        step = high[j] - low[j]
        finite = step - step == 0
        allowed = ((f_low[j] & UNUSABLE) | (f_high[j] & (UNUSABLE | JUMP))) == 0
        usable = allowed & finite & (lane[GOOD + j] > 0)
        y, w = lane[GAIN + j] * step if usable else zero, one if usable else zero
        here[W + j] = w
        here[Y + j] = y
        lane[N + j] += w
        lane[SUM_Y + j] += y
        lane[SUM_D + j] += w * d
        # where nothing but the number itself speaks against it: the caller then looks for NaN
        lane[LOST + j] += one if allowed & (not finite) else zero


@jit
def _load(tile: Array, marks: Array, constants: Array, work: Array, lane: Array, seen: Array, n: int) -> None:
    lane[N : SUM_D + LANES] = 0
    seen[:] = 0
    last = marks.shape[0] - 1
    for i in range(constants.shape[1]):
        here, d = work[i + 1], constants[D, i]
        if d > 0:
            _load_difference(tile[i], tile[i + 1], marks[min(i, last)], marks[min(i + 1, last)], here, lane, d, n)
        else:  # the seam between two integrations
            here[Y:R] = 0
    for k in range(marks.shape[0]):
        unite(marks[k], seen, n)


@jit
def _add_up(here: Array, lane: Array, d: float, n: int) -> None:
    for j in range(n):
        lane[N + j] += here[W + j]
        lane[SUM_Y + j] += here[Y + j]
        lane[SUM_D + j] += here[W + j] * d


@jit
def _extremes(here: Array, lane: Array, d: float, n: int) -> None:
    for j in range(n):
        # the excesses add up to zero, so that zero, for a difference that does not count, is never an extreme
        excess = (here[Y + j] - lane[START + j] * d) * here[W + j]
        high, low = lane[HIGH + j], lane[LOW + j]
        lane[HIGH + j] = excess if excess > high else high
        lane[LOW + j] = excess if excess < low else low


@jit
def _start(work: Array, constants: Array, lane: Array, n: int) -> None:
    """Set START to the mean rate; of more than three differences the highest and the lowest are left out.

    One cosmic ray then leaves the covariance nearly as it is without it (in even patterns: exactly), at a
    cost that grows linearly with the groups.
    """
    lane[HIGH : LOW + LANES] = 0
    two = lane.dtype.type(2)
    for j in range(n):
        lane[START + j] = lane[SUM_Y + j] / lane[SUM_D + j] if lane[N + j] > 0 else lane[ZERO + j]
    for i in range(constants.shape[1]):
        _extremes(work[i + 1], lane, constants[D, i], n)
    for j in range(n):
        count = lane[N + j]
        trimmed = (lane[HIGH + j] + lane[LOW + j]) * count / ((count - two) * lane[SUM_D + j])
        lane[START + j] -= trimmed if count > 3 else lane[ZERO + j]


@jit
def _eliminate(
    here: Array, before: Array, lane: Array, d: float, a: float, b: float, ac: float, bc: float, n: int
) -> None:
    """One step of V = L diag(v) L^T; where a difference does not count, 1/v = 0 uncouples its neighbours."""
    for j in range(n):
        u = lane[U + j]
        c = ac + u * bc
        step = c * before[R + j]
        v = a + u * b - step * c
        e = d - step * before[E + j]
        z = here[Y + j] - lane[START + j] * d - step * before[Z + j]
        r = here[W + j] / v
        here[R + j] = r
        here[E + j] = e
        here[Z + j] = z
        lane[S + j] += e * e * r
        lane[T + j] += e * z * r
        lane[Q + j] += z * z * r


@jit
def _forward(work: Array, constants: Array, lane: Array, n: int) -> None:
    """Weigh the differences by the covariance at the rate START; sums S, T, Q and the improved RATE."""
    lane[S : Q + LANES] = 0
    for j in range(n):
        # the comparison is written so that NaN, from a pixel with nothing left, becomes no photon noise
        photons = lane[START + j] if lane[START + j] > 0 else lane[ZERO + j]
        lane[U + j] = (photons + lane[DARK + j]) / lane[READ + j]
    for i in range(constants.shape[1]):
        k = constants[:, i]
        _eliminate(work[i + 1], work[i], lane, k[D], k[A], k[B], k[AC], k[BC], n)
    for j in range(n):
        lane[RATE + j] = lane[START + j] + lane[T + j] / lane[S + j]


@jit
def _substitute(here: Array, lane: Array, a: float, b: float, ac: float, bc: float, n: int) -> None:
    """One step of the way back to x, and x'Ax and x'Bx; `ac` and `bc` couple to the difference after."""
    for j in range(n):
        later = lane[X + j]
        x = (here[E + j] - (ac + lane[U + j] * bc) * later) * here[R + j]
        lane[QUAD_A + j] += x * (a * x + (ac + ac) * later)
        lane[QUAD_B + j] += x * (b * x + (bc + bc) * later)
        lane[X + j] = x


@jit
def _backward(work: Array, constants: Array, lane: Array, n: int) -> None:
    lane[X : QUAD_B + LANES] = 0
    m = constants.shape[1]
    for i in range(m - 1, -1, -1):
        after = constants[:, min(i + 1, m - 1)]
        _substitute(work[i + 1], lane, constants[A, i], constants[B, i], after[AC], after[BC], n)


@jit
def _refine(work: Array, constants: Array, lane: Array, n: int) -> None:
    """Second pass, with the covariance of the first one's rate, and the way back.

    Weights that come from the optimal rate itself carry no bias of first order (w'C is constant and the
    weights sum to one), so nothing is left to correct after this pass.
    """
    for j in range(n):
        lane[START + j] = lane[RATE + j] if lane[S + j] > 0 else lane[DARK + j]
    _forward(work, constants, lane, n)
    _backward(work, constants, lane, n)


@jit
def _conclude(lane: Array, n: int) -> None:
    """Turn the sums into variances and chi-square, in the fields QUAD_B (photons), QUAD_A (read) and Q."""
    for j in range(n):
        s, read = lane[S + j], lane[READ + j]
        scale = read / (s * s)  # s = 0, nothing left, makes NaN of everything below
        lane[QUAD_B + j] *= lane[U + j] * scale
        lane[QUAD_A + j] *= scale
        chi2 = (lane[Q + j] - lane[T + j] * (lane[T + j] / s)) / read
        lane[Q + j] = lane[ZERO + j] if chi2 < 0 else chi2


@jit
def _pedestal(tile: Array, marks: Array, tbar: Array, lane: Array, n: int) -> None:
    """Charge at time zero, seen from the first resultant that is clean, in the field SUM_Y.

    No jump came before it, whatever became of the difference behind it.
    """
    lane[SUM_Y : SUM_Y + n] = np.nan
    last = marks.shape[0] - 1
    for k in range(tile.shape[0]):
        values, flags, t, missing = tile[k], marks[min(k, last)], tbar[k], 0
        for j in range(n):
            value = lane[GAIN + j] * values[j] - lane[RATE + j] * t
            unknown = lane[SUM_Y + j] != lane[SUM_Y + j]
            clean = ((flags[j] & (UNUSABLE | JUMP)) == 0) & (values[j] - values[j] == 0)
            lane[SUM_Y + j] = value if unknown and clean else lane[SUM_Y + j]
            missing += unknown and not clean
        if missing == 0:
            break


@jit
def _improvements(here: Array, lane: Array, i: int, a: Array, n: int) -> None:
    """One step back, and by how much chi-square falls where difference i, or i and i + 1, is left out.

    With P = V^-1 - x x'/s and q = V^-1 y - rate x these are q_i^2 / P_ii and q' H^-1 q, H a 2 x 2 block of P.
    `a` holds the couplings to the difference after, and in its third place whether the pair may be left out.
    """
    for j in range(n):
        s, read, r = lane[S + j], lane[READ + j], here[R + j]
        c = a[0] + lane[U + j] * a[1]
        x_after, inverse_after = lane[X + j], lane[INVERSE + j]
        q_after, p_after = lane[RESIDUAL + j], lane[P_LATER + j]
        x = (here[E + j] - c * x_after) * r
        v = (here[Z + j] - c * lane[V + j]) * r
        inverse = r + (c * r) * (c * r) * inverse_after
        q = v - lane[T + j] / s * x
        p = inverse - x * x / s
        across = -c * r * inverse_after - x * x_after / s
        single = q * q / (p * read)  # 0/0 where the difference does not count: NaN is never better
        lane[AT_1 + j] = i if single > lane[BEST_1 + j] else lane[AT_1 + j]
        lane[BEST_1 + j] = single if single > lane[BEST_1 + j] else lane[BEST_1 + j]
        gain = q * (q * p_after - q_after * across) + q_after * (q_after * p - q * across)
        pair = a[2] * gain / ((p * p_after - across * across) * read)
        lane[AT_2 + j] = i if pair > lane[BEST_2 + j] else lane[AT_2 + j]
        lane[BEST_2 + j] = pair if pair > lane[BEST_2 + j] else lane[BEST_2 + j]
        lane[X + j], lane[V + j], lane[INVERSE + j], lane[RESIDUAL + j], lane[P_LATER + j] = (
            x,
            v,
            inverse,
            q,
            p,
        )


@jit
def _look(work: Array, constants: Array, lane: Array, n: int) -> None:
    for field in (X, V, INVERSE, RESIDUAL, P_LATER, BEST_1, BEST_2):
        lane[field : field + n] = 0
    m = constants.shape[1]
    for i in range(m - 1, -1, -1):
        _improvements(work[i + 1], lane, i, constants[AC:, min(i + 1, m - 1)], n)


@jit
def _omit(work: Array, lane: Array, limits: Array, found: Array, row: int, columns: Array, seen: Array, n: int) -> int:
    """Leave out what improves the fit most beyond its limit; returns in how many pixels that happened."""
    changed = 0
    for j in range(n):
        single, pair = lane[BEST_1 + j] > limits[0], lane[BEST_2 + j] > limits[1]
        # the second difference of a pair must be worth a jump of its own: else noise goes out with every tenth hit
        pair = pair and (not single or lane[BEST_2 + j] - lane[BEST_1 + j] > limits[0])
        if lane[N + j] > 3 and (single or pair):
            changed += 1
            seen[j] |= JUMP
            i = int(lane[AT_2 + j] if pair else lane[AT_1 + j])
            for k in range(i, i + (2 if pair else 1)):
                work[k + 1, W + j] = 0
                work[k + 1, Y + j] = 0
                found[k + 1, row, columns[j]] |= JUMP
    return changed


@jit
def _search(
    work: Array,
    constants: Array,
    lane: Array,
    limits: Array,
    found: Array,
    row: int,
    columns: Array,
    seen: Array,
    n: int,
) -> None:
    changed = 1
    while changed > 0:  # ends: every round but the last takes a difference away
        lane[N : SUM_D + LANES] = 0
        for i in range(constants.shape[1]):
            _add_up(work[i + 1], lane, constants[D, i], n)
        _start(work, constants, lane, n)
        _forward(work, constants, lane, n)
        _look(work, constants, lane, n)
        changed = _omit(work, lane, limits, found, row, columns, seen, n)


@jit
def _suspects(lane: Array, limit: float, columns: Array, n: int, list_: Array, length: int) -> int:
    """Append the pixels that need a search: no omission can lower chi-square by more than chi-square."""
    for j in range(n):
        lane[BEST_1 + j] = (lane[Q + j] - lane[T + j] * (lane[T + j] / lane[S + j])) / lane[READ + j]
    for j in range(n):
        if lane[BEST_1 + j] > limit and lane[N + j] > 3:
            list_[length] = columns[j]
            length += 1
    return length


@jit
def _flag(lane: Array, seen: Array, known: Array, n: int) -> None:
    for j in range(n):
        known[j] |= (seen[j] & PROPAGATED) | (not lane[S + j] > 0)  # DO_NOT_USE is 1


@jit
def _finish(
    tile: Array,
    marks: Array,
    work: Array,
    constants: Array,
    tbar: Array,
    lane: Array,
    seen: Array,
    known: Array,
    n: int,
) -> None:
    _refine(work, constants, lane, n)
    _conclude(lane, n)
    _pedestal(tile, marks, tbar, lane, n)
    _flag(lane, seen, known, n)


@jit
def fit_rows(
    counts: Array,
    flags: Array,
    pixels: Any,
    constants: Array,
    tbar: Array,
    limits: Array,
    found: Array,
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
        Gain [electron/DN], read noise of one read [electron], dark rate [electron/s] and pixel flags
        (uint32), each (row, column) or of length 1 along an axis.
    constants
        (6, resultant - 1), see `D` to `PAIR`; it has the type in which everything is computed.
    tbar
        Mean times, (resultant,) [s].
    limits
        By how much chi-square must fall for one difference and for a pair to be left out; infinite: no
        search.
    found
        (resultant, row, column) uint8, gets JUMP on the later resultant of each difference left out.
    out
        (5, row, column): rate [electron/s], its variances from photons and from reading, chi-square, pedestal
        [electron]. (11, row, column): also what a prior of the pedestal needs, in units of the read variance: of
        the first difference x, the residual q, (V^-1)_00 and whether it counts (last); of the pixel u and s.
    out_flags
        (row, column) uint32.
    """
    size, n_columns = tbar.shape[0], counts.shape[2]
    tile = aligned(size, LANES, constants.dtype)
    marks = np.zeros((max(flags.shape[0], 1), LANES), np.uint8)
    work = aligned(size, FIELDS, constants.dtype)
    lane = aligned(1, LANE_FIELDS, constants.dtype)[0]
    seen = np.zeros(LANES, np.uint8)
    known = np.zeros(LANES, np.uint32)
    everywhere = np.arange(n_columns)
    suspects = np.zeros(n_columns, np.int64)
    limit = min(limits[0], limits[1])
    for row in range(start, stop):
        length = 0
        for first in range(0, n_columns, LANES):
            n = min(LANES, n_columns - first)
            columns = everywhere[first : first + n]
            for k in range(size):
                take_run(counts[k, row, first : first + n], tile[k], n)
            for k in range(flags.shape[0]):
                take_run(flags[k, row, first : first + n], marks[k], n)
            prepare(pixels, row, columns, lane, known, n)
            _load(tile, marks, constants, work, lane, seen, n)
            _start(work, constants, lane, n)
            _forward(work, constants, lane, n)
            if limit < np.inf:
                length = _suspects(lane, limit, columns, n, suspects, length)
            _finish(tile, marks, work, constants, tbar, lane, seen, known, n)
            for place, field in enumerate((RATE, QUAD_B, QUAD_A, Q, SUM_Y)):
                take_run(lane[field : field + n], out[place, row, first : first + n], n)
            if out.shape[0] > 5:
                _look(work, constants, lane, n)
                for place, field in enumerate((X, RESIDUAL, INVERSE, U, S)):
                    take_run(lane[field : field + n], out[5 + place, row, first : first + n], n)
                take_run(work[1, W : W + n], out[10, row, first : first + n], n)
            take_run(known, out_flags[row, first : first + n], n)
        for first in range(0, length, LANES):
            n = min(LANES, length - first)
            columns = suspects[first : first + n]
            for k in range(size):
                take_list(counts[k, row], columns, n, tile[k])
            for k in range(flags.shape[0]):
                take_list(flags[k, row], columns, n, marks[k])
            prepare(pixels, row, columns, lane, known, n)
            _load(tile, marks, constants, work, lane, seen, n)
            _search(work, constants, lane, limits, found, row, columns, seen, n)
            _finish(tile, marks, work, constants, tbar, lane, seen, known, n)
            for place, field in enumerate((RATE, QUAD_B, QUAD_A, Q, SUM_Y)):
                put_list(lane[field : field + n], columns, out[place, row], n)
            if out.shape[0] > 5:
                _look(work, constants, lane, n)
                for place, field in enumerate((X, RESIDUAL, INVERSE, U, S)):
                    put_list(lane[field : field + n], columns, out[5 + place, row], n)
                put_list(work[1, W : W + n], columns, out[10, row], n)
            put_list(known, columns, out_flags[row], n)
    return lane[LOST : LOST + LANES].sum()
