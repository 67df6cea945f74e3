r"""Saturation inside a resultant that averages reads: its last reads are full, its mean is not.

Reference: STScI, JWST pipeline documentation, step `saturation` (rules for averaged groups and for the second group).
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from obverse.effects._neighbours import grown
from obverse.flags import Flag
from obverse.frame import Frame
from obverse.pattern import ReadPattern

__all__ = ["hidden", "reach"]

Mask = NDArray[np.bool_]


def reach(frame: Frame) -> NDArray[np.float32]:
    r"""Return how far above its mean the last read of each resultant lies on a straight ramp, t_last / tbar."""
    pattern = frame.exposure.pattern
    if pattern is None or "resultant" not in frame.axes:
        return np.ones((), np.float32)
    last = np.array([times[-1] for times in pattern.times])
    mean = np.where(pattern.tbar > 0, pattern.tbar, 1.0)
    factor = np.where(pattern.n_reads > 1, last / mean, 1.0).astype(np.float32)
    after = len(frame.axes) - 1 - frame.axes.index("resultant")
    return factor.reshape(-1, *[1] * after)


def hidden(frame: Frame, height: NDArray[Any], full: NDArray[Any], saturated: Mask, grow: int) -> Mask:
    """Return the elements of ramps whose means hide full reads; an image hides none.

    Parameters
    ----------
    frame
        With its pattern, and flags that say what is not used anyway.
    height, full
        How far each element lies above an empty pixel, and how far a full one does.
    saturated
        What is known to be saturated.
    grow
        Pixels on each side that are hidden with one before a full resultant.
    """
    pattern = frame.exposure.pattern
    if pattern is None or "resultant" not in frame.axes:
        return np.zeros(frame.shape, np.bool_)
    axis = frame.axes.index("resultant")
    last, height = np.moveaxis(height * reach(frame), axis, 0), np.moveaxis(height, axis, 0)
    used, saturated = np.moveaxis(~_flagged(frame, Flag.DO_NOT_USE), axis, 0), np.moveaxis(saturated, axis, 0)
    clipped = np.moveaxis(_flagged(frame, Flag.SATURATED), axis, 0)
    level = np.where(clipped[1:], np.fmin(full, height[1:]), full)  # the converter may end below full well
    means = grown(_before_a_full_one(last, level, saturated) & used, grow)
    return np.moveaxis(means | _second_of_a_hit(height, full, saturated, pattern), 0, axis)


def _before_a_full_one(last: NDArray[Any], level: NDArray[Any], saturated: Mask) -> Mask:
    """Return resultants whose next one is saturated, and whose own last read was full on a straight ramp.

    Full is what the next one reached, where that was cut off by the converter, but not where a flag has only grown
    onto it: there two heights tell nothing but their noise.
    """
    found = np.zeros_like(saturated)
    found[:-1] = (last[:-1] >= level) & saturated[1:] & ~saturated[:-1]
    return found


def _second_of_a_hit(height: NDArray[Any], full: NDArray[Any], saturated: Mask, pattern: ReadPattern) -> Mask:
    """Return second resultants in which a particle filled the pixel: too few full reads to lift their mean.

    The first resultant leads below full at the last read of the third, yet the third is saturated, and the second has
    risen by as much as one full read among its own.
    """
    found = np.zeros_like(saturated)
    if len(pattern) > 2:
        expected = height[0] / np.float32(pattern.tbar[0] or 1.0) * np.float32(pattern.times[2][-1])
        jumped = height[1] - height[0] > (full - height[0]) / np.float32(pattern.n_reads[1])
        found[1] = (expected < full) & jumped & saturated[2] & ~saturated[1]
    return found


def _flagged(frame: Frame, flag: Flag) -> Mask:
    flags = np.zeros(frame.shape, np.uint8) if frame.flags is None else frame.flags
    return (flags & np.uint8(flag)) != 0
