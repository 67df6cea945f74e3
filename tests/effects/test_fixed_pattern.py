"""Fixed pattern: on every read alike, behind the register, with an error that waits for the estimator."""

from __future__ import annotations

import numpy as np
import pytest

from obverse import Exposure, Flag, Frame, Geometry, Moment, UsageError
from obverse.effects.em_gain import EmGain
from obverse.effects.fixed_pattern import FixedPattern

EXCAM = Geometry((106, 107), prescan=108, overscan=5, parallel_overscan=14, shielded=(2, 0, 0, 2))


def at(layout="clocked", geometry=EXCAM, **exposure):
    return Moment(Exposure("fpn", 1.0, **exposure), geometry, layout)


def frame(value, shape, **more):
    axes = ("amplifier", "row", "column") if len(shape) == 3 else ("row", "column")
    return Frame(np.full(shape, value, "f4"), "electron", axes, **more)


def test_a_map_of_the_file_reaches_the_scans():
    pattern = np.random.default_rng(1).normal(0.0, 20.0, EXCAM.file_shape)
    marked = FixedPattern(pattern=pattern).imprint(np.zeros(EXCAM.clocked_shape, np.float32), at())
    np.testing.assert_allclose(EXCAM.unclock(marked), pattern, rtol=1e-6)
    done = FixedPattern(pattern=pattern).correct(frame(0.0, EXCAM.clocked_shape), at())
    np.testing.assert_allclose(EXCAM.unclock(done.data), -pattern, rtol=1e-6)


def test_a_pattern_is_the_same_at_every_gain():
    # offset fixed pattern noise: Janesick 2007, Photon Transfer, ch. 3; 21 electrons are 21 / 5000 before the register
    for gain in (1.0, 100.0, 5000.0):
        here = at("sensor", Geometry((1, 1)), em_gain=gain)
        read = FixedPattern(pattern=21.0).imprint(EmGain().imprint(np.full((1, 1), 2.0, np.float32), here), here)
        assert read[0, 0] == 2.0 * gain + 21.0
        uncorrected = EmGain().correct(frame(read[0, 0], (1, 1)), here)
        assert uncorrected.data[0, 0] - 2.0 == pytest.approx(21.0 / gain, rel=1e-3)
        done = EmGain().correct(FixedPattern(pattern=21.0).correct(frame(read[0, 0], (1, 1)), here), here)
        assert done.data[0, 0] == pytest.approx(2.0, rel=1e-6)


def test_its_error_goes_through_the_register_as_the_pattern_does():
    here = at("sensor", Geometry((2, 2)), em_gain=100.0)
    pattern = FixedPattern(pattern=np.full((2, 2), 21.0), error=np.full((2, 2), 5.0))
    done = EmGain().correct(pattern.correct(frame(0.0, (2, 2)), here), here)
    np.testing.assert_allclose(done.variances["dark"], 0.05**2, rtol=1e-6)
    assert done.shared["dark"] == pattern.digest()


def test_no_error_makes_no_variance():
    assert FixedPattern(pattern=3.0).correct(frame(0.0, EXCAM.clocked_shape), at()).variances is None


def test_house_keeping_rows_keep_their_numbers_and_are_flagged():
    pattern = np.zeros(EXCAM.file_shape)
    pattern[-1] = np.nan
    clocked = FixedPattern(pattern=pattern).correct(frame(7.0, EXCAM.clocked_shape), at())
    np.testing.assert_array_equal(clocked.data, np.float32(7.0))
    assert (clocked.flags[0, -1] == Flag.DO_NOT_USE).all()
    assert not clocked.flags[0, :-1].any()
    holed = np.array([[1.0, np.nan]])
    image = FixedPattern(pattern=holed).correct(frame(7.0, (1, 2)), at("sensor", Geometry((1, 2))))
    np.testing.assert_array_equal(image.data, [[6.0, 7.0]])
    assert image.pixel_flags[0, 1] == Flag.UNRELIABLE_BIAS | Flag.DO_NOT_USE


def test_a_frame_before_the_gain_or_behind_the_division_is_refused():
    with pytest.raises(UsageError, match="undo it after 'gain' and before 'em_gain'"):
        FixedPattern(pattern=1.0).correct(Frame(np.ones((2, 2), "f4"), "DN"), at("sensor", Geometry((2, 2))))
    with pytest.raises(UsageError, match="undo it after 'gain' and before 'em_gain'"):
        FixedPattern(pattern=1.0).correct(frame(1.0, (2, 2), undone=("em_gain",)), at("sensor", Geometry((2, 2))))


def test_a_pattern_of_the_sensor_leaves_the_scans_alone():
    # simulated darks of the coronagraph: 21 electrons in the image, none in the prescan that the bias is told from
    empty = np.zeros(EXCAM.clocked_shape, np.float32)
    for pattern in (21.0, np.array([21.0]), np.full(EXCAM.shape, 21.0)):
        marked = FixedPattern(pattern=pattern).imprint(empty, at())[0]
        assert (marked[EXCAM.image_rows, EXCAM.image_columns] == 21.0).all()
        assert marked.sum() == 21.0 * 106 * 107
        back = FixedPattern(pattern=pattern).correct(frame(0.0, EXCAM.clocked_shape), at()).data
        np.testing.assert_array_equal(back[0], -marked)
