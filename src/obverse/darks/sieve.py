"""Particles in darks that no plateau tells: values that no dark pixel reaches, where they are rare."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from obverse.darks.dataset import Loaded
from obverse.darks.stack import Stack
from obverse.flags import Flag

__all__ = ["Sieve", "ceiling_of"]

Array = NDArray[Any]

_NOISE = 6.0
"""Robust standard deviations of a frame that its read noise may reach."""

_OUT = 8.0
"""Standard deviations of a pixel's other values by which rare ones must stand out."""

_PROBE = 7
"""Every so many pixels tell the level and the noise of a frame."""


def ceiling_of(data: Array, em_gain: float, electrons: float) -> float:
    r"""Return what no pixel of a dark reaches with fewer than so many electrons [electron behind the register].

    .. math:: T = \mathrm{med}(y) + 6\, \sigma + g\, n

    Examples
    --------
    >>> ceiling_of(np.tile([-1.0, 0.0, 1.0], (7, 1)), 100.0, 30.0)
    3008.8956
    """
    probe = data.ravel()[::_PROBE]
    middle = np.nanmedian(probe)
    noise = 1.4826 * np.nanmedian(np.abs(probe - middle))
    return float(middle + _NOISE * noise + em_gain * electrons)


class Sieve:
    """A stack whose highest values stand apart until all frames have told whether they are rare.

    A hot pixel is above the ceiling in most frames: it keeps all its values. A particle strikes once: a pixel that was
    above it in no more than two frames, or a tenth of them, and then by more than eight of its own standard deviations,
    loses these.

    Parameters
    ----------
    shape
        Rows and columns.
    electrons
        That no dark pixel gathers in a frame, unless it is hot; None counts every value.
    threads
        Worker threads.
    """

    def __init__(self, shape: tuple[int, ...], electrons: float | None, threads: int | None = None) -> None:
        self._electrons = electrons
        self._low = Stack(shape, threads)
        self._high = None if electrons is None else Stack(shape, threads)

    def add(self, frame: Loaded) -> None:
        """Add one frame."""
        if self._high is None or self._electrons is None:
            self._low.add(frame.data, frame.marks)
            return
        ceiling = ceiling_of(frame.data, frame.frame.exposure.applied_em_gain, self._electrons)
        struck, other = (np.uint32(Flag.JUMP_DET) * side for side in (frame.data > ceiling, frame.data <= ceiling))
        self._low.add(frame.data, frame.marks | struck)
        self._high.add(frame.data, frame.marks | other)

    def sifted(self) -> Stack:
        """Return the stack, without what was rare and high."""
        if self._high is None:
            return self._low
        low, high = self._low, self._high
        scatter = np.sqrt(low.squares / np.maximum(low.n - 1.0, 1.0))
        few = high.n <= (max(2, low.frames // 10) if low.frames >= 5 else 1)
        rare = few & (low.n > 0) & (high.mean > low.mean + _OUT * scatter)
        low.join(high, (high.n > 0) & ~rare)
        return low
