"""Photon transfer on synthetic pairs, where gain and noise are known, and what breaks its model."""

from __future__ import annotations

import numpy as np
import pytest

import obverse as ob
from obverse import Exposure, UsageError
from tests.chain.simulating import true_ccd

GAIN, NOISE = 1.7, 5.0


def pair_of_flats(random, level, shape=(512, 512), lamp=(1.0, 1.0), response=1.0):
    return tuple(random.poisson(level * share * response, shape) / GAIN + _noise(random, shape) for share in lamp)


def pair_of_biases(random, shape=(512, 512)):
    return [_noise(random, shape) for _ in range(2)]


def _noise(random, shape):
    return random.normal(0.0, NOISE / GAIN, shape)


def near(found, gain=GAIN):
    """Whether the gain is within five of its errors, and these are small enough to matter."""
    assert (found.gain_error < 0.006 * gain).all()
    return abs(found.gain[0] - gain) < 5 * found.gain_error[0]


def test_gain_and_noise_of_ideal_pairs_come_out():
    random = np.random.default_rng(1)
    found = ob.photon_transfer([pair_of_flats(random, 20000)], pair_of_biases(random), border=0)
    assert near(found)
    assert abs(found.read_noise[0] - NOISE) < 5 * found.read_noise_error[0]
    # sqrt(2/n) of 262 144 pixels of one pair is 0.28 %; the jackknife of 32 blocks knows it to 13 %
    assert found.gain_error[0] / GAIN == pytest.approx(0.0028, rel=0.65)


def test_the_errors_are_those_of_many_realisations():
    gains, errors, noises, noise_errors = [], [], [], []
    for seed in range(60):
        random = np.random.default_rng([2, seed])
        shape = (256, 128)
        flats, biases = pair_of_flats(random, 10000, shape), pair_of_biases(random, shape)
        found = ob.photon_transfer([flats], biases, border=0)
        gains.append(found.gain[0])
        errors.append(found.gain_error[0])
        noises.append(found.read_noise[0])
        noise_errors.append(found.read_noise_error[0])
    for values, stated, truth in ((gains, errors, GAIN), (noises, noise_errors, NOISE)):
        pull = (np.array(values) - truth) / np.array(stated)
        # 60 pulls of Student's t with 15 degrees of freedom: std 1.07 +- 0.1
        assert 0.7 < pull.std() < 1.45
        assert abs(pull.mean()) < 5 / np.sqrt(60)


def test_a_lamp_that_drifts_by_one_percent_within_a_pair_does_no_harm():
    random = np.random.default_rng(3)
    flats = [pair_of_flats(random, level, lamp=(1.0, 1.01)) for level in (5000, 20000, 40000)]
    assert near(ob.photon_transfer(flats, pair_of_biases(random), border=0))


def test_pixels_of_uneven_response_do_no_harm():
    random = np.random.default_rng(4)
    response = 1.0 + 0.02 * random.standard_normal((512, 512))
    flats = [pair_of_flats(random, level, lamp=(1.0, 1.005), response=response) for level in (5000, 20000)]
    assert near(ob.photon_transfer(flats, pair_of_biases(random), border=0))


def test_hot_pixels_and_cosmic_rays_do_no_harm():
    random = np.random.default_rng(5)
    flats = []
    for level in (5000, 20000):
        first, second = pair_of_flats(random, level)
        first[random.uniform(size=first.shape) < 1e-3] += 5000.0
        flats.append((first, second))
    assert near(ob.photon_transfer(flats, pair_of_biases(random), border=0))


def test_a_clip_at_three_sigma_would_have_biased_the_gain():
    random = np.random.default_rng(6)
    pair = pair_of_flats(random, 20000)
    difference = (pair[0] - pair[1])[np.abs(pair[0] - pair[1]) < 3 * (pair[0] - pair[1]).std()]
    # a normal cut at 3 sigma: 1 - 6 phi(3)/(2 Phi(3) - 1) = 1 - 0.027
    assert difference.var() / (pair[0] - pair[1]).var() - 1.0 == pytest.approx(-0.027, abs=0.003)


def test_brighter_fatter_is_taken_for_gain_as_far_as_the_docstring_says():
    # V = mu/g (1 + a00 mu g) with a00 = -2e-6: +3.7 % of gain for a fit up to 30 ke
    mean = np.linspace(1000.0, 30000.0, 20)
    found = ob.fit_photon_transfer(mean, mean * (1.0 - 2e-6 * mean) + 25.0)
    assert 1.02 < found.gain < 1.05


@pytest.mark.parametrize(("coupling", "bias"), [(0.005, 1.041), (0.01, 1.085)])
def test_coupled_neighbours_are_taken_for_gain_unless_their_covariances_are_summed(coupling, bias):
    random = np.random.default_rng(7)
    kernel = {(0, 0): 1 - 4 * coupling, (0, 1): coupling, (0, -1): coupling, (1, 0): coupling, (-1, 0): coupling}

    def couple(image):
        return sum(weight * np.roll(image, shift, (0, 1)) for shift, weight in kernel.items())

    flats = [
        tuple(couple(random.poisson(level, (512, 512))) / GAIN + _noise(random, (512, 512)) for _ in range(2))
        for level in (10000, 40000)
    ]
    biases = pair_of_biases(random)
    naive = ob.photon_transfer(flats, biases, border=0)
    # 1/sum(k^2) of 0.5 and 1 %: +4.1 and +8.5 %; 5 sigma of the estimate
    assert abs(naive.gain[0] / GAIN - bias) < 5 * naive.gain_error[0] / GAIN + 0.001
    summed = ob.photon_transfer(flats, biases, border=0, lags=1)
    assert abs(summed.gain[0] - GAIN) < 5 * summed.gain_error[0]
    assert summed.gain_error[0] < 0.012 * GAIN


def test_raw_frames_of_a_detector_tell_its_gains():
    truth = true_ccd()
    flats = [truth.expose(1000.0, Exposure(f"f{i}", 10.0), seed=1) for i in range(8)]
    biases = [truth.expose(0.0, Exposure(f"b{i}", 0.0), seed=1) for i in range(4)]
    pairs = list(zip(flats[::2], flats[1::2], strict=True))
    found = ob.photon_transfer(pairs, biases, detector=truth)
    # at 9000 electron the bend of 1.3e-7 raises the apparent gain by 3 c mu = 0.35 %: nonlinearity is not undone here
    off = found.gain / truth.effect("gain").gain - 1.0
    assert (np.abs(off - 0.0035) < 5 * found.gain_error / found.gain).all()
    assert (found.gain_error / found.gain < 0.01).all()


@pytest.mark.parametrize("model", ["quadratic", "lineer"])
def test_a_model_that_is_none_is_refused(model):
    with pytest.raises(UsageError, match="model"):
        ob.fit_photon_transfer([1.0, 2.0], [1.0, 2.0], model=model)


def test_pairs_that_cannot_tell_a_gain_are_refused():
    random = np.random.default_rng(8)
    with pytest.raises(UsageError, match="one light level"):
        ob.photon_transfer([pair_of_flats(random, 1000, (64, 64))], border=0)
    with pytest.raises(UsageError, match="pairs of each"):
        ob.photon_transfer([pair_of_flats(random, 1000, (64, 64))], [np.zeros((64, 64))], border=0)
