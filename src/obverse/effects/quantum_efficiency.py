"""Quantum efficiency: photons become electrons."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from obverse.contract import Scales
from obverse.effects._effect import Effect, site
from obverse.frame import Frame
from obverse.moment import Moment
from obverse.params import param
from obverse.scaling import divide

__all__ = ["QuantumEfficiency"]


@dataclass(frozen=True, eq=False, kw_only=True)
class QuantumEfficiency(Effect):
    r"""Mean number of electrons that a photon frees.

    .. math:: e = \eta\, p

    Parameters
    ----------
    efficiency
        :math:`\eta`, a scalar, one an amplifier, or a map (row, column) [electron/photon]. Above one where
        an energetic photon frees several electrons.

    Notes
    -----
    Limits: one number for the whole band; dividing by it is right for one colour only. In electron-hole
    multiplication (:math:`\eta > 1`) the extra scatter of the yield is not simulated.
    Reference: Janesick 2001, Scientific Charge-Coupled Devices, SPIE Press.

    Examples
    --------
    >>> from obverse import Exposure, Geometry, Moment
    >>> at = Moment(Exposure("a", 1.0), Geometry((1, 2)))
    >>> QuantumEfficiency(efficiency=0.8).imprint(np.array([[10.0, 20.0]], "f4"), at)
    array([[ 8., 16.]], dtype=float32)
    """

    name = "quantum_efficiency"
    contracts = (Scales("right for the colour at which the efficiency holds"),)
    acts_on = "expected"

    efficiency: float | NDArray[np.float64] = param("electrons a photon", unit="electron/photon", above=0.0)
    site: str = site("light")

    def imprint(self, charge: NDArray[Any], at: Moment) -> NDArray[Any]:
        """Multiply the photon rate (row, column) [photon/s] by the efficiency."""
        return charge * at.plane(self.efficiency)

    def correct(self, frame: Frame, at: Moment) -> Frame:
        """Divide by the efficiency: electrons become photons."""
        return divide(frame, at.plane(self.efficiency)).replace(unit=frame.unit.replace("electron", "photon"))
