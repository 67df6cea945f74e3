"""What a read pattern can measure: the table of its errors, by theory."""

from __future__ import annotations

from typing import Any

import numpy as np
from astropy.table import Table
from numpy.typing import ArrayLike, NDArray

from obverse.design.errors_of_fits import variances
from obverse.design.hits import hits
from obverse.design.information import Information
from obverse.design.limits import saturation_limits, usable
from obverse.design.sensor import Sensor
from obverse.detector import Detector
from obverse.errors import UsageError
from obverse.pattern import ReadPattern

__all__ = ["expected", "fluxes"]

Array = NDArray[Any]

_COLUMNS = {
    "flux": ("electron/s", "light that reaches the pixel and is detected"),
    "used": ("", "resultants that are not saturated"),
    "error": ("electron/s", "one sigma of the rate of a clean ramp"),
    "snr": ("", "flux over its error"),
    "hit": ("", "share of ramps that a cosmic ray hits"),
    "hit_cost": ("", "error of a hit ramp over that of a clean one, root of the mean variance"),
    "hit_lost": ("", "share of hit ramps that are left without a rate"),
    "hit_loss": ("", "share of all information that hits take"),
    "hit_missed": ("", "share of hits below the threshold of the search"),
}
"""Columns of a table, their units, and what they say."""


def fluxes(low: float, high: float, per_decade: float = 2.0) -> Array:
    """Return fluxes from `low` to `high`, evenly spaced in their logarithm.

    Examples
    --------
    >>> fluxes(0.1, 10.0, per_decade=1)
    array([ 0.1,  1. , 10. ])
    """
    if not (0 < low < high < np.inf and 0 < per_decade < np.inf):
        raise UsageError(f"fluxes: {low} to {high} electron/s, {per_decade} a decade: must rise from a number above 0")
    return np.geomspace(low, high, max(2, 1 + int(np.ceil(np.log10(high / low) * per_decade - 1e-9))))


def expected(
    pattern: ReadPattern, flux: ArrayLike, detector: Detector | Sensor, *, estimator: str = "likelihood"
) -> Table:
    r"""Return what a read pattern gives at each flux, from the covariance of its differences.

    .. math:: \mathrm{var}(a) = \left[ D^T (\sigma^2 A + (f + f_{dark}) B)^{-1} D \right]^{-1}

    with the letters of `obverse.fit_ramps`, over the resultants that are not saturated.

    Parameters
    ----------
    pattern
        When the resultants are read.
    flux
        Light, behind the quantum efficiency, (flux,) [electron/s].
    detector
        What is read, or a typical pixel of it.
    estimator
        Which fit.

    Returns
    -------
    Table
        A row a flux: ``flux``, ``used``, ``error``, ``snr``, and what cosmic rays do: ``hit``, ``hit_cost``,
        ``hit_lost``, ``hit_loss``, ``hit_missed`` (`obverse.design.hits.Hits`). NaN where fewer than two resultants are
        left. Its ``meta`` has the saturation limits [electron/s], the dynamic range [mag], and the size of the ramp.

    Notes
    -----
    Limits: steady light in one pixel, as the reads are after all corrections: noise of the corrections themselves (a
    dark, a flat) is not in the error. The columns on hits are those of the optimal fit, whatever the estimator.

    Examples
    --------
    >>> table = expected(ReadPattern.named("MA4"), [0.1, 10.0], Detector.load("roman_wfi"))
    >>> table["error"].round(3).tolist()
    [0.054, 0.284]
    """
    sensor = detector if isinstance(detector, Sensor) else Sensor.of(detector, pattern)
    light = np.atleast_1d(np.asarray(flux, float))
    if not (light >= 0).all() or np.isinf(light).any():
        raise UsageError(f"expected: flux is {flux!r} [electron/s], it must be zero or more everywhere")
    used = usable(pattern, light, sensor)
    columns = {name: np.full(len(light), np.nan) for name in _COLUMNS}
    columns["flux"], columns["used"] = light, used
    for n in np.unique(used[used > 1]):
        here = used == n
        for name, values in _rows(pattern.first(n), light[here], sensor, estimator).items():
            columns[name][here] = values
    return _table(columns, _summary(pattern, sensor))


def _rows(pattern: ReadPattern, light: Array, sensor: Sensor, estimator: str) -> dict[str, Array]:
    """Return the columns of fluxes at which all resultants of the pattern are used."""
    electrons = light + sensor.dark
    known = Information.of(pattern, electrons, sensor.read_noise)
    error = np.sqrt(variances(pattern, known, electrons, sensor.read_noise, estimator))
    struck = hits(pattern, known, sensor.rays)
    return {
        "error": error,
        "snr": light / error,
        "hit": struck.hit,
        "hit_cost": struck.cost,
        "hit_lost": struck.lost,
        "hit_loss": struck.information,
        "hit_missed": struck.missed,
    }


def _summary(pattern: ReadPattern, sensor: Sensor) -> dict[str, float]:
    limits = saturation_limits(pattern, sensor)
    return {
        "resultants": len(pattern),
        "reads": int(pattern.n_reads.sum()),
        "exposure_time": pattern.times[-1][-1],
        "saturation_last_read": limits.last_read,
        "saturation_rate": limits.rate,
        "saturation_first_read": limits.first_read,
        "faintest": limits.faintest,
        "dynamic_range": limits.dynamic_range,
    }


def _table(columns: dict[str, Array], meta: dict[str, float]) -> Table:
    made = Table(columns, meta=meta)
    for name, (unit, description) in _COLUMNS.items():
        made[name].unit, made[name].description = unit or None, description
    return made
