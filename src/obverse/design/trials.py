"""What a read pattern does measure: ramps of known light through the detector's own chain and recipe."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
from astropy.table import Table
from astropy.units import Quantity
from numpy.typing import ArrayLike, NDArray

from obverse.design.small import small
from obverse.detector import Detector
from obverse.errors import UsageError
from obverse.exposure import Exposure
from obverse.frame import Frame
from obverse.moment import Moment
from obverse.pattern import ReadPattern
from obverse.readout import UpTheRamp

__all__ = ["SHAPE", "trial"]

Array = NDArray[Any]

SHAPE = (128, 128)
"""Rows and columns of the sensor on which trials are made."""

_COLUMNS = {
    "pixels": ("", "pixels with a rate"),
    "rates": ("", "share of the pixels that see light which have a rate"),
    "scatter": (
        "electron/s",
        "half of the range of 68.27 % of the rates: the few hit ramps hardly count",
    ),
    "stated": ("electron/s", "root of the mean of the stated variances"),
    "bias": ("electron/s", "mean of the rates less the truth"),
    "bias_error": ("electron/s", "its error"),
    "pull_std": ("", "standard deviation of (rate - truth) / error"),
    "within_68": ("", "share of rates within one error of the truth; a normal distribution has 0.6827"),
    "within_95": ("", "share of rates within 1.96 errors of the truth"),
}
"""Columns of a table, their units, and what they say."""


def trial(
    pattern: ReadPattern,
    flux: ArrayLike,
    truth: Detector,
    *,
    belief: Detector | None = None,
    estimator: str = "likelihood",
    shape: tuple[int, int] = SHAPE,
    seed: int = 1,
    progress: Callable[[float], None] = lambda flux: None,
) -> Table:
    """Simulate ramps of even light on a small sensor, calibrate them, and compare with the truth.

    Parameters
    ----------
    pattern
        When the resultants are read.
    flux
        Light, behind the quantum efficiency, (flux,) [electron/s]; one exposure each.
    truth
        The detector that simulates.
    belief
        The detector that calibrates; None: the same.
    estimator
        Which fit.
    shape
        Rows and columns of the sensor.
    seed
        The same seed gives the same table.
    progress
        Called with each flux before its trial.

    Returns
    -------
    Table
        A row a flux: ``flux``, ``pixels``, ``rates``, ``scatter``, ``stated``, ``bias``, ``bias_error``,
        ``pull_std``, ``within_68``, ``within_95``. NaN where no pixel has a rate.

    Notes
    -----
    Limits: `bias` is a plain mean, in which a few hits that the search has missed can count for much. Pixels count as
    independent. Interpixel capacitance, where it is undone, and drifts that all pixels of an
    amplifier share make them a little less so, and `bias_error` too small.

    Examples
    --------
    >>> table = trial(ReadPattern.even(4, frame_time=10.0), [50.0], Detector.load("generic_h2rg"), shape=(64, 64))
    >>> bool(abs(table["bias"][0]) < 5 * table["bias_error"][0])
    True
    """
    true, believed = small(shape, truth, belief or truth)
    if not isinstance(believed.readout, UpTheRamp):
        raise UsageError(f"detector {believed.name!r} is read once: it fits no ramps")
    believed = believed.replace(readout=believed.readout.replace(estimator=estimator))
    lights, rows = np.atleast_1d(np.asarray(flux, float)), []
    for light in lights:
        progress(float(light))
        exposure = Exposure(f"{light:.6g}", pattern=pattern, detector=true.name)
        raw = true.expose(Quantity(light, "electron/s"), exposure, seed=seed)
        with _expecting_nothing():
            image = believed.calibrate(raw)
        rows.append(_row(image, light, _efficiency(true), true.geometry.sensitive))
    table = Table({"flux": lights, **{name: [row[name] for row in rows] for name in _COLUMNS}})
    for name, (unit, description) in {"flux": ("electron/s", "true light"), **_COLUMNS}.items():
        table[name].unit, table[name].description = unit or None, description
    return table


@contextmanager
def _expecting_nothing() -> Iterator[None]:
    """Keep the log silent: that saturated ramps have no rate is what a trial is there to see."""
    log = logging.getLogger("obverse")
    level = log.level
    log.setLevel(logging.ERROR)
    try:
        yield
    finally:
        log.setLevel(level)


def _efficiency(detector: Detector) -> Array:
    """Return the electrons that one photon of the calibrated image is, (row, column) or a number."""
    if not detector.has("quantum_efficiency"):
        return np.ones(())
    return Moment(Exposure(), detector.geometry).plane(detector.effect("quantum_efficiency").efficiency)


def _row(image: Frame, light: float, efficiency: Array, sensitive: Array) -> dict[str, float]:
    """Compare an image with the light that made it; in photons, `efficiency` makes electrons of them."""
    good = ~image.unusable() & np.isfinite(image.data)
    scale = np.broadcast_to(efficiency if image.unit == "photon/s" else 1.0, image.shape)[good]
    rate, error = (np.asarray(plane, float)[good] * scale for plane in (image.data, image.error))
    seen = {"pixels": rate.size, "rates": rate.size / sensitive.sum()}
    if rate.size < 2:
        return dict.fromkeys(_COLUMNS, np.nan) | seen
    pull = (rate - light) / error
    return {
        **seen,
        "scatter": float(np.diff(np.quantile(rate, (0.158655, 0.841345)))[0] / 2),
        "stated": float(np.sqrt((error**2).mean())),
        "bias": float(rate.mean() - light),
        "bias_error": float(rate.std() / np.sqrt(rate.size)),
        "pull_std": float(pull.std()),
        "within_68": float((abs(pull) < 1).mean()),
        "within_95": float((abs(pull) < 1.959964).mean()),
    }
