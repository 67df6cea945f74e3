"""What a cosmic ray takes from a ramp: how often, at what cost, and how often it is not noticed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr

from obverse.design.information import Information
from obverse.design.rays import Rays
from obverse.pattern import ReadPattern
from obverse.ramps.jumps import limits_of

__all__ = ["Hits", "Places", "hits"]

Array = NDArray[Any]

_SEARCHED = 4
"""Differences from which on the likelihood search looks at a ramp alone."""


@dataclass(frozen=True, eq=False)
class Places:
    """Where in a ramp a hit can fall: between two reads that follow one another, one place each.

    Between the last read of a resultant and the first of the next it spoils one difference; between two reads that
    are averaged, the differences on both sides, which share its charge.

    Parameters
    ----------
    seconds
        How long each place is open, (place,) [s].
    first, second
        The differences that it spoils, (place,); the same where there is one.
    share
        Part of the charge that is in the first, (place,).
    charge
        Part of the charge that any difference sees, (place,): less than 1 inside the outermost resultants.

    Examples
    --------
    >>> places = Places.of(ReadPattern([[1], [2, 3], [4]], read_time=2.0))
    >>> places.first, places.second, places.share
    (array([0, 0, 1]), array([0, 1, 1]), array([1. , 0.5, 1. ]))
    """

    seconds: Array
    first: Array
    second: Array
    share: Array
    charge: Array

    @classmethod
    def of(cls, pattern: ReadPattern) -> Places:
        """Return the places of a pattern."""
        times = np.concatenate([np.asarray(group) for group in pattern.times])
        resultant = np.repeat(np.arange(len(pattern)), pattern.n_reads)
        position = np.concatenate([np.arange(n) for n in pattern.n_reads])[1:]  # of the read behind the hit
        k, last = resultant[1:], len(pattern) - 1
        inside = resultant[:-1] == k
        # a hit before read j of the N in resultant k: (N - j)/N of its charge is in the difference that leads there
        w = np.where(inside, (pattern.n_reads[k] - position) / pattern.n_reads[k], 1.0)
        first, second = np.maximum(k - 1, 0), np.where(inside, np.minimum(k, last - 1), k - 1)
        charge = np.where(inside & (k == 0), 1 - w, np.where(inside & (k == last), w, 1.0))
        return cls(np.diff(times), first, second, np.where(first == second, 1.0, w), charge)


@dataclass(frozen=True, eq=False)
class Hits:
    """What hits do to the ramps of one pattern, at each flux.

    Parameters
    ----------
    hit
        Share of ramps that are hit while it matters, (flux,).
    cost
        Error of a hit ramp over that of a clean one, the root of its mean variance over the places, (flux,). NaN
        where no place leaves a rate.
    lost
        Share of hit ramps that are left without a rate, (flux,).
    information
        Share of all information that hits take, (flux,): they make the error of many ramps larger by
        :math:`(1 - information)^{-1/2}`.
    missed
        Share of hits that the search does not find, (flux,).
    """

    hit: Array
    cost: Array
    lost: Array
    information: Array
    missed: Array


def hits(pattern: ReadPattern, known: Information, rays: Rays) -> Hits:
    r"""Average over the places at which a ramp can be hit.

    .. math::

        h = 1 - e^{-\lambda (t_{last} - t_{first})}, \qquad
        \mathrm{cost}^2 = \Big\langle \frac{s}{s'_p} \Big\rangle_{s'_p > 0}, \qquad
        \mathrm{information} = h \Big\langle 1 - \frac{s'_p}{s} \Big\rangle, \qquad
        \mathrm{missed} = \Big\langle \Phi(z - q \sqrt{u^T P u}) \Big\rangle

    Parameters
    ----------
    pattern
        Of the reads that can be used.
    known
        Its information at each flux.
    rays
        How often a pixel is hit, and how hard.

    Notes
    -----
    Limits: one hit a ramp, all of whose charge comes at once; the share of found hits is that of one clean test,
    z from `obverse.ramps.jumps.limits_of`. Ramps of two and three differences are searched in another way, what
    is missed there is not known (NaN); in a ramp of one difference nothing can be found.
    """
    places = Places.of(pattern)
    weight = places.seconds / places.seconds.sum()
    left = known.without(places.first, places.second) / known.s[:, None]
    with np.errstate(invalid="ignore", divide="ignore"):
        cost = np.sqrt(np.where(left > 0, weight / left, 0.0).sum(axis=1) / (weight * (left > 0)).sum(axis=1))
    hit = np.full(len(known.s), -np.expm1(-rays.rate * places.seconds.sum()))
    information = hit * (weight * (1 - left)).sum(axis=1)
    lost = np.maximum(1 - (weight * (left > 0)).sum(axis=1), 0.0)
    return Hits(hit, cost, lost, information, _missed(places, known, rays))


def _missed(places: Places, known: Information, rays: Rays) -> Array:
    differences = known.x.shape[1]
    if not len(rays.charges) or 1 < differences < _SEARCHED:
        return np.full(len(known.s), np.nan)
    if differences == 1:
        return np.ones(len(known.s))
    one, two = limits_of(rays.significance)
    z = np.sqrt(np.where(places.first == places.second, one, two))
    height = places.charge * np.sqrt(known.fall(places.first, places.second, places.share))
    charges = np.quantile(rays.charges, (np.arange(200) + 0.5) / 200)
    missed = ndtr(z[:, None] - height[..., None] * charges).mean(axis=-1)
    return missed @ (places.seconds / places.seconds.sum())
