"""Frames in memory or on disk, one at a time; of those on disk only the exposures are read beforehand."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from obverse.errors import DataError, ObverseWarning, UsageError
from obverse.exposure import Exposure
from obverse.flags import Flag
from obverse.frame import Frame
from obverse.geometry import Geometry
from obverse.io.exposures import exposure_of
from obverse.io.files import read
from obverse.io.text import shown_path

__all__ = ["Dataset", "Entry", "Loaded", "Prepare", "is_dataset"]

Array = NDArray[Any]

_NO_LIGHT = np.uint32(Flag.NON_SCIENCE | Flag.REFERENCE_PIXEL)
"""Flags that say what a pixel is for, not that its value is wrong: shielded pixels have a dark too."""


def is_dataset(images: Any) -> bool:
    """Say whether this is a list of frames or paths, rather than of arrays."""
    return (
        isinstance(images, list | tuple)
        and bool(images)
        and all(isinstance(i, Frame | str | os.PathLike) for i in images)
    )


@dataclass(frozen=True)
class Loaded:
    """The pixels of one frame in the layout of the file (row, column), and which bits take them out."""

    frame: Frame
    data: Array
    marks: NDArray[np.uint32]
    to_file: Callable[[Array], Array]

    @property
    def variance(self) -> Array:
        """The variance that came with the frame, zero where none did."""
        variance = self.frame.variance
        return np.zeros(self.data.shape) if variance is None else self.to_file(variance)


@dataclass(frozen=True)
class Entry:
    """One frame, perhaps still on disk, and how it was exposed."""

    name: str
    exposure: Exposure
    source: Any

    def frame(self) -> Frame:
        """Return the frame; reads it where it is on disk."""
        return self.source if isinstance(self.source, Frame) else read(self.source)


Prepare = Callable[[Frame], Frame]


@dataclass
class Dataset:
    """A list of frames or paths.

    Parameters
    ----------
    entries
        What is in it.
    geometry
        Where the pixels are; None takes files as they are, and one amplifier.
    skip_bad
        Leave out a file that cannot be read, with a warning, instead of refusing.
    skipped
        The names of those left out so far.
    prepare
        What is done to each frame when it has been read, as the steps of a recipe; None leaves it as it is.
    """

    entries: list[Entry]
    geometry: Geometry | None = None
    skip_bad: bool = False
    skipped: list[str] = field(default_factory=list)
    prepare: Prepare | None = None

    @classmethod
    def of(
        cls,
        items: Any,
        geometry: Geometry | None = None,
        *,
        skip_bad: bool = False,
        prepare: Prepare | None = None,
    ) -> Dataset:
        """Look at the exposures of all frames.

        Raises
        ------
        UsageError
            If this is no list of frames or paths.
        DataError
            If a file cannot be read, unless such are skipped.
        """
        if not is_dataset(items):
            raise UsageError(f"darks: dataset is a {type(items).__name__}: give a list of frames, or of paths to them")
        made = cls([], geometry, skip_bad, prepare=prepare)
        made.entries = [entry for item in items for entry in made._tried(partial(_entry, item), _name(item))]
        return made

    def loaded(self, entries: Iterable[Entry] | None = None) -> Iterator[Loaded]:
        """Give the frames one at a time; each may be forgotten before the next is read.

        None is read ahead: a second thread would keep the memory of its own frames.
        """
        for entry in self.entries if entries is None else entries:
            for frame in self._tried(partial(self._ready, entry), entry.name):
                yield _in_file(frame, self.geometry)

    def _ready(self, entry: Entry) -> Frame:
        frame = entry.frame()
        return frame if self.prepare is None else self.prepare(frame)

    def _tried(self, work: Callable[[], Any], name: str) -> Sequence[Any]:
        """Do the work on one frame; nothing comes of a bad file that is skipped."""
        try:
            return (work(),)
        except DataError as problem:
            if not self.skip_bad:
                raise
            self.skipped.append(name)
            warnings.warn(f"{problem}; {name} was left out", ObverseWarning, stacklevel=2)
            return ()


def _name(item: Any) -> str:
    return item.exposure.id if isinstance(item, Frame) else shown_path(item)


def _entry(item: Any) -> Entry:
    if isinstance(item, Frame):
        return Entry(_name(item), item.exposure, item)
    return Entry(_name(item), exposure_of(item), item)


def _in_file(frame: Frame, geometry: Geometry | None) -> Loaded:
    to_file = _file_layout(frame, geometry)
    marks = np.zeros(frame.shape[-2:], np.uint32) if frame.pixel_flags is None else frame.pixel_flags & ~_NO_LIGHT
    marks = np.broadcast_to(marks, frame.shape)
    if frame.flags is not None:
        marks = marks | frame.flags
    return Loaded(frame, to_file(frame.data), to_file(marks), to_file)


def _file_layout(frame: Frame, geometry: Geometry | None) -> Callable[[Array], Array]:
    """Return what brings a plane of this frame into the layout of the file."""
    if frame.axes == ("row", "column"):
        return lambda plane: plane
    if frame.axes == ("amplifier", "row", "column") and geometry is not None and frame.shape == geometry.clocked_shape:
        return geometry.unclock
    if frame.axes == ("amplifier", "row", "column") and geometry is None and frame.shape[0] == 1:
        return lambda plane: plane[0]
    raise UsageError(
        f"darks: frame {frame.exposure.id!r} is {frame.axes} of {frame.shape}: give images (row, column), or clocked "
        "ones and their detector"
    )
