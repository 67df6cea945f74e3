"""Bias drift: the level wanders, and pixels that see no light tell where it is."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from obverse.contract import Averages, Subtracts
from obverse.dark_pixels import SEEN_IN, blocks, clipping_loss, dark_pixels, ends, finite
from obverse.effects._effect import WHOLE, Effect, site
from obverse.errors import UsageError
from obverse.flags import Flag
from obverse.frame import Frame
from obverse.geometry import Geometry
from obverse.moment import Moment
from obverse.params import param
from obverse.robust import clipped_mean
from obverse.side_pixels import SidePixels, running_median, slow_curve

__all__ = ["BiasDrift"]


@dataclass(frozen=True, eq=False, kw_only=True)
class BiasDrift(Effect):
    r"""Offsets of an amplifier in one read: of all its pixels, of every other row or column, and of each row.

    .. math::

        r'_{aij} = r_{aij} + \delta_a + \delta_{a,\, i \bmod m,\, j \bmod n} + \delta_{ai} + s_i, \qquad
        \hat r_{aij} = r'_{aij} - \langle r'_{aij'} \rangle_{dark}
                       - \gamma\, \mathrm{med}_{|i' - i| \le h/2}\, r'_{side}

    The mean runs over the dark pixels of the amplifier, of the same phase where rows or columns take turns. Its noise,
    :math:`\sigma_{read}^2 / n_{dark}`, is common to all pixels that share it.

    Parameters
    ----------
    frame_sigma
        Scatter of :math:`\delta_a` from read to read, a scalar or one an amplifier [DN].
    row_sigma
        Scatter of :math:`\delta_{ai}` from row to row [DN].
    cycle_sigma
        Scatter of the offset of each phase of `row_cycle` and `column_cycle` from read to read [DN].
    slow_sigma
        Scatter of :math:`s_i`, common to all amplifiers, that changes within some 64 rows [DN].
    seen_in
        Which dark pixels tell the offset: ``"prescan"``, ``"overscan"``, ``"both"`` (columns of a CCD that were
        clocked without light), ``"reference"`` (the border of an infrared array), ``"reference_rows"`` (bottom and
        top, the two means averaged) or ``"reference_columns"`` (left and right, likewise).
    settle
        First prescan columns of a row that are left out, because the electronics still settle.
    skip
        Overscan columns next to the image that are left out, because deferred charge trails into them.
    width
        How many of the columns that are left are used, 0 for all.
    offset
        Level of these dark columns less that of the image [DN]; both faces know it.
    span
        ``"frame"``: one offset an amplifier and read. ``"row"``: one for each of its rows.
    row_cycle, column_cycle
        Rows and columns that take turns (:math:`m, n`): 2 columns for the odd and even ones of an H2RG, 4 columns and
        2 rows for the interleaved outputs of MIRI.
    side_window
        :math:`h`, rows of the running median of the left and right reference columns; 0 leaves it out.
    side_gain
        :math:`\gamma`, how much of that is subtracted.
    clip
        Robust sigmas beyond which a dark pixel does not count in the offset of a frame.
    row_clip
        Robust sigmas beyond which the offset of a row is exchanged for the median of all rows of the amplifier: a
        particle has struck its dark pixels, or it holds something else. 0 believes every row.
    relative_to
        ``"first_resultant"`` follows the drift since the first resultant, whose own offset, common to the whole ramp,
        cancels from the rate: so fixed patterns of the dark pixels cannot matter.
    absent
        What to do with an amplifier that has no such pixels (subarrays): ``"refuse"``, or ``"skip"`` and leave it.

    Notes
    -----
    Limits: the noise of an offset is counted in each pixel's read variance as if it were independent, but it is
    common to all pixels that share the offset: the variance of a sum of N of them is larger by 1 + N / n_dark.
    Drift within a row stays, and so does slow drift within `side_window`. With few dark columns a row's estimate is
    noisier than its drift: choose ``"frame"`` unless ``row_sigma`` exceeds ``read noise / sqrt(columns)``.
    With `row_clip` a row that has truly drifted so far keeps its drift: of 48 rows whose drift exceeds the noise, 5
    sigma adds 1 % of variance that is not told, of a thousand rows nothing.
    Reference pixels that are flagged BAD_REF_PIXEL or hold no number do not count.
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
    affine = True
    pointwise = True
    halo = WHOLE

    frame_sigma: float | NDArray[np.float64] = param("scatter from read to read", default=0.0, unit="DN", minimum=0.0)
    row_sigma: float | NDArray[np.float64] = param("scatter from row to row", default=0.0, unit="DN", minimum=0.0)
    cycle_sigma: float | NDArray[np.float64] = param("scatter of each phase", default=0.0, unit="DN", minimum=0.0)
    slow_sigma: float = param("scatter of the slow drift of rows", default=0.0, unit="DN", minimum=0.0, shape="scalar")
    seen_in: str = param("dark pixels that tell the offset", default="overscan", shape="text", choices=SEEN_IN)
    settle: int = param("first prescan columns to leave out", default=0, minimum=0, shape="whole")
    skip: int = param("overscan columns next to the image to leave out", default=0, minimum=0, shape="whole")
    width: int = param("columns to use of those that are left, 0 for all", default=0, minimum=0, shape="whole")
    offset: float = param("level of dark columns less that of the image", default=0.0, unit="DN", shape="scalar")
    span: str = param("what shares one offset", default="frame", shape="text", choices=("frame", "row"))
    row_cycle: int = param("rows that take turns", default=1, minimum=1, shape="whole")
    column_cycle: int = param("columns that take turns", default=1, minimum=1, shape="whole")
    side_window: int = param("rows of the median of side pixels", default=0, minimum=0, shape="whole")
    side_gain: float = param("how much of that is subtracted", default=1.0, minimum=0.0, shape="scalar")
    clip: float = param("robust sigmas that count", default=4.0, minimum=2.0, shape="scalar")
    row_clip: float = param(
        "robust sigmas of a row among rows, 0 for no limit", default=0.0, unit="sigma", minimum=0.0, shape="scalar"
    )
    relative_to: str = param(
        "what the drift is told from", default="level", shape="text", choices=("level", "first_resultant")
    )
    absent: str = param("amplifiers without such pixels", default="refuse", shape="text", choices=("refuse", "skip"))
    site: str = site("readout")

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.seen_in.startswith("reference") and self.span == "row":
            raise UsageError(
                "bias_drift: reference pixels tell one offset a frame: the inner amplifiers have none in a row"
            )
        if self.span == "row" and (self.row_cycle, self.column_cycle) != (1, 1):
            raise UsageError("bias_drift: span 'row' has one offset a row: leave out row_cycle and column_cycle")
        if self.seen_in.startswith("reference") and (self.width or self.offset):
            raise UsageError("bias_drift: width and offset are of columns clocked without light, not of a reference")
        if self.offset and self.relative_to == "first_resultant":
            raise UsageError("bias_drift: an offset cancels from what is relative to the first resultant: leave it out")
        if self.row_clip and self.span != "row":
            raise UsageError("bias_drift: row_clip compares the offsets of rows: say span = 'row', or leave it out")
        if self.side_window and self.side_window % 2 == 0:
            raise UsageError(f"bias_drift: side_window is {self.side_window}, it must be odd, as 11")

    # -- forward -----------------------------------------------------------------------------------------------

    def imprint(self, charge: NDArray[Any], at: Moment) -> NDArray[Any]:
        """Add the offsets of this read, or of a mean of `at.reads`, to (amplifier, row, column) [DN]."""
        amplifiers, rows, columns = at.geometry.clocked_shape
        phases, knots = self.row_cycle * self.column_cycle, rows // 64 + 2
        here = np.arange(rows)[at.rows]
        few = at.rng.few_normals(amplifiers * (1 + phases) + knots)  # more of them leave the first as they were
        by_row = at.rng.normal((len(here), amplifiers)).T[:, :, None]
        by_frame = few[:amplifiers, None, None]
        drift = at.plane(self.row_sigma) * by_row + at.plane(self.frame_sigma) * by_frame
        if np.any(self.cycle_sigma):
            turns = few[amplifiers:-knots].reshape(amplifiers, self.row_cycle, self.column_cycle)
            phase = here[:, None] % self.row_cycle, np.arange(columns) % self.column_cycle
            drift = drift + at.plane(self.cycle_sigma) * turns[:, *phase]
        if self.slow_sigma:
            drift = drift + (np.float32(self.slow_sigma) * slow_curve(few[-knots:], rows)[here])[:, None]
        return self._lifted(charge, at) + drift / np.float32(np.sqrt(at.reads))

    def _lifted(self, charge: NDArray[Any], at: Moment) -> NDArray[Any]:
        """Return the pixels with `offset` on the dark columns [DN]."""
        if not self.offset:
            return charge
        return charge + np.float32(self.offset) * dark_pixels(at.geometry, "clocked", self.seen_in)[:, at.rows]

    # -- backward ----------------------------------------------------------------------------------------------

    def correct(self, frame: Frame, at: Moment) -> Frame:
        """Subtract what the dark pixels show."""
        if frame.unit != "DN":
            raise UsageError(f"bias_drift: the frame is in {frame.unit!r}, it must be in 'DN'")
        if self.relative_to == "first_resultant" and "resultant" not in frame.axes:
            raise UsageError("bias_drift: relative_to = 'first_resultant' needs a ramp, this frame has no resultants")
        data = np.array(frame.data, np.float32)
        dark = self.dark(at.geometry, at.layout)
        if frame.pixel_flags is not None and at.layout != "clocked":
            dark = dark & ((frame.pixel_flags & np.uint32(Flag.BAD_REF_PIXEL)) == 0)
        halves = [dark & half for half in ends(at.geometry, at.layout, self.seen_in)]
        parts = [blocks(half, at.geometry, at.layout) for half in halves]
        for block, *own in zip(blocks(data, at.geometry, at.layout), *parts, strict=True):
            self._lower(block, own)
        if self.side_window:
            self._lower_rows(data, at)
        return frame.replace(data=data)

    def dark(self, geometry: Geometry, layout: str) -> NDArray[np.bool_]:
        """Mark the dark pixels that are used, in the layout."""
        return dark_pixels(geometry, layout, self.seen_in, settle=self.settle, skip=self.skip, width=self.width)

    def _lower(self, block: NDArray[Any], halves: list[NDArray[np.bool_]]) -> None:
        """Subtract the offsets of one amplifier, phase by phase."""
        if not any(half.any() for half in halves):
            if self.absent == "skip":
                return
            left = f"settle={self.settle}, skip={self.skip}"
            raise UsageError(f"bias_drift: this geometry has an amplifier without {self.seen_in} pixels ({left})")
        m, n = self.row_cycle, self.column_cycle
        for i in range(m):
            turns = [[half[i::m, j::n] for half in halves] for j in range(n)]
            levels = [self._level(block[..., i::m, j::n], turn) for j, turn in enumerate(turns)]
            repeats = -(-block.shape[-1] // n)
            row = np.tile(np.concatenate(levels, axis=-1), repeats)[..., : block.shape[-1]] if n > 1 else levels[0]
            block[..., i::m, :] -= row

    def _level(self, block: NDArray[Any], halves: list[NDArray[np.bool_]]) -> NDArray[np.float32]:
        """Return the level of one amplifier's dark pixels, (..., row or 1, 1)."""
        if self.span == "row":
            # one scale for all rows: that of a few columns scatters, and clipping by it would cost 6 % of variance
            level = clipped_mean(self._since(block[..., halves[0].any(axis=0)]), clip=5.0, shared_scale=True)
            return (self._believed(level) - self.offset)[..., None].astype(np.float32)
        means = [clipped_mean(self._since(finite(block[..., dark])), self.clip) for dark in halves if dark.any()]
        if not means:
            raise UsageError(
                f"bias_drift: no {self.seen_in} pixels in each of {self.row_cycle} rows and {self.column_cycle} columns"
            )
        return (np.mean(means, axis=0) - self.offset)[..., None, None].astype(np.float32)

    def _believed(self, level: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the levels (..., row), those that stand out of the others exchanged for their median."""
        if not self.row_clip:
            return level
        middle = np.median(level, axis=-1, keepdims=True)
        off = np.abs(level - middle)
        return np.where(off > self.row_clip * 1.4826 * np.median(off, axis=-1, keepdims=True), middle, level)

    def _since(self, values: NDArray[Any]) -> NDArray[Any]:
        """Return values (integration, resultant, ...) as they are, or without those of the first resultant."""
        return values - values[:, :1] if self.relative_to == "first_resultant" else values

    def _lower_rows(self, data: NDArray[Any], at: Moment) -> None:
        """Subtract the running median of the side pixels, the mean of left and right."""
        side = SidePixels(at.geometry, self.side_window)
        if at.layout == "clocked" or not side.widths:
            if self.absent == "skip":
                return
            raise UsageError("bias_drift: side_window needs reference columns at the left or right of the array")
        medians = [running_median(self._since(pixels), self.side_window) for pixels in side.cut(data)]
        data -= np.float32(self.side_gain) * np.mean(medians, axis=0)[..., None]

    # -- what it costs -----------------------------------------------------------------------------------------

    def variance(self, charge: NDArray[Any], at: Moment) -> NDArray[Any]:
        """Return what the estimate of the offset adds to each read [DN squared]."""
        if at.geometry not in self._costs:
            self._costs[at.geometry] = self._cost(at.geometry)
        share, by_row = self._costs[at.geometry]
        noise = np.asarray(at.read_noise, np.float32) ** 2
        return noise * (at.plane(share) if by_row is None else at.plane(share) + by_row[at.rows, None])

    @cached_property
    def _costs(self) -> dict[Geometry, tuple[NDArray[np.float64], NDArray[np.float32] | None]]:
        """What has been computed for a geometry: tiles ask again and again."""
        return {}

    def _cost(self, geometry: Geometry) -> tuple[NDArray[np.float64], NDArray[np.float32] | None]:
        """Return the variance of an offset (amplifier,) and of the side pixels (row,), in units of the read noise."""
        n = self.pixels(geometry)
        loss = 1.0 if self.span == "row" else clipping_loss(self.clip)
        share = np.divide(loss, n, out=np.zeros(len(n)), where=n > 0)
        side = SidePixels(geometry, self.side_window)
        if not self.side_window or not side.widths:
            return share, None
        # the side pixels lost the offset of their own amplifier first: its noise comes back with them
        g, part, each = self.side_gain, side.shares(), share / (self.row_cycle * self.column_cycle)
        share = share + g**2 * (part**2 * each).sum() - 2.0 * g * part * each
        return share, (g**2 * side.variance()).astype(np.float32)

    def pixels(self, geometry: Geometry) -> NDArray[Any]:
        """Return the number of dark pixels behind one offset, (amplifier,), as if they were averaged alike."""
        dark = self.dark(geometry, "clocked")
        if self.span == "row":
            return dark[:, 0].sum(axis=-1)
        counts = np.array([(dark & half).sum(axis=(1, 2)) for half in ends(geometry, "clocked", self.seen_in)])
        if len(counts) == 1 and self.row_cycle * self.column_cycle == 1:
            return counts[0]
        inverse = np.divide(1.0, counts, out=np.zeros(counts.shape), where=counts > 0).sum(axis=0)
        parts = (counts > 0).sum(axis=0) ** 2 / (self.row_cycle * self.column_cycle)
        return np.divide(parts, inverse, out=np.zeros(len(inverse)), where=inverse > 0)
