"""The gain of the register: from a histogram, from flats, and over the range of gains."""

from __future__ import annotations

import numpy as np
import pytest

from obverse import DataError, Flag, ObverseWarning, UsageError
from obverse.emccd.gain_curve import calibrate_em_gain, fit_gain_curve
from obverse.emccd.gain_likelihood import RegisterModel
from obverse.emccd.gain_of_flats import em_gain_of_flats
from obverse.emccd.gain_of_frames import em_gain_of, with_gain
from obverse.register.excess_noise import excess_noise_factor
from tests import naive
from tests.emccd.simulating import amplified, frame, pixels


def pulls(gain: float, electrons: float, n: int, side: int, seed: int) -> np.ndarray:
    """(found - truth) / error of gain, electrons, read noise and offset."""
    random = np.random.default_rng(seed)
    out = []
    for _ in range(n):
        data = pixels(electrons, (side, side), gain, 110.0, random) + 13.0
        found = em_gain_of(frame(data, 1.2 * gain))
        out.append(
            [
                (found.gain - gain) / found.gain_error,
                (found.electrons - electrons) / found.electrons_error,
                (found.read_noise - 110.0) / found.read_noise_error,
                (found.offset - 13.0) / found.offset_error,
            ]
        )
    return np.array(out)


def test_chances_of_bins_are_those_of_the_slow_law() -> None:
    """Poisson numbers of electrons, stage after stage, then the normal law of the read noise."""
    gain, stages, noise, partial = 6.0, 4, 4.0, 0.1
    model = RegisterModel(60, -20.0, 2.0, stages, partial, room=200)
    p, _ = model.chances(np.array([np.log(gain), np.log(0.3), np.log(noise), 1.5, 0.0]))
    edges = -20.0 + 2.0 * np.arange(61)
    slow = naive.noisy_register_bins(0.3, gain, stages, partial, noise, 1.5, edges)
    np.testing.assert_allclose(p, slow / slow.sum(), atol=1e-7)


def test_slopes_are_those_of_the_chances() -> None:
    model = RegisterModel(400, -700.0, 40.0, room=800)
    here = np.array([np.log(3000.0), np.log(0.1), np.log(110.0), 5.0, 1e-3])
    _, slopes = model.chances(here)
    for i, step in enumerate([1e-4, 1e-5, 1e-5, 1e-2, 1e-6]):
        h = step * np.eye(5)[i]
        slow = (model.chances(here + h)[0] - model.chances(here - h)[0]) / (2 * step)
        np.testing.assert_allclose(slopes[i], slow, atol=3e-4 * np.abs(slow).max())


def test_one_frame_tells_the_gain_of_604_stages() -> None:
    random = np.random.default_rng(1)
    found = em_gain_of(frame(pixels(0.05, (400, 400), 5000.0, 110.0, random), 6000.0))
    assert abs(found.gain - 5000.0) < 4 * found.gain_error
    assert found.gain_error < 0.015 * found.gain
    assert abs(found.chi_square - 1) < 0.4
    assert found.commanded == 6000.0
    assert with_gain(frame(np.zeros((1, 1)), 6000.0), found).exposure.applied_em_gain == found.gain


@pytest.mark.parametrize(("gain", "electrons"), [(5000.0, 0.05), (2000.0, 0.8)])
def test_errors_are_those_of_repeated_frames(gain: float, electrons: float) -> None:
    found = pulls(gain, electrons, n=24, side=80, seed=3)
    assert (np.abs(found.mean(axis=0)) < 4 / np.sqrt(24)).all()
    assert (np.abs(found.std(axis=0, ddof=1) - 1) < 4 / np.sqrt(48)).all()


@pytest.mark.validate
@pytest.mark.parametrize(("gain", "electrons"), [(5000.0, 0.03), (1000.0, 0.1), (3000.0, 1.5)])
def test_errors_are_those_of_many_repeated_frames(gain: float, electrons: float) -> None:
    found = pulls(gain, electrons, n=400, side=80, seed=4)
    assert (np.abs(found.mean(axis=0)) + 3 / 20 < 0.4).all()
    assert (np.abs(found.std(axis=0, ddof=1) - 1) + 3 / np.sqrt(800) < 0.2).all()


def test_remains_of_cosmic_rays_do_not_move_the_gain() -> None:
    random = np.random.default_rng(5)
    data = pixels(0.05, (300, 300), 5000.0, 110.0, random)
    hit = random.random(data.shape) < 5e-4
    data[hit] = random.uniform(0.0, 1e5, hit.sum())
    flags = np.zeros(data.shape, np.uint8)
    data[:20], flags[:20] = 9e4, Flag.JUMP_DET
    found = em_gain_of(frame(data, 5000.0, flags=flags))
    assert abs(found.gain - 5000.0) < 4 * found.gain_error
    assert 0 < found.contamination < 1e-3
    assert found.pixels <= 280 * 300


def test_more_frames_tell_more() -> None:
    random = np.random.default_rng(6)
    stack = [frame(pixels(0.05, (120, 120), 3000.0, 100.0, random), 3000.0) for _ in range(9)]
    one, nine = em_gain_of(stack[0]), em_gain_of(iter(stack))
    assert nine.gain_error == pytest.approx(one.gain_error / 3, rel=0.15)


def test_partial_charge_is_part_of_the_model() -> None:
    random = np.random.default_rng(7)
    drawn = naive.register_draws(random.poisson(0.05, 40_000), 1000.0, 604, 1 / 40, random)
    data = frame((drawn + random.normal(0.0, 40.0, 40_000)).reshape(200, 200), 1000.0)
    right = em_gain_of(data, partial=1 / 40)
    with pytest.warns(ObverseWarning, match="does not follow the law"):
        wrong = em_gain_of(data)
    assert abs(right.gain - 1000.0) < 4 * right.gain_error
    assert abs(right.electrons - 0.05) < 4 * right.electrons_error
    assert abs(wrong.gain - 1000.0) > 4 * wrong.gain_error


def test_pixels_that_cannot_tell_are_refused() -> None:
    random = np.random.default_rng(8)
    data = frame(pixels(0.05, (50, 50), 3000.0, 100.0, random), 3000.0)
    with pytest.raises(UsageError, match="where"):
        em_gain_of(data, where=np.ones((3, 3)))
    with pytest.raises(DataError, match="usable pixels"):
        em_gain_of(data, where=np.arange(2500).reshape(50, 50) < 50)
    with pytest.raises(UsageError, match="in DN"):
        em_gain_of(data.replace(unit="DN"))
    with pytest.raises(DataError, match="no histogram"):
        em_gain_of(data.replace(data=np.zeros((50, 50))))
    with pytest.raises(UsageError, match="no frames"):
        em_gain_of([])
    with pytest.raises(UsageError, match="em_gain_of: a ndarray among the frames"):
        em_gain_of([np.zeros((50, 50))])
    with pytest.raises(UsageError, match="'a' has an EM gain of 1: where nothing is multiplied"):
        em_gain_of(frame(data.data, 1.0))


def test_pixels_without_multiplication_are_refused_by_what_they_show() -> None:
    """The frame says a gain of 2, and its register did nothing."""
    random = np.random.default_rng(8)
    electrons = random.poisson(0.5, (80, 80)) + random.normal(0.0, 0.1, (80, 80))
    with pytest.raises(DataError, match="nothing that was multiplied"):
        em_gain_of(frame(electrons, 2.0), stages=8)


def test_no_gains_make_no_curve() -> None:
    with pytest.raises(UsageError, match="calibrate_em_gain: no frames were given"):
        calibrate_em_gain([])
    with pytest.raises(UsageError, match="0 different gains for degree 1"):
        fit_gain_curve([], [], [])


def test_gain_of_bright_flats() -> None:
    random = np.random.default_rng(9)
    flats = [amplified(random.poisson(100.0, (64, 64)), 50.0, random) for _ in range(6)]
    darks = [random.normal(0.0, 100.0, (64, 64)) for _ in range(6)]
    gain, error = em_gain_of_flats(list(zip(flats[::2], flats[1::2], strict=True)), darks, border=0)
    assert abs(gain - 50.0) < 4 * error
    assert error < 2.0


@pytest.mark.validate
def test_errors_of_gains_of_flats() -> None:
    random, found = np.random.default_rng(10), []
    for _ in range(200):
        flats = [random.gamma(random.poisson(200.0, (128, 128)), 50.0) for _ in range(4)]
        darks = [random.normal(0.0, 100.0, (128, 128)) for _ in range(4)]
        gain, error = em_gain_of_flats([tuple(flats[:2]), tuple(flats[2:])], darks, border=0, stages=100_000)
        found.append((gain - 50.0) / error)
    assert abs(np.mean(found)) < 0.3
    student = np.sqrt(7 / 5)  # a jackknife over 8 blocks: Student's law of 7 degrees of freedom
    assert abs(np.std(found) / student - 1) < 0.2


def test_flats_divided_by_their_gain_are_refused() -> None:
    random = np.random.default_rng(11)
    flats = [random.poisson(2000.0, (64, 64)) / 3.0 for _ in range(2)]
    with pytest.raises(DataError, match="behind the register"):
        em_gain_of_flats([tuple(flats)], [random.normal(0.0, 1.0, (64, 64)) for _ in range(2)], border=0)


def test_curve_of_gains_is_found_with_its_error() -> None:
    random = np.random.default_rng(12)
    stack = [
        frame(pixels(0.1, (120, 120), 0.8 * commanded**1.02, 60.0, random), commanded)
        for commanded in (600.0, 1500.0, 4000.0, 600.0)
    ]
    curve, gains = calibrate_em_gain(stack)
    assert [each.commanded for each in gains] == [600.0, 1500.0, 4000.0, 600.0]
    for commanded in (600.0, 2000.0, 4000.0):
        assert abs(curve.actual_gain(commanded) - 0.8 * commanded**1.02) < 4 * curve.actual_error(commanded)
    assert curve.ratio(2000.0) == curve.actual_gain(2000.0) / 2000.0


def test_curve_is_exact_for_exact_gains_and_says_when_it_does_not_fit() -> None:
    commanded = np.array([1.0, 10.0, 100.0, 1000.0])
    exact = 1.1 * commanded**0.97
    curve = fit_gain_curve(commanded, exact, 0.01 * exact)
    np.testing.assert_allclose(curve.actual_gain(commanded), exact, rtol=1e-12)
    bent = fit_gain_curve(commanded, exact * [1, 1, 1.2, 1], 0.01 * exact)
    assert bent.chi_square > 10
    with pytest.raises(UsageError, match="give more"):
        fit_gain_curve([10.0, 10.0], [9.0, 9.0], [1.0, 1.0])
    with pytest.raises(UsageError, match="above zero"):
        fit_gain_curve([10.0, 20.0], [9.0, -9.0], [1.0, 1.0])


def test_excess_noise_of_the_law_is_robbins_and_hadwens() -> None:
    """The variance of the law whose bins are used here, against their formula (1.404208 at a gain of 5000)."""
    assert excess_noise_factor(5000.0) == pytest.approx(1.404208, abs=1e-6)
    model = RegisterModel(4000, -600.0, 40.0, room=12000)
    p, _ = model.chances(np.array([np.log(5000.0), np.log(0.5), np.log(100.0), 0.0, 0.0]))
    middles = -600.0 + 40.0 * (np.arange(4000) + 0.5)
    mean = p @ middles
    variance = p @ (middles - mean) ** 2 - 100.0**2 - 40.0**2 / 12
    assert np.sqrt(variance / (mean * 5000.0)) == pytest.approx(1.404208, rel=1e-4)
