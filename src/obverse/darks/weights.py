r"""The variance of one frame, for every stack and kind of pixel; pooled over space, never of one pixel alone.

A pixel's own scatter would favour the pixels, and the stacks, in which few electrons happened to come: weights that
follow the data bias what they weigh. The scatter is not clipped either: the tail of the register is the variance.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from obverse.darks.profile import NoiseProfile, amplified
from obverse.darks.refusals import CalDarksLSQException

__all__ = ["LABELS", "ODD", "Pooled", "pooled_variances", "weights_of", "with_hot_groups"]

LABELS = 256
"""Kinds of pixels that there may be: the regions, and groups of hot ones."""

_EXACT = 1e-20
"""Scatter, in units of the largest, that rounding alone makes: such a stack has told nothing of its noise."""

_FEWEST = 3
"""Stacks that tell a noise profile."""

_SURE = 5.0
ODD = 2.0
"""Factor by which a variance may differ from the profile's before the stack is called another detector's."""

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Pooled:
    """Variances of one frame, pooled over the pixels of each kind.

    Parameters
    ----------
    variances
        What a stack is weighted with (stack, label) [electron^2].
    measured
        What its scatter is (stack, label) [electron^2]; 0 where no pixel tells.
    profiles
        Noise profile of each region with enough stacks.
    ratios
        Measured over expected variance (stack, label), 1 where the two agree within chance.
    """

    variances: Array
    measured: Array
    profiles: dict[int, NoiseProfile]
    ratios: Array


def pooled_variances(sums: Array, design: Array, stages: int) -> Pooled:
    """Return the variance of one frame for every stack and kind of pixel.

    A stack that is far quieter than the profile of the others is not believed: it gets the weight of the profile.

    Parameters
    ----------
    sums
        Squared deviations and degrees of freedom, (stack, label, 2).
    design
        1, g, g t of each stack, (stack, 3).
    stages
        Stages of the register.

    Raises
    ------
    CalDarksLSQException
        If a stack has no pixel with two frames.
    """
    squares, freedom = sums[..., 0], sums[..., 1]
    _refuse_silent(freedom, design)
    measured = squares / np.maximum(freedom, 1)
    made = Pooled(np.zeros(freedom.shape), measured, {}, np.ones(freedom.shape))
    for label in np.flatnonzero(freedom.any(axis=0)):
        v = measured[:, label]
        told = v > _EXACT * v.max()
        made.variances[:, label] = np.where(told, v, v.max())
        if told.sum() >= _FEWEST:
            made.profiles[int(label)] = profile = _profile(design[told], v[told], freedom[told, label], stages)
            expected, ratio = _compared(profile, design, v, freedom[:, label])
            made.variances[:, label] = np.where(told & (ratio > 1 / ODD), v, expected)
            made.ratios[:, label] = np.where(told, ratio, 1.0)
    return made


def _refuse_silent(freedom: Array, design: Array) -> None:
    for i in np.flatnonzero(freedom.sum(axis=1) == 0):
        raise CalDarksLSQException(
            "calibrate_darks_lsq: no pixels have more than 1 acceptable frame in the stack of EM gain "
            f"{design[i, 1]:g} and {design[i, 2] / design[i, 1]:g} s: take more frames, or mask less"
        )


def _profile(design: Array, v: Array, freedom: Array, stages: int) -> NoiseProfile:
    return NoiseProfile.fitted(design[:, 1], design[:, 2] / design[:, 1], v, freedom, stages)


def _compared(profile: NoiseProfile, design: Array, v: Array, freedom: Array) -> tuple[Array, Array]:
    """Return the variances that a profile expects, and the ratio to them of those that differ for sure.

    Chance may spare a stack all electrons of the register's tail, yet not its read noise.
    """
    gains, times = design[:, 1], design[:, 2] / design[:, 1]
    expected = profile.variance(gains, times)
    off = v / expected - 1.0
    silent = v < profile.read_variance * (1.0 - _SURE * np.sqrt(2.0 / np.maximum(freedom, 1)))
    sure = silent | (np.abs(off) > _SURE * profile.scatter(gains, times, freedom))
    return expected, np.where(sure, 1.0 + off, 1.0)


def weights_of(variances: Array) -> tuple[Array, NDArray[np.bool_]]:
    """Return the weights of one frame, 0 for kinds without pixels, and which kinds have no scatter at all.

    Those are weighted evenly, in no unit: how well they fit is all that tells their errors.
    """
    exact = np.asarray(~variances.any(axis=0))
    return np.where(exact, 1.0, 1.0 / np.where(variances > 0, variances, np.inf)), exact


def with_hot_groups(variances: Array, excess: Array, first: int, sensor: int, design: Array, stages: int) -> Array:
    r"""Return the variances with those of groups of hot pixels, which have more electrons than the region.

    .. math:: v_i + \mathrm{ENF}^2 g_i^2 (t_i \Delta D + \Delta C)

    Parameters
    ----------
    variances
        Of one frame (stack, label) [electron^2].
    excess
        Delta C [electron] and Delta D [electron/s] of each group, (group, 2).
    first, sensor
        Label of the first group, and of the region that they are in.
    design, stages
        As in `pooled_variances`.
    """
    one, times = amplified(design[:, 1], stages), design[:, 2] / design[:, 1]
    made = variances.copy()
    for k, (cic, dark) in enumerate(excess):
        made[:, first + k] = variances[:, sensor] + one * (times * dark + cic)
    return made
