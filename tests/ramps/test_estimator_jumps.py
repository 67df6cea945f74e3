"""The three jump searches as the estimators use them: how much they find, how much they invent, what is left."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import obverse as ob
from tests import naive
from tests.ramps.gates import PATTERNS, Array, perfect_error, simulate

PATTERN, NOISE = PATTERNS["20 single reads"]
RATES = [0.1, 10.0, 100.0]
SIZES = [3, 4, 5, 6, 8]
AT = 10

# estimator, and its false alarms in clean ramps of 20 reads: what the best peer has, what 4 sigma of a median of 19
# differences are (as in `test_two_point_gates.py`), and again that of the peer
SEARCHES = {"likelihood": ("likelihood", 2e-4), "two_point": ("ols", 2.7e-3), "casertano": ("casertano", 2e-4)}

# What hits that are all found leave behind, in sigma. Casertano's search leaves out two neighbouring resultants and
# chooses which pair by the largest of rises over one and over two steps, hence by the noise of resultants that it
# keeps: published formulas, and the flags are those of stcal (tests/against/test_ramps_stcal.py).
LEFT = {"likelihood": 0.02, "two_point": 0.02, "casertano": 0.2}


def fitted(counts: Array, estimator: str, find: bool = True, flags: Array | None = None) -> Any:
    return ob.fit_ramps(counts, PATTERN, gain=1.0, read_noise=NOISE, estimator=estimator, find_jumps=find, flags=flags)


def sigma_of_a_difference(rate: float) -> float:
    return float(np.sqrt(2 * NOISE**2 + rate * PATTERN.read_time))


def hit(counts: Array, rate: float, size: float, at: int = AT) -> Array:
    """Add a hit of some sigma of a difference between the reads before and at `at`."""
    made = counts.copy()
    made[at:] += size * sigma_of_a_difference(rate)
    return made


def taken_out(fit: Any, estimator: str, at: int = AT) -> Array:
    """Whether the difference that was hit is left out; Casertano's fit leaves out both resultants beside it."""
    marked = fit.resultant_flags & ob.Flag.JUMP_DET != 0
    return marked[at] | marked[at - 1] if estimator == "casertano" else marked[at]


# -- against slow searches of the same kind -------------------------------------------------------------------------


def likelihood_finds(counts: Array, start: Array) -> Array:
    """Whether leaving out the difference at AT lowers chi-square most, by 20.25, with covariances of given rates."""
    photons, reading = naive.read_covariances(PATTERN.times)
    y, d = np.diff(counts[:, 0].astype(float), axis=0), np.diff(PATTERN.tbar)
    found = np.zeros(y.shape[1], bool)
    level = np.exp(np.round(np.log(np.maximum(start, 1e-3)) * 20) / 20)  # to 5 %, to invert few matrices
    for rate in np.unique(level):
        here = level == rate
        inverse = np.linalg.inv(NOISE**2 * reading + rate * photons)
        x = inverse @ d
        p = inverse - np.outer(x, x) / (d @ x)
        drop = (p @ y[:, here]) ** 2 / np.diag(p)[:, None]
        found[here] = (drop.max(axis=0) > 20.25) & (drop.argmax(axis=0) == AT - 1)
    return found


@pytest.mark.parametrize("rate", RATES)
def test_the_likelihood_finds_as_much_as_its_peers_and_little_less_than_who_knows_the_rate(rate: float) -> None:
    """fitramp and stcal take the covariance at the median rate; the loss to the true one is largest at 3 sigma."""
    clean = simulate(PATTERN, NOISE, rate, 50_000, seed=41)
    for size in SIZES:
        counts = hit(clean, rate, size)
        ours = taken_out(fitted(counts, "likelihood"), "likelihood")
        median = np.maximum(np.median(np.diff(counts[:, 0], axis=0), axis=0) / PATTERN.read_time, 0)
        peers, knows = (likelihood_finds(counts, start) for start in (median, np.full(counts.shape[2], rate)))
        for other, allowed in ((peers, 0.02), (knows, 0.04 if size == 3 else 0.025)):
            apart = ours[0].astype(float) - other
            assert abs(apart.mean()) + 3 * apart.std() / np.sqrt(apart.size) < allowed
        if size == 8:
            assert ours.mean() >= 0.9999


def casertano_alarms(counts: Array) -> Array:
    """Whether the first pass of that search finds anything, by its published formulas."""
    t, sigma2 = PATTERN.tbar, NOISE**2
    R = counts[:, 0].astype(float)
    rise = np.maximum(R[-1] - R[0], 0)
    limits = np.array([5.0, 10.0, 20.0, 50.0, 100.0])
    group = np.searchsorted(limits, rise / np.sqrt(sigma2 + rise), side="right")
    rises = [0.0, *(limits / 2 * (limits + np.sqrt(limits**2 + 4 * sigma2)) * (1 + 1e-9))]
    weights = np.array([naive.line_weights(t, np.ones(20), s, sigma2) for s in rises])
    slope = np.einsum("nk,kn->n", weights[group], R)
    light = np.maximum(slope, 0)
    best = np.zeros(slope.size)
    for step in (1, 2):
        d = t[step:, None] - t[:-step, None]
        variance = (2 * sigma2 + light * d) / d**2 - light / (t[-1] - t[0])
        best = np.maximum(best, (((R[step:] - R[:-step]) / d - slope) / np.sqrt(variance)).max(axis=0))
    return best > 5.5 - np.log10(np.clip(slope, 1, 1e4)) / 3


@pytest.mark.parametrize("rate", RATES)
@pytest.mark.parametrize("size", SIZES)
def test_casertanos_search_finds_what_its_formulas_say(rate: float, size: float) -> None:
    counts = hit(simulate(PATTERN, NOISE, rate, 50_000, seed=42), rate, size)
    ours = (fitted(counts, "casertano").flags & ob.Flag.JUMP_DET != 0)[0]
    assert (ours != casertano_alarms(counts)).mean() < 2e-4  # rounding at the limit


# -- clean ramps ----------------------------------------------------------------------------------------------------


def false_alarms(search: str, rate: float, n: int) -> float:
    """Share of clean ramps with a flag, plus three standard errors."""
    share, parts = 0.0, max(n // 500_000, 1)
    for part in range(parts):
        counts = simulate(PATTERN, NOISE, rate, n // parts, seed=43 + part)
        share += float((fitted(counts, SEARCHES[search][0]).flags & ob.Flag.JUMP_DET != 0).mean()) / parts
    return share + 3 * float(np.sqrt(max(share, 1 / n) / n))


@pytest.mark.parametrize("search", SEARCHES)
@pytest.mark.parametrize("rate", [0.1, 100.0])
def test_few_clean_ramps_are_flagged(search: str, rate: float) -> None:
    assert false_alarms(search, rate, 400_000) < SEARCHES[search][1]


@pytest.mark.validate
@pytest.mark.parametrize("search", SEARCHES)
@pytest.mark.parametrize("rate", [0.01, 0.1, 1.0, 10.0, 100.0, 1000.0])
def test_few_of_two_million_clean_ramps_are_flagged(search: str, rate: float) -> None:
    assert false_alarms(search, rate, 2_000_000) < SEARCHES[search][1]


@pytest.mark.parametrize("search", SEARCHES)
@pytest.mark.parametrize("rate", RATES)
def test_a_search_does_not_trim_noise(search: str, rate: float) -> None:
    counts, estimator = simulate(PATTERN, NOISE, rate, 200_000, seed=45), SEARCHES[search][0]
    plain, searched = (fitted(counts, estimator, find) for find in (False, True))
    off = (searched.rate.astype(float) - plain.rate) / perfect_error(PATTERN, NOISE, rate)
    assert abs(off.mean()) + 3 * off.std() / np.sqrt(off.size) < 0.01
    before, after = (((fit.rate - rate) / fit.error).std(dtype=float) for fit in (plain, searched))
    assert abs(after - before) < 0.005


# -- hits -----------------------------------------------------------------------------------------------------------


def left_over(fit: Any, rate: float, others: Any) -> float:
    """Bias in sigma of the hit ramps, against the same ramps with the hits flagged by hand, and three errors of it."""
    off = (fit.rate.astype(float) - others.rate) / perfect_error(PATTERN, NOISE, rate)
    return abs(float(off.mean())) + 3 * float(off.std()) / np.sqrt(off.size)


def flagged(shape: tuple[int, ...], *places: int) -> Array:
    flags = np.zeros(shape, np.uint8)
    flags[list(places)] = ob.Flag.JUMP_DET
    return flags


# of twelve sigma, Casertano's higher limit misses none either; at the ends a rate has less to tell a hit from
@pytest.mark.parametrize("search", SEARCHES)
@pytest.mark.parametrize("rate", RATES)
@pytest.mark.parametrize("places", [(1,), (10,), (19,), (6, 13), (6, 7)])
def test_hits_are_found_and_leave_no_bias(search: str, rate: float, places: tuple[int, ...]) -> None:
    estimator = SEARCHES[search][0]
    counts = simulate(PATTERN, NOISE, rate, 50_000, seed=46)
    for at in places:
        counts = hit(counts, rate, 14.0, at)
    fit, by_hand = fitted(counts, estimator), fitted(counts, estimator, False, flagged(counts.shape, *places))
    for at in places:
        assert taken_out(fit, estimator, at).mean() > 0.999
    assert left_over(fit, rate, by_hand) < LEFT[search]


@pytest.mark.parametrize("search", SEARCHES)
def test_a_hit_before_saturation(search: str) -> None:
    rate, estimator = 2000.0, SEARCHES[search][0]
    counts = hit(simulate(PATTERN, NOISE, rate, 50_000, seed=47), rate, 14.0, 5)
    full = (np.logical_or.accumulate(counts >= 60_000, axis=0) * ob.Flag.SATURATED).astype(np.uint8)
    fit = fitted(np.minimum(counts, 60_000), estimator, flags=full)
    by_hand = fitted(np.minimum(counts, 60_000), estimator, False, full | flagged(counts.shape, 5))
    assert taken_out(fit, estimator, 5).mean() > 0.999
    assert (fit.resultant_flags & full == full).all()
    assert left_over(fit, rate, by_hand) < LEFT[search]
