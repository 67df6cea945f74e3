r"""The optimal linear estimator, its weights computed beforehand on a grid of signals (``"covariance"``)."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import solveh_banded

from obverse.kernels._rule import COMMON_RATE, COVARIANCE
from obverse.pattern import ReadPattern
from obverse.ramps.likelihood import constants
from obverse.ramps.weights import Weighting, times_of

__all__ = ["covariance", "optimal_weights"]

_NODES = 257


@lru_cache(32)
def covariance(pattern: ReadPattern) -> Weighting:
    r"""Weigh resultants by the inverse of their covariance, interpolated in the signal.

    .. math::

        K = \frac{V^{-1} D}{D^T V^{-1} D}, \qquad V = A + u B, \qquad u = f / \sigma^2

    on the differences of a whole ramp (letters of `obverse.fit_ramps`), at nodes that are even in
    :math:`u^{1/16}`: nearly logarithmic, at the cost of four square roots. The rate f comes from the whole ramp,
    and a second time from the rate that its weights gave. A ramp cut by jumps or saturation has too many shapes for
    a grid: each of its segments is solved for itself, and they are averaged by their variances at the common f.

    Notes
    -----
    Reference: Brandt 2024, PASP 136 045004, for the covariance; interpolated weights are those of the ramp fit of
    romanisim.

    Examples
    --------
    >>> covariance(ReadPattern.even(3, frame_time=10.0)).nodes[[0, -1]].round(4) + 0.0
    array([[-0.05,  0.  ,  0.05],
           [-0.05,  0.  ,  0.05]])
    """
    differences = constants(pattern)
    roots = np.linspace(*_range(pattern), _NODES)
    signal = np.array([[roots[0], 1 / (roots[1] - roots[0])]] * 2)
    nodes = optimal_weights(differences, roots**16)
    return Weighting((COVARIANCE, 1, COMMON_RATE), times_of(pattern), differences, signal, nodes)


def _range(pattern: ReadPattern) -> tuple[float, float]:
    """Roots of the signals beyond which the weights stay what they are to 1e-5."""
    steps = np.diff(pattern.tbar)
    low = 1e-5 / pattern.n_reads.max() / (pattern.tbar[-1] * len(pattern))
    high = 1e5 / steps.min()
    return low ** (1 / 16), high ** (1 / 16)


def optimal_weights(differences: NDArray[np.float64], signals: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the optimal weights of a whole ramp, (signal, resultant) [1/s]."""
    d, a, b, ac, bc, _ = differences
    if len(d) == 1:  # two reads: one difference, and nothing to weigh; the banded solver wants more
        return np.tile([-1 / d[0], 1 / d[0]], (len(signals), 1))
    x = np.array([solveh_banded([ac + u * bc, a + u * b], d) for u in signals])
    x /= (x @ d)[:, None]
    return -np.diff(x, axis=1, prepend=0.0, append=0.0)
