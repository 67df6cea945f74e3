"""Weights of one segment: those of a straight line whose exponent follows the signal, and the optimal ones."""

from __future__ import annotations

import math
from typing import Any

from numpy.typing import NDArray

from obverse.kernels._jit import jit
from obverse.kernels._rule import AC, BC, READS, SHARE, TAU, TBAR, A, B, D

__all__ = ["form_of", "optimal_weights", "place_of", "power_weights", "slope_of"]

Array = NDArray[Any]


@jit
def form_of(K: Array, a: int, b: int, times: Array, origin: float) -> tuple[float, float]:
    """QR and QS of the weights K: sum K_i^2/N_i, and sum K_i^2 tau_i + 2 sum_{i<j} K_i K_j tbar_i."""
    zero = K[a] * 0
    read, photons, behind = zero, zero, zero
    for i in range(b, a - 1, -1):
        read += K[i] * K[i] * times[SHARE, i]
        photons += K[i] * (K[i] * (times[TAU, i] - origin) + 2 * (times[TBAR, i] - origin) * behind)
        behind += K[i]
    return read, photons


@jit
def place_of(rise: float, noise: float, signal: Array) -> int:
    """Count the limits that the signal-to-noise ratio has passed; `signal` holds them, and the exponents."""
    place = 0
    if rise > 0:
        ratio = rise / math.sqrt(noise + rise)
        for i in range(1, signal.shape[1]):
            place += 1 if ratio >= signal[0, i] else 0
    return place


@jit
def _raised(x: float, power: float) -> float:
    """x^P by squaring where P is whole, which a power function does in five times the time."""
    whole = int(power)
    if whole != power:
        return x**power
    made, square = x - x + 1, x
    while whole > 0:
        if whole & 1:
            made *= square
        square *= square
        whole >>= 1
    return made


@jit
def power_weights(P: float, a: int, b: int, times: Array, w: Array, K: Array) -> None:
    """Weights of a straight line, |(t - c)/h|^P: the higher the signal, the more the ends count."""
    one, two = K.dtype.type(1), K.dtype.type(2)
    c, h = (times[TBAR, a] + times[TBAR, b]) / two, (times[TBAR, b] - times[TBAR, a]) / two
    zero, per = one - one, one / h
    F0, F1, F2 = zero, zero, zero
    for k in range(a, b + 1):
        t = times[TBAR, k] - c
        N = times[READS, k]
        w[k] = (one + P) * N / (one + P * N) * _raised(abs(t * per), P)
        F0 += w[k]
        F1 += w[k] * t
        F2 += w[k] * t * t
    scale = one / (F0 * F2 - F1 * F1)
    for k in range(a, b + 1):
        K[k] = (F0 * (times[TBAR, k] - c) - F1) * w[k] * scale


@jit
def optimal_weights(a: int, b: int, u: float, differences: Array, w: Array, K: Array) -> None:
    """Solve V x = D on the differences of a segment, V = A + u B; K are the x as weights of resultants.

    `w` ends as 1 at the first resultant, from which the intercept is then seen.
    """
    zero = u - u
    v, e, s, x = zero, zero, zero, zero
    for i in range(a, b):  # on the way there K holds v and w holds e, one place behind
        c = differences[AC, i] + u * differences[BC, i] if i > a else zero
        step = c / v if i > a else zero
        v = differences[A, i] + u * differences[B, i] - step * c
        e = differences[D, i] - step * e
        K[i + 1], w[i + 1] = v, e
    for i in range(b - 1, a - 1, -1):
        c = differences[AC, i + 1] + u * differences[BC, i + 1] if i < b - 1 else zero
        here = (w[i + 1] - c * x) / K[i + 1]
        K[i + 1] = here - x
        s += here * differences[D, i]
        x = here
    K[a] = -x
    scale = 1 / s
    for k in range(a, b + 1):
        K[k] *= scale
        w[k] = zero
    w[a] = 1


@jit
def slope_of(R: Array, K: Array, a: int, b: int) -> float:
    total = K[a] * 0
    for k in range(a + 1, b + 1):
        total += K[k] * (R[k] - R[a])
    return total
