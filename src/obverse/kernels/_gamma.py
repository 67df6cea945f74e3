"""Normal and gamma numbers inside kernels."""

from __future__ import annotations

import math
from typing import Any

from numpy.typing import NDArray

from obverse.kernels._jit import jit
from obverse.kernels._random import uniform

__all__ = ["gamma", "normal"]

Array = NDArray[Any]


@jit
def normal(state: Array) -> float:
    """Draw a unit normal: Marsaglia's polar method; the second one that it gives is thrown away, state stays state."""
    while True:
        u = 2.0 * uniform(state) - 1.0
        v = 2.0 * uniform(state) - 1.0
        s = u * u + v * v
        if 0.0 < s < 1.0:
            return u * math.sqrt(-2.0 * math.log(s) / s)


@jit
def gamma(shape: float, state: Array) -> float:
    """Draw a gamma number of scale 1: Marsaglia & Tsang 2000, ACM Transactions on Mathematical Software 26, 363."""
    if shape < 1.0:
        return _cubed(shape + 1.0, state) * uniform(state) ** (1.0 / shape)
    return _cubed(shape, state)


@jit
def _cubed(shape: float, state: Array) -> float:
    d = shape - 1.0 / 3.0
    c = 1.0 / math.sqrt(9.0 * d)
    while True:
        x = normal(state)
        root = 1.0 + c * x
        if root <= 0.0:
            continue
        v = root * root * root
        if math.log(uniform(state)) < 0.5 * x * x + d * (1.0 - v + math.log(v)):
            return d * v
