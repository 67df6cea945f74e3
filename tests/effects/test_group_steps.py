"""Superbias maps, gain factors, dark ramps and the reference border under couplings: steps that change counts."""

from __future__ import annotations

import numpy as np
import pytest

from obverse import Detector, Exposure, Flag, Frame, Geometry, Moment, ReadPattern, UsageError
from obverse.effects.bias import Bias
from obverse.effects.dark_ramp import DarkRamp
from obverse.effects.gain_scale import GainScale
from obverse.effects.interpixel_capacitance import InterpixelCapacitance
from obverse.testing import check_effect
from tests.laws.examples import ROMAN, infrared
from tests.laws.test_mutants import mutated

RAMP = ("integration", "resultant", "row", "column")


def ramps(values, pattern, unit="electron"):
    """Two by two equal pixels, (integration, resultant) values."""
    cube = np.asarray(values, np.float32)[..., None, None] * np.ones((2, 2), np.float32)
    return Frame(cube, unit, RAMP, exposure=Exposure("r", pattern=pattern))


# -- superbias ----------------------------------------------------------------------------------------------------


def test_a_superbias_of_each_pixel_leaves_every_resultant():
    level = np.array([[9000.0, 9500.0], [10000.0, np.nan]])
    told = np.array([[Flag.UNRELIABLE_BIAS, 0], [0, Flag.HOT]], np.uint32)
    raw = ramps([[10.0, 20.0], [5.0, 7.0]], ReadPattern.even(2), "DN")
    filled = np.where(np.isnan(level), 9500.0, level)  # the median of the three
    raw = raw.replace(data=raw.data + filled.astype("f4"), pixel_flags=told)
    effect = Bias(level=level)
    done = effect.correct(raw, Moment.of(raw))
    np.testing.assert_allclose(done.data[:, :, 0, 0], [[10.0, 20.0], [5.0, 7.0]])
    np.testing.assert_allclose(done.data[..., 1, 1], done.data[..., 0, 0])
    unreliable = int(Flag.UNRELIABLE_BIAS)
    assert done.pixel_flags.tolist() == [[unreliable, 0], [0, unreliable | int(Flag.HOT)]]


def test_a_level_that_is_not_known_says_so():
    level = np.full(infrared().shape, 1000.0)
    level[40, 20] = np.nan

    def silent(self, frame, at):
        return frame.replace(data=np.asarray(frame.data, np.float32) - at.plane(self._known))

    def flags_of(effect):
        frame = Frame(np.zeros(level.shape, "f4"), "DN", pixel_flags=np.zeros(level.shape, np.uint32))
        return effect.correct(frame, Moment.of(frame)).pixel_flags[40, 20]

    assert flags_of(Bias(level=level)) == Flag.UNRELIABLE_BIAS
    assert flags_of(mutated(Bias(level=level), correct=silent)) == 0


def test_a_map_that_holds_no_number_is_refused():
    with pytest.raises(UsageError, match="no number"):
        Bias(level=np.full((2, 2), np.nan))


# -- gain factor --------------------------------------------------------------------------------------------------


def test_counts_of_nirspec_subarrays_are_doubled():
    # GAINFACT of NIRSpec subarrays is 2 (JWST pipeline documentation, step gain_scale)
    frame = ramps([[3.0, 4.5]], ReadPattern.even(2), "DN")
    assert GainScale(factor=2.0).correct(frame, Moment.of(frame)).data[0, :, 0, 0].tolist() == [6.0, 9.0]
    with pytest.raises(UsageError, match="must be in 'DN'"):
        GainScale(factor=2.0).correct(frame.replace(unit="electron"), Moment.of(frame))


def test_noise_of_the_converter_grows_with_the_factor():
    # a code of 2 x 2.05 electron: its noise is that over the root of 12
    detector = Detector.load("generic_h2rg").resized((64, 64))
    effects = [*detector.effects[:-1], GainScale(factor=2.0), detector.effects[-1]]
    steps = ("adc", "gain_scale", *(step for step in detector.steps if step != "adc"))
    scaled = detector.replace(effects=tuple(effects), steps=steps)
    added = [d.recipe()._noise(Moment(Exposure("a", 1.0), d.geometry)).max() ** 2 for d in (detector, scaled)]
    assert added[1] - added[0] == pytest.approx(3.0 * 2.1**2 / 12.0 * _before(detector), rel=0.02)


def _before(detector):
    """What corrections of effects in front of the converter multiply its noise by."""
    names = [effect.name for effect in detector.effects]
    return np.prod([effect.amplification(Exposure("a", 1.0)) for effect in detector.effects[: names.index("adc")]])


# -- dark ramps ---------------------------------------------------------------------------------------------------

FRAMES = np.arange(1.0, 201.0).reshape(200, 1, 1) * np.ones((2, 2))
"""A dark of every read, whose k-th read is k electrons."""

PATTERNS = {"RAPID": (1, 0), "BRIGHT1": (1, 1), "BRIGHT2": (2, 0), "SHALLOW2": (2, 3), "SHALLOW4": (4, 1)}
PATTERNS |= {"MEDIUM2": (2, 8), "MEDIUM8": (8, 2), "DEEP2": (2, 18), "DEEP8": (8, 12)}


@pytest.mark.parametrize("name", PATTERNS)
def test_a_dark_is_averaged_to_the_pattern_of_the_exposure(name):
    # the k-th group of NFRAMES m and GROUPGAP g averages reads k (m + g) + 1 ... k (m + g) + m
    m, gap = PATTERNS[name]
    frame = ramps(np.zeros((2, 5)), ReadPattern.even(5, m, gap, frame_time=10.7))
    done = DarkRamp(ramp=FRAMES, frame_time=10.7).correct(frame, Moment.of(frame))
    wanted = [np.mean([k * (m + gap) + j for j in range(1, m + 1)]) for k in range(5)]
    np.testing.assert_allclose(-done.data[:, :, 1, 1], [wanted, wanted], rtol=1e-6)


def test_a_dark_that_ends_too_early_goes_on_with_its_last_difference():
    frame = ramps(np.zeros((1, 5)), ReadPattern.even(5, frame_time=1.0))
    dark = np.reshape([1.0, 2.0, 5.0], (3, 1, 1)) * np.ones((2, 2))
    done = DarkRamp(ramp=dark, frame_time=1.0).correct(frame, Moment.of(frame))
    np.testing.assert_allclose(-done.data[0, :, 0, 0], [1.0, 2.0, 5.0, 8.0, 11.0])


def test_a_dark_that_averages_serves_only_its_own_pattern():
    dark = DarkRamp(ramp=FRAMES[:6], frame_time=1.0, frames=4, gap=1)
    alike = ramps(np.zeros((1, 4)), ReadPattern.even(4, 4, 1, frame_time=1.0))
    np.testing.assert_allclose(-dark.correct(alike, Moment.of(alike)).data[0, :, 0, 0], [1.0, 2.0, 3.0, 4.0])
    for frames, gap in ((2, 1), (4, 0), (4, 6)):
        other = ramps(np.zeros((1, 4)), ReadPattern.even(4, frames, gap, frame_time=1.0))
        with pytest.raises(UsageError, match="averages 4 reads and leaves out 1"):
            dark.correct(other, Moment.of(other))


def test_a_dark_of_each_integration_and_the_last_one_for_all_that_follow():
    dark = np.stack([FRAMES[:3], 10 * FRAMES[:3]])
    frame = ramps(np.zeros((4, 3)), ReadPattern.even(3, frame_time=1.0))
    effect = DarkRamp(ramp=dark, frame_time=1.0)
    done = effect.correct(frame, Moment.of(frame))
    np.testing.assert_allclose(-done.data[:, 2, 0, 0], [3.0, 30.0, 30.0, 30.0])
    later = Moment(Exposure("a", 3.0), Geometry((2, 2)), interval=(0.0, 2.0), integration=7)
    np.testing.assert_allclose(effect.imprint(np.zeros((2, 2), "f4"), later), 20.0)


def test_holes_of_a_dark_count_as_nothing_and_are_told():
    dark = FRAMES[:3].copy()
    dark[1, 0, 1] = np.nan
    frame = ramps(np.zeros((1, 3)), ReadPattern.even(3, frame_time=1.0))
    done = DarkRamp(ramp=dark, frame_time=1.0).correct(frame, Moment.of(frame))
    np.testing.assert_allclose(-done.data[0, :, 0, 1], [1.0, 0.0, 3.0])
    assert done.pixel_flags.tolist() == [[0, int(Flag.UNRELIABLE_DARK)], [0, 0]]


def test_what_a_simulation_adds_read_by_read_the_correction_takes_away():
    rising = 5.0 * np.log1p(np.arange(1.0, 31.0)).reshape(30, 1, 1) * np.ones((2, 2))
    effect = DarkRamp(ramp=rising, frame_time=2.0)
    pattern = ReadPattern([[1], [2, 3], [7, 8, 9], [25, 26]], 2.0)
    at = Moment(Exposure("r", pattern=pattern), Geometry((2, 2)))
    charge, before, seen = np.zeros((2, 2), "f4"), 0.0, []
    for group in pattern.times:
        reads = []
        for time in group:
            charge = effect.imprint(charge, at.replace(interval=(before, time)))
            before = time
            reads.append(charge)
        seen.append(np.mean(reads, axis=0))
    frame = Frame(np.array(seen)[None], "electron", RAMP, exposure=at.exposure)
    np.testing.assert_allclose(effect.correct(frame, at).data, 0.0, atol=1e-5)


def test_a_ramp_without_a_pattern_is_refused_in_one_line():
    frame = Frame(np.zeros((1, 3, 2, 2), "f4"), "electron", RAMP)
    with pytest.raises(UsageError, match="no read pattern"):
        DarkRamp(ramp=FRAMES, frame_time=1.0).correct(frame, Moment.of(frame))
    with pytest.raises(UsageError, match="planes of pixels"):
        DarkRamp(ramp=np.zeros((2, 2)), frame_time=1.0)


def taken_at_the_last_read(self, frame):
    times = np.array([self.frame_time * (k + 1) for k in range(self.ramp.shape[-3])])
    weights = np.zeros((1, len(times)), np.float32)
    weights[0, -1] = 1.0
    return weights


def test_a_dark_of_the_wrong_read_fails_the_law():
    random = np.random.default_rng(1)
    dark = DarkRamp(ramp=np.cumsum(random.uniform(0.5, 2.0, (12, *infrared().shape)), axis=0), frame_time=7.0)
    check_effect(dark, infrared())
    with pytest.raises(AssertionError):
        check_effect(mutated(dark, _weights=taken_at_the_last_read), infrared())


# -- couplings at the reference border ----------------------------------------------------------------------------


def test_reference_pixels_neither_give_nor_take_a_coupling():
    geometry = infrared()
    effect = InterpixelCapacitance(kernel=ROMAN / ROMAN.sum())
    random = np.random.default_rng(2)
    frame = Frame(random.uniform(1e3, 1e4, (1, 2, *geometry.shape)).astype("f4"), "electron", RAMP)
    at = Moment.of(frame, geometry)
    done = effect.correct(frame, at)
    border = ~geometry.sensitive
    np.testing.assert_array_equal(done.data[..., border], frame.data[..., border])
    other = frame.data.copy()
    other[..., border] = -1e6
    np.testing.assert_array_equal(
        effect.correct(frame.replace(data=other), at).data[..., geometry.sensitive],
        done.data[..., geometry.sensitive],
    )
    np.testing.assert_allclose(effect.imprint(done.data, at), frame.data, rtol=1e-4)
