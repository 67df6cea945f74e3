"""What comes in at the public doors is converted or refused, and what is bad does not go out as good."""

import numpy as np
import pytest
from astropy import units as u

import obverse as ob


@pytest.fixture(scope="module")
def camera() -> ob.Detector:
    return ob.Detector.load("generic_ccd").resized((128, 128))


def test_a_saturated_ccd_pixel_is_unusable(camera: ob.Detector) -> None:
    image = camera.calibrate(camera.expose(5e5, ob.Exposure("full", 1.0), seed=1))
    assert image.unusable().all()
    assert image.to_ccddata().mask.all()


def test_a_flat_is_not_measured_from_saturated_pixels(camera: ob.Detector) -> None:
    response = np.ones((128, 128))
    response[40, 50] = 1.5
    truth = camera.with_effect(camera.effect("flat").replace(response=response))
    flats = [truth.expose(1.3e5, ob.Exposure(f"flat{i}", 1.0), seed=i) for i in (1, 2)]
    biases = [truth.expose(0.0, ob.Exposure(f"bias{i}", 0.0), seed=i) for i in (3, 4)]
    measured = truth.measured(bias=biases, flat=flats).effect("flat").response
    assert np.isnan(measured[40, 50])


def test_a_flat_with_dead_pixels_is_measured_around_them(camera: ob.Detector) -> None:
    response = np.ones((128, 128))
    response[::9, ::11] = 0.0
    truth = camera.with_effect(camera.effect("flat").replace(response=response))
    flats = [truth.expose(5e3, ob.Exposure(f"flat{i}", 1.0), seed=i) for i in (1, 2)]
    biases = [truth.expose(0.0, ob.Exposure(f"bias{i}", 0.0), seed=i) for i in (3, 4)]
    belief = truth.measured(bias=biases, flat=flats)
    assert np.array_equal(np.isnan(belief.effect("flat").response), response == 0)
    image = belief.calibrate(flats[0])
    assert (image.unusable() == (response == 0)).all()


def test_one_dark_rate_an_amplifier_stays_one_an_amplifier(camera: ob.Detector) -> None:
    truth = camera.with_effect(camera.effect("dark_current").replace(rate=[0.05, 0.5]))
    darks = [truth.expose(0.0, ob.Exposure(f"dark{i}", 300.0), seed=i) for i in range(4)]
    belief = truth.measured(dark=darks)
    rate, (block,) = belief.effect("dark_current").rate, belief.covariance
    assert (np.abs(rate - [0.05, 0.5]) < 5.0 * block.error("dark_current.rate")).all()


def test_a_hole_in_a_dark_map_is_flagged(camera: ob.Detector) -> None:
    rate = np.zeros((128, 128))
    rate[3, 4] = np.nan
    belief = camera.with_effect(camera.effect("dark_current").replace(rate=rate))
    image = belief.calibrate(camera.expose(10.0, ob.Exposure("a", 10.0), seed=1))
    assert image.pixel_flags[3, 4] & ob.Flag.UNRELIABLE_DARK
    assert image.unusable().sum() == 1


def test_the_error_of_a_dark_holds_the_error_of_the_gain(camera: ob.Detector) -> None:
    truth = camera.with_effect(camera.effect("dark_current").replace(rate=1.0))
    flats = [truth.expose(5e3, ob.Exposure(f"flat{i}", 1.0), seed=i) for i in (1, 2)]
    biases = [truth.expose(0.0, ob.Exposure(f"bias{i}", 0.0), seed=i) for i in (3, 4)]
    darks = [truth.expose(0.0, ob.Exposure(f"dark{i}", 1000.0), seed=i) for i in (5, 6)]
    belief = truth.measured(bias=biases, flat=flats, dark=darks)
    blocks = {block.names[0]: block for block in belief.covariance}
    gain = blocks["gain.gain"].error("gain.gain") / belief.effect("gain").gain
    scale = np.sqrt((gain**2).sum()) / 2
    assert blocks["dark_current.rate"].error("dark_current.rate") >= scale * belief.effect("dark_current").rate


@pytest.mark.parametrize(
    ("call", "expected"),
    [
        (lambda: ob.Exposure("x", 10 * u.min).seconds, 600.0),
        (lambda: ob.ReadPattern.even(2, frame_time=10 * u.s).read_time, 10.0),
    ],
)
def test_quantities_are_converted(call, expected: float) -> None:
    assert call() == expected


def test_a_fit_converts_or_refuses_units() -> None:
    pattern, counts = ob.ReadPattern.even(5, frame_time=10.0), np.array([10.0, 35.0, 55.0, 80.0, 105.0])
    plain = ob.fit_ramps(counts, pattern, gain=2.0, read_noise=10.0)
    with_units = ob.fit_ramps(counts * u.DN, pattern, gain=2.0 * u.electron / u.adu, read_noise=10.0 * u.electron)
    assert with_units.rate == plain.rate
    with pytest.raises(ob.UsageError, match="read_noise is in 'DN'"):
        ob.fit_ramps(counts, pattern, gain=2.0, read_noise=5.0 * u.DN)
    with pytest.raises(ob.UsageError, match="gain is in"):
        ob.fit_ramps(counts, pattern, gain=0.5 * u.DN / u.electron, read_noise=10.0)


def test_a_chain_in_which_electrons_follow_the_gain_is_refused(camera: ob.Detector) -> None:
    order = [camera.effect("gain"), camera.effect("read_noise")]
    rest = [e for e in camera.effects if e.name not in ("gain", "read_noise")]
    i = [e.name for e in rest].index("bias")
    with pytest.raises(ob.UsageError, match=r"read_noise.* must stand before 'gain'"):
        camera.replace(effects=(*rest[:i], *order, *rest[i:]))


def test_a_polynomial_that_turns_over_anywhere_is_refused() -> None:
    from obverse.effects.nonlinearity import Nonlinearity

    maps = np.full((1, 16, 16), 1e-7)
    maps[0, 10, 10] = -1e-5
    with pytest.raises(ob.UsageError, match="turns over"):
        Nonlinearity(coefficients=maps, maximum=1e5)


def test_a_single_read_has_one_integration(camera: ob.Detector) -> None:
    with pytest.raises(ob.UsageError, match="3 integrations"):
        camera.expose(1.0, ob.Exposure("a", 1.0, integrations=3), seed=1)


def test_the_same_exposure_twice_is_no_pair(camera: ob.Detector) -> None:
    flat = camera.expose(5e3, ob.Exposure("flat", 1.0), seed=1)
    biases = [camera.expose(0.0, ob.Exposure(f"bias{i}", 0.0), seed=i) for i in (3, 4)]
    with pytest.raises(ob.UsageError, match="same exposure"):
        camera.measured(bias=biases, flat=[flat, flat])


def test_companions_travel_along() -> None:
    array = ob.Detector.load("generic_h2rg").resized((64, 64))
    raw = array.expose(5.0, ob.Exposure("a"), seed=1)
    zero = ob.Frame(np.ones((64, 64), "f4"), "electron")
    assert array.calibrate(raw.replace(companions={"zero": zero})).companions["zero"] == zero
