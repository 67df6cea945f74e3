"""The virtual ramp: its weights and covariance against dense matrices, and its noise pinned to the rate."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from obverse import ReadPattern, fit_ramps
from obverse.injection.cuts import Cut, best_cuts, cuts_for, used_differences
from obverse.injection.ramp_noise import RampNoise
from obverse.injection.weighing import weights_of
from tests import naive
from tests.injection.simple import EVEN, NOISE, PATTERNS, UNEVEN

Array = NDArray[Any]


def noise(pattern: ReadPattern, photons: float, pixels: int = 1, ramps: int = 1) -> RampNoise:
    return RampNoise(pattern, ramps, np.full(pixels, NOISE**2), np.full(pixels, photons))


def dense(pattern: ReadPattern, photons: float) -> Array:
    """Covariance of the differences of one ramp."""
    light, reading = naive.resultant_covariances(pattern.times)
    step = np.diff(np.eye(len(pattern)), axis=0)
    return step @ (photons * light + NOISE**2 * reading) @ step.T


@pytest.mark.parametrize("pattern", PATTERNS.values(), ids=PATTERNS)
@pytest.mark.parametrize("photons", [0.0, 0.3, 50.0])
def test_weights_and_variances_are_those_of_dense_matrices(pattern: ReadPattern, photons: float) -> None:
    C, D = dense(pattern, photons), np.diff(pattern.tbar)
    x = np.linalg.solve(C, D)
    w = noise(pattern, photons).optimal(np.ones((len(D), 1), bool))
    np.testing.assert_allclose(w[:, 0], x / (x @ D), rtol=1e-10)
    np.testing.assert_allclose(np.sum(noise(pattern, photons).variances(w)), 1 / (D @ x), rtol=1e-10)


def test_differences_that_do_not_count_have_no_weight() -> None:
    used = np.array([True, True, False, True, True, True, False])
    C, D = dense(EVEN, 2.0)[np.ix_(used, used)], np.diff(EVEN.tbar)[used]
    x = np.linalg.solve(C, D)
    w = noise(EVEN, 2.0).optimal(used[:, None])[:, 0]
    np.testing.assert_allclose(w[used], x / (x @ D), rtol=1e-10)
    assert not w[~used].any()


@pytest.mark.parametrize("pattern", PATTERNS.values(), ids=PATTERNS)
def test_pinned_noise_adds_nothing_to_the_rate_and_has_the_rest_of_the_covariance(pattern: ReadPattern) -> None:
    own = noise(pattern, 4.0, pixels=200_000)
    w = own.optimal(np.ones((len(pattern) - 1, 200_000), bool))
    n = np.diff(own.pinned(w, np.random.default_rng(1))[0], axis=0)
    assert np.abs((w * n).sum(axis=0)).max() < 1e-12
    C, k = dense(pattern, 4.0), w[:, 0]
    left = C - np.outer(C @ k, C @ k) / (k @ C @ k)
    size = np.sqrt(np.outer(np.diag(C), np.diag(C)))
    # an entry of a covariance scatters by at most its size times the root of 2/n
    assert (np.abs(np.cov(n) - left) / size).max() < 5 * np.sqrt(2 / 200_000)


@pytest.mark.parametrize("pattern", PATTERNS.values(), ids=PATTERNS)
@pytest.mark.parametrize("estimator", ["likelihood", "covariance", "ols", "casertano"])
@pytest.mark.parametrize("rate", [0.1, 3.0, 100.0])
def test_fitting_the_pinned_ramp_again_gives_the_rate(pattern: ReadPattern, estimator: str, rate: float) -> None:
    own = noise(pattern, rate, pixels=4000)
    cut = Cut(len(pattern), 1, len(pattern))
    w = weights_of(estimator, own, cut, np.full(4000, rate))
    ramp = rate * pattern.tbar[:, None] + own.pinned(w, np.random.default_rng(2))[0]
    fit = fit_ramps(ramp[:, None], pattern, gain=1.0, read_noise=NOISE, find_jumps=False, estimator=estimator)
    off = (fit.rate[0] - rate) / fit.error[0]
    # the fits take their weights from the ramp, not from the rate: near the limits between exponents they may differ
    assert np.median(np.abs(off)) < 0.005
    assert off.std() < (0.15 if estimator in ("ols", "casertano") else 0.01)


def test_several_ramps_share_one_pin() -> None:
    own = noise(UNEVEN, 4.0, pixels=500, ramps=3)
    used = np.ones((3 * len(UNEVEN) - 1, 500), bool)
    ramps = own.pinned(own.optimal(used), np.random.default_rng(3)) + 4.0 * UNEVEN.tbar[:, None]
    fit = fit_ramps(ramps[:, :, None], UNEVEN, gain=1.0, read_noise=NOISE, find_jumps=False)
    assert np.abs(fit.rate[0] - 4.0).max() < 0.02 * fit.error[0].min()
    assert fit.integrations.rate[:, 0].std() > 0.5 * fit.error[0].mean()  # each ramp alone has noise of its own


@pytest.mark.parametrize("pattern", PATTERNS.values(), ids=PATTERNS)
@pytest.mark.parametrize("flags", [2, 4, 6])
def test_the_lost_part_of_a_ramp_is_told_from_its_variances(pattern: ReadPattern, flags: int) -> None:
    own, rate = noise(pattern, 5.0), np.array([5.0])
    cuts = list(cuts_for(len(pattern), 1, flags))

    def variances(cut: Cut) -> Any:
        return own.variances(weights_of("likelihood", own, cut, rate))

    for cut in cuts:
        poisson, read = variances(cut)
        if not np.isfinite(read[0]):
            continue
        found = cuts[best_cuts(cuts, variances, poisson, read)[0]]
        np.testing.assert_allclose(variances(found), (poisson, read), rtol=1e-9)


def test_flags_of_a_cut_are_read_as_a_fit_reads_them() -> None:
    flags = Cut(5, 2, 4, (2,)).flags()
    assert flags.tolist() == [[0, 0, 4, 0, 2], [0, 0, 0, 0, 2]]
    assert used_differences(flags).tolist() == [True, False, True, False, False, True, True, True, False]
