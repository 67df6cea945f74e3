"""Trails behind full pixels of the register: what they add, where they go, and that all of it is flagged."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from obverse import Amplifier, Exposure, Flag, Frame, Geometry, Moment, UsageError
from obverse.effects.register_trail import RegisterTrail
from obverse.kernels.register_trail import add_trails
from tests import naive

GEOMETRY = Geometry((64, 80), prescan=10, overscan=6, parallel_overscan=4)


def at(gain, geometry=GEOMETRY, layout="clocked"):
    return Moment(Exposure("a", 1.0, em_gain=gain), geometry, layout)


@given(
    values=st.lists(st.sampled_from([0.0, 3.0, 95.0, 100.0, 130.0]), min_size=24, max_size=24),
    least=st.integers(1, 3),
    length=st.integers(1, 9),
)
def test_the_kernel_adds_what_each_pixel_sees_behind_it(values, least, length):
    image = np.array(values).reshape(3, 8)
    done = image.copy()
    add_trails(done, 100.0, least, 60.0, 0.7, length)
    np.testing.assert_allclose(done, naive.trails(image, 100.0, least, 60.0, 0.7, length), rtol=1e-12)


def test_register_trail_of_a_gain_of_a_thousand_has_forty_pixels():
    image = np.zeros((64, 96), "f4")
    image[10, 20:23] = 105000.0
    trail = RegisterTrail(fraction=0.2, faintest=165.0).imprint(image[None], at(1000.0))[0] - image
    assert np.flatnonzero(trail.ravel()).tolist() == [10 * 96 + 23 + k for k in range(40)]
    fall = np.log(trail[10, 23:63])
    np.testing.assert_allclose(np.diff(fall), np.log(165.0 / 21000.0) / 40, rtol=1e-4)
    assert trail[10, 62] == pytest.approx(165.0, rel=1e-5)


@pytest.mark.parametrize(("gain", "pixels"), [(1.0, 0), (12.0, 0), (13.0, 1), (150.0, 6), (5000.0, 200)])
def test_the_number_of_pixels_grows_with_the_gain(gain, pixels):
    image = np.zeros((1, 64, 96), "f4")
    image[0, 10, 20:23] = 105000.0
    assert (RegisterTrail().imprint(image, at(gain)) != image).sum() == pixels


def test_it_goes_the_way_in_which_an_amplifier_is_read():
    right = Geometry((1, 20), (Amplifier("R", (0, 1), (0, 20), "lower right"),))
    image = np.zeros((1, 20), "f4")
    image[0, 10:12] = 105000.0
    trailed = RegisterTrail().imprint(image, at(100.0, right, "sensor"))
    assert np.flatnonzero(trailed[0] != image[0]).tolist() == [6, 7, 8, 9]
    found = RegisterTrail(crowded=1.0).correct(Frame(trailed, "electron"), at(100.0, right, "sensor"))
    assert np.flatnonzero(found.flags[0]).tolist() == [5, 6, 7, 8, 9, 10]


def busy(random, hits=40):
    """A frame of noise with plateaus of two to twelve full pixels."""
    image = random.normal(0.0, 200.0, GEOMETRY.clocked_shape).astype("f4")
    for row, column, width in zip(
        random.integers(0, 68, hits), random.integers(0, 84, hits), random.integers(2, 13, hits), strict=True
    ):
        image[0, row, column : column + width] = 105000.0
    return image


def check_flags(pixels_of_the_tail):
    """The gate that tails of a wrong length must fail: all that a trail has changed, and little more."""
    random, changed, false, plateaus = np.random.default_rng(8), 0, 0, 0
    for gain in (40.0, 150.0, 333.0, 1000.0):
        effect, clean = RegisterTrail(), busy(random, hits=12)
        trailed = effect.imprint(clean, at(gain))
        found = pixels_of_the_tail(effect, Frame(trailed, "electron", ("amplifier", "row", "column")), at(gain))
        told = (found.flags & np.uint8(Flag.JUMP_DET)) != 0
        hit, full = trailed != clean, clean >= 105000.0
        assert told[hit].all()
        changed, false, plateaus = changed + hit.sum(), false + (told & ~hit & ~full).sum(), plateaus + 12
    assert changed > 400
    assert false <= plateaus  # one pixel behind a plateau of two


def test_all_that_a_trail_has_changed_is_flagged_and_one_pixel_more_at_most():
    check_flags(lambda effect, frame, at: effect.correct(frame, at))


@pytest.mark.parametrize("length", [0.036, 0.05])
def test_a_tail_of_another_length_is_caught(length):
    with pytest.raises(AssertionError):
        check_flags(lambda effect, frame, at: effect.replace(length=length).correct(frame, at))


def test_a_trail_must_end_below_its_start():
    with pytest.raises(UsageError, match="cannot end at faintest"):
        RegisterTrail(fraction=0.001)
