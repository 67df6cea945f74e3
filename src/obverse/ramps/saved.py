"""What each segment was fitted with, kept for those who ask for it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from obverse.flags import Flag
from obverse.kernels._rule import FIELDS, JOINS
from obverse.ramps.inputs import Cube
from obverse.ramps.linear import most_segments, store_segments
from obverse.ramps.mission import Formulas
from obverse.ramps.one_group import Lone
from obverse.ramps.result import Segments
from obverse.ramps.strips import lone_rows, over_strips, strip_of
from obverse.ramps.weights import Weighting

__all__ = ["Entries", "Table", "enter", "exact_segments", "room_for"]

Array = NDArray[Any]

_REALS = ("rate", "var_poisson", "var_read", "error", "intercept", "intercept_error", "weight")


@dataclass(frozen=True, eq=False)
class Entries:
    """One number a segment, (integration, segment, row, column); NaN where there is none.

    Parameters
    ----------
    rate
        Rate [electron/s].
    qr, qs
        Read variance for one electron^2, and photon variance for one electron/s.
    first, last
        Where it begins and ends.
    intercept, jr, js
        Line at the time of the first resultant of the ramp [electron], and its two forms.
    formal_rate, formal_intercept
        Errors of the weighted line, with the weights over the read variance.
    """

    rate: Array
    qr: Array
    qs: Array
    first: Array
    last: Array
    intercept: Array
    jr: Array
    js: Array
    formal_rate: Array
    formal_intercept: Array

    @property
    def length(self) -> Array:
        """Resultants in each segment."""
        return self.last - self.first + 1


@dataclass(frozen=True, eq=False)
class Table:
    """The entries of a cube, made for some rows at a time: all of them would take more memory than the cube.

    Parameters
    ----------
    cubes
        One an integration.
    weighting
        Which estimator; None for a pattern without differences.
    given
        Covariance rate that all segments share, (row, column) [electron/s]; None: the pixel's own.
    threads
        Worker threads.
    lone
        Lone resultants of each integration, which are the first segment of their pixels.
    """

    cubes: list[Cube]
    weighting: Weighting | None
    given: Array | None
    threads: int | None
    lone: tuple[Lone, ...] = ()

    @property
    def joins(self) -> int:
        """Whether a hit resultant joins the next segment."""
        return 0 if self.weighting is None else self.weighting.rule[JOINS]

    def most(self) -> int:
        """Count the segments of the pixel that has most; at least one."""
        return max(max(over_strips(c, lambda s, _: most_segments(s, self.joins), self.threads)) for c in self.cubes)

    def rows(self, rows: slice) -> Entries:
        """Fit every segment of some rows once more."""
        strips = [strip_of(one, rows) for one in self.cubes]
        most = max(most_segments(one, self.joins) for one in strips)
        room = np.full((len(strips), len(FIELDS), most, *strips[0].counts.shape[2:]), np.nan, strips[0].gain.dtype)
        if self.weighting is not None:
            for one, stored in zip(strips, room, strict=True):
                store_segments(one, self.weighting, None if self.given is None else self.given[rows], stored)
        for lone, stored in zip(self.lone, room, strict=False):  # none where they do not count
            _put_lone(stored[:, 0], lone_rows(lone, rows))
        return Entries(*room.swapaxes(0, 1))


def _put_lone(stored: Array, lone: Lone) -> None:
    nothing = np.zeros_like(lone.rate)
    entries = (lone.rate, lone.read_form(), lone.form, lone.index, lone.index) + 5 * (nothing,)
    for plane, values in zip(stored, entries, strict=True):
        plane[lone.where] = values


def exact_segments(table: Table, cube: Cube, rate: Array) -> Segments:
    """State the variances of each segment at the rate of the exposure."""
    made = room_for(table, cube)

    def work(strip: Cube, rows: slice) -> None:
        entries = table.rows(rows)
        light, read = np.maximum(rate[rows], 0) + strip.dark_rate, strip.read_noise**2
        variance = Formulas(read * entries.qr, light * entries.qs)
        intercept_error = np.sqrt(read * entries.jr + light * entries.js)
        enter(made, rows, entries, variance, np.sqrt(variance.read + variance.poisson), intercept_error)

    over_strips(cube, work, table.threads)
    return made


def room_for(table: Table, cube: Cube) -> Segments:
    """Return segments without entries, and the jumps."""
    integrations, _, *image = cube.counts.shape
    shape = (integrations, table.most(), *image)
    first, last = np.full(shape, -1, np.int16), np.full(shape, -1, np.int16)
    rooms = {name: np.zeros(shape, cube.gain.dtype) for name in _REALS}
    return Segments(**rooms, first=first, last=last, jumps=jumps_of(cube, table.threads))


def enter(
    made: Segments, rows: slice, entries: Entries, variance: Formulas, error: Array, intercept_error: Array
) -> None:
    """Write the segments of some rows; zeros remain where there is none."""
    there = np.s_[:, : entries.rate.shape[1], rows]
    with np.errstate(divide="ignore"):
        weight = 1 / variance.read
    planes = (entries.rate, variance.poisson, variance.read, error, entries.intercept, intercept_error, weight)
    for name, plane in zip(_REALS, planes, strict=True):
        getattr(made, name)[there] = np.nan_to_num(plane)
    for room, end in ((made.first, entries.first), (made.last, entries.last)):
        room[there] = np.where(np.isnan(end), -1, end)


def jumps_of(cube: Cube, threads: int | None) -> Array:
    """Return the rise of the counts at each JUMP_DET, packed to the front [electron]."""
    integrations, resultants, *image = cube.counts.shape
    if cube.flags is None or resultants < 2:
        return np.zeros((integrations, 0, *image), cube.gain.dtype)
    most = max(over_strips(cube, lambda strip, _: int(_hits(strip).sum(axis=1).max()), threads))
    made = np.zeros((integrations, most, *image), cube.gain.dtype)

    def work(strip: Cube, rows: slice) -> None:
        hit = _hits(strip)
        order = np.argsort(~hit, axis=1, kind="stable")[:, :most]
        steps = np.where(hit, np.diff(strip.counts.astype(strip.gain.dtype), axis=1) * strip.gain, 0)
        made[:, :, rows] = np.take_along_axis(steps, order, axis=1)

    over_strips(cube, work, threads)
    return made


def _hits(cube: Cube) -> NDArray[np.bool_]:
    hit: NDArray[np.bool_] = (cube.marks[:, 1:] & np.uint8(Flag.JUMP_DET)) != 0
    return hit
