"""Dividing a frame by a mean map, and taking one away, errors and flags included."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from obverse.flags import Flag
from obverse.frame import Frame

__all__ = ["add_pixel_flag", "add_shared_variance", "divide", "subtract_map"]


def divide(frame: Frame, by: NDArray[Any], missing: Flag = Flag.NO_FLAT_FIELD) -> Frame:
    r"""Divide data by `by` and variances by its square; where `by` is no positive number, flag `missing`.

    .. math:: x' = x / f, \qquad \sigma'^2 = \sigma^2 / f^2
    """
    factor = np.broadcast_to(np.asarray(by, np.float32), frame.shape[-2:])
    good = factor > 0  # false for NaN too
    f = np.where(good, factor, np.float32(np.nan))
    variances = None if frame.variances is None else {k: v / f**2 for k, v in frame.variances.items()}
    divided = frame.replace(data=frame.data / f, variances=variances)
    return divided if good.all() else add_pixel_flag(divided, ~good, missing | Flag.DO_NOT_USE)


def add_pixel_flag(frame: Frame, where: NDArray[np.bool_], flag: Flag) -> Frame:
    """Set a pixel flag where `where` is true; in read-out order an amplifier's elements get DO_NOT_USE instead."""
    if "amplifier" in frame.axes:
        return frame.flagged(where, Flag.DO_NOT_USE)
    where = np.broadcast_to(where, frame.shape[-2:])
    old = np.zeros(frame.shape[-2:], np.uint32) if frame.pixel_flags is None else frame.pixel_flags
    return frame.replace(pixel_flags=old | np.where(where, np.uint32(flag), np.uint32(0)))


def add_shared_variance(frame: Frame, name: str, variance: NDArray[Any], digest: str) -> Frame:
    """Add to a variance component that all exposures share which were corrected with the same reference.

    Several references may add to one component: their variances add up, and their digests stand behind each other. A
    frame that has no variances yet is left alone.
    """
    if frame.variances is None:
        return frame
    added = np.broadcast_to(np.asarray(variance, np.float32), frame.shape)
    total = frame.variances[name] + added if name in frame.variances else added
    known = f"{frame.shared[name]}+{digest}" if name in frame.shared else digest
    return frame.replace(variances={**frame.variances, name: total}, shared={**frame.shared, name: known})


def subtract_map(
    frame: Frame, mean: NDArray[Any], error: NDArray[Any] | None, digest: str, missing: Flag = Flag.UNRELIABLE_DARK
) -> Frame:
    r"""Subtract a map that all exposures share; where it is no number the data stay, flagged `missing` and DO_NOT_USE.

    .. math:: x' = x - m, \qquad \sigma'^2 = \sigma^2 + \sigma_m^2
    """
    taken = frame.replace(data=np.asarray(frame.data, np.float32) - np.nan_to_num(mean))
    if not np.isfinite(mean).all():
        taken = add_pixel_flag(taken, ~np.isfinite(mean), missing | Flag.DO_NOT_USE)
    return taken if error is None else add_shared_variance(taken, "dark", np.nan_to_num(error) ** 2, digest)
