"""The recipe step that takes electrons of the register out of the level of the dark columns."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from obverse.emccd.level_without_electrons import zero_level
from obverse.errors import UsageError
from obverse.frame import Frame
from obverse.moment import Moment

if TYPE_CHECKING:
    from obverse.detector import Detector

__all__ = ["Zeroing"]


@dataclass(frozen=True)
class Zeroing:
    """Subtract the level that pixels without electrons have in the dark columns.

    `bias_drift` has taken away a mean of each row, which clock-induced charge of those columns draws up. What that has
    shifted is common to a frame, and told by all its dark pixels together. Where none of them is usable, in a crowded
    frame, nothing is subtracted.

    Parameters
    ----------
    detector
        Whose `bias_drift` says which columns are dark, and whose `em_gain` and `gain` say what the register does.
    """

    detector: Detector

    def __call__(self, frame: Frame, at: Moment) -> Frame:
        """Subtract it from a frame [DN], amplifier by amplifier."""
        _refuse_unready(frame)
        dark = self.detector.effect("bias_drift").dark(at.geometry, at.layout)
        gains = np.broadcast_to(self.detector.effect("gain").gain, len(frame.data))
        levels = [self._level(at, k * values) / k for k, values in zip(gains, _dark_values(frame, dark), strict=True)]
        return frame.replace(data=frame.data - np.array(levels, np.float32)[:, None, None])

    def _level(self, at: Moment, values: NDArray[Any]) -> float:
        if not values.size:
            return 0.0
        register = self.detector.effect("em_gain").register(at.exposure)
        return zero_level(
            values, register.gain, electrons=self._electrons(), stages=register.stages, partial=register.partial
        )

    def _electrons(self) -> float:
        """Return the electrons of a pixel of the scans that are believed, those of the register's stages with them."""
        partial = float(self.detector.effect("em_gain").partial)
        if not self.detector.has("clock_induced_charge"):
            return partial
        level = self.detector.effect("clock_induced_charge").level
        return max(float(np.nanmean(level)), 0.0) + partial


def _refuse_unready(frame: Frame) -> None:
    if frame.unit != "DN":
        raise UsageError(f"zero_level: the frame is in {frame.unit!r}, it must be in 'DN': put it before 'gain'")
    if "bias_drift" not in frame.undone:
        raise UsageError(
            f"zero_level: the frame's undone effects are {frame.undone}: undo 'bias_drift' first, whose row means it "
            "sets right"
        )


def _dark_values(frame: Frame, dark: NDArray[np.bool_]) -> list[NDArray[Any]]:
    """Return the dark pixels of each amplifier that nothing is known against."""
    good = dark & np.isfinite(frame.data)
    if frame.flags is not None:
        good &= frame.flags == 0
    return [pixels[chosen] for pixels, chosen in zip(frame.data, good, strict=True)]
