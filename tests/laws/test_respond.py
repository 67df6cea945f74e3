"""`respond` is the chain without noise, and the truth that flags and injection lean on."""

from __future__ import annotations

import numpy as np
import pytest

from obverse import Detector, Exposure, ReadPattern

QUIET = ("read_noise", "bias_drift", "reset_noise", "cosmic_rays")


def _quiet(name):
    detector = Detector.load(name).resized((64, 64))
    return detector.without(*(effect for effect in QUIET if detector.has(effect)))


@pytest.mark.parametrize("name", ["generic_ccd", "generic_h2rg", "hst_wfc3_ir"])
def test_respond_is_what_the_stages_of_a_quiet_detector_show(name):
    detector = _quiet(name)
    single = detector.readout.name == "single"
    exposure = Exposure("a", 10.0) if single else Exposure("a", pattern=ReadPattern([[1]], 10.0))
    shape = detector.geometry.shape
    stages = detector.stages(np.linspace(0.0, 20000.0, shape[1]) * np.ones(shape), exposure, seed=1)
    seen = dict(stages)
    before_adc = stages[[name for name, _ in stages].index("adc") - 1][1]
    response = detector.respond(seen["photons"], exposure)
    np.testing.assert_array_equal(response, detector.geometry.unclock(before_adc))
    stored = np.clip(np.rint(response), 0, 65535)
    np.testing.assert_array_equal(stored, detector.geometry.unclock(seen["adc"]))


def test_respond_is_the_mean_of_many_noisy_exposures_of_that_charge():
    detector = Detector.load("generic_ccd").resized((64, 64))
    raw = np.mean([detector.expose(0.0, Exposure(f"b{i}", 0.0), seed=i).data for i in range(64)], axis=0)
    off = (raw - detector.respond(0.0)).mean()
    # the drift of 1 DN of two amplifiers in 64 frames leaves 1/sqrt(128) = 0.09 DN: five times that
    assert abs(off) < 0.45


def test_respond_tells_where_full_well_ends_up():
    detector = Detector.load("generic_ccd").resized((64, 64))
    q = 150000.0
    bent = (np.sqrt(1.0 + 4e-7 * q) - 1.0) / 2e-7  # the root of y + 1e-7 y^2 = q
    left = detector.respond(2 * q)[0, 0]
    assert left == pytest.approx(bent / 2.5 + 1000.0, rel=1e-6)


def test_respond_does_not_draw():
    detector = Detector.load("generic_h2rg").resized((64, 64))
    np.testing.assert_array_equal(detector.respond(1000.0), detector.respond(1000.0))
