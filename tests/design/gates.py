"""What theory says of a read pattern, held against brute force and against simulated ramps that are fitted.

A gate passes only if |metric - target| + 3 standard errors is within the tolerance.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.testing import assert_allclose
from numpy.typing import NDArray

import obverse as ob
from obverse import ReadPattern
from obverse.design.expectation import expected
from obverse.design.hits import Places
from obverse.design.information import Information
from obverse.design.rays import Rays
from obverse.design.sensor import Sensor
from obverse.flags import Flag
from tests import naive
from tests.ramps.gates import simulate

Array = NDArray[Any]

NOISE = 11.0
PATTERNS = {
    "MA4": ReadPattern.named("MA4"),
    "MA109": ReadPattern.named("MA109"),
    "SHALLOW4 x 6": ReadPattern.named("SHALLOW4", 6, 10.73677),
    "20 reads": ReadPattern.even(20, frame_time=2.73),
    "groups at the ends": ReadPattern([[1, 2, 3], [4], [6, 7], [8], [9, 10, 11, 12], [13, 14]], 5.0),
}
CHARGES = np.geomspace(20.0, 2000.0, 60)


def sensor(**changes: Any) -> Sensor:
    """A pixel without dark, saturation and rays, where nothing else is said."""
    told = {"read_noise": NOISE, "dark": 0.0, "limit": np.inf, "read_time": 1.0}
    return Sensor(**(told | changes))


def check_information(pattern: ReadPattern, rate: float) -> None:
    """Variance of clean ramps, of those that lost a difference or two, and what a hit adds to chi-square."""
    photons, reading = naive.read_covariances(pattern.times)
    V = rate * photons + NOISE**2 * reading
    D = np.diff([np.mean(group) for group in pattern.times])
    known = Information.of(pattern, rate, NOISE)
    assert_allclose(1 / known.s, [naive.solve(D, D, V)[2]], rtol=1e-9)
    n = len(D)
    pairs = [(i, i) for i in range(n)] + [(i, i + 1) for i in range(n - 1)]
    first, second = np.array(pairs).T
    share = np.linspace(0.2, 0.8, len(pairs))
    left, fall = known.without(first, second)[0], known.fall(first, second, share)[0]
    for k, (i, j) in enumerate(pairs):
        kept = [m for m in range(n) if m not in (i, j)]
        assert_allclose(left[k], 1 / naive.solve(D[kept], D[kept], V[np.ix_(kept, kept)])[2], rtol=1e-7)
        jump = np.zeros(n)
        jump[i] += share[k] if i != j else 1.0
        jump[j] += (1 - share[k]) if i != j else 0.0
        # without the search a hit fits as badly as it must; what leaves it out gains just that
        expected_fall = naive.solve(jump, D, V)[3] if i != j else naive.solve(jump * share[k], D, V)[3]
        assert_allclose(fall[k], expected_fall, rtol=1e-6)


def check_places(pattern: ReadPattern) -> None:
    """One electron between two reads, averaged read by read: which differences see it, and how much of it."""
    places = Places.of(pattern)
    times = np.concatenate([np.asarray(group) for group in pattern.times])
    assert_allclose(places.seconds, np.diff(times))
    ends = np.cumsum(pattern.n_reads)[:-1]
    for k in range(len(times) - 1):
        seen = (np.arange(len(times)) > k).astype(float)
        differences = np.diff([group.mean() for group in np.split(seen, ends)])
        ours = np.zeros(len(differences))
        ours[places.first[k]] += places.charge[k] * places.share[k]
        if places.second[k] != places.first[k]:
            ours[places.second[k]] += places.charge[k] * (1 - places.share[k])
        assert_allclose(ours, differences, atol=1e-12)


def check_error(pattern: ReadPattern, rate: float, estimator: str = "likelihood", n: int = 100_000) -> None:
    """Scatter of fitted rates: within 1 % of the theory, 4 % where weights are chosen by the data."""
    counts = simulate(pattern, NOISE, rate, n, seed=3)
    fit = ob.fit_ramps(counts, pattern, gain=1.0, read_noise=NOISE, estimator=estimator, find_jumps=False)
    error = expected(pattern, rate, sensor(), estimator=estimator)["error"][0]
    ratio = float(fit.rate.std(dtype=float)) / error
    tolerance = 0.015 if estimator in ("likelihood", "covariance") else 0.04
    assert abs(ratio - 1) + 3 / np.sqrt(2 * n) < tolerance, ratio


def struck(pattern: ReadPattern, rate: float, n: int, charge: Array, seed: int) -> tuple[Array, Array]:
    """Ramps (resultant, 1, n), each hit at a random time between the first read and the last, and those times."""
    counts = simulate(pattern, NOISE, rate, n, seed).astype(float)
    first, last = pattern.times[0][0], pattern.times[-1][-1]
    when = np.random.default_rng(seed + 1).uniform(first, last, n)
    for k, group in enumerate(pattern.times):
        counts[k, 0] += charge * np.mean([time > when for time in group], axis=0)
    return counts, when


def told(pattern: ReadPattern, when: Array) -> Array:
    """The flags of a search that sees every hit: those of the resultants that differ from the one before by it."""
    seen = np.array([[np.mean(np.asarray(group) > t) for t in when] for group in pattern.times])
    flags = np.zeros((len(pattern), 1, len(when)), np.uint8)
    flags[1:, 0] = np.where(np.diff(seen, axis=0) > 0, np.uint8(Flag.JUMP_DET), 0)
    return flags


def check_cost(pattern: ReadPattern, rate: float, n: int = 20_000) -> None:
    """Mean variance of ramps that were hit: within 3 % of the theory, and as many without a rate as it says."""
    counts, when = struck(pattern, rate, n, np.full(n, 500.0), seed=5)
    fit = ob.fit_ramps(
        counts, pattern, gain=1.0, read_noise=NOISE, flags=told(pattern, when), find_jumps=False, threads=1
    )
    row = expected(pattern, rate, sensor(rays=Rays(1e-5, CHARGES)))[0]
    good = np.isfinite(fit.rate)
    z = (fit.rate[good] - rate) / row["error"]
    found, spread = (z**2).mean() / row["hit_cost"] ** 2, (z**2).std() / row["hit_cost"] ** 2
    assert abs(found - 1) + 3 * spread / np.sqrt(n) < 0.1, found
    assert abs((~good).mean() - row["hit_lost"]) + 3 * np.sqrt(0.25 / n) < 0.03
    kept = np.where(np.isfinite(fit.rate), (row["error"] / fit.error) ** 2, 0.0).mean()
    assert abs(kept - (1 - row["hit_loss"] / row["hit"])) < 0.03, kept


def check_missed(pattern: ReadPattern, rate: float, n: int = 20_000) -> None:
    """Hits that the likelihood search leaves unflagged: within 4 % of all hits of what the theory says."""
    charge = np.random.default_rng(8).permutation(np.resize(CHARGES, n))
    counts, when = struck(pattern, rate, n, charge, seed=9)
    found = ob.find_jumps(counts, pattern, gain=1.0, read_noise=NOISE, method="likelihood", threads=1)
    right = (found != 0) & (told(pattern, when) != 0)
    missed = 1 - right.any(axis=0).mean()
    said = expected(pattern, rate, sensor(rays=Rays(1e-5, CHARGES)))["hit_missed"][0]
    assert abs(missed - said) + 3 * np.sqrt(0.25 / n) < 0.04, (missed, said)
