"""Binomial and Poisson numbers inside kernels, exact in law."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from obverse.kernels._jit import jit
from obverse.kernels._random import uniform, word

__all__ = ["MOST", "TOSSES", "binomial", "heads", "poisson"]

Array = NDArray[Any]

MOST = 2_000_000_000
"""Largest number of trials: beyond it the logarithms of factorials lose the digits that the rejection needs."""

_FEW = 10.0
"""Mean below which the distribution is summed up from zero; the rejection is made for means above."""

TOSSES = 1500
"""Fair trials up to which it is faster to toss a coin for each, 64 at a time."""

_0, _1, _2, _4, _56, _64, _ALL = (np.uint64(n) for n in (0, 1, 2, 4, 56, 64, 2**64 - 1))
_ODD, _PAIRS, _NIBBLES, _BYTES = (np.uint64(n * (2**64 - 1) // 255) for n in (0x55, 0x33, 0x0F, 0x01))


@jit
def heads(n: int, state: Array) -> int:
    """Draw how many of `n` > 0 fair coins show heads, 64 at a toss."""
    total = 0
    while n > 64:
        total += _ones(word(state))
        n -= 64
    return total + _ones(word(state) >> (_64 - np.uint64(n)))


@jit
def _ones(bits: Any) -> Any:
    """Count the ones of a word; the compiler knows this pattern as one instruction."""
    bits -= (bits >> _1) & _ODD
    bits = (bits & _PAIRS) + ((bits >> _2) & _PAIRS)
    bits = (bits + (bits >> _4)) & _NIBBLES
    return np.int64((bits * _BYTES) >> _56)


@jit
def binomial(n: int, p: float, state: Array) -> int:
    """Draw how many of `n` trials (up to `MOST`) succeed, each with probability `p` from 0 to 1."""
    if n <= 0 or p <= 0.0:
        return 0
    if p > 0.5:
        return n - _rarer(n, 1.0 - p, state)
    return _rarer(n, p, state)


@jit
def _rarer(n: int, p: float, state: Array) -> int:
    if p <= 0.0:
        return 0
    if n <= 128:
        return _tossed(min(n, 64), p, state) + (_tossed(n - 64, p, state) if n > 64 else 0)
    return _summed(n, p, state) if n * p < _FEW else int(_rejected(float(n), p, state))


@jit
def _tossed(n: int, p: float, state: Array) -> int:
    """Compare the bits of a uniform number a trial with those of `p`, for up to 64 trials at once.

    The first bit in which they differ decides: half of the trials that are left, each time.
    """
    left = _ALL >> (_64 - np.uint64(n))
    under = _0
    while left != _0 and p > 0.0:
        p *= 2.0
        bits = word(state)
        if p >= 1.0:
            p -= 1.0
            under |= left & ~bits
            left &= bits
        else:
            left &= ~bits
    return _ones(under)


@jit
def _summed(n: int, p: float, state: Array) -> int:
    """Invert the distribution, term by term, until they are too small for a float: rounding leaves some of 1 over."""
    odds = p / (1.0 - p)
    term = math.exp(n * math.log1p(-p))
    left, k = uniform(state), 0
    while left > term > 0.0 and k < n:
        left -= term
        k += 1
        term *= odds * (n - k + 1) / k
    return k


@jit
def _rejected(n: float, p: float, state: Array) -> float:
    """Transformed rejection with squeeze: Hormann 1993, Journal of Statistical Computation and Simulation 46, 101."""
    width = math.sqrt(n * p * (1.0 - p))
    b = 1.15 + 2.53 * width
    a = -0.0873 + 0.0248 * b + 0.01 * p
    centre = n * p + 0.5
    sure = 0.92 - 4.2 / b
    while True:
        v = uniform(state)
        u = uniform(state) - 0.5
        edge = 0.5 - abs(u)
        k = math.floor((2.0 * a / edge + b) * u + centre)
        if edge >= 0.07 and v <= sure:
            return k
        if k < 0.0 or k > n:
            continue
        mode = math.floor((n + 1.0) * p)
        hat = math.log(v * (2.83 + 5.1 / b) * width / (a / (edge * edge) + b))
        if hat <= _less_likely(n, mode, k) + (k - mode) * math.log(p / (1.0 - p)):
            return k


@jit
def _less_likely(n: float, mode: float, k: float) -> float:
    """Return the logarithm of the ratio of binomial coefficients, of k over that of the mode."""
    return math.lgamma(mode + 1.0) + math.lgamma(n - mode + 1.0) - math.lgamma(k + 1.0) - math.lgamma(n - k + 1.0)


@jit
def poisson(mean: float, state: Array) -> float:
    """Draw a Poisson number of a mean up to `MOST`."""
    if not mean > 0.0:
        return 0.0
    return _poisson_summed(mean, state) if mean < _FEW else _poisson_rejected(mean, state)


@jit
def _poisson_summed(mean: float, state: Array) -> float:
    """Invert the distribution, term by term, as for binomial numbers."""
    term = math.exp(-mean)
    left, k = uniform(state), 0.0
    while left > term > 0.0:
        left -= term
        k += 1.0
        term *= mean / k
    return k


@jit
def _poisson_rejected(mean: float, state: Array) -> float:
    """Transformed rejection with squeeze: Hormann 1993, Insurance: Mathematics and Economics 12, 39 (PTRS)."""
    b = 0.931 + 2.53 * math.sqrt(mean)
    a = -0.059 + 0.02483 * b
    sure = 0.9277 - 3.6224 / (b - 2.0)
    while True:
        u = uniform(state) - 0.5
        v = uniform(state)
        edge = 0.5 - abs(u)
        k = math.floor((2.0 * a / edge + b) * u + mean + 0.43)
        if edge >= 0.07 and v <= sure:
            return k
        if k < 0.0 or (edge < 0.013 and v > edge):
            continue
        hat = math.log(v * (1.1239 + 1.1328 / (b - 3.4)) / (a / (edge * edge) + b))
        if hat <= k * math.log(mean) - mean - math.lgamma(k + 1.0):
            return k
