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

__all__ = ["Box", "Part", "around_rows", "parts_of", "whole_of"]

Box = tuple[slice, slice]

_SPREAD = 2
"""How far charge may show beside its own pixel [pixel]."""

_MARGIN = 8
"""Pixels around a box that its charge is estimated with: coupled neighbours are told apart in a few rounds."""


@dataclass(frozen=True, eq=False)
class Part:
    """A box of pixels.

    Parameters
    ----------
    detector
        Of the box and the pixels around it.
    box
        Where it is in the file.
    inner
        Where it is in what the detector makes a file of.
    around
        The rows and columns of the sensor that the detector has.
    """

    detector: Detector
    box: Box
    inner: Box
    around: Box

    @property
    def is_whole(self) -> bool:
        """Whether it is all of a detector whose file and sensor are not the same pixels."""
        return not self.detector.geometry.is_plain

    @property
    def sensor(self) -> Box:
        """Where the box is on the sensor."""
        return self.around if self.is_whole else self.box

    @property
    def inner_on_sensor(self) -> Box:
        """Where it is among the pixels of the detector."""
        return self.around if self.is_whole else self.inner

    @cached_property
    def full(self) -> NDArray[Any]:
        """Full well of the detector's pixels [electron]; infinite where it is not known."""
        geometry = self.detector.geometry
        if not self.detector.has("saturation"):
            return np.full((1, 1), np.inf)
        at = Moment(Exposure(exposure_time=0.0), geometry)
        well = np.nan_to_num(at.plane(self.detector.effect("saturation").full_well), nan=np.inf)
        return np.broadcast_to(well, geometry.shape)


def whole_of(detector: Detector) -> Part:
    """Return the whole of a detector as one part."""
    rows, columns = detector.geometry.shape
    return Part(detector, (slice(None), slice(None)), (slice(None), slice(None)), (slice(0, rows), slice(0, columns)))


def around_rows(rows: slice, detector: Detector) -> slice:
    """Return the rows that the parts of a strip of rows are worked out with."""
    return _wider(rows, _MARGIN, detector.geometry.shape[0])


def parts_of(rows: slice, counts: NDArray[Any], detector: Detector) -> Iterator[Part]:
    """Cut those columns of a strip of rows that get light, with gaps between them left out.

    Parameters
    ----------
    rows
        The strip.
    counts
        Electrons (integration, row, column) on the sensor.
    detector
        Of a file and sensor that are the same pixels.
    """
    n_rows, n_columns = detector.geometry.shape
    lit = np.flatnonzero(counts[:, _wider(rows, _SPREAD, n_rows)].any(axis=(0, 1)))
    for run in np.split(lit, np.flatnonzero(np.diff(lit) > 4 * _MARGIN) + 1):
        if run.size:
            columns = _wider(slice(int(run[0]), int(run[-1]) + 1), _SPREAD, n_columns)
            around = (around_rows(rows, detector), _wider(columns, _MARGIN, n_columns))
            section = Section(*((side.start, side.stop) for side in around))
            inner = (_within(rows, around[0]), _within(columns, around[1]))
            yield Part(windowed(detector, section), (rows, columns), inner, around)


def _wider(part: slice, by: int, n: int) -> slice:
    """Return a range that is larger on both sides, within n."""
    return slice(max(part.start - by, 0), min(part.stop + by, n))


def _within(part: slice, whole: slice) -> slice:
    """Return a range counted from the start of a larger one."""
    return slice(part.start - whole.start, part.stop - whole.start)
