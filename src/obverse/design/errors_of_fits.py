"""The error of the rate that each estimator gives on a clean ramp."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from obverse.design.information import Information
from obverse.errors import UsageError, nearest
from obverse.kernels._rule import NOISE
from obverse.pattern import ReadPattern
from obverse.ramps.casertano import casertano
from obverse.ramps.ordinary import ordinary
from obverse.ramps.weights import Weighting

__all__ = ["variances"]

Array = NDArray[Any]

_OPTIMAL = ("likelihood", "covariance")
_LINES = {"ols": ordinary, "casertano": casertano}


def variances(pattern: ReadPattern, known: Information, flux: Array, read_noise: float, estimator: str) -> Array:
    r"""Return the variance of the rate at each flux of all electrons (flux,) [electron2/s2].

    .. math::

        \mathrm{var}(a) = 1/s \quad \text{(likelihood, covariance)}, \qquad
        \mathrm{var}(a) = \sigma^2\, K^T A K + f\, K^T B K \quad \text{(ols, casertano)}

    The weights K of a line are those of the signal-to-noise ratio S that the flux has on average
    (`obverse.ramps.ordinary`).

    Notes
    -----
    Limits: a real ramp chooses its weights by its own S, so that near the limits between exponents the variance of
    ``"ols"`` and ``"casertano"`` lies between those on both sides.
    """
    if estimator in _OPTIMAL:
        return 1 / known.s
    if estimator not in _LINES:
        raise UsageError(f"estimator {estimator!r}: there is none, {nearest(estimator, [*_OPTIMAL, *_LINES])}")
    weighting = _LINES[estimator](pattern)
    QR, QS = weighting.forms()[:, _classes(weighting, pattern, flux, read_noise)]
    return read_noise**2 * QR + flux * QS


def _classes(weighting: Weighting, pattern: ReadPattern, flux: Array, read_noise: float) -> NDArray[np.intp]:
    """Return which exponent each flux has: how many limits its signal-to-noise ratio has passed."""
    rise = flux * (pattern.tbar[-1] - pattern.tbar[0])
    ratio = rise / np.sqrt(read_noise**2 * weighting.times[NOISE, -1] + rise)
    return np.searchsorted(weighting.signal[0, 1:], ratio, side="right")
