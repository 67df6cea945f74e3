"""How long ago a pixel was saturated, element by element."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from obverse.errors import UsageError
from obverse.flags import Flag
from obverse.frame import Frame

__all__ = ["after_saturation"]


def after_saturation(frame: Frame, window: float) -> NDArray[np.bool_]:
    """Return the elements of ramps that were read up to `window` seconds after their pixel saturated.

    The first saturated element of a ramp opens the window, and belongs to it; it reaches into later integrations, which
    follow each other without pause. The time of an element is that of its last read.
    """
    pattern = frame.exposure.pattern
    if pattern is None:
        raise UsageError("persistence: a ramp needs a read pattern, which tells when it was read")
    if frame.flags is None:
        return np.zeros(frame.shape, np.bool_)
    saturated = ((frame.flags & np.uint8(Flag.SATURATED)) != 0).reshape(-1, len(pattern), *frame.shape[-2:])
    times = np.array([reads[-1] for reads in pattern.times])
    out = np.zeros_like(saturated)
    opened = np.full(frame.shape[-2:], -np.inf)
    for i, ramp in enumerate(saturated):
        now = i * frame.exposure.seconds + times
        first = np.where(ramp.any(axis=0), now[ramp.argmax(axis=0)], np.inf)
        for k in range(len(times)):
            opened = np.where(first == now[k], first, opened)
            out[i, k] = now[k] - opened <= window
    return out.reshape(frame.shape)
