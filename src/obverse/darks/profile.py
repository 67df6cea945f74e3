"""The noise of one frame, by gain and time: three numbers for all pixels of a region."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations
from math import comb

import numpy as np
from numpy.typing import ArrayLike, NDArray

from obverse.register.excess_noise import excess_noise_factor

__all__ = ["NoiseProfile", "amplified"]

Array = NDArray[np.float64]

_ROUNDS = 10
_FAR = 2.0
_MOST_TRIPLES = 20_000
_FLAT = 1e-9
_NOTHING = 1e-6


def amplified(gains: ArrayLike, stages: int) -> NDArray[np.float64]:
    """Return the variance that one Poisson electron before the register has behind it, ENF^2 g^2 [electron^2]."""
    one = [(excess_noise_factor(float(g), stages) * float(g)) ** 2 for g in np.ravel(gains)]
    return np.reshape(one, np.shape(gains))


@dataclass(frozen=True)
class NoiseProfile:
    r"""Variance of a pixel of one frame, behind the register.

    .. math:: v(g, t) = \sigma^2 + \mathrm{ENF}(g)^2 g^2 (C + t D)

    Parameters
    ----------
    read_variance
        :math:`\sigma^2` [electron^2].
    cic
        :math:`C`, clock-induced electrons in a frame.
    dark_current
        :math:`D` [electron/s].
    stages
        Stages of the register.

    Examples
    --------
    >>> float(NoiseProfile(1e4, 0.02, 0.0, 604).variance(1.0, 10.0))
    10000.02
    """

    read_variance: float
    cic: float
    dark_current: float
    stages: int

    def variance(self, gains: ArrayLike, times: ArrayLike) -> NDArray[np.float64]:
        """Return the variance of one frame [electron^2]."""
        electrons = self.cic + np.asarray(times, np.float64) * self.dark_current
        return self.read_variance + amplified(gains, self.stages) * electrons

    def scatter(self, gains: ArrayLike, times: ArrayLike, freedom: ArrayLike) -> NDArray[np.float64]:
        """Return the relative error of a variance that was measured with so many degrees of freedom."""
        electrons = self.cic + np.asarray(times, np.float64) * self.dark_current
        return _scatter(self.variance(gains, times), electrons, np.asarray(gains, np.float64), np.asarray(freedom))

    @classmethod
    def fitted(
        cls, gains: ArrayLike, times: ArrayLike, variances: ArrayLike, freedom: ArrayLike, stages: int
    ) -> NoiseProfile:
        """Return the profile that most stacks follow, each by its chance error; none of it is negative.

        It starts from the one that fits three stacks exactly and the rest best, so that odd stacks cannot hold it;
        then a deviation beyond two errors counts as its size, not as its square.
        """
        from scipy.optimize import nnls  # half a second, for campaigns alone

        one = amplified(gains, stages)
        v = np.asarray(variances, np.float64)
        columns = np.stack([np.ones_like(one), one, one * np.asarray(times, np.float64)], axis=1)
        g, nu = np.asarray(gains, np.float64), np.asarray(freedom)
        made = cls(*_through_three(columns, v, g, nu), stages)
        for _ in range(_ROUNDS):
            model = np.maximum(made.variance(gains, times), _NOTHING * v.min())
            error = made.scatter(gains, times, freedom)
            away = np.abs(v / model - 1.0) / error
            weights = 1.0 / (model * error * np.sqrt(np.maximum(away / _FAR, 1.0)))
            rows = columns * weights[:, None]
            size = rows.max(axis=0)
            found = nnls(rows / size, v * weights)[0] / size
            made = cls(float(found[0]), float(found[1]), float(found[2]), stages)
        return made


def _scatter(v: Array, electrons: Array, gains: Array, freedom: Array) -> Array:
    r"""Return the relative error of a measured variance.

    .. math:: \sqrt{\frac{2 + \kappa}{\nu}}, \qquad \kappa = \frac{24\, g^4 (C + t D)}{v^2}

    :math:`\kappa` is the excess kurtosis of electrons that leave the register with an exponential law.
    """
    return np.sqrt((2.0 + 24.0 * gains**4 * electrons / v**2) / np.maximum(freedom, 1))


def _through_three(columns: Array, v: Array, gains: Array, freedom: Array) -> tuple[float, float, float]:
    """Return what, of all that fits three stacks exactly, is the most likely if chance has Laplace's law."""
    scale = columns.max(axis=0)
    triples = _triples(len(v))
    x = columns[triples] / scale
    known = np.abs(np.linalg.det(x)) > _FLAT * np.abs(x).prod(axis=2).max(axis=1)
    tried = [np.linalg.solve(x[known], v[triples[known]][..., None])[..., 0] / scale] if known.any() else []
    flat = np.stack([v, np.zeros_like(v), np.zeros_like(v)], axis=1)  # no more than read noise, as one stack has it
    candidates = np.maximum(np.concatenate([*tried, flat]), 0.0)
    model = np.maximum(candidates @ columns.T, _NOTHING * v.min())
    electrons = (candidates[:, 1:] @ columns[:, 1:].T) / columns[:, 1]
    error = _scatter(model, electrons, gains, freedom)
    unlikely = (np.abs(np.log(v / model)) / error + np.log(error)).sum(axis=1)
    read, cic, dark = candidates[np.argmin(unlikely)]
    return float(read), float(cic), float(dark)


def _triples(n: int) -> NDArray[np.intp]:
    """Return every three of n stacks, or some of them where they are too many."""
    if comb(n, 3) <= _MOST_TRIPLES:
        return np.array(list(combinations(range(n), 3)), np.intp)
    return np.random.default_rng(0).integers(0, n, (_MOST_TRIPLES, 3))
