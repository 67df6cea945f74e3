"""Segments: the runs of usable resultants into which jumps, saturation and bad reads cut a ramp."""

from __future__ import annotations

from typing import Any

from numpy.typing import NDArray

from obverse.kernels._jit import jit
from obverse.kernels._pixels import JUMP, UNUSABLE

__all__ = ["CLEAN", "HIT", "LOST", "count_rows", "split", "state_of"]

Array = NDArray[Any]

CLEAN, HIT, LOST = range(3)


@jit
def state_of(mark: int, finite: bool) -> int:
    """Tell a usable resultant from one at which the charge jumps and from one without meaning."""
    if (mark & UNUSABLE) != 0 or not finite:
        return LOST
    return HIT if (mark & JUMP) != 0 else CLEAN


@jit
def split(states: Array, joins: int, first: Array, last: Array) -> int:
    """Write where each run of two and more resultants begins and ends; returns how many there are.

    Where `joins`, the charge jumped before the resultant that is hit, which is the first of the next run; else
    the resultant itself is spoiled. One that is hit and has nothing clean behind it begins no run.
    """
    count, start = 0, -1
    for k in range(states.shape[0]):
        if states[k] == CLEAN and start < 0:
            start = k - 1 if joins > 0 and k > 0 and states[k - 1] == HIT else k
        if states[k] != CLEAN:
            start = -1
        elif k == states.shape[0] - 1 or states[k + 1] != CLEAN:
            first[count], last[count] = start, k
            count += 1 if k > start else 0
    return count


@jit
def count_rows(counts: Array, flags: Array, joins: int, states: Array, first: Array, last: Array) -> int:
    """Return the largest number of runs in any pixel.

    Parameters
    ----------
    counts, flags
        (resultant, row, column); flags may be (0, 0, 0).
    states, first, last
        Scratch, (resultant,).
    """
    most, n = 0, counts.shape[0]
    for row in range(counts.shape[1]):
        for column in range(counts.shape[2]):
            for k in range(n):
                value = counts[k, row, column]
                mark = flags[k, row, column] if flags.shape[0] > 0 else 0
                states[k] = state_of(mark, value - value == 0)
            most = max(most, split(states, joins, first, last))
    return most
