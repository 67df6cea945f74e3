"""Means that a few bad pixels cannot move."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["clipped_mean"]


def clipped_mean(values: NDArray[Any], clip: float = 4.0, *, shared_scale: bool = False) -> NDArray[np.float64]:
    """Return the mean over the last axis of what lies within `clip` robust sigmas of the median.

    With `shared_scale` the last two axes have one sigma.

    Examples
    --------
    >>> float(clipped_mean(np.array([9.0, 10.0, 11.0, 10.0, 5000.0])))
    10.0
    """
    middle = np.median(values, axis=-1, keepdims=True)
    axes = (-2, -1) if shared_scale else (-1,)
    sigma = 1.4826 * np.median(np.abs(values - middle), axis=axes, keepdims=True)
    near = np.abs(values - middle) <= np.maximum(clip * sigma, 1.0)  # digitised levels may have no scatter at all
    return np.asarray(values.mean(axis=-1, dtype=np.float64, where=near))
