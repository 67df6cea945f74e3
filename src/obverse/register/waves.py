"""What leaves an electron-multiplying register, as a law of whole electrons and as a wave of its sums."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from obverse.register.excess_noise import stage_probability

__all__ = ["passage", "register_laws"]

Array = NDArray[Any]

_RIM = 1e-10
"""The circle of the sums has the radius at which this is left after one turn: what wraps around is as small."""


def passage(z: Array, em_gain: float, stages: int, partial: float = 0.0) -> tuple[Array, Array]:
    r"""Return the generating functions :math:`\langle z^x \rangle` of what becomes of one electron, and of none.

    .. math:: F_{m+1} = (1 - p) F_m + p F_m^2, \quad F_0 = z, \qquad
              S_{m+1} = S_m (1 - c p + c p F_m), \quad S_0 = 1, \qquad p = g^{1/M} - 1

    Parameters
    ----------
    z
        Any numbers, real or complex.
    em_gain
        :math:`g`, mean electrons out for one in.
    stages
        M, of the register.
    partial
        :math:`c`, chance that a stage makes an electron of nothing, in units of that to double one.

    Notes
    -----
    Reference: Robbins & Hadwen 2003, IEEE Trans. Electron Devices 50, 1227 (a branching process).

    Examples
    --------
    >>> one, nothing = passage(np.array(0.5), 2.0, 1)  # one stage of probability 1: always two electrons
    >>> float(one), float(nothing)
    (0.25, 1.0)
    """
    p = stage_probability(em_gain, stages)
    one, nothing = np.array(z), np.ones_like(z)
    for _ in range(stages):  # from the last stage backwards: what a stage makes of nothing meets those behind it
        nothing *= 1.0 - partial * p + partial * p * one
        one *= (1.0 - p) + p * one
    return one, nothing


def register_laws(
    em_gain: float, stages: int, outcomes: int, electrons: int, partial: float = 0.0
) -> NDArray[np.float64]:
    r"""Return the probability of x electrons out for n electrons in, (n, x), exactly.

    .. math:: P_n(x) = \frac{1}{K r^x} \sum_{k=0}^{K-1} S F^n(z_k)\, e^{2 \pi i k x / K}, \qquad
              z_k = r e^{-2 \pi i k / K}

    The gamma law that is often put in its place is its limit for infinitely many stages: with 604 stages and a gain
    of 5000 it puts 4 % too many electrons below a tenth of the gain.

    Parameters
    ----------
    em_gain, stages, partial
        Of the register, as in `passage`.
    outcomes
        x is 0 to `outcomes` - 1.
    electrons
        n is 0 to `electrons` - 1.

    Notes
    -----
    Reference: Abate & Whitt 1992, Operations Research Letters 12, 245 (inversion on a circle of radius r < 1).

    Examples
    --------
    >>> register_laws(2.0, 1, 5, 3).round(6) + 0.0
    array([[1., 0., 0., 0., 0.],
           [0., 0., 1., 0., 0.],
           [0., 0., 0., 0., 1.]])
    """
    turn = 2 * outcomes
    radius = _RIM ** (1.0 / turn)
    z = radius * np.exp(-2j * np.pi * np.arange(outcomes + 1) / turn)
    one, nothing = passage(z, em_gain, stages, partial)
    powers = nothing * one ** np.arange(electrons)[:, None]
    return np.fft.irfft(powers, turn, axis=-1)[:, :outcomes] / radius ** np.arange(outcomes)
