"""Sorting networks: the same exchanges whatever the numbers, so that many pixels are sorted side by side."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from obverse.kernels._jit import jit

__all__ = ["network", "sort_lanes"]

Array = NDArray[Any]


@cache
def network(n: int) -> NDArray[np.int64]:
    """Return the exchanges that sort `n` numbers, (exchange, 2): the smaller one goes to the first place.

    Notes
    -----
    Reference: Batcher's merge exchange, Knuth, The Art of Computer Programming 3, 5.2.2, algorithm M.

    Examples
    --------
    >>> network(3).tolist()
    [[0, 2], [0, 1], [1, 2]]
    """
    top = 1 << max(n - 1, 0).bit_length() >> 1
    pairs: list[tuple[int, int]] = []
    p = top
    while p > 0:
        q, r, d = top, 0, p
        while True:
            pairs += [(i, i + d) for i in range(n - d) if i & p == r]
            if q == p:
                break
            q, r, d = q >> 1, p, q - p
        p >>= 1
    made = np.array(pairs, np.int64).reshape(-1, 2)
    made.flags.writeable = False  # cached: shared by all who ask
    return made


@jit
def _exchange(first: Array, second: Array, n: int) -> None:
    for j in range(n):
        a, b = first[j], second[j]
        first[j] = b if b < a else a
        second[j] = a if b < a else b


@jit
def sort_lanes(rows: Array, exchanges: Array, n: int) -> None:
    """Sort each of the first `n` columns of `rows`; no NaN, infinity for what is missing."""
    for e in range(exchanges.shape[0]):
        _exchange(rows[exchanges[e, 0]], rows[exchanges[e, 1]], n)
