"""Slow, obvious oracles in float64: explicit matrices, a pixel at a time, nothing shared with the package."""

from __future__ import annotations

from dataclasses import dataclass
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

        trials = [((i,), limits[0]) for i in used]
        shared = [i for i in used if i + 1 in used and len(times[i + 1]) > 1]
        trials += [((i, i + 1), limits[1]) for i in shared]
        all_of_them = chi2(used)
        gains = [all_of_them - chi2(np.setdiff1d(used, out)) - limit for out, limit in trials]
        if max(gains) <= 0:
            return made
        for i in trials[int(np.argmax(gains))][0]:
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
        return float(
            abs(left[place] - middle) * d[k] / np.sqrt(read_noise**2 * reading[k] + abs(middle) * photons[k])
        )

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
