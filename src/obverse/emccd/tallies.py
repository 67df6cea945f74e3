"""Frames that are counted one after the other: only the counts stay in memory."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from obverse.errors import DataError, UsageError
from obverse.exposure import Exposure
from obverse.flags import Flag
from obverse.frame import Frame

__all__ = ["Tally", "amplified_frames", "hidden", "loaded", "tally"]


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


def amplified_frames(frames: Iterable[Frame | str | os.PathLike[str]]) -> Iterator[Frame]:
    """Read frames, or the files of frames, one at a time; refuse those that are not as they left the register."""
    first: Frame | None = None
    for frame in loaded(frames):
        _refuse_divided(frame)
        first = first or frame
        _refuse_mixed(first, frame)
        yield frame


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
        seen |= np.where(bad, _flags(frame), np.uint32(0))
        length += 1
    if first is None:
        raise UsageError("photon counting: no frames were given")
    return Tally(first, length, counts, seeing, seen)


def hidden(frame: Frame) -> NDArray[np.bool_]:
    """Return the pixels of a frame that tell nothing: NaN, flagged in this frame, or not to be used at all."""
    bad = ~np.isfinite(frame.data)
    if frame.flags is not None:
        bad = bad | (frame.flags != 0)
    if frame.pixel_flags is not None:
        bad = bad | ((frame.pixel_flags & Flag.DO_NOT_USE) != 0)
    return bad


def _flags(frame: Frame) -> NDArray[Any]:
    flags: Any = np.zeros((), np.uint32) if frame.pixel_flags is None else frame.pixel_flags
    return flags if frame.flags is None else flags | frame.flags.astype(np.uint32)


def loaded(frames: Iterable[Frame | str | os.PathLike[str]]) -> Iterator[Frame]:
    """Give frames as they are, and files as the frames they hold, one at a time."""
    from obverse import io  # late: who has frames in memory needs no files

    for item in frames:
        yield item if isinstance(item, Frame) else io.read(item)


def _refuse_divided(frame: Frame) -> None:
    if frame.unit != "electron" or "em_gain" in frame.undone:
        what = "divided by the EM gain" if "em_gain" in frame.undone else f"in {frame.unit}"
        raise DataError(
            f"frame {frame.exposure.id!r}: {what}, counting wants electrons behind the register: "
            "calibrate up to 'gain' (recipe.until('gain'))"
        )


def _refuse_mixed(first: Frame, frame: Frame) -> None:
    if frame.shape != first.shape:
        raise UsageError(
            f"frames {first.exposure.id!r} {first.shape} and {frame.exposure.id!r} {frame.shape} are not of one shape"
        )
    one, other = _settings(first.exposure), _settings(frame.exposure)
    if one != other:
        raise UsageError(
            f"frames {first.exposure.id!r} and {frame.exposure.id!r} were not taken alike "
            f"(time, EM gain, k gain: {one} and {other}): give frames of one setting"
        )


def _settings(exposure: Exposure) -> tuple[float | None, float, float | None]:
    return exposure.exposure_time, exposure.applied_em_gain, exposure.k_gain
