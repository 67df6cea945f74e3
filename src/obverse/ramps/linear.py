"""Linear estimators: the kernel run over each integration, and the mean of several."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from obverse.flags import Flag
from obverse.kernels._rule import COMBINE, FORMAL, FORMAL_TOTAL
from obverse.kernels._segments import count_rows
from obverse.kernels.linear import fit_rows
from obverse.ramps.inputs import Cube
from obverse.ramps.one_group import Lone
from obverse.ramps.result import RampFit
from obverse.ramps.sweep import still, sweep
from obverse.ramps.weights import Weighting

__all__ = [
    "Part",
    "averaged",
    "common_rate",
    "fit",
    "mean_of",
    "mean_pedestal",
    "most_segments",
    "store_segments",
    "united",
    "weights_of_lone",
]

Array = NDArray[Any]


@dataclass(frozen=True, eq=False)
class Part:
    """One integration, and what its mean with others needs.

    Parameters
    ----------
    fit
        The fit.
    weight
        Weight among integrations, (row, column); None where there is only one integration.
    form
        Photon variance of the rate for one electron/s, (row, column) [1/s]; None in the same way.
    """

    fit: RampFit
    weight: Array | None = None
    form: Array | None = None


def fit(
    cube: Cube,
    weighting: Weighting,
    *,
    intercept: float = np.inf,
    given: Array | None = None,
    among_others: bool = False,
    threads: int | None = None,
) -> Part:
    """Fit one integration.

    Parameters
    ----------
    cube
        Checked arguments, one integration.
    weighting
        Which estimator.
    intercept
        Significance of a jump at 1 electron/s; infinite: no search.
    given
        Covariance rate that all segments share, (row, column) [electron/s]; None: the pixel's own.
    among_others
        Whether a mean with other integrations follows.
    threads
        Worker threads.
    """
    done = sweep(
        cube, 6 if among_others else 4, _kernel(cube, weighting, intercept, given), np.isfinite(intercept), threads
    )
    rate, var_poisson, var_read, pedestal = done.planes[:4]
    made = RampFit(rate, var_poisson, var_read, done.flags, done.resultant_flags, pedestal)
    return Part(made, done.planes[4], done.planes[5]) if among_others else Part(made)


def _kernel(
    cube: Cube, weighting: Weighting, intercept: float, given: Array | None, segments: Array | None = None
) -> Any:
    dtype = cube.gain.dtype
    tables = weighting.tables(dtype)
    shared = np.full((1, 1), np.nan, dtype) if given is None else np.ascontiguousarray(given, dtype)
    where = np.zeros((0, 0, 0, 0), dtype) if segments is None else segments
    rule = np.array(weighting.rule)

    def kernel(counts: Array, flags: Array, pixels: Any, *rest: Any) -> float:
        found, *out = rest
        return fit_rows(counts, flags, pixels, still(shared), rule, intercept, tables, found, where, *out)

    return kernel


def most_segments(cube: Cube, joins: int) -> int:
    """Count the segments of the pixel that has most, in one integration; at least one."""
    flags = np.zeros((0, 0, 0), np.uint8) if cube.flags is None else cube.flags[0]
    scratch = [np.zeros(cube.counts.shape[1], np.int64) for _ in range(3)]
    return max(count_rows(still(cube.counts[0]), still(flags), joins, *scratch), 1)


def store_segments(cube: Cube, weighting: Weighting, given: Array | None, stored: Array) -> None:
    """Write what `obverse.kernels._rule.FIELDS` lists into (field, segment, row, column), where there is a segment."""
    sweep(cube, 4, _kernel(cube, weighting, np.inf, given, stored), False, threads=1)


def common_rate(parts: list[Part], cube: Cube) -> Array:
    """Return the covariance rate that all integrations share: their mean by read noise, and the dark rate."""
    rates, reads = (np.stack([getattr(part.fit, name) for part in parts]) for name in ("rate", "var_read"))
    weights = np.where(np.isfinite(rates), 1 / reads, 0)
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = (weights * np.nan_to_num(rates)).sum(axis=0) / weights.sum(axis=0)
    return np.maximum(np.nan_to_num(mean), 0) + cube.dark_rate


def mean_of(parts: list[Part], cube: Cube) -> RampFit:
    r"""Average integrations by their weights W.

    .. math::

        a = \frac{\sum_i W_i a_i}{\sum_i W_i}, \qquad
        \mathrm{var}(a) = \frac{\sum_i W_i^2\, [\sigma^2 Q_{R,i} + (a^+ + a_{dark})\, Q_{S,i}]}{(\sum_i W_i)^2}
    """
    rates = np.stack([part.fit.rate for part in parts])
    weights = np.stack([part.weight for part in parts if part.weight is not None])
    rate = averaged(rates, weights, rates, 1)
    form = averaged(np.stack([part.form for part in parts if part.form is not None]), weights, rates, 2)
    var_read = averaged(np.stack([part.fit.var_read for part in parts]), weights, rates, 2)
    var_poisson = ((np.maximum(rate, 0) + cube.dark_rate) * form).astype(rate.dtype)
    return united([part.fit for part in parts], {"rate": rate, "var_poisson": var_poisson, "var_read": var_read})


def averaged(planes: Array, weights: Array, rates: Array, power: int) -> Array:
    """Average planes (integration, row, column) where there is a rate; power 1 is for rates, 2 for variances."""
    known = np.isfinite(rates)
    used = np.where(known, weights, 0)
    with np.errstate(invalid="ignore", divide="ignore"):  # NaN where no integration has a rate
        mean: Array = (used**power * np.where(known, planes, 0)).sum(axis=0) / used.sum(axis=0) ** power
    return mean


def united(fits: list[RampFit], planes: dict[str, Any]) -> RampFit:
    """Return the fit of all integrations: averages that are given, and what is united or averaged in any case."""
    known = np.isfinite(planes["rate"])
    flags = merged_flags([fit.flags for fit in fits], known)
    marks = np.concatenate([fit.resultant_flags for fit in fits])
    pedestal = mean_pedestal(np.stack([fit.pedestal for fit in fits]))
    return RampFit(**planes, flags=flags, resultant_flags=marks, pedestal=pedestal)


def merged_flags(each: list[NDArray[np.uint32]], known: NDArray[np.bool_]) -> NDArray[np.uint32]:
    """Unite the flags of integrations; DO_NOT_USE is only what no integration gives a rate."""
    united = np.bitwise_or.reduce(each) & ~np.uint32(Flag.DO_NOT_USE)
    return united | np.where(known, np.uint32(0), np.uint32(Flag.DO_NOT_USE))


def mean_pedestal(pedestals: Array) -> Array:
    """Average over integrations; NaN where none knows it."""
    known = np.isfinite(pedestals)
    with np.errstate(invalid="ignore"):
        mean = np.where(known, pedestals, 0).sum(axis=0) / known.sum(axis=0)
    return mean.astype(pedestals.dtype)


def weights_of_lone(weighting: Weighting | None, lone: Lone, cube: Cube, fit: RampFit) -> Array:
    r"""Weights of rates that come from one resultant, as the rule of combination sees them.

    The mission's rule is :math:`\bar t^2 / 2\rho^2`, as if it were a difference of two groups, and the zero frame
    averaged as many reads as a group: weights need not be exact, variances are. The others weigh by read noise: the
    photon noise of a rate that is its own would pull the mean towards the faint integrations.
    """
    if weighting is None or weighting.rule[COMBINE] in (FORMAL, FORMAL_TOTAL):
        noise = np.broadcast_to(cube.read_noise, fit.rate.shape)[lone.where]
        return lone.time**2 * cube.pattern.n_reads[lone.index] / (2 * noise**2)
    return 1 / fit.var_read[lone.where]
