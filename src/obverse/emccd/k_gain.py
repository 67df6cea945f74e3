"""Gain of the last amplifier behind the register, by photon transfer at a register gain of 1."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from obverse.errors import UsageError
from obverse.frame import Frame
from obverse.ptc import photon_transfer

if TYPE_CHECKING:
    from obverse.detector import Detector

__all__ = ["KGain", "calibrate_k_gain"]

Array = NDArray[Any]


@dataclass(frozen=True)
class KGain:
    """Electrons for a DN, and the noise of a read.

    Parameters
    ----------
    gain, gain_error
        k [electron/DN].
    read_noise, read_noise_error
        Of a frame without its bias, that of the bias and of digitisation in it [electron].
    points
        Signal [DN] and variance of one frame [DN squared] of each pair, (pair, 2).
    """

    gain: float
    gain_error: float
    read_noise: float
    read_noise_error: float
    points: NDArray[np.float64]

    def curve(self, highest: float = 10000.0, levels: int = 400) -> Array:
        """Return the photon transfer curve: signal and noise [DN] of one frame, (level, 2), from 0 to `highest`.

        Examples
        --------
        >>> KGain(8.7, 0.1, 104.4, 1.0, np.empty((0, 2))).curve(1000.0, 3).round(2)
        array([[   0.  ,   12.  ],
               [ 500.  ,   14.19],
               [1000.  ,   16.09]])
        """
        signal = np.linspace(0.0, highest, levels)
        return np.stack([signal, np.sqrt(signal / self.gain + (self.read_noise / self.gain) ** 2)], axis=1)


def calibrate_k_gain(
    sets: Sequence[Sequence[Any]],
    biases: Sequence[Any] | None = None,
    detector: Detector | None = None,
    *,
    border: int = 30,
) -> KGain:
    """Measure the k gain from sets of exposures to the same light at a register gain of 1.

    Neighbours in a set are paired, each with the next; the lamp may drift and its light may be uneven.

    Parameters
    ----------
    sets
        Each of two or more frames of one exposure time, raw or calibrated up to before ``gain``; or bias-subtracted
        arrays (row, column) [DN].
    biases
        Biases or short darks, as many as there are; without them the prescan of the frames tells the read noise, and
        for arrays sets of two levels are needed.
    detector
        Needed for frames.
    border
        Pixels left out along every edge.

    Returns
    -------
    KGain
        With errors by the jackknife.

    Raises
    ------
    UsageError
        If a set has one frame only, or a frame was amplified in the register.

    Notes
    -----
    Limits: those of `photon_transfer`, which does the work: linear model, noise that neighbours share is not seen.
    Read noise is that of the dark columns that tell the bias; serial clock-induced charge does no harm at gain 1.
    Reference: Janesick 2007, Photon Transfer, SPIE Press, ch. 5.

    Examples
    --------
    >>> random = np.random.default_rng(1)
    >>> def flat(electrons):
    ...     return (random.poisson(electrons, (128, 128)) + random.normal(0.0, 100.0, (128, 128))) / 8.7
    >>> found = calibrate_k_gain([[flat(level) for _ in range(5)] for level in (10.0, 20000.0)], border=0)
    >>> abs(found.gain - 8.7) < 4 * found.gain_error
    True
    """
    if not sets or any(len(each) < 2 for each in sets):
        raise UsageError("calibrate_k_gain: a set of one frame shows no noise, give two or more of the same light")
    lit = [[_planes(each, detector) for each in one] for one in sets]
    dark = [_planes(each, detector).image for each in biases or []]
    if biases is None:
        dark = [each.prescan for one in lit for each in one if each.prescan is not None]
    pairs = [(a.image, b.image) for one in lit for a, b in pairwise(one)]
    found = photon_transfer(pairs, dark[: len(dark) // 2 * 2], border=border)
    return KGain(
        gain=float(found.gain[0]),
        gain_error=float(found.gain_error[0]),
        read_noise=float(found.read_noise[0]),
        read_noise_error=float(found.read_noise_error[0]),
        points=np.stack([found.mean[0], found.variance[0]], axis=1)[-len(pairs) :],
    )


@dataclass(frozen=True)
class _Planes:
    """What an exposure shows of the light, and of the read noise alone; bias subtracted [DN]."""

    image: Array
    prescan: Array | None = None


def _planes(item: Any, detector: Detector | None) -> _Planes:
    if not isinstance(item, Frame):
        return _Planes(np.asarray(item, np.float64))
    if detector is None:
        raise UsageError("calibrate_k_gain: raw frames need a detector that says where bias and image are")
    if item.exposure.em_gain != 1.0:
        raise UsageError(
            f"calibrate_k_gain: frame {item.exposure.id!r} has an EM gain of {item.exposure.em_gain:g}: give frames of "
            "gain 1, the register's own noise would be taken for that of light"
        )
    done = detector.recipe().before("gain").run(item)
    geometry = detector.geometry
    data = done.data if "amplifier" in done.axes else geometry.pad(done.data)
    bad = done.flags != 0 if done.flags is not None and "amplifier" in done.axes else np.zeros((), bool)
    rows = np.where(bad, np.nan, data)[..., geometry.image_rows, :].astype(np.float64)
    return _Planes(rows[..., geometry.image_columns], _dark(rows, detector) if "amplifier" in done.axes else None)


def _dark(rows: Array, detector: Detector) -> Array | None:
    r"""Return the dark columns, as noisy as the image, where there are some.

    What was subtracted from a row is the mean of its own :math:`n` dark pixels: it leaves these
    :math:`\sigma^2 (1 - 1 / n)`, and gives the image :math:`\sigma^2 (1 + 1 / n)`.
    """
    drift = detector.effect("bias_drift") if detector.has("bias_drift") else None
    columns = np.arange(rows.shape[-1]) < detector.geometry.prescan
    if drift is not None and drift.span == "row":
        columns = drift.dark(detector.geometry, "clocked").any(axis=(0, 1))
    n = int(columns.sum())
    if n < 2:
        return None
    scale = 1.0 if drift is None or drift.span != "row" else np.sqrt((n + 1) / (n - 1))
    return rows[..., columns] * scale
