"""What every effect is: parameters, one site, two faces, and its contracts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from obverse.contract import Contract
from obverse.errors import UsageError
from obverse.exposure import Exposure
from obverse.frame import Frame
from obverse.moment import Moment
from obverse.params import Parameters, param

__all__ = ["SITES", "WHOLE", "Effect", "site"]

SITES = ("light", "charge", "pixel", "transfer", "node", "readout", "digital")
"""Where effects act, in the order in which a photon meets them."""

WHOLE = -1
"""Footprint of a correction that needs to see the whole frame."""


def site(default: str) -> Any:
    """Declare where an effect acts; a detector file may move it."""
    return param("where it acts", default=default, shape="text", choices=SITES)


@dataclass(frozen=True, eq=False, kw_only=True)
class Effect(Parameters):
    """One piece of detector physics, both ways.

    Class attributes that an effect states:

    - ``name``: the key in a detector file;
    - ``contracts``: what undoing it means, never empty;
    - ``acts_on``: ``"expected"`` (changes the mean before photons are counted) or ``"electrons"``;
    - ``cadence``: what its random numbers belong to, ``"read"`` or ``"integration"``;
    - ``halo``: rows on each side that its correction needs, or `WHOLE`;
    - ``steady``: of what acts on ``"expected"`` charge: whether its rate is the same at all times;
    - ``affine``: whether its imprint on a mean of reads is the mean of its imprints, so that it may act on resultants;
    - ``pointwise``: whether its imprint needs no neighbours, so that it may be given some rows of the sensor;
    - ``in_electrons``: whether its parameters are in electrons, so that it must stand before the gain.
    """

    name: ClassVar[str]
    contracts: ClassVar[tuple[Contract, ...]] = ()
    acts_on: ClassVar[str] = "electrons"
    cadence: ClassVar[str] = "read"
    halo: ClassVar[int] = 0
    steady: ClassVar[bool] = False
    affine: ClassVar[bool] = False
    pointwise: ClassVar[bool] = False
    in_electrons: ClassVar[bool] = False

    site: str = site("readout")
    source: str = param("where the values come from", default="", shape="text")

    def imprint(self, charge: NDArray[Any], at: Moment) -> NDArray[Any]:
        """Return the pixels with this effect on them."""
        raise NotImplementedError(f"{self.name} does not say what it does")

    def correct(self, frame: Frame, at: Moment) -> Frame:
        """Return the frame with this effect undone, as the contracts promise."""
        raise UsageError(f"{self.name}: its contracts {self.contracts} promise no correction")

    def variance(self, charge: NDArray[Any], at: Moment) -> NDArray[Any]:
        """Return the variance that it adds to one read of `charge` [unit of the chain there, squared]."""
        return np.zeros((), np.float32)

    def amplification(self, exposure: Exposure) -> float:
        """Return the factor by which its correction multiplies the variance of noise that entered behind it."""
        return 1.0

    def excess(self, exposure: Exposure) -> float:
        """Return the factor by which it multiplies the variance of electrons that were counted before it."""
        return 1.0

    def leverage(self, exposure: Exposure) -> float:
        """Return how much its correction takes away for each unit of its map: seconds of a rate, once of a level."""
        return 1.0

    @property
    def is_undone(self) -> bool:
        """Whether a recipe has something to do about it."""
        return any(contract.is_undone for contract in self.contracts)
