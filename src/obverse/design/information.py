r"""How much the differences of a clean ramp say about its rate."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from obverse.pattern import ReadPattern
from obverse.ramps.likelihood import constants

__all__ = ["Information"]

Array = NDArray[Any]

_LEAST_NOISE = 1e-3
"""Read noise below counts as this [electron], as in `obverse.fit_ramps`."""


@dataclass(frozen=True, eq=False)
class Information:
    r"""Covariance of the differences at each flux, inverted.

    .. math::

        M = (\sigma^2 A + f B)^{-1}, \qquad x = M D, \qquad s = D \cdot x, \qquad \mathrm{var}(a) = 1/s

    with the letters of `obverse.fit_ramps`.

    Parameters
    ----------
    M
        (flux, difference, difference) [1/electron2].
    x
        (flux, difference) [s/electron2].
    s
        (flux,) [s2/electron2].

    Examples
    --------
    >>> two = Information.of(ReadPattern.even(2, frame_time=10.0), [0.0, 4.0], read_noise=5.0)
    >>> 1 / two.s  # two reads: 2 sigma^2 / t^2 + f / t
    array([0.5, 0.9])
    """

    M: Array
    x: Array
    s: Array

    @classmethod
    def of(cls, pattern: ReadPattern, flux: ArrayLike, read_noise: float) -> Information:
        """Return it for a pattern of at least two resultants, at a flux of all electrons (flux,) [electron/s]."""
        D, A, B = _matrices(pattern)
        f = np.atleast_1d(np.asarray(flux, float))[:, None, None]
        M = np.linalg.inv(max(read_noise, _LEAST_NOISE) ** 2 * A + f * B)
        x = M @ D
        return cls(M, x, x @ D)

    def without(self, first: Array, second: Array) -> Array:
        r"""Return what is left of s where differences are left out, (flux, place) [s2/electron2].

        .. math:: s' = s - x_J\, (M_{JJ})^{-1} x_J, \qquad J = \{i\}\ \text{or}\ \{i, j\}

        Parameters
        ----------
        first, second
            The differences i and j that each place takes, (place,); where they are the same, one is left out.
        """
        xi, xj = self.x[:, first], self.x[:, second]
        a, b, c = self.M[:, first, first], self.M[:, second, second], self.M[:, first, second]
        alone = first == second
        determinant = np.where(alone, 1.0, a * b - c**2)
        both = (b * xi**2 - 2 * c * xi * xj + a * xj**2) / determinant
        left = self.s[:, None] - np.where(alone, xi**2 / a, both)
        return np.where(left > 1e-9 * self.s[:, None], left, 0.0)  # of nothing, rounding leaves something

    def fall(self, first: Array, second: Array, share: Array) -> Array:
        r"""Return by how much a hit of one electron raises chi-square, (flux, place) [1/electron2].

        .. math:: u_J^T P_{JJ}\, u_J, \qquad P = M - x x^T / s, \qquad u = (w, 1 - w)

        Parameters
        ----------
        first, second
            The differences that share the charge, (place,).
        share
            w, the part of the charge in the first, (place,); 1 where there is but one.
        """
        u, v = share, np.where(first == second, 0.0, 1.0 - share)
        P = self.M - self.x[:, :, None] * self.x[:, None, :] / self.s[:, None, None]
        return u**2 * P[:, first, first] + 2 * u * v * P[:, first, second] + v**2 * P[:, second, second]


def _matrices(pattern: ReadPattern) -> tuple[Array, Array, Array]:
    """Return D, A and B of a pattern in full."""
    D, a, b, a_before, b_before, _ = constants(pattern)
    return D, _tridiagonal(a, a_before), _tridiagonal(b, b_before)


def _tridiagonal(diagonal: Array, before: Array) -> Array:
    return np.diag(diagonal) + np.diag(before[1:], -1) + np.diag(before[1:], 1)
