"""Read patterns: times and photon variances of averaged reads."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from obverse import ReadPattern, UsageError
from tests.laws.gates import check_pattern


@st.composite
def patterns(draw):
    sizes = draw(st.lists(st.integers(1, 6), min_size=1, max_size=5))
    steps = draw(st.lists(st.floats(0.01, 100.0), min_size=sum(sizes), max_size=sum(sizes)))
    times = iter(np.cumsum(steps))
    return ReadPattern.from_times([[float(next(times)) for _ in range(size)] for size in sizes])


@given(patterns())
def test_tau_and_tbar_are_the_double_sum_and_the_mean(pattern):
    check_pattern(pattern)


def test_one_read_alone_has_its_own_time_twice():
    pattern = ReadPattern([[1], [4]], 2.0)
    np.testing.assert_array_equal(pattern.tau, pattern.tbar)
    np.testing.assert_array_equal(pattern.tbar, [2.0, 8.0])


def test_two_equal_steps_by_hand():
    # reads at 1 and 2 s: (1 + 1 + 1 + 2) / 4
    assert ReadPattern([[1, 2]], 1.0).tau[0] == 1.25


def test_photon_variance_of_an_average_in_a_simulation():
    pattern = ReadPattern([[1, 2, 5, 9]], 1.0)
    arrivals = np.random.default_rng(7).poisson(10.0, (9, 400_000)).cumsum(axis=0)
    mean = arrivals[[0, 1, 4, 8]].mean(axis=0)
    # the variance of n values is known to sqrt(2/n) = 0.22 %; five times that is 1.1 %
    assert mean.var() == pytest.approx(10.0 * pattern.tau[0], rel=0.011)


def test_the_keywords_of_jwst_make_the_pattern():
    pattern = ReadPattern.even(3, frames=4, gap=1, frame_time=10.0)
    assert pattern.times == ((10, 20, 30, 40), (60, 70, 80, 90), (110, 120, 130, 140))
    assert pattern.n_reads.tolist() == [4, 4, 4]
    assert len(pattern) == 3


def test_equal_patterns_are_equal():
    assert ReadPattern([[1], [2]], 3.0) == ReadPattern(((1.0,), (2.0,)), 3)
    assert ReadPattern([[1], [2]], 3.0) != ReadPattern([[1], [3]], 3.0)


@pytest.mark.parametrize("reads", [[], [[]], [[1], []], [[2, 1]], [[1, 1]], [[2], [1]], [[1.0], [float("nan")]]])
def test_reads_that_do_not_rise_are_refused(reads):
    with pytest.raises(UsageError, match="ReadPattern"):
        ReadPattern(reads, 1.0)


@pytest.mark.parametrize("read_time", [0.0, -1.0, float("nan"), float("inf")])
def test_a_read_time_that_is_no_time_is_refused(read_time):
    with pytest.raises(UsageError, match="positive number of seconds"):
        ReadPattern([[1]], read_time)


@pytest.mark.parametrize("how", [{"n_groups": 0}, {"n_groups": 2, "frames": 0}, {"n_groups": 2, "gap": -1}])
def test_even_patterns_need_groups_and_frames(how):
    with pytest.raises(UsageError, match="at least one group"):
        ReadPattern.even(**how)
