"""Gain of the register from how the values of pixels are distributed: the model, and its best parameters."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from obverse.errors import DataError
from obverse.register.excess_noise import STAGES
from obverse.register.waves import passage

__all__ = ["Histogram", "RegisterModel", "fit_histogram", "reduced_chi_square"]

Array = NDArray[Any]

_STEP = 1e-4
"""Part of the gain by which it is moved to see what that changes."""

_ENOUGH = 1e-4
"""A step that raises the logarithm of the likelihood by less is some hundredth of the error."""

_LEAST = 1e-13
"""Chances below this are rounding errors of the transform."""


@dataclass(frozen=True)
class Histogram:
    """Numbers of pixels in bins of one width [electron behind the register].

    Parameters
    ----------
    counts
        (bin,).
    lowest
        Lower edge of the first bin.
    width
        Of a bin.
    """

    counts: NDArray[np.float64]
    lowest: float
    width: float


@dataclass(frozen=True)
class RegisterModel:
    r"""Chance of each bin for a pixel of :math:`\lambda` electrons on average, as a sum over waves.

    .. math::

        \phi(\theta) = S\, e^{\lambda (F - 1)}\, e^{-i \theta \mu - \sigma^2 \theta^2 / 2}\,
        \operatorname{sinc} \frac{\theta w}{2}, \qquad
        p_j = (1 - \varepsilon)\, \frac{\phi_j}{\sum \phi_j} + \frac{\varepsilon}{n}

    F and S are those of `obverse.register.waves.passage` at :math:`z = e^{-i\theta}`, exact for its stages;
    :math:`\varepsilon` is the part of the pixels that could be anywhere (remains of cosmic rays).

    Parameters
    ----------
    bins
        n.
    lowest, width
        Of the histogram; w is the width.
    stages, partial
        Of the register.
    room
        Bins of empty space behind the last one, so that what lies beyond does not come back from below.
    """

    bins: int
    lowest: float
    width: float
    stages: int = STAGES
    partial: float = 0.0
    room: int = 0

    def chances(self, parameters: Array) -> tuple[Array, Array]:
        r"""Return p, (bin,), and its derivatives, (5, bin).

        `parameters` are :math:`\ln g, \ln \lambda, \ln \sigma, \mu, \varepsilon`.
        """
        gain, electrons, noise = np.exp(parameters[:3])
        waves = self._waves(float(gain), electrons, noise, parameters[3])
        moved = self._waves(float(gain) * (1.0 + _STEP), electrons, noise, parameters[3])
        theta, one, _ = self._passed(float(gain))
        slopes = [(moved - waves) / _STEP, electrons * (one - 1.0) * waves]
        slopes += [-((noise * theta) ** 2) * waves, -1j * theta * waves]
        return _mixed(self._bins(np.stack([waves, *slopes])), parameters[4])

    def _passed(self, gain: float) -> tuple[Array, Array, Array]:
        """Return angles, and what the register makes of one electron and of none there."""
        turn = self.bins + self.room
        theta = 2.0 * np.pi * np.arange(turn // 2 + 1) / (turn * self.width)
        return theta, *passage(np.exp(-1j * theta), gain, self.stages, self.partial)

    def _waves(self, gain: float, electrons: float, noise: float, offset: float) -> Array:
        theta, one, nothing = self._passed(gain)
        # from the middle of the first bin, each bin as wide as it is
        shift = 1j * theta * (offset - self.lowest - 0.5 * self.width)
        bell = np.sinc(theta * self.width / (2.0 * np.pi)) * np.exp(-0.5 * (noise * theta) ** 2 - shift)
        return nothing * np.exp(electrons * (one - 1.0)) * bell

    def _bins(self, waves: Array) -> Array:
        return np.fft.irfft(waves, self.bins + self.room, axis=-1)[:, : self.bins]


def _mixed(raw: Array, anywhere: float) -> tuple[Array, Array]:
    """Norm what is seen of the bins to 1, and add what could be anywhere."""
    total = raw[0].sum()
    p = np.maximum(raw[0] / total, _LEAST)
    slopes = (raw[1:] - p * raw[1:].sum(axis=1, keepdims=True)) / total
    flat = 1.0 / p.size
    return (1.0 - anywhere) * p + anywhere * flat, np.vstack([(1.0 - anywhere) * slopes, flat - p])


def fit_histogram(
    histogram: Histogram, model: RegisterModel, start: Array, *, held: Sequence[int] = ()
) -> tuple[Array, Array, Array]:
    r"""Return the most likely parameters, their covariance, and the chances of the bins.

    .. math:: \Delta = I^{-1} \sum_j \frac{c_j}{p_j} \frac{\partial p_j}{\partial \theta}, \qquad
              I = N \sum_j \frac{1}{p_j} \frac{\partial p_j}{\partial \theta} \frac{\partial p_j}{\partial \theta}^T

    Fisher's scoring; a step that does not raise the likelihood is halved, the gain stays 1 or more, and
    :math:`\varepsilon` zero or more.

    Parameters
    ----------
    histogram
        What was seen.
    model
        Of its bins.
    start
        Parameters as in `RegisterModel.chances`.
    held
        Places of parameters that are known, and stay.

    Raises
    ------
    DataError
        If no step leads to a maximum.
    """
    here = np.array(start, np.float64)
    p, slopes = model.chances(here)
    for _ in range(100):
        free = _free(here, slopes, histogram.counts, p)
        free[list(held)] = False
        step = np.zeros(len(here))
        step[free] = _scored(histogram.counts, p, slopes[free])
        size = float(np.abs(step[:3]).max())
        step *= min(1.0, 0.5 / max(size, 1e-9))  # half a factor of e at a time
        here, p, slopes, gained = _walked(histogram.counts, model, here, p, slopes, step)
        if gained < _ENOUGH:
            covariance = np.zeros((len(here), len(here)))
            covariance[np.ix_(free, free)] = np.linalg.inv(_information(histogram.counts, p, slopes[free]))
            return here, covariance, p
    raise DataError("EM gain: the histogram of the pixels has no clear maximum of likelihood: are they from one level?")


def _walked(
    counts: Array, model: RegisterModel, here: Array, p: Array, slopes: Array, step: Array
) -> tuple[Array, Array, Array, float]:
    """Go a step, or as much of it as raises the likelihood."""
    before = float(counts @ np.log(p))
    for _ in range(12):
        there = here + step
        there[0] = max(there[0], 0.0)
        there[4] = min(max(there[4], 0.0), 0.5)
        p_there, slopes_there = model.chances(there)
        gained = float(counts @ np.log(p_there)) - before
        if gained > 0:
            return there, p_there, slopes_there, gained
        step = 0.5 * step
    return here, p, slopes, 0.0


def _free(here: Array, slopes: Array, counts: Array, p: Array) -> Array:
    """Return which parameters may move: a part of zero that would become negative may not."""
    stuck = here[4] <= 0.0 and counts @ (slopes[4] / p) <= 0.0
    return np.array([True, True, True, True, not stuck])


def _information(counts: Array, p: Array, slopes: Array) -> Array:
    return counts.sum() * (slopes / p) @ slopes.T


def _scored(counts: Array, p: Array, slopes: Array) -> Array:
    return np.linalg.solve(_information(counts, p, slopes), slopes @ (counts / p))


def reduced_chi_square(counts: Array, p: Array, parameters: int, least: float = 25.0) -> tuple[float, float]:
    """Return chi-square for a degree of freedom, and by how many sigma it is more than one.

    Bins are put together until `least` counts are expected in each.
    """
    expected = counts.sum() * p
    group = np.floor(np.cumsum(expected) / least).astype(np.intp)
    _, which = np.unique(group, return_inverse=True)
    seen, awaited = (np.bincount(which, plane) for plane in (counts, expected))
    whole = awaited > 0.5 * least  # the last one may be cut short
    chi_square = ((seen - awaited) ** 2 / awaited)[whole].sum()
    freedom = max(int(whole.sum()) - 1 - parameters, 1)
    return float(chi_square / freedom), float((chi_square - freedom) / np.sqrt(2.0 * freedom))
