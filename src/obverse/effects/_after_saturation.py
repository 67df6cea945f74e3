"""How long ago a pixel was saturated, element by element."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from obverse.errors import UsageError
from obverse.flags import Flag
from obverse.frame import Frame

__all__ = ["after_saturation"]


def after_saturation(frame: Frame, window: float) -> NDArray[np.bool_]:
    """Return the elements of ramps that were read up to `window` seconds after a saturated one of their pixel.

    A saturated element opens the time anew, since its pixel goes on filling traps; integrations follow each other
    without pause, and the time of an element is that of its last read.
    """
    pattern = frame.exposure.pattern
    if pattern is None:
        raise UsageError("persistence: a ramp needs a read pattern, which tells when it was read")
    if frame.flags is None:
        return np.zeros(frame.shape, np.bool_)
    saturated = ((frame.flags & np.uint8(Flag.SATURATED)) != 0).reshape(-1, len(pattern), *frame.shape[-2:])
    out = np.zeros_like(saturated)
    last = np.full(frame.shape[-2:], -np.inf)
    for i, ramp in enumerate(saturated):
        for k, now in enumerate(ramp):
            time = i * frame.exposure.seconds + pattern.times[k][-1]
            out[i, k] = time - last <= window
            last = np.where(now, time, last)
    return out.reshape(frame.shape)
