"""Read noise: the amplifier never says the same twice."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from obverse.contract import Averages
from obverse.effects._effect import Effect, site
from obverse.moment import Moment
from obverse.params import param

__all__ = ["ReadNoise"]


@dataclass(frozen=True, eq=False, kw_only=True)
class ReadNoise(Effect):
    r"""White Gaussian noise, new in every read.

    .. math:: q' = q + \sigma\, \epsilon, \qquad \sigma = \sigma_{CDS} / \sqrt{2}

    Parameters
    ----------
    sigma
        :math:`\sigma` of a *single* read, a scalar, one an amplifier, or a map (row, column) [electron].
        JWST and HST tables give the noise of a difference of two reads: divide by the root of two.
    includes_quantisation
        ``"yes"`` where :math:`\sigma` was measured on digitised data and so holds the noise of the ADC already.

    Notes
    -----
    Limits: white and uncorrelated; 1/f noise and fixed patterns are effects of their own.
    Reference: Janesick 2001, Scientific Charge-Coupled Devices, SPIE Press.

    Examples
    --------
    >>> from obverse import Exposure, Geometry, Moment
    >>> at = Moment(Exposure("a", 1.0), Geometry((1, 2)))
    >>> float(ReadNoise(sigma=5.0).variance(np.zeros((1, 2)), at))
    25.0
    """

    name = "read_noise"
    in_electrons = True
    contracts = (Averages(),)
    affine = True
    pointwise = True

    sigma: float | NDArray[np.float64] = param("noise of a single read", unit="electron", minimum=0.0)
    includes_quantisation: str = param(
        "whether sigma holds the ADC's noise", default="no", shape="text", choices=("yes", "no")
    )
    site: str = site("readout")

    def imprint(self, charge: NDArray[Any], at: Moment) -> NDArray[Any]:
        """Add the noise of this read, or of a mean of `at.reads` [electron]."""
        noise = at.rng.normal(charge.shape)
        noise *= at.plane(self.sigma) / np.float32(np.sqrt(at.reads))
        noise += charge  # in place: planes of a large sensor cost more to allocate than to add
        return noise

    def variance(self, charge: NDArray[Any], at: Moment) -> NDArray[Any]:
        """Return the variance of one read [electron squared]."""
        return at.plane(self.sigma) ** 2
