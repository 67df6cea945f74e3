"""Clock-induced charge: electrons that moving charge about frees."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from obverse.contract import Averages, Subtracts
from obverse.effects._effect import Effect, site
from obverse.errors import UsageError
from obverse.flags import Flag
from obverse.frame import Frame
from obverse.moment import Moment
from obverse.params import param
from obverse.scaling import subtract_map

__all__ = ["ClockInducedCharge"]


@dataclass(frozen=True, eq=False, kw_only=True)
class ClockInducedCharge(Effect):
    r"""Electrons made by the clocks, as many on average in every read, however long the exposure.

    .. math:: q' = q + \mathrm{Poisson}(C), \qquad C = C_s + C_p \ \text{where parallel clocks reach}, \qquad
              \hat q = q' - C

    Parameters
    ----------
    level
        :math:`C_s`, the mean in every pixel that is clocked out, scans included: a scalar, one an amplifier, or a map
        in sensor or file layout (row, column) [electron before the register]. A measured map holds both kinds, and may
        be negative where its noise is.
    parallel
        :math:`C_p`, what the columns of the sensor have beside it, parallel overscan included [electron].
    error
        Error of the level, a map (row, column) [electron], where it was measured; *shared* by all exposures.

    Notes
    -----
    Limits: each pixel on its own: that a transfer frees charge in the next packet too is within the mean. Subtracting
    it leaves its Poisson noise, so it stands behind ``estimate`` in a recipe, which counts all electrons alike.
    What the stages of a register make is `em_gain.partial`. Where a map says NaN nothing is subtracted, and
    the pixel is UNRELIABLE_DARK and DO_NOT_USE.
    Reference: Janesick 2001, Scientific Charge-Coupled Devices, SPIE Press, ch. 7 (spurious charge);
    Daigle et al. 2012, Proc. SPIE 8453, where everything that is not light is under 0.002 electron a pixel.

    Examples
    --------
    >>> from obverse import Exposure, Geometry, Moment
    >>> at = Moment(Exposure("a", 1.0), Geometry((1, 2), prescan=1), layout="clocked")
    >>> ClockInducedCharge(level=0.01, parallel=0.02).imprint(np.zeros((1, 1, 3), "f4"), at)  # without noise, the mean
    array([[[0.01, 0.03, 0.03]]], dtype=float32)
    """

    name = "clock_induced_charge"
    contracts = (Subtracts(), Averages())
    affine = True
    pointwise = True
    in_electrons = True

    level: float | NDArray[np.float64] = param("mean in every clocked pixel", unit="electron")
    parallel: float | NDArray[np.float64] = param(
        "more of it in the columns of the sensor", default=0.0, unit="electron"
    )
    error: NDArray[np.float64] | None = param("its error", default=None, unit="electron", minimum=0.0, shape="map")
    site: str = site("transfer")

    def imprint(self, charge: NDArray[Any], at: Moment) -> NDArray[Any]:
        """Add the electrons of this read, or of a mean of `at.reads` [electron]."""
        reads = np.float32(at.reads)
        mean = np.broadcast_to(np.nan_to_num(self.mean(at)), charge.shape)
        return charge + at.rng.poisson(mean * reads) / reads

    def mean(self, at: Moment) -> NDArray[np.float32]:
        """Return the mean of both kinds at the pixels in hand [electron]."""
        level, parallel = at.plane(self.level), at.plane(self.parallel)
        if at.layout != "clocked":
            return level + parallel
        reached = np.zeros(at.geometry.clocked_shape[-1], np.float32)
        reached[at.geometry.image_columns] = 1.0
        return level + parallel * reached

    def correct(self, frame: Frame, at: Moment) -> Frame:
        """Subtract the mean from an image [electron before the register]."""
        if frame.unit != "electron":
            raise UsageError(
                f"clock_induced_charge: the frame is in {frame.unit!r}, it must be in 'electron', "
                f"divided by the EM gain; its undone effects are {frame.undone}"
            )
        return subtract_map(frame, self.mean(at), self._error(at), self.digest(), Flag.UNRELIABLE_DARK)

    def _error(self, at: Moment) -> NDArray[np.float32] | None:
        return None if self.error is None else at.plane(self.error)

    def variance(self, charge: NDArray[Any], at: Moment) -> NDArray[Any]:
        """Return the Poisson variance of one read [electron squared]."""
        return np.maximum(np.nan_to_num(self.mean(at)), 0)
