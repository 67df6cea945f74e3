"""Cases B: the dark that is put together from noise maps."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

import obverse as ob
from obverse.darks import NoiseMaps, build_synthesized_dark

FULL = ob.Geometry((1037, 1056), prescan=1088, overscan=56, parallel_overscan=163, shielded=(13, 0, 0, 32))
IMAGE = (slice(13, 1037), slice(1120, 2144))


def given(gain, time, k_gain=8.7):
    exposure = ob.Exposure("science", time, em_gain=gain, k_gain=k_gain)
    return [ob.Frame(np.zeros((2, 2)), "electron", exposure=exposure) for _ in range(2)]


def constant(fpn, cic, dark, shape=(1200, 2200), **more):
    return NoiseMaps(*(np.full(shape, float(value)) for value in (fpn, cic, dark)), **more)


@pytest.fixture(scope="module")
def maps():
    flags = np.zeros((1200, 2200), np.uint32)
    for bits, row, column in ((1, 3, 3), (2, 2, 2), (4, 1, 2)):
        flags[row, column] |= bits
    errors = {f"{name}_error": np.full(flags.shape, value / 10) for name, value in
              (("fpn", 5.0), ("cic", 1.0), ("dark_current", 1 / 7))}  # fmt: skip
    return constant(5, 1, 1 / 7, flags=flags, **errors)


def test_data_errors_and_flags(maps):
    dark = build_synthesized_dark(given(5.0, 7.0), maps, FULL, full_frame=True)
    assert dark.shape == (1200, 2200)
    np.testing.assert_allclose(dark.data, 3.0, rtol=0, atol=1e-13)
    np.testing.assert_allclose(np.sqrt(dark.variances["dark"]), np.sqrt(0.03), rtol=0, atol=1e-13)
    np.testing.assert_array_equal(dark.pixel_flags, maps.flags)
    assert (dark.exposure.exposure_time, dark.exposure.em_gain, dark.unit) == (7.0, 5.0, "electron")
    assert "dark" in dark.shared


def test_image_area_is_the_cut(maps):
    rows, columns = IMAGE
    whole = build_synthesized_dark(given(5.0, 7.0), maps, FULL, full_frame=True)
    image = build_synthesized_dark(given(5.0, 7.0), maps, FULL)
    assert image.shape == (1024, 1024)
    np.testing.assert_array_equal(image.data, whole.data[rows, columns])
    small = NoiseMaps(*(plane[rows, columns] for plane in (maps.fpn, maps.cic, maps.dark_current)))
    np.testing.assert_array_equal(build_synthesized_dark(given(5.0, 7.0), small, FULL).data, image.data)


def values(gain, time, *level):
    return build_synthesized_dark(given(gain, time), constant(*level, shape=(2, 2))).data[0, 0]


def test_scaling_with_gain_and_time():
    fixed = [values(g, 3.0, 8, 0.3, 0.2) - values(g, 3.0, 0, 0.3, 0.2) for g in (1.0, 2.0, 4.0)]
    np.testing.assert_allclose(fixed, [8, 4, 2], rtol=0, atol=1e-13)
    grown = [values(3.0, t, 8, 0.3, 0.2) - values(3.0, 0.0, 8, 0.3, 0.2) for t in (0.0, 2.0, 4.0)]
    np.testing.assert_allclose(grown, [0, 0.4, 0.8], rtol=0, atol=1e-13)
    assert values(5.0, 9.0, 0, 0.3, 0) == values(1.0, 2.0, 0, 0.3, 0)
    assert values(5.0, 9.0, 0, 0, 0) == 0


@pytest.mark.parametrize("level", [(0, 1, -1), (0, -1, 1)])
def test_negative_maps(level):
    with pytest.raises(TypeError):
        values(2.0, 1.0, *level)


@pytest.mark.parametrize("gain", [-10, -1, 0, 0.999])
def test_gains_below_one(gain):
    # an Exposure refuses such a gain already; a header of another kind may not
    exposure = SimpleNamespace(
        **{**vars(ob.Exposure("x", 1.0)), "em_gain": gain, "applied_em_gain": gain, "seconds": 1}
    )
    frame = ob.Frame(np.zeros((2, 2)), "electron", exposure=exposure)
    with pytest.raises(TypeError):
        build_synthesized_dark([frame], constant(1, 1, 1, shape=(2, 2)))


@pytest.mark.parametrize("gain", [1, 1.5, 10])
def test_gains_from_one(gain):
    assert np.isfinite(values(gain, 1.0, 1, 1, 1))


@pytest.mark.parametrize("other", [(6.0, 7.0, 8.7), (5.0, 8.0, 8.7), (5.0, 7.0, 8.0)])
def test_one_setting_alone(maps, other):
    with pytest.raises(ob.UsageError, match="2 settings"):
        build_synthesized_dark([*given(5.0, 7.0), *given(*other)], maps)


def test_wrong_size():
    with pytest.raises(TypeError, match="1200x2200"):
        build_synthesized_dark(given(5.0, 7.0), constant(1, 1, 1, shape=(1024, 1000)), FULL)
    with pytest.raises(TypeError, match="1200x2200"):
        build_synthesized_dark(given(5.0, 7.0), constant(1, 1, 1, shape=(1024, 1024)), FULL, full_frame=True)


@pytest.mark.parametrize(("gain", "time"), [(10.0, 4.0), (20.0, 8.0)])
def test_maps_subtracted_from_themselves(gain, time):
    maps = constant(1, 0.02, 3 / 3600, shape=(4, 4))
    frame = (maps.fpn + gain * maps.cic + gain * time * maps.dark_current) / gain
    dark = build_synthesized_dark(given(gain, time), maps)
    assert abs((frame - dark.data).mean()) < 1e-12


def test_covariance_is_carried_through():
    cross = np.broadcast_to(np.array([-0.1, 0.02, -0.3])[:, None, None], (3, 2, 2))
    errors = np.ones((3, 2, 2)) * np.array([1.0, 2.0, 0.5])[:, None, None]
    maps = NoiseMaps(*np.ones((3, 2, 2)), *errors, cross=cross)
    direction = np.array([1 / 5, 1.0, 3.0])
    dark = build_synthesized_dark(given(5.0, 3.0), maps)
    expected = np.einsum("i,ijrc,j->rc", direction, maps.covariance, direction)
    np.testing.assert_allclose(dark.variances["dark"], expected, rtol=1e-13)
