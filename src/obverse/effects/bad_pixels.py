"""Bad pixels: what is known of each pixel before any exposure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from obverse.contract import Flags
from obverse.effects._effect import Effect, site
from obverse.errors import UsageError
from obverse.flags import Flag
from obverse.frame import Frame
from obverse.moment import Moment
from obverse.params import param

__all__ = ["BadPixels"]


@dataclass(frozen=True, eq=False, kw_only=True)
class BadPixels(Effect):
    r"""Dead pixels collect nothing; what is known of any pixel is added to the flags of each exposure.

    .. math:: q' = \begin{cases} 0 & \text{DEAD} \\ q & \text{else} \end{cases}, \qquad f' = f \mathbin{|} F

    Parameters
    ----------
    flags
        :math:`F`, a map (row, column) of 32-bit `Flag`. DEAD brings DO_NOT_USE with it: a pixel without charge has
        no rate, and must not pass for one of rate zero.

    Notes
    -----
    Limits: only DEAD changes the charge, since a flag says that a pixel differs, not by how much. The rate of a HOT or
    WARM pixel stands in the map of `dark_current`, the response of LOW_QE in that of `flat`, and TELEGRAPH noise,
    which is no constant, is not simulated. It acts on what has gathered: it stands behind `cosmic_rays`. Flags belong
    to the pixels of the sensor: a file with scans must be assembled first.
    Reference: STScI, JWST pipeline documentation, data quality flags (DEAD 1024, HOT 2048), step `dq_init`.

    Examples
    --------
    >>> from obverse import Exposure, Geometry, Moment
    >>> at = Moment(Exposure("a", 1.0), Geometry((1, 2)))
    >>> dead = BadPixels(flags=np.array([[0, Flag.DEAD]]))
    >>> dead.imprint(np.array([[7.0, 7.0]], "f4"), at)
    array([[7., 0.]], dtype=float32)
    >>> dead.correct(Frame(np.ones((1, 2)), "electron"), at).pixel_flags
    array([[   0, 1025]], dtype=uint32)
    """

    name = "bad_pixels"
    contracts = (Flags(Flag.DEAD),)
    pointwise = True

    flags: NDArray[np.uint32] = param("what is known of each pixel", shape="flags")
    site: str = site("charge")

    def imprint(self, charge: NDArray[Any], at: Moment) -> NDArray[Any]:
        """Empty the dead pixels of a charge (row, column) [electron]."""
        return np.where(self._of(at, Flag.DEAD), np.zeros((), charge.dtype), charge)

    def correct(self, frame: Frame, at: Moment) -> Frame:
        """Add the map to the pixel flags."""
        if "amplifier" in frame.axes:
            raise UsageError("bad_pixels: amplifiers in read-out order have no pixel flags: put it behind 'assemble'")
        known = self._rows(at) | np.where(self._of(at, Flag.DEAD), np.uint32(Flag.DO_NOT_USE), np.uint32(0))
        old = np.zeros_like(known) if frame.pixel_flags is None else frame.pixel_flags
        return frame.replace(pixel_flags=old | known)

    def _rows(self, at: Moment) -> NDArray[np.uint32]:
        """Return the map at the rows in hand; `Moment.plane` is no help, since float32 holds no 32 bits."""
        if self.flags.shape != at.geometry.shape:
            raise UsageError(f"bad_pixels.flags has shape {self.flags.shape}, the sensor {at.geometry.shape}")
        return self.flags[at.rows]

    def _of(self, at: Moment, flag: Flag) -> NDArray[np.bool_]:
        return (self._rows(at) & np.uint32(flag)) != 0
