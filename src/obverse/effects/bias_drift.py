"""Bias drift: the level wanders, and pixels that see no light tell where it is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from obverse.contract import Averages, Subtracts
from obverse.effects._effect import WHOLE, Effect, site
from obverse.errors import UsageError
from obverse.frame import Frame
from obverse.geometry import Geometry
from obverse.moment import Moment
from obverse.params import param
from obverse.robust import clipped_mean

__all__ = ["BiasDrift"]

DARK_PIXELS = ("prescan", "overscan", "both", "reference")


@dataclass(frozen=True, eq=False, kw_only=True)
class BiasDrift(Effect):
    r"""An offset common to an amplifier in one read, and one more in each of its rows.

    .. math::

        r'_{aij} = r_{aij} + \delta_a + \delta_{ai}, \qquad
        \hat r_{aij} = r'_{aij} - \langle r'_{aij'} \rangle_{j' \in dark}, \qquad
        \mathrm{Var} = \sigma_{read}^2 / n_{dark}

    The variance of the estimate is common to all pixels that share it (a row, or a whole amplifier).

    Parameters
    ----------
    frame_sigma
        Scatter of :math:`\delta_a` from read to read, a scalar or one an amplifier [DN].
    row_sigma
        Scatter of :math:`\delta_{ai}` from row to row [DN].
    seen_in
        Which dark pixels tell the offset: ``"prescan"``, ``"overscan"``, ``"both"`` (columns of a CCD that were
        clocked without light) or ``"reference"`` (the border of an infrared array).
    settle
        First prescan columns of a row that are left out, because the electronics still settle.
    skip
        Overscan columns next to the image that are left out, because deferred charge trails into them.
    span
        ``"frame"``: one offset an amplifier and read. ``"row"``: one for each of its rows.

    Notes
    -----
    Limits: drift within a row stays. With few dark columns a row's estimate is noisier than its drift: choose
    ``"frame"`` unless ``row_sigma`` exceeds ``read noise / sqrt(columns)``.
    Reference: Rauscher et al. 2017, PASP 129, 105003 (reference pixels); Howell 2006, ch. 4.2 (overscan).

    Examples
    --------
    >>> from obverse import Exposure, Geometry, Moment
    >>> at = Moment(Exposure("a", 1.0), Geometry((2, 2), overscan=1), layout="clocked")
    >>> raw = Frame(np.array([[[103.0, 104.0, 3.0], [105.0, 106.0, 5.0]]], "f4"), "DN", ("amplifier", "row", "column"))
    >>> BiasDrift(seen_in="overscan", span="row").correct(raw, at).data[0, :, :2]
    array([[100., 101.],
           [100., 101.]], dtype=float32)
    """

    name = "bias_drift"
    contracts = (Subtracts(), Averages())
    component = "drift"
    halo = WHOLE

    frame_sigma: float | NDArray[np.float64] = param("scatter from read to read", default=0.0, unit="DN", minimum=0.0)
    row_sigma: float | NDArray[np.float64] = param("scatter from row to row", default=0.0, unit="DN", minimum=0.0)
    seen_in: str = param("dark pixels that tell the offset", default="overscan", shape="text", choices=DARK_PIXELS)
    settle: int = param("first prescan columns to leave out", default=0, minimum=0, shape="whole")
    skip: int = param("overscan columns next to the image to leave out", default=0, minimum=0, shape="whole")
    span: str = param("what shares one offset", default="frame", shape="text", choices=("frame", "row"))
    site: str = site("readout")

    def imprint(self, charge: NDArray[Any], at: Moment) -> NDArray[Any]:
        """Add the offsets of this read to (amplifier, row, column) [DN]."""
        amplifiers, rows, _ = charge.shape
        by_row = at.rng.normal((rows, amplifiers)).T[:, :, None]
        by_frame = at.rng.few_normals(amplifiers)[:, None, None]
        return charge + at.plane(self.row_sigma) * by_row + at.plane(self.frame_sigma) * by_frame

    def correct(self, frame: Frame, at: Moment) -> Frame:
        """Subtract what the dark pixels show."""
        if frame.unit != "DN":
            raise UsageError(f"bias_drift: the frame is in {frame.unit!r}, it must be in 'DN'")
        data = np.asarray(frame.data, np.float32)
        if at.layout == "clocked":
            return frame.replace(data=data - self._offsets(data, self._dark_columns(at.geometry)))
        clocked = at.geometry.clock(data)
        level = self._offsets(clocked, _reference(at.geometry))
        return frame.replace(data=at.geometry.unclock(clocked - level))

    def _dark_columns(self, geometry: Geometry) -> NDArray[np.bool_]:
        """Mark the columns of the scans that are used, (1, 1, column)."""
        column = np.arange(geometry.clocked_shape[2])
        image = geometry.image_columns
        before = (column >= self.settle) & (column < image.start)
        behind = column >= image.stop + self.skip
        if self.seen_in == "reference":
            return _reference(geometry)
        dark = {"prescan": before, "overscan": behind, "both": before | behind}[self.seen_in]
        return dark[None, None, :]

    def _offsets(self, clocked: NDArray[Any], dark: NDArray[np.bool_]) -> NDArray[Any]:
        """Return the level of the dark pixels (..., amplifier, row or 1, 1), for each row or for each amplifier."""
        if not dark.any():
            raise UsageError(
                f"bias_drift: this geometry has no {self.seen_in} pixels left: settle={self.settle}, skip={self.skip}"
            )
        masks = np.broadcast_to(dark, clocked.shape[-3:])
        levels = [self._level(clocked[..., a, :, :], mask) for a, mask in enumerate(masks)]
        return np.stack(levels, axis=-3).astype(np.float32)

    def _level(self, block: NDArray[Any], mask: NDArray[np.bool_]) -> NDArray[np.float64]:
        """Return the level of one amplifier's dark pixels, (..., row or 1, 1)."""
        if self.span == "row":
            return clipped_mean(block[..., mask.any(axis=0)])[..., None]
        return clipped_mean(block[..., mask])[..., None, None]

    def variance(self, charge: NDArray[Any], at: Moment) -> NDArray[Any]:
        """Return what the estimate of the offset adds to each read [DN squared]."""
        return np.asarray(at.read_noise, np.float32) ** 2 / np.float32(self.pixels(at.geometry))

    def pixels(self, geometry: Geometry) -> int:
        """Return the number of dark pixels behind one offset."""
        dark = np.broadcast_to(self._dark_columns(geometry), geometry.clocked_shape)[0]
        return int(dark[0].sum() if self.span == "row" else dark.sum())


def _reference(geometry: Geometry) -> NDArray[np.bool_]:
    """Mark the reference pixels, (amplifier, row, column)."""
    return geometry.pad(~geometry.sensitive)
