"""The parts of a sensor that get light, so that the work is done there and nowhere else."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from obverse.detector import Detector
from obverse.exposure import Exposure
from obverse.geometry import Section
from obverse.moment import Moment
from obverse.window import windowed

__all__ = ["Box", "Part", "Window", "around_rows", "parts_of", "whole_of"]

Box = tuple[slice, slice]

_SPREAD = 2
"""How far charge may show beside its own pixel [pixel]."""

_MARGIN = 8
"""Pixels around a box that its charge is estimated with: coupled neighbours are told apart in a few rounds."""

_GAP = 64
"""Dark columns between two boxes, more than twice the spread: over fewer, one large box is quicker than two."""

_ALL: Box = (slice(None), slice(None))


@dataclass(frozen=True, eq=False)
class Window:
    """A part of a sensor.

    Parameters
    ----------
    detector
        Of these pixels.
    place
        Rows and columns of the sensor.
    """

    detector: Detector
    place: Box

    @classmethod
    def of(cls, detector: Detector, place: Box) -> Window:
        """Cut it out of a detector."""
        return cls(windowed(detector, Section(*((side.start, side.stop) for side in place))), place)

    @cached_property
    def full(self) -> NDArray[Any]:
        """Full well of its pixels [electron]; infinite where it is not known."""
        geometry = self.detector.geometry
        if not self.detector.has("saturation"):
            return np.full(geometry.shape, np.inf)
        at = Moment(Exposure(exposure_time=0.0), geometry)
        well = np.nan_to_num(at.plane(self.detector.effect("saturation").full_well), nan=np.inf)
        return np.broadcast_to(well, geometry.shape)


@dataclass(frozen=True, eq=False)
class Part:
    """A box of pixels, and as much around it as its numbers depend on.

    Parameters
    ----------
    box
        Where it is in the file.
    near
        What its response is worked out with.
    around
        What its charge is estimated with.
    """

    box: Box
    near: Window
    around: Window

    @property
    def is_whole(self) -> bool:
        """Whether it is all of a detector whose file and sensor are not the same pixels."""
        return not self.near.detector.geometry.is_plain

    @property
    def sensor(self) -> Box:
        """Where the box is on the sensor."""
        return self.near.place if self.is_whole else self.box

    @property
    def in_file(self) -> Box:
        """Where it is in what the nearer detector makes a file of."""
        return _ALL if self.is_whole else self.within(self.near)

    def within(self, window: Window) -> Box:
        """Return where it is in a window around it."""
        return _inside(self.sensor, window.place)

    def nearer(self, planes: NDArray[Any]) -> NDArray[Any]:
        """Return of planes (..., row, column) of the wider window those of the nearer one."""
        return planes[(..., *_inside(self.near.place, self.around.place))]


def whole_of(detector: Detector) -> Part:
    """Return the whole of a detector as one part."""
    rows, columns = detector.geometry.shape
    whole = Window(detector, (slice(0, rows), slice(0, columns)))
    return Part(_ALL, whole, whole)


def around_rows(rows: slice, detector: Detector) -> slice:
    """Return the rows whose light shows in a strip of rows, with what they depend on themselves."""
    return _wider(rows, 2 * _SPREAD, detector.geometry.shape[0])


def parts_of(rows: slice, counts: NDArray[Any], detector: Detector) -> Iterator[Part]:
    """Cut those pixels of a strip of rows that get light, with wider gaps between columns left out.

    Parameters
    ----------
    rows
        The strip.
    counts
        Electrons (integration, row, column) on the sensor.
    detector
        Of a file and sensor that are the same pixels.
    """
    shape = detector.geometry.shape
    seen = _wider(rows, _SPREAD, shape[0])
    lit = np.logical_or.reduce(counts[:, seen] > 0)
    across = np.flatnonzero(lit.any(axis=0))
    for run in np.split(across, np.flatnonzero(np.diff(across) > _GAP) + 1):
        if run.size:
            columns = slice(int(run[0]), int(run[-1]) + 1)
            along = np.flatnonzero(lit[:, columns].any(axis=1)) + seen.start
            shown = _wider(slice(int(along[0]), int(along[-1]) + 1), _SPREAD, shape[0])
            box = (_common(shown, rows), _wider(columns, _SPREAD, shape[1]))
            near, around = (
                Window.of(detector, (_wider(box[0], by, shape[0]), _wider(box[1], by, shape[1])))
                for by in (_SPREAD, _MARGIN)
            )
            yield Part(box, near, around)


def _wider(part: slice, by: int, n: int) -> slice:
    """Return a range that is larger on both sides, within n."""
    return slice(max(part.start - by, 0), min(part.stop + by, n))


def _common(one: slice, other: slice) -> slice:
    """Return what two ranges have in common."""
    return slice(max(one.start, other.start), min(one.stop, other.stop))


def _inside(box: Box, whole: Box) -> Box:
    """Return a box counted from the corner of a larger one."""
    rows, columns = (slice(a.start - b.start, a.stop - b.start) for a, b in zip(box, whole, strict=True))
    return rows, columns
