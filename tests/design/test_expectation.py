"""The theory of read patterns: errors, limits, hits, each against brute force or a simulation."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_allclose

import obverse as ob
from obverse import Detector, ReadPattern, UsageError
from obverse.design import Sensor, expected, fluxes, saturation_limits, validate
from obverse.design.rays import Rays, pixels_touched
from obverse.effects.cosmic_rays import CosmicRays
from obverse.exposure import Exposure
from obverse.geometry import Geometry
from obverse.moment import Moment
from obverse.seeds import Address, Stream
from tests.design.gates import (
    CHARGES,
    NOISE,
    PATTERNS,
    check_cost,
    check_error,
    check_information,
    check_missed,
    check_places,
    sensor,
)


@pytest.mark.parametrize("n", [2, 3, 10, 50])
def test_read_noise_of_even_reads_is_that_of_a_straight_line(n):
    # n reads at dt: sigma sqrt(12 / (n (n^2 - 1))) / dt, Vacca et al. 2004, PASP 116, 352; of two reads sqrt(2) sigma
    table = expected(ReadPattern.even(n, frame_time=7.0), 0.0, sensor())
    assert_allclose(table["error"][0], NOISE * np.sqrt(12 / (n * (n**2 - 1))) / 7.0, rtol=1e-9)


def test_two_reads_by_hand():
    # 20 electrons a second for 10 s, dark 1: variance (21 * 10 + 2 * 11^2) / 10^2 = 4.52
    table = expected(ReadPattern.even(2, frame_time=10.0), 20.0, sensor(dark=1.0))
    assert_allclose(table["error"][0] ** 2, 4.52, rtol=1e-12)
    assert_allclose(table["snr"][0], 20 / np.sqrt(4.52), rtol=1e-12)


def test_without_read_noise_only_first_and_last_count():
    table = expected(ReadPattern.even(9, frame_time=10.0), 50.0, sensor(read_noise=1e-6))
    assert_allclose(table["error"][0], np.sqrt(50 / 80), rtol=1e-4)


@pytest.mark.parametrize("name", PATTERNS)
@pytest.mark.parametrize("rate", [0.0, 0.3, 30.0, 3000.0])
def test_information_is_that_of_the_dense_covariance(name, rate):
    check_information(PATTERNS[name], rate)


@pytest.mark.parametrize("name", PATTERNS)
def test_a_hit_is_seen_by_the_differences_that_the_average_says(name):
    check_places(PATTERNS[name])


@pytest.mark.parametrize("name", PATTERNS)
@pytest.mark.parametrize("rate", [0.1, 5.0, 300.0])
def test_the_error_is_the_scatter_of_fitted_ramps(name, rate):
    check_error(PATTERNS[name], rate)


@pytest.mark.parametrize("estimator", ["covariance", "ols", "casertano"])
@pytest.mark.parametrize("rate", [0.1, 300.0])
def test_the_error_of_every_estimator_is_its_scatter(estimator, rate):
    check_error(PATTERNS["MA4"], rate, estimator)


def test_simple_weights_are_never_better_than_the_best():
    flux = fluxes(0.01, 1e4)
    best = expected(PATTERNS["MA4"], flux, sensor())["error"]
    for name in ("ols", "casertano"):
        ratio = expected(PATTERNS["MA4"], flux, sensor(), estimator=name)["error"] / best
        assert (ratio > 1 - 1e-9).all()
        assert ratio.max() < 1.35


@pytest.mark.parametrize("name", ["MA4", "SHALLOW4 x 6", "groups at the ends"])
@pytest.mark.parametrize("rate", [0.3, 30.0])
def test_a_hit_costs_what_ramps_with_hits_scatter_more(name, rate):
    check_cost(PATTERNS[name], rate)


def test_hits_of_two_reads_leave_nothing():
    row = expected(ReadPattern.even(2, frame_time=10.0), 5.0, sensor(rays=Rays(1e-3, CHARGES)))[0]
    assert np.isnan(row["hit_cost"])
    assert (row["hit_lost"], row["hit_missed"]) == (1.0, 1.0)
    assert_allclose([row["hit"], row["hit_loss"]], -np.expm1(-1e-2), rtol=1e-12)


@pytest.mark.parametrize("name", ["MA4", "20 reads", "SHALLOW4 x 6"])
@pytest.mark.parametrize("rate", [0.3, 100.0])
def test_hits_are_missed_as_often_as_the_search_misses_them(name, rate):
    check_missed(PATTERNS[name], rate)


@pytest.mark.parametrize(("pitch", "longest"), [(10.0, 2000.0), (18.0, 2000.0), (3.0, 40.0)])
def test_a_track_touches_as_many_pixels_as_the_effect_fills(pitch, longest):
    effect = CosmicRays(pixel_pitch=pitch, longest=longest, flux=8.0)
    size, tracks = 1024, 6000
    seconds = tracks / (8.0 * (size * pitch * 1e-4) ** 2)
    at = Moment(
        Exposure("a", seconds),
        Geometry((size, size)),
        interval=(0.0, seconds),
        rng=Stream(Address(3, "cosmic_rays", "a")),
    )
    filled = (effect.imprint(np.zeros((size, size), np.float32), at) > 0).mean()
    said = -np.expm1(-8.0 * (pitch * 1e-4) ** 2 * pixels_touched(effect) * seconds)
    # tracks that leave the sensor and pixels that are only grazed: half a percent each
    assert abs(filled / said - 1) + 3 * 1.3 / np.sqrt(tracks) < 0.08


def test_rays_are_those_of_the_detector():
    detector = Detector.load("jwst_nircam")
    rays = Rays.of(detector)
    assert_allclose(rays.rate, 4.9 * (18e-4) ** 2 * pixels_touched(detector.effect("cosmic_rays")))
    assert 100 < np.median(rays.charges) < 5000
    assert Rays.of(detector.without("cosmic_rays")).rate == 0


def test_hit_share_is_that_of_the_time_between_first_and_last_read():
    table = expected(PATTERNS["MA4"], 1.0, sensor(rays=Rays(1e-4, CHARGES)))
    times = PATTERNS["MA4"].times
    assert_allclose(table["hit"][0], -np.expm1(-1e-4 * (times[-1][-1] - times[0][0])))


def test_saturated_resultants_are_those_that_a_simulation_loses():
    detector = Detector.load("generic_h2rg").resized((64, 64)).without("cosmic_rays")
    pattern = ReadPattern.even(6, frame_time=10.73677)
    found = Sensor.of(detector)
    ends = np.array([group[-1] for group in pattern.times])
    lost = found.limit / ends - found.dark
    flux = np.concatenate([np.sqrt(lost[1:] * lost[:-1]), [0.97 * lost[-1], 1.03 * lost[-1]]])
    used = expected(pattern, flux, detector)["used"]
    for light, said in zip(flux, used, strict=True):
        exposure = Exposure(f"{light:.4g}", pattern=pattern)
        raw = detector.expose(light * _electron_rate(), exposure, seed=2)
        flags = detector.recipe().before("estimate").run(raw).flags
        good = (flags & np.uint8(ob.Flag.SATURATED) == 0)[..., 4:-4, 4:-4].sum(axis=-3)
        assert np.median(good) == said, light


def test_beyond_the_limit_no_pixel_has_a_rate_and_before_it_all_have():
    detector = Detector.load("generic_h2rg").resized((64, 64)).without("cosmic_rays")
    pattern = ReadPattern.even(4, frame_time=10.73677)
    limit = saturation_limits(pattern, Sensor.of(detector)).rate
    lit = detector.geometry.sensitive
    for light, share in ((0.97 * limit, 1.0), (1.03 * limit, 0.0)):
        raw = detector.expose(light * _electron_rate(), Exposure(f"{share}", pattern=pattern), seed=2)
        assert np.isfinite(detector.calibrate(raw).data[lit]).mean() == share


def _electron_rate():
    from astropy.units import Unit

    return Unit("electron/s")


def test_the_table_stops_where_no_rate_is_left():
    limited = sensor(limit=1000.0)
    pattern = ReadPattern.even(4, frame_time=10.0)
    table = expected(pattern, [1.0, 30.0, 60.0, 150.0], limited)
    assert table["used"].tolist() == [4, 3, 1, 0]
    assert np.isfinite(table["error"]).tolist() == [True, True, False, False]
    assert table["error"][1] == expected(pattern.first(3), 30.0, limited)["error"][0]
    assert (table.meta["saturation_last_read"], table.meta["saturation_rate"]) == (25.0, 50.0)


def test_the_faintest_flux_has_a_signal_to_noise_ratio_of_one():
    pixel = sensor(dark=0.01)
    faintest = saturation_limits(PATTERNS["MA4"], pixel).faintest
    assert_allclose(expected(PATTERNS["MA4"], faintest, pixel)["snr"][0], 1.0, rtol=1e-6)


def test_a_detector_without_ramps_has_no_read_patterns():
    with pytest.raises(ob.UsageError, match="read once"):
        expected(PATTERNS["MA4"], 1.0, Detector.load("generic_ccd"))
    with pytest.raises(ob.UsageError, match="did you mean 'ols'"):
        expected(PATTERNS["MA4"], 1.0, sensor(), estimator="olss")


@pytest.mark.parametrize("ends", [(0.0, 1.0), (10.0, 1.0), (1.0, np.inf), (np.nan, 1.0)])
def test_fluxes_rise_from_a_number_above_zero(ends: tuple[float, float]) -> None:
    with pytest.raises(UsageError, match="must rise from a number above 0"):
        fluxes(*ends)


@pytest.mark.parametrize("flux", [-1.0, [1.0, np.nan], np.inf])
def test_negative_light_is_refused(flux: object) -> None:
    with pytest.raises(UsageError, match="must be zero or more"):
        expected(ReadPattern.named("MA4"), flux, Detector.load("roman_wfi"))  # type: ignore[arg-type]


def test_nothing_to_validate_is_refused() -> None:
    with pytest.raises(UsageError, match="give at least one"):
        validate(Detector.load("roman_wfi"), {})
