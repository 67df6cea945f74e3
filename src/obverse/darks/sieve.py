"""Particles in darks that no plateau tells: values that no dark pixel reaches, where they are rare."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from obverse.darks.loaded import Loaded
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


def ceiling_of(level: float, noise: float, em_gain: float, electrons: float) -> float:
    r"""Return what no pixel of a dark reaches with fewer than so many electrons [electron behind the register].

    .. math:: T = y_0 + 6\, \sigma + g\, n

    Examples
    --------
    >>> ceiling_of(21.0, 100.0, 50.0, 30.0)
    2121.0
    """
    return level + _NOISE * noise + em_gain * electrons


def _core(data: Array) -> tuple[float, float]:
    """Return level and noise of the pixels that hold no electron, robustly."""
    probe = data.ravel()[::_PROBE]
    middle = np.nanmedian(probe)
    return float(middle), float(1.4826 * np.nanmedian(np.abs(probe - middle)))


class Sieve:
    r"""A stack whose highest values stand apart until all frames have told whether they are rare.

    A hot pixel is above the ceiling in most frames: it keeps all its values. A particle strikes once: a pixel that was
    above it in no more than two frames, or a tenth of them, and then by more than eight of its own standard deviations
    (at least those of its mean, :math:`\sigma^2 + 2 g \bar y`), loses these.

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
        self._frames: list[tuple[float, float]] = []  # noise and gain
        self._full = np.zeros(shape, np.uint16)
        self._low = Stack(shape, threads)
        self._high = None if electrons is None else Stack(shape, threads)

    def add(self, frame: Loaded) -> None:
        """Add one frame."""
        self._full += (frame.marks & np.uint32(Flag.SATURATED | Flag.JUMP_DET)) == np.uint32(Flag.SATURATED)
        if self._high is None or self._electrons is None:
            self._low.add(frame.data, frame.marks)
            return
        gain = frame.frame.exposure.applied_em_gain
        middle, noise = _core(frame.data)
        self._frames.append((noise, gain))
        ceiling = ceiling_of(middle, noise, gain, self._electrons)
        struck, other = (np.uint32(Flag.JUMP_DET) * side for side in (frame.data > ceiling, frame.data <= ceiling))
        self._low.add(frame.data, frame.marks | struck)
        self._high.add(frame.data, frame.marks | other)

    def sifted(self) -> Stack:
        """Return the stack, without what was rare and high, and without pixels that filled the register repeatedly.

        Of such a pixel the frames that are left are those in which few electrons came: their mean is too low.
        """
        low, high = self._low, self._high
        if high is not None:
            self._join_common(low, high)
        low.n[self._full > max(1, low.frames // 10)] = 0
        return low

    def _join_common(self, low: Stack, high: Stack) -> None:
        """Give pixels back the high values that are not rare in them."""
        noise, gain = np.mean(self._frames, axis=0)
        own = low.squares / np.maximum(low.n - 1.0, 1.0)
        scatter = np.sqrt(np.maximum(own, noise**2 + 2.0 * gain * np.maximum(low.mean, 0.0)))  # few frames tell little
        few = high.n <= (max(2, low.frames // 10) if low.frames >= 5 else 1)
        rare = few & (low.n > 0) & (high.mean > low.mean + _OUT * scatter)
        low.join(high, (high.n > 0) & ~rare)
