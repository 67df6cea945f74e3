"""An infrared array both ways: ramps with jumps, coupling and bends, against the truth."""

from __future__ import annotations

import numpy as np
import pytest

import obverse as ob
from obverse import Exposure, Flag, ReadPattern
from tests.chain.gates import Compared, check_bias, check_measured, check_precise, check_pulls, pulls_of_measured
from tests.chain.simulating import array_belief, true_array

MEASURED = {
    "nonlinearity.coefficients.0",
    "nonlinearity.coefficients.1",
    "gain.gain",
    "read_noise.sigma",
    "dark_current.rate",
    "flat.response",
}
RAMP = ReadPattern.even(10, frame_time=10.0)


@pytest.fixture(scope="module")
def truth():
    return true_array()


@pytest.fixture(scope="module")
def belief(truth):
    return array_belief(truth, seed=12)


def test_what_is_measured_agrees_with_the_truth(truth, belief):
    check_measured(truth, belief, expected=MEASURED)
    check_precise(belief, gain=0.005, noise=0.005)


@pytest.mark.parametrize("rate", [0.1, 1.0, 10.0, 100.0])
def test_errors_of_a_calibrated_ramp_are_right_at_every_light(truth, belief, rate):
    raw = truth.expose(rate, Exposure("science", pattern=RAMP), seed=5)
    calibrated = belief.calibrate(raw)
    compared = Compared.of(calibrated, rate)
    spread = float(ob.spread(lambda d: np.nanmean(d.calibrate(raw).data), belief, draws=12, seed=3))
    # the bright end: the gain of an amplifier is common to its pixels, so it is no part of their errors
    check_pulls(f"{rate} photon/s", _about_amplifiers(compared, calibrated, truth), std=0.03, coverage=(0.015, 0.01))
    # reference pixels fix the level of a read to 11/sqrt(1024), its differences over 90 s to 0.005 electron/s
    check_bias(f"{rate} photon/s", compared, rate, float(np.hypot(spread, 0.003)), relative=0.02, absolute=0.03)


def _about_amplifiers(compared, calibrated, truth):
    good = ~calibrated.unusable() & np.isfinite(calibrated.error)
    owner = truth.geometry.amplifier_map[good]
    means = np.array([compared.off[owner == i].mean() for i in range(4)])
    return Compared(compared.off - means[owner], compared.error)


def test_a_hit_does_not_bias_the_rate_of_the_pixel(truth, belief):
    raw = truth.expose(1.0, Exposure("hits", pattern=RAMP), seed=9)
    stages = truth.stages(1.0, Exposure("hits", pattern=RAMP), seed=9)
    counted = [pixels for name, pixels in stages if name == "photons"]
    struck = [pixels for name, pixels in stages if name == "cosmic_rays"]
    deposits = np.array(struck) - np.array(counted)
    hit = (deposits[1:] > 300).any(axis=0) & truth.geometry.sensitive
    calibrated = belief.calibrate(raw)
    assert hit.sum() > 40
    flagged = (calibrated.pixel_flags[hit] & Flag.JUMP_DET) != 0
    assert flagged.mean() > 0.99
    good = hit & ~calibrated.unusable()
    pull = (calibrated.data[good] - 1.0) / calibrated.error[good]
    # unit pulls of n hit pixels: five standard errors
    assert abs(np.median(pull)) < 5 * 1.25 / np.sqrt(good.sum())


def test_a_saturated_pixel_still_has_the_rate_of_its_good_reads(truth, belief):
    rate = 2000.0  # 100 ke after 60 of 100 s, coupled and bent
    raw = truth.expose(rate, Exposure("bright", pattern=RAMP), seed=10)
    calibrated = belief.calibrate(raw)
    good = ~calibrated.unusable()
    assert good.sum() > 0.9 * truth.geometry.sensitive.sum()
    assert ((calibrated.pixel_flags[good] & Flag.SATURATED) != 0).mean() > 0.99
    assert calibrated.data[good].mean() == pytest.approx(rate, rel=0.01)


@pytest.mark.validate
def test_what_is_measured_has_unit_pulls_over_many_realisations():
    realisations = 24
    pulls: dict[str, list[np.ndarray]] = {}
    for i in range(realisations):
        truth = true_array(i)
        for name, pull in pulls_of_measured(truth, array_belief(truth, seed=100 + i)).items():
            pulls.setdefault(name, []).append(pull)
    for name, values in pulls.items():
        pull = np.array([v if v.size < 1000 else v[:1] for v in values])
        # errors from 16 blocks of rows: Student's t of 15 degrees of freedom has the variance 15/13
        widest, error = np.sqrt(15 / 13), 1 / np.sqrt(2 * pull.size)
        assert 1.0 - 5 * error < pull.std() < widest + 5 * error, (name, pull.std())
        assert abs(pull.mean()) < 5 * widest / np.sqrt(pull.size), (name, pull.mean())


@pytest.mark.validate
@pytest.mark.parametrize("rate", [0.01, 0.1, 0.3, 1.0, 3.0, 10.0, 30.0, 100.0, 300.0])
def test_errors_over_the_whole_range_with_many_beliefs(rate):
    pulls = []
    for i in range(6):
        truth = true_array(i)
        belief = array_belief(truth, seed=300 + i)
        calibrated = belief.calibrate(truth.expose(rate, Exposure("s", pattern=RAMP), seed=i))
        pulls.append(_about_amplifiers(Compared.of(calibrated, rate), calibrated, truth).pull)
    assert abs(np.concatenate(pulls).std() - 1.0) < (0.04 if rate < 1 else 0.02)
