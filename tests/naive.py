"""Slow, obvious oracles in float64: explicit matrices, a pixel at a time, nothing shared with the package."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from math import comb, erf, exp, factorial, sqrt
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]

UNUSABLE = 1 | 2 | 8 | 64 | 128
JUMP = 4


@dataclass
class Ramp:
    """What the oracle says of one ramp."""

    rate: float
    error: float
    var_poisson: float
    var_read: float
    chi2: float
    used: Array


def read_covariances(times: tuple[tuple[float, ...], ...]) -> tuple[Array, Array]:
    """Covariance of the differences for one electron/s, and for one electron of read noise, read by read."""
    reads = [(k, t) for k, group in enumerate(times) for t in group]
    average = np.zeros((len(times), len(reads)))
    for column, (k, _) in enumerate(reads):
        average[k, column] = 1 / len(times[k])
    shared_photons = np.array([[min(t1, t2) for _, t2 in reads] for _, t1 in reads])
    difference = np.diff(np.eye(len(times)), axis=0) @ average
    return difference @ shared_photons @ difference.T, difference @ difference.T


def usable_differences(counts: Array, flags: Array) -> Array:
    """Which differences of neighbouring resultants no flag and no NaN speaks against."""
    good = np.isfinite(counts) & ((flags & UNUSABLE) == 0)
    return good[:-1] & good[1:] & ((flags[1:] & JUMP) == 0)


def solve(y: Array, d: Array, covariance: Array) -> tuple[float, Array, float, float]:
    """Generalised least squares of y = rate d: rate, weights, variance, chi-square."""
    inverse = np.linalg.inv(covariance)
    variance = 1 / (d @ inverse @ d)
    weights = variance * (inverse @ d)
    rate = weights @ y
    return rate, weights, variance, (y - rate * d) @ inverse @ (y - rate * d)


def start_rate(y: Array, d: Array) -> float:
    """Mean rate, of more than three differences without the excess of the highest and of the lowest one."""
    mean = y.sum() / d.sum()
    if len(y) <= 3:
        return float(mean)
    excess = np.sort(y - mean * d)
    return float(mean - (excess[0] + excess[-1]) / (d.sum() * (1 - 2 / len(y))))


def fit_ramp(
    counts: Array, times: Any, gain: float, read_noise: float, flags: Array | None = None, dark: float = 0.0
) -> Ramp:
    """Fit one ramp in two passes with the full covariance matrix."""
    flags = np.zeros(len(counts), np.uint8) if flags is None else flags
    used = usable_differences(counts, flags)
    if not used.any():
        return Ramp(*[np.nan] * 5, used)
    photons, reading = read_covariances(times)
    cut = np.ix_(used, used)
    photons, reading = photons[cut], read_noise**2 * reading[cut]
    y = gain * np.diff(np.where(np.isfinite(counts), counts, 0.0).astype(float))[used]
    d = np.diff([np.mean(group) for group in times])[used]
    first = solve(y, d, reading + (max(start_rate(y, d), 0) + dark) * photons)[0]
    level = max(first, 0) + dark
    rate, weights, variance, chi2 = solve(y, d, reading + level * photons)
    split = level * (weights @ photons @ weights), weights @ reading @ weights
    return Ramp(rate, np.sqrt(variance), *split, chi2, used)


def jumps(
    counts: Array,
    times: Any,
    gain: float,
    read_noise: float,
    flags: Array | None = None,
    limits: Any = (20.25, 23.8),
) -> Array:
    """Flags after leaving out, again and again, what improves the fit most; each trial is its own fit."""
    made = np.zeros(len(counts), np.uint8) if flags is None else flags.copy()
    photons, reading = read_covariances(times)
    d = np.diff([np.mean(group) for group in times])
    y = gain * np.diff(np.where(np.isfinite(counts), counts, 0.0).astype(float))
    while True:
        used = np.flatnonzero(usable_differences(counts, made))
        if len(used) <= 3:
            return made
        covariance = read_noise**2 * reading + max(start_rate(y[used], d[used]), 0) * photons

        def chi2(kept: Array, covariance: Array = covariance) -> float:
            return solve(y[kept], d[kept], covariance[np.ix_(kept, kept)])[3]

        all_of_them = chi2(used)
        singles = {(i,): all_of_them - chi2(np.setdiff1d(used, i)) for i in used}
        shared = [(i, i + 1) for i in used if i + 1 in used and len(times[i + 1]) > 1]
        pairs = {out: all_of_them - chi2(np.setdiff1d(used, out)) for out in shared}
        one, two = max(singles, key=singles.__getitem__), max(pairs, key=pairs.__getitem__, default=None)
        out: tuple[int, ...] | None = one if singles[one] > limits[0] else None
        if two is not None and pairs[two] > limits[1] and (out is None or pairs[two] - singles[one] > limits[0]):
            out = two
        if out is None:
            return made
        for i in out:
            made[i + 1] |= JUMP


# Two-point differences ------------------------------------------------------------------------------------------


def clipped_median(values: Array) -> float:
    """Median of sizes without the largest of four or more; of two the smaller one."""
    ordered = np.sort(values)
    if len(ordered) >= 4:
        return float(np.median(ordered[:-1]))
    return float(np.median(ordered)) if len(ordered) == 3 else float(ordered[0])


def two_point_jumps(
    counts: Array,
    times: Any,
    gain: float,
    read_noise: float,
    flags: Array | None = None,
    limits: Any = (6.0, 5.0, 4.0),
    single_pass_from: int = 10,
) -> Array:
    """Flags of one pixel, (integration, resultant), with the jumps that two-point differences show."""
    made = np.zeros(counts.shape, np.uint8) if flags is None else flags.copy()
    photons, reading = (np.diag(matrix) for matrix in read_covariances(times))
    d = np.diff([np.mean(group) for group in times])
    left = {}
    for i, ramp in enumerate(counts.astype(float)):
        for k in np.flatnonzero(usable_differences(ramp, made[i])):
            left[i, int(k)] = gain * (ramp[k + 1] - ramp[k]) / d[k]

    def ratio(place: tuple[int, int], middle: float) -> float:
        k = place[1]
        return float(abs(left[place] - middle) * d[k] / np.sqrt(read_noise**2 * reading[k] + abs(middle) * photons[k]))

    if len(left) >= single_pass_from * len(counts):
        middle = float(np.median(list(left.values())))
        for i, k in left:
            made[i, k + 1] |= JUMP if ratio((i, k), middle) > limits[2] else 0
        return made
    left = {place: abs(rate) for place, rate in left.items()}
    while len(left) > 1:
        middle = clipped_median(np.array(list(left.values())))
        worst = max(left, key=lambda place: ratio(place, middle))
        if ratio(worst, middle) <= limits[min(len(left), 4) - 2]:
            break
        made[worst[0], worst[1] + 1] |= JUMP
        del left[worst]
    return made


# -- polynomials of each pixel ------------------------------------------------------------------------------------


def polynomial(x: Array, terms: Array) -> Array:
    """Values at (plane, row, column) of polynomials (power, row, column), by powers."""
    return sum(terms[k] * np.asarray(x, np.float64) ** k for k in range(len(terms)))  # type: ignore[return-value]


def polynomial_inverse(value: float, terms: Array, low: float, high: float) -> float:
    """Where a polynomial that rises from `low` to `high` takes a value, by halving."""
    for _ in range(200):
        middle = 0.5 * (low + high)
        low, high = (middle, high) if polynomial(np.float64(middle), terms) < value else (low, middle)
    return 0.5 * (low + high)


# -- dark pixels --------------------------------------------------------------------------------------------------


def row_medians(image: Array, good: Array) -> Array:
    """Median of the good pixels of each row."""
    return np.array([np.median(row[keep]) if keep.any() else np.nan for row, keep in zip(image, good, strict=True)])


def running_median(values: Array, height: int) -> Array:
    """Median of the rows within half a height, of one plane (row, column)."""
    near = np.abs(np.subtract.outer(np.arange(len(values)), np.arange(len(values)))) <= height // 2
    return np.array([np.median(values[rows]) for rows in near])


# Linear estimators ---------------------------------------------------------------------------------------------------


def segments(states: list[int], joins: bool) -> list[tuple[int, int]]:
    """Runs of clean (0) resultants, two and more; where `joins`, a hit (1) one opens the run behind it."""
    made, k = [], 0
    while k < len(states):
        if states[k] != 0:
            k += 1
            continue
        start, end = k, k
        while end + 1 < len(states) and states[end + 1] == 0:
            end += 1
        if joins and start > 0 and states[start - 1] == 1:
            start -= 1
        if end > start:
            made.append((start, end))
        k = end + 1
    return made


def resultant_covariances(times: tuple[tuple[float, ...], ...]) -> tuple[Array, Array]:
    """Photon covariance of resultants for one electron/s, and read covariance for one electron^2, read by read."""
    photons = [[np.mean([[min(s, t) for s in one] for t in other]) for one in times] for other in times]
    return np.array(photons), np.diag([1 / len(group) for group in times])


def line_weights(t: Array, reads: Array, rise: float, noise: float) -> Array:
    """Weights of the slope of a straight line, the exponent from the signal-to-noise ratio of the rise."""
    ratio = rise / np.sqrt(noise + rise) if rise > 0 else 0.0
    exponent = dict(zip((0, 5, 10, 20, 50, 100), (0, 0.4, 1, 3, 6, 10), strict=True))
    power = [exponent[limit] for limit in exponent if ratio >= limit][-1]
    middle = (t[0] + t[-1]) / 2
    w = (1 + power) * reads / (1 + power * reads) * np.abs((t - middle) / (t[-1] - middle)) ** power
    design = np.stack([np.ones_like(t), t - middle], axis=1)
    return np.linalg.solve(design.T @ (w[:, None] * design), design.T * w)[1]


def best_weights(t: Array, covariance: Array) -> Array:
    """Generalised least squares of a straight line, intercept free."""
    design = np.stack([np.ones_like(t), t], axis=1)
    weighted = np.linalg.solve(covariance, design)
    return np.linalg.solve(design.T @ weighted, weighted.T)[1]


def linear_rate(
    electrons: Array,
    states: list[int],
    times: tuple[tuple[float, ...], ...],
    noise: float,
    estimator: str,
    dark: float = 0.0,
) -> tuple[float, float, float]:
    """Rate and its variances from photons and from reading, segment by segment, by dense matrices."""
    t = np.array([np.mean(group) for group in times])
    n = np.array([len(group) for group in times], float)
    photons, reading = resultant_covariances(times)
    pieces = [slice(a, b + 1) for a, b in segments(states, estimator != "casertano")]
    if not pieces:
        return np.nan, np.nan, np.nan

    def mean(f: float) -> tuple[float, float, float]:
        sums = np.zeros(4)
        for piece in pieces:
            y, m = electrons[piece], t[piece]
            if estimator == "covariance":
                k = best_weights(m, noise**2 * reading[piece, piece] + f * photons[piece, piece])
            else:
                reads = n[piece] if estimator == "casertano" else n[piece] / n.max()
                share = 1.0 if estimator == "casertano" else 1 / n[piece][-1]
                k = line_weights(m, reads, y[-1] - y[0], noise**2 * share)
            flat = line_weights(m, n[piece] / n.max(), 0.0, 1.0)
            read, light = k @ reading[piece, piece] @ k, k @ photons[piece, piece] @ k
            weight = {
                "casertano": 1 / read,
                "ols": 1 / (flat @ reading[piece, piece] @ flat),
                "covariance": 1 / (noise**2 * read + f * light),
            }[estimator]
            sums += weight * (k @ y), weight**2 * read, weight**2 * light, weight
        return sums[0] / sums[3], sums[1] / sums[3] ** 2, sums[2] / sums[3] ** 2

    f = 0.0
    if estimator == "covariance":
        rise = sum(electrons[p][-1] - electrons[p][0] for p in pieces)
        f = max(rise / sum(t[p][-1] - t[p][0] for p in pieces), 0.0) + dark
        f = max(mean(f)[0], 0.0) + dark
    rate, read, light = mean(f)
    return rate, (max(rate, 0.0) + dark) * light, noise**2 * read


# -- look-up in a table --------------------------------------------------------------------------------------------


def looked_up(value, places, entries):
    """The straight line through the two entries on either side of one value; beyond the ends the entries there."""
    if value <= places[0]:
        return entries[0]
    for k in range(len(places) - 1):
        if value <= places[k + 1]:
            share = (value - places[k]) / (places[k + 1] - places[k])
            return (1 - share) * entries[k] + share * entries[k + 1]
    return entries[-1]


# -- random numbers of kernels, tracks, coupling -----------------------------------------------------------------------


def xoshiro(state, n):
    """The first numbers of xoshiro256++ in whole numbers of Python, step by step as its authors wrote it."""
    s, words, numbers = list(state), 2**64 - 1, []

    def turned(x, k):
        return ((x << k) | (x >> (64 - k))) & words

    for _ in range(n):
        numbers.append((turned((s[0] + s[3]) & words, 23) + s[0]) & words)
        t = (s[1] << 17) & words
        s[2] ^= s[0]
        s[3] ^= s[1]
        s[1] ^= s[2]
        s[0] ^= s[3]
        s[2] ^= t
        s[3] = turned(s[3], 45)
    return numbers


def apportioned(counts, times, random):
    """Electrons before each read, one electron at a time: each comes at an even time of its own, (read, pixel)."""
    arrived = np.zeros((len(times), len(counts)), int)
    for pixel, n in enumerate(counts):
        for moment in random.uniform(0.0, times[-1], n):
            arrived[np.searchsorted(times, moment, side="left"), pixel] += 1
    return arrived


def track_lengths(start, step, steps=20_000):
    """Which part of a track lies in which pixel, by going it in many small steps: {(row, column): part}."""
    parts: dict[tuple[int, int], float] = {}
    for i in range(steps):
        done = (i + 0.5) / steps
        place = int(np.floor(start[0] + step[0] * done)), int(np.floor(start[1] + step[1] * done))
        parts[place] = parts.get(place, 0.0) + 1.0 / steps
    return parts


def coupled(image, weights, takes_part):
    """What each pixel gets from its neighbours: the sum of weight times difference, pixel by pixel."""
    rows, columns = image.shape
    out = np.zeros(image.shape)
    for i in range(rows):
        for j in range(columns):
            for di in (-1, 0, 1):
                for dj in (-1, 0, 1):
                    k, m = i + di, j + dj
                    inside = 0 <= k < rows and 0 <= m < columns
                    if inside and takes_part[i, j] and takes_part[k, m]:
                        out[i, j] += weights[1 + di, 1 + dj] * (image[k, m] - image[i, j])
    return out


# -- raw numbers of a ramp: exact probabilities ------------------------------------------------------------------------


def sum_of_reads(mean, times, full=None):
    """Probability of each whole sum of the reads of a resultant, of charge that is held up to `full`.

    `mean` electrons are expected until the last of all reads; `times` are those of this resultant, as fractions of
    that time. All pairs of charge and sum are carried from read to read.
    """
    top = int(mean + 12.0 * np.sqrt(mean) + 30)
    # law[charge, total]; the charge is clipped only when it is read, which is the same: it never falls
    law = np.zeros((top + 1, 1))
    law[:, 0] = poisson_law(mean * times[0], top)
    seen = np.minimum(np.arange(top + 1), top if full is None else full)
    law = moved(law, seen)
    for before, after in pairwise(times):
        step = poisson_law(mean * (after - before), top)
        grown = np.zeros_like(law)
        for more, p in enumerate(step):
            if p > 1e-18:
                grown[more:] += p * law[: top + 1 - more]
        law = moved(grown, seen)
    return law.sum(axis=0)


def moved(law, seen):
    """Add what is read of each charge to the sum."""
    charges, totals = law.shape
    out = np.zeros((charges, totals + seen.max()))
    for charge in range(charges):
        out[charge, seen[charge] : seen[charge] + totals] += law[charge]
    return out


def poisson_law(mean, top):
    """Probabilities of 0 to `top`, term by term."""
    law = np.zeros(top + 1)
    log_term = -mean
    for k in range(top + 1):
        law[k] = np.exp(log_term) if mean > 0 else float(k == 0)
        log_term += np.log(mean / (k + 1)) if mean > 0 else 0.0
    return law


def code_law(values, weights, noise, gain, bias, top=65535):
    """Probability of each stored code 0 to `top`, of a signal [electron] with these values and Gaussian noise."""
    from scipy.stats import norm

    edges = np.concatenate([[-np.inf], np.arange(top) + 0.5, [np.inf]])
    law = np.zeros(top + 1)
    for value, weight in zip(values, weights, strict=True):
        if weight > 1e-16:
            low, high = np.searchsorted(edges, bias + (value + np.array([-12, 12]) * noise) / gain)
            low, high = max(low - 1, 0), min(high + 1, top + 1)
            law[low:high] += weight * np.diff(norm.cdf((edges[low : high + 1] - bias) * gain, value, noise))
    return law


# -- stars and galaxies on pixels ---------------------------------------------------------------------------------


def star(shape: tuple[int, int], row: float, column: float, flux: float, table: Array, phases: int) -> Array:
    """One star from stamps at phases of the pixel, a pixel at a time, by the polynomial through four phases."""
    image = np.zeros(shape)
    half = table.shape[2] // 2
    near = [int(np.floor(x + 0.5)) for x in (row, column)]
    steps = [(x - n + 0.5) * phases for x, n in zip((row, column), near, strict=True)]
    first = [min(int(u), phases - 1) for u in steps]
    # the cubic through values at -1, 0, 1, 2, at the place between
    weights = [
        np.linalg.solve(np.vander([-1.0, 0.0, 1.0, 2.0], increasing=True).T, (u - i) ** np.arange(4.0))
        for u, i in zip(steps, first, strict=True)
    ]
    for r in range(shape[0]):
        for c in range(shape[1]):
            i, j = r - near[0] + half, c - near[1] + half
            if 0 <= i < table.shape[2] and 0 <= j < table.shape[3]:
                four = table[first[0] : first[0] + 4, first[1] : first[1] + 4, i, j]
                image[r, c] = flux * weights[0] @ four @ weights[1]
    return image


def galaxy(
    shape: tuple[int, int], place: tuple[float, float], transform: Any, cells: Array, oversampling: int
) -> Array:
    """One galaxy from its transform S(k_row, k_column), by explicit sums over frequencies and cells."""
    side = 64
    k = np.arange(-3 * side // 2, 3 * side // 2) / side
    x = [(np.arange(n) - (n - 1) / 2) / oversampling for n in cells.shape]
    waves = [np.exp(-2j * np.pi * np.outer(k, each)) for each in x]
    middles = (np.arange(oversampling) - (oversampling - 1) / 2) / oversampling
    pixel = np.exp(-2j * np.pi * np.outer(k, middles)).mean(axis=1)
    light = waves[0] @ cells @ waves[1].T * np.outer(pixel, pixel) * transform(k[:, None], k[None, :])
    back = [np.exp(2j * np.pi * np.outer(np.arange(n) - at, k)) for n, at in zip(shape, place, strict=True)]
    return (back[0] @ light @ back[1].T).real / side**2


# -- the electron-multiplying register ----------------------------------------------------------------------------


def register_law(electrons: int, gain: float, stages: int, outcomes: int, partial: float) -> Array:
    """Probability of x electrons behind the register, stage after stage: each electron doubles or does not."""
    p = gain ** (1 / stages) - 1
    law = np.zeros(outcomes)
    law[electrons] = 1.0
    for _ in range(stages):
        grown = np.zeros(outcomes)
        for x, chance in enumerate(law):
            for doubled in range(x + 1):
                if x + doubled < outcomes:
                    grown[x + doubled] += chance * comb(x, doubled) * p**doubled * (1 - p) ** (x - doubled)
        law = grown * (1 - partial * p)
        law[1:] += grown[:-1] * partial * p
    return law


def register_draws(electrons: Array, gain: float, stages: int, partial: float, random: Any) -> Array:
    """Electrons drawn through the register, which makes some of nothing too."""
    p = gain ** (1 / stages) - 1
    grown = electrons.astype(np.int64)
    for _ in range(stages):
        grown = grown + random.binomial(grown, p) + (random.random(grown.shape) < partial * p)
    return grown


def register_transform(electrons: int, gain: float, stages: int, outcomes: int, partial: float = 0.0) -> Array:
    """The same from the generating function, whose values at the roots of unity are the transform of the law.

    One stage makes s (1 - p + p s) of s; what a stage makes of nothing goes through the stages behind it.
    """
    p = gain ** (1 / stages) - 1
    s = np.exp(-2j * np.pi * np.arange(outcomes) / outcomes)
    one, nothing = s, np.ones_like(s)
    for _ in range(stages):  # from the last stage to the first
        nothing = nothing * (1 - partial * p + partial * p * one)
        one = one * (1 - p + p * one)
    return np.maximum(np.fft.ifft(one**electrons * nothing).real, 0.0)


# -- bad pixels ---------------------------------------------------------------------------------------------------


def box_response(flat: Array, box: int) -> Array:
    """Each pixel over the mean of the box around it, NaN left out, edges cut."""
    out = np.full(flat.shape, np.nan)
    for r in range(flat.shape[0]):
        for c in range(flat.shape[1]):
            rows = slice(max(r - box // 2, 0), r - box // 2 + box)
            columns = slice(max(c - box // 2, 0), c - box // 2 + box)
            near = flat[rows, columns]
            if np.isfinite(flat[r, c]):
                out[r, c] = flat[r, c] / np.nanmean(near)
    return out


# -- frames of an electron-multiplying CCD: smear, plateaus, trails, levels ------------------------------------------


def smear(light: Array, q: float) -> Array:
    """Light with what falls while rows pass under it, as a matrix: q of every row up to its own."""
    rows = len(light)
    return (np.eye(rows) + q * np.tri(rows)) @ light.astype(np.float64)


def smear_of_measured(measured: Array, q: float) -> Array:
    """The smear as a sum over what was measured, with the powers written out."""
    total = np.zeros(measured.shape)
    for r in range(len(measured)):
        for s in range(r + 1):
            total[r] += q * (1 + q) ** (s - r - 1) * measured[s]
    return total


def plateau_starts(row: Array, well: float, saturated: float, plateau: float, filter: int) -> list[int]:
    """Starts of plateaus in a row: by a running median, and steps to the left; nothing is full beyond the ends."""
    padded = np.concatenate([np.zeros(filter), row, np.zeros(filter)])
    starts = set()
    for j in range(len(row)):
        around = padded[j + filter - (filter + 1) // 2 :][: filter + 1]
        if np.sort(around)[(filter + 1) // 2] >= saturated * well and row[j] >= plateau * well:
            while j > 0 and row[j - 1] >= plateau * well:
                j -= 1
            starts.add(j)
    return sorted(starts)


def trails(image: Array, well: float, least: int, start: float, decay: float, length: int) -> Array:
    """An image with trails behind full pixels: each pixel looks back for the last plateau before it."""
    flat, out = image.astype(np.float64).ravel(), image.astype(np.float64).ravel()
    full, columns = flat >= well, image.shape[1]
    ends = [
        n
        for n in range(len(flat))
        if n % columns >= least - 1 and all(full[n - least + 1 : n + 1])  # the plateau stands in one row
    ]
    for n in range(len(flat)):
        before = [n - end for end in ends if end <= n]
        if before and 0 < min(before) <= length and not full[n]:
            out[n] = min(flat[n] + start * decay ** min(before), well)
    return out.reshape(image.shape)


def level_of(straight: float, levels: Array, factors: Array) -> float:
    """The level that times its factor is `straight`, by halving an interval."""
    low, high = -1e6, 1e6
    for _ in range(100):
        middle = 0.5 * (low + high)
        if middle * np.interp(middle, levels, factors) < straight:
            low = middle
        else:
            high = middle
    return 0.5 * (low + high)


# -- darks: stacks and noise maps ---------------------------------------------------------------------------------


def stack_of(frames: Any, masks: Any) -> tuple[Array, Array, Array, Array]:
    """Number, mean and squared deviations of the frames that count, and the masks of all, pixel by pixel."""
    shape = frames[0].shape
    number, mean, squares, seen = np.zeros(shape, int), np.zeros(shape), np.zeros(shape), np.zeros(shape, np.uint32)
    for r, c in np.ndindex(shape):
        good = [float(f[r, c]) for f, m in zip(frames, masks, strict=True) if m[r, c] == 0 and np.isfinite(f[r, c])]
        number[r, c] = len(good)
        mean[r, c] = sum(good) / len(good) if good else 0.0
        squares[r, c] = sum((x - mean[r, c]) ** 2 for x in good)
        for f, m in zip(frames, masks, strict=True):
            seen[r, c] |= np.uint32(m[r, c]) | np.uint32(0 if np.isfinite(f[r, c]) else 1)
    return number, mean, squares, seen


def noise_map(y: Array, weights: Array, design: Array) -> dict[str, Any]:
    """F, C and D of one pixel, by a least-squares routine on the rows that have a weight."""
    used = weights > 0
    x, root = design[used], np.sqrt(weights[used])
    beta = np.linalg.lstsq(x * root[:, None], y[used] * root, rcond=None)[0]
    left = y[used] - x @ beta
    freedom = int(used.sum()) - 3
    explained = ((y[used].mean() - x @ beta) ** 2).sum()
    r_squared = explained / (explained + (left**2).sum())
    return {
        "maps": beta,
        "covariance": np.linalg.inv((x * weights[used][:, None]).T @ x),
        "chi_square": (weights[used] * left**2).sum() / freedom,
        "residual": (left**2).sum() / freedom,
        "r_squared": 1 - (1 - r_squared) * (freedom + 2) / freedom,
    }


def noisy_register_bins(
    mean: float, gain: float, stages: int, partial: float, noise: float, offset: float, edges: Array
) -> Array:
    """Chance of each bin for Poisson electrons through the register, with normal read noise."""
    law = np.zeros(130)
    for n in range(9):
        law += exp(-mean) * mean**n / factorial(n) * register_law(n, gain, stages, 130, partial)
    chances = np.zeros(len(edges) - 1)
    for x, chance in enumerate(law):
        below = np.array([0.5 * (1 + erf((edge - offset - x) / (noise * sqrt(2)))) for edge in edges])
        chances += chance * np.diff(below)
    return chances


# -- the charge that the noise of a multiplied pixel is judged by -----------------------------------------------------


def local_charge(image, bad, read_noise, excess):
    """Mean of the good pixels of the 5 x 5 around each; a pixel's own charge where it stands far above."""
    out = np.zeros(image.shape)
    for i, j in np.ndindex(image.shape):
        rows, columns = slice(max(i - 2, 0), i + 3), slice(max(j - 2, 0), j + 3)
        good = image[rows, columns][~bad[rows, columns]].astype(float)
        around = max(good.mean(), 0.0) if good.size else 0.0
        limit = around + 5.0 * np.sqrt(excess * (around + 2.0) + read_noise**2)
        out[i, j] = image[i, j] if not bad[i, j] and image[i, j] > limit else around
    return out
