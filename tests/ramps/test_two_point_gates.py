"""How often two-point differences find a jump, and how often they find what is not there."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

import obverse as ob
from obverse import ReadPattern
from obverse.ramps.two_point import TwoPoint
from tests.ramps.gates import PATTERNS, simulate

PATTERN, NOISE = PATTERNS["20 single reads"]
RATES = [0.1, 10.0, 100.0]

# Shares found at 4.5 sigma, by an independent implementation that knows the rate, of jumps of k sigma of a difference
# in the middle of 20 reads every 2.73 s with a noise of 15 electrons. A median of 19 differences, one of them hit, is
# noisy and lies 0.07 sigma too high: it finds up to 0.045 less.
FOUND = {3: 0.07, 4: 0.31, 5: 0.69, 6: 0.93, 8: 1.00}


@pytest.mark.parametrize("rate", RATES)
def test_jumps_are_found_as_often_as_known(rate: float) -> None:
    n = 50_000
    clean = simulate(PATTERN, NOISE, rate, n, seed=31)
    for size, share in FOUND.items():
        counts = clean.copy()
        counts[10:] += size * np.sqrt(2 * NOISE**2 + rate * 2.73)
        for sigma, wanted in ((4.5, share), (4.0, stats.norm.sf(4.0 - size))):
            got = (ob.find_jumps(counts, PATTERN, gain=1.0, read_noise=NOISE, sigma=sigma)[10] & 4 != 0).mean()
            error = 3 * np.sqrt(wanted * (1 - wanted) / n)
            assert wanted - 0.055 < got - error
            assert got + error < wanted + 0.015


def false_alarms(pattern: ReadPattern, noise: float, rate: float, n: int, sigma: float | None = None) -> float:
    """Share of clean ramps with a flag, plus three standard errors."""
    counts = simulate(pattern, noise, rate, n, seed=32)
    options = TwoPoint.of(sigma)  # with neighbours, as everyone uses it
    found = ob.find_jumps(counts.reshape(len(pattern), 500, -1), pattern, gain=1.0, read_noise=noise, options=options)
    share = float((found != 0).any(axis=0).mean())
    return share + 3 * float(np.sqrt(max(share, 1 / n) / n))


@pytest.mark.parametrize("rate", RATES)
def test_few_clean_ramps_are_flagged(rate: float) -> None:
    assert false_alarms(PATTERN, NOISE, rate, 400_000) < 2.7e-3
    assert false_alarms(PATTERN, NOISE, rate, 400_000, sigma=4.5) < 4.5e-4


@pytest.mark.validate
@pytest.mark.parametrize("rate", RATES)
def test_few_clean_ramps_are_flagged_in_a_million(rate: float) -> None:
    assert false_alarms(PATTERN, NOISE, rate, 1_000_000) < 2.4e-3
    assert false_alarms(PATTERN, NOISE, rate, 1_000_000, sigma=4.5) < 3.6e-4


# 5e-5 more than measured with 4e5 ramps, and three standard errors
@pytest.mark.parametrize(
    ("groups", "rate", "share"), [(8, 10.0, 3.7e-3), (4, 10.0, 7e-4), (3, 10.0, 1.1e-3), (8, 0.1, 1e-4)]
)
def test_few_clean_short_ramps_are_flagged(groups: int, rate: float, share: float) -> None:
    assert false_alarms(ReadPattern.even(groups, frame_time=10.0), NOISE, rate, 200_000) < share
