"""The k gain of raw frames: what the detector knows of bias and dark columns must not show in it."""

from __future__ import annotations

import numpy as np
import pytest

from obverse import Detector, Exposure, Frame, Geometry, UsageError
from obverse.emccd import calibrate_k_gain

K, COLUMNS = 8.7, 40
READ = np.sqrt(165.0**2 * (1 + 1 / COLUMNS) + K**2 / 12)
"""Read noise of a frame whose bias was taken away, and of its digits [electron]."""

LEVELS = (9000.0, 30000.0, 60000.0)


def camera() -> Detector:
    """A small sensor whose bias is told by 40 columns of each row."""
    geometry = Geometry((130, 140), prescan=60, overscan=5, parallel_overscan=14, shielded=(2, 0, 0, 2))
    nominal = Detector.load("corgi_excam").replace(geometry=geometry, modes=())
    drift = nominal.effect("bias_drift").replace(settle=15, width=COLUMNS)
    return nominal.with_effect(drift).without("cosmic_rays", "register_trail", "level_nonlinearity")


def flat(level: float, name: str, seed: int, gain: float = 1.0) -> Frame:
    return camera().expose(level / 10.0, Exposure(f"{name} {level:g}", 10.0, em_gain=gain), seed=seed)


def sets(seed: int) -> list[list[Frame]]:
    """G5: three sets of five."""
    return [[flat(level, f"flat {i}", seed) for i in range(5)] for level in LEVELS]


def test_raw_frames_tell_the_k_gain() -> None:
    found = calibrate_k_gain(sets(1), None, camera(), border=0)
    assert abs(found.gain - K) + 3 * found.gain_error < 0.5
    assert abs(found.read_noise - READ) < 4 * found.read_noise_error
    assert found.curve().shape == (400, 2)


def pulls(seeds: range) -> np.ndarray:
    """Of gain and read noise, by seed."""
    made = [calibrate_k_gain(sets(seed), None, camera(), border=0) for seed in seeds]
    return np.array([((f.gain - K) / f.gain_error, (f.read_noise - READ) / f.read_noise_error) for f in made])


def test_the_bias_of_each_row_does_not_show() -> None:
    """Dark pixels as they are left by their own mean would be too quiet, and the gain too small by two hundredths."""
    found = pulls(range(5))
    student = np.sqrt(5 / 3)  # a jackknife over 6 blocks
    assert (np.abs(found.mean(axis=0)) < 4 * student / np.sqrt(len(found))).all()


@pytest.mark.validate
def test_errors_are_the_scatter() -> None:
    found = pulls(range(100, 160))
    assert (np.abs(found.mean(axis=0)) < 0.3).all()
    assert (np.abs(found.std(axis=0) / np.sqrt(5 / 3) - 1) < 0.25).all()


def test_frames_of_a_gain_are_refused_by_name() -> None:
    amplified = [flat(9000.0, f"flat {i}", 1, gain=2.0) for i in range(2)]
    with pytest.raises(UsageError, match=r"'flat 0 9000' has an EM gain of 2"):
        calibrate_k_gain([amplified], None, camera())
