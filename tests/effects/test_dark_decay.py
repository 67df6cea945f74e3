"""Dark decay: when a pixel is read, what is left by then, and what a ramp keeps of it."""

from __future__ import annotations

import numpy as np
import pytest

from obverse import Amplifier, Detector, Exposure, Frame, Geometry, Moment, ReadPattern, UsageError
from obverse.effects.dark_decay import DarkDecay
from obverse.testing import check_effect
from tests.laws.examples import infrared
from tests.laws.test_mutants import mutated

RAMP = ("integration", "resultant", "row", "column")
READ_TIME = 3.16247
DECAY = DarkDecay(amplitude=1.0, time_constant=23.0, frame_time=READ_TIME)
PATTERN = ReadPattern([[1], [2, 3], [4, 5, 6]], READ_TIME)


def turns_of_roman(rows, channels, width, from_the_top):
    """Which part of a read is over when a pixel is read: channels side by side, each other one from right to left.

    romanisim 0.15: 32 channels of 128 columns, all rows of a channel in turn, in 12 of 18 detectors from the top down.
    """
    turn = np.zeros((rows, channels * width))
    for row in range(rows):
        for column in range(channels * width):
            channel, j = divmod(column, width)
            i = rows - 1 - row if from_the_top else row
            turn[row, column] = (i * width + (width - 1 - j if channel % 2 else j)) / (rows * width)
    return turn


def by_hand(effect, times, turn):
    """Mean over the reads, pixel by pixel."""
    after = [t + turn * effect.frame_time - effect.offset * effect.frame_time for t in times]
    return effect.amplitude * np.mean([np.exp(-t / effect.time_constant) for t in after], axis=0)


@pytest.mark.parametrize("from_the_top", [True, False])
def test_pixels_are_read_in_the_order_of_roman(from_the_top):
    side = "upper" if from_the_top else "lower"
    amplifiers = tuple(
        Amplifier(str(i), (0, 12), (8 * i, 8 * i + 8), f"{side} {'right' if i % 2 else 'left'}") for i in range(4)
    )
    geometry = Geometry((12, 32), amplifiers)
    frame = Frame(np.zeros((1, 3, 12, 32), "f4"), "DN", RAMP, exposure=Exposure("r", pattern=PATTERN))
    left = -DECAY.correct(frame, Moment(frame.exposure, geometry)).data[0]
    turn = turns_of_roman(12, 4, 8, from_the_top)
    for k, times in enumerate(PATTERN.times):
        np.testing.assert_allclose(left[k], by_hand(DECAY, times, turn), rtol=2e-6)
        clocked = DECAY.imprint(np.zeros((4, 12, 8), "f4"), Moment(frame.exposure, geometry, "clocked", times=times))
        np.testing.assert_allclose(geometry.assemble(clocked), left[k], rtol=1e-6)


def test_the_outputs_of_roman_wfi_are_those_of_most_detectors():
    corners = [amplifier.corner for amplifier in Detector.load("roman_wfi").geometry.amplifiers]
    assert corners == ["upper left", "upper right"] * 16


def test_the_first_read_has_the_amplitude_and_later_ones_less():
    # romanisim 0.15, tests: mean of the first read within 10 % of the amplitude; it decreases
    geometry = infrared()
    at = Moment(Exposure("r", pattern=PATTERN), geometry, "clocked")
    read = [
        DECAY.imprint(np.zeros(geometry.clocked_shape, "f4"), at.replace(times=(i * READ_TIME,))) for i in (1, 2, 9)
    ]
    means = [plane[geometry.pad(geometry.sensitive)].mean() for plane in read]
    assert means[0] == pytest.approx(1.0, rel=0.1)
    assert means[1] / means[0] == pytest.approx(np.exp(-READ_TIME / 23.0), rel=1e-5)
    assert means[2] / means[0] == pytest.approx(np.exp(-8 * READ_TIME / 23.0), rel=1e-5)


def test_an_average_of_reads_has_the_mean_of_what_each_has():
    at = Moment(Exposure("r", pattern=PATTERN), Geometry((4, 4)), "clocked")
    zero = np.zeros((1, 4, 4), "f4")
    each = [DECAY.imprint(zero, at.replace(times=(t,))) for t in PATTERN.times[2]]
    both = DECAY.imprint(zero, at.replace(times=PATTERN.times[2]))
    np.testing.assert_allclose(both, np.mean(each, axis=0), rtol=1e-6)


def test_reference_pixels_have_none():
    geometry = infrared()
    marked = DECAY.imprint(np.zeros(geometry.clocked_shape, "f4"), Moment(Exposure("r", 10.0), geometry, "clocked"))
    assert ((geometry.assemble(marked) != 0) == geometry.sensitive).all()


def test_a_dark_ramp_of_roman_comes_back_level():
    pattern = ReadPattern.even(8, frame_time=READ_TIME)
    noisy = ("cosmic_rays", "snowballs", "read_noise", "reset_noise", "adc", "dark_current", "bias_drift")
    quiet = Detector.load("roman_wfi").resized((64, 64)).without(*noisy)
    quiet = quiet.with_effect(quiet.effect("dark_decay").replace(amplitude=40.0))
    raw = quiet.expose(0.0, Exposure("r", pattern=pattern), seed=1)
    drop = (raw.data[0, 0] - raw.data[0, -1])[8:-8, 8:-8]
    assert drop.min() > 20.0
    level = quiet.recipe().until("dark_decay").run(raw).data[0]
    assert np.ptp(level, axis=0).max() < 3e-3  # float32 at 5000 DN


def test_it_must_stand_before_the_gain_and_know_when_reads_were():
    at = Moment(Exposure("r"), Geometry((4, 4)))
    with pytest.raises(UsageError, match="before 'gain'"):
        DECAY.correct(Frame(np.zeros((4, 4), "f4"), "electron"), at)
    with pytest.raises(UsageError, match="read pattern"):
        DECAY.correct(Frame(np.zeros((1, 2, 4, 4), "f4"), "DN", RAMP), at)


def forgotten(self, at):
    """All pixels are taken to be read at once."""
    return np.ones((), np.float32)


def test_a_read_that_takes_no_time_is_found_out():
    wrong = mutated(DECAY, _within=forgotten)
    check_effect(wrong, Geometry((96, 64)))  # the same mistake both ways: no round trip sees it
    at = Moment(Exposure("r", 10.0), Geometry((4, 4)), "clocked", times=(READ_TIME,))
    right, bad = (effect.imprint(np.zeros((1, 4, 4), "f4"), at) for effect in (DECAY, wrong))
    assert np.abs(right - bad).max() > 0.05
