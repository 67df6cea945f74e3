"""Bias: the level that the electronics add."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from obverse.belief import Block
from obverse.contract import Exact
from obverse.effects._effect import Effect, site
from obverse.errors import UsageError
from obverse.flags import Flag
from obverse.frame import Frame
from obverse.moment import Moment
from obverse.params import param
from obverse.robust import clipped_mean
from obverse.scaling import add_pixel_flag

__all__ = ["Bias"]


def _unlit(frame: Frame) -> NDArray[np.float64]:
    """Return the planes of a frame in which no light has gathered yet, (plane, ...)."""
    data = frame.data[:, 0] if "resultant" in frame.axes else frame.data[None]
    return np.asarray(data, np.float64)


@dataclass(frozen=True, eq=False, kw_only=True)
class Bias(Effect):
    r"""A constant level under every read (the superbias of an infrared array).

    .. math:: r' = r + b, \qquad \hat r = r' - b

    Parameters
    ----------
    level
        :math:`b`, a scalar, one an amplifier, or a map in sensor or file layout (row, column) [DN]. Where a map
        holds NaN, the median of the map stands for it, and the pixel is flagged UNRELIABLE_BIAS.

    Notes
    -----
    Limits: what changes from frame to frame is `bias_drift`. In a ramp it cancels from the rate; it matters for
    the pedestal, for saturation and for nonlinearity; hence a pixel of unknown level keeps its rate, which a level
    far off would bend.
    Reference: Howell 2006, Handbook of CCD Astronomy, 2nd ed., section on overscan and bias.

    Examples
    --------
    >>> from obverse import Exposure, Geometry, Moment
    >>> at = Moment(Exposure("a", 1.0), Geometry((1, 1)))
    >>> Bias(level=1000.0).correct(Frame(np.array([[1007.0]], "f4"), "DN"), at).data
    array([[7.]], dtype=float32)
    """

    name = "bias"
    contracts = (Exact(rtol=1e-6, domain="levels up to 65535 DN"),)
    affine = True
    pointwise = True

    level: float | NDArray[np.float64] = param("level added to every read", unit="DN")
    site: str = site("readout")

    def __post_init__(self) -> None:
        super().__post_init__()
        if not np.isfinite(self.level).any():
            raise UsageError(f"bias.level: the map of {np.shape(self.level)} holds no number")

    def imprint(self, charge: NDArray[Any], at: Moment) -> NDArray[Any]:
        """Add the level [DN]."""
        return charge + at.plane(self._known)

    @cached_property
    def _known(self) -> float | NDArray[np.float64]:
        """The level, with the median of a map in its holes."""
        level, holes = self.level, np.isnan(self.level)
        return np.where(holes, np.nanmedian(level), level) if holes.any() else level

    def measure(self, frames: Sequence[Frame], at: Moment) -> tuple[Bias, Block]:
        """Measure the level from exposures without light; of a ramp, from its first resultant.

        Parameters
        ----------
        frames
            Raw or flagged frames [DN], in the layout that the recipe has in front of this step.
        at
            Geometry and layout.

        Returns
        -------
        effect, block
            One level an amplifier, or a map where the frames are ramps or this effect holds a map.
        """
        planes = np.concatenate([_unlit(frame) for frame in frames])
        if np.ndim(self.level) == 2 or planes.ndim == 3:
            if len(planes) < 2:
                raise UsageError("bias: a map from one exposure has no error to state: give two or more")
            level, variance = planes.mean(axis=0), planes.var(axis=0, ddof=1) / len(planes)
            level, variance = (at.geometry.unclock(p) if p.ndim == 3 else p for p in (level, variance))
            return self.replace(level=level), Block(("bias.level",), variance[None, None])
        image = planes[..., at.geometry.image_rows, at.geometry.image_columns]
        levels = clipped_mean(image.reshape(*image.shape[:2], -1))
        within = image.var(axis=(0, 2, 3)) / image[:, 0].size
        # the level wanders from frame to frame, by more than the noise of a mean over all pixels
        # and alike in all amplifiers: pooling them steadies an error that comes from few frames
        between = levels.var(axis=0, ddof=1).mean() / len(levels) if len(levels) > 1 else 0.0
        return self.replace(level=levels.mean(axis=0)), Block(("bias.level",), (within + between)[None, None])

    def correct(self, frame: Frame, at: Moment) -> Frame:
        """Subtract the level [DN]."""
        if frame.unit != "DN":
            raise UsageError(
                f"bias: the frame is in {frame.unit!r}, it must be in 'DN'; its undone effects are {frame.undone}"
            )
        lowered = frame.replace(data=np.asarray(frame.data, np.float32) - at.plane(self._known))
        if self._known is self.level:
            return lowered
        return add_pixel_flag(lowered, np.isnan(at.plane(self.level)), Flag.UNRELIABLE_BIAS)
