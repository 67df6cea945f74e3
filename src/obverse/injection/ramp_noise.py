r"""Noise that a ramp may have had, given the rate that was fitted to it.

The differences :math:`y_i` of neighbouring resultants have the mean :math:`a D_i` and the covariance

.. math:: C = \sigma^2 A + a^+ B

(letters of `obverse.ramps.likelihood.constants`), and the rate is a sum :math:`\hat a = w \cdot y` with
:math:`w \cdot D = 1`. Of the noise :math:`n \sim N(0, C)` of the ramp an image of rates has kept the one number
:math:`w \cdot n`, and that is in :math:`\hat a` already. What is not known is drawn, under the condition that it adds
nothing to that number:

.. math:: n' = n - C w\, \frac{w \cdot n}{w^T C w}, \qquad w \cdot n' = 0, \qquad \mathrm{cov}(w \cdot n, n') = 0

Weights :math:`w'` of another signal then give :math:`\hat a + w' \cdot n'`, with the variance

.. math:: w^T C w + (w' - w)^T C (w' - w) = w'^T C w'

(the second sum is what is left of :math:`n'`, because :math:`C w \propto D` and :math:`w' \cdot D = 1`): that of a ramp
which had been there all along. A noise drawn without the condition would add :math:`w'^T C w'` a second time.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from obverse.pattern import ReadPattern
from obverse.ramps.likelihood import constants

__all__ = ["RampNoise"]

Array = NDArray[np.float64]

_D, _A, _B, _AC, _BC = range(5)
_FLOOR = 1e-6
"""Least variance of a read [electron squared], as in the fit: a noiseless one has no inverse."""


@dataclass(frozen=True, eq=False)
class RampNoise:
    """Covariance of the differences of some ramps, without their light.

    Parameters
    ----------
    pattern
        When the resultants were read.
    integrations
        Ramps of the exposure, with a reset before each.
    read
        Variance of a single read, (pixel,) [electron squared].
    photons
        Rate of all electrons, (pixel,) [electron/s]; it is not negative.
    """

    pattern: ReadPattern
    integrations: int
    read: Array
    photons: Array

    def __post_init__(self) -> None:
        object.__setattr__(self, "read", np.maximum(self.read, _FLOOR))

    @cached_property
    def numbers(self) -> Array:
        """Constants of the differences; what lies between two integrations has no duration."""
        return constants(self.pattern, self.integrations)

    @property
    def durations(self) -> Array:
        """D of each difference, (difference, 1) [s]."""
        return self.numbers[_D][:, None]

    def optimal(self, used: NDArray[np.bool_]) -> Array:
        r"""Return the weights of the likelihood fit, :math:`w = C^{-1} D / D^T C^{-1} D`.

        Parameters
        ----------
        used
            Differences that count, (difference, pixel).

        Returns
        -------
        ndarray
            (difference, pixel) [1/s]; NaN where no difference counts.
        """
        x = self._solved(used & (self.durations > 0))
        with np.errstate(invalid="ignore", divide="ignore"):
            weights: Array = x / (x * self.durations).sum(axis=0)
        return weights

    def _solved(self, used: NDArray[np.bool_]) -> Array:
        """Solve C x = D among the differences that count: elimination forwards, substitution backwards."""
        n, across = len(self.numbers[_D]), self._couplings(used)
        inverse, e = np.zeros((2, n, len(self.read)))
        for i in range(n):
            step = across[i] * inverse[i - 1] if i else np.zeros(len(self.read))
            inverse[i] = used[i] / (self._diagonal(i) - step * across[i])
            e[i] = self.numbers[_D, i] - (step * e[i - 1] if i else 0.0)
        x = np.zeros_like(e)
        for i in reversed(range(n)):
            later = across[i + 1] * x[i + 1] if i + 1 < n else 0.0
            x[i] = inverse[i] * (e[i] - later)
        return x

    def _diagonal(self, i: int) -> Array:
        return self.read * self.numbers[_A, i] + self.photons * self.numbers[_B, i]

    def _couplings(self, used: NDArray[np.bool_]) -> Array:
        """Return the covariance of each difference with the one before, zero where one of them does not count."""
        across = self.read * self.numbers[_AC][:, None] + self.photons * self.numbers[_BC][:, None]
        across[1:] *= used[1:] & used[:-1]
        across[0] = 0.0
        return across

    def variances(self, w: Array) -> tuple[Array, Array]:
        r"""Return :math:`a\, w^T B w` and :math:`\sigma^2 w^T A w`: photons and reading, (pixel,) [electron^2/s^2]."""
        reading = _form(w, self.numbers[_A], self.numbers[_AC])
        return self.photons * _form(w, self.numbers[_B], self.numbers[_BC]), self.read * reading

    def pinned(self, w: Array, random: np.random.Generator) -> Array:
        r"""Draw the noise of resultants to which the weights w (difference, pixel) give the rate zero.

        Returns
        -------
        ndarray
            (integration, resultant, pixel) [electron].
        """
        ramps = np.stack([self._drawn(random) for _ in range(self.integrations)])
        n = self._differences(ramps)
        c = self._times_covariance(w)
        share = (w * n).sum(axis=0) / (w * c).sum(axis=0)
        return ramps - self._resultants(c * share)

    def _drawn(self, random: np.random.Generator) -> Array:
        r"""Draw the noise of the resultants of one ramp, (resultant, pixel) [electron].

        Photon noise walks: from the last read of a resultant to that of the next its step W has the variance
        :math:`a L`, and the mean of the reads between, the variance :math:`a (\tau - t_0)` and with W the covariance
        :math:`a (\bar t - t_0)`, where :math:`t_0` is the last read before.
        """
        shape, out, walked, before = self.read.shape, [], np.zeros_like(self.read), 0.0
        for times, tbar, tau in zip(self.pattern.times, self.pattern.tbar, self.pattern.tau, strict=True):
            length, mean, spread = times[-1] - before, tbar - before, tau - before
            share = mean / length if length > 0 else 0.0
            step = np.sqrt(length * self.photons) * random.standard_normal(shape)
            own = np.sqrt(max(spread - share * mean, 0.0) * self.photons + self.read / len(times))
            out.append(walked + share * step + own * random.standard_normal(shape))
            walked, before = walked + step, times[-1]
        return np.array(out)

    def _differences(self, ramps: Array) -> Array:
        """Return differences of resultants (integration, resultant, pixel) as (difference, pixel); the seams too."""
        return np.diff(ramps.reshape(-1, ramps.shape[-1]), axis=0) * (self.durations > 0)

    def _resultants(self, differences: Array) -> Array:
        """Return resultants (integration, resultant, pixel) with these differences, each ramp from zero."""
        padded = np.concatenate([differences, np.zeros_like(differences[:1])])
        steps = padded.reshape(self.integrations, -1, differences.shape[-1])[:, :-1]
        return np.concatenate([np.zeros_like(steps[:, :1]), np.cumsum(steps, axis=1)], axis=1)

    def _times_covariance(self, w: Array) -> Array:
        """Return C w."""
        everywhere = np.broadcast_to(self.durations > 0, w.shape)
        across = self._couplings(everywhere)
        product: Array = np.stack([self._diagonal(i) * w[i] for i in range(len(w))])
        product[1:] += across[1:] * w[:-1]
        product[:-1] += across[1:] * w[1:]
        return product * everywhere


def _form(w: Array, diagonal: Array, across: Array) -> Array:
    """Return w' M w of a tridiagonal matrix, (pixel,)."""
    form: Any = (w**2 * diagonal[:, None]).sum(axis=0) + 2 * (w[1:] * w[:-1] * across[1:, None]).sum(axis=0)
    return np.asarray(form)
