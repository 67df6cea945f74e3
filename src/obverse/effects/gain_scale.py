"""Gain scale: counts taken at another gain than the one that all references were made for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from obverse.contract import Exact
from obverse.effects._effect import Effect, site
from obverse.errors import UsageError
from obverse.exposure import Exposure
from obverse.frame import Frame
from obverse.moment import Moment
from obverse.params import param

__all__ = ["GainScale"]


@dataclass(frozen=True, eq=False, kw_only=True)
class GainScale(Effect):
    r"""Digital numbers of a second gain setting, brought to the scale of the first.

    .. math:: r' = r / f, \qquad \hat r = f\, r'

    Parameters
    ----------
    factor
        :math:`f`, the gain of this setting over that of the references, a scalar or one an amplifier
        (GAINFACT of the JWST files).

    Notes
    -----
    Limits: linear; the noise of digitisation that follows it is multiplied with the counts (`amplification`).
    It stands behind `gain` and before `adc` in the chain.
    Reference: STScI, JWST pipeline documentation, step `gain_scale` (NIRSpec subarrays: GAINFACT is 2).

    Examples
    --------
    >>> from obverse import Exposure, Geometry, Moment
    >>> at = Moment(Exposure("a", 1.0), Geometry((1, 1)))
    >>> GainScale(factor=2.0).correct(Frame(np.array([[100.0]], "f4"), "DN"), at).data
    array([[200.]], dtype=float32)
    """

    name = "gain_scale"
    contracts = (Exact(rtol=2e-7, domain="all values that a float32 holds with ease", low=-1e30, high=1e30),)
    affine = True
    pointwise = True

    factor: float | NDArray[np.float64] = param("gain of this setting over that of the references", above=0.0)
    site: str = site("readout")

    def imprint(self, charge: NDArray[Any], at: Moment) -> NDArray[Any]:
        """Divide the counts by the factor [DN]."""
        return charge / at.plane(self.factor)

    def correct(self, frame: Frame, at: Moment) -> Frame:
        """Multiply the counts by the factor [DN]."""
        if frame.unit != "DN":
            raise UsageError(
                f"gain_scale: the frame is in {frame.unit!r}, it must be in 'DN'; its undone effects are {frame.undone}"
            )
        return frame.replace(data=np.asarray(frame.data, np.float32) * at.plane(self.factor))

    def amplification(self, exposure: Exposure) -> float:
        """Return the mean square of the factor: what noise of the converter is multiplied by."""
        return float(np.nanmean(np.asarray(self.factor) ** 2))
