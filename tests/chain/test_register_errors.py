"""Errors of single EMCCD frames: those of few multiplied electrons are judged by what lies around a pixel."""

from __future__ import annotations

import numpy as np
import pytest

from obverse import Detector, Exposure, Flag, Frame
from obverse.readout.local_charge import local_charge
from tests import naive

IMAGE = (slice(13, None), slice(0, 224))


def camera():
    """The coronagraph's camera without particles."""
    return Detector.load("corgi_excam").without("cosmic_rays", "register_trail").resized((256, 256))


def calibrated(gain, rate, seed):
    """The image of one frame of 60 s, and its variance."""
    detector = camera()
    done = detector.calibrate(detector.expose(rate, Exposure("a", 60.0, em_gain=gain), seed=seed))
    return done.data[IMAGE], done.variance[IMAGE]


@pytest.mark.parametrize(("gain", "rate"), [(100.0, 0.4), (1000.0, 0.06), (1000.0, 1.0)])
def test_pulls_of_one_frame_are_one(gain, rate):
    data, variance = calibrated(gain, rate, seed=1)
    pull = (data - 60.0 * rate) / np.sqrt(variance)
    assert abs(pull.std() - 1.0) + 3.0 / np.sqrt(2.0 * pull.size) < 0.03
    assert abs(pull.mean()) + 3.0 / np.sqrt(pull.size) < 0.03


def test_a_mean_that_is_weighted_by_these_errors_keeps_its_light():
    data, variance = calibrated(1000.0, 0.06, seed=2)
    assert np.average(data, weights=1.0 / variance) == pytest.approx(data.mean(), rel=0.05)
    own = 2.0 * np.maximum(data, 0.0) + 0.165**2  # the charge of each pixel alone
    assert np.average(data, weights=1.0 / own) < 0.1 * data.mean()


def test_a_star_is_judged_by_its_own_charge():
    image = np.full((11, 11), 0.5, np.float32)
    image[5, 5] = 400.0
    charge = local_charge(Frame(image, "electron"), 0.1, 2.0)
    assert charge[5, 5] == 400.0
    assert charge[0, 0] == 0.5


def test_flagged_neighbours_do_not_count():
    image = np.full((11, 11), 0.5, np.float32)
    image[5, 5] = 400.0
    hit = Frame(image, "electron").flagged(image > 100, Flag.JUMP_DET)
    np.testing.assert_allclose(local_charge(hit, 0.1, 2.0), 0.5, rtol=1e-6)


def test_shielded_pixels_keep_to_themselves():
    image = np.where(np.arange(8) < 4, 0.0, 3.0) * np.ones((8, 1))
    shield = np.where(np.arange(8) < 4, np.uint32(Flag.NON_SCIENCE), 0) * np.ones((8, 1), np.uint32)
    np.testing.assert_allclose(local_charge(Frame(image, "electron", pixel_flags=shield), 0.1, 2.0), image, atol=1e-6)


def test_the_charge_around_is_that_of_the_oracle():
    random = np.random.default_rng(3)
    image = random.exponential(2.0, (17, 13)).astype(np.float32)
    flags = np.where(random.random(image.shape) < 0.1, np.uint8(Flag.SATURATED), np.uint8(0))
    flags[4:9, 4:9] = Flag.SATURATED  # a place with no good neighbour
    frame = Frame(image, "electron", flags=flags)
    np.testing.assert_allclose(
        local_charge(frame, 0.3, 2.0), naive.local_charge(image, flags != 0, 0.3, 2.0), rtol=2e-5
    )


@pytest.mark.parametrize(("tile_rows", "threads"), [(16, 2), (48, 1)])
def test_tiles_and_threads_leave_the_charge_around_alone(tile_rows, threads):
    detector = camera()
    raw = detector.expose(0.05, Exposure("a", 60.0, em_gain=1000.0), seed=4)
    assert detector.calibrate(raw, tile_rows=tile_rows, threads=threads) == detector.calibrate(raw)


def test_without_a_register_nothing_changes():
    detector = camera()
    done = detector.recipe().until("estimate").run(detector.expose(5.0, Exposure("a", 60.0), seed=3))
    np.testing.assert_array_equal(done.variances["poisson"], np.maximum(done.data, 0))
