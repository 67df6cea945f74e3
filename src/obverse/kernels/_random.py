"""Random numbers inside kernels: xoshiro256++, its state an array of four words that the address of a stream fills.

numpy's generators can be handed to a compiled function too, but each number then costs a call through a pointer, 4 to
5 ns against 1 ns here. Reference: Blackman & Vigna 2021, ACM Transactions on Mathematical Software 47, 36.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from obverse.kernels._jit import jit

__all__ = ["uniform", "word"]

Array = NDArray[Any]

_23, _41, _17, _45, _19, _12 = (np.uint64(bits) for bits in (23, 41, 17, 45, 19, 12))
_UNIT = 2.0**-52


@jit
def word(state: Array) -> Any:
    """Return 64 random bits and move the state (4,) uint64 on."""
    a, b, c, d = state[0], state[1], state[2], state[3]
    total = a + d
    c ^= a
    d ^= b
    state[0], state[1] = a ^ d, b ^ c
    state[2], state[3] = c ^ (b << _17), (d << _45) | (d >> _19)
    return ((total << _23) | (total >> _41)) + a


@jit
def uniform(state: Array) -> Any:
    """Return a number between 0 and 1, neither included: the middle of one of 2^52 even parts.

    Half a part more has no place in a float64 that holds 53 bits, where the last one would be rounded up to 1.
    """
    return (np.float64(word(state) >> _12) + 0.5) * _UNIT
