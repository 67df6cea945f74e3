"""The linear estimators against dense matrices, pixel by pixel, and the contracts that all estimators share."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_allclose

import obverse as ob
from obverse import ReadPattern
from tests import naive
from tests.ramps.gates import ROMAN

LINEAR = ["ols", "casertano", "covariance"]
EVERY = ["likelihood", *LINEAR]
PATTERNS = {
    "even": ReadPattern.even(7, frame_time=3.0),
    "even groups": ReadPattern.even(6, frames=4, gap=1, frame_time=2.0),
    "uneven": ReadPattern(ROMAN, 3.16),
}
GAIN, NOISE = 1.7, 9.0


def ramps(pattern: ReadPattern, seed: int, n: int = 300) -> tuple[Any, Any]:
    """Ramps of many rates, a third of them with flags of all kinds."""
    rng = np.random.default_rng(seed)
    rate = 10 ** rng.uniform(-1, 4, n)
    counts = (pattern.tbar[:, None] * rate + rng.normal(0, NOISE, (len(pattern), n))) / GAIN
    flags = rng.choice([0, 0, 0, 4, 2, 1, 32], (len(pattern), n)).astype(np.uint8)
    flags[:, rng.random(n) < 0.6] = 0
    return counts, flags


def states(flags: Any) -> list[int]:
    return [2 if flag & 3 else 1 if flag & 4 else 0 for flag in flags]


def expected(counts: Any, flags: Any, pattern: ReadPattern, estimator: str, dark: float) -> Any:
    rows = [
        naive.linear_rate(GAIN * counts[:, i], states(flags[:, i]), pattern.times, NOISE, estimator, dark)
        for i in range(counts.shape[1])
    ]
    return np.array(rows).T


# between nodes the weights are interpolated: the rate may differ by what costs no efficiency
TOLERANCE = {"ols": (1e-8, 2e-5), "casertano": (1e-8, 2e-5), "covariance": (1e-8, 2e-5)}


@pytest.mark.parametrize("estimator", LINEAR)
@pytest.mark.parametrize("name", PATTERNS)
@pytest.mark.parametrize("dark", [0.0, 3.0])
def test_rates_and_variances_are_those_of_dense_matrices(estimator: str, name: str, dark: float) -> None:
    pattern = PATTERNS[name]
    counts, flags = ramps(pattern, seed=3)
    options = {"gain": GAIN, "read_noise": NOISE, "estimator": estimator, "find_jumps": False, "dark_rate": dark}
    fit = ob.fit_ramps(counts, pattern, flags=flags, **options)
    wanted = expected(counts, flags, pattern, estimator, dark)
    sigma = np.sqrt(wanted[1] + wanted[2])
    # the interpolated weights of whole ramps differ from the exact ones by far less than noise does
    whole = (flags & 7 == 0).all(axis=0) & (estimator == "covariance")
    for got, rate in zip((fit.rate, fit.var_poisson, fit.var_read), wanted, strict=True):
        assert_allclose(got[~whole], rate[~whole], rtol=1e-8)
    assert (abs(fit.rate - wanted[0])[whole] < 2e-3 * sigma[whole]).all()
    total = fit.var_poisson + fit.var_read
    assert_allclose(total[whole], sigma[whole] ** 2, rtol=2e-4)


@pytest.mark.parametrize("estimator", LINEAR)
def test_single_precision_and_threads(estimator: str) -> None:
    pattern = PATTERNS["uneven"]
    counts, flags = ramps(pattern, seed=4, n=40 * 50)
    counts, flags = (a.reshape(len(pattern), 40, 50) for a in (counts, flags))
    options = {"gain": GAIN, "read_noise": NOISE, "estimator": estimator, "flags": flags}
    double, single = (
        ob.fit_ramps(counts.astype(t), pattern, find_jumps=False, **options) for t in (np.float64, np.float32)
    )
    error = np.nan_to_num(double.error, nan=1.0)
    assert (np.isfinite(single.rate) == np.isfinite(double.rate)).all()
    assert np.nanmax(abs(single.rate - double.rate) / error) < 0.02
    assert_allclose(single.var_read, double.var_read, rtol=2e-2 if estimator == "covariance" else 2e-4)
    one, many = (ob.fit_ramps(counts.astype(np.float32), pattern, threads=n, **options) for n in (1, 3))
    for name in ("rate", "var_poisson", "var_read", "flags", "resultant_flags", "pedestal"):
        assert getattr(one, name).tobytes() == getattr(many, name).tobytes()


@pytest.mark.parametrize("estimator", EVERY)
@pytest.mark.parametrize("slope", [0.0, 1.0, 100.0, -3.0])
@pytest.mark.parametrize("name", PATTERNS)
def test_straight_ramps_are_exact(estimator: str, slope: float, name: str) -> None:
    pattern = PATTERNS[name]
    for pedestal in (-10.0, 0.0, 10.0):
        counts = pedestal + slope * pattern.tbar
        fit = ob.fit_ramps(counts, pattern, gain=1.0, read_noise=5.0, estimator=estimator)
        assert_allclose(fit.rate, slope, rtol=1e-9, atol=1e-9)
        assert_allclose(fit.pedestal, pedestal, rtol=1e-9, atol=1e-7)


@pytest.mark.parametrize("estimator", EVERY)
def test_integrations_are_averaged_without_bias_of_the_brighter(estimator: str) -> None:
    """Equal integrations give equal rates and a variance over their number; a duplicate changes nothing else."""
    pattern = PATTERNS["even"]
    counts, flags = ramps(pattern, seed=5)
    once = np.stack([counts[:, None], counts[:, None]])
    flags = np.stack([flags[:, None], flags[:, None]])
    options = {"gain": GAIN, "read_noise": NOISE, "estimator": estimator, "find_jumps": False}
    two = ob.fit_ramps(once, pattern, flags=flags, **options)
    one = ob.fit_ramps(once[:1], pattern, flags=flags[:1], **options)
    assert two.integrations.rate.shape == (2, 1, counts.shape[1])
    good = np.isfinite(one.rate)
    assert (np.isfinite(two.rate) == good).all()
    # the common rate that weighs the segments is known better with two
    close = 1e-2 if estimator in ("covariance", "likelihood") else 1e-12
    assert (abs(two.rate - one.rate)[good] < close * one.error[good]).all()
    assert_allclose((two.error / one.error)[good], 2**-0.5, rtol=1e-3)


@pytest.mark.parametrize("estimator", EVERY)
def test_a_number_that_is_none_is_flagged_and_left_out(estimator: str) -> None:
    """Upstream takes NaN for zero and says nothing."""
    pattern = PATTERNS["even"]
    counts = np.tile(100 + 10 * pattern.tbar[:, None], (1, 3)).astype("f4")
    counts[3, 1], counts[0, 2] = np.nan, np.inf
    fit = ob.fit_ramps(counts, pattern, gain=1.0, read_noise=5.0, estimator=estimator)
    assert_allclose(fit.rate, 10.0, rtol=1e-5)
    assert (fit.resultant_flags == np.where(np.isfinite(counts), 0, 1)).all()
    assert fit.error[1] > fit.error[0]


@pytest.mark.parametrize("estimator", EVERY)
@pytest.mark.parametrize("kept", range(2**4))
def test_every_mask_of_four_resultants(estimator: str, kept: int) -> None:
    """A rate where two neighbours are left; else NaN and DO_NOT_USE, never 0 +- 0."""
    pattern = ReadPattern.even(4, frame_time=10.0)
    flags = np.array([0 if kept >> k & 1 else 1 for k in range(4)], np.uint8)
    fit = ob.fit_ramps(10.0 * pattern.tbar, pattern, gain=1.0, read_noise=5.0, flags=flags, estimator=estimator)
    pairs = any(flags[k] == 0 and flags[k + 1] == 0 for k in range(3))
    assert np.isfinite(fit.rate) == np.isfinite(fit.error) == pairs
    assert (int(fit.flags) & 1 == 0) == pairs
    if pairs:
        assert_allclose(fit.rate, 10.0)


@pytest.mark.parametrize("estimator", EVERY)
def test_one_group_gives_a_rate_only_if_wanted(estimator: str) -> None:
    pattern = ReadPattern.even(5, frame_time=10.0)
    counts = np.array([[30.0], [6e4], [6e4], [6e4], [6e4]])
    flags = np.array([[0], [2], [2], [2], [2]], np.uint8)
    options = {"gain": 2.0, "read_noise": 5.0, "flags": flags, "estimator": estimator}
    silent = ob.fit_ramps(counts, pattern, **options)
    assert np.isnan(silent.rate).all()
    assert (silent.flags == 3).all()
    spoken = ob.fit_ramps(counts, pattern, suppress_one_group=False, **options)
    assert_allclose(spoken.rate, 6.0)
    assert_allclose(spoken.var_read, 25 / 100)
    assert_allclose(spoken.var_poisson, 6.0 / 10)
    assert (spoken.flags == 2).all()


def test_the_zero_frame_stands_for_a_saturated_ramp() -> None:
    pattern = ReadPattern.even(3, frames=4, frame_time=10.0)
    counts, flags = np.full((3, 2, 2), 6e4), np.full((3, 2, 2), 2, np.uint8)
    zero = np.array([[100.0, 0.0], [np.nan, 50.0]])
    fit = ob.fit_ramps(
        counts, pattern, gain=2.0, read_noise=5.0, flags=flags, zero_frame=zero, suppress_one_group=False
    )
    assert_allclose(fit.rate, [[20.0, np.nan], [np.nan, 10.0]])
    assert_allclose(fit.var_read, [[0.25, np.nan], [np.nan, 0.25]])


def test_the_likelihood_fits_zero_frame_and_first_group() -> None:
    """A ramp that saturates behind its first group has a rate, that of an exact line; the flags are as given."""
    pattern = ReadPattern.even(3, frames=4, frame_time=10.0)
    line = np.broadcast_to((5.0 + 2.0 * pattern.tbar)[:, None, None], (3, 1, 2))
    flags = np.broadcast_to(np.array([0, 2, 2], np.uint8)[:, None, None], line.shape)
    zero = np.full((1, 2), 5.0 + 2.0 * 10)
    zero[0, 1] = 0.0
    fit = ob.fit_ramps(line, pattern, gain=2.0, read_noise=5.0, flags=flags, zero_frame=zero)
    assert_allclose(fit.rate, [[4.0, np.nan]])
    # without a zero frame, the first group stays what it is
    good = np.zeros_like(flags)
    with_it, without = (
        ob.fit_ramps(line, pattern, gain=2.0, read_noise=5.0, flags=good, zero_frame=z) for z in (zero, None)
    )
    assert_allclose(with_it.rate, 4.0)
    assert with_it.error[0, 1] == without.error[0, 1] > with_it.error[0, 0]
    assert_allclose(fit.pedestal[0, 0], 10.0)
    assert (fit.resultant_flags[:, 0, 0] == flags[:, 0, 0]).all()


def test_mean_noise_of_the_estimators() -> None:
    """Casertano's error is within 5 % of optimal on uneven resultants, the interpolated one within 0.1 %."""
    pattern = PATTERNS["uneven"]
    for rate in (0.1, 1.0, 10.0, 100.0, 1e4):
        counts = np.tile(rate * pattern.tbar[:, None], (1, 1))
        error = {
            name: float(ob.fit_ramps(counts, pattern, gain=1.0, read_noise=NOISE, estimator=name).error[0])
            for name in EVERY
        }
        assert error["likelihood"] * (1 - 1e-9) <= error["covariance"] < 1.001 * error["likelihood"]
        assert error["likelihood"] <= error["casertano"] < 1.05 * error["likelihood"]
        assert error["likelihood"] <= error["ols"] < 1.05 * error["likelihood"]


@pytest.mark.parametrize("estimator", EVERY)
def test_segments_average_to_the_rate(estimator: str) -> None:
    """The saved segments are what was averaged: by their read noise, or by their variance at the common rate."""
    pattern = PATTERNS["uneven"]
    counts, flags = ramps(pattern, seed=6)
    options = {"gain": GAIN, "read_noise": NOISE, "find_jumps": False, "flags": flags}
    fit = ob.fit_ramps(counts, pattern, estimator=estimator, save_segments=True, **options)
    segments = fit.segments
    there = segments.first[0, :, 0] >= 0
    variance = segments.var_read[0, :, 0] + (
        segments.var_poisson[0, :, 0] if estimator in ("likelihood", "covariance") else 0
    )
    if estimator == "ols":
        _, reading = naive.resultant_covariances(pattern.times)
        ends = zip(segments.first[0, :, 0].ravel(), segments.last[0, :, 0].ravel(), strict=True)
        weights = []
        for a, b in ends:
            part = slice(a, b + 1)
            flat = naive.line_weights(pattern.tbar[part], pattern.n_reads[part] * 1.0, 0.0, 1.0) if a >= 0 else None
            weights.append(0.0 if flat is None else 1 / (flat @ reading[part, part] @ flat))
        weight = np.reshape(weights, there.shape)
    else:
        weight = np.where(there, 1 / np.where(there, variance, 1), 0)
    with np.errstate(invalid="ignore"):
        mean = (weight * segments.rate[0, :, 0]).sum(axis=0) / weight.sum(axis=0)
    good = np.isfinite(fit.rate)
    assert (good == there.any(axis=0)).all()
    # segments of the two optimal fits are weighed at the rate of the last pass but one
    close = 1e-9 if estimator in ("ols", "casertano") else 2e-2
    assert (abs(mean - fit.rate)[good] < close * fit.error[good]).all()
    assert_allclose(segments.weight[0, :, 0][there], 1 / segments.var_read[0, :, 0][there])


def test_lone_resultants_are_averaged_without_pulling_to_the_faint() -> None:
    """Weights by their own photon noise gave a bias of -0.39 sigma here (jwst #1687)."""
    pattern = ReadPattern.even(3, frames=8, frame_time=10.0)
    n, rate = 20_000, 0.3
    rng = np.random.default_rng(8)
    counts = (rng.poisson(rate * pattern.tbar[0], (10, 1, 1, n)) + rng.normal(0, 1.0, (10, 1, 1, n))).astype("f4")
    counts = np.concatenate([counts, counts, counts], axis=1)
    flags = np.zeros(counts.shape, np.uint8)
    flags[:, 1:] = 2
    for estimator in EVERY:
        fit = ob.fit_ramps(
            counts, pattern, gain=1.0, read_noise=3.0, flags=flags, estimator=estimator, suppress_one_group=False
        )
        sigma = fit.rate.std()
        assert abs(fit.rate.mean(dtype=float) - rate) / sigma + 3 / np.sqrt(n) < 0.04, estimator


@pytest.mark.parametrize("estimator", EVERY)
def test_searches_know_the_dark_that_was_subtracted(estimator: str) -> None:
    """Its noise is in the ramp: without it, a tenth to a half of clean hot pixels are flagged."""
    pattern = ReadPattern.even(10, frame_time=10.0)
    rng = np.random.default_rng(9)
    n, dark = 20_000, 100.0
    charge = np.cumsum(rng.poisson((dark + 1.0) * 10.0, (10, 1, n)), axis=0) + rng.normal(0, 10.0, (10, 1, n))
    counts = (charge - dark * pattern.tbar[:, None, None]).astype("f4")
    known = {"gain": 1.0, "read_noise": 10.0, "dark_rate": dark}
    fit = ob.fit_ramps(counts, pattern, estimator=estimator, **known)
    assert (fit.flags & 4 > 0).mean() < 5e-3
    pull = (fit.rate - 1.0) / fit.error
    assert abs(pull.std() - 1) + 3 / np.sqrt(2 * n) < 0.03
    for method in ("likelihood", "two_point"):
        found = ob.find_jumps(counts, pattern, method=method, **known)
        assert (found & 4).any(axis=0).mean() < 5e-3


@pytest.mark.parametrize("estimator", EVERY)
def test_a_column_is_fitted_as_a_row(estimator: str) -> None:
    """One column of several rows is a map too: its common rates are its own."""
    pattern = PATTERNS["even"]
    counts, flags = ramps(pattern, seed=5)
    two, marks = (np.stack([a, a[:, ::-1]]) for a in (counts, flags))
    options = {"gain": GAIN, "read_noise": NOISE, "estimator": estimator, "find_jumps": False}
    row = ob.fit_ramps(two[:, :, None], pattern, flags=marks[:, :, None], **options)
    column = ob.fit_ramps(two[..., None], pattern, flags=marks[..., None], **options)
    assert_allclose(column.rate[:, 0], row.rate[0], rtol=1e-12)
    assert_allclose(column.error[:, 0], row.error[0], rtol=1e-12)


@pytest.mark.parametrize("estimator", EVERY)
def test_two_reads_in_every_way(estimator: str) -> None:
    pattern = ReadPattern.even(2, frame_time=10.0)
    fit = ob.fit_ramps(
        np.array([10.0, 30.0]), pattern, gain=1.0, read_noise=5.0, estimator=estimator, save_segments=True
    )
    assert_allclose(fit.rate, 2.0)
    assert_allclose(fit.var_read, 2 * 25 / 100)
    assert_allclose(fit.segments.rate[0, 0], 2.0)


@pytest.mark.parametrize("estimator", EVERY)
def test_the_pedestal_has_not_seen_the_jump(estimator: str) -> None:
    """Resultant 0 is clean, whatever became of the difference behind it."""
    pattern = ReadPattern.even(6, frame_time=10.0)
    ramp = np.array([0.0, 510.0, 520.0, 530.0, 540.0, 550.0]) + 10
    fit = ob.fit_ramps(ramp, pattern, gain=1.0, read_noise=5.0, estimator=estimator)
    assert fit.resultant_flags[1] & 4
    assert_allclose(fit.pedestal, 0.0, atol=1e-9)


def test_a_mask_of_numpy_is_a_flag() -> None:
    pattern = PATTERNS["even"]
    counts = np.tile(10.0 * pattern.tbar[:, None], (1, 3))
    counts[4, 1] = 9000.0
    masked = np.ma.MaskedArray(counts, counts > 8000)
    fit = ob.fit_ramps(masked, pattern, gain=1.0, read_noise=5.0, find_jumps=False)
    assert_allclose(fit.rate, 10.0)
    assert fit.resultant_flags[4, 1] == 1
