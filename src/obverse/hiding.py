"""Which pixels of a frame are left out when frames are averaged, counted or fitted: one rule for all."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from obverse.flags import Flag
from obverse.frame import Frame

__all__ = ["flags_of", "hidden", "hiding"]

_NO_LIGHT = np.uint32(Flag.NON_SCIENCE | Flag.REFERENCE_PIXEL)
"""Flags that say what a pixel is for, not that its value is wrong: shielded pixels have electrons of their own too."""


def flags_of(frame: Frame) -> NDArray[np.uint32]:
    """Return all that is known against each pixel of a frame, 32 bits; what broadcasts against its data."""
    flags: NDArray[Any] = np.zeros((), np.uint32) if frame.pixel_flags is None else frame.pixel_flags
    return flags if frame.flags is None else flags | frame.flags


def hiding(frame: Frame) -> NDArray[np.uint32]:
    """Return the flags that take pixels out, in the shape of the data: all but those that say what a pixel is for.

    Examples
    --------
    >>> flags = np.array([[Flag.HOT, Flag.NON_SCIENCE, 0]], np.uint32)
    >>> hiding(Frame(np.ones((1, 3)), "electron", pixel_flags=flags))
    array([[2048,    0,    0]], dtype=uint32)
    """
    if frame.pixel_flags is None:  # one pass over the pixels is enough
        return np.zeros(frame.shape, np.uint32) if frame.flags is None else frame.flags.astype(np.uint32)
    marks = frame.pixel_flags & ~_NO_LIGHT
    return np.broadcast_to(marks, frame.shape) if frame.flags is None else marks | frame.flags


def hidden(frame: Frame) -> NDArray[np.bool_]:
    """Return the pixels that tell nothing: flagged, or no number."""
    return ~np.isfinite(frame.data) | (hiding(frame) != 0)
