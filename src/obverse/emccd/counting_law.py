"""How often a pixel passes the threshold, and how many electrons that means."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import factorial, ndtr

from obverse.errors import UsageError
from obverse.register.excess_noise import STAGES
from obverse.register.waves import register_laws

__all__ = ["CountingLaw"]

Array = NDArray[Any]

_ELECTRONS = 40
"""Electrons of one pixel that are told apart: a threshold below the gain never misses as many."""

_REACH = 9.0
"""Standard deviations of read noise beyond which nothing is left of it."""

_MOST = 1e6
"""Electrons behind the register up to which its law is worked out."""

_NEVER = 1e-9
"""Chances below this are rounding errors of the sums."""


@dataclass(frozen=True)
class CountingLaw:
    r"""The probability that a pixel exceeds a threshold behind the register, and its inverse.

    .. math::

        P(\lambda) = 1 - e^{-L}, \qquad L = \lambda - \ln Q(\lambda), \qquad Q = \sum_n q_n \frac{\lambda^n}{n!}, \qquad
        q_n = \sum_x P_n(x)\, \Phi\!\left(\frac{T - x}{\sigma}\right)

    :math:`q_n` is the chance to miss n electrons, by the law :math:`P_n` of a register of M stages with read noise
    added; :math:`q_0 = 1` but for false alarms.

    Parameters
    ----------
    threshold
        T [electron behind the register]; a pixel counts where it is above, not at it.
    em_gain
        :math:`g`, the mean gain.
    read_noise
        :math:`\sigma` [electron behind the register].
    stages
        M, of the register.
    partial
        Chance that a stage makes an electron of nothing, in units of that to double one (partial clock-induced
        charge); 0 where none is known.

    Raises
    ------
    UsageError
        If the threshold is negative or not below the gain, the read noise is no positive number, or both are so large
        that the law is endless.

    Notes
    -----
    Limits: exact for Poisson electrons and Gaussian read noise. A gain that is wrong by 1 % moves the result by about
    T / g %. Partial charge of c = 1/40 that the law does not know of leaves 0.7 % in the slope after a dark is
    subtracted.
    Reference: Nemati 2020, Proc. SPIE 11443, 114435F (threshold and coincidence, third order in the electrons).

    Examples
    --------
    >>> law = CountingLaw(threshold=500.0, em_gain=5000.0, read_noise=100.0)
    >>> float(law.electrons(-np.log1p(-law.probability(0.1))))
    0.1
    """

    threshold: float
    em_gain: float
    read_noise: float
    stages: int = STAGES
    partial: float = 0.0

    def __post_init__(self) -> None:
        if not 0 < self.read_noise < np.inf:
            raise UsageError(f"photon counting: the read noise is {self.read_noise} electron, it must be above zero")
        if not 0 <= self.partial <= 1:
            raise UsageError(f"photon counting: partial is {self.partial}, it must be 0 to 1")
        if not 0 <= self.threshold < self.em_gain:
            raise UsageError(
                f"photon counting: a threshold of {self.threshold:g} electron with an EM gain of {self.em_gain:g}: "
                "it must be zero or more and below the gain, else most electrons are missed"
            )

        if self.threshold + _REACH * self.read_noise > _MOST:
            raise UsageError(
                f"photon counting: a threshold of {self.threshold:g} and a read noise of {self.read_noise:g} electron: "
                "no register holds as much, are they in electrons?"
            )

    @cached_property
    def missed(self) -> NDArray[np.float64]:
        """Chance q that n electrons stay at or below the threshold, (n,)."""
        outcomes = int(np.ceil(self.threshold + _REACH * self.read_noise)) + 2
        below = ndtr((self.threshold - np.arange(outcomes)) / self.read_noise)
        chances = register_laws(self.em_gain, self.stages, outcomes, _ELECTRONS, self.partial) @ below
        return np.where(chances > _NEVER, chances, 0.0)

    def probability(self, electrons: ArrayLike) -> Array:
        r"""Return the chance P that a pixel with a mean of :math:`\lambda` electrons counts."""
        return -np.expm1(-self.depth(electrons)[0])

    def depth(self, electrons: ArrayLike) -> tuple[Array, Array, Array]:
        r"""Return :math:`L = -\ln(1 - P) = \lambda - \ln Q(\lambda)`, its slope and its bend, which is slight."""
        x = np.asarray(electrons, np.float64)
        q = self.missed / factorial(np.arange(_ELECTRONS))
        total, first, second = (np.polyval(np.polyder(q[::-1], k), x) for k in range(3))
        return x - np.log(total), 1.0 - first / total, (first / total) ** 2 - second / total

    def electrons(self, depth: ArrayLike) -> Array:
        r"""Return the :math:`\lambda` of a depth L, by Newton's steps from L itself.

        They cannot run away: L rises more and more steeply, so that one step too far is followed by shorter ones back.
        """
        goal = np.asarray(depth, np.float64)
        electrons = goal
        for _ in range(50):
            here, slope, _ = self.depth(electrons)
            step = (here - goal) / slope
            electrons = electrons - step
            if np.all(np.abs(step) <= 1e-13 * (1.0 + np.abs(electrons))):
                break
        return electrons
