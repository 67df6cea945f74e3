"""Photon counting: the law of the threshold, the estimate in the mean, errors, flags, refusals, memory."""

from __future__ import annotations

import tracemalloc
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from scipy.stats import binom

import obverse as ob
from obverse import Flag, UsageError
from obverse.emccd.counted_darks import photon_counting_dark, subtract_photon_counting_dark
from obverse.emccd.counting_law import CountingLaw
from obverse.emccd.electrons_of_counts import estimate
from obverse.emccd.photon_counting import count_photons, count_photons_in_bins
from obverse.register.waves import register_laws
from tests import naive
from tests.emccd.simulating import frame, pixels

GAIN, NOISE = 5000.0, 100.0
LAW = CountingLaw(500.0, GAIN, NOISE)


def expectation(estimator, law: CountingLaw, electrons: float, n: int) -> tuple[float, float, float]:
    """Mean, scatter and mean variance of an estimate from n frames, by the exact sum over all counts."""
    k = np.arange(n + 1.0)
    chance = binom.pmf(k, n, float(law.probability(electrons)))
    value, variance = estimator(law, k, np.full(n + 1, float(n)))
    mean = chance @ value
    return float(mean), float(chance @ (value - mean) ** 2), float(chance @ variance)


# -- the law ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("gain", "stages", "partial"), [(6.0, 4, 0.0), (30.0, 12, 0.1), (1.5, 3, 0.3)])
def test_register_law_is_that_of_its_stages_one_after_the_other(gain: float, stages: int, partial: float) -> None:
    made = register_laws(gain, stages, 60, 4, partial)
    slow = np.stack([naive.register_law(n, gain, stages, 60, partial) for n in range(4)])
    np.testing.assert_allclose(made, slow, atol=3e-10)


def test_missed_electrons_agree_with_stages_that_are_drawn() -> None:
    random = np.random.default_rng(3)
    law = CountingLaw(500.0, 1000.0, 100.0)
    above = pixels(0.3, (100_000,), 1000.0, 100.0, random) > 500.0
    error = above.std() / np.sqrt(above.size)
    assert abs(above.mean() - law.probability(0.3)) + 3 * error < 0.008
    assert abs(above.mean() - law.probability(0.3)) < 4 * error


def test_endlessly_many_stages_are_a_geometric_law() -> None:
    """Yule's process: one electron becomes x with chance (1 - 1/g)^(x - 1) / g (Harris 1963, ch. V.8)."""
    law = CountingLaw(500.5, GAIN, 0.01, stages=200_000)
    assert law.missed[1] == pytest.approx(1 - (1 - 1 / GAIN) ** 500, rel=np.log(GAIN) ** 2 / 200_000)


def test_a_gamma_law_would_miss_four_percent_more_than_604_stages() -> None:
    sharp = CountingLaw(500.0, GAIN, 1.0)
    assert (1 - np.exp(-0.1)) / sharp.missed[1] - 1 == pytest.approx(0.04, abs=0.003)


@pytest.mark.parametrize("law", [LAW, CountingLaw(900.0, 1000.0, 165.0), CountingLaw(0.0, 50.0, 3.0, 604, 0.02)])
def test_electrons_undo_the_probability_up_to_a_pixel_that_always_counts(law: CountingLaw) -> None:
    electrons = np.concatenate([np.geomspace(1e-6, 6.0, 200), [0.0]])
    back = law.electrons(law.depth(electrons)[0])
    np.testing.assert_allclose(back, electrons, rtol=1e-9, atol=1e-12)
    assert (np.diff(law.probability(np.linspace(0, 6, 99))) > 0).all()


# -- the estimate ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("electrons", [0.001, 0.01, 0.03, 0.1])
@pytest.mark.parametrize("n", [3, 10, 160, 1000])
def test_the_mean_is_right_within_a_thousandth(electrons: float, n: int) -> None:
    mean, _, _ = expectation(estimate, LAW, electrons, n)
    assert abs(mean / electrons - 1) < 0.001


@pytest.mark.parametrize("electrons", [0.01, 0.1])
@pytest.mark.parametrize(("gain", "n"), [(5000.0, 3), (2063.0, 10)])
def test_how_few_frames_will_do_hangs_on_threshold_over_gain(gain: float, n: int, electrons: float) -> None:
    """Thresholds of 0.165 and 0.4 of the gain, and the register of the coronagraph's camera."""
    mean, _, _ = expectation(estimate, CountingLaw(825.0, gain, 165.0, partial=0.025), electrons, n)
    assert abs(mean / electrons - 1) < 0.001


def without_coincidences(law: CountingLaw, k: np.ndarray, n: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    return k / n / (1 - law.missed[1]), k / n**2


def of_the_fraction(law: CountingLaw, k: np.ndarray, n: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    fraction = np.minimum(k / n, 0.999)
    return law.electrons(-np.log1p(-fraction)), k / n**2


@pytest.mark.parametrize(("mutant", "n"), [(without_coincidences, 160), (of_the_fraction, 40)])
def test_that_gate_catches_estimators_without_the_corrections(mutant, n: int) -> None:
    mean, _, _ = expectation(mutant, LAW, 0.1, n)
    assert abs(mean / 0.1 - 1) > 0.005


@pytest.mark.parametrize(("electrons", "n"), [(0.1, 40), (0.03, 160), (0.01, 1000), (0.2, 1000)])
def test_the_mean_variance_is_the_scatter(electrons: float, n: int) -> None:
    _, scatter, variance = expectation(estimate, LAW, electrons, n)
    assert variance == pytest.approx(scatter, rel=0.02)


def test_nothing_counted_has_the_error_of_one_count_and_everything_counted_an_end() -> None:
    value, variance = estimate(LAW, np.array([0.0, 1.0, 9.0]), np.array([9.0, 9.0, 9.0]))
    assert abs(value[0]) < 1e-6
    assert variance[0] == pytest.approx(variance[1], rel=0.02)
    assert np.isfinite(value[2])
    assert variance[2] > 1


# -- frames ----------------------------------------------------------------------------------------------------------


def test_at_the_threshold_is_not_above_it() -> None:
    data = np.array([[-3.0, 2.0, 0.0, 2.001]])
    counted = count_photons([frame(data, 50.0)] * 4, threshold=2.0)
    np.testing.assert_array_equal(counted.companions["counts"].data, [[0, 0, 0, 4]])
    assert float(counted.companions["threshold"].data[0, 0]) == 2.0


def bright_minus_dark(side: int, stages: int, random: np.random.Generator) -> tuple[ob.Frame, float]:
    """G8: flux 1, efficiency 0.9, 50 ms, clock-induced charge 0.01, dark current 8.33e-4, 160 + 160 frames."""
    dark = 0.01 + 8.33e-4 * 0.05
    light = 0.9 * 0.05
    counted, counted_dark = (
        count(
            (frame(pixels(mean, (side, side), GAIN, NOISE, random, stages), GAIN, 0.05) for _ in range(160)),
            read_noise=NOISE,
            stages=stages or 20_000,
        )
        for mean, count in ((light + dark, count_photons), (dark, photon_counting_dark))
    )
    return subtract_photon_counting_dark(counted, counted_dark), light


def check_light(found: ob.Frame, light: float, tolerance: float) -> None:
    error = np.sqrt(found.variance.sum(dtype=float)) / found.data.size
    assert abs(found.data.mean(dtype=float) / light - 1) + 3 * error / light < tolerance
    scatter = np.sqrt((found.error.astype(float) ** 2).mean())
    assert abs(found.data.std(dtype=float) / scatter - 1) < 0.02
    assert set(found.variances) == {"poisson", "dark"}
    assert list(found.shared) == ["dark"]


def test_bright_minus_dark_is_the_light() -> None:
    check_light(*bright_minus_dark(192, 0, np.random.default_rng(8)), tolerance=0.01)


@pytest.mark.validate
@pytest.mark.parametrize(("seed", "stages"), [(1, 604), (2, 0)])
def test_bright_minus_dark_is_the_light_within_half_a_percent(seed: int, stages: int) -> None:
    check_light(*bright_minus_dark(448, stages, np.random.default_rng(seed)), tolerance=0.005)


def test_partial_charge_of_the_register_is_part_of_the_law() -> None:
    random = np.random.default_rng(11)
    drawn = naive.register_draws(random.poisson(0.1, 100_000), 1000.0, 604, 1 / 40, random)
    drawn = drawn + random.normal(0, 50, 100_000)
    stack = [frame(part, 1000.0) for part in drawn.reshape(100, 20, 50)]
    right = count_photons(stack, read_noise=50.0, partial=1 / 40)
    wrong = count_photons(stack, read_noise=50.0)
    error = float(np.sqrt(right.variance.sum())) / right.data.size
    assert abs(right.data.mean() - 0.1) < 4 * error
    assert abs(wrong.data.mean() - 0.1) > 10 * error


def test_hidden_pixels_have_fewer_frames_and_larger_errors() -> None:
    random = np.random.default_rng(5)
    stack = []
    for i in range(100):
        flags = np.zeros((40, 40), np.uint8)
        flags[0, 0] = Flag.JUMP_DET if i % 2 else 0
        flags[0, 1] = Flag.SATURATED
        data = pixels(0.1, (40, 40), GAIN, NOISE, random)
        data[0, 2] = np.nan
        stack.append(frame(data, GAIN, flags=flags))
    counted = count_photons(stack, read_noise=NOISE)
    assert counted.companions["frames"].data[0, 0] == 50
    assert counted.error[0, 0] > np.nanpercentile(counted.error, 90)
    assert np.isnan(counted.data[0, 1])
    assert np.isnan(counted.error[0, 1])
    assert counted.pixel_flags[0, 1] == Flag.SATURATED | Flag.DO_NOT_USE
    assert counted.pixel_flags[0, 2] == Flag.DO_NOT_USE
    assert counted.pixel_flags[0, 0] == 0
    assert np.isfinite(counted.data).sum() == 1598


def test_too_bright_is_flagged_and_keeps_its_value() -> None:
    data = np.array([[4000.0, 4000.0, 4000.0, 0.0]])
    stack = [frame(np.where([[i < 90, i < 100, i < 20, False]], data, 0.0), GAIN) for i in range(100)]
    counted = count_photons(stack, read_noise=NOISE)
    np.testing.assert_array_equal(counted.pixel_flags, [[Flag.NONLINEAR, Flag.NONLINEAR, 0, 0]])
    assert np.isfinite(counted.data).all()
    assert (np.diff(counted.data[0, [3, 2, 0, 1]]) > 0).all()


def test_bins_take_whole_runs_and_agree_with_counting_each() -> None:
    random = np.random.default_rng(2)
    stack = [frame(pixels(0.1, (16, 16), GAIN, NOISE, random), GAIN, name=f"f{i}") for i in range(161)]
    made = count_photons_in_bins(iter(stack), 40, read_noise=NOISE)
    assert len(made) == 4
    for i, counted in enumerate(made):
        assert counted == count_photons(stack[40 * i : 40 * i + 40], read_noise=NOISE)


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"threshold": -1.0, "read_noise": 100.0}, "zero or more"),
        ({"threshold": GAIN}, "below the gain"),
        ({"read_noise": 0.0}, "read noise"),
        ({"read_noise": np.inf, "threshold": 500.0}, "the read noise is inf electron"),
        ({"read_noise": np.nan}, "the read noise is nan electron"),
        ({"read_noise": 100.0, "threshold": np.nan}, "below the gain"),
        ({"read_noise": 1e9, "threshold": 500.0}, "no register holds as much"),
        ({"read_noise": 100.0, "partial": -0.1}, "0 to 1"),
        ({"read_noise": 100.0, "em_gain": np.inf}, "an EM gain of inf"),
        ({"read_noise": 100.0, "stages": 0}, "in 0 stages"),
        ({}, "give the read noise"),
        ({"read_noise": 100.0, "em_gain": 0.5}, "below the gain"),
    ],
)
def test_settings_that_tell_nothing_are_refused(settings: dict[str, float], told: str) -> None:
    with pytest.raises(UsageError, match=told):
        count_photons([frame(np.zeros((2, 2)), GAIN)] * 3, **settings)


def test_frames_that_do_not_belong_together_are_refused() -> None:
    one = frame(np.zeros((2, 2)), GAIN)
    wrong = {
        "not taken alike": frame(np.zeros((2, 2)), 1000.0),
        "taken alike": frame(np.zeros((2, 2)), GAIN, 2.0),
        "not of one shape": frame(np.zeros((2, 3)), GAIN),
    }
    for told, other in wrong.items():
        with pytest.raises(UsageError, match=told):
            count_photons([one, other], read_noise=NOISE)
    for told, other in {"in DN": one.replace(unit="DN"), "divided": one.replace(undone=("em_gain",))}.items():
        with pytest.raises(UsageError, match=told):
            count_photons([one, other], read_noise=NOISE)
    for few in ([], [one]):
        with pytest.raises(UsageError):
            count_photons(few, read_noise=NOISE)
    with pytest.raises(UsageError, match="fewer frames"):
        count_photons_in_bins([one] * 3, 4, read_noise=NOISE)


@pytest.mark.parametrize(
    ("frames", "told"),
    [
        (np.zeros((3, 2, 2)), "count_photons: frames is a ndarray: give frames, or files of them"),
        ([np.zeros((2, 2))] * 3, "count_photons: a ndarray among the frames: give each as a Frame"),
        ([1, 2], "count_photons: a int among the frames"),
        (None, "count_photons: frames is a NoneType"),
        (frame(np.zeros((2, 2)), GAIN), "one frame says nothing"),
    ],
)
def test_what_is_no_list_of_frames_is_refused(frames: Any, told: str) -> None:
    with pytest.raises(UsageError, match=told):
        count_photons(frames, read_noise=NOISE)


@pytest.mark.parametrize("size", [1, 0, 2.5, "2"])
def test_runs_of_no_whole_number_of_frames_are_refused(size: Any) -> None:
    with pytest.raises(UsageError, match="must be a whole number, 2 or more"):
        count_photons_in_bins([frame(np.zeros((2, 2)), GAIN)] * 9, size, read_noise=NOISE)


@pytest.mark.parametrize("flag", [Flag.HOT, Flag.DEAD, Flag.DO_NOT_USE, Flag.OTHER_BAD_PIXEL])
def test_bad_pixels_do_not_count_but_shielded_ones_do(flag: Flag) -> None:
    """As darks have it: what says that a value is wrong hides it, what says what a pixel is for does not."""
    flags = np.array([[flag, Flag.NON_SCIENCE, 0]], np.uint32)
    stack = [frame(np.zeros((1, 3)), GAIN, pixel_flags=flags)] * 3
    counted = count_photons(stack, read_noise=NOISE)
    np.testing.assert_array_equal(counted.companions["frames"].data, [[0, 3, 3]])
    assert counted.pixel_flags[0, 0] == flag | Flag.DO_NOT_USE


def test_frames_of_a_gain_of_one_may_have_been_divided_by_it() -> None:
    """They are what they were."""
    stack = [frame(np.full((2, 2), 3.0 * (i < 5)), 1.0) for i in range(9)]
    divided = [each.replace(undone=("em_gain",)) for each in stack]
    settings = {"threshold": 0.5, "read_noise": 0.1}
    np.testing.assert_array_equal(count_photons(divided, **settings).data, count_photons(stack, **settings).data)


def test_a_dark_of_another_setting_is_refused() -> None:
    stack = [frame(np.zeros((2, 2)), GAIN)] * 3
    counted = count_photons(stack, read_noise=NOISE)
    with pytest.raises(UsageError, match="threshold"):
        subtract_photon_counting_dark(counted, photon_counting_dark(stack, threshold=400.0))
    with pytest.raises(UsageError, match="not counted"):
        subtract_photon_counting_dark(counted, stack[0])
    longer = photon_counting_dark(
        [f.replace(exposure=replace(f.exposure, exposure_time=9.0)) for f in stack], read_noise=NOISE
    )
    with pytest.raises(UsageError, match="time"):
        subtract_photon_counting_dark(counted, longer)


def test_files_give_what_frames_give(tmp_path) -> None:
    random = np.random.default_rng(4)
    stack = [frame(pixels(0.1, (8, 8), GAIN, NOISE, random), GAIN, name=f"f{i}") for i in range(3)]
    paths = [tmp_path / f"{i}.fits" for i in range(3)]
    for each, path in zip(stack, paths, strict=True):
        ob.write(each, path)
    assert np.array_equal(count_photons(paths, read_noise=NOISE).data, count_photons(stack, read_noise=NOISE).data)


def test_memory_does_not_grow_with_the_number_of_frames() -> None:
    def peak(n: int) -> int:
        stream = (frame(np.full((64, 64), float(i)), GAIN) for i in range(n))
        tracemalloc.start()
        count_photons(stream, read_noise=NOISE)
        most = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return most

    peak(2)
    assert peak(200) < 1.3 * peak(10)
