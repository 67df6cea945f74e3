"""Ramps in which single hits are flagged: what searches for larger events starts from."""

from __future__ import annotations

from obverse.effects.cosmic_rays import CosmicRays
from obverse.errors import UsageError
from obverse.frame import Frame
from obverse.moment import Moment

__all__ = ["searched"]


def searched(name: str, frame: Frame, at: Moment) -> Frame:
    """Return ramps with the flags of the jump search, which is done here where no step has done it.

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
    if "resultant" not in frame.axes or frame.exposure.pattern is None:
        raise UsageError(f"{name}: they are found in ramps; this frame has no resultants")
    done = "cosmic_rays" in frame.undone and frame.flags is not None
    return frame if done else CosmicRays().correct(frame, at)
