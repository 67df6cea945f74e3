"""A sequence of exposures: each leaves charge in traps, and the next ones see it."""

from __future__ import annotations

from typing import Any

import numpy as np

from obverse.detector import Detector
from obverse.exposure import Exposure
from obverse.frame import Frame
from obverse.history import History

__all__ = ["expose_next"]


def expose_next(
    detector: Detector,
    scene: Any,
    exposure: Exposure,
    *,
    seed: int,
    history: History | None = None,
    threads: int | None = None,
) -> tuple[Frame, History]:
    """Turn light into a raw frame, and return what it leaves behind for the exposures that follow.

    Parameters
    ----------
    detector
        With the effect `persistence`.
    scene, seed, threads
        See `Detector.expose`.
    exposure
        With its start, so that the times between exposures are known.
    history
        What the exposures before it left behind; None for the first.

    Returns
    -------
    frame, history
        The raw frame [DN], and what the next exposure is to be given.

    Raises
    ------
    UsageError
        If the detector has no persistence, or the exposure no start or one before the end of the last.

    Notes
    -----
    Limits: of several integrations the last one's charge is remembered. Charge that persistence itself has released
    counts as charge, as in romanisim.

    Examples
    --------
    >>> detector = Detector.load("roman_wfi").resized((64, 64)).without("cosmic_rays", "snowballs")
    >>> bright, dark = (Exposure(f"e{i}", start=f"2027-05-01T12:0{5 * i}:00") for i in (0, 1))
    >>> _, history = expose_next(detector, 2000.0, bright, seed=1)
    >>> len(history) == 56 * 56  # all that see light
    True
    >>> frame, history = expose_next(detector, 0.0, dark, seed=1, history=history)
    >>> len(history) == 56 * 56
    True
    """
    effect = detector.effect("persistence")
    left = np.zeros(detector.geometry.shape, np.float32)
    frame = detector.expose(scene, exposure, seed=seed, history=history, threads=threads, left=left)
    return frame, effect.remember(left, frame.exposure, history)
