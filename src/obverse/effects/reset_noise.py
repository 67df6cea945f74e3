"""Reset noise (kTC): where the node starts after a reset."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from obverse.contract import Averages
from obverse.effects._effect import Effect, site
from obverse.moment import Moment
from obverse.params import param

__all__ = ["ResetNoise"]


@dataclass(frozen=True, eq=False, kw_only=True)
class ResetNoise(Effect):
    r"""A random level after each reset, the same in all reads of one integration.

    .. math:: \sigma = \sqrt{k T C}/e, \qquad q' = q + \sigma\, \epsilon_{integration}

    Parameters
    ----------
    sigma
        :math:`\sigma`, a scalar, one an amplifier, or a map (row, column) [electron].

    Notes
    -----
    Limits: differences of reads of one integration cancel it exactly; in a single read it is read noise. A CCD
    camera with correlated double sampling removes it before the file is written: leave it out there.
    Reference: Janesick 2001, Scientific Charge-Coupled Devices, SPIE Press, ch. 6.

    Examples
    --------
    >>> from obverse import Exposure, Geometry, Moment
    >>> float(ResetNoise.from_capacitance(50e-15, 295.0).sigma.__round__(1))
    89.1
    """

    name = "reset_noise"
    in_electrons = True
    contracts = (Averages(),)
    affine = True
    pointwise = True
    cadence = "integration"

    sigma: float | NDArray[np.float64] = param("scatter of the level after a reset", unit="electron", minimum=0.0)
    site: str = site("node")

    @classmethod
    def from_capacitance(cls, farad: float, kelvin: float) -> ResetNoise:
        """Build from the capacitance [F] and temperature [K] of the node."""
        boltzmann, charge = 1.380649e-23, 1.602176634e-19
        return cls(sigma=float(np.sqrt(boltzmann * kelvin * farad) / charge))

    def imprint(self, charge: NDArray[Any], at: Moment) -> NDArray[Any]:
        """Add the level of this integration [electron]."""
        return charge + at.plane(self.sigma) * at.rng.normal(charge.shape)

    def variance(self, charge: NDArray[Any], at: Moment) -> NDArray[Any]:
        """Return the variance of the level of one read [electron squared]."""
        return at.plane(self.sigma) ** 2
