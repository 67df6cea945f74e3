"""What is common to effects that are told from plateaus of full pixels."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from obverse.dark_pixels import in_read_order
from obverse.effects._effect import Effect
from obverse.errors import ObverseWarning, UsageError
from obverse.flags import Flag
from obverse.frame import Frame
from obverse.moment import Moment
from obverse.params import param
from obverse.register.plateaus import find_plateaus, mask_plateaus

__all__ = ["Plateaus"]

_BRIM = 1e9
"""More charge than any pixel holds [electron]: what the chain makes of it is a full one."""


@dataclass(frozen=True, eq=False, kw_only=True)
class Plateaus(Effect):
    """Base of what looks for plateaus: the limits of the search, and what "full" means in a frame."""

    saturated: float = param(
        "part of full well that plateaus reach", default=0.95, above=0.0, maximum=1.0, shape="scalar"
    )
    plateau: float = param("part of full well where they end", default=0.85, above=0.0, maximum=1.0, shape="scalar")
    filter: int = param("pixels flagged behind the head of a plateau", default=2, minimum=1, shape="whole")
    crowded: float = param(
        "part of full pixels from which a frame is bad", default=0.2, minimum=0.0, maximum=1.0, shape="scalar"
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.plateau > self.saturated:
            raise UsageError(
                f"{self.name}: plateau is {self.plateau:g}, it must be at most saturated, {self.saturated:g}"
            )

    def height(self, frame: Frame, at: Moment) -> tuple[NDArray[Any], NDArray[Any]]:
        """Return how far pixels stand above empty ones, and full ones [unit of the frame]: by this frame's gain."""
        if frame.unit != "DN" or at.respond is None:
            raise UsageError(
                f"{self.name}: the frame is in {frame.unit!r}; plateaus are found in 'DN', by what the detector makes "
                "of a full pixel: put it before 'level_nonlinearity' and 'gain' in the recipe of a detector"
            )
        empty, full = at.respond(0.0), at.respond(_BRIM)
        span = full - empty
        most = span.max()
        if not most > 0.0:
            raise UsageError(f"{self.name}: a full pixel of this detector reads no more than an empty one")
        # no charge lies behind the numbers of scans, but what trails into them is told by the same limit
        span = np.where(span > 0.0, span, most)
        return (frame.data if "bias" in frame.undone else frame.data - empty), span

    def flag_plateaus(self, frame: Frame, at: Moment, *, behind: int = 0, **reach: Any) -> Frame:
        """Flag JUMP_DET on plateaus and around them, as `mask_plateaus` says; a crowded frame is bad as a whole.

        Parameters
        ----------
        frame
            An image, whole.
        at
            Its moment.
        behind
            Pixels of a plateau that are left out at its head.
        **reach
            What `mask_plateaus` takes.
        """
        height, full = self.height(frame, at)
        full = np.broadcast_to(full, height.shape)
        if self._is_crowded(frame, height, full, at):
            return frame.flagged(True, Flag.DO_NOT_USE)
        mask = np.zeros(height.shape, bool)
        planes = [in_read_order(array, at.geometry, at.layout) for array in (height, full, mask)]
        for image, well, out in zip(*planes, strict=True):
            found = find_plateaus(image, well, saturated=self.saturated, plateau=self.plateau, filter=self.filter)
            found[:, 1] += behind
            out[...] = mask_plateaus(image.shape, found, filter=self.filter - behind, **reach)
        return frame.flagged(mask, Flag.JUMP_DET)

    def _is_crowded(self, frame: Frame, height: NDArray[Any], full: NDArray[Any], at: Moment) -> bool:
        bright = height >= np.float32(self.saturated) * full
        on_sensor = at.geometry.assemble(bright) if at.layout == "clocked" else bright
        part = float(on_sensor[at.geometry.lit].mean())
        if part <= self.crowded:
            return False
        told = frame.flags is not None and bool((frame.flags & np.uint8(Flag.DO_NOT_USE)).all())
        if not told:
            warnings.warn(
                f"{frame.exposure.id}: {part:.0%} of the pixels are full, more than crowded = {self.crowded:.0%}: "
                "all of it is flagged DO_NOT_USE and not searched for particles",
                ObverseWarning,
                stacklevel=2,
            )
        return True
