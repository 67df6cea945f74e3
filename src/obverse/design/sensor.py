"""What the error of a ramp depends on, in a few numbers of a detector."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from obverse.design.rays import Rays
from obverse.design.small import small
from obverse.detector import Detector
from obverse.errors import UsageError
from obverse.exposure import Exposure
from obverse.moment import Moment
from obverse.noise import read_noise
from obverse.pattern import ReadPattern
from obverse.readout import UpTheRamp

__all__ = ["Sensor", "noise_of"]

_SHAPE = (32, 32)


@dataclass(frozen=True)
class Sensor:
    """A typical pixel.

    Parameters
    ----------
    read_noise
        Of a single read, all that adds to it included [electron].
    dark
        Thermal electrons [electron/s].
    limit
        Charge from which on a read is flagged as saturated [electron].
    read_time
        Time from read to read [s].
    rays
        What cosmic rays do to it.

    Examples
    --------
    >>> sensor = Sensor.of(Detector.load("generic_h2rg"))
    >>> round(sensor.read_noise, 1), round(sensor.limit)
    (11.3, 95778)
    """

    read_noise: float
    dark: float
    limit: float
    read_time: float
    rays: Rays = field(default_factory=Rays)

    @classmethod
    def of(cls, detector: Detector, pattern: ReadPattern | None = None) -> Sensor:
        """Return the median of what a detector says of its pixels.

        The noise of the digitisation depends on how many reads `pattern` averages; None: one.

        Raises
        ------
        UsageError
            If the detector is read once: it has no read patterns.
        """
        readout = detector.readout
        if not isinstance(readout, UpTheRamp):
            raise UsageError(f"detector {detector.name!r} is read once: it has no read patterns to compare")
        (piece,) = small(_SHAPE, detector)
        at = Moment(Exposure(), piece.geometry)
        dark = float(np.median(at.plane(piece.effect("dark_current").rate))) if piece.has("dark_current") else 0.0
        return cls(noise_of(piece, pattern), dark, _limit(piece), readout.read_time, Rays.of(detector))


def noise_of(detector: Detector, pattern: ReadPattern | None = None) -> float:
    """Return the noise of a single read, the median over the pixels, as the ramp fit is told it [electron]."""
    at = Moment(Exposure(pattern=pattern), detector.geometry)
    return float(np.median(read_noise(detector.effects, at, cancels=("integration",))))


def _limit(detector: Detector) -> float:
    """Return the smallest charge that the recipe takes for saturated: full well less its margin, or the last code."""
    empty, highest = _level(detector, 0.0), np.inf
    if detector.has("saturation"):
        saturation = detector.effect("saturation")
        well = float(np.nanmedian(saturation.full_well))
        highest = empty + (1.0 - saturation.margin) * (_level(detector, well) - empty)
    if detector.has("adc"):
        highest = min(highest, detector.effect("adc").top)
    return _charge_at(detector, highest) if np.isfinite(highest) else np.inf


def _charge_at(detector: Detector, level: float) -> float:
    """Return the charge that responds with a level [DN], by halving an interval; the response only ever rises."""
    low, high = 0.0, 1.0
    while _level(detector, high) < level:
        low, high = high, 2.0 * high
        if high > 1e9:
            return np.inf
    for _ in range(32):
        middle = 0.5 * (low + high)
        low, high = (middle, high) if _level(detector, middle) < level else (low, middle)
    return high


def _level(detector: Detector, charge: float) -> float:
    """Return what a charge ends as [DN], the median over the pixels."""
    return float(np.median(detector.respond(charge)))
