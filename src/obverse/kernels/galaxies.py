"""Transform of an elliptical galaxy through a telescope, folded onto the frequencies that pixels carry."""

from __future__ import annotations

from math import log, pi
from typing import Any

import numpy as np
from numpy.typing import NDArray

from obverse.kernels._jit import jit

__all__ = ["fold_galaxy"]

Array = NDArray[Any]

_DARK = 1e-12
"""Square of the transfer below which a frequency carries no light that counts."""


@jit
def _profile(k: float, radial: Array, first: float, step: float) -> float:
    """Interpolate the radial transform at the wave number k; `radial` stands on even steps of its logarithm."""
    u = (log(max(k, 1e-300)) - first) / step
    if u <= 0.0:
        return 1.0
    i = int(u)
    if i + 1 >= radial.size:
        return 0.0
    t = u - i
    return (1.0 - t) * radial[i] + t * radial[i + 1]


@jit
def fold_galaxy(
    out: Array, transfer: Array, radial: Array, first: float, step: float, ellipse: Array, along: Array, across: Array
) -> None:
    """Fill in the transform of the pixels of a galaxy of unit flux.

    out(m) = sum_ab S(2 pi |A k|) T(k) exp(-2 pi i k.f),        k = (m + (a, b) N) / N cycles/pixel, a and b -1, 0, 1

    Parameters
    ----------
    out
        (N, N // 2 + 1), complex: what ``irfft2`` turns into pixels.
    transfer
        T of telescope and pixel at frequencies of -3 N / 2 to 3 N / 2 along rows (3 N + 1) and 0 to 3 N / 2 along
        columns (3 N / 2 + 1), in steps of 1 / N.
    radial
        S of the round profile of half-light radius 1, at wave numbers exp(first + i step).
    first, step
        Of the logarithm of the wave number.
    ellipse
        A (2, 2): half-light ellipse, axes row and column [pixel].
    along, across
        exp(-2 pi i k f) of the place in the pixel, along rows (3 N + 1) and columns, both signs (3 N + 1).

    Examples
    --------
    >>> out, place = np.empty((4, 3), np.complex128), np.ones(13, np.complex128)
    >>> transfer = np.zeros((13, 7), np.complex128)
    >>> transfer[6, 0] = 1.0  # of light that is the same everywhere
    >>> fold_galaxy(out, transfer, np.ones(2), 0.0, 1.0, np.eye(2), place, place)
    >>> bool((np.fft.irfft2(out, s=(4, 4)) == 1 / 16).all())
    True
    """
    n = out.shape[0]
    middle = 3 * n // 2
    for i in range(n):
        for j in range(out.shape[1]):
            total = 0.0 + 0.0j
            for a in range(-1, 2):
                p = (i if 2 * i < n else i - n) + a * n
                for b in range(-1, 2):
                    q = j + b * n
                    if abs(p) > middle or abs(q) > middle:
                        continue
                    value = transfer[middle + p, q] if q >= 0 else np.conj(transfer[middle - p, -q])
                    if value.real * value.real + value.imag * value.imag < _DARK:
                        continue
                    u = (ellipse[0, 0] * p + ellipse[0, 1] * q) / n
                    v = (ellipse[1, 0] * p + ellipse[1, 1] * q) / n
                    light = _profile(2.0 * pi * np.sqrt(u * u + v * v), radial, first, step)
                    total += light * value * along[middle + p] * across[middle + q]
            out[i, j] = total
