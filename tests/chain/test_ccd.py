"""A CCD both ways: simulate with the truth, measure a belief, calibrate with it, compare with the truth."""

from __future__ import annotations

import numpy as np
import pytest

import obverse as ob
from obverse import Exposure, Flag
from tests.chain.gates import Compared, check_bias, check_measured, check_precise, check_pulls, pulls_of_measured
from tests.chain.simulating import ccd_belief, true_ccd

SECONDS = 10.0
MEASURED = {
    "bias.level",
    "nonlinearity.coefficients.0",
    "gain.gain",
    "read_noise.sigma",
    "dark_current.rate",
    "flat.response",
}


@pytest.fixture(scope="module")
def truth():
    return true_ccd()


@pytest.fixture(scope="module")
def belief(truth):
    return ccd_belief(truth, seed=11)


def test_what_is_measured_agrees_with_the_truth(truth, belief):
    check_measured(truth, belief, expected=MEASURED)
    check_precise(belief, gain=0.008, noise=0.008)  # of eight pairs, the stated errors are 0.004 to 0.008


def test_the_truth_itself_would_not_pass_for_the_nominal_values(truth):
    nominal = ob.Detector.load("generic_ccd").resized(truth.geometry.shape)
    assert nominal.effect("gain") != truth.effect("gain")


def simplest_camera(truth, rate):
    """Pulls of the simplest camera that takes its photon noise from the data, drawn with numpy alone."""
    random = np.random.default_rng(8)
    pulls = []
    for sigma, gain in zip(truth.effect("read_noise").sigma, truth.effect("gain").gain, strict=True):
        noise = np.sqrt(sigma**2 + gain**2 / 12.0)
        dark = truth.effect("dark_current").rate * SECONDS
        light = 0.9 * rate * SECONDS + dark
        counted = random.poisson(light, 500_000)
        seen = counted + sigma * random.standard_normal(counted.size)
        level = random.uniform(size=counted.size)  # anywhere between two codes
        seen = gain * (np.rint(seen / gain + level) - level)
        pulls.append((seen - light) / np.sqrt(np.maximum(seen, 0) + noise**2))
    return np.concatenate(pulls)


@pytest.mark.parametrize("rate", [0.1, 1.0, 30.0, 1000.0, 9000.0])
def test_errors_of_a_calibrated_image_are_right_at_every_light(truth, belief, rate):
    raw = truth.expose(rate, Exposure("science", SECONDS), seed=5)
    calibrated = belief.calibrate(raw)
    compared = Compared.of(calibrated, rate * SECONDS)
    # a code is 2.5 electron; where between two codes the level of the frame lies moves the 68 % coverage by up to
    # half a code at each end: 2.5 e/sigma times the normal density at one sigma, 0.24, and 0.06 at two sigma
    code = 2.5 / np.sqrt(0.9 * rate * SECONDS + 20.0)
    coarse = (0.24 * code + 0.01, 0.06 * code + 0.005)
    alone = Compared.of(_apart_from_gains(calibrated, truth, rate), rate * SECONDS)
    check_pulls(f"{rate} photon/s", alone, std=0.02, coverage=coarse, oracle=simplest_camera(truth, rate))
    check_pulls(f"{rate} photon/s", _with_true_noise(alone, truth, rate), std=0.02, coverage=coarse)
    spread = float(ob.spread(lambda d: np.nanmean(d.calibrate(raw).data), belief, draws=12, seed=3))
    # the overscan of one frame fixes the level of an amplifier to sigma/sqrt(7168 pixels) = 0.05 electron, common
    # to all its pixels: part of the read component, which is not independent from pixel to pixel
    overscan = 4.4 / np.sqrt(7168) / np.sqrt(2) / 0.9
    check_bias(
        f"{rate} photon/s", compared, rate * SECONDS, float(np.hypot(spread, overscan)), relative=0.015, absolute=0.3
    )


def _apart_from_gains(calibrated, truth, rate):
    """The same image with the mean of each amplifier put right: bright pixels share the error of the gain."""
    if rate < 30.0:
        return calibrated
    data = calibrated.data.astype(np.float64)
    for amplifier in truth.geometry.amplifiers:
        part = amplifier.section.cut(data)
        part *= rate * SECONDS / np.nanmean(part)
    return calibrated.replace(data=data.astype(np.float32))


def _with_true_noise(compared, truth, rate):
    """The same differences, in units of the noise that was put in: where they fail, the image is wrong."""
    if rate >= 30.0:
        return compared  # the errors of the flat, which only the belief knows, are no longer small
    noise2 = np.mean(truth.effect("read_noise").sigma ** 2 + truth.effect("gain").gain ** 2 / 12.0)
    light = (0.9 * rate + truth.effect("dark_current").rate) * SECONDS
    return Compared(compared.off, np.full_like(compared.off, np.sqrt(light + noise2) / 0.9))


def test_full_well_is_flagged_and_what_lies_below_is_not(truth, belief):
    light = np.where(np.arange(256)[:, None] < 128, 0.5, 2.0) * 150000.0 / 0.9 / SECONDS * np.ones((256, 256))
    flags = belief.calibrate(truth.expose(light, Exposure("bright", SECONDS), seed=6)).flags
    saturated = (flags & Flag.SATURATED) != 0
    assert saturated[128:].all()
    assert not saturated[:128].any()


def test_sums_of_neighbours_have_the_errors_that_independent_pixels_have(truth, belief):
    raw = truth.expose(100.0, Exposure("sums", SECONDS), seed=7)
    calibrated = belief.calibrate(raw)
    off = calibrated.data.astype(np.float64) - 1000.0
    variance = calibrated.variance.astype(np.float64)
    off -= off.mean()  # gain and level are common to all: their error is the spread's
    for k in (2, 4, 8):
        sums, variances = (a.reshape(256 // k, k, 256 // k, k).sum(axis=(1, 3)) for a in (off, variance))
        std = (sums / np.sqrt(variances)).std()
        # n = 65536/k^2 sums: 5/sqrt(2n) and 1 % besides
        assert abs(std - 1.0) < 0.01 + 5 / np.sqrt(2 * 65536 / k**2), k


@pytest.mark.validate
def test_what_is_measured_has_unit_pulls_over_many_realisations():
    realisations = 24
    pulls: dict[str, list[np.ndarray]] = {}
    for i in range(realisations):
        truth = true_ccd(i)
        for name, pull in pulls_of_measured(truth, ccd_belief(truth, seed=100 + i)).items():
            pulls.setdefault(name, []).append(pull)
    for name, values in pulls.items():
        pull = np.array(values)
        if pull.size > 1000 * realisations:
            assert abs(pull.std() - 1.0) < 0.01, name
            continue
        # an error from 8 frames or 14 blocks is itself uncertain: with nu degrees of freedom the pulls follow
        # Student's t, of variance nu/(nu - 2): 1.4 for the 7 of the bias level, 1.2 for the 13 of the blocks
        widest = np.sqrt(1.4 if name == "bias.level" else 1.2)
        error = 1 / np.sqrt(2 * pull.size)
        assert 1.0 - 5 * error < pull.std() < widest + 5 * error, (name, pull.std())
        assert abs(pull.mean()) < 5 * widest / np.sqrt(pull.size), (name, pull.mean())


@pytest.mark.validate
@pytest.mark.parametrize("rate", [0.1, 0.3, 1.0, 3.0, 10.0, 100.0, 1000.0, 10000.0, 14000.0])
def test_errors_over_the_whole_range_with_many_beliefs(rate):
    pulls = []
    for i in range(8):
        truth = true_ccd(i)
        compared = Compared.of(
            ccd_belief(truth, seed=200 + i).calibrate(truth.expose(rate, Exposure("s", SECONDS), seed=i)),
            rate * SECONDS,
        )
        pulls.append(compared.pull - compared.pull.mean())
    assert abs(np.concatenate(pulls).std() - simplest_camera(true_ccd(0), rate).std()) < 0.02
