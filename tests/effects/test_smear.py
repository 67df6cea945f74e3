"""Smear of a detector without a shutter: the recursion, its inverse, and what must not smear."""

from __future__ import annotations

import numpy as np
import pytest

from obverse import Amplifier, Exposure, Flag, Frame, Geometry, Moment, UsageError
from obverse.effects.smear import Smear
from obverse.kernels.smear import add_smear, take_out_smear, variance_without_smear
from tests import naive

ROW_TIME = 223.5e-6
SMALL = Geometry((106, 107), prescan=108, overscan=5, parallel_overscan=14, shielded=(2, 0, 0, 2))
RANDOM = np.random.default_rng(11)


def at(geometry, seconds):
    return Moment(Exposure("a", seconds), geometry, interval=(0.0, seconds))


def circle(n=1024):
    """A disc of 100 on a background of 10."""
    row, column = np.indices((n, n), sparse=True)
    return np.where((row - n // 2) ** 2 + (column - n // 2) ** 2 < (n // 4) ** 2, 100.0, 10.0)


def all_good(image):
    return np.ones(image.shape, bool)


def check_recursion(take_out):
    """The gate that wrong recursions must fail: there and back, and the sum with its powers written out."""
    light, q = RANDOM.uniform(0.0, 1000.0, (60, 5)), 0.03
    smeared = naive.smear(light, q)
    left = smeared.copy()
    take_out(left, all_good(left), q)
    np.testing.assert_allclose(left, light, rtol=1e-11)
    np.testing.assert_allclose(left, smeared - naive.smear_of_measured(smeared, q), rtol=1e-11)


def test_the_kernels_agree_with_sums_written_out():
    light, q = RANDOM.uniform(0.0, 1000.0, (40, 7)), 0.02
    smeared = light.copy()
    add_smear(smeared, q)
    np.testing.assert_allclose(smeared, naive.smear(light, q), rtol=1e-13)
    check_recursion(take_out_smear)


def without_q_in_the_denominator(image, good, q):
    passed = np.zeros(image.shape[1])
    for i in range(len(image)):
        passed = passed + q * image[i]
        image[i] -= passed


def with_the_sum_of_the_rows_behind(image, good, q):
    take_out_smear(image[::-1], good[::-1], q)


def without_its_own_row(image, good, q):
    passed = np.zeros(image.shape[1])
    for i in range(len(image)):
        image[i] -= passed
        passed = passed + q * image[i]


@pytest.mark.parametrize("wrong", [without_q_in_the_denominator, with_the_sum_of_the_rows_behind, without_its_own_row])
def test_wrong_recursions_are_caught(wrong):
    with pytest.raises(AssertionError):
        check_recursion(wrong)


@pytest.mark.parametrize("seconds", [1.0, 10.0, 60.0])
def test_smear_comes_out_again_in_double_precision(seconds):
    light, where = circle(), at(Geometry((1024, 1024)), seconds)
    smeared = Smear().imprint(light, where)
    assert np.abs(smeared - light).max() > 1e-4
    again = Smear().correct(Frame(smeared, "electron"), where).data
    assert np.abs(again - light).max() < 1e-12


def test_single_precision_costs_three_roundings():
    light, where = circle().astype("f4"), at(Geometry((1024, 1024)), 1.0)
    smeared = Smear().imprint(light, where)
    assert smeared.dtype == np.float32
    again = Smear().correct(Frame(smeared, "electron"), where).data
    assert np.abs(again - light).max() <= 3 * 2.0**-24 * smeared.max()


def test_particles_do_not_smear_where_they_are_flagged():
    light, where = circle(256), at(Geometry((256, 256)), 1.0)
    smeared = Smear().imprint(light, where)
    hit = np.zeros(light.shape, bool)
    hit[100, 40:44] = hit[20, :3] = hit[20, 253:] = True
    struck = smeared + 1e5 * hit
    unflagged = Smear().correct(Frame(struck, "electron"), where).data
    assert np.abs(unflagged - light)[~hit].max() > 1e-3
    flagged = Frame(struck, "electron").flagged(hit, Flag.JUMP_DET)
    done = Smear().correct(flagged, where)
    # the neighbours of a row smear alike, up to what the disc makes of them
    assert np.abs(done.data - light)[~hit].max() < 1e-7
    assert np.abs(done.data - light - 1e5 * hit)[hit].max() < 1e-7
    np.testing.assert_array_equal(done.flags, flagged.flags)


def test_a_hole_does_not_run_down_its_column():
    light, where = circle(64), at(Geometry((64, 64)), 1.0)
    smeared = Smear().imprint(light, where)
    smeared[10, 5] = np.nan
    smeared[20] = np.nan
    done = Smear().correct(Frame(smeared, "electron"), where).data
    assert np.isnan(done).sum() == 65
    # a row that nothing is known of counts as dark: what passed under its light keeps that, less what follows tells
    known, behind = np.isfinite(done), np.arange(64)[:, None] - 20
    left = np.where(behind > 0, ROW_TIME * light[20] / (1 + ROW_TIME) ** behind, 0.0)
    np.testing.assert_allclose((done - light)[known], left[known], atol=1e-11)


def test_only_pixels_that_see_light_smear():
    light = np.zeros(SMALL.shape)
    light[SMALL.lit] = 1000.0
    where = at(SMALL, 1.0)
    smeared = Smear().imprint(light, where)
    outside = np.ones(SMALL.shape, bool)
    outside[SMALL.lit] = False
    assert (smeared[outside] == 0.0).all()
    assert smeared[2, 0] == pytest.approx(1000.0 * (1 + ROW_TIME))
    assert smeared[105, 0] == pytest.approx(1000.0 * (1 + 104 * ROW_TIME))
    done = Smear().correct(Frame(smeared, "electron"), where).data
    assert (done[outside] == 0.0).all()


def test_rows_are_counted_from_the_register_of_their_amplifier():
    halves = (Amplifier("low", (0, 20), (0, 8)), Amplifier("high", (20, 40), (0, 8), "upper left"))
    light, where = np.full((40, 8), 100.0), at(Geometry((40, 8), halves), 1.0)
    smeared = Smear(row_time=0.01).imprint(light, where)
    np.testing.assert_allclose(smeared[:20, 0], 100.0 + np.arange(1, 21))
    np.testing.assert_allclose(smeared[20:], smeared[:20][::-1])
    done = Smear(row_time=0.01).correct(Frame(smeared, "electron"), where).data
    np.testing.assert_allclose(done, light, rtol=1e-12)


def test_the_variance_is_that_of_many_noisy_images():
    q, n = 0.05, 4000
    images = RANDOM.normal(0.0, 3.0, (n, 30, 4))
    predicted = np.full((30, 4), 9.0)
    variance_without_smear(predicted, all_good(predicted), q)
    for image in images:
        take_out_smear(image, all_good(image), q)
    ratio = (images.var(axis=0) / predicted).mean()
    # 120 pixels, their columns correlated: no better than 4 columns would be alone
    assert abs(ratio - 1.0) + 3 * np.sqrt(2.0 / (4 * n)) < 0.04
    assert predicted[0, 0] == pytest.approx(9.0 / (1 + q) ** 2)


def test_variances_follow_the_data():
    where, frame = at(SMALL, 0.01), Frame(np.full(SMALL.shape, 500.0, "f4"), "electron")
    noisy = frame.replace(variances={"poisson": frame.data, "read": np.full(SMALL.shape, 9.0, "f4")})
    done = Smear().correct(noisy, where).variances
    wanted = np.full((104, 105), 9.0, "f4")
    variance_without_smear(wanted, all_good(wanted), ROW_TIME / 0.01)
    np.testing.assert_array_equal(done["read"][SMALL.lit], wanted)
    assert done["poisson"].dtype == np.float32
    assert (done["poisson"][SMALL.lit] < 500.0).all()


def test_faint_frames_are_left_alone_where_that_is_asked_for():
    light = np.full((32, 32), 9.0, "f4")
    where = at(Geometry((32, 32)), 0.1).replace(read_noise=np.float32(5.0))
    faint = Frame(light + 1e3 * np.eye(32, dtype="f4"), "electron").flagged(np.eye(32), Flag.JUMP_DET)
    np.testing.assert_array_equal(Smear(least_signal=2.0).correct(faint, where).data, faint.data)
    assert (Smear(least_signal=1.7).correct(faint, where).data < faint.data).all()


def test_without_exposure_time_there_is_nothing_to_tell():
    where, light = at(SMALL, 0.0), np.ones(SMALL.shape, "f4")
    np.testing.assert_array_equal(Smear().imprint(light, where), light)
    np.testing.assert_array_equal(Smear().correct(Frame(light, "electron"), where).data, light)


def test_raw_frames_are_refused():
    with pytest.raises(UsageError, match="behind 'assemble'"):
        Smear().correct(Frame(np.ones((4, 4), "f4"), "DN"), at(Geometry((4, 4)), 1.0))
    clocked = Frame(np.ones((1, 4, 4), "f4"), "electron", ("amplifier", "row", "column"))
    with pytest.raises(UsageError, match="behind 'assemble'"):
        Smear().correct(clocked, at(Geometry((4, 4)), 1.0))
