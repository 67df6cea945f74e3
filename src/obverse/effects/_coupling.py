"""What each pixel gets from its neighbours, and gives to them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["couple", "cross"]


def cross(coupling: float) -> NDArray[np.float64]:
    """Return the kernel of four equal couplings to the nearest neighbours."""
    a = float(coupling)
    return np.array([[0.0, a, 0.0], [a, 1.0 - 4.0 * a, a], [0.0, a, 0.0]])


def couple(image: NDArray[Any], kernel: NDArray[np.float64], sensitive: NDArray[np.bool_] | None) -> NDArray[Any]:
    """Return what neighbours add to (..., row, column), as direct sums (no FFT: bits stay local)."""
    out = np.zeros_like(image)
    for weight, i, j in _weights(kernel, image.dtype):
        here, there = _overlap(image.shape[-2], i), _overlap(image.shape[-1], j)
        pixel, neighbour = (here[0], there[0]), (here[1], there[1])
        step = weight * (image[(..., *neighbour)] - image[(..., *pixel)])
        out[(..., *pixel)] += step if sensitive is None else step * (sensitive[pixel] & sensitive[neighbour])
    return out


def _overlap(n: int, shift: int) -> tuple[slice, slice]:
    """Return where a pixel and its neighbour `shift` away both exist: the pixels, the neighbours."""
    return slice(max(0, -shift), n - max(0, shift)), slice(max(0, shift), n - max(0, -shift))


def _weights(kernel: NDArray[np.float64], dtype: Any) -> Iterator[tuple[Any, int, int]]:
    for i in (-1, 0, 1):
        for j in (-1, 0, 1):
            if (i, j) != (0, 0) and kernel[i + 1, j + 1] != 0.0:
                yield dtype.type(kernel[i + 1, j + 1]), i, j
