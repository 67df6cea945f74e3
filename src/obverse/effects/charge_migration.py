"""Charge migration: a pixel that fills repels what arrives, and its neighbours collect it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from obverse.contract import Flags
from obverse.effects._coupling import couple, cross
from obverse.effects._effect import Effect, site
from obverse.effects._neighbours import touched, until_the_end
from obverse.errors import UsageError
from obverse.flags import Flag
from obverse.frame import Frame
from obverse.moment import Moment
from obverse.params import param

__all__ = ["ChargeMigration"]

_FEWEST = 3
"""Resultants below which nothing is flagged: a ramp of two has none to spare."""


@dataclass(frozen=True, eq=False, kw_only=True)
class ChargeMigration(Effect):
    r"""Of the charge above a threshold, a share goes to each of the four neighbours; reads from there on are flagged.

    .. math:: e = \max(q - T, 0), \qquad q'_i = q_i + s \sum_{j \in \mathrm{N,S,E,W}} (e_j - e_i)

    Flagged CHARGELOSS and DO_NOT_USE are the first resultant above :math:`T` that is not marked DO_NOT_USE alone, all
    later ones, and those of the four neighbours from there on. Ramps of fewer than three resultants are left alone.

    Parameters
    ----------
    threshold
        :math:`T` [electron]. The default is the 25 000 DN of the JWST step at the 1.61 electron/DN of NIRISS.
    share
        :math:`s`. The default is a round number: make it fit your detector before you trust a simulation.

    Notes
    -----
    Limits: a straight line above a sharp threshold stands for a field that bends smoothly. It acts on the whole charge
    at each read, hence at the node: at the pixel it would act again on what it has moved. What has moved is
    not brought back: the reads are left out instead, which costs what they knew. Where a CCD is cut into amplifiers,
    no charge crosses the cut.
    Reference: Goudfrooij et al. 2024, PASP 136, 014503; STScI, JWST pipeline documentation, step `charge_migration`.

    Examples
    --------
    >>> from obverse import Exposure, Geometry, Moment
    >>> at = Moment(Exposure("a", 1.0), Geometry((1, 3)))
    >>> ChargeMigration(threshold=100.0, share=0.125).imprint(np.array([[0.0, 140.0, 0.0]], "f4"), at)
    array([[  5., 130.,   5.]], dtype=float32)
    """

    name = "charge_migration"
    contracts = (Flags(Flag.CHARGELOSS),)
    halo = 1

    threshold: float = param("charge above which it moves", default=40250.0, unit="electron", above=0.0, shape="scalar")
    share: float = param("part of the rest for each neighbour", default=0.02, minimum=0.0, maximum=0.2, shape="scalar")
    site: str = site("node")

    def imprint(self, charge: NDArray[Any], at: Moment) -> NDArray[Any]:
        """Move charge (..., row, column) [electron]: what lies above the threshold is shared as a coupling shares."""
        excess = np.maximum(charge - np.float32(self.threshold), 0)
        # a reference pixel has no diode that could collect
        sensitive = at.geometry.sensitive[at.rows] if any(at.geometry.reference) else None
        return charge + couple(excess, cross(self.share), sensitive)

    def correct(self, frame: Frame, at: Moment) -> Frame:
        """Flag CHARGELOSS and DO_NOT_USE in ramps [electron]."""
        if "resultant" not in frame.axes or frame.unit != "electron":
            raise UsageError(
                f"charge_migration: it is found in ramps [electron], this frame is in {frame.unit!r} with axes "
                f"{frame.axes}: put it behind 'gain' and before 'estimate'"
            )
        if frame.shape[frame.axes.index("resultant")] < _FEWEST:
            return frame
        above = frame.data > np.float32(self.threshold)
        if frame.flags is not None:
            # other flags do not excuse it: a saturated pixel has spilled over all the more
            above &= frame.flags != np.uint8(Flag.DO_NOT_USE)
        spilled = touched(until_the_end(above, frame.axes))
        return frame.flagged(spilled, Flag.CHARGELOSS | Flag.DO_NOT_USE)
