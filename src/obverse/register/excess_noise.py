"""The noise that multiplication adds."""

from __future__ import annotations

import math

from obverse.errors import UsageError

__all__ = ["STAGES", "excess_noise_factor", "stage_probability"]

STAGES = 604
"""Stages of the register of the usual detector, e2v's CCD201-20."""


def stage_probability(gain: float, stages: int = STAGES) -> float:
    r"""Return the probability with which one stage doubles an electron.

    .. math:: p = g^{1/M} - 1

    Parameters
    ----------
    gain
        :math:`g` of the whole register.
    stages
        :math:`M`.

    Raises
    ------
    UsageError
        If the gain is below 1 or above :math:`2^M`.

    Examples
    --------
    >>> round(stage_probability(5000.0), 5)
    0.0142
    """
    if not (stages >= 1 and 1.0 <= gain < math.inf and math.log2(gain) <= stages):
        raise UsageError(f"an EM gain of {gain:g} in {stages} stages: each doubles at most, so it is 1 to 2**stages")
    return math.expm1(math.log(gain) / stages)  # a plain root would lose the digits of a small probability


def excess_noise_factor(g: float, stages: int = STAGES) -> float:
    r"""Return the factor by which multiplication enlarges the scatter of Poisson electrons.

    .. math:: F = \sqrt{2\, (g - 1)\, g^{-(M + 1) / M} + \frac{1}{g}}

    Parameters
    ----------
    g
        Gain of the whole register, 1 or more.
    stages
        :math:`M`.

    Returns
    -------
    float
        1 without gain, near the root of 2 at high gain.

    Raises
    ------
    UsageError
        If the gain is below 1, or more than the stages can give.

    Notes
    -----
    Limits: every stage doubles with one probability, and no electron saturates or is made of nothing.
    Reference: Robbins & Hadwen 2003, IEEE Transactions on Electron Devices 50, 1227, which writes it with the
    probability of a doubling: :math:`F^2 = (2 g + p - 1) / (g p + g)`.

    Examples
    --------
    >>> round(excess_noise_factor(5000.0), 6)
    1.404208
    """
    stage_probability(g, stages)
    return math.sqrt(2.0 * (g - 1.0) * g ** (-(stages + 1.0) / stages) + 1.0 / g)
