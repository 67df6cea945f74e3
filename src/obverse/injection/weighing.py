r"""Weights that an estimator had given to the differences of a ramp.

Its own weights follow the data; here they follow the rate that came out. For the likelihood and the covariance fit they
are the optimal ones; the others draw a line through each run of resultants and average the lines by their read noise:

.. math:: w = \sum_s W_s K_s / \sum_s W_s
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import NDArray

from obverse.injection.cuts import Cut, used_differences
from obverse.injection.ramp_noise import RampNoise
from obverse.ramps.casertano import casertano
from obverse.ramps.ordinary import ordinary
from obverse.ramps.weights import Weighting, line_weights

__all__ = ["weights_of"]

Array = NDArray[np.float64]

_LINES: Mapping[str, Callable[..., Weighting]] = {"ols": ordinary, "casertano": casertano}


def weights_of(estimator: str, noise: RampNoise, cut: Cut, rate: Array) -> Array:
    """Return the weights of the differences, (difference, pixel) [1/s].

    Parameters
    ----------
    estimator
        Its name, as in `obverse.fit_ramps`.
    noise
        Covariance of the ramps.
    cut
        What they had left.
    rate
        Rate that was fitted, (pixel,) [electron/s].
    """
    used = used_differences(cut.flags())
    if estimator not in _LINES:
        return noise.optimal(np.broadcast_to(used[:, None], (len(used), len(rate))))
    return _lines(_LINES[estimator](noise.pattern), noise, used, rate)


def _lines(weighting: Weighting, noise: RampNoise, used: NDArray[np.bool_], rate: Array) -> Array:
    total, norm = np.zeros((len(used), len(rate))), 0.0
    for start, stop in _runs(used):
        first = start % len(noise.pattern)
        part = weighting.times[:, first : first + stop - start + 1]
        S = _signal_to_noise(part, noise.read, rate)
        limits, exponents = weighting.signal
        which = np.clip(np.searchsorted(limits, S, side="right") - 1, 0, None)
        K = line_weights(part, exponents)
        W = 1.0 / (line_weights(part, np.zeros(1))[0] ** 2 @ part[2])
        total[start:stop] += W * -np.cumsum(K, axis=1)[which, :-1].T  # of resultants, as weights of their differences
        norm += W
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(total / norm) if norm else np.full_like(total, np.nan)


def _signal_to_noise(part: Array, read: Array, rate: Array) -> Array:
    """Return S of a run of resultants (`obverse.ramps.ordinary.ordinary`) under a steady rate."""
    rise = rate * (part[0, -1] - part[0, 0])
    radicand = read * part[4, -1] + rise
    good = (radicand > 0) & (rise > 0)
    return np.where(good, rise / np.sqrt(np.where(good, radicand, 1.0)), 0.0)


def _runs(used: NDArray[np.bool_]) -> list[tuple[int, int]]:
    """Return where unbroken runs of differences begin and end."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], used.astype(np.int8), [0]])))
    return [(int(a), int(b)) for a, b in edges.reshape(-1, 2)]
