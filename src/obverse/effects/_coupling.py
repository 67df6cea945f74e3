"""What each pixel gets from its neighbours, and gives to them."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from obverse.kernels.coupling import add_coupled

__all__ = ["couple", "cross"]


def cross(coupling: float) -> NDArray[np.float64]:
    """Return the kernel of four equal couplings to the nearest neighbours."""
    a = float(coupling)
    return np.array([[0.0, a, 0.0], [a, 1.0 - 4.0 * a, a], [0.0, a, 0.0]])


def couple(image: NDArray[Any], kernel: NDArray[np.float64], sensitive: NDArray[np.bool_] | None) -> NDArray[Any]:
    """Return what neighbours add to (..., row, column); pixels that are not `sensitive` neither give nor take."""
    pixels = np.ascontiguousarray(image)
    out = np.zeros_like(pixels)
    both = np.ones((1, 1), pixels.dtype) if sensitive is None else sensitive.astype(pixels.dtype)
    if not pixels.size:
        return out
    for here, gained in zip(_planes(pixels), _planes(out), strict=True):
        add_coupled(here, kernel.astype(pixels.dtype), both, gained)
    return out


def _planes(image: NDArray[Any]) -> NDArray[Any]:
    return image.reshape(-1, *image.shape[-2:])
