"""What is known of the pedestal: the dense answer, unit pulls, and nothing where it is unknown."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_allclose

import obverse as ob
from obverse import ReadPattern
from tests import naive
from tests.ramps.gates import ROMAN, simulate

PATTERNS = [
    ReadPattern.even(5, frame_time=10.0),
    ReadPattern(ROMAN, 3.16),
    ReadPattern.even(2, frames=4, frame_time=5.0),
]
NOISE = 9.0


@pytest.mark.parametrize("pattern", PATTERNS)
@pytest.mark.parametrize(("slope", "pedestal", "mean", "sigma"), [(5.0, 20.0, 0.0, 10.0), (200.0, -3.0, 7.0, 1.0)])
def test_it_is_the_fit_with_one_more_measurement(
    pattern: ReadPattern, slope: float, pedestal: float, mean: float, sigma: float
) -> None:
    """On an exact line the covariance rate is the slope, so that dense matrices can say what comes out."""
    line = pedestal + slope * pattern.tbar
    fit = ob.fit_ramps(line, pattern, gain=1.0, read_noise=NOISE, pedestal_prior=(mean, sigma))
    photons, reading = naive.resultant_covariances(pattern.times)
    n = len(pattern)
    covariance = np.zeros((n + 1, n + 1))
    covariance[:n, :n] = slope * photons + NOISE**2 * reading
    covariance[n, n] = sigma**2
    design = np.vstack([np.stack([pattern.tbar, np.ones(n)], axis=1), [0.0, 1.0]])
    normal = np.linalg.inv(design.T @ np.linalg.solve(covariance, design))
    rate, b = normal @ design.T @ np.linalg.solve(covariance, np.append(line, mean))
    assert_allclose([fit.rate, fit.pedestal, fit.error**2], [rate, b, normal[0, 0]], rtol=1e-7)
    residual = np.append(line, mean) - design @ [rate, b]
    assert_allclose(fit.chi2, residual @ np.linalg.solve(covariance, residual), rtol=1e-6, atol=1e-9)


def test_a_vague_prior_adds_nothing() -> None:
    counts = simulate(PATTERNS[0], NOISE, 10.0, 500, seed=3)
    plain = ob.fit_ramps(counts, PATTERNS[0], gain=1.0, read_noise=NOISE)
    vague = ob.fit_ramps(counts, PATTERNS[0], gain=1.0, read_noise=NOISE, pedestal_prior=(0.0, 1e6))
    assert_allclose(vague.rate, plain.rate, rtol=1e-5)
    assert_allclose(vague.error, plain.error, rtol=1e-5)


@pytest.mark.parametrize("rate", [1.0, 30.0])
def test_pulls(rate: float) -> None:
    pattern, sigma, n = PATTERNS[0], 5.0, 100_000
    counts = simulate(pattern, NOISE, rate, n, seed=4)
    counts = counts + np.random.default_rng(5).normal(40.0, sigma, n)
    known = ob.fit_ramps(counts, pattern, gain=1.0, read_noise=NOISE, find_jumps=False, pedestal_prior=(40.0, sigma))
    plain = ob.fit_ramps(counts, pattern, gain=1.0, read_noise=NOISE, find_jumps=False)
    pull = (known.rate - rate) / known.error
    # with five reads, errors that follow the estimated rate make pulls of the plain fit a little wide too
    assert abs(pull.std() - 1) + 3 / np.sqrt(2 * n) < 0.03
    assert abs((known.rate - rate).mean() / known.error.mean()) + 3 / np.sqrt(n) < 0.02
    assert known.rate.std() < (0.95 if rate < 10 else 1.0) * plain.rate.std()


def test_flagged_and_several_integrations() -> None:
    """Where the first difference is lost the prior says nothing; integrations average."""
    pattern = PATTERNS[0]
    counts = np.broadcast_to((5.0 + 2.0 * pattern.tbar)[None, :, None, None], (2, 5, 1, 2))
    flags = np.zeros(counts.shape, np.uint8)
    flags[:, 0, 0, 1] = 1
    options = {"gain": 1.0, "read_noise": NOISE, "flags": flags, "pedestal_prior": (5.0, 1.0)}
    fit = ob.fit_ramps(counts, pattern, **options)
    assert_allclose(fit.rate, 2.0)
    each = fit.integrations.error[0]
    assert each[0, 1] > each[0, 0]
    assert_allclose(fit.error, each / np.sqrt(2), rtol=1e-3)


@pytest.mark.parametrize(
    ("prior", "words"),
    [(3.0, "pair"), ((0.0, 0.0), "above 0"), ((np.nan, 1.0), "finite"), ((np.zeros(3), 1.0), r"shape \(3,\)")],
)
def test_a_mistake_is_one_clear_line(prior: object, words: str) -> None:
    with pytest.raises(ob.UsageError, match=words):
        ob.fit_ramps(np.zeros(5), PATTERNS[0], gain=1.0, read_noise=NOISE, pedestal_prior=prior)


def test_integrations_of_faint_ramps_keep_finite_variances() -> None:
    """A prior may pull a rate below zero, where no photons are left to divide by."""
    rng = np.random.default_rng(2)
    counts = np.cumsum(rng.poisson(0.05, (2, 5, 1, 2000)), axis=1) + rng.normal(0, NOISE, (2, 5, 1, 2000))
    fit = ob.fit_ramps(counts, PATTERNS[0], gain=1.0, read_noise=NOISE, find_jumps=False, pedestal_prior=(60.0, 1.0))
    assert np.isfinite(fit.var_poisson).all()
    assert np.isfinite(fit.var_read).all()
