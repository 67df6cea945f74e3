"""The charge around a pixel: what its own noise is judged by where few electrons were multiplied."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import uniform_filter

from obverse.flags import Flag
from obverse.frame import Frame

__all__ = ["REACH", "local_charge"]

REACH = 2
"""Pixels on each side whose mean counts: 5 x 5 in all."""

_STANDS_OUT = 5.0
"""Standard deviations by which a pixel must stand out of its neighbours to be judged by itself."""

_CHANCE = 2.0
"""Electrons more than the neighbours have that chance alone may bring: those of one or two come late, or large."""

_ELSEWHERE = Flag.SATURATED | Flag.JUMP_DET | Flag.DO_NOT_USE


def local_charge(frame: Frame, read_noise: Any, excess: float) -> NDArray[np.float32]:
    r"""Return the mean charge that the noise of each pixel is judged by (row, column) [electron].

    .. math:: m = \max(\bar q, 0), \qquad m = q \quad \text{where } q > \bar q + 5 \sqrt{F^2 (\bar q + 2) + \sigma^2}

    :math:`\bar q` is the mean of the pixel and its neighbours, 5 x 5, without flagged ones. A pixel's own charge would
    do where many electrons are counted. Of few, those that happened to catch none would claim to be exact, and a mean
    that is weighted by these errors would be drawn to them.

    Parameters
    ----------
    frame
        An image [electron].
    read_noise
        :math:`\sigma`, a number or (row, column) [electron].
    excess
        :math:`F^2`.

    Notes
    -----
    Limits: the noise of light that changes within five pixels, as in the wings of a star, is that of its mean there.
    Shielded pixels and lit ones are kept apart.

    Examples
    --------
    >>> dark = np.zeros((9, 9), "f4")
    >>> dark[4, 4] = 2.5
    >>> float(local_charge(Frame(dark, "electron"), 0.0, 2.0)[4, 4])
    0.1
    """
    charge = np.asarray(frame.data, np.float32)
    good = np.isfinite(charge)
    if frame.flags is not None:
        good &= (frame.flags & np.uint8(_ELSEWHERE)) == 0
    around = np.zeros_like(charge)
    for part in _parts(frame):
        around = np.where(part, _mean(charge, good & part), around)
    own = np.where(good, charge, around)
    limit = around + _STANDS_OUT * np.sqrt(np.float32(excess) * (around + np.float32(_CHANCE)) + np.square(read_noise))
    return np.asarray(np.where(own > limit, own, around), np.float32)


def _parts(frame: Frame) -> list[NDArray[np.bool_]]:
    """Return the pixels that see light, and those that are shielded."""
    if frame.pixel_flags is None:
        return [np.ones(frame.shape[-2:], bool)]
    shielded = (frame.pixel_flags & np.uint32(Flag.NON_SCIENCE)) != 0
    return [~shielded, shielded]


def _mean(charge: NDArray[np.float32], good: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Return the mean of the good pixels around each, zero or more; zero where there are none."""
    size = 2 * REACH + 1
    total = uniform_filter(np.where(good, charge, np.float32(0)).astype(np.float64), size, mode="constant")
    number = uniform_filter(good.astype(np.float64), size, mode="constant")
    mean = np.divide(total, number, out=np.zeros_like(total), where=number > 0.5 / size**2)
    return np.maximum(mean, 0.0).astype(np.float32)
