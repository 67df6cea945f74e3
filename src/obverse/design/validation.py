"""Read patterns side by side: what theory says of each, and what trials find."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from astropy.table import Table, hstack, vstack
from numpy.typing import ArrayLike

from obverse.design.expectation import expected, fluxes
from obverse.design.limits import saturation_limits
from obverse.design.sensor import Sensor
from obverse.design.trials import SHAPE, trial
from obverse.detector import Detector
from obverse.errors import UsageError
from obverse.pattern import ReadPattern

__all__ = ["FAINTEST", "validate"]

FAINTEST = 0.01
"""Flux at which tables begin [electron/s]."""

_BEFORE = 0.95
"""Where tables end, over the flux at which the last pattern has no rate any more."""


def validate(
    detector: Detector,
    patterns: Mapping[str, ReadPattern],
    flux: ArrayLike | None = None,
    *,
    belief: Detector | None = None,
    estimator: str = "likelihood",
    shape: tuple[int, int] = SHAPE,
    seed: int = 1,
    progress: Callable[[str], None] = lambda name: None,
) -> Table:
    """Return what read patterns are expected to measure and what they do measure, one below the other.

    Parameters
    ----------
    detector
        The truth: it simulates.
    patterns
        Read patterns by the names that the table is to give them.
    flux
        Light, behind the quantum efficiency, (flux,) [electron/s]; None: two a decade from 0.01 to just before the
        last pattern has no rate any more.
    belief
        The detector that calibrates; None: the same.
    estimator
        Which fit.
    shape
        Rows and columns of the sensor on which trials are made.
    seed
        The same seed gives the same table.
    progress
        Called with the name of each pattern and the flux of each trial.

    Returns
    -------
    Table
        The columns of `expected` and of `trial` behind the name, ``pattern``; ``meta`` has the summary of each pattern
        under its name.

    Examples
    --------
    >>> patterns = {"short": ReadPattern.even(4, frame_time=10.7)}
    >>> table = validate(Detector.load("jwst_nircam"), patterns, [100.0], shape=(64, 64))
    >>> table["pattern"][0], bool(abs(table["scatter"][0] / table["error"][0] - 1) < 0.1)
    (np.str_('short'), True)
    """
    if not patterns:
        raise UsageError("validate: no read pattern is given, give at least one")
    light = _range(detector, patterns) if flux is None else np.atleast_1d(np.asarray(flux, float))
    parts = []
    for name, pattern in patterns.items():
        theory = expected(pattern, light, detector, estimator=estimator)
        say = _named(name, progress)
        measured = trial(
            pattern, light, detector, belief=belief, estimator=estimator, shape=shape, seed=seed, progress=say
        )
        measured.remove_column("flux")
        part = hstack([theory, measured], metadata_conflicts="silent")
        part.add_column([name] * len(part), 0, "pattern")
        part.meta = {name: theory.meta}
        parts.append(part)
    return vstack(parts, metadata_conflicts="silent")


def _named(name: str, progress: Callable[[str], None]) -> Callable[[float], None]:
    return lambda flux: progress(f"{name} at {flux:.3g} electron/s")


def _range(detector: Detector, patterns: Mapping[str, ReadPattern]) -> Any:
    sensor = Sensor.of(detector)
    return fluxes(FAINTEST, _BEFORE * max(saturation_limits(pattern, sensor).rate for pattern in patterns.values()))
