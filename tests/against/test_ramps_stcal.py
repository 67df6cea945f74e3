"""The estimators against stcal on the same ramps; `docs/differences.md` says where they differ and why.

Single precision on both sides: numbers are equal to 2e-5 of themselves, where no sum of them all but cancels.
"""

from __future__ import annotations

import contextlib
import io
import warnings
from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_allclose

import obverse as ob
from obverse import ReadPattern
from tests import naive
from tests.ramps.gates import ROMAN

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # of the peer and of what it imports
    pytest.importorskip("stcal", reason="the peer is not installed")
    from stcal.ramp_fitting import likely_fit
    from stcal.ramp_fitting.likely_algo_classes import Covar
    from stcal.ramp_fitting.ols_cas22_fit import fit_ramps_casertano
    from stcal.ramp_fitting.ramp_fit import ramp_fit_data
    from stcal.ramp_fitting.ramp_fit_class import RampData

BITS = {
    "GOOD": 0,
    "DO_NOT_USE": 1,
    "SATURATED": 2,
    "JUMP_DET": 4,
    "PERSISTENCE": 32,
    "CHARGELOSS": 128,
    "NO_GAIN_VALUE": 1 << 19,
    "UNRELIABLE_SLOPE": 1 << 24,
}
RTOL = 2e-5
DNU, SAT, JUMP, DROPOUT, PERSISTENCE = 1, 2, 4, 8, 32
SHAPE = (25, 40)


def gains(seed: int = 0) -> Any:
    return np.random.default_rng(seed).uniform(0.7, 5.0, SHAPE).astype("f4")


def noises(seed: int = 1) -> Any:
    """Read noise of one read [electron]."""
    return np.random.default_rng(seed).uniform(4.0, 20.0, SHAPE).astype("f4")


def ramps(pattern: ReadPattern, integrations: int, seed: int, flagged: bool = True) -> tuple[Any, Any]:
    """A thousand ramps of 0.1 to 1000 electron/s, in DN, most of them with flags at random, and saturated ones."""
    rng = np.random.default_rng(seed)
    cube = (integrations, len(pattern), *SHAPE)
    rate = 10 ** rng.uniform(-1, 3, SHAPE)
    charge = np.cumsum(rng.poisson(rate * np.diff(pattern.tbar, prepend=0)[:, None, None], cube), axis=1)
    noise = rng.normal(0, 1, cube) * noises() / np.sqrt(pattern.n_reads)[:, None, None]
    flags = rng.choice(np.array([0, JUMP, DNU, PERSISTENCE], "u1"), cube, p=[0.85, 0.09, 0.04, 0.02])
    flags[:, :, rng.random(SHAPE) < 0.25] = 0
    first = np.where(rng.random(SHAPE) < 0.3, rng.integers(1, len(pattern), SHAPE), 99)
    flags[:, np.arange(len(pattern))[:, None, None] >= first] |= SAT
    return ((charge + noise) / gains()).astype("f4"), flags * np.uint8(flagged)


def theirs(counts: Any, flags: Any, pattern: ReadPattern, algorithm: str, **settings: Any) -> Any:
    """Image, integrations and segments of stcal, which changes its arguments."""
    data, frames = RampData(), int(pattern.n_reads[0])
    dark = np.zeros(SHAPE, "f4")
    data.set_arrays(counts.copy(), flags.copy(), np.zeros(SHAPE, "u4"), dark)
    frame_time = pattern.times[0][0]
    step = pattern.tbar[1] - pattern.tbar[0]
    data.set_meta("NIRCam", frame_time, step, round(step / frame_time) - frames, frames)
    data.set_dqflags(BITS)
    data.start_row, data.num_rows, data.algorithm = 0, SHAPE[0], algorithm
    data.suppress_one_group_ramps = True
    for name, value in settings.items():
        setattr(data, name, value)
    cds = (noises() / gains() * np.sqrt(2)).astype("f4")
    with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
        warnings.simplefilter("ignore")
        return ramp_fit_data(data, True, cds, gains(), algorithm, "optimal", "none")


def ours(counts: Any, flags: Any, pattern: ReadPattern, **options: Any) -> Any:
    return ob.fit_ramps(
        counts, pattern, gain=gains(), read_noise=noises(), flags=flags, **{"find_jumps": False, **options}
    )


def same(fit: Any, theirs: Any, gain: Any, where: Any = True) -> None:
    """Compare rate, variances, error and where there are any."""
    there = np.isfinite(theirs["slope"]) & where
    assert there.mean() > 0.5
    assert (np.isfinite(fit.rate)[there]).all()
    for mine, name, power in (
        (fit.rate, "slope", 1),
        (fit.var_poisson, "var_poisson", 2),
        (fit.var_read, "var_rnoise", 2),
        (fit.error, "err", 1),
    ):
        scale = np.broadcast_to(theirs["err"], there.shape)[there] if name == "slope" else 0
        off = abs((mine / gain**power)[there] - theirs[name][there])
        assert (off <= RTOL * abs(theirs[name][there]) + 2e-4 * scale).all(), name


EVEN = {
    "single reads": ReadPattern.even(10, frame_time=10.0),
    "groups of 4": ReadPattern.even(7, frames=4, gap=1, frame_time=10.737),
}


# -- OLS_C ----------------------------------------------------------------------------------------------------------


def odd(flags: Any) -> Any:
    """Where theirs and ours do not see the same ramp.

    Good groups without a good neighbour: theirs divides the first one by the group time, even where lone groups are to
    be suppressed. A hit group and one good one behind: theirs suppresses it, although it fits that pair otherwise.
    Hit groups alone: theirs is 0 +- 0.
    """

    def is_odd(marks: Any) -> bool:
        bad = np.where(marks & (DNU | SAT), 2, np.where(marks & JUMP, 1, 0))
        fitted, good = len(naive.segments(list(bad), joins=True)) > 0, (bad == 0).sum()
        return bool(good < 2 if fitted else good > 1 or (good == 0 and (bad == 1).any()))

    return np.apply_along_axis(is_odd, 1, flags)


@pytest.mark.parametrize("name", EVEN)
@pytest.mark.parametrize("integrations", [1, 3])
def test_ols(name: str, integrations: int) -> None:
    pattern = EVEN[name]
    counts, flags = ramps(pattern, integrations, seed=2)
    image, each, _ = theirs(counts, flags, pattern, "OLS_C")
    fit = ours(counts, flags, pattern, estimator="ols", variance="jwst")
    apart = odd(flags)
    assert 0 < apart.mean() < 0.1
    fitted = ~apart.any(axis=0)
    same(fit, image, gains(), fitted)
    same(fit.integrations, each, gains(), fitted)  # the median rate is that of all integrations
    assert (np.isfinite(fit.rate) == np.isfinite(image["slope"]))[fitted].all()
    assert (fit.flags == image["dq"])[fitted & np.isfinite(image["slope"])].all()


def test_ols_segments() -> None:
    pattern = EVEN["single reads"]
    counts, flags = ramps(pattern, 2, seed=3)
    _, _, optional = theirs(counts, flags, pattern, "OLS_C")
    made = ours(counts, flags, pattern, estimator="ols", variance="jwst", save_segments=True).segments
    n = min(optional["slope"].shape[1], made.rate.shape[1])
    there = (optional["weights"][:, :n] > 0) & ~odd(flags).any(axis=0)
    error = np.sqrt(optional["var_rnoise"][:, :n] + optional["var_poisson"][:, :n])
    off = abs(made.rate[:, :n] / gains() - optional["slope"][:, :n])
    assert (off <= RTOL * abs(optional["slope"][:, :n]) + 2e-4 * error)[there].all()
    assert_allclose((made.weight[:, :n] * gains() ** 2)[there], optional["weights"][:, :n][there], rtol=RTOL)
    known = np.isfinite(optional["crmag"])  # theirs is NaN beside saturated groups
    assert_allclose((made.jumps / gains())[known], optional["crmag"][known], rtol=RTOL, atol=2e-3)


def test_a_lone_group_is_divided_by_its_own_time() -> None:
    """Theirs divides the charge since the reset by one group time, whichever group it is."""
    pattern = EVEN["single reads"]
    counts = np.broadcast_to(pattern.tbar[None, :, None, None], (1, 10, *SHAPE)).astype("f4")
    flags = np.full(counts.shape, DNU, "u1")
    flags[0, 3] = 0
    image, _, _ = theirs(counts, flags, pattern, "OLS_C", suppress_one_group_ramps=False)
    fit = ours(counts, flags, pattern, estimator="ols", suppress_one_group=False)
    assert_allclose(image["slope"], 4.0, rtol=RTOL)
    assert_allclose(fit.rate / gains(), 1.0, rtol=RTOL)


def test_ols_takes_a_number_that_is_none_for_zero() -> None:
    """So a clean slope of 1 becomes another one, with no flag; here the resultant is flagged and left out."""
    pattern = EVEN["single reads"]
    counts = np.broadcast_to((pattern.tbar / 10)[None, :, None, None], (1, 10, *SHAPE)).astype("f4").copy()
    counts[0, 4] = np.nan
    flags = np.zeros(counts.shape, "u1")
    image, _, _ = theirs(counts, flags, pattern, "OLS_C")
    fit = ours(counts, flags, pattern, estimator="ols")
    assert (abs(image["slope"] * 10 - 1) > 1e-3).all()
    assert (image["dq"] == 0).all()
    assert_allclose(fit.rate / gains() * 10, 1, rtol=1e-5)
    assert (fit.resultant_flags[0, 4] == DNU).all()


# -- LIKELY ---------------------------------------------------------------------------------------------------------


def for_likely(flags: Any) -> Any:
    """Say in our flags what theirs do: a jump costs them both differences beside it, and so does persistence."""
    return np.where(flags & (JUMP | PERSISTENCE), flags | DROPOUT, flags).astype("u1")


@pytest.mark.parametrize("name", [*EVEN, "uneven"])
def test_likelihood_at_the_same_covariance(name: str) -> None:
    """Rate, variances and chi-square from the covariance at our first rate, which theirs is told."""
    pattern = EVEN.get(name, ReadPattern(ROMAN, 3.16))
    counts, flags = ramps(pattern, 1, seed=4)
    fit = ours(counts.astype("f8"), for_likely(flags), pattern)
    covar = Covar([np.array(group) for group in pattern.times])
    y = np.diff(counts[0].astype("f8"), axis=0)
    used = np.apply_along_axis(
        lambda marks: naive.usable_differences(np.zeros(marks.size), marks), 0, for_likely(flags[0])
    )
    photons, reading = naive.read_covariances(pattern.times)
    d = np.diff(pattern.tbar)
    for row in range(SHAPE[0]):
        first = np.zeros(SHAPE[1])
        for column in range(SHAPE[1]):
            kept, e = used[:, row, column], gains()[row, column] * y[:, row, column]
            if kept.any():
                level = max(naive.start_rate(e[kept], d[kept]), 0) * photons + noises()[row, column] ** 2 * reading
                first[column] = naive.solve(e[kept], d[kept], level[np.ix_(kept, kept)])[0] / gains()[row, column]
        gain, noise = gains()[row].astype("f8"), (noises() / gains())[row].astype("f8")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            result = likely_fit.fit_ramps(
                y[:, row] / d[:, None], covar, gain, noise, np.maximum(first, 0)[None], used[:, row].astype("u1")
            )
        there = used[:, row].any(axis=0)
        assert (np.isfinite(fit.rate[row]) == there).all()
        assert_allclose((fit.rate[row] / gain)[there], result.countrate[there], rtol=1e-6, atol=1e-9)
        assert_allclose((fit.error[row] / gain)[there], result.uncert[there], rtol=1e-6)
        assert_allclose((fit.var_read[row] / gain**2)[there], result.var_rnoise[there], rtol=1e-6)
        assert_allclose((fit.var_poisson[row] / gain**2)[there], result.var_poisson[there], rtol=1e-6, atol=1e-12)
        assert_allclose(fit.chi2[row][there], result.chisq[there], rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("name", EVEN)
def test_likelihood_through_its_own_door(name: str) -> None:
    """Theirs starts from the median difference, ours from a trimmed mean: the rates differ by a part of the error."""
    pattern = EVEN[name]
    counts, flags = ramps(pattern, 1, seed=5)
    image, _, _ = theirs(counts, flags, pattern, "LIKELY", rejection_threshold=1e3)
    fit = ours(counts, for_likely(flags), pattern)
    there = np.isfinite(image["slope"]) & (image["err"] > 0)
    assert (np.isfinite(fit.rate) == there).all()
    apart = abs(fit.rate / gains() - image["slope"])[there] / image["err"][there]
    assert np.median(apart) < 2e-3
    assert apart.max() < 0.15
    assert abs(np.median((fit.error / gains())[there] / image["err"][there]) - 1) < 2e-3


def test_a_flagged_jump_costs_their_likelihood_two_differences() -> None:
    pattern = EVEN["single reads"]
    counts = np.broadcast_to(pattern.tbar[None, :, None, None], (1, 10, *SHAPE)).astype("f4")
    flags = np.zeros(counts.shape, "u1")
    flags[0, 5] = JUMP
    image, _, _ = theirs(counts, flags, pattern, "LIKELY")
    assert (ours(counts, flags, pattern).error / gains() < 0.97 * image["err"]).all()
    assert_allclose(ours(counts, for_likely(flags), pattern).error / gains(), image["err"], rtol=RTOL)


def test_persistence_costs_their_likelihood_what_it_does_not_cost_their_least_squares() -> None:
    pattern = EVEN["single reads"]
    counts = np.broadcast_to(pattern.tbar[None, :, None, None], (1, 10, *SHAPE)).astype("f4")
    none, flags = np.zeros(counts.shape, "u1"), np.zeros(counts.shape, "u1")
    flags[0, 5] = PERSISTENCE
    errors = {
        algorithm: [theirs(counts, marks, pattern, algorithm)[0]["err"] for marks in (none, flags)]
        for algorithm in ("LIKELY", "OLS_C")
    }
    assert (errors["LIKELY"][1] > 1.01 * errors["LIKELY"][0]).all()
    assert (errors["OLS_C"][1] == errors["OLS_C"][0]).all()
    assert (ours(counts, flags, pattern).error == ours(counts, none, pattern).error).all()


def test_integrations_of_the_likelihood_are_combined_otherwise() -> None:
    """Theirs averages them by variances scaled to the median rate; ours is one fit: the same but for noise."""
    pattern = EVEN["single reads"]
    counts, flags = ramps(pattern, 4, seed=6, flagged=False)
    image, _, _ = theirs(counts, flags, pattern, "LIKELY", rejection_threshold=1e3)
    fit = ours(counts, flags, pattern)
    apart = (fit.rate / gains() - image["slope"]) / image["err"]
    assert np.median(abs(apart)) < 0.02
    assert abs(apart).max() < 0.5
    assert abs(np.median(fit.error / gains() / image["err"]) - 1) < 0.01


# -- Casertano ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", [*EVEN, "uneven"])
@pytest.mark.parametrize("search", [False, True])
def test_casertano(name: str, search: bool) -> None:
    reads = {
        "single reads": [[k] for k in range(1, 11)],
        "groups of 4": [[*range(5 * k + 1, 5 * k + 5)] for k in range(7)],
    }
    pattern = ReadPattern(reads.get(name, ROMAN), 3.16)
    counts, flags = ramps(pattern, 1, seed=7)
    electrons = (counts[0] * gains()).astype("f4")
    flags = np.where(flags[0] == PERSISTENCE, 0, flags[0])  # theirs ends a ramp at any flag
    if search:
        at = np.random.default_rng(8).integers(1, len(pattern), SHAPE)
        electrons[np.arange(len(pattern))[:, None, None] >= at] += 300.0
    made = fit_ramps_casertano(electrons, flags, noises(), 3.16, [list(group) for group in pattern.reads], search)
    fit = ob.fit_ramps(
        electrons, pattern, gain=1.0, read_noise=noises(), flags=flags, estimator="casertano", find_jumps=search
    )
    clean = ~((fit.resultant_flags ^ made.dq.astype("u1")) & JUMP).any(axis=0)
    assert clean.mean() >= (0.998 if search else 1.0)  # a score that equals its limit but for rounding
    there = (made.variances[..., 0] > 0) & clean
    assert (np.isfinite(fit.rate)[clean] == (made.variances[..., 0] > 0)[clean]).all()  # theirs is 0 +- 0
    error = np.sqrt(made.variances[..., 0] + made.variances[..., 1])
    off = abs(fit.rate - made.parameters[..., 1])
    assert (off <= RTOL * abs(fit.rate) + 2e-4 * error)[there].all()
    assert_allclose(fit.var_read[there], made.variances[..., 0][there], rtol=2e-4)
    assert_allclose(fit.var_poisson[there], made.variances[..., 1][there], rtol=2e-4, atol=1e-6)
