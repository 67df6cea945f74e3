"""Rates that are weighted sums of resultants, where the weights follow the signal.

A pixel whose whole ramp is usable needs no weights of its own: they lie on a curve in a space of few
dimensions, K(c) = basis[0] + sum_b phi[b, c] basis[b], so that the products basis . R are made once, many pixels
at a time, and the signal only mixes them. Pixels with flags, or with a jump in sight, are gathered in a list; each
of their segments gets its own weights.

Symbols: `R` resultant [electron]; `K` weights of the rate; `f` covariance rate; `QR`, `QS` quadratic forms of K,
var(rate) = read QR + f QS.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from obverse.kernels._jit import jit
from obverse.kernels._lanes import LANES, aligned, put_list, take_list, take_run
from obverse.kernels._pixels import DARK, GAIN, GOOD, JUMP, PROPAGATED, READ, UNUSABLE, prepare, unite
from obverse.kernels._segments import CLEAN, HIT, LOST, split

__all__ = ["FIELDS", "fit_rows"]

Array = NDArray[Any]

# Fields of `lane`, behind those of _pixels.
RISE, RATE, QR, QS, WEIGHT, PEDESTAL, FRACTION, ODD, NEXT, WORK = (i * LANES for i in range(4, 14))
LANE_FIELDS = 14 * LANES

# Rows of `times`, one column a resultant: mean time, tau, 1/N, N or 1 in the weights, noise share in the signal.
TBAR, TAU, SHARE, READS, NOISE = range(5)

# Rows of `differences`, as in kernels/likelihood.
D, A, B, AC, BC = range(5)

# Rows of `forms`, one column a node: QR and QS. Rows of `pairs`: the resultants whose difference enters.

# Places of `rule`: kind of weights, whether a hit resultant joins the next segment, and how segments are combined.
KIND, JOINS, COMBINE = range(3)
POWER, COVARIANCE = range(2)
FORMAL, FORMAL_TOTAL, READ_ONLY, COMMON_RATE = range(4)

# Planes of `segments`: of each segment its rate, forms, first and last resultant, intercept, its forms, and the
# formal errors of a straight line with these weights.
FIELDS = ("rate", "qr", "qs", "first", "last", "intercept", "jr", "js", "formal_rate", "formal_intercept")


@jit
def _form(K: Array, a: int, b: int, times: Array, origin: float) -> tuple[float, float]:
    """QR and QS of the weights K: sum K_i^2/N_i, and sum K_i^2 tau_i + 2 sum_{i<j} K_i K_j tbar_i."""
    zero = K[a] * 0
    read, photons, behind = zero, zero, zero
    for i in range(b, a - 1, -1):
        read += K[i] * K[i] * times[SHARE, i]
        photons += K[i] * (K[i] * (times[TAU, i] - origin) + 2 * (times[TBAR, i] - origin) * behind)
        behind += K[i]
    return read, photons


@jit
def _place(rise: float, noise: float, signal: Array) -> int:
    """Count the limits that the signal-to-noise ratio has passed; `signal` holds them, and the exponents."""
    place = 0
    if rise > 0:
        ratio = rise / math.sqrt(noise + rise)
        for i in range(1, signal.shape[1]):
            place += 1 if ratio >= signal[0, i] else 0
    return place


@jit
def _raised(x: float, power: float) -> float:
    """x^P by squaring where P is whole, which a power function does in five times the time."""
    whole = int(power)
    if whole != power:
        return x**power
    made, square = x - x + 1, x
    while whole > 0:
        if whole & 1:
            made *= square
        square *= square
        whole >>= 1
    return made


@jit
def _power_weights(P: float, a: int, b: int, times: Array, w: Array, K: Array) -> None:
    """Weights of a straight line, |(t - c)/h|^P: the higher the signal, the more the ends count."""
    one, two = K.dtype.type(1), K.dtype.type(2)
    c, h = (times[TBAR, a] + times[TBAR, b]) / two, (times[TBAR, b] - times[TBAR, a]) / two
    zero, per = one - one, one / h
    F0, F1, F2 = zero, zero, zero
    for k in range(a, b + 1):
        t = times[TBAR, k] - c
        N = times[READS, k]
        w[k] = (one + P) * N / (one + P * N) * _raised(abs(t * per), P)
        F0 += w[k]
        F1 += w[k] * t
        F2 += w[k] * t * t
    scale = one / (F0 * F2 - F1 * F1)
    for k in range(a, b + 1):
        K[k] = (F0 * (times[TBAR, k] - c) - F1) * w[k] * scale


@jit
def _optimal_weights(a: int, b: int, u: float, differences: Array, w: Array, K: Array) -> None:
    """Solve V x = D on the differences of a segment, V = A + u B; K are the x as weights of resultants.

    `w` ends as 1 at the first resultant, from which the intercept is then seen.
    """
    zero = u - u
    v, e, s, x = zero, zero, zero, zero
    for i in range(a, b):  # on the way there K holds v and w holds e, one place behind
        c = differences[AC, i] + u * differences[BC, i] if i > a else zero
        step = c / v if i > a else zero
        v = differences[A, i] + u * differences[B, i] - step * c
        e = differences[D, i] - step * e
        K[i + 1], w[i + 1] = v, e
    for i in range(b - 1, a - 1, -1):
        c = differences[AC, i + 1] + u * differences[BC, i + 1] if i < b - 1 else zero
        here = (w[i + 1] - c * x) / K[i + 1]
        K[i + 1] = here - x
        s += here * differences[D, i]
        x = here
    K[a] = -x
    scale = 1 / s
    for k in range(a, b + 1):
        K[k] *= scale
        w[k] = zero
    w[a] = 1


@jit
def _slope(R: Array, K: Array, a: int, b: int) -> float:
    total = K[a] * 0
    for k in range(a + 1, b + 1):
        total += K[k] * (R[k] - R[a])
    return total


@jit
def _weight(
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
def _search(
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
        rate, _, _ = _line(R, a, b, read, times, signal, rows, lines)
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
    forms = _form(K, a, b, times, times[TBAR, a])
    for k in range(a, b + 1):  # K becomes the weights of the intercept
        K[k] = w[k] / F0 - K[k] * (F1 / F0)
    intercept_forms = _form(K, a, b, times, zero)
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
def _store_all(
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
            place = _place(R[b] - R[a], read * times[NOISE, b], signal)
            _power_weights(signal[1, place], a, b, times, w, K)
        else:
            _optimal_weights(a, b, lane[NEXT + j] / read, differences, w, K)
        _store(R, K, w, a, b, _slope(R, K, a, b), read, times, target[:, s])


@jit
def _line(
    R: Array, a: int, b: int, read: float, times: Array, signal: Array, rows: Array, lines: Array
) -> tuple[float, int, int]:
    """Slope of a segment by the weights of a line, and where in `lines` they stand."""
    row, place = rows[a, b], _place(R[b] - R[a], read * times[NOISE, b], signal)
    slope = lines.dtype.type(0)
    for k in range(1, b - a + 1):  # no slice of `lines`: counting its references takes longer than the sum
        slope += lines[row, place, 2 + k] * (R[a + k] - R[a])
    return slope, row, place


@jit
def _mean_of_lines(
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
        slope, row, place = _line(R, a, b, read, times, signal, rows, lines)
        own_qr, own_qs = lines[row, place, 0], lines[row, place, 1]
        W = _weight(combine, a, b, read, f, own_qr, own_qs, times, formal)
        rate += W * slope
        qr += W * W * own_qr
        qs += W * W * own_qs
        total += W
    return rate / total, qr / (total * total), qs / (total * total), total  # NaN where no segment is left


@jit
def _mean_of_optimal(
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
        _optimal_weights(a, b, f / read, differences, w, K)
        own_qr, own_qs = _form(K, a, b, times, times[TBAR, a])
        W = 1 / (read * own_qr + f * own_qs)
        rate += W * _slope(R, K, a, b)
        qr += W * W * own_qr
        qs += W * W * own_qs
        total += W
    return rate / total, qr / (total * total), qs / (total * total), total


@jit
def _mean_rate(R: Array, times: Array, first: Array, last: Array, count: int) -> float:
    rise, time = R.dtype.type(0), R.dtype.type(0)
    for s in range(count):
        rise += R[last[s]] - R[first[s]]
        time += times[TBAR, last[s]] - times[TBAR, first[s]]
    return rise / time


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
    lane[RATE + j], lane[QR + j], lane[QS + j], lane[WEIGHT + j] = _mean_of_lines(
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
        f = max(_mean_rate(R, times, first, last, count), zero) + dark if count > 0 else zero
        rate, _, _, _ = _mean_of_optimal(R, first, last, count, read, f, times, differences, w, K)
        f = max(rate, zero) + dark
    lane[RATE + j], lane[QR + j], lane[QS + j], lane[WEIGHT + j] = _mean_of_optimal(
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
def _irregular(
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
            if _search(
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
            _store_all(R, lane, j, rule, times, differences, signal, states, first, last, w, K, target)


@jit
def _rise(low: Array, high: Array, lane: Array, target: Array, n: int) -> None:
    real = lane.dtype.type
    for j in range(n):
        target[j] = lane[GAIN + j] * (real(high[j]) - real(low[j]))


@jit
def _project(rises: Array, weights: Array, product: Array, n: int) -> None:
    """Add one rise to the products of all basis vectors with the ramp."""
    for i in range(weights.shape[0]):
        weight, into = weights[i], product[i]
        for j in range(n):
            into[j] += weight * rises[j]


@jit
def _choose_exponent(lane: Array, signal: Array, noise: float, at: Array, n: int) -> None:
    """Count the limits that the signal-to-noise ratio, squared to save a root, has passed."""
    zero, one = lane.dtype.type(0), np.uint32(1)
    at[:] = 0
    for j in range(n):
        s = lane[RISE + j]
        ratio = s * s / (lane[READ + j] * noise + s)
        lane[WORK + j] = ratio if s > 0 else zero
    for i in range(1, signal.shape[1]):
        limit = signal[0, i] * signal[0, i]
        for j in range(n):
            at[j] += one if lane[WORK + j] >= limit else np.uint32(0)


@jit
def _choose_node(lane: Array, signal: Array, last: int, at: Array, n: int) -> None:
    """Find where the covariance rate stands between the nodes, which are even in the 16th root of f/read."""
    origin, per = signal[0, 0], signal[0, 1]
    zero, top = lane.dtype.type(0), lane.dtype.type(last) * lane.dtype.type(0.9999)
    for j in range(n):
        f = lane[NEXT + j]
        u = math.sqrt(math.sqrt(math.sqrt(math.sqrt((f if f > 0 else zero) / lane[READ + j]))))
        place = (u - origin) * per
        place = place if place > 0 else zero
        place = place if place < top else top
        at[j] = np.uint32(np.int32(place))
        lane[FRACTION + j] = place - lane.dtype.type(np.int32(place))


@jit
def _pick(row: Array, at: Array, target: Array, n: int) -> None:
    for j in range(n):
        target[j] = row[at[j]]


@jit
def _look_up(row: Array, between: bool, at: Array, lane: Array, field: int, n: int) -> None:
    """Take from a table what belongs to the signal; between two nodes, along a straight line."""
    _pick(row, at, lane[field : field + n], n)
    if between:
        _pick(row[1:], at, lane[WORK : WORK + n], n)
        for j in range(n):
            lane[field + j] += lane[FRACTION + j] * (lane[WORK + j] - lane[field + j])


@jit
def _mix(product: Array, phi: Array, between: bool, lane: Array, at: Array, n: int) -> None:
    """Rate = basis . R mixed as the signal asks."""
    take_run(product[0], lane[RATE : RATE + n], n)
    for i in range(1, product.shape[0]):
        _look_up(phi[i - 1], between, at, lane, WEIGHT, n)
        mixed = product[i]
        for j in range(n):
            lane[RATE + j] += lane[WEIGHT + j] * mixed[j]


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
def _regular(
    counts: Array,
    lane: Array,
    product: Array,
    at: Array,
    rule: Array,
    times: Array,
    signal: Array,
    pairs: Array,
    basis: Array,
    phi: Array,
    forms: Array,
    given: Array,
    row: int,
    first: int,
    n: int,
) -> None:
    """Fit pixels as if their whole ramp were usable."""
    product[:] = 0
    for i in range(pairs.shape[1]):  # the last pair is the whole ramp: RISE then holds the signal
        low, high = counts[pairs[0, i], row, first : first + n], counts[pairs[1, i], row, first : first + n]
        _rise(low, high, lane, lane[RISE : RISE + n], n)
        _project(lane[RISE : RISE + n], basis[:, i], product, n)
    between = rule[KIND] == COVARIANCE
    if between:
        _two_passes(lane, product, at, times, signal, phi, given, row, first, n)
    else:
        _choose_exponent(lane, signal, times[NOISE, times.shape[1] - 1], at, n)
        _mix(product, phi, between, lane, at, n)
    _look_up(forms[0], between, at, lane, QR, n)
    _look_up(forms[1], between, at, lane, QS, n)


@jit
def _intercepts(start: Array, lane: Array, t: float, n: int) -> None:
    real = lane.dtype.type
    for j in range(n):
        lane[PEDESTAL + j] = lane[GAIN + j] * real(start[j]) - lane[RATE + j] * t


@jit
def _two_passes(
    lane: Array,
    product: Array,
    at: Array,
    times: Array,
    signal: Array,
    phi: Array,
    given: Array,
    row: int,
    first: int,
    n: int,
) -> None:
    """Weights from the mean rate, then from the rate that these weights gave; or from the rate that was given."""
    if given.size > 1:
        take_run(given[row, first : first + n], lane[NEXT : NEXT + n], n)
        _choose_node(lane, signal, phi.shape[1] - 1, at, n)
        _mix(product, phi, True, lane, at, n)
        return
    last, zero = times.shape[1] - 1, lane.dtype.type(0)
    per = lane.dtype.type(1) / (times[TBAR, last] - times[TBAR, 0])
    for j in range(n):
        lane[RATE + j] = lane[RISE + j] * per
    for _ in range(2):
        for j in range(n):
            lane[NEXT + j] = (lane[RATE + j] if lane[RATE + j] > 0 else zero) + lane[DARK + j]
        _choose_node(lane, signal, phi.shape[1] - 1, at, n)
        _mix(product, phi, True, lane, at, n)


@jit
def _weights_of_regular(
    lane: Array, rule: Array, times: Array, formal: Array, given: Array, row: int, first: int, n: int
) -> None:
    """Fill the weight of each ramp, for the mean over integrations."""
    last = times.shape[1] - 1
    for j in range(n):
        f = given[row % given.shape[0], (first + j) % given.shape[1]]
        own = lane[READ + j], f, lane[QR + j], lane[QS + j]
        lane[WEIGHT + j] = _weight(rule[COMBINE], 0, last, own[0], own[1], own[2], own[3], times, formal)


@jit
def _odd_ones(product: Array, seen: Array, lane: Array, n: int) -> None:
    """Mark what needs a fit of its own: flags, numbers that are none, pixels that make no sense."""
    one, zero = lane.dtype.type(1), lane.dtype.type(0)
    total = product[0]  # every resultant went into it, so NaN or infinity in one shows
    for j in range(n):
        clean = ((seen[j] & (UNUSABLE | JUMP)) == 0) & (lane[GOOD + j] > 0) & (total[j] - total[j] == 0)
        lane[ODD + j] = zero if clean else one


@jit
def _look_for_jumps(counts: Array, row: int, first: int, lane: Array, times: Array, limit: float, n: int) -> None:
    for i in range(counts.shape[0] - 1):
        low = counts[i, row, first : first + n]
        for step in range(1, min(3, counts.shape[0] - i)):
            _suspect(low, counts[i + step, row, first : first + n], lane, times, i, step, limit, n)


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
            _regular(counts, lane, product, at, rule, times, signal, pairs, basis, phi, forms, given, row, first, n)
            _odd_ones(product, seen, lane, n)
            if segments.shape[0] > 0:
                lane[ODD : ODD + n] = 1
            if limit < np.inf:
                _look_for_jumps(counts, row, first, lane, times, limit, n)
            _intercepts(counts[0, row, first : first + n], lane, times[TBAR, 0], n)
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
            _irregular(
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
