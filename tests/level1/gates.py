"""Gates of drawn numbers: each raises AssertionError, so that a seeded mistake can be shown to fail it.

A probability below 6e-7, that of five sigma, fails. Cells are merged until each expects ten or more.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from obverse.testing import require

Array = NDArray[Any]

SIGMAS = 5.0
RAREST = 2 * stats.norm.sf(SIGMAS)
FEWEST = 10.0


def check_cells(what: str, seen: Array, expected: Array) -> None:
    """Chi-square of cells in order, all cases among them; neighbours are merged where too few are expected."""
    require(np.isclose(seen.sum(), expected.sum(), rtol=1e-6), f"{what}: {seen.sum()} seen, {expected.sum()} expected")
    cells = _merged(expected)
    require(cells[-1] > 0, f"{what}: all is in one cell, nothing is compared")
    seen, expected = np.bincount(cells, seen), np.bincount(cells, expected)
    chi2 = ((seen - expected) ** 2 / expected).sum()
    rarity = stats.chi2.sf(chi2, len(seen) - 1)
    require(rarity > RAREST, f"{what}: chi-square {chi2:.1f} of {len(seen)} cells, probability {rarity:.1e}")


def _merged(expected: Array) -> Array:
    """Which merged cell each cell belongs to; the last one takes what is left over."""
    cells, full, held = np.zeros(len(expected), int), 0, 0.0
    left = expected.sum()
    for i, e in enumerate(expected):
        cells[i] = full
        held, left = held + e, left - e
        if held >= FEWEST and left >= FEWEST:
            full, held = full + 1, 0.0
    return cells


def check_law(what: str, drawn: Array, law: Any) -> None:
    """Whole numbers against a frozen distribution of scipy: cells, mean and variance."""
    x = np.asarray(drawn, np.float64)
    low, high = law.support()
    require((x == np.rint(x)).all() and x.min() >= low and x.max() <= high, f"{what}: a number out of its range")
    mean, variance = float(law.mean()), float(law.var())
    if variance < 1e-12:
        certain = np.rint(mean)
        require((x == certain).all(), f"{what}: {certain} is certain, {x[x != certain][:3]} was drawn")
        return
    kurtosis = float(law.stats("k"))
    check_cells(what, *_cells(x, law))
    n = x.size
    off = (x.mean() - mean) / np.sqrt(variance / n)
    require(abs(off) < SIGMAS, f"{what}: the mean is {off:.1f} sigma off {mean:g}")
    error = variance * np.sqrt(max(kurtosis + 2.0, 1e-6) / n)  # a fair coin has no scatter of squares
    off = (np.mean((x - mean) ** 2) - variance) / error
    require(abs(off) < SIGMAS, f"{what}: the variance is {off:.1f} sigma off {variance:g}")


def _cells(x: Array, law: Any) -> tuple[Array, Array]:
    """Seen and expected numbers of up to some hundred cells of much the same probability, finer at the ends."""
    tail = np.geomspace(1e-7, 1 / 256, 30)
    edges = np.unique(law.ppf([*tail, *np.linspace(0.0, 1.0, 257)[1:-1], *(1.0 - tail)]))
    edges = np.unique([*edges, *(edges - 1)]) if len(edges) < 256 else edges
    upper = np.concatenate([edges, [np.inf]])  # a cell reaches to its upper edge, and holds it
    seen = np.bincount(np.searchsorted(upper, x, side="left"), minlength=len(upper)).astype(float)
    expected = x.size * np.diff(np.concatenate([[0.0], law.cdf(edges), [1.0]]))
    possible = expected > 0
    require(not seen[~possible].any(), "a number that cannot be")
    return seen[possible], expected[possible]


def check_covariance(what: str, drawn: Array, mean: Array, covariance: Array) -> None:
    """Means and covariances of (variable, case), against the scatter of products, seen or of normal numbers."""
    apart = drawn - mean[:, None]
    n = drawn.shape[1]
    dead = np.diag(covariance) == 0
    require(not apart[dead].any(), f"{what}: what is certain scatters")
    apart, mean, covariance = apart[~dead], mean[~dead], covariance[np.ix_(~dead, ~dead)]
    scatter = np.sqrt(np.maximum(np.diag(covariance), 1e-30) / n)
    require((np.abs(apart.mean(axis=1)) <= SIGMAS * scatter + 1e-9 * mean).all(), f"{what}: a mean is off")
    for i in range(len(mean)):
        products = apart[i] * apart[i:]
        normal = np.sqrt(covariance[i, i] * np.diag(covariance)[i:] + covariance[i, i:] ** 2)
        error = np.maximum(products.std(axis=1), normal) / np.sqrt(n)
        off = np.abs(products.mean(axis=1) - covariance[i, i:])
        require(
            (off <= SIGMAS * error + 1e-9).all(), f"{what}: a covariance of {i} is {(off / error).max():.1f} sigma off"
        )


def check_uncorrelated(what: str, one: Array, other: Array) -> None:
    """No correlation between numbers that belong to independent streams."""
    a, b = (np.asarray(x, np.float64).ravel() - np.mean(x) for x in (one, other))
    require(a.std() > 0 and b.std() > 0, f"{what}: nothing scatters")
    r = (a * b).mean() / (a.std() * b.std())
    require(abs(r) < SIGMAS / np.sqrt(a.size), f"{what}: correlation {r:.2g} of {a.size} pairs")
