"""What each segment was fitted with, kept for those who ask for it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from obverse.flags import Flag
from obverse.kernels.linear import FIELDS
from obverse.ramps.inputs import Cube
from obverse.ramps.linear import segments_of
from obverse.ramps.mission import Formulas
from obverse.ramps.one_group import Lone
from obverse.ramps.result import Segments
from obverse.ramps.weights import Weighting

__all__ = ["Table", "exact_segments", "mission_segments", "table_of"]

Array = NDArray[Any]


@dataclass(frozen=True, eq=False)
class Table:
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


def table_of(cubes: list[Cube], weighting: Weighting | None, given: Array | None, threads: int | None) -> Table:
    """Fit every segment once more, one integration a cube, and keep it."""
    if weighting is None:
        shape = (len(FIELDS), len(cubes), 1, *cubes[0].counts.shape[2:])
        return Table(*np.full(shape, np.nan, cubes[0].gain.dtype))
    each = [segments_of(one, weighting, given, threads) for one in cubes]
    most = max(fields.shape[1] for fields in each)
    padded = [np.pad(f, ((0, 0), (0, most - f.shape[1]), (0, 0), (0, 0)), constant_values=np.nan) for f in each]
    return Table(*np.stack(padded, axis=1))


def put_lone(table: Table, lone: list[Lone]) -> None:
    """Enter lone resultants as the first segment of their pixels."""
    for i, one in enumerate(lone):
        nothing = np.zeros_like(one.rate)
        entries = (one.rate, one.read_form(), one.form, one.index, one.index) + 5 * (nothing,)
        for name, values in zip(FIELDS, entries, strict=True):
            getattr(table, name)[i, 0][one.where] = values


def exact_segments(table: Table, cube: Cube, rate: Array) -> Segments:
    """State the variances of each segment at the rate of the exposure."""
    light, read = np.maximum(rate, 0) + cube.dark_rate, cube.read_noise**2
    variance = Formulas(read * table.qr, light * table.qs)
    intercept_error = np.sqrt(read * table.jr + light * table.js)
    return _segments(table, cube, variance, np.sqrt(variance.read + variance.poisson), intercept_error)


def mission_segments(table: Table, cube: Cube, made: Formulas) -> Segments:
    """State the mission's variances and formal errors."""
    return _segments(table, cube, made, table.formal_rate, table.formal_intercept)


def _segments(table: Table, cube: Cube, variance: Formulas, error: Array, intercept_error: Array) -> Segments:
    """Fill with zeros where there is no segment."""
    dtype = cube.gain.dtype
    with np.errstate(divide="ignore"):
        weight = 1 / variance.read
    planes = (table.rate, variance.poisson, variance.read, error, table.intercept, intercept_error, weight)
    first, last = (np.where(np.isnan(end), -1, end).astype(np.int16) for end in (table.first, table.last))
    made = [np.nan_to_num(plane).astype(dtype) for plane in planes]
    return Segments(made[0], made[1], made[2], made[3], made[4], made[5], made[6], first, last, jumps_of(cube))


def jumps_of(cube: Cube) -> Array:
    """Return the rise of the counts at each JUMP_DET, packed to the front [electron]."""
    counts = cube.counts
    if cube.flags is None or counts.shape[1] < 2:
        return np.zeros((counts.shape[0], 0, *counts.shape[2:]), cube.gain.dtype)
    hit = (cube.flags[:, 1:] & np.uint8(Flag.JUMP_DET)) != 0
    most = int(hit.sum(axis=1).max())
    order = np.argsort(~hit, axis=1, kind="stable")[:, :most]
    steps = np.where(hit, np.diff(counts.astype(cube.gain.dtype), axis=1) * cube.gain, 0)
    return np.take_along_axis(steps, order, axis=1)
