"""The variance of a weighted sum over pixels: apertures, profiles, binned images."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from obverse.detector import Detector
from obverse.errors import UsageError
from obverse.frame import Frame
from obverse.moment import Moment

__all__ = ["sum_variance"]

Array = NDArray[np.float64]


def sum_variance(frame: Frame, weights: ArrayLike, detector: Detector) -> float:
    r"""Return the variance of :math:`\sum_i w_i x_i`, with what the errors of neighbouring pixels have in common.

    .. math::

        \mathrm{Var} = \sum_i w_i^2 (V_i - R_i)
            + \sum_i (H v)_i^2 \frac{f_i^2 R_i}{A (1 + s)}
            + \sum_a \Bigl(\sum_{i \in a} v_i f_i \sqrt{\tfrac{s R_i}{A (1 + s)}}\Bigr)^2, \qquad v_i = w_i / f_i

    :math:`V` is the variance of a pixel and :math:`R` its part ``read``. Uncoupling the pixels (the kernel :math:`H`)
    restores the photon noise, but sharpens the read noise: it raises a pixel's variance by
    :math:`A = \sum H^2` and lowers that of a smooth sum. The reference pixels' noise, a fraction :math:`s` of a
    read's, is common to the amplifier :math:`a`. :math:`f` is the flat.

    Parameters
    ----------
    frame
        A calibrated image with variances, of the sensor or of the part of it that sees light; in any unit.
    weights
        :math:`w` (row, column); pixels of weight 0 do not count, whatever they hold.
    detector
        The one that calibrated it.

    Returns
    -------
    float
        In the frame's unit squared times that of the weights; NaN where a pixel that counts has no variance.

    Raises
    ------
    UsageError
        If the frame has no variances, or the weights do not fit it.

    Notes
    -----
    Limits: what calibration itself got wrong for all pixels (a gain, a dark rate) is not in it, see `obverse.spread`.
    Reference pixels are taken for as noisy as the others; those at the sides are not followed.
    Reference: Moore, Ninkov & Forrest 2006, Optical Engineering 45, 076402 (coupling correlates the pixels).

    Examples
    --------
    >>> detector = Detector.load("generic_ccd").resized((16, 16))
    >>> image = Frame(np.ones((16, 16)), "electron", variances={"poisson": np.ones((16, 16))})
    >>> sum_variance(image, np.ones((16, 16)), detector)
    256.0
    """
    w = np.asarray(weights, np.float64)
    if frame.variances is None or w.shape != frame.shape:
        raise UsageError(f"sum_variance: weights {w.shape} for an image {frame.shape} with variances: they must fit")
    total = np.asarray(frame.variance, np.float64)
    read = np.asarray(frame.variances.get("read", np.zeros(frame.shape)), np.float64)
    independent = float((w**2 * (total - read))[w != 0].sum())
    return independent + _of_read_noise(w, np.where(w != 0, read, _typical(read, w)), detector)


def _typical(read: Array, w: Array) -> float:
    """Return the read variance that stands for pixels without weight, which have a share in their neighbours."""
    known = read[(w != 0) & np.isfinite(read)]
    return float(np.median(known)) if known.size else 0.0


def _of_read_noise(w: Array, read: Array, detector: Detector) -> float:
    geometry = detector.geometry
    at = Moment.of(Frame(np.zeros(geometry.shape, np.float32), "electron"), geometry)
    at = at.replace(rows=_reached(geometry.on_sensor(w), detector))
    f = np.nan_to_num(at.plane(detector.effect("flat").response), nan=1.0) if detector.has("flat") else 1.0
    v, own = geometry.on_sensor(w)[at.rows] / f, geometry.on_sensor(read)[at.rows] * f**2
    spread, amplified = _uncoupled(v, at, detector)
    s = _common(at, detector)
    white = own / (amplified * (1.0 + s))
    offsets = _per_amplifier(v * np.sqrt(s * white), at)
    return float((spread**2 * white)[spread != 0].sum() + (offsets**2).sum())


def _reached(w: Array, detector: Detector) -> slice:
    """Return the rows that have a share in the sum: those of the weights, and as many around as coupling reaches."""
    rows = np.flatnonzero(w.any(axis=1))
    halo = detector.effect("interpixel_capacitance").halo + 1 if detector.has("interpixel_capacitance") else 0
    return slice(max(int(rows[0]) - halo, 0), int(rows[-1]) + halo + 1) if rows.size else slice(0, 1)


def _uncoupled(v: Array, at: Moment, detector: Detector) -> tuple[Array, float]:
    """Return the weights of the pixels before they were uncoupled: the kernel is symmetric, so its own transpose."""
    if not detector.has("interpixel_capacitance"):
        return v, 1.0
    coupling = detector.effect("interpixel_capacitance")
    back = coupling.correct(Frame(v.astype(np.float32), "electron"), at).data
    return np.asarray(back, np.float64), coupling.amplification(at.exposure)


def _common(at: Moment, detector: Detector) -> Any:
    """Return the variance of the level that dark pixels tell, in units of a read's."""
    if not detector.has("bias_drift"):
        return 0.0
    return detector.effect("bias_drift").variance(np.zeros((), np.float32), at.replace(read_noise=1.0))


def _per_amplifier(values: Array, at: Moment) -> Array:
    owner = at.geometry.amplifier_map[at.rows].ravel()
    return np.asarray(np.bincount(owner, values.ravel()), np.float64)
