"""What fixed pattern, clock-induced charge and dark current each add to the error of a synthesized dark."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from obverse.darks.model import leverage
from obverse.darks.noise_maps import NoiseMaps

__all__ = ["Budget", "error_budget"]

Array = NDArray[np.float64]

_SAMPLE = 4096
"""Pixels that a median is taken of: it is known to a percent then."""


@dataclass(frozen=True, eq=False)
class Budget:
    r"""Error of the dark of an exposure and its parts, median of the image area, each (case,) [electron].

    Parameters
    ----------
    gains, times
        EM gain and exposure time [s].
    pattern, cic, dark_current
        :math:`\sigma_F / g`, :math:`\sigma_C` and :math:`t \sigma_D`.
    total
        With the covariance of the three, which are far from independent.
    """

    gains: Array
    times: Array
    pattern: Array
    cic: Array
    dark_current: Array
    total: Array

    @property
    def independent(self) -> Array:
        """What the error would be if the three were independent."""
        return np.sqrt(self.pattern**2 + self.cic**2 + self.dark_current**2)


def error_budget(maps: NoiseMaps, gains: ArrayLike, times: ArrayLike) -> Budget:
    r"""Return the error of the synthesized dark, part by part.

    .. math:: \sigma_d^2 = \frac{\sigma_F^2}{g^2} + \sigma_C^2 + t^2 \sigma_D^2
        + 2 \Bigl(\frac{\sigma_{FC}}{g} + \frac{t}{g} \sigma_{FD} + t\, \sigma_{CD}\Bigr)

    Parameters
    ----------
    maps
        Noise maps with errors.
    gains, times
        EM gain and exposure time [s] of each case; they are broadcast.

    Examples
    --------
    >>> one = np.ones((2, 2))
    >>> maps = NoiseMaps(one, one, one, 10 * one, 0.3 * one, 0.01 * one, cross=np.stack([-1 * one, 0 * one, 0 * one]))
    >>> made = error_budget(maps, 100.0, 40.0)
    >>> made.pattern, made.cic, made.dark_current, made.total, made.independent
    (array([0.1]), array([0.3]), array([0.4]), array([0.4899]), array([0.5099]))
    """
    g, t = (np.atleast_1d(each).astype(np.float64) for each in np.broadcast_arrays(gains, times))
    covariance = _sampled(maps.image)
    direction = leverage(g, t)
    total = np.einsum("ik,ijn,jk->kn", direction, covariance, direction, optimize=True)
    own = [np.sqrt(np.median(covariance[i, i])) for i in range(3)]
    return Budget(g, t, own[0] / g, own[1] * np.ones_like(g), own[2] * t, _root_median(total))


def _sampled(maps: NoiseMaps) -> Array:
    """Return the covariance of evenly spaced pixels that were fitted, (3, 3, pixel)."""
    known = np.flatnonzero(np.isfinite(maps.fpn_error) & np.isfinite(maps.dark_current_error))
    step = max(len(known) // _SAMPLE, 1)
    rows, columns = np.divmod(known[::step], maps.shape[1])
    return maps.covariance_at((rows, columns))


def _root_median(variances: Array) -> Array:
    return np.sqrt(np.maximum(np.median(variances, axis=1), 0.0)) if variances.size else np.full(len(variances), np.nan)
