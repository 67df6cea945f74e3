"""The gain of the register from how much brighter pixels scatter: the photon transfer of amplified flats."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from scipy.optimize import brentq

from obverse.errors import DataError
from obverse.ptc import Pair, photon_transfer
from obverse.register.excess_noise import STAGES, excess_noise_factor

__all__ = ["em_gain_of_flats"]


def em_gain_of_flats(
    flat_pairs: Sequence[Pair], biases: Sequence[Any] | None = None, *, stages: int = STAGES, border: int = 30
) -> tuple[float, float]:
    r"""Measure the gain of the register from pairs of flats of many electrons a pixel.

    .. math:: V(y) = F(g)^2\, g\, y + \sigma^2

    Parameters
    ----------
    flat_pairs
        Pairs of bias-subtracted arrays (row, column) of the same light [electron behind the register]; below its
        full well.
    biases
        An even number of biases or darks at the same gain, as arrays; without them flats of two levels are needed.
    stages
        Of the register: it says the excess noise :math:`F`.
    border
        Pixels left out along every edge.

    Returns
    -------
    gain, error
        Of the register.

    Raises
    ------
    UsageError
        As `photon_transfer`.
    DataError
        If the scatter is less than that of single electrons.

    Notes
    -----
    Limits: a gain of electrons to DN that is wrong by 1 % moves the result by 1 %. For few electrons in a pixel use
    `em_gain_of`, which needs no pairs.
    Reference: Robbins & Hadwen 2003, IEEE Trans. Electron Devices 50, 1227 (excess noise).

    Examples
    --------
    >>> import numpy as np
    >>> random = np.random.default_rng(1)
    >>> flat = [random.gamma(random.poisson(300, (256, 256)), 100.0) for _ in range(2)]
    >>> dark = [random.normal(0.0, 100.0, (256, 256)) for _ in range(2)]
    >>> gain, error = em_gain_of_flats([tuple(flat)], dark, stages=100_000)
    >>> abs(gain - 100.0) < 4 * error, error < 1.5
    (True, True)
    """
    found = photon_transfer(flat_pairs, biases, border=border)
    steepness, error = 1.0 / float(found.gain[0]), float(found.gain_error[0] / found.gain[0] ** 2)

    def too_steep(g: float) -> float:
        return g * excess_noise_factor(g, stages) ** 2 - steepness

    if too_steep(1.0) > 0:
        raise DataError(
            f"EM gain: flats scatter {steepness:.3g} times as much as electrons that nobody multiplied: are they in "
            "electrons behind the register?"
        )
    gain = float(brentq(too_steep, 1.0, steepness + 1.0))
    slope = (too_steep(gain * 1.001) - too_steep(gain)) / (0.001 * gain)
    return gain, error / slope
