"""X9: noise maps of whole frames of 2200 x 2200, two halves of an image one above the other."""

from __future__ import annotations

import numpy as np
import pytest

import obverse as ob
from obverse.darks import build_synthesized_dark, calibrate_darks_lsq
from tests.darks.campaigns import frame

SETTINGS = [(2.0, 2.0), (2.0, 100.0), (1000.0, 2.0), (1000.0, 100.0)]
FPN, CIC, DARK, READ = 21.0, 0.02, 8.33e-4, 100.0
NAMES = ("fpn", "cic", "dark_current")


def frames(geometry):
    """Two of each setting; read noise alone, and a last row of house-keeping."""
    rng = np.random.default_rng(1)
    sensor = geometry.in_file("sensor")
    for gain, time in SETTINGS:
        for k in range(2):
            data = READ * rng.standard_normal(sensor.shape, np.float32) + np.float32(gain * CIC)
            data[sensor] += np.float32(FPN + gain * time * DARK)
            data[-1, -5:] = 1e5
            yield frame(data, gain, time, f"g{gain:g} t{time:g} {k}")


@pytest.fixture(scope="module")
def maps():
    detector = ob.Detector.load("corgi_excam:ENG_EM")
    return calibrate_darks_lsq(list(frames(detector.geometry)), detector)


@pytest.mark.validate
def test_maps_of_the_two_dimensional_geometry_at_its_own_size(maps):
    geometry = ob.Detector.load("corgi_excam:ENG_EM").geometry
    sensor = geometry.in_file("sensor")
    assert maps.shape == (2200, 2200)
    for name, true in zip(NAMES, (FPN, CIC, DARK), strict=True):
        off = getattr(maps.unclipped, name)[sensor] - true
        error = getattr(maps, f"{name}_error")[sensor]
        assert abs(off.mean()) < 4 * error.mean() / np.sqrt(off.size), name
        assert abs((off / error).std() - 1) < 0.01, name
    assert np.isnan(maps.fpn[-1]).all()
    assert (maps.dark_current[:-1][~sensor[:-1]] == 0).all()
    assert abs(maps.fpn[geometry.in_file("prescan")][:-1088].mean()) < 0.5


@pytest.mark.validate
def test_its_image_is_both_halves(maps):
    assert maps.image.shape == (2048, 1024)
    np.testing.assert_array_equal(maps.image.fpn[:1024], maps.fpn[13:1037, 1088:2112])
    np.testing.assert_array_equal(maps.image.fpn[1024:], maps.fpn[1037:2061, 1088:2112])
    dark = build_synthesized_dark(ob.Exposure("science", 10.0, em_gain=100.0), maps, "corgi_excam:ENG_EM")
    assert dark.shape == (2048, 1024)
