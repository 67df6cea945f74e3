r"""Saturation inside a resultant that averages reads: its last reads are full, its mean is not.

Reference: STScI, JWST pipeline documentation, step `saturation` (rules for averaged groups and for the second group).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from obverse.pattern import ReadPattern

__all__ = ["before_a_full_one", "reach", "second_of_a_hit"]

Mask = NDArray[np.bool_]


def reach(pattern: ReadPattern) -> NDArray[np.float32]:
    r"""Return how far above its mean the last read of each resultant lies on a straight ramp, t_last / tbar."""
    last = np.array([times[-1] for times in pattern.times])
    mean = np.where(pattern.tbar > 0, pattern.tbar, 1.0)
    return np.where(pattern.n_reads > 1, last / mean, 1.0).astype(np.float32)


def before_a_full_one(last: NDArray[np.float32], full: NDArray[np.float32], saturated: Mask) -> Mask:
    """Return resultants whose next one is saturated and whose own last read must have been full.

    Parameters
    ----------
    last
        Height of the last read on a straight ramp, resultant first.
    full, saturated
        Height of a full pixel, and what is known to be saturated, resultant first.
    """
    found = np.zeros_like(saturated)
    found[:-1] = (last >= full)[:-1] & saturated[1:] & ~saturated[:-1]
    return found


def second_of_a_hit(
    height: NDArray[np.float32], full: NDArray[np.float32], saturated: Mask, pattern: ReadPattern
) -> Mask:
    """Return second resultants in which a particle filled the pixel: too few full reads to lift their mean.

    The first resultant leads below full at the last read of the third, yet the third is saturated, and the second has
    risen by as much as one full read among its own.
    """
    found = np.zeros_like(saturated)
    if len(pattern) > 2:
        expected = height[0] / np.float32(pattern.tbar[0]) * np.float32(pattern.times[2][-1])
        jumped = height[1] - height[0] > (full - height[0]) / np.float32(pattern.n_reads[1])
        found[1] = (expected < full) & jumped & saturated[2] & ~saturated[1]
    return found
