"""The recipe step that takes electrons of the register out of the level of the dark columns."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from obverse.emccd.zero_level import zero_level
from obverse.errors import UsageError
from obverse.frame import Frame
from obverse.moment import Moment

if TYPE_CHECKING:
    from obverse.detector import Detector

__all__ = ["NEEDED", "zeroing"]

NEEDED = ("bias_drift", "em_gain", "gain")
"""Effects that the step learns from: which columns are dark, what the register does, electrons in a DN."""


def zeroing(detector: Detector) -> Callable[[Frame, Moment], Frame]:
    """Return the step for a detector: subtract the level that pixels without electrons have in the dark columns.

    `bias_drift` has taken away a mean of each row, which clock-induced charge of those columns draws up. What that has
    shifted is common to a frame, and told by all its dark pixels together.
    """

    def zeroed(frame: Frame, at: Moment) -> Frame:
        if frame.unit != "DN" or "bias_drift" not in frame.undone:
            raise UsageError(f"zero_level: the frame is in {frame.unit!r}, it must be in 'DN' behind 'bias_drift'")
        dark = detector.effect("bias_drift").dark(at.geometry, at.layout)
        gains = np.broadcast_to(detector.effect("gain").gain, len(frame.data))
        levels = [
            _level(detector, at, k * values) / k for k, values in zip(gains, _dark_values(frame, dark), strict=True)
        ]
        return frame.replace(data=frame.data - np.array(levels, np.float32)[:, None, None])

    return zeroed


def _dark_values(frame: Frame, dark: NDArray[np.bool_]) -> list[NDArray[Any]]:
    """Return the dark pixels of each amplifier that nothing is known against."""
    good = dark & np.isfinite(frame.data)
    if frame.flags is not None:
        good &= frame.flags == 0
    return [pixels[chosen] for pixels, chosen in zip(frame.data, good, strict=True)]


def _level(detector: Detector, at: Moment, values: NDArray[Any]) -> float:
    register = detector.effect("em_gain").register(at.exposure)
    return zero_level(
        values, register.gain, electrons=_electrons(detector, at), stages=register.stages, partial=register.partial
    )


def _electrons(detector: Detector, at: Moment) -> float:
    """Return the electrons of a pixel of the scans that are believed, those of the register's own stages with them."""
    partial = float(detector.effect("em_gain").partial)
    if not detector.has("clock_induced_charge"):
        return partial
    level = detector.effect("clock_induced_charge").level
    return max(float(np.nanmean(level)), 0.0) + partial
