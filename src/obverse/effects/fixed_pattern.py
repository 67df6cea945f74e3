"""Fixed pattern: the same electrons on every read, whatever the exposure and the gain."""

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
from obverse.scaling import subtract_map

__all__ = ["FixedPattern"]


@dataclass(frozen=True, eq=False, kw_only=True)
class FixedPattern(Effect):
    r"""A map that the electronics behind the register lays over every read.

    .. math:: q' = q + F, \qquad \hat q = q' - F

    Parameters
    ----------
    pattern
        :math:`F`, a scalar, one an amplifier, or a map in sensor or file layout (row, column) [electron behind the
        register]. Scans have a pattern only in a map of the file: else :math:`F` is what the sensor has more than they.
    error
        Its error, a map (row, column) [electron behind the register], where it was measured; *shared* by all exposures.

    Notes
    -----
    Limits: constant in time and temperature; what scales with the gain is `clock_induced_charge` and `dark_current`,
    and a level that all pixels have is `bias`. Where a map says NaN nothing is subtracted, and the pixel is
    UNRELIABLE_BIAS and DO_NOT_USE. Its error is a variance ``dark`` that waits for the estimator.
    Reference: Janesick 2007, Photon Transfer, SPIE Press, ch. 3 (offset fixed pattern noise).

    Examples
    --------
    >>> from obverse import Exposure, Geometry, Moment
    >>> at = Moment(Exposure("a", 1.0), Geometry((1, 2)))
    >>> FixedPattern(pattern=np.array([[3.0, -2.0]])).imprint(np.ones((1, 2), "f4"), at)
    array([[ 4., -1.]], dtype=float32)
    """

    name = "fixed_pattern"
    # not `Subtracts`: it has no noise that could stay, so that what it promises is more
    contracts = (Exact(rtol=1e-6, domain="all charges of a register", low=-1e4, high=1e6),)
    affine = True
    pointwise = True
    in_electrons = True

    pattern: float | NDArray[np.float64] = param("electrons on every read", unit="electron")
    error: NDArray[np.float64] | None = param("its error", default=None, unit="electron", minimum=0.0, shape="map")
    site: str = site("readout")

    def imprint(self, charge: NDArray[Any], at: Moment) -> NDArray[Any]:
        """Add the pattern [electron behind the register]."""
        return charge + np.nan_to_num(_on_sensor(self.pattern, at))

    def correct(self, frame: Frame, at: Moment) -> Frame:
        """Subtract the pattern from a frame [electron behind the register]."""
        if frame.unit != "electron" or "em_gain" in frame.undone:
            raise UsageError(
                f"fixed_pattern: the frame is in {frame.unit!r} and its undone effects are {frame.undone}: "
                f"the pattern is in 'electron' behind the register, undo it after 'gain' and before 'em_gain'"
            )
        pattern = _on_sensor(self.pattern, at)
        if self.error is None:
            return subtract_map(frame, pattern, None, "", Flag.UNRELIABLE_BIAS)
        known = frame if frame.variances is not None else frame.replace(variances={})
        return subtract_map(known, pattern, _on_sensor(self.error, at), self.digest(), Flag.UNRELIABLE_BIAS)


def _on_sensor(value: float | NDArray[np.float64], at: Moment) -> NDArray[np.float32]:
    """Return the plane of a parameter, zero in scans of which it says nothing: the bias is told from them."""
    plane, geometry = at.plane(value), at.geometry
    if at.layout != "clocked" or geometry.is_plain or np.shape(value)[-2:] == geometry.file_shape:
        return plane
    inside = geometry.pad(np.ones(geometry.shape, bool))[..., at.rows, :]
    return np.where(inside, plane, np.float32(0.0))
