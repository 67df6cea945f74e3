"""Light falls on dead pixels too, and frees no electron there."""

from __future__ import annotations

import numpy as np
import pytest

import obverse as ob
from obverse import Detector, Exposure, ReadPattern
from obverse.scene import Scene, Sources, moffat

STAR = Sources(row=[30.0], column=[30.0], flux=[300.0])
PSF = moffat(2.0)
DEAD = (30, 31)


@pytest.fixture(scope="module")
def detector() -> Detector:
    """An array of which one pixel beside the star is dead, and nothing is random but the photons."""
    known = Detector.load("generic_h2rg").resized((64, 64))
    known = known.without("cosmic_rays", "interpixel_capacitance", "reset_noise", "read_noise", "bias_drift")
    response = np.ones((64, 64))
    response[DEAD] = 0.0
    return known.with_effect(known.effect("flat").replace(response=response))


def test_a_raw_ramp_gets_nothing_there(detector: Detector) -> None:
    exposure = Exposure("a", pattern=ReadPattern.even(4, frame_time=10.0))
    raw = detector.expose(1.0, exposure, seed=1)
    injected, table = ob.inject_sources(raw, STAR, psf=PSF, seed=1, detector=detector)
    np.testing.assert_array_equal(injected.data[0, :, *DEAD], raw.data[0, :, *DEAD])
    assert (injected.data[0, -1, 30, 30] - raw.data[0, -1, 30, 30]) > 100
    light = Scene(STAR, PSF).rate((64, 64)).value
    lost = light[DEAD] * exposure.seconds
    assert table["expected"][0] == pytest.approx(light.sum() * exposure.seconds - lost, rel=1e-3)
