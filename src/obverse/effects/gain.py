"""Gain: electrons become digital numbers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from obverse.contract import Exact
from obverse.effects._effect import Effect, site
from obverse.errors import UsageError
from obverse.flags import Flag
from obverse.frame import Frame
from obverse.moment import Moment
from obverse.params import param
from obverse.scaling import add_pixel_flag

__all__ = ["Gain"]


@dataclass(frozen=True, eq=False, kw_only=True)
class Gain(Effect):
    r"""Electrons for one digital number.

    .. math:: r = q / g, \qquad \hat q = g\, r

    Parameters
    ----------
    gain
        :math:`g`, a scalar, one an amplifier, or a map (row, column) [electron/DN].

    Notes
    -----
    Limits: linear; what bends is `nonlinearity`. A pixel whose gain is unknown (NaN in a map) gets NO_GAIN_VALUE.
    Reference: Janesick 2007, Photon Transfer, SPIE Press, ch. 4.

    Examples
    --------
    >>> from obverse import Exposure, Geometry, Moment
    >>> at = Moment(Exposure("a", 1.0), Geometry((1, 1)))
    >>> Gain(gain=2.0).correct(Frame(np.array([[100.0]], "f4"), "DN"), at).data
    array([[200.]], dtype=float32)
    """

    name = "gain"
    contracts = (Exact(rtol=2e-7, domain="all values that a float32 holds with ease", low=-1e30, high=1e30),)
    affine = True
    pointwise = True

    gain: float | NDArray[np.float64] = param("electrons a digital number", unit="electron/DN", above=0.0)
    site: str = site("readout")

    def imprint(self, charge: NDArray[Any], at: Moment) -> NDArray[Any]:
        """Divide the signal [electron] by the gain: [DN]."""
        return charge / at.plane(self.gain)

    def correct(self, frame: Frame, at: Moment) -> Frame:
        """Multiply the signal [DN] by the gain: [electron]."""
        if frame.unit != "DN":
            raise UsageError(
                f"gain: the frame is in {frame.unit!r}, it must be in 'DN'; its undone effects are {frame.undone}"
            )
        g = at.plane(self.gain)
        # files of other pipelines bring errors of the bias along
        variances = frame.variances and {
            name: (plane * g**2).astype(np.float32) for name, plane in frame.variances.items()
        }
        scaled = frame.replace(data=np.asarray(frame.data, np.float32) * g, unit="electron", variances=variances)
        if np.isfinite(g).all():
            return scaled
        return add_pixel_flag(scaled, ~np.isfinite(g), Flag.NO_GAIN_VALUE | Flag.DO_NOT_USE)
