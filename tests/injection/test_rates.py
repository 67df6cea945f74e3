"""Sources in images of rates: as if they had been there all along."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import obverse as ob
from obverse import Flag, ReadPattern
from obverse.injection.level2 import inject_rates
from obverse.injection.ramp_noise import RampNoise
from obverse.testing import check_equivalent
from tests.injection.simple import EVEN, PATTERNS, UNEVEN, even_light, fitted, plain_array, ramps, rate_image

SHAPE = (64, 256)


def check_like_a_simulation(
    pattern: ReadPattern,
    sky: float,
    electrons: float,
    shape: Any,
    mean: float,
    var: float,
    estimator: str = "likelihood",
) -> None:
    """The recovered flux, and the scatter of what has it, are those of ramps simulated with the source in them."""
    light = electrons / pattern.times[-1][-1]
    counts = ramps(pattern, sky, shape, seed=1)
    lit = counts + _light_alone(pattern, light, shape)
    without, with_ = (fitted(ramp, pattern, estimator=estimator) for ramp in (counts, lit))
    detector = plain_array(shape, saturation={"full_well": 1e9})
    detector = detector.replace(readout=detector.readout.replace(estimator=estimator))
    injected = inject_rates(rate_image(without, pattern), even_light(electrons, pattern, shape), detector)
    gained, wanted = (image.astype(np.float64) - without.rate for image in (injected.data, with_.rate))
    n = gained.size
    error = np.sqrt((gained.var() + wanted.var()) / n)
    what = f"{electrons:g} electrons on {sky:g} electron/s"
    check_equivalent(f"{what}: mean", gained.mean() / light, wanted.mean() / light, error / light, mean, 3)
    other = fitted(ramps(pattern, sky + light, shape, seed=2), pattern, estimator=estimator)  # another sky
    ratio = injected.data.astype(np.float64).var() / other.rate.var()
    check_equivalent(f"{what}: variance", ratio, 1.0, ratio * np.sqrt(4 / n), var, 3)
    stated = injected.variance.astype(np.float64).mean() / np.square(other.error).mean()
    check_equivalent(f"{what}: stated variance", stated, 1.0, 1 / np.sqrt(n), var, 3)


def _light_alone(pattern: ReadPattern, light: float, shape: Any) -> Any:
    """Electrons of a source at each resultant, without any noise of reading."""
    random = np.random.default_rng(7)
    charge, before, means = np.zeros(shape), 0.0, []
    for group in pattern.times:
        total = np.zeros(shape)
        for time in group:
            charge = charge + random.poisson(light * (time - before), shape)
            total, before = total + charge, time
        means.append(total / len(group))
    return np.array(means)


@pytest.mark.parametrize("pattern", PATTERNS.values(), ids=PATTERNS)
@pytest.mark.parametrize(("sky", "electrons"), [(0.05, 100.0), (5.0, 1e4)])
def test_flux_and_scatter_are_those_of_a_simulation(pattern: ReadPattern, sky: float, electrons: float) -> None:
    check_like_a_simulation(pattern, sky, electrons, (256, 512), mean=0.01, var=0.025)


@pytest.mark.parametrize("estimator", ["ols", "casertano", "covariance"])
def test_other_estimators_are_undone_with_their_own_weights(estimator: str) -> None:
    check_like_a_simulation(UNEVEN, 2.0, 3000.0, (256, 512), mean=0.01, var=0.03, estimator=estimator)


@pytest.mark.validate
@pytest.mark.parametrize("pattern", PATTERNS.values(), ids=PATTERNS)
@pytest.mark.parametrize("sky", [0.05, 1.0, 100.0])
@pytest.mark.parametrize("electrons", [10.0, 100.0, 1e3, 1e4, 1e5])
def test_flux_and_scatter_are_those_of_a_simulation_to_a_percent(
    pattern: ReadPattern, sky: float, electrons: float
) -> None:
    check_like_a_simulation(pattern, sky, electrons, (1024, 1536), mean=0.01, var=0.01)


def test_noise_that_is_not_pinned_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    def fresh(self: RampNoise, w: Any, random: Any) -> Any:
        return np.stack([self._drawn(random) for _ in range(self.integrations)])

    monkeypatch.setattr(RampNoise, "pinned", fresh)
    with pytest.raises(AssertionError, match="variance"):
        check_like_a_simulation(EVEN, 1.0, 100.0, (256, 256), mean=1.0, var=0.5)


def test_only_pixels_with_electrons_change() -> None:
    frame = rate_image(fitted(ramps(EVEN, 2.0, SHAPE, 1), EVEN), EVEN)
    arrivals = even_light(0.5, EVEN, SHAPE)  # about 40 % of the pixels get one
    new = inject_rates(frame, arrivals, plain_array(SHAPE))
    touched = arrivals.counts[0] > 0
    assert 0.3 < touched.mean() < 0.5
    for name, plane in frame.planes().items():
        np.testing.assert_array_equal(new.planes()[name][~touched], plane[~touched])
    assert (new.data[touched] != frame.data[touched]).all()


def test_threads_change_no_bit() -> None:
    frame = rate_image(fitted(ramps(UNEVEN, 2.0, SHAPE, 1), UNEVEN), UNEVEN)
    arrivals = even_light(300.0, UNEVEN, SHAPE)
    one, *others = (inject_rates(frame, arrivals, plain_array(SHAPE), threads=n) for n in (1, 2, 7))
    assert all(other == one for other in others)


@pytest.mark.parametrize("integrations", [1, 3])
def test_ramps_of_an_exposure_add_up(integrations: int) -> None:
    counts = np.stack([ramps(EVEN, 2.0, SHAPE, 10 + i) for i in range(integrations)])
    frame = rate_image(fitted(counts, EVEN), EVEN, integrations)
    new = inject_rates(frame, even_light(1000.0, EVEN, SHAPE, ramps=integrations), plain_array(SHAPE))
    light = 1000.0 / EVEN.times[-1][-1]
    error = (
        np.sqrt(light / EVEN.times[-1][-1] / integrations / frame.data.size) * 3
    )  # more than the light's own scatter
    check_equivalent("gain", (new.data - frame.data).mean() / light, 1.0, error / light, 0.02, 3)
    alone = fitted(counts + 0.0, EVEN)
    assert new.variance.mean() > alone.error.mean() ** 2  # light has noise


def test_a_pixel_that_saturated_keeps_its_part_of_the_ramp() -> None:
    counts = ramps(EVEN, 20.0, SHAPE, 1)
    flags = np.zeros(counts.shape, np.uint8)
    flags[4:, :, ::2] = Flag.SATURATED
    fit = fitted(counts, EVEN, flags)
    frame = rate_image(fit, EVEN)
    new = inject_rates(frame, even_light(500.0, EVEN, SHAPE), plain_array(SHAPE))
    with_ = fitted(ramps(EVEN, 20.0 + 500.0 / EVEN.times[-1][-1], SHAPE, 2), EVEN, flags)
    ratio = new.data[:, ::2].var() / with_.rate[:, ::2].var()
    check_equivalent("scatter of part of a ramp", ratio, 1.0, ratio * np.sqrt(4 / new.data[:, ::2].size), 0.15, 3)
    stated = new.variance[:, ::2].mean() / np.square(with_.error[:, ::2]).mean()
    assert abs(stated - 1) < 0.01
    assert ((new.pixel_flags[:, ::2] & Flag.SATURATED) != 0).all()
    assert not new.pixel_flags[:, 1::2].any()


def test_what_fills_a_pixel_ends_its_ramp() -> None:
    full = 20_000.0
    frame = rate_image(fitted(ramps(EVEN, 20.0, SHAPE, 1), EVEN), EVEN)
    detector = plain_array(SHAPE, saturation={"full_well": full, "margin": 0.0})
    seconds = EVEN.times[-1][-1]
    half_way = inject_rates(frame, even_light(1.5 * full, EVEN, SHAPE), detector)
    assert ((half_way.pixel_flags & Flag.SATURATED) != 0).all()
    assert np.isfinite(half_way.data).all()
    light = 1.5 * full / seconds
    off = (half_way.data - frame.data).mean() / light - 1
    assert abs(off) < 3 * half_way.error.mean() / light / np.sqrt(frame.data.size) + 1e-3
    at_once = inject_rates(frame, even_light(100 * full, EVEN, SHAPE), detector)
    assert np.isnan(at_once.data).all()
    assert ((at_once.pixel_flags & Flag.DO_NOT_USE) != 0).all()


def test_pixels_that_are_not_usable_stay_as_they_are() -> None:
    frame = rate_image(fitted(ramps(EVEN, 2.0, SHAPE, 1), EVEN), EVEN)
    data, flags = np.array(frame.data), np.array(frame.pixel_flags)
    data[0], flags[0], flags[1] = np.nan, Flag.DO_NOT_USE, Flag.DO_NOT_USE | Flag.DEAD
    frame = frame.replace(data=data, pixel_flags=flags)
    new = inject_rates(frame, even_light(100.0, EVEN, SHAPE), plain_array(SHAPE))
    np.testing.assert_array_equal(new.data[:2], data[:2])
    assert (new.data[2:] > data[2:] - 1).all()
    np.testing.assert_array_equal(new.pixel_flags[:2], flags[:2])


def test_flat_dark_and_gain_are_put_on_and_taken_off_again() -> None:
    """An image in DN/s behind flat and dark, against the same electrons without these."""
    response = np.random.default_rng(5).uniform(0.7, 1.3, SHAPE)
    gain, dark, error = 1.7, 0.4, np.full(SHAPE, 0.01)
    bare = rate_image(fitted(ramps(EVEN, 3.0, SHAPE, 1), EVEN), EVEN)
    scale = (gain * response).astype(np.float32)
    variances = {name: plane / scale**2 for name, plane in bare.variances.items()}
    data = (bare.data - np.float32(dark)) / scale
    variances["flat"] = data**2 * (error / response).astype(np.float32) ** 2
    frame = bare.replace(
        data=data, unit="DN/s", variances=variances, shared={"flat": "x"}, undone=("estimate", "dark_current", "flat")
    )
    more = {"flat": {"response": response, "error": error}, "dark_current": {"rate": dark}, "gain": {"gain": gain}}
    noise = {"read_noise": {"sigma": 11.0}}
    arrivals = even_light(2000.0, EVEN, SHAPE)
    new = inject_rates(frame, arrivals, plain_array(SHAPE, **more, **noise))
    same = inject_rates(bare, arrivals, plain_array(SHAPE, **noise))
    np.testing.assert_allclose(new.data * scale + dark, same.data, rtol=2e-5)
    np.testing.assert_allclose(new.variances["poisson"] * scale**2, same.variances["poisson"], rtol=2e-4)
    np.testing.assert_allclose(new.variances["flat"], new.data**2 * (error / response) ** 2, rtol=2e-4)


def test_an_image_without_pattern_or_errors_is_refused_with_a_line() -> None:
    frame = rate_image(fitted(ramps(EVEN, 3.0, (16, 16), 1), EVEN), EVEN)
    arrivals, detector = even_light(20.0, EVEN, (16, 16)), plain_array((16, 16))
    with pytest.raises(ob.UsageError, match="no variance 'poisson'"):
        inject_rates(frame.replace(variances=None), arrivals, detector)
    with pytest.raises(ob.UsageError, match="read pattern"):
        inject_rates(frame.replace(exposure=ob.Exposure("a", 10.0)), arrivals, detector)
