"""Between which fluxes a read pattern measures."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from obverse.design.information import Information
from obverse.design.sensor import Sensor
from obverse.pattern import ReadPattern

__all__ = ["Limits", "saturation_limits", "usable"]


@dataclass(frozen=True)
class Limits:
    """Fluxes at which a ramp of steady light saturates [electron/s], and the faintest that it sees.

    Parameters
    ----------
    last_read
        From here on the last read is saturated: resultants begin to be lost.
    rate
        From here on fewer than two resultants are left: there is no rate.
    first_read
        From here on nothing is left, not even the first resultant.
    faintest
        Flux with a signal-to-noise ratio of one [electron/s].
    """

    last_read: float
    rate: float
    first_read: float
    faintest: float

    @property
    def dynamic_range(self) -> float:
        """Brightest flux with a rate over the faintest flux that is seen, in magnitudes."""
        return float(2.5 * np.log10(self.rate / self.faintest))


def saturation_limits(pattern: ReadPattern, sensor: Sensor) -> Limits:
    r"""Return the fluxes at which a pattern saturates.

    .. math:: f = Q / t - f_{dark}

    with the saturation limit Q of `Sensor` and t the last read of the last, the second and the first resultant.

    Notes
    -----
    Limits: steady light. A resultant counts as lost once its last read is saturated.

    Examples
    --------
    >>> sensor = Sensor(read_noise=10.0, dark=0.0, limit=60000.0, read_time=10.0)
    >>> limits = saturation_limits(ReadPattern.even(6, frame_time=10.0), sensor)
    >>> limits.last_read, limits.rate, limits.first_read
    (1000.0, 3000.0, 6000.0)
    """
    ends = [group[-1] for group in pattern.times]
    last, second, first = (_flux_that_fills(ends[k], sensor) for k in (-1, min(1, len(ends) - 1), 0))
    return Limits(last, second, first, _faintest(pattern, sensor))


def usable(pattern: ReadPattern, flux: ArrayLike, sensor: Sensor) -> NDArray[np.intp]:
    """Return how many resultants are not saturated at each flux of light [electron/s].

    Examples
    --------
    >>> sensor = Sensor(read_noise=10.0, dark=0.0, limit=60000.0, read_time=10.0)
    >>> usable(ReadPattern.even(6, frame_time=10.0), [1.0, 1500.0], sensor)
    array([6, 3])
    """
    ends: Any = np.array([group[-1] for group in pattern.times])
    charge = (np.atleast_1d(np.asarray(flux, float)) + sensor.dark)[:, None] * ends
    return (charge < sensor.limit).sum(axis=1)


def _flux_that_fills(seconds: float, sensor: Sensor) -> float:
    return sensor.limit / seconds - sensor.dark if seconds > 0 else np.inf


def _faintest(pattern: ReadPattern, sensor: Sensor) -> float:
    """Return the flux that equals its own error: a few rounds, since the error hardly depends on it."""
    if len(pattern) < 2:
        return np.inf
    flux = 0.0
    for _ in range(30):
        flux = float(Information.of(pattern, flux + sensor.dark, sensor.read_noise).s[0] ** -0.5)
    return flux
