"""Flags of single hits in ramps: what searches for larger events start from."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from obverse.effects.cosmic_rays import CosmicRays
from obverse.errors import UsageError
from obverse.frame import Frame
from obverse.moment import Moment
from obverse.pattern import ReadPattern

__all__ = ["searched"]


def searched(name: str, frame: Frame, at: Moment) -> tuple[NDArray[np.uint8], ReadPattern]:
    """Return the flags of ramps behind the jump search, done here where no step has done it, and their pattern.

    Parameters
    ----------
    name
        The effect that asks, for messages.
    frame
        Ramps [electron].
    at
        Where the read noise stands.

    Raises
    ------
    UsageError
        If the frame holds no ramps.
    """
    pattern = frame.exposure.pattern
    if "resultant" not in frame.axes or pattern is None:
        raise UsageError(f"{name}: they are found in ramps; this frame has no resultants")
    flags = frame.flags if "cosmic_rays" in frame.undone else CosmicRays().correct(frame, at).flags
    return (np.zeros(frame.shape, np.uint8) if flags is None else flags), pattern
