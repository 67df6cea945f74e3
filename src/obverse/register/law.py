"""The law of a multiplication register: what it makes of electrons, on average and drawn."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from obverse.kernels.register import Tables, add_spurious, multiply
from obverse.register.excess_noise import stage_probability
from obverse.register.few_electrons import few_electrons

__all__ = ["METHODS", "Register", "cumulants"]

METHODS = {"auto": 32.0, "exact": np.inf, "gamma": 0.0}
"""Fewer electrons than these are followed; `tests/effects/test_em_gain.py` bounds what is wrong with the rest."""


@lru_cache(maxsize=64)  # gains are real numbers: no end of them
def cumulants(gain: float, stages: int) -> NDArray[np.float64]:
    r"""Return mean, variance and third cumulant of what one electron has become after 0 to `stages` stages.

    .. math::

        \kappa_1' = m \kappa_1, \quad \kappa_2' = m^2 \kappa_2 + v \kappa_1, \quad
        \kappa_3' = m^3 \kappa_3 + 3 m v \kappa_2 + s \kappa_1

    with :math:`m = 1 + p, v = p (1 - p), s = v (1 - 2 p)` of one stage.

    Parameters
    ----------
    gain
        Of all stages together.
    stages
        How many.

    Returns
    -------
    ndarray
        (stages + 1, 3) [electron, electron squared, electron cubed].

    Notes
    -----
    Reference: Harris 1963, The Theory of Branching Processes, Springer, ch. I.5.

    Examples
    --------
    >>> cumulants(4.0, 2)[-1]
    array([4., 0., 0.])
    """
    p = stage_probability(gain, stages)
    m, v = 1.0 + p, p * (1.0 - p)
    table = np.zeros((stages + 1, 3))
    table[0, 0] = 1.0
    for k in range(stages):
        mean, variance, third = table[k]
        table[k + 1] = (
            m * mean,
            m**2 * variance + v * mean,
            m**3 * third + 3 * m * v * variance + v * (1 - 2 * p) * mean,
        )
    table.flags.writeable = False
    return table


@dataclass(frozen=True)
class Register:
    r"""A register at one gain.

    Parameters
    ----------
    gain
        :math:`g` of the whole register.
    stages
        :math:`M`.
    partial
        Probability with which a stage makes an electron of nothing, in units of that with which it doubles one.
    method
        One of `METHODS`.

    Examples
    --------
    >>> register = Register(gain=5000.0, stages=604)
    >>> float(register.mean(np.array([2.0]))[0])
    10000.0
    >>> round(float(np.sqrt(1.0 + register.variance(np.array([1.0]))[0] / 5000.0**2)), 6)  # the excess noise factor
    1.404208
    """

    gain: float
    stages: int
    partial: float = 0.0
    method: str = "auto"

    @cached_property
    def doubling(self) -> float:
        """Probability with which a stage doubles an electron."""
        return stage_probability(self.gain, self.stages)

    @cached_property
    def spurious(self) -> float:
        r"""Mean of what the stages make of nothing, :math:`c (g - 1)` [electron behind the register]."""
        return self.partial * (self.gain - 1.0)

    @cached_property
    def spurious_variance(self) -> float:
        """Variance of what the stages make of nothing [electron squared]: each makes one or none."""
        mean, variance, _ = cumulants(self.gain, self.stages)[:-1].T
        made = self.partial * self.doubling
        return float((made * (variance + mean**2) - (made * mean) ** 2).sum())

    @cached_property
    def law(self) -> NDArray[np.float64]:
        """Cumulants that the kernel matches; the third is that of a plain gamma law where nobody is followed.

        A single electron may not become less than none, as the shift that matches the third would let it.
        """
        table = cumulants(self.gain, self.stages)
        if self.method != "gamma":
            return table
        mean, variance = table[:, 0], table[:, 1]
        return np.stack([mean, variance, 2.0 * variance**2 / mean], axis=1)

    @cached_property
    def tables(self) -> Tables:
        """What the kernel draws from; methods other than ``"auto"`` have no tables of few electrons, and test them."""
        few = METHODS[self.method]
        tabulated = int(few) if self.method == "auto" else 0
        return Tables(self.doubling, few, self.law, *few_electrons(self.gain, self.stages, tabulated))

    def mean(self, charge: NDArray[Any]) -> NDArray[np.float32]:
        """Return the mean of what comes out [electron] for what goes in [electron]."""
        return np.asarray(charge, np.float32) * np.float32(self.gain) + np.float32(self.spurious)

    def variance(self, charge: NDArray[Any]) -> NDArray[np.float32]:
        """Return the scatter of what comes out about its mean [electron squared]."""
        one = cumulants(self.gain, self.stages)[-1, 1]
        return np.maximum(charge, 0).astype(np.float32) * np.float32(one) + np.float32(self.spurious_variance)

    def draw(self, charge: NDArray[Any], state: NDArray[np.uint64]) -> NDArray[np.float32]:
        """Return what comes out [electron] for what goes in, any shape, in the order in which it goes in."""
        out = np.empty(charge.size, np.float32)
        multiply(np.ascontiguousarray(charge).ravel(), self.tables, state, out)
        add_spurious(self.partial * self.doubling, self.tables, state, out)
        return out.reshape(charge.shape)
