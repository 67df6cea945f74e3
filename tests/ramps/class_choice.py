"""What choosing a class of weights from the ramp's own ends does to the rate: a Gaussian calculation.

``"ols"`` and ``"casertano"`` take one of six exponents by the rise s of the very ramp that they weigh. In class c the
rate is K_c . R, unbiased if c were given; but c follows s, and so

    E(rate - a) = sum_c E[K_c . R - a; s in c]

is not zero where a limit between two classes is near. With R Gaussian, K_c . R - a = beta_c z + rest_c, where z is s
less its mean, over its scatter, and all that is needed are integrals over z; of two segments, over the z of both. This
is a property of these estimators, not of an implementation: their gates have it for a target, at the tolerances of
everyone else.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache, reduce
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from tests import naive

Array = NDArray[Any]
Times = tuple[tuple[float, ...], ...]

LIMITS = (0.0, 5.0, 10.0, 20.0, 50.0, 100.0)


@dataclass(frozen=True)
class Expected:
    """Mean offset and variance of the rate, the variance that is stated on average, pulls, and those within 1, 1.96."""

    bias: float
    variance: float
    stated: float
    pull_std: float
    cover_68: float
    cover_95: float


@dataclass(frozen=True)
class Segment:
    """On a grid of z: its chance, what z does to the rate, what scatters beside it, variance, and weight in a mean."""

    chance: Array
    offset: Array
    rest: Array
    stated: Array
    weight: Array

    def mean(self, other: Segment) -> Segment:
        """Average with another segment, on the grid of all pairs; they share no noise."""
        w, v = self.weight[:, None], other.weight[None]
        total = w + v
        return Segment(
            np.outer(self.chance, other.chance).ravel(),
            ((w * self.offset[:, None] + v * other.offset) / total).ravel(),
            ((w**2 * self.rest[:, None] + v**2 * other.rest) / total**2).ravel(),
            ((w**2 * self.stated[:, None] + v**2 * other.stated) / total**2).ravel(),
            total.ravel(),
        )


@lru_cache(4096)
def expected(times: Times, noise: float, rate: float, estimator: str, states: tuple[int, ...] = ()) -> Expected:
    """Integrate over the rise of each run of clean resultants; `states` as in `naive.segments`."""
    runs = naive.segments(list(states or [0] * len(times)), joins=estimator != "casertano")
    most = max(len(group) for group in times)
    points = {1: 2001, 2: 301}.get(len(runs), 81)
    made = [_segment(times[a : b + 1], noise, rate, estimator, most, points) for a, b in runs]
    all_of_them = reduce(Segment.mean, made)
    chance, pull = all_of_them.chance, all_of_them.offset / np.sqrt(all_of_them.stated)
    sides = np.sqrt(all_of_them.rest / all_of_them.stated)
    bias = chance @ all_of_them.offset
    scatter = np.sqrt(chance @ (pull**2 + sides**2) - (chance @ pull) ** 2)
    if len(runs) > 2:  # the grid is coarse, and the mean of three is Gaussian enough
        chance, pull, sides = np.ones(1), (chance @ pull)[None], scatter[None]
    return Expected(
        bias=float(bias),
        variance=float(all_of_them.chance @ (all_of_them.offset**2 + all_of_them.rest) - bias**2),
        stated=float(all_of_them.chance @ all_of_them.stated),
        pull_std=float(scatter),
        cover_68=float(chance @ _within(1.0, pull, sides)),
        cover_95=float(chance @ _within(1.959964, pull, sides)),
    )


def _segment(times: Times, noise: float, rate: float, estimator: str, most: int, points: int) -> Segment:
    t, n = (np.array([size(group) for group in times]) for size in (np.mean, len))
    reads, share = (n, 1.0) if estimator == "casertano" else (n / most, 1 / n[-1])
    photons, reading = naive.resultant_covariances(times)
    photons, reading = rate * photons, noise**2 * reading
    ends = np.eye(len(t))[-1] - np.eye(len(t))[0]
    mean, spread = rate * (t[-1] - t[0]), np.sqrt(ends @ (photons + reading) @ ends)
    z = np.linspace(-7, 7, points)
    rise = np.maximum(mean + z * spread, 1e-9)
    group = np.searchsorted(LIMITS[1:], rise / np.sqrt(noise**2 * share + rise), side="right")
    table = []
    for limit in LIMITS:
        k = naive.line_weights(t, reads, _lowest_rise(limit, noise**2 * share), noise**2 * share)
        variance, read, beta = k @ (photons + reading) @ k, k @ reading @ k, k @ (photons + reading) @ ends / spread
        flat = naive.line_weights(t, reads, 0.0, 1.0)
        formal = 1 / (flat @ reading @ flat)
        table.append((beta, max(variance - beta**2, 0), variance, 1 / read if estimator == "casertano" else formal))
    beta, rest, stated, weight = np.array(table)[group].T
    chance = stats.norm.pdf(z)
    return Segment(chance / chance.sum(), beta * z, rest, stated, weight)


def _lowest_rise(limit: float, noise: float) -> float:
    """Smallest s with s / sqrt(noise + s) at the limit, and a trifle more."""
    return limit / 2 * (limit + np.sqrt(limit**2 + 4 * noise)) * (1 + 1e-9)


def _within(width: float, middle: Array, sides: Array) -> Array:
    sides = np.maximum(sides, 0.02)  # of two reads nothing scatters beside z, and the grid is no finer
    made: Array = stats.norm.cdf((width - middle) / sides) - stats.norm.cdf((-width - middle) / sides)
    return made
