"""EM gain: a register multiplies electrons before anything is read."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from obverse.contract import Averages, Exact
from obverse.effects._effect import Effect, site
from obverse.errors import UsageError
from obverse.exposure import Exposure
from obverse.frame import Frame
from obverse.moment import Moment
from obverse.params import param
from obverse.register.excess_noise import STAGES, excess_noise_factor
from obverse.register.law import METHODS, Register
from obverse.scaling import divide

__all__ = ["EmGain"]


@dataclass(frozen=True, eq=False, kw_only=True)
class EmGain(Effect):
    r"""Multiplication in a serial register, whose stages double each electron with a small probability.

    .. math::

        n_{k+1} = n_k + \mathrm{Binomial}(n_k, p) + \mathrm{Bernoulli}(c\, p), \quad p = g^{1/M} - 1, \quad
        q' = \min(n_M, W)

    .. math:: \langle q' \rangle = g\, q + c\, (g - 1), \qquad \mathrm{Var} = g^2 (F^2 - 1)\, q + \mathrm{Var}_c

    :math:`F` is `excess_noise_factor`. The gain :math:`g` is the exposure's: ``em_gain_actual`` where that is known,
    else `ratio` times ``em_gain``.

    Parameters
    ----------
    ratio
        Actual over commanded gain; a commanded gain of 1 is 1, and no gain is below it.
    stages
        :math:`M`.
    partial
        :math:`c`, the probability with which a stage makes an electron of nothing, in units of that with which it
        doubles one (partial clock-induced charge). A belief whose `clock_induced_charge` was measured behind the
        register has them in there already: 0.
    full_well
        :math:`W` of the register [electron].
    method
        ``"exact"`` follows every electron, ``"gamma"`` draws from the gamma law of the same mean and variance, and
        ``"auto"`` follows them while they are fewer than 32, then draws from a gamma law of the same first three
        cumulants, which is off by less than 3e-4 in probability.

    Notes
    -----
    Limits: all stages alike; the full well is that of the last stages, and what it cuts off is lost (`register_trail`
    has what stays behind). Charge that is no whole number, from noise, is rounded up or down at random, right on
    average. A gamma law of shape :math:`n` and scale :math:`g`, which many simulators draw from, has a variance that
    is too large by :math:`2p`: 3 % at a gain of 5000 in 604 stages.
    Reference: Robbins & Hadwen 2003, IEEE Transactions on Electron Devices 50, 1227; Basden et al. 2003, MNRAS 345,
    985.

    Examples
    --------
    >>> from obverse import Geometry, Moment
    >>> at = Moment(Exposure("a", 1.0, em_gain=1000.0), Geometry((1, 2)))
    >>> EmGain().imprint(np.array([[0.0, 3.0]], "f4"), at)  # without noise, the mean
    array([[   0., 3000.]], dtype=float32)
    """

    name = "em_gain"
    contracts = (
        Exact(rtol=1e-6, domain="the mean, up to the full well of the register", low=0.0, high="full_well"),
        Averages(),
    )
    pointwise = True
    in_electrons = True

    ratio: float = param("actual over commanded gain", default=1.0, above=0.0, shape="scalar")
    stages: int = param("stages of the register", default=STAGES, minimum=1, maximum=2000, shape="whole")
    partial: float = param(
        "electrons that a stage makes of nothing, for each that it doubles one",
        default=0.0,
        minimum=0.0,
        maximum=1.0,
        shape="scalar",
    )
    full_well: float = param(
        "charge that the register can hold", default=105000.0, unit="electron", above=0.0, shape="scalar"
    )
    method: str = param("how multiplication is drawn", default="auto", shape="text", choices=tuple(METHODS))
    site: str = site("transfer")

    def gain(self, exposure: Exposure) -> float:
        """Return the gain that electrons of this exposure met."""
        if not exposure.applied_em_gain >= 1.0:  # nor is NaN
            raise UsageError(f"{exposure.id}: EM gain {exposure.applied_em_gain:g}: a register multiplies by 1 or more")
        if exposure.em_gain_actual is not None or exposure.em_gain == 1.0:
            return exposure.applied_em_gain
        return max(exposure.em_gain * self.ratio, 1.0)

    def register(self, exposure: Exposure) -> Register:
        """Return the law of the register at the gain of this exposure."""
        return Register(self.gain(exposure), self.stages, self.partial, self.method)

    def imprint(self, charge: NDArray[Any], at: Moment) -> NDArray[Any]:
        """Multiply the charge [electron] and clip it at full well [electron behind the register]."""
        grown = at.rng.drawn(charge, self.register(at.exposure))
        return np.minimum(grown, np.float32(self.full_well), out=grown)

    def correct(self, frame: Frame, at: Moment) -> Frame:
        """Take away the mean of what the stages made of nothing, and divide by the gain [electron before it]."""
        if frame.unit != "electron":
            raise UsageError(
                f"em_gain: the frame is in {frame.unit!r}, it must be in 'electron' behind the register: "
                f"undo 'gain' first; its undone effects are {frame.undone}"
            )
        if self.name in frame.undone:
            raise UsageError(f"em_gain: the frame was divided by it before; its undone effects are {frame.undone}")
        register = self.register(at.exposure)
        multiplied = frame.replace(data=np.asarray(frame.data, np.float32) - np.float32(register.spurious))
        return divide(multiplied, np.asarray(register.gain))

    def variance(self, charge: NDArray[Any], at: Moment) -> NDArray[Any]:
        """Return the scatter that multiplication adds [electron squared, behind the register]."""
        return self.register(at.exposure).variance(charge)

    def amplification(self, exposure: Exposure) -> float:
        """Return what noise behind the register is multiplied by, in variance: 1 / g^2."""
        return self.gain(exposure) ** -2

    def excess(self, exposure: Exposure) -> float:
        """Return what the variance of Poisson electrons is multiplied by: F^2."""
        return excess_noise_factor(self.gain(exposure), self.stages) ** 2
