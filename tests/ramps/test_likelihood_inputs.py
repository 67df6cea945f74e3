"""What goes in and out of a ramp fit: flags, shapes, few reads, several integrations, and mistakes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_allclose

import obverse as ob
from obverse import Exposure, Flag, Frame, ReadPattern

PATTERN = ReadPattern.even(6, frame_time=10.0)
CUBE = 100.0 + 20.0 * np.arange(6)[:, None, None] + np.random.default_rng(0).normal(0, 5, (6, 4, 5))
KNOWN: dict[str, Any] = {"gain": 2.0, "read_noise": 10.0}


def flagged(*where: tuple[int, int, int, Flag]) -> Any:
    flags = np.zeros(CUBE.shape, np.uint8)
    for k, row, column, flag in where:
        flags[k, row, column] |= flag
    return flags


def test_two_reads_give_the_difference_and_its_exact_error() -> None:
    pattern = ReadPattern.even(2, frame_time=10.0)
    fit = ob.fit_ramps(np.array([100.0, 150.0]), pattern, gain=2.0, read_noise=10.0)
    assert_allclose(fit.rate, 10.0, rtol=1e-14)
    assert_allclose(fit.var_read, 2 * 10.0**2 / 10.0**2, rtol=1e-14)
    assert_allclose(fit.var_poisson, 10.0 / 10.0, rtol=1e-14)
    assert fit.chi2 < 1e-12
    assert_allclose(fit.pedestal, 2 * 100 - 10 * 10, rtol=1e-14)


def test_one_read_has_no_rate() -> None:
    fit = ob.fit_ramps(np.array([[100.0]]), ReadPattern.even(1), **KNOWN)
    assert np.isnan(fit.rate).all()
    assert np.isnan(fit.error).all()
    assert (fit.flags == Flag.DO_NOT_USE).all()


def test_a_pixel_with_nothing_left_is_nan_never_zero() -> None:
    flags = np.full(CUBE.shape, Flag.SATURATED, np.uint8)
    fit = ob.fit_ramps(CUBE, PATTERN, flags=flags, **KNOWN)
    for plane in (fit.rate, fit.var_poisson, fit.var_read, fit.error, fit.chi2, fit.pedestal):
        assert np.isnan(plane).all()
    assert (fit.flags == Flag.SATURATED | Flag.DO_NOT_USE).all()


def test_a_jump_costs_one_difference_and_an_unusable_resultant_two() -> None:
    flags = flagged((3, 0, 0, Flag.JUMP_DET), (3, 1, 0, Flag.DROPOUT))
    fit = ob.fit_ramps(CUBE, PATTERN, flags=flags, find_jumps=False, **KNOWN)
    assert fit.flags[0, 0] == Flag.JUMP_DET
    assert fit.flags[1, 0] == 0
    assert fit.var_read[1, 0] > fit.var_read[0, 0] > fit.var_read[2, 0]


def test_flags_that_say_nothing_of_the_value_change_nothing() -> None:
    flags = np.full(CUBE.shape, Flag.PERSISTENCE | 16, np.uint8)
    fit, plain = ob.fit_ramps(CUBE, PATTERN, flags=flags, **KNOWN), ob.fit_ramps(CUBE, PATTERN, **KNOWN)
    assert np.array_equal(fit.rate, plain.rate)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("search", [True, False])
def test_what_is_no_number_is_flagged_and_left_out(bad: float, search: bool) -> None:
    counts, flags = CUBE.copy(), flagged((4, 2, 2, Flag.PERSISTENCE))
    counts[2, 1, 1] = bad
    before = flags.copy()
    fit = ob.fit_ramps(counts, PATTERN, flags=flags, find_jumps=search, **KNOWN)
    same = ob.fit_ramps(CUBE, PATTERN, flags=flagged((2, 1, 1, Flag.DO_NOT_USE)), find_jumps=search, **KNOWN)
    assert np.array_equal(fit.rate, same.rate)
    assert fit.resultant_flags[2, 1, 1] == Flag.DO_NOT_USE
    assert fit.resultant_flags[4, 2, 2] == Flag.PERSISTENCE
    assert np.array_equal(flags, before)


def test_all_nan_is_flagged() -> None:
    fit = ob.fit_ramps(np.full(CUBE.shape, np.nan, "f4"), PATTERN, **KNOWN)
    assert np.isnan(fit.rate).all()
    assert (fit.flags & Flag.DO_NOT_USE).all()


def test_bad_pixels_of_the_maps_are_nan_and_say_why() -> None:
    gain, noise, pixel = np.full((4, 5), 2.0), np.full((4, 5), 10.0), np.zeros((4, 5), np.uint32)
    gain[0, :3] = 0.0, -1.0, np.nan
    noise[1, 0] = np.nan
    pixel[2, 0] = Flag.DO_NOT_USE | Flag.DEAD
    pixel[3, 0] = Flag.HOT
    fit = ob.fit_ramps(CUBE, PATTERN, gain=gain, read_noise=noise, pixel_flags=pixel)
    assert (fit.flags[0, :3] == Flag.NO_GAIN_VALUE | Flag.DO_NOT_USE).all()
    assert fit.flags[1, 0] == Flag.DO_NOT_USE
    assert fit.flags[2, 0] == Flag.DO_NOT_USE | Flag.DEAD
    assert fit.flags[3, 0] == Flag.HOT
    assert np.isnan(fit.rate).sum() == 5
    plain = ob.fit_ramps(CUBE, PATTERN, **KNOWN)
    good = np.isfinite(fit.rate)
    assert np.array_equal(fit.rate[good], plain.rate[good])


@pytest.mark.parametrize("shape", [(6,), (6, 5), (6, 4, 5), (2, 6, 4, 5)])
def test_results_have_the_axes_of_the_counts(shape: tuple[int, ...]) -> None:
    counts = np.ascontiguousarray(
        np.broadcast_to(CUBE, (2, 6, 4, 5))[tuple(slice(None) if n in shape else 0 for n in (2, 6, 4, 5))]
    )
    fit = ob.fit_ramps(counts, PATTERN, **KNOWN)
    image = shape[-2:] if len(shape) > 2 else shape[1:]
    assert fit.rate.shape == fit.flags.shape == fit.error.shape == image
    assert fit.resultant_flags.shape == counts.shape == shape
    assert fit.integrations is not None
    assert fit.integrations.rate.shape == (shape[0] if len(shape) == 4 else 1, *image)
    assert_allclose(fit.rate.ravel()[0], ob.fit_ramps(CUBE[:, 0, 0], PATTERN, **KNOWN).rate, rtol=2e-5)


def test_equal_integrations_halve_the_variance() -> None:
    fit = ob.fit_ramps(np.stack([CUBE, CUBE]), PATTERN, **KNOWN)
    one = ob.fit_ramps(CUBE, PATTERN, **KNOWN)
    # up to what the two passes leave: another rate to start from
    assert_allclose(fit.rate, one.rate, rtol=2e-5)
    assert_allclose(fit.error, one.error / np.sqrt(2), rtol=1e-3)
    assert_allclose(fit.chi2, 2 * one.chi2, rtol=1e-3)
    assert_allclose(fit.pedestal, one.pedestal, rtol=1e-12)
    assert fit.integrations is not None
    assert np.array_equal(fit.integrations.rate[1], one.rate)


def test_a_lost_integration_leaves_the_other() -> None:
    flags = np.zeros((2, *CUBE.shape), np.uint8)
    flags[0, :, 0, 0] = Flag.SATURATED
    fit = ob.fit_ramps(np.stack([CUBE, CUBE]), PATTERN, flags=flags, **KNOWN)
    one = ob.fit_ramps(CUBE, PATTERN, **KNOWN)
    assert_allclose(fit.rate[0, 0], one.rate[0, 0], rtol=1e-12)
    assert fit.flags[0, 0] == Flag.SATURATED
    assert fit.integrations is not None
    assert np.isnan(fit.integrations.rate[0, 0, 0])


def test_a_frame_brings_pattern_and_flags() -> None:
    frame = Frame(
        CUBE,
        "DN",
        ("resultant", "row", "column"),
        flagged((3, 0, 0, Flag.JUMP_DET)),
        exposure=Exposure(pattern=PATTERN),
    )
    fit = ob.fit_ramps(frame, **KNOWN)
    same = ob.fit_ramps(CUBE, PATTERN, flags=frame.flags, **KNOWN)
    assert np.array_equal(fit.rate, same.rate)


def test_any_byte_order_and_stride_gives_the_same() -> None:
    small = CUBE.astype("f4")
    want = ob.fit_ramps(small, PATTERN, **KNOWN).rate
    assert np.array_equal(ob.fit_ramps(small.astype(">f4"), PATTERN, **KNOWN).rate, want)
    assert np.array_equal(ob.fit_ramps(np.asfortranarray(small), PATTERN, **KNOWN).rate, want)


def test_results_do_not_depend_on_the_unit_of_the_counts() -> None:
    one = ob.fit_ramps(CUBE, PATTERN, gain=2.0, read_noise=10.0)
    other = ob.fit_ramps(CUBE / 4 + 7, PATTERN, gain=8.0, read_noise=10.0)
    assert_allclose(one.rate, other.rate, rtol=1e-10)
    assert_allclose(one.error, other.error, rtol=1e-10)


def test_dark_rate_enters_the_variance_alone() -> None:
    dark = np.zeros((4, 5))
    dark[1] = 5.0
    fit, plain = ob.fit_ramps(CUBE, PATTERN, dark_rate=dark, **KNOWN), ob.fit_ramps(CUBE, PATTERN, **KNOWN)
    assert (fit.var_poisson[1] > plain.var_poisson[1]).all()
    assert np.array_equal(fit.rate[0], plain.rate[0])


def test_no_noise_and_no_light_is_no_division_by_zero() -> None:
    fit = ob.fit_ramps(np.zeros(6), PATTERN, gain=1.0, read_noise=0.0)
    assert fit.rate == 0
    assert 0 < fit.error < 1e-3


MISTAKES: list[tuple[dict[str, Any], str]] = [
    ({"counts": np.zeros((6, 0, 5))}, "empty"),
    ({"counts": np.zeros((1, 1, 6, 4, 5))}, "5 axes"),
    ({"counts": np.array(3.0)}, "0 axes"),
    ({"counts": np.zeros((5, 4, 5))}, "hold 5 resultants, the pattern 6"),
    ({"counts": CUBE > 0}, "numbers"),
    ({"counts": CUBE + 1j}, "numbers"),
    ({"gain": 0.0}, "gain is 0.0"),
    ({"gain": -1.0}, "gain is -1.0"),
    ({"gain": np.nan}, "gain is nan"),
    ({"gain": np.ones((5, 4))}, r"gain has shape \(5, 4\)"),
    ({"read_noise": -1.0}, "read_noise is -1.0"),
    ({"read_noise": np.full((4, 5), -1.0)}, "read_noise is negative in 20 pixels"),
    ({"read_noise": np.inf}, "read_noise is inf"),
    ({"dark_rate": -0.1}, "dark_rate"),
    ({"flags": np.zeros((4, 5), np.uint8)}, r"flags are uint8 of shape \(4, 5\)"),
    ({"flags": np.zeros(CUBE.shape)}, "flags are float64"),
    ({"pixel_flags": np.zeros((5, 4), np.uint32)}, "pixel_flags has shape"),
    ({"pattern": None}, "must be a ReadPattern"),
    ({"jump_sigma": -1.0}, "jump sigma"),
    ({"threads": 0}, "threads"),
    ({"estimator": "median"}, "no estimator 'median'"),
    ({"estimator": "casertana"}, "did you mean 'casertano'"),
    ({"variance": "jwst"}, "belongs to estimator='ols'"),
    ({"estimator": "ols", "variance": "mission"}, "no variance 'mission'"),
    ({"estimator": "ols", "combination": "both"}, "no combination 'both'"),
    ({"estimator": "covariance", "combination": "total_variance"}, "belongs to estimator='ols'"),
    ({"estimator": "ols", "pedestal_prior": (0.0, 1.0)}, "belongs to the likelihood"),
    ({"zero_frame": np.zeros((4, 4))}, "zero_frame has shape"),
]


@pytest.mark.parametrize(("change", "words"), MISTAKES)
def test_a_mistake_is_one_clear_line(change: dict[str, Any], words: str) -> None:
    arguments = {"counts": CUBE, "pattern": PATTERN, **KNOWN, **change}
    with pytest.raises(ob.UsageError, match=words) as caught:
        ob.fit_ramps(arguments.pop("counts"), arguments.pop("pattern"), **arguments)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("estimator", ["ols", "casertano", "covariance"])
@pytest.mark.parametrize(("change", "words"), MISTAKES[:18])
def test_every_estimator_has_the_same_door(estimator: str, change: dict[str, Any], words: str) -> None:
    arguments = {"counts": CUBE, "pattern": PATTERN, **KNOWN, "estimator": estimator, **change}
    with pytest.raises(ob.UsageError, match=words):
        ob.fit_ramps(arguments.pop("counts"), arguments.pop("pattern"), **arguments)


def test_the_formulas_of_the_mission_need_even_groups() -> None:
    uneven = ob.ReadPattern([[1], [2], [4], [7], [9], [10]], read_time=3.0)
    with pytest.raises(ob.UsageError, match="even groups"):
        ob.fit_ramps(CUBE, uneven, **KNOWN, estimator="ols", variance="jwst")
