"""Electrons of a whole integration, shared out among its reads."""

from __future__ import annotations

from typing import Any

from numpy.typing import NDArray

from obverse.kernels._binomial import MOST, TOSSES, binomial, heads
from obverse.kernels._jit import jit
from obverse.kernels._lanes import LANES

__all__ = ["MOST", "apportion"]

Array = NDArray[Any]


@jit
def apportion(counts: Array, first: Array, middle: Array, late: Array, state: Array, out: Array) -> None:
    """Fill `out` (read, pixel) with what arrives before each read, of `counts` (pixel,) that arrive in all.

    All of them are put on the first read. Then, split by split, a binomial number moves from the reads that begin with
    `first` to those that begin with `middle`, each electron with the probability `late` (split,).
    """
    for start in range(0, counts.shape[0], LANES):
        end = min(start + LANES, counts.shape[0])
        out[:, start:end] = 0
        for j in range(start, end):
            out[0, j] = min(counts[j], MOST)
        for s in range(first.shape[0]):
            if late[s] == 0.5:
                _halve(out[first[s], start:end], out[middle[s], start:end], state)
            else:
                _move(out[first[s], start:end], out[middle[s], start:end], late[s], state)


@jit
def _move(early: Array, late: Array, p: float, state: Array) -> None:
    for j in range(early.shape[0]):
        n = int(early[j])
        moved = binomial(n, p, state)
        early[j] = n - moved
        late[j] = moved


@jit
def _halve(early: Array, late: Array, state: Array) -> None:
    """Move one half, with a coin for each electron where they are not too many."""
    for j in range(early.shape[0]):
        n = int(early[j])
        if n > 0:
            moved = heads(n, state) if n <= TOSSES else binomial(n, 0.5, state)
            early[j] = n - moved
            late[j] = moved
