"""From checked arguments to rates: each estimator by its name."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from obverse.ramps.casertano import SIGMA_AT_ONE, casertano
from obverse.ramps.covariance import covariance
from obverse.ramps.inputs import Cube
from obverse.ramps.jumps import limits_of, with_short_ramps_searched
from obverse.ramps.likelihood import NO_SEARCH
from obverse.ramps.likelihood import fit as fit_likelihood
from obverse.ramps.linear import averaged, mean_pedestal, united
from obverse.ramps.one_group import filled, lone_of
from obverse.ramps.ordinary import ordinary
from obverse.ramps.result import RampFit
from obverse.ramps.saved import Table, exact_segments
from obverse.ramps.segmented import by_segments
from obverse.ramps.two_point import TwoPoint, search
from obverse.ramps.wish import Wish
from obverse.ramps.zero_frame import known_zeros, merged, split_first, tells_something, united_first

__all__ = ["ESTIMATORS", "estimate"]

Array = NDArray[Any]
Estimate = tuple[list[RampFit], RampFit]

_log = logging.getLogger("obverse")


def estimate(cube: Cube, wish: Wish, zero_frame: Array | None) -> Estimate:
    """Return the fit of each integration, and that of all."""
    parts, whole = ESTIMATORS[wish.estimator](cube, wish, zero_frame)
    if not np.isfinite(whole.rate).any():
        _log.warning("fit_ramps: no pixel has a rate: %s", _reason(cube))
    return parts, whole


def _reason(cube: Cube) -> str:
    """Say what is wrong with all pixels."""
    if not (cube.gain > 0).any():
        return "the gain is nowhere above 0"
    if not np.isfinite(cube.read_noise).any():
        return "the read noise is nowhere a number"
    if ((cube.pixel_flags & np.uint32(1)) != 0).all():
        return "pixel_flags hold DO_NOT_USE everywhere"
    return (
        f"none has two good resultants of {cube.counts.shape[1]} in a row; suppress_one_group=False gives those "
        "with one a rate"
    )


def _likelihood(cube: Cube, wish: Wish, zero_frame: Array | None) -> Estimate:
    if wish.find_jumps and len(cube.pattern) <= 4:
        cube = with_short_ramps_searched(cube, wish.jump_sigma, wish.threads)
    if zero_frame is not None and tells_something(cube):
        parts, whole = _with_zero_frame(cube, wish, zero_frame)
    else:
        parts, whole = _differences(cube, wish)
    if not wish.one_group:
        return parts, whole
    zeros = [None] * len(parts) if zero_frame is None else list(zero_frame)
    parts = [
        filled(part, lone_of(one, part.rate, zero), one)
        for part, one, zero in zip(parts, cube.integrations(), zeros, strict=True)
    ]
    if len(parts) == 1:
        return parts, replace(parts[0], segments=whole.segments)
    return parts, _with_lone(whole, parts)


def _differences(cube: Cube, wish: Wish) -> Estimate:
    """Fit the differences of each integration, and of all together."""
    limits = limits_of(wish.jump_sigma) if wish.find_jumps else NO_SEARCH
    parts = [fit_likelihood(one, limits, wish.threads, wish.prior) for one in cube.integrations()]
    whole = parts[0] if len(parts) == 1 else _common(cube, parts, wish)
    return parts, _with_segments(whole, cube, wish) if wish.save_segments else whole


def _with_zero_frame(cube: Cube, wish: Wish, zero_frame: Array) -> Estimate:
    """Fit with the zero frame as a resultant of its own, and without it where it is not known."""
    known = known_zeros(zero_frame)
    parts, whole = _differences(split_first(cube, zero_frame), wish)
    parts = [united_first(part, one) for part, one in zip(parts, cube.integrations(), strict=True)]
    whole = united_first(whole, cube)
    if known.all():
        return parts, whole
    plain_parts, plain = _differences(cube, replace(wish, save_segments=False))
    parts = [merged(*each) for each in zip(parts, plain_parts, known, strict=True)]
    everywhere = np.logical_and.reduce(known)
    return parts, replace(merged(whole, plain, everywhere), segments=whole.segments)


def _common(cube: Cube, parts: list[RampFit], wish: Wish) -> RampFit:
    """Fit all integrations at once, without the jumps that were found in each; with a prior, average them."""
    if wish.prior is not None:
        return _average(parts)
    marks = np.concatenate([part.resultant_flags for part in parts])
    whole = fit_likelihood(replace(cube, flags=marks), NO_SEARCH, wish.threads)
    return replace(whole, pedestal=mean_pedestal(np.stack([part.pedestal for part in parts])))


def _with_segments(whole: RampFit, cube: Cube, wish: Wish) -> RampFit:
    """Fit every run between jumps for itself: at one common rate, their mean by variance is the likelihood fit."""
    marked = replace(cube, flags=whole.resultant_flags)
    light = np.maximum(np.nan_to_num(whole.rate), 0) + cube.dark_rate
    weighting = covariance(cube.pattern) if len(cube.pattern) > 1 else None
    table = Table(marked.integrations(), weighting, light, wish.threads)
    return replace(whole, segments=exact_segments(table, marked, whole.rate))


def _average(parts: list[RampFit]) -> RampFit:
    """Average integrations by their read variance, which knows nothing of their light."""
    each = {name: np.stack([part.planes()[name] for part in parts]) for name in ("rate", "var_poisson", "var_read")}
    with np.errstate(invalid="ignore", divide="ignore"):  # NaN where an integration has no rate
        weights = 1 / each["var_read"]
    powers = {"rate": 1, "var_poisson": 2, "var_read": 2}
    planes = {name: averaged(each[name], weights, each["rate"], power) for name, power in powers.items()}
    chi2 = np.sum([np.nan_to_num(part.planes()["chi2"]) for part in parts], axis=0)
    return united(parts, {**planes, "chi2": np.where(np.isfinite(planes["rate"]), chi2, np.nan)})


def _with_lone(whole: RampFit, parts: list[RampFit]) -> RampFit:
    """Give pixels that no integration can fit the mean of their lone resultants."""
    wanting = ~np.isfinite(whole.rate)
    if not wanting.any():
        return whole
    mean = _average(parts)
    names = ("rate", "var_poisson", "var_read", "pedestal", "flags", "chi2")
    return replace(whole, **{name: np.where(wanting, getattr(mean, name), getattr(whole, name)) for name in names})


def _ols(cube: Cube, wish: Wish, zero_frame: Array | None) -> Estimate:
    return by_segments(lambda pattern: ordinary(pattern, wish.combination), _searched(cube, wish), wish, zero_frame)


def _covariance(cube: Cube, wish: Wish, zero_frame: Array | None) -> Estimate:
    return by_segments(covariance, _searched(cube, wish), wish, zero_frame)


def _casertano(cube: Cube, wish: Wish, zero_frame: Array | None) -> Estimate:
    asked = SIGMA_AT_ONE if wish.jump_sigma is None else wish.jump_sigma
    return by_segments(casertano, cube, wish, zero_frame, asked if wish.find_jumps else np.inf)


def _searched(cube: Cube, wish: Wish) -> Cube:
    """Flag the jumps that a two-point search finds, in each pixel for itself: neighbours are the caller's choice."""
    if not wish.find_jumps:
        return cube
    asked = TwoPoint.of(wish.jump_sigma)
    return replace(cube, flags=search(cube, replace(asked, neighbours=None), wish.threads))


ESTIMATORS: Mapping[str, Callable[[Cube, Wish, Array | None], Estimate]] = {
    "likelihood": _likelihood,
    "ols": _ols,
    "casertano": _casertano,
    "covariance": _covariance,
}
