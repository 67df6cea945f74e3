"""Saturation: a full pixel holds no more."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from obverse.contract import Flags
from obverse.effects._effect import Effect, site
from obverse.flags import Flag
from obverse.frame import Frame
from obverse.moment import Moment
from obverse.params import param

__all__ = ["Saturation"]


@dataclass(frozen=True, eq=False, kw_only=True)
class Saturation(Effect):
    r"""Charge above the full well is lost; reads near it are flagged, and all later reads with them.

    .. math:: q' = \min(q, W), \qquad \text{flag where } (r - r_0)\, t_{last}/\bar t \geq (1 - m)\,(r_W - r_0)

    :math:`r_W` and :math:`r_0` are the raw values to which a full and an empty pixel respond through the rest
    of the chain: flags are set on raw values, before anything is undone. A resultant that averages reads is
    judged by where its last read would lie on a straight ramp (:math:`t_{last}/\bar t`).

    Parameters
    ----------
    full_well
        :math:`W`, a scalar, one an amplifier, or a map (row, column) [electron].
    margin
        :math:`m`, the fraction below full well from which on a read is flagged. It must cover the noise and
        what a saturated pixel loses to its neighbours (interpixel capacitance).

    Notes
    -----
    Limits: the charge above full well is lost here, not spread (bleeding is an effect of its own). False alarms
    are the pixels that truly lie in the margin.
    Reference: STScI, JWST pipeline documentation, step `saturation` (flags that stay to the end of the ramp).

    Examples
    --------
    >>> from obverse import Exposure, Geometry, Moment
    >>> at = Moment(Exposure("a", 1.0), Geometry((1, 3)))
    >>> Saturation(full_well=100.0).imprint(np.array([[50.0, 100.0, 900.0]], "f4"), at)
    array([[ 50., 100., 100.]], dtype=float32)
    """

    name = "saturation"
    contracts = (Flags(Flag.SATURATED),)

    full_well: float | NDArray[np.float64] = param("charge that a pixel can hold", unit="electron", above=0.0)
    margin: float = param(
        "fraction below full well that is flagged", default=0.02, minimum=0.0, maximum=0.5, shape="scalar"
    )
    site: str = site("pixel")

    def imprint(self, charge: NDArray[Any], at: Moment) -> NDArray[Any]:
        """Clip the charge (row, column) [electron] at full well."""
        return np.minimum(charge, at.plane(self.full_well))

    def correct(self, frame: Frame, at: Moment) -> Frame:
        """Flag SATURATED from the first read near full well to the end of the ramp."""
        empty, full = self._levels(frame, at)
        height = (frame.data - empty) * _reach(frame)
        span = full - empty  # nothing in the scans, where no pixel lies behind the number
        saturated = (height >= (1.0 - np.float32(self.margin)) * span) & (span > 0)
        if "resultant" in frame.axes:
            saturated = np.logical_or.accumulate(saturated, axis=frame.axes.index("resultant"))
        return frame.flagged(saturated, Flag.SATURATED)

    def _levels(self, frame: Frame, at: Moment) -> tuple[NDArray[Any], NDArray[Any]]:
        """Return the values of an empty and of a full pixel, in the unit of the frame."""
        if frame.unit != "DN" or at.respond is None:
            return np.zeros((), np.float32), at.plane(self.full_well)
        return at.respond(0.0), at.respond(self.full_well)


def _reach(frame: Frame) -> NDArray[np.float32]:
    """Return how far above its mean the last read of each resultant lies on a straight ramp."""
    pattern = frame.exposure.pattern
    if pattern is None or "resultant" not in frame.axes:
        return np.ones((), np.float32)
    last = np.array([times[-1] for times in pattern.times])
    mean = np.where(pattern.tbar > 0, pattern.tbar, 1.0)
    factor = np.where(pattern.n_reads > 1, last / mean, 1.0).astype(np.float32)
    after = len(frame.axes) - 1 - frame.axes.index("resultant")
    return factor.reshape(-1, *[1] * after)
