r"""The variance formulas of the JWST pipeline (``variance="jwst"``), to compare with its products.

With :math:`\rho^2 = \sigma^2/N`, the group time :math:`\Delta`, the median rate r of all integrations and L resultants
in segment s,

.. math::

    v_{R,s} = \frac{12 \rho^2}{(L^3 - L)\, \Delta^2}, \qquad v_{P,s} = \frac{r^+ + a_{dark}}{(L - 1)\, \Delta}

They are those of unweighted lines and of the two ends of a ramp, whatever the weights were. Pulls of rates with these
errors scatter by 0.93 to 1.08 for single reads, by 0.85 to 0.9 for groups of eight, and by up to 1.13 where several
integrations are of unequal length.

Reference: documentation of the JWST ramp_fitting step; the numbers are those of stcal 1.20.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from obverse.errors import UsageError
from obverse.flags import Flag
from obverse.pattern import ReadPattern
from obverse.ramps.inputs import Cube
from obverse.ramps.one_group import Lone
from obverse.ramps.result import RampFit

__all__ = ["Formulas", "Stated", "combined", "formulas", "median_rate", "put_lone", "refuse_uneven", "with_room"]

Array = NDArray[Any]


@dataclass(frozen=True, eq=False)
class Formulas:
    """Variances of segments, (..., segment, row, column) [electron^2/s^2]; NaN where there is none."""

    read: Array
    poisson: Array


def refuse_uneven(pattern: ReadPattern) -> None:
    """Refuse a pattern for which the formulas do not hold."""
    steps = np.diff(pattern.tbar)
    if np.ptp(pattern.n_reads) or (len(steps) and np.ptp(steps) > 1e-6 * steps.mean()):
        raise UsageError("fit_ramps: variance='jwst' holds for even groups alone, use 'exact' for this pattern")


def median_rate(cube: Cube, lone: Sequence[Lone] = ()) -> Array:
    """Return the median of the differences over the group time, averaged over integrations [electron/s].

    An integration without any difference counts as zero, as it does in the mission's pipeline.
    """
    rates = np.array([_median_of_one(one) for one in cube.integrations()])
    for rate, one in zip(rates, lone, strict=False):  # none yet before the fit
        rate[one.where] = one.rate
    return rates.mean(axis=0)


def _median_of_one(cube: Cube) -> Array:
    counts, flags = np.array(cube.counts[0], np.float64), cube.marks[0]
    if len(counts) < 2:
        return np.zeros(counts.shape[1:])
    counts[(flags & np.uint8(Flag.DO_NOT_USE | Flag.SATURATED | Flag.CHARGELOSS)) != 0] = np.nan
    steps = np.diff(counts, axis=0)
    steps /= np.diff(cube.pattern.tbar)[:, None, None]
    steps[(flags[1:] & np.uint8(Flag.JUMP_DET)) != 0] = np.nan
    return np.nan_to_num(_nan_median(steps) * cube.gain)


def _nan_median(steps: Array) -> Array:
    """Median over axis 0 of what is finite; NaN without any, and without a warning."""
    ordered = np.sort(steps, axis=0)
    n = np.isfinite(steps).sum(axis=0, keepdims=True)
    low, high = (np.take_along_axis(ordered, np.maximum(i, 0), axis=0) for i in ((n - 1) // 2, n // 2 * (n > 0)))
    return ((low + np.minimum(high, np.inf)) / 2)[0]


def formulas(cube: Cube, length: Array, rate: Array) -> Formulas:
    """Evaluate the formulas for segments of some length, NaN where there is none."""
    step = np.diff(cube.pattern.tbar)[0] if len(cube.pattern) > 1 else np.nan
    rho2 = np.asarray(cube.read_noise, np.float64) ** 2 / cube.pattern.n_reads[0]
    cubes = np.where(length < 3, 6.0, length**3 - length)
    read = 12 * rho2 / (cubes * step**2)
    with np.errstate(divide="ignore", invalid="ignore"):  # lone resultants are put in afterwards
        poisson = (np.maximum(rate, 0) + cube.dark_rate) / (step * (length - 1))
    return Formulas(np.where(length > 1, read, np.nan), np.where(length > 1, poisson, np.nan))


def put_lone(made: Formulas, lone: list[Lone], cube: Cube, rate: Array) -> None:
    """Write the variances of rates that come from one resultant as those of the first segment."""
    rho2 = np.broadcast_to(np.asarray(cube.read_noise, np.float64) ** 2 / cube.pattern.n_reads[0], rate.shape)
    light = np.broadcast_to(np.maximum(rate, 0) + cube.dark_rate, rate.shape)
    for i, one in enumerate(lone):
        made.read[i, 0][one.where] = 2 * rho2[one.where] / one.time**2
        made.poisson[i, 0][one.where] = light[one.where] / one.time


@dataclass(frozen=True, eq=False)
class Stated:
    """Variances and error, (row, column); (integration, row, column) of all integrations."""

    read: Array
    poisson: Array
    error: Array

    def integration(self, i: int) -> Stated:
        """Return those of one integration."""
        return Stated(self.read[i], self.poisson[i], self.error[i])

    def enter(self, fit: RampFit, rows: slice) -> None:
        """Write them into some rows of a fit; NaN where there is no rate."""
        known = np.isfinite(fit.rate[rows])
        rooms = (fit.var_read, fit.var_poisson, np.asarray(fit.stated_error))
        for room, plane in zip(rooms, (self.read, self.poisson, self.error), strict=True):
            room[rows] = np.where(known, plane, np.nan)


def with_room(fit: RampFit) -> RampFit:
    """Return a fit whose variances and error are yet to be stated."""
    read, poisson, error = (np.empty_like(fit.rate) for _ in range(3))
    return replace(fit, var_read=read, var_poisson=poisson, stated_error=error)


def combined(made: Formulas) -> tuple[Stated, Stated]:
    r"""Combine the variances of segments: in each integration, and in the exposure.

    .. math::

        v_{R,i} = \Big[\sum_s v_{R,s}^{-1}\Big]^{-1}, \quad v_{P,i} = \Big[\sum_s v_{P,s}^{-1}\Big]^{-1}, \quad
        e_i^2 = \Big[\sum_s (v_{R,s} + v_{P,s})^{-1}\Big]^{-1}, \qquad e^2 = v_R + v_P

    The exposure sums over all integrations. Its error and that of an integration follow different rules, so that
    the two differ where one integration has several segments.
    """
    error = np.sqrt(_harmonic(made.read + made.poisson, 1))
    each = Stated(_harmonic(made.read, 1), _harmonic(made.poisson, 1), error)
    read, poisson = _harmonic(made.read, (0, 1)), _harmonic(made.poisson, (0, 1))
    return each, Stated(read, poisson, np.sqrt(read + poisson))


def _harmonic(variance: Array, axis: int | tuple[int, ...]) -> Array:
    """Return 1 / sum 1/v over what is finite; photon variances of zero are left out, and zero if nothing else is."""
    known = np.isfinite(variance)
    with np.errstate(divide="ignore", invalid="ignore"):
        total = np.where(known & (variance > 0), 1 / variance, 0).sum(axis=axis)
        made = np.where(total > 0, 1 / total, 0.0)
    return np.where(known.any(axis=axis), made, np.nan)
