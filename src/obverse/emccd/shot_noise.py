"""Shot noise of a frame from a photon transfer curve, in the curve's own unit."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from obverse.errors import UsageError
from obverse.frame import Frame
from obverse.register.excess_noise import STAGES, excess_noise_factor

__all__ = ["add_shot_noise"]

Array = NDArray[Any]


def add_shot_noise(frame: Frame, curve: ArrayLike, *, k_gain: float | None = None, stages: int = STAGES) -> Frame:
    r"""Give a frame the variances of its light and of its read-out, from a photon transfer curve at a gain of 1.

    .. math::

        V = k^2 \left[ \frac{G}{u^2} \left(N^2\!\left(\frac{u y}{k}\right) - N^2(0)\right) + N^2(0)\,r \right]

    y is the frame's data and N the curve. In DN, k = u = 1. Behind the register u = 1, r = 1 and
    :math:`G = g F^2`, since an electron that was multiplied brings g times its noise; divided by the gain,
    :math:`G = F^2` and :math:`r = 1 / g^2`.

    Parameters
    ----------
    frame
        In DN, or in electrons before (``em_gain`` undone) or behind the register.
    curve
        Signal and noise of one frame [DN], (level, 2), rising; straight lines in signal and variance, the last one
        goes on. `KGain.curve` makes one.
    k_gain
        [electron/DN]; without it that of the exposure.
    stages
        Of the register: they say the excess noise F.

    Returns
    -------
    Frame
        With variances ``poisson`` (more light than none) and ``read`` (where the frame has none yet); others are kept.

    Raises
    ------
    UsageError
        If the frame has its Poisson variance already, is in another unit, or the curve is none.

    Notes
    -----
    Limits: what is negative has no shot noise. The data are those of one noisy frame: a mean over pixels weighted by
    such variances is biased low.
    Reference: Robbins & Hadwen 2003, IEEE Trans. Electron Devices 50, 1227 (excess noise).

    Examples
    --------
    >>> from obverse import Exposure
    >>> frame = Frame(np.full((1, 1), 1000.0), "electron", exposure=Exposure("a", 1.0, k_gain=8.7))
    >>> signal = np.linspace(0.0, 1000.0, 400)
    >>> noise = np.sqrt(signal / 8.7 + 12.0**2)
    >>> float(add_shot_noise(frame, np.stack([signal, noise], axis=1)).error[0, 0])
    109.1
    """
    if frame.variances is not None and "poisson" in frame.variances:
        raise UsageError(f"frame {frame.exposure.id!r} has its Poisson variance already: it is not added twice")
    points = np.asarray(curve, np.float64)
    if points.ndim != 2 or points.shape[1] != 2 or len(points) < 2 or not (np.diff(points[:, 0]) > 0).all():
        raise UsageError(f"photon transfer curve of shape {points.shape}: it must be (level, 2), with rising signals")
    k = _electrons_for_a_dn(frame, k_gain)
    divided = "em_gain" in frame.undone
    gain = frame.exposure.applied_em_gain
    excess = excess_noise_factor(gain, stages) ** 2 * (1.0 if divided else gain)
    signal = np.maximum(frame.data, 0.0) / k
    floor = float(_variance(points, np.zeros(())))
    added = {"poisson": k**2 * excess * (_variance(points, signal) - floor)}
    kept = dict(frame.variances or {})
    if "read" not in kept:
        added["read"] = np.full(frame.shape, k**2 * floor / (gain**2 if divided else 1.0))
    return frame.replace(variances={**kept, **{name: plane.astype(np.float32) for name, plane in added.items()}})


def _electrons_for_a_dn(frame: Frame, k_gain: float | None) -> float:
    if frame.unit == "DN":
        return 1.0
    k = frame.exposure.k_gain if k_gain is None else k_gain
    if frame.unit != "electron" or k is None or not k > 0:
        raise UsageError(
            f"frame {frame.exposure.id!r} in {frame.unit} with a k gain of {k}: shot noise needs DN, or electrons and "
            "the k gain (electron/DN)"
        )
    return float(k)


def _variance(points: Array, signal: Array) -> Array:
    """Return the variance at a signal, straight on beyond the ends."""
    x, v = points[:, 0], points[:, 1] ** 2
    inside = np.interp(signal, x, v)
    below, above = np.minimum(signal - x[0], 0.0), np.maximum(signal - x[-1], 0.0)
    return inside + below * (v[1] - v[0]) / (x[1] - x[0]) + above * (v[-1] - v[-2]) / (x[-1] - x[-2])
