"""The zero frame of a ramp, its first read alone, goes through the recipe beside the resultants.

NIRCam sends it down where its first group averages several reads, so that a pixel that is full by the end of that
group still has one good read.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from obverse.exposure import Exposure
from obverse.flags import UNUSABLE, Flag
from obverse.frame import Frame
from obverse.moment import Moment
from obverse.pattern import ReadPattern

__all__ = ["first_reads", "with_first_read"]

_OF_READS = frozenset(
    ("adc", "integral_nonlinearity", "bias", "bias_drift", "dark_decay", "gain_scale", "gain", "interpixel_capacitance",
     "nonlinearity")
)  # fmt: skip
"""Steps that do to one read what they do to every resultant; `saturation` looks at the zero frame itself."""

_OF_TIME = frozenset({"dark_ramp", "persistence"})
"""Steps that subtract what has gathered since the reset."""


def with_first_read(name: str, work: Callable[[Frame, Moment], Frame], before: Frame, done: Frame, at: Moment) -> Frame:
    r"""Return the frame that a step has made, with its zero frame as far as its resultants are.

    What gathers since the reset is taken off in proportion to the time,

    .. math:: \hat Z = Z - (R_0 - \hat R_0)\, t_0 / \bar t_0

    Parameters
    ----------
    name, work
        The step.
    before, done
        The frame in front of it and behind it, with the companion ``zero_frame``.
    at
        Where it acts.

    Notes
    -----
    Limits: nonlinearity bends the mean of several reads more than one read, so that the difference between a first
    group and its zero frame, all that some ramps have, is too small: by 0.5 % at half of NIRCam's full well.
    """
    pattern = before.exposure.pattern
    if "zero_frame" not in before.companions or "resultant" not in before.axes or pattern is None:
        return done
    zero = before.companions["zero_frame"]
    if name in _OF_READS:
        read = work(_as_ramp(zero, before, pattern), at)
        zero = zero.replace(data=read.data[:, 0], unit=read.unit, flags=read.flags[:, 0])  # type: ignore[index]
    elif name in _OF_TIME:
        share = np.float32(pattern.times[0][0] / pattern.tbar[0])
        zero = zero.replace(data=zero.data - share * (before.data[:, 0] - done.data[:, 0]))
    return done.replace(companions={**done.companions, "zero_frame": zero})


def _as_ramp(zero: Frame, frame: Frame, pattern: ReadPattern) -> Frame:
    """Return the zero frame as ramps of one read; a zero means that nothing was sent, or that it was full."""
    flags = np.where(zero.data == 0, np.uint8(Flag.DO_NOT_USE), np.uint8(0)) if zero.flags is None else zero.flags
    exposure = Exposure(
        frame.exposure.id, start=frame.exposure.start, pattern=ReadPattern.from_times([pattern.times[0][:1]])
    )
    return Frame(
        zero.data[:, None],
        zero.unit,
        ("integration", "resultant", "row", "column"),
        flags[:, None],
        pixel_flags=frame.pixel_flags,
        exposure=exposure,
    )


def first_reads(frame: Frame) -> NDArray[Any] | None:
    """Return the zero frame (integration, row, column) of a ramp, zero where it is not to be used; None: no use.

    Examples
    --------
    >>> zero = Frame(np.array([[[7.0, 8.0]]]), "electron", ("integration", "row", "column"), np.array([[[0, 2]]], "u1"))
    >>> here = Exposure("a", pattern=ReadPattern([[1, 2], [3, 4]], 10.0))
    >>> ramp = Frame(np.ones((1, 2, 1, 2)), "electron", ("integration", "resultant", "row", "column"), exposure=here)
    >>> first_reads(ramp.replace(companions={"zero_frame": zero}))
    array([[[7., 0.]]])
    """
    zero, pattern = frame.companions.get("zero_frame"), frame.exposure.pattern
    if zero is None or pattern is None or pattern.n_reads[0] < 2 or zero.unit != frame.unit:
        return None
    return zero.data if zero.flags is None else np.where((zero.flags & np.uint8(UNUSABLE)) != 0, 0, zero.data)
