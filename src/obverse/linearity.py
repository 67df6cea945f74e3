"""Nonlinearity from light that does not change: what a straight ramp should have been."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from obverse.errors import UsageError
from obverse.flags import UNUSABLE
from obverse.frame import Frame
from obverse.geometry import Geometry
from obverse.jackknife import block_sums, jackknife

__all__ = ["fit_linearity", "straighten_reads"]


def fit_linearity(
    frames: Sequence[Frame], geometry: Geometry, order: int, maximum: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    r"""Fit the correction polynomial to signals whose true values grow in step with time.

    .. math::

        y + \sum_{k=2}^{K} c_k y^k = a\,t \quad\Rightarrow\quad
        \langle\Delta y\rangle = a\,\Delta t - \sum_k c_k \langle\Delta y^k\rangle

    Means over many pixels make this linear in :math:`a, c_2, \dots`, whatever the light on each pixel. In a ramp,
    differences of neighbouring resultants are used, whose noise is independent; in a series of exposures, the levels.

    Parameters
    ----------
    frames
        Ramps (integration, resultant, row, column), or single exposures with different times [electron].
    geometry
        Tells which pixels see light.
    order
        Number of coefficients.
    maximum
        Resultants with pixels above this signal are left out [electron].

    Returns
    -------
    coefficients, covariance
        :math:`c_2, c_3, \dots` [electron^(1-k)] and (order, order), by the jackknife over blocks of rows.

    Raises
    ------
    UsageError
        If fewer than ``order + 2`` signal levels are usable.

    Notes
    -----
    Limits: the light must be steady; a lamp that drifts by a fraction f over the ramp looks like nonlinearity of
    that size. Reference: Hilbert 2014, WFC3 Instrument Science Report 2014-17.
    """
    times, signals = _signals(frames, geometry)
    usable = _usable(signals, maximum)
    if usable.sum() < order + 2:
        raise UsageError(
            f"linearity: {usable.sum()} signal levels stay below {maximum:.0f} electron, "
            f"{order} coefficients need {order + 2}"
        )
    times, signals = times[usable], signals[usable]
    seen = np.asarray(np.isfinite(signals).all(axis=0))
    moments = [block_sums(np.where(seen, signals ** (k + 1), 0.0)) for k in range(order + 1)]
    sums = np.stack([*moments, np.broadcast_to(block_sums(seen)[:, None], moments[0].shape)], axis=1)
    differences = "resultant" in frames[0].axes
    return jackknife(sums, lambda total: _solve(times, total[:-1] / total[-1], differences))


def _signals(frames: Sequence[Frame], geometry: Geometry) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return times (level,) and mean signals (level, row, column) over frames, NaN where unusable."""
    if "resultant" in frames[0].axes:
        pattern = frames[0].exposure.pattern
        if pattern is None or any(f.exposure.pattern != pattern for f in frames):
            raise UsageError("linearity: the ramps need one common read pattern")
        planes = np.stack([_masked(f, geometry).mean(axis=0) for f in frames]).mean(axis=0)
        return pattern.tbar, planes
    ordered = sorted(frames, key=lambda f: f.exposure.seconds)
    return np.array([f.exposure.seconds for f in ordered]), np.stack([_masked(f, geometry) for f in ordered])


def _masked(frame: Frame, geometry: Geometry) -> NDArray[np.float64]:
    data = np.asarray(frame.data, np.float64)
    bad = np.zeros(data.shape, bool) if frame.flags is None else (frame.flags & UNUSABLE) != 0
    if "amplifier" in frame.axes:
        data, bad = geometry.assemble(data), geometry.assemble(bad)
    return np.where(bad | ~geometry.sensitive, np.nan, data)


def _usable(signals: NDArray[np.float64], maximum: float) -> NDArray[np.bool_]:
    """Return the levels at which nearly all pixels are good and below the maximum."""
    lit = np.isfinite(signals).any(axis=0)
    good = np.isfinite(signals[:, lit]).mean(axis=1) > 0.9
    with np.errstate(invalid="ignore"):
        low = (signals[:, lit] > maximum).mean(axis=1) < 1e-3
    return np.asarray(good & low)


def _solve(times: NDArray[np.float64], moments: NDArray[np.float64], differences: bool) -> NDArray[np.float64]:
    """Solve for the coefficients, given mean powers of the signal (power, level)."""
    if differences:
        steps, powers = np.diff(times), np.diff(moments, axis=1)
        weight = np.ones_like(steps)
    else:
        steps, powers = times, moments
        weight = 1.0 / np.sqrt(np.maximum(moments[0], 1.0))
    design = np.concatenate([steps[None], -powers[1:]])
    scale = np.abs(design).max(axis=1)
    solution = np.linalg.lstsq((design / scale[:, None] * weight).T, powers[0] * weight, rcond=None)[0]
    found: NDArray[Any] = (solution / scale)[1:]
    return found


Bend = Callable[[NDArray[Any]], NDArray[Any]]


def straighten_reads(
    resultants: NDArray[Any],
    times: Sequence[Sequence[float]],
    *,
    usable: NDArray[np.bool_] | None,
    bend: Bend,
    straighten: Bend,
    maximum: Any,
) -> NDArray[np.float32]:
    r"""Straighten the single reads that a steady light predicts for each resultant, and average them.

    .. math::

        q_{kj} = P(R_k) + s\,(t_{kj} - \bar t_k), \qquad
        y_{kj} = \min\left(P^{-1}(q_{kj}) + R_k - \langle P^{-1}(q_{kj'}) \rangle_{j'},\ y_{max}\right), \qquad
        \hat q_k = \langle P(y_{kj}) \rangle_j

    The slope s is that between the first and the last usable resultant.

    Parameters
    ----------
    resultants
        :math:`R_k`, (integration, resultant, row, column) [electron].
    times
        Time of every read, by resultant [s].
    usable
        Resultants that are not saturated, the shape of `resultants`; None where all are.
    bend, straighten
        :math:`P^{-1}` and :math:`P`, of arrays (..., row, column) [electron].
    maximum
        :math:`y_{max}`, the largest measured signal of a read [electron].

    Returns
    -------
    ndarray
        :math:`\hat q_k`, float32 [electron].

    Notes
    -----
    Limits: light that changes within a resultant, and jumps, are not followed; where fewer than two resultants are
    usable, the slope is zero and a resultant is straightened as if it were one read.
    Reference: the read-level linearity of romancal and stcal 1.20, for the averaged reads of the Roman WFI.
    """
    straight = straighten(resultants)
    middle = np.array([np.mean(group) for group in times], np.float32)
    slope = _slopes(straight, middle, usable)
    for k, group in enumerate(times):
        if len(group) > 1:
            offsets = np.subtract(group, middle[k], dtype=np.float32)
            bent = [bend(straight[..., k, :, :] + slope * offset) for offset in offsets]
            shift = resultants[..., k, :, :] - sum(bent) / np.float32(len(group))
            reads = [straighten(np.minimum(read + shift, maximum)) for read in bent]
            straight[..., k, :, :] = sum(reads) / np.float32(len(group))
    return straight


def _slopes(
    straight: NDArray[np.float32], times: NDArray[np.float32], usable: NDArray[np.bool_] | None
) -> NDArray[np.float32]:
    """Return the slope between the first and the last usable resultant, (integration, row, column)."""
    axis, n = straight.ndim - 3, len(times)
    if usable is None:
        usable = np.ones((n, 1, 1), bool)
    first = np.expand_dims(usable.argmax(axis=-3), axis=-3)
    last = n - 1 - np.expand_dims(np.flip(usable, -3).argmax(axis=-3), axis=-3)
    span = np.where(last > first, times[last] - times[first], np.float32(np.inf))
    where = np.broadcast_to(first, _one(straight, axis)), np.broadcast_to(last, _one(straight, axis))
    low, high = (np.take_along_axis(straight, index, axis) for index in where)
    return np.asarray(((high - low) / span).squeeze(axis))


def _one(cube: NDArray[Any], axis: int) -> tuple[int, ...]:
    return (*cube.shape[:axis], 1, *cube.shape[axis + 1 :])
