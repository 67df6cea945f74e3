"""The level of pixels without electrons, among pixels of which some have caught one."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from obverse.emccd.gain_likelihood import Histogram, RegisterModel, fit_histogram
from obverse.errors import UsageError
from obverse.register.excess_noise import STAGES

__all__ = ["zero_level"]

_BELOW, _ABOVE, _FINE = 6.0, 8.0, 3.0
"""The histogram, in standard deviations below and above its middle, and bins in one of them."""

_TAIL = 10.0
"""Gains behind which nothing of one electron is left to come round to the bins."""

_VISIBLE = 0.5
"""Gain, in units of the read noise, below which the histogram tells nothing of electrons."""


def zero_level(
    values: NDArray[Any], em_gain: float, *, electrons: float = 0.0, stages: int = STAGES, partial: float = 0.0
) -> float:
    r"""Return the level of pixels that have no electron, where a few of them have.

    .. math:: y \sim \mathcal N(\mu, \sigma^2) + \sum_{k=1}^{n} x_k, \qquad n \sim \mathrm{Poisson}(\lambda)

    with :math:`x_k` the electrons behind the register of one before it. :math:`\mu, \sigma` and :math:`\lambda` are the
    most likely ones for the histogram about its middle. A median is drawn up by electrons, to
    :math:`\sqrt{\pi/2}\,\lambda\,\sigma / 2`, and so is a mean of what lies within a few :math:`\sigma`.

    Parameters
    ----------
    values
        Of pixels with one level [electron behind the register].
    em_gain
        Of the register.
    electrons
        :math:`\lambda` to take where the gain is below half of the read noise, so that the histogram cannot tell it;
        the level is then the mean less :math:`g \lambda`.
    stages, partial
        Of the register, as in `obverse.register.law.Register`.

    Raises
    ------
    UsageError
        If there are no values, or one is no number.

    Notes
    -----
    Limits: pixels that lie far above (particles) are not looked at. Values in whole steps of more than a tenth of
    :math:`\sigma` shift it by a part of a step, unless rows have offsets of their own, as `bias_drift` leaves
    them. The error is that of a mean, :math:`\sigma / \sqrt N`, where the gain is well above the read noise, and some
    three times that where they are alike.
    Reference: Robbins & Hadwen 2003, IEEE Trans. Electron Devices 50, 1227 (the law of the register).

    Examples
    --------
    >>> random = np.random.default_rng(1)
    >>> caught = random.random(100_000) < 0.05
    >>> values = random.normal(7.0, 100.0, 100_000) + caught * random.exponential(1000.0, 100_000)
    >>> round(float(np.median(values)), 1), round(zero_level(values, 1000.0), 1)
    (13.5, 7.5)
    """
    if not (np.size(values) and np.isfinite(values).all()):
        raise UsageError(f"zero_level: {np.size(values)} values: give one or more, and numbers only (no NaN)")
    middle = float(np.median(values))
    noise = middle - float(np.quantile(values, 0.1587))
    near = values[np.abs(values - middle) < _BELOW * noise]
    if em_gain < _VISIBLE * noise or not near.size:
        return float(near.mean() if near.size else middle) - em_gain * electrons
    model = RegisterModel(
        bins=int((_BELOW + _ABOVE) * _FINE),
        lowest=middle - _BELOW * noise,
        width=noise / _FINE,
        stages=stages,
        partial=partial,
        room=int(_TAIL * em_gain * _FINE / noise),
    )
    counts, _ = np.histogram(values, model.lowest + model.width * np.arange(model.bins + 1))
    start = np.array([np.log(em_gain), np.log(max(electrons, 0.01)), np.log(noise), middle, 0.0])
    found, _, _ = fit_histogram(
        Histogram(counts.astype(np.float64), model.lowest, model.width), model, start, held=(0, 4)
    )
    return float(found[3])
