"""Small detectors, patterns and full simulations, to compare injected sources with."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from obverse import Detector, Exposure, Frame, Geometry, ReadPattern, fit_ramps
from obverse.injection.arrivals import Arrivals
from obverse.ma_tables import ma_table

Array = NDArray[Any]

EVEN = ReadPattern.even(8, frames=4, gap=1, frame_time=3.0)
UNEVEN = ma_table(4, 3.16247)
PATTERNS = {"even": EVEN, "table 4": UNEVEN}
NOISE = 11.0


def plain_array(shape: tuple[int, int], **changes: dict[str, Any]) -> Detector:
    """An infrared array with read noise alone, and what `changes` say of its other effects."""
    generic = Detector.load("generic_h2rg").replace(geometry=Geometry(shape))
    kept = {"saturation", "read_noise", "gain", "bias", "adc", *changes}
    idle = {"gain": {"gain": 1.0}, "bias": {"level": 1000.0}, "read_noise": {"sigma": NOISE}}
    detector = generic.without(*(e.name for e in generic.effects if e.name not in kept))
    for name, values in (idle | changes).items():
        detector = detector.with_effect(detector.effect(name).replace(**values))
    return detector


def ramps(pattern: ReadPattern, rate: Any, shape: tuple[int, int], seed: int, late: Any = 0.0) -> Array:
    """Ramps (resultant, row, column) [electron] read by read: Poisson electrons, normal read noise."""
    random = np.random.default_rng(seed)
    charge, before, means = np.zeros(shape), 0.0, []
    for group in pattern.times:
        total = np.zeros(shape)
        for time in group:
            charge = charge + random.poisson(np.broadcast_to(rate + late, shape) * (time - before))
            before = time
            total += charge + random.normal(0.0, NOISE, shape)
        means.append(total / len(group))
    return np.array(means)


def fitted(counts: Array, pattern: ReadPattern, flags: Any = None, estimator: str = "likelihood") -> Any:
    """Fit them."""
    return fit_ramps(counts, pattern, gain=1.0, read_noise=NOISE, find_jumps=False, flags=flags, estimator=estimator)


def rate_image(fit: Any, pattern: ReadPattern, integrations: int = 1) -> Frame:
    """An image of rates as a calibration gives it."""
    return Frame(
        fit.rate,
        "electron/s",
        pixel_flags=fit.flags,
        variances={"poisson": fit.var_poisson, "read": fit.var_read},
        exposure=Exposure("field", pattern=pattern, integrations=integrations),
        undone=("estimate",),
    )


def even_light(
    electrons: float, pattern: ReadPattern, shape: tuple[int, int], seed: int = 3, ramps: int = 1
) -> Arrivals:
    """So many electrons in the mean on every pixel."""
    arrivals = Arrivals.none((ramps, *shape), pattern, 0.0, seed, "field")
    arrivals.add(0, (slice(None), slice(None)), np.full(shape, electrons / arrivals.seconds))
    return arrivals
