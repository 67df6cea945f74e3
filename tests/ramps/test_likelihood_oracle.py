"""The compiled fit and search against explicit matrices, one pixel at a time."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose

import obverse as ob
from obverse import ReadPattern
from tests import naive
from tests.ramps.gates import ROMAN

UNEVEN = ReadPattern(ROMAN, 3.16)
EVEN = ReadPattern.even(7, frame_time=10.0)


def ramps(pattern: ReadPattern, n: int, seed: int, rate: float = 30.0) -> Any:
    rng = np.random.default_rng(seed)
    steps = rng.normal(rate * np.diff(pattern.tbar, prepend=0)[:, None], 20.0, (len(pattern), n))
    return np.cumsum(steps, axis=0)[:, None, :] / 1.7


def compare(fit: Any, counts: Any, flags: Any, pattern: ReadPattern, rtol: float, dark: float = 0.0) -> None:
    for i in range(counts.shape[-1]):
        want = naive.fit_ramp(counts[:, 0, i], pattern.times, 1.7, 9.0, flags[:, 0, i], dark)
        if not want.used.any():
            assert np.isnan(fit.rate[0, i])
            assert fit.flags[0, i] & 1
            continue
        assert_allclose(fit.rate[0, i], want.rate, rtol=rtol, atol=rtol * want.error)
        assert_allclose(fit.error[0, i], want.error, rtol=rtol)
        assert_allclose(fit.var_read[0, i], want.var_read, rtol=rtol)
        assert_allclose(fit.var_poisson[0, i], want.var_poisson, rtol=rtol, atol=rtol * want.var_read)
        assert_allclose(fit.chi2[0, i], want.chi2, rtol=rtol, atol=3 * rtol)


@pytest.mark.parametrize("pattern", [EVEN, UNEVEN], ids=["even", "uneven"])
@pytest.mark.parametrize(("dtype", "rtol"), [("f8", 1e-8), ("f4", 2e-5)])
def test_fit_is_the_dense_solution_with_any_flags(pattern: ReadPattern, dtype: str, rtol: float) -> None:
    counts = ramps(pattern, 600, seed=3)
    rng = np.random.default_rng(4)
    flags = ((rng.random(counts.shape) < 0.15) * rng.choice([1, 2, 4, 8, 16, 32, 64, 128, 6], counts.shape)).astype(
        "u1"
    )
    counts = counts.astype(dtype)
    fit = ob.fit_ramps(counts, pattern, gain=1.7, read_noise=9.0, flags=flags, find_jumps=False, dark_rate=0.3)
    compare(fit, counts, flags, pattern, rtol, dark=0.3)


@pytest.mark.parametrize("rate", [0.0, 1.0, 1000.0])
def test_float32_holds_its_precision_from_dark_to_saturation(rate: float) -> None:
    counts = ramps(UNEVEN, 100, seed=8, rate=rate).astype("f4")
    fit = ob.fit_ramps(counts, UNEVEN, gain=1.7, read_noise=9.0, find_jumps=False)
    compare(fit, counts, np.zeros(counts.shape, "u1"), UNEVEN, 2e-5)


def test_uint16_counts_give_what_their_float32_copy_gives() -> None:
    counts = np.round(ramps(UNEVEN, 300, seed=5) + 1000).astype("u2")
    one, other = (ob.fit_ramps(c, UNEVEN, gain=1.7, read_noise=9.0) for c in (counts, counts.astype("f4")))
    for name in ("rate", "var_poisson", "var_read", "chi2", "pedestal", "resultant_flags"):
        assert_allclose(getattr(one, name), getattr(other, name), rtol=1e-6)
    assert one.rate.dtype == np.float32


@pytest.mark.parametrize("size", range(1, 7))
def test_every_pattern_of_flags_up_to_six_resultants(size: int) -> None:
    pattern = ReadPattern(ROMAN[:size], 3.16)
    flags = np.array(list(itertools.product([0, 1, 4], repeat=size)), "u1").T[:, None, :]
    counts = ramps(pattern, flags.shape[-1], seed=size)
    fit = ob.fit_ramps(counts, pattern, gain=1.7, read_noise=9.0, flags=flags, find_jumps=False)
    compare(fit, counts, flags, pattern, 1e-8)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.lists(st.integers(1, 5), min_size=2, max_size=8),
    st.lists(st.integers(0, 4), min_size=8, max_size=8),
    st.floats(0.1, 30.0),
    st.integers(0, 2**31),
)
def test_any_read_pattern(sizes: list[int], gaps: list[int], read_time: float, seed: int) -> None:
    reads, at = [], 0
    for size, gap in zip(sizes, gaps, strict=False):
        reads.append([at + gap + j + 1 for j in range(size)])
        at = reads[-1][-1]
    pattern = ReadPattern(reads, read_time)
    counts = ramps(pattern, 3, seed)
    fit = ob.fit_ramps(counts, pattern, gain=1.7, read_noise=9.0, find_jumps=False)
    compare(fit, counts, np.zeros(counts.shape, "u1"), pattern, 1e-8)


@pytest.mark.parametrize("pattern", [EVEN, UNEVEN, ReadPattern.even(9, frames=4, frame_time=5.0)])
def test_search_leaves_out_what_trying_every_omission_leaves_out(pattern: ReadPattern) -> None:
    rng = np.random.default_rng(12)
    counts = ramps(pattern, 250, seed=11)
    for _ in range(2):  # up to two hits a ramp, some of them under the limit
        at, size = rng.integers(1, len(pattern), 250), rng.exponential(80.0, 250)
        counts += np.where(np.arange(len(pattern))[:, None, None] >= at, size, 0.0)
    flags = ((rng.random(counts.shape) < 0.05) * 1).astype("u1")
    known = {"gain": 1.7, "read_noise": 9.0, "flags": flags}
    got = ob.fit_ramps(counts, pattern, **known).resultant_flags
    want = [naive.jumps(counts[:, 0, i], pattern.times, 1.7, 9.0, flags[:, 0, i]) for i in range(250)]
    assert np.array_equal(got[:, 0, :], np.array(want).T)
    assert (got & 4).any(axis=0).sum() > 50
    # alone it also searches, by two-point differences, what is too short for a chi-square
    alone = ob.find_jumps(counts, pattern, method="likelihood", **known)
    usable = np.stack([naive.usable_differences(counts[:, 0, i], flags[:, 0, i]) for i in range(250)]).sum(axis=1)
    short = (usable == 2) | (usable == 3)
    assert np.array_equal(alone[..., ~short], got[..., ~short])


def test_hits_on_short_ramps_are_found() -> None:
    """Three groups have two differences: no chi-square tells which of them is hit, the smaller one does."""
    pattern = ReadPattern.even(3, frame_time=10.0)
    counts = ramps(pattern, 500, seed=5)
    counts[2:] += 3000.0
    known = {"gain": 1.0, "read_noise": 9.0}
    assert (ob.find_jumps(counts, pattern, method="likelihood", **known)[2] & 4).mean() > 0.5
    fit = ob.fit_ramps(counts, pattern, **known)
    assert (fit.resultant_flags[2] & 4 > 0).mean() > 0.5
    assert (fit.pedestal < 1000).mean() > 0.9


def test_a_search_is_a_fit_with_the_jumps_it_found() -> None:
    counts = ramps(UNEVEN, 400, seed=21)
    counts[4:, 0, ::3] += 500
    kwargs = {"gain": 1.7, "read_noise": 9.0}
    found = ob.fit_ramps(counts, UNEVEN, **kwargs)
    again = ob.fit_ramps(counts, UNEVEN, flags=found.resultant_flags, find_jumps=False, **kwargs)
    assert np.array_equal(found.rate, again.rate)
    assert np.array_equal(found.chi2, again.chi2)
    assert (found.resultant_flags[4, 0, ::3] & 4).all()
    assert (found.flags[0, ::3] & 4).all()
    assert (found.resultant_flags == ob.find_jumps(counts, UNEVEN, method="likelihood", **kwargs)).all()


@pytest.mark.parametrize("n", [1, 511, 512, 513])
def test_neighbours_do_not_matter(n: int) -> None:
    counts = ramps(UNEVEN, 1100, seed=31)
    counts[5:, 0, ::7] += 300
    whole = ob.fit_ramps(counts, UNEVEN, gain=1.7, read_noise=9.0)
    part = ob.fit_ramps(np.ascontiguousarray(counts[:, :, 40 : 40 + n]), UNEVEN, gain=1.7, read_noise=9.0)
    assert np.array_equal(whole.rate[:, 40 : 40 + n], part.rate)
    assert np.array_equal(whole.resultant_flags[..., 40 : 40 + n], part.resultant_flags)
