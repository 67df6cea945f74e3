"""Linear estimators over integrations: segments, lone resultants, means, and the mission's variances."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from obverse.flags import Flag
from obverse.kernels._rule import COMBINE, COMMON_RATE, FORMAL_TOTAL
from obverse.pattern import ReadPattern
from obverse.ramps import linear, mission
from obverse.ramps.inputs import Cube
from obverse.ramps.linear import Part
from obverse.ramps.mission import Stated
from obverse.ramps.one_group import Lone, filled, lone_of, no_lone, put
from obverse.ramps.result import RampFit
from obverse.ramps.saved import Table, enter, exact_segments, room_for
from obverse.ramps.strips import lone_rows, over_strips
from obverse.ramps.weights import Weighting
from obverse.ramps.wish import Wish

__all__ = ["by_segments"]

Array = NDArray[Any]


def by_segments(
    weighting_of: Callable[[ReadPattern], Weighting],
    cube: Cube,
    wish: Wish,
    zero_frame: Array | None,
    intercept: float = np.inf,
) -> tuple[list[RampFit], RampFit]:
    """Fit each integration with a linear estimator, and average them.

    Parameters
    ----------
    weighting_of
        The estimator.
    cube
        Checked arguments.
    wish
        Options.
    zero_frame
        First read of each integration, (integration, row, column) [DN], or None.
    intercept
        Significance of a jump at 1 electron/s in the estimator's own search; infinite: none.
    """
    if wish.variance == "jwst":
        mission.refuse_uneven(cube.pattern)
    # a pattern of one resultant has no differences, and so nothing to weigh
    weighting = weighting_of(cube.pattern) if len(cube.pattern) > 1 else None
    given, parts = _fitted(weighting, cube, wish, intercept)
    lone = _lone(parts, cube, wish, zero_frame)
    parts = [_with_lone(p, o, c, weighting) for p, o, c in zip(parts, lone, cube.integrations(), strict=True)]
    fits = [part.fit for part in parts]
    whole = fits[0] if len(parts) == 1 else linear.mean_of(parts, cube)
    if wish.variance == "exact" and not wish.save_segments:
        return fits, whole
    marked = replace(cube, flags=whole.resultant_flags)
    table = Table(marked.integrations(), weighting, given, wish.threads, tuple(lone))
    if wish.variance == "exact":
        return fits, replace(whole, segments=exact_segments(table, marked, whole.rate))
    return _stated(fits, whole, table, marked, wish.save_segments)


def _fitted(weighting: Weighting | None, cube: Cube, wish: Wish, intercept: float) -> tuple[Array | None, list[Part]]:
    """Fit each integration; returns also the covariance rate that all shared, if they did."""
    cubes, many = cube.integrations(), cube.counts.shape[0] > 1
    if weighting is None:
        return None, [_nothing(one) for one in cubes]

    def fits(given: Array | None) -> list[Part]:
        return [
            linear.fit(one, weighting, intercept=intercept, given=given, among_others=many, threads=wish.threads)
            for one in cubes
        ]

    given = None
    if weighting.rule[COMBINE] == FORMAL_TOTAL:
        given = _median_rates(cube, wish.threads)
    parts = fits(given)
    if many and weighting.rule[COMBINE] == COMMON_RATE:
        given = linear.common_rate(parts, cube)
        parts = fits(given)
    return given, parts


def _median_rates(cube: Cube, threads: int | None) -> Array:
    """Return the covariance rate that the mission's rule of combination takes for all segments."""
    made = np.empty(cube.counts.shape[2:], cube.gain.dtype)

    def work(strip: Cube, rows: slice) -> None:
        made[rows] = np.maximum(mission.median_rate(strip), 0) + strip.dark_rate

    over_strips(cube, work, threads)
    return made


def _nothing(cube: Cube) -> Part:
    """Return the fit of ramps that have no differences."""
    shape, dtype = cube.counts.shape[2:], cube.gain.dtype
    unknown = np.full(shape, np.nan, dtype)
    marks = cube.marks | np.where(np.isfinite(cube.counts), np.uint8(0), np.uint8(Flag.DO_NOT_USE))
    inherited = marks[0, 0] & np.uint8(Flag.SATURATED | Flag.JUMP_DET | Flag.PERSISTENCE)
    no_gain = np.where(np.isfinite(cube.gain) & (cube.gain > 0), np.uint32(0), np.uint32(Flag.NO_GAIN_VALUE))
    flags = np.broadcast_to(cube.pixel_flags | inherited | no_gain | np.uint32(Flag.DO_NOT_USE), shape)
    return Part(RampFit(unknown, unknown, unknown, flags, marks, unknown), unknown, unknown)


def _lone(parts: list[Part], cube: Cube, wish: Wish, zero_frame: Array | None) -> list[Lone]:
    """Find lone resultants, where they are wanted: always, if there is no more than one."""
    wanted = wish.one_group or (wish.estimator == "ols" and len(cube.pattern) == 1)
    zeros = [None] * len(parts) if zero_frame is None else list(zero_frame)
    found = (lone_of(c, p.fit.rate, z) for c, p, z in zip(cube.integrations(), parts, zeros, strict=True))
    return list(found) if wanted else [no_lone(cube.counts.shape[2:])] * len(parts)


def _with_lone(part: Part, lone: Lone, cube: Cube, weighting: Weighting | None) -> Part:
    """Enter the rates of lone resultants, and their weights among integrations."""
    fit = filled(part.fit, lone, cube)
    if part.weight is None or part.form is None:
        return replace(part, fit=fit)
    weights = linear.weights_of_lone(weighting, lone, cube, fit)
    return Part(fit, put(part.weight, lone.where, weights), put(part.form, lone.where, lone.form))


def _stated(
    fits: list[RampFit], whole: RampFit, table: Table, cube: Cube, save_segments: bool
) -> tuple[list[RampFit], RampFit]:
    """Exchange the exact variances for those of the mission's formulas."""
    each, whole = [mission.with_room(fit) for fit in fits], mission.with_room(whole)
    segments = room_for(table, cube) if save_segments else None

    def work(strip: Cube, rows: slice) -> None:
        entries, lone = table.rows(rows), [lone_rows(one, rows) for one in table.lone]
        rate = mission.median_rate(strip, lone)
        made = mission.formulas(strip, entries.length, rate)
        mission.put_lone(made, lone, strip, rate)
        of_each, of_all = _with_read_noise_of_all(mission.combined(made), strip, table.weighting, rate)
        for i, fit in enumerate(each):
            of_each.integration(i).enter(fit, rows)
        of_all.enter(whole, rows)
        if segments is not None:
            enter(segments, rows, entries, made, entries.formal_rate, entries.formal_intercept)

    over_strips(cube, work, table.threads)
    return each, replace(whole, segments=segments)


def _with_read_noise_of_all(
    stated: tuple[Stated, Stated], cube: Cube, weighting: Weighting | None, rate: Array
) -> tuple[Stated, Stated]:
    """State the read variance as if charge had not migrated, and leave the error: the mission does so."""
    migrated = (cube.marks & np.uint8(Flag.CHARGELOSS)) != 0
    if weighting is None or not migrated.any():
        return stated
    kept = cube.marks & ~np.uint8(Flag.CHARGELOSS | Flag.DO_NOT_USE)
    full = replace(cube, flags=np.where(migrated, kept, cube.marks))
    length = Table(full.integrations(), weighting, None, 1).rows(slice(None)).length
    here = migrated.any(axis=(0, 1))
    restated = mission.combined(mission.formulas(full, length, rate))
    each, whole = (replace(a, read=np.where(here, b.read, a.read)) for a, b in zip(stated, restated, strict=True))
    return each, whole
