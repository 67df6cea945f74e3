"""True detectors, calibration exposures of them, and the beliefs that are measured from these alone."""

from __future__ import annotations

from typing import Any

import numpy as np

from obverse import Detector, Exposure, Frame, ReadPattern

SHAPE = (256, 256)


def true_ccd(seed: int = 0, shape: tuple[int, int] = SHAPE) -> Detector:
    """A CCD that nobody has measured: its gains, noise, level, bends, dark and flat are its own."""
    random = np.random.default_rng([seed, 1])
    return _changed(
        Detector.load("generic_ccd").resized(shape),
        {
            "flat": {"response": _normalised(1.0 + 0.01 * random.standard_normal(shape))},
            "dark_current": {"rate": 0.05},
            "nonlinearity": {"coefficients": [1.3e-7]},
            "read_noise": {"sigma": [4.4, 3.7]},
            "gain": {"gain": [2.53, 2.41]},
            "bias": {"level": [1012.0, 1093.0]},
        },
    )


def true_array(seed: int = 0, shape: tuple[int, int] = SHAPE) -> Detector:
    """An infrared array that nobody has measured; its coupling and full well are as nominal."""
    random = np.random.default_rng([seed, 2])
    generic = Detector.load("generic_h2rg").resized(shape)
    return _changed(
        generic,
        {
            "flat": {"response": _normalised(1.0 + 0.01 * random.standard_normal(shape), generic.geometry.sensitive)},
            "dark_current": {"rate": 0.03},
            "nonlinearity": {"coefficients": [4.6e-7, 1.3e-12]},
            "read_noise": {"sigma": [11.3, 10.6, 11.9, 10.9]},
            "gain": {"gain": [2.01, 2.09, 2.13, 1.97]},
            "bias": {"level": 10000.0 + 200.0 * random.standard_normal(shape)},
        },
    )


def _normalised(response: Any, sensitive: Any = True) -> Any:
    return response / response[np.broadcast_to(sensitive, response.shape)].mean()


def _changed(detector: Detector, values: dict[str, dict[str, Any]]) -> Detector:
    for name, changes in values.items():
        detector = detector.with_effect(detector.effect(name).replace(**changes))
    return detector


def ccd_exposures(truth: Detector, seed: int, size: int = 8) -> dict[str, list[Frame]]:
    """Biases, ten-minute darks, flats in pairs at half of full well, and a series of exposure times."""

    def take(kind: str, rate: float, times: list[float]) -> list[Frame]:
        return [truth.expose(rate, Exposure(f"{kind}{i}", t, kind=kind), seed=seed) for i, t in enumerate(times)]

    return {
        "bias": take("bias", 0.0, [0.0] * size),
        "dark": take("dark", 0.0, [600.0] * size),
        "flat": take("flat", 8000.0, [10.0] * size),
        "ramps": take("ramp", 8000.0, [2.0, 4.0, 6.0, 8.0, 10.0, 12.0, 14.0, 16.0]),
    }


def array_exposures(truth: Detector, seed: int, size: int = 4) -> dict[str, list[Frame]]:
    """Dark ramps, and evenly lit ramps up to about 80 % of full well."""
    pattern = ReadPattern.even(12, frame_time=10.0)

    def take(kind: str, rate: float) -> list[Frame]:
        return [truth.expose(rate, Exposure(f"{kind}{i}", pattern=pattern, kind=kind), seed=seed) for i in range(size)]

    return {"dark": take("dark", 0.0), "flat": take("flat", 800.0)}


def ccd_belief(truth: Detector, seed: int, size: int = 8) -> Detector:
    """What is believed of a CCD after its calibration exposures."""
    nominal = Detector.load("generic_ccd").resized(truth.geometry.shape)
    return nominal.measured(**ccd_exposures(truth, seed, size))


def array_belief(truth: Detector, seed: int, size: int = 4) -> Detector:
    """What is believed of an infrared array after its calibration exposures."""
    nominal = Detector.load("generic_h2rg").resized(truth.geometry.shape)
    return nominal.measured(**array_exposures(truth, seed, size))
