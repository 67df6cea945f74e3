"""Lines through the nearest points: a smooth curve that assumes no form."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["local_lines", "relative_noise"]

Array = NDArray[Any]


def local_lines(x: Array, at: Array, part: float) -> Array:
    r"""Return what each point weighs in a local straight line at each place, (place, point).

    A line is fitted to the nearest part of the points, four at least, by weights :math:`(1 - (d / d_{max})^3)^3`.

    Parameters
    ----------
    x
        Of the points, all different.
    at
        Places; beyond the points, those at their ends.
    part
        Of the points, that a line is fitted to.

    Notes
    -----
    Reference: Cleveland 1979, JASA 74, 829.

    Examples
    --------
    >>> x = np.array([0.0, 1.0, 2.0, 3.0, 4.0])
    >>> (local_lines(x, np.array([1.5]), 0.5) @ (2 * x)).round(9)
    array([3.])
    """
    n = min(max(int(np.ceil(part * len(x))), 4), len(x))
    at = np.clip(at, x.min(), x.max())
    distance = np.abs(at[:, None] - x)
    reach = 1.0001 * np.sort(distance, axis=1)[:, n - 1 : n]
    weight = np.maximum(1.0 - (distance / reach) ** 3, 0.0) ** 3
    weight /= weight.sum(axis=1, keepdims=True)
    centre = (weight * x).sum(axis=1, keepdims=True)
    spread = (weight * (x - centre) ** 2).sum(axis=1, keepdims=True)
    return weight * (1.0 + (at[:, None] - centre) * (x - centre) / spread)


def relative_noise(x: Array, y: Array, share: Array, part: float) -> float:
    """Return the relative noise of an exposure, from the points' distances to their local lines.

    Parameters
    ----------
    x, y
        Points; y in logarithms.
    share
        What each exposure has in each point, (point, exposure).
    part
        As in `local_lines`.
    """
    off = np.eye(len(x)) - local_lines(x, x, part)
    expected = ((off @ share) ** 2).sum()
    return float(np.sqrt(((off @ y) ** 2).sum() / expected)) if expected > 1e-9 else float("nan")
