"""Hot, warm, weak and dead pixels: found where they are, and nowhere else."""

from __future__ import annotations

import time

import numpy as np
import pytest

from obverse import DataError, Exposure, Flag, Frame, Geometry, Moment, UsageError
from obverse.defects import correct_bad_pixels, dark_defects, find_bad_pixels, flat_defects
from tests import naive


def simulated(seed: int = 1, side: int = 200):
    """G7: 36 hot and 36 dead pixels, 12 of them both."""
    random = np.random.default_rng(seed)
    dark, flat = random.normal(10.0, 1.0, (side, side)), random.normal(1.0, 0.02, (side, side))
    places = random.choice(side * side, 60, replace=False)
    hot, dead = places[:36], places[24:]
    dark.flat[hot] += random.uniform(20.0, 2000.0, 36)
    flat.flat[dead] = 0.3
    return dark, flat, hot, dead


def test_hot_and_dead_pixels_are_found_exactly() -> None:
    dark, flat, hot, dead = simulated()
    flags = find_bad_pixels(dark, flat).flags
    expected = np.zeros(flags.shape, np.uint32)
    expected.flat[hot] |= np.uint32(Flag.HOT)
    expected.flat[dead] |= np.uint32(Flag.DEAD)
    np.testing.assert_array_equal(flags, expected)
    assert ((flags & Flag.HOT > 0) & (flags & Flag.DEAD > 0)).sum() == 12


def test_rows_of_nan_hide_only_themselves() -> None:
    dark, flat, hot, dead = simulated()
    dark[7], flat[9] = np.nan, np.nan
    flags = find_bad_pixels(dark, flat).flags
    assert all(flags.flat[i] & Flag.HOT for i in hot if i // 200 != 7)
    assert all(flags.flat[i] & Flag.DEAD for i in dead if i // 200 != 9)
    assert (flags[7] & Flag.UNRELIABLE_DARK != 0).all()
    assert (flags[9] & Flag.UNRELIABLE_FLAT != 0).all()
    assert (flags[[7, 9]] & Flag.DO_NOT_USE != 0).all()


def test_hot_pixels_do_not_hide_warm_ones() -> None:
    """With mean and standard deviation, the limit of 5 would lie at 5 x 300 here."""
    dark, *_ = simulated()
    dark[50:52, :50], dark[100, 100] = 1e4, 10.0 + 7.5
    flags = dark_defects(dark)
    assert flags[100, 100] == Flag.WARM
    assert (flags[50:52, :50] == Flag.HOT).all()


def test_false_alarms_are_as_rare_as_stated() -> None:
    dark = np.random.default_rng(3).normal(0.0, 3.0, (1000, 4000))
    alarms = (dark_defects(dark, warm=4.0) != 0).sum()
    expected = 4e6 * 3.167e-5  # Abramowitz & Stegun 1964, table 26.2: Q(4)
    assert abs(alarms - expected) < 5 * np.sqrt(expected)


def test_pixels_of_few_frames_need_more_to_be_hot() -> None:
    random = np.random.default_rng(4)
    error = np.ones((300, 300))
    error[:30] = 5.0
    dark = Frame(random.normal(0.0, error), "electron", variances={"read": error**2})
    assert (dark_defects(dark) == 0).all()
    assert (dark_defects(dark.data)[:30] != 0).mean() > 0.1


@pytest.mark.parametrize("box", [2, 5, 32])
def test_boxes_are_those_of_the_slow_oracle(box: int) -> None:
    random = np.random.default_rng(2)
    flat = random.uniform(0.2, 1.8, (41, 50))
    flat[random.random(flat.shape) < 0.05] = np.nan
    flat[:, 45:] = np.nan
    response = naive.box_response(flat, box)
    flags = flat_defects(flat, box=box)
    clear = np.abs(response - 0.5) > 1e-9
    np.testing.assert_array_equal(((flags & Flag.DEAD) != 0)[clear], (response < 0.5)[clear])
    np.testing.assert_array_equal((flags & Flag.LOW_QE) != 0, (response >= 0.5) & (response < 0.8))


def test_clipped_darks_and_wrong_limits_are_refused() -> None:
    clipped = np.maximum(np.random.default_rng(5).normal(-0.1, 1.0, (50, 50)), 0.0)
    for dark in (clipped, np.full((5, 5), np.nan)):
        with pytest.raises(DataError, match="no scatter"):
            dark_defects(dark)
    for wrong in (
        lambda: find_bad_pixels(),
        lambda: find_bad_pixels(np.eye(4) + np.arange(4.0), np.ones((3, 3))),
        lambda: dark_defects(np.arange(9.0).reshape(3, 3), warm=5.0, hot=4.0),
        lambda: flat_defects(np.ones((3, 3)), dead=0.9),
        lambda: correct_bad_pixels(Frame(np.ones((2, 2)), "DN"), find_bad_pixels(np.arange(9.0).reshape(3, 3))),
    ):
        with pytest.raises(UsageError):
            wrong()


def test_bad_pixels_are_nan_and_keep_their_flags() -> None:
    dark, flat, *_ = simulated()
    bad = find_bad_pixels(dark, flat)
    frame = Frame(
        np.ones(dark.shape), "electron", variances={"read": np.ones(dark.shape)}, pixel_flags=np.zeros(dark.shape)
    ).flagged(np.arange(dark.size).reshape(dark.shape) == 5, Flag.JUMP_DET)
    done = correct_bad_pixels(frame, bad)
    wrong = (bad.flags != 0) | (frame.flags != 0)
    np.testing.assert_array_equal(np.isnan(done.data), wrong)
    np.testing.assert_array_equal(np.isnan(done.variances["read"]), wrong)
    np.testing.assert_array_equal((done.pixel_flags & Flag.DO_NOT_USE) != 0, wrong)
    np.testing.assert_array_equal(done.pixel_flags & ~np.uint32(1), bad.flags)


def test_the_map_is_an_effect() -> None:
    dark, flat, _, dead = simulated()
    at = Moment(Exposure("a", 1.0), Geometry(dark.shape))
    kept = find_bad_pixels(dark, flat).imprint(np.ones(dark.shape, "f4"), at)
    np.testing.assert_array_equal(np.flatnonzero(kept == 0), np.sort(dead))


def test_a_large_sensor_takes_no_time() -> None:
    random = np.random.default_rng(6)
    dark, flat = random.normal(size=(1024, 1024)), random.normal(1.0, 0.02, (1024, 1024))
    seconds = []
    for _ in range(3):
        begin = time.perf_counter()
        find_bad_pixels(dark, flat)
        seconds.append(time.perf_counter() - begin)
    assert min(seconds) < 0.5
