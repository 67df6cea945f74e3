"""Frames that are counted one after the other: only the counts stay in memory."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from obverse.errors import UsageError
from obverse.frame import Frame
from obverse.hiding import flags_of, hidden

__all__ = ["Tally", "tally"]


@dataclass(frozen=True)
class Tally:
    """How often each pixel was above a threshold.

    Parameters
    ----------
    first
        The first frame, which lends exposure, axes and what was undone.
    length
        How many frames there were.
    counts
        Frames in which the pixel was above, the shape of a frame.
    frames
        Frames in which it could be seen at all.
    seen
        Flags of the frames in which it could not, one on top of the other, 32 bits.
    """

    first: Frame
    length: int
    counts: NDArray[np.uint32]
    frames: NDArray[np.uint32]
    seen: NDArray[np.uint32]


def tally(frames: Iterable[Frame], threshold: float) -> Tally:
    """Count how often each pixel is above the threshold [electron behind the register]: above, not at it."""
    first, length = None, 0
    for frame in frames:
        if first is None:
            first = frame
            counts, seeing, seen = (np.zeros(frame.shape, np.uint32) for _ in range(3))
        bad = hidden(frame)
        counts += (frame.data > threshold) & ~bad
        seeing += ~bad
        seen |= np.where(bad, flags_of(frame), np.uint32(0))
        length += 1
    if first is None:
        raise UsageError("photon counting: no frames were given")
    return Tally(first, length, counts, seeing, seen)
