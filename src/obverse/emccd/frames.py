"""Frames and files of frames, one at a time, and what they must be like."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from obverse.darks.forbidden import refuse_divided
from obverse.errors import UsageError
from obverse.exposure import Exposure
from obverse.frame import Frame
from obverse.hiding import hidden

__all__ = ["Frames", "amplified_frames", "loaded", "shown"]

Frames = Iterable[Frame | str | os.PathLike[str]]


def loaded(who: str, frames: Frame | Frames) -> Iterator[Frame]:
    """Give frames as they are, and files as the frames they hold, one at a time; one alone is a list of one."""
    from obverse import io  # late: who has frames in memory needs no files

    if isinstance(frames, Frame | str | os.PathLike):
        frames = [frames]
    if isinstance(frames, np.ndarray) or not isinstance(frames, Iterable):
        raise UsageError(f"{who}: frames is a {type(frames).__name__}: give frames, or files of them")
    for item in frames:
        if not isinstance(item, Frame | str | os.PathLike):
            raise UsageError(
                f"{who}: a {type(item).__name__} among the frames: give each as a Frame, whose exposure says its gain, "
                "or as a file"
            )
        yield item if isinstance(item, Frame) else io.read(item)


def amplified_frames(who: str, frames: Frame | Frames) -> Iterator[Frame]:
    """Read frames, or the files of frames, one at a time; refuse those that are not as they left the register."""
    first: Frame | None = None
    for frame in loaded(who, frames):
        _refuse_other_units(who, frame)
        refuse_divided(who, frame)
        first = first or frame
        _refuse_mixed(who, first, frame)
        yield frame


def shown(who: str, frame: Frame, where: ArrayLike | None) -> NDArray[Any]:
    """Return the values of the pixels of a frame that tell something, of those that were chosen (pixel,)."""
    good = ~hidden(frame)
    if where is not None:
        chosen = np.asarray(where, bool)
        if chosen.shape not in (frame.shape[-2:], frame.shape):
            raise UsageError(f"{who}: where {chosen.shape} for frames of {frame.shape}: they must fit")
        good = good & chosen
    return frame.data[good].astype(np.float64)


def _refuse_other_units(who: str, frame: Frame) -> None:
    if frame.unit != "electron":
        raise UsageError(
            f"{who}: frame {frame.exposure.id!r} is in {frame.unit}, it must be in electrons behind the register: "
            "calibrate up to 'gain' (recipe.until('gain'))"
        )


def _refuse_mixed(who: str, first: Frame, frame: Frame) -> None:
    if frame.shape != first.shape:
        raise UsageError(
            f"{who}: frames {first.exposure.id!r} {first.shape} and {frame.exposure.id!r} {frame.shape} are not of one "
            "shape"
        )
    one, other = _settings(first.exposure), _settings(frame.exposure)
    if one != other:
        raise UsageError(
            f"{who}: frames {first.exposure.id!r} and {frame.exposure.id!r} were not taken alike "
            f"(time, EM gain, k gain: {one} and {other}): give frames of one setting"
        )


def _settings(exposure: Exposure) -> tuple[float | None, float, float | None]:
    return exposure.exposure_time, exposure.applied_em_gain, exposure.k_gain
