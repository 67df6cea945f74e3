"""What is measured of the last amplifier, and the shot noise of a frame: k gain, nonlinearity, photon transfer."""

from __future__ import annotations

import numpy as np
import pytest

from obverse import DataError, Exposure, Frame, Geometry, Moment, UsageError
from obverse.emccd.k_gain import KGain, calibrate_k_gain
from obverse.emccd.nonlinearity_of_frames import LampExposure, calibrate_level_nonlinearity, lamp_exposures_to_table
from obverse.emccd.shot_noise import add_shot_noise
from obverse.register.excess_noise import excess_noise_factor
from tests.emccd.simulating import frame

K, NOISE = 8.7, 104.4


def lit(level: float, random: np.random.Generator, side: int = 96) -> np.ndarray:
    """An uneven flat [DN], brighter to the right by half."""
    light = level * np.linspace(0.75, 1.25, side)
    return (random.poisson(light, (side, side)) + random.normal(0.0, NOISE, (side, side))) / K


def sets(random: np.random.Generator, side: int = 96) -> list[list[np.ndarray]]:
    return [
        [lit(level * (1 + 0.005 * i), random, side) for i in range(5)]  # the lamp drifts by 2 % in a set
        for level in (8000.0, 30000.0, 60000.0)
    ]


# -- k gain ----------------------------------------------------------------------------------------------------------


def test_k_gain_of_three_sets_of_five() -> None:
    """G5: a simulated k of 8.7 within 0.5."""
    random = np.random.default_rng(1)
    dark = [random.normal(0.0, NOISE / K, (96, 96)) for _ in range(4)]
    found = calibrate_k_gain(sets(random), dark, border=0)
    assert abs(found.gain - K) + 3 * found.gain_error < 0.5
    assert abs(found.gain - K) < 4 * found.gain_error
    assert abs(found.read_noise - NOISE) < 4 * found.read_noise_error
    assert found.points.shape == (12, 2)
    curve = found.curve(10000.0)
    assert curve.shape == (400, 2)
    np.testing.assert_allclose(curve[:, 1] ** 2, curve[:, 0] / K + (NOISE / K) ** 2, rtol=0.1)


@pytest.mark.validate
def test_errors_of_the_k_gain() -> None:
    random, found = np.random.default_rng(2), []
    for _ in range(300):
        dark = [random.normal(0.0, NOISE / K, (96, 96)) for _ in range(4)]
        one = calibrate_k_gain(sets(random), dark, border=0)
        found.append([(one.gain - K) / one.gain_error, (one.read_noise - NOISE) / one.read_noise_error])
    assert (np.abs(np.mean(found, axis=0)) < 0.2).all()
    student = np.sqrt(5 / 3)  # a jackknife over 6 blocks: Student's law of 5 degrees of freedom
    assert (np.abs(np.std(found, axis=0) / student - 1) < 0.2).all()


def test_amplified_frames_and_single_frames_tell_no_k_gain() -> None:
    with pytest.raises(UsageError, match="one frame"):
        calibrate_k_gain([[np.zeros((64, 64))]])
    with pytest.raises(UsageError, match="detector"):
        calibrate_k_gain([[frame(np.zeros((64, 64)), 1.0)] * 2])


# -- shot noise ------------------------------------------------------------------------------------------------------


def root_curve(k: float = 1.0, read_noise: float = 0.0) -> np.ndarray:
    signal = np.linspace(0.0, 500.0, 400)
    return np.stack([signal, np.sqrt(signal / k + read_noise**2)], axis=1)


def test_shot_noise_is_that_of_the_curve_in_its_own_unit() -> None:
    """X12: 1000 electrons at 8.7 electron/DN with a read noise of 12 DN are 109.1 electrons, not 16.1."""
    data = frame(np.full((2, 2), 1000.0), 1.0)
    made = add_shot_noise(data, root_curve(K, 12.0), k_gain=K)
    np.testing.assert_allclose(made.error, 109.1, atol=0.05)
    assert set(made.variances) == {"poisson", "read"}


def test_mutant_curve_in_the_wrong_unit_is_seen() -> None:
    wrong = np.interp(1000.0, *root_curve(K, 12.0).T)
    assert abs(wrong - 109.1) > 50


def test_other_errors_are_kept_and_excess_noise_counts() -> None:
    """G4: 2 electrons with an error of 0.5 and noise sqrt(signal); then a gain of 3000."""
    plain = Frame(np.full((1, 1), 2.0), "electron", variances={"other": np.full((1, 1), 0.25)})
    made = add_shot_noise(plain, root_curve(), k_gain=1.0)
    assert made.error[0, 0] == pytest.approx(np.sqrt(2 + 0.25), rel=1e-3)
    divided = frame(np.full((1, 1), 2.0), 3000.0, undone=("em_gain",))
    noisy = add_shot_noise(divided, root_curve(), k_gain=1.0)
    assert noisy.error[0, 0] == pytest.approx(np.sqrt(2) * excess_noise_factor(3000.0), rel=1e-3)


def test_variance_is_the_scatter_of_amplified_pixels() -> None:
    """Behind the register an electron brings the noise of all that it became; before it, both are divided."""
    random = np.random.default_rng(3)
    gain, mean = 100.0, 30.0
    scale = gain * (excess_noise_factor(gain) ** 2 - 1)  # a gamma law of the register's mean and variance
    charge = random.poisson(mean, 400_000)
    values = random.gamma(charge * gain / scale + 1e-12, scale) + random.normal(0.0, NOISE, charge.size)
    behind = add_shot_noise(frame(np.full((1, 1), mean * gain), gain), root_curve(K, NOISE / K), k_gain=K)
    before = add_shot_noise(frame(np.full((1, 1), mean), gain, undone=("em_gain",)), root_curve(K, NOISE / K), k_gain=K)
    assert behind.error[0, 0] == pytest.approx(values.std(), rel=0.01)
    assert before.error[0, 0] == pytest.approx(values.std() / gain, rel=0.01)


def test_shot_noise_twice_or_in_no_unit_is_refused() -> None:
    data = frame(np.ones((1, 1)), 1.0)
    made = add_shot_noise(data, root_curve(), k_gain=1.0)
    for wrong in (
        lambda: add_shot_noise(made, root_curve(), k_gain=1.0),
        lambda: add_shot_noise(data, root_curve()),
        lambda: add_shot_noise(data.replace(unit="electron/s"), root_curve(), k_gain=1.0),
        lambda: add_shot_noise(data, np.ones((3, 3)), k_gain=1.0),
        lambda: add_shot_noise(data, root_curve()[::-1], k_gain=1.0),
    ):
        with pytest.raises(UsageError):
            wrong()


def test_the_curve_goes_straight_on_beyond_its_end() -> None:
    data = frame(np.full((1, 1), 4000.0), 1.0, unit="DN")
    made = add_shot_noise(data, root_curve(K, 12.0))
    assert made.variance[0, 0] == pytest.approx(4000.0 / K + 144.0, rel=1e-3)


# -- nonlinearity ----------------------------------------------------------------------------------------------------


def lamp(random: np.random.Generator, bend, gains=(1.0, 100.0), noise: float = 1e-3) -> list[LampExposure]:
    """Rising exposures, one of 6 s after every fourth to follow a lamp that fades by a tenth."""
    seen = []
    for gain in gains:
        times = [x for i, t in enumerate(np.linspace(1.0, 26.0, 60)) for x in ([t, 6.0] if i % 4 == 0 else [t])]
        for i, t in enumerate(times):
            level = 500.0 * t * (1 - 0.1 * i / len(times)) * (1 + noise * random.normal())
            seen.append(LampExposure(gain, t, level * bend(level, gain)))
    return seen


def test_a_linear_amplifier_has_factors_of_one() -> None:
    """G6: rms of (table - 1) below 0.0035; from 800 to 10000 DN in steps of 20, 1 at the norm."""
    effect, error = lamp_exposures_to_table(lamp(np.random.default_rng(4), lambda y, g: 1.0))
    assert np.sqrt(((effect.table - 1) ** 2).mean()) < 0.0035
    assert (effect.levels[0], effect.levels[-1], effect.levels[1] - effect.levels[0]) == (800.0, 10000.0, 20.0)
    np.testing.assert_allclose(effect.table[effect.levels == 3000.0], 1.0, rtol=1e-12)
    np.testing.assert_array_equal(effect.gains, [1.0, 100.0])
    assert error.shape == effect.table.shape == (461, 2)
    assert (error[effect.levels == 3000.0] < 1e-12).all()


def test_a_lamp_that_is_not_followed_is_seen_in_the_factors() -> None:
    fading = [e for e in lamp(np.random.default_rng(4), lambda y, g: 1.0) if e.time != 6.0]
    effect, _ = lamp_exposures_to_table(fading)
    assert np.sqrt(((effect.table - 1) ** 2).mean()) > 0.02


def test_the_table_straightens_what_was_bent() -> None:
    def bend(level: float, gain: float) -> float:
        return 1 - 0.02 * (level / 10000.0) * (1 + gain / 100.0)

    effect, _ = lamp_exposures_to_table(lamp(np.random.default_rng(5), bend))
    true = np.linspace(900.0, 9500.0, 50)
    for gain in (1.0, 100.0):
        measured = np.array([y * bend(y, gain) for y in true])
        at = Moment(Exposure("a", 1.0, em_gain=gain), Geometry((1, 50)))
        data = Frame(measured[None].astype("f4"), "DN", exposure=at.exposure, undone=("bias",))
        straight = effect.correct(data, at).data[0] / true
        assert np.abs(straight / straight.mean() - 1).max() < 0.004


def test_errors_of_the_table() -> None:
    random, found = np.random.default_rng(6), []
    for _ in range(200):
        effect, error = lamp_exposures_to_table(lamp(random, lambda y, g: 1.0, gains=(1.0,), noise=3e-3))
        found.append((effect.table[25::55, 0] - 1) / error[25::55, 0])
    spread = np.std(found, axis=0)
    assert np.abs(np.mean(found)) < 0.3
    assert (np.abs(spread - 1) < 0.2).all()


def test_frames_give_the_table_of_their_means() -> None:
    random = np.random.default_rng(7)
    frames, mask = [], np.arange(100).reshape(10, 10) < 50
    for each in lamp(random, lambda y, g: 1.0, gains=(1.0,)):
        data = np.where(mask, each.level, 7.0)
        frames.append(Frame(data, "DN", exposure=Exposure("a", each.time, em_gain=each.gain)))
    effect, _ = calibrate_level_nonlinearity(iter(frames), where=mask)
    assert np.sqrt(((effect.table - 1) ** 2).mean()) < 0.0035


def test_exposures_that_tell_nothing_are_refused() -> None:
    few = [LampExposure(1.0, t, 500 * t) for t in (1.0, 5.0, 9.0)]
    low = [LampExposure(1.0, t, 50 * t) for t in (1.0, 2.0, 3.0, 4.0, 5.0)]
    for exposures in (few, low, []):
        with pytest.raises(DataError):
            lamp_exposures_to_table(exposures)
    with pytest.raises(UsageError):
        lamp_exposures_to_table(low, norm_level=20.0)
    with pytest.raises(UsageError, match="in electron"):
        calibrate_level_nonlinearity([frame(np.ones((2, 2)), 1.0)])


def test_curve_of_a_k_gain_is_janesicks() -> None:
    """Janesick 2007, eq. 5.5: the noise of S DN is sqrt(S / K + R^2)."""
    assert KGain(2.0, 0.1, 8.0, 0.1, np.empty((0, 2))).curve(100.0, 2)[1, 1] == pytest.approx(np.sqrt(50 + 16))
