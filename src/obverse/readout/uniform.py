"""The slope of a ramp with equal weights for all reads: beside the optimal one it tells where a ramp is bent."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from obverse.errors import UsageError
from obverse.frame import Frame
from obverse.pattern import ReadPattern

__all__ = ["uniform_minus_optimal", "uniform_weights"]


def uniform_weights(pattern: ReadPattern) -> NDArray[np.float64]:
    r"""Return the weights of the resultants whose sum is the slope of a line through all reads, (resultant,) [1/s].

    .. math:: w_k = \frac{N_k (\bar t_k - m)}{\sum_k N_k (\bar t_k - m)^2}, \qquad
              m = \frac{\sum_k N_k \bar t_k}{\sum_k N_k}

    Notes
    -----
    Reference: romancal 1.1, ramp fit (plane ``dumo``).

    Examples
    --------
    >>> uniform_weights(ReadPattern.even(3, frame_time=2.0))
    array([-0.25,  0.  ,  0.25])
    """
    n, t = np.asarray(pattern.n_reads, np.float64), pattern.tbar
    if len(t) < 2:
        return np.full(len(t), np.nan)
    since = t - np.average(t, weights=n)  # since m
    weights: NDArray[np.float64] = n * since / (n * since**2).sum()
    return weights


def uniform_minus_optimal(ramps: Frame, rate: NDArray[Any]) -> Frame:
    """Return the uniform slope less the fitted rate (row, column) [electron/s], whatever the flags say.

    Parameters
    ----------
    ramps
        What was fitted, (integration, resultant, row, column) [electron]; integrations are averaged.
    rate
        The fitted rate (row, column) [electron/s].

    Raises
    ------
    UsageError
        If the ramps have no read pattern.

    Notes
    -----
    Limits: jumps, saturated and unusable resultants count as they are: that is its purpose, and it is no estimate of
    the rate. It is not divided by the flat.
    """
    if ramps.exposure.pattern is None:
        raise UsageError("uniform_minus_optimal: a ramp needs a read pattern, which tells when it was read")
    weights = uniform_weights(ramps.exposure.pattern).astype(np.float32)
    cube = ramps.data.reshape(-1, len(weights), *ramps.shape[-2:])
    uniform = np.tensordot(weights, cube.mean(axis=0, dtype=np.float32), axes=1)
    return Frame(uniform - np.asarray(rate, np.float32), "electron/s", exposure=ramps.exposure)
