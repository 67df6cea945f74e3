"""Bias drift: the level wanders, and pixels that see no light tell where it is."""

from __future__ import annotations

from collections.abc import Iterator
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
    Limits: the noise of an offset is counted in each pixel's read variance as if it were independent, but it is
    common to all pixels that share the offset: the variance of a sum of N of them is larger by 1 + N / n_dark.
    Drift within a row stays. With few dark columns a row's estimate is noisier than its drift: choose
    ``"frame"`` unless ``row_sigma`` exceeds ``read noise / sqrt(columns)``.
    Reference: Rauscher et al. 2017, PASP 129, 105003 (reference pixels); Howell 2006 (overscan).

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
    halo = WHOLE

    frame_sigma: float | NDArray[np.float64] = param("scatter from read to read", default=0.0, unit="DN", minimum=0.0)
    row_sigma: float | NDArray[np.float64] = param("scatter from row to row", default=0.0, unit="DN", minimum=0.0)
    seen_in: str = param("dark pixels that tell the offset", default="overscan", shape="text", choices=DARK_PIXELS)
    settle: int = param("first prescan columns to leave out", default=0, minimum=0, shape="whole")
    skip: int = param("overscan columns next to the image to leave out", default=0, minimum=0, shape="whole")
    span: str = param("what shares one offset", default="frame", shape="text", choices=("frame", "row"))
    site: str = site("readout")

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.seen_in == "reference" and self.span == "row":
            raise UsageError(
                "bias_drift: reference pixels tell one offset a frame: the inner amplifiers have none in a row"
            )

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
        data = np.array(frame.data, np.float32)
        for block, dark in self._amplifiers(data, at):
            block -= self._level(block, dark)
        return frame.replace(data=data)

    def _amplifiers(self, data: NDArray[Any], at: Moment) -> Iterator[tuple[NDArray[Any], NDArray[np.bool_]]]:
        """Yield the pixels (..., row, column) of each amplifier, and which of them are dark (row, column)."""
        geometry = at.geometry
        dark = self._dark(geometry, at.layout)
        for i, amplifier in enumerate(geometry.amplifiers):
            if at.layout == "clocked":
                yield data[..., i, :, :], dark[i]
            else:
                yield amplifier.section.cut(data), amplifier.section.cut(dark)

    def _dark(self, geometry: Geometry, layout: str) -> NDArray[np.bool_]:
        """Mark the dark pixels that are used, in the layout."""
        if self.seen_in == "reference":
            blind = ~geometry.sensitive
            return geometry.pad(blind) if layout == "clocked" else blind
        column, image = np.arange(geometry.clocked_shape[2]), geometry.image_columns
        before = (column >= self.settle) & (column < image.start)
        behind = column >= image.stop + self.skip
        columns = {"prescan": before, "overscan": behind, "both": before | behind}[self.seen_in]
        return np.broadcast_to(columns, geometry.clocked_shape)

    def _level(self, block: NDArray[Any], dark: NDArray[np.bool_]) -> NDArray[np.float32]:
        """Return the level of one amplifier's dark pixels, (..., row or 1, 1)."""
        if not dark.any():
            left = f"settle={self.settle}, skip={self.skip}"
            raise UsageError(f"bias_drift: this geometry has an amplifier without {self.seen_in} pixels ({left})")
        if self.span == "row":
            # one scale for all rows: that of a few columns scatters, and clipping by it would cost 6 % of variance
            level = clipped_mean(block[..., dark.any(axis=0)], clip=5.0, shared_scale=True)
            return level[..., None].astype(np.float32)
        return clipped_mean(block[..., dark])[..., None, None].astype(np.float32)

    def variance(self, charge: NDArray[Any], at: Moment) -> NDArray[Any]:
        """Return what the estimate of the offset adds to each read [DN squared]."""
        return np.asarray(at.read_noise, np.float32) ** 2 * at.plane(1.0 / self.pixels(at.geometry))

    def pixels(self, geometry: Geometry) -> NDArray[np.int64]:
        """Return the number of dark pixels behind one offset, (amplifier,)."""
        dark = self._dark(geometry, "clocked")
        return dark[:, 0].sum(axis=-1) if self.span == "row" else dark.sum(axis=(1, 2))
