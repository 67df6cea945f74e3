"""Reference columns at the left and right of an array: what they tell of drifts from row to row."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from obverse.geometry import Geometry

__all__ = ["SidePixels", "median_variance", "running_median", "slow_curve", "window_sizes"]

_KNOTS = 64
"""Rows between independent values of a slow curve."""


@dataclass(frozen=True)
class SidePixels:
    """The side reference pixels of an array, and the running median that is taken of them.

    Parameters
    ----------
    geometry
        Where they are.
    window
        Rows of the running median, an odd number.
    """

    geometry: Geometry
    window: int

    @property
    def widths(self) -> list[int]:
        """Columns of the sides that there are."""
        return [width for width in self.geometry.reference[2:] if width]

    def cut(self, data: NDArray[Any]) -> list[NDArray[Any]]:
        """Return the pixels (..., row, column) of each side that there is."""
        left, right = self.geometry.reference[2:]
        both = data[..., :left], data[..., data.shape[-1] - right :]
        return [side for side in both if side.shape[-1]]

    def shares(self) -> NDArray[np.float64]:
        """Return which part of the sides each amplifier reads, (amplifier,)."""
        amplifiers = self.geometry.amplifier_map
        found = [np.bincount(side.ravel(), minlength=len(self.geometry.amplifiers)) for side in self.cut(amplifiers)]
        return np.asarray(np.mean([counts / counts.sum() for counts in found], axis=0))

    def variance(self) -> NDArray[np.float64]:
        """Return the variance of the mean of the medians of both sides, (row,), for pixels of variance one."""
        rows = window_sizes(self.geometry.shape[0], self.window)
        return np.asarray(sum(median_variance(rows * width) for width in self.widths) / len(self.widths) ** 2)


def slow_curve(knots: NDArray[np.float32], rows: int) -> NDArray[np.float32]:
    """Return a curve through knots 64 rows apart, (row,), with the scatter of the knots everywhere."""
    whole, part = np.divmod(np.arange(rows) / _KNOTS, 1.0)
    i, angle = whole.astype(int), 0.5 * np.pi * part
    return (np.cos(angle) * knots[i] + np.sin(angle) * knots[i + 1]).astype(np.float32)


def window_sizes(rows: int, height: int) -> NDArray[np.int64]:
    """Return how many rows a window of that height around each row holds: fewer at the ends.

    Examples
    --------
    >>> window_sizes(5, 3)
    array([2, 3, 3, 3, 2])
    """
    half, row = height // 2, np.arange(rows)
    return np.minimum(row + half, rows - 1) - np.maximum(row - half, 0) + 1


def running_median(values: NDArray[Any], height: int) -> NDArray[Any]:
    """Return the median over a window of rows and all columns, for each row of (..., row, column).

    Examples
    --------
    >>> running_median(np.array([[1.0], [2.0], [30.0], [4.0], [5.0]]), 3)
    array([1.5, 2. , 4. , 5. , 4.5])
    """
    rows, half = values.shape[-2], height // 2
    if half >= rows:
        return np.broadcast_to(np.median(values, axis=(-2, -1))[..., None], values.shape[:-1])
    out = np.empty(values.shape[:-1], values.dtype)
    if rows >= height:
        windows = np.lib.stride_tricks.sliding_window_view(values, height, axis=-2)
        out[..., half : rows - half] = np.median(windows, axis=(-2, -1))
    for row in (*range(min(half, rows)), *range(max(rows - half, half), rows)):
        out[..., row] = np.median(values[..., max(row - half, 0) : row + half + 1, :], axis=(-2, -1))
    return out


def median_variance(n: Any) -> Any:
    r"""Return the variance of the median of n unit normals, right to 2 % from n = 3 on.

    .. math:: \pi / (2n + \pi - 2) \quad \text{(n odd)}, \qquad \pi / (2n + \pi) \quad \text{(n even)}

    Notes
    -----
    Reference: Kenney & Keeping 1962, Mathematics of Statistics, part 1, ch. 14 (large n: :math:`\pi / 2n`).

    Examples
    --------
    >>> median_variance(1)
    1.0
    """
    return np.pi / (2.0 * n + np.pi - 2.0 * (n % 2))
