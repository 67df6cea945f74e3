"""Pixels that see no light: which they are, and what they tell of the level under all others."""

from __future__ import annotations

from math import erf, exp, pi, sqrt
from typing import Any

import numpy as np
from numpy.typing import NDArray

from obverse.geometry import Geometry

__all__ = ["SEEN_IN", "blocks", "clipping_loss", "dark_pixels", "ends", "finite", "in_read_order"]

SEEN_IN = ("prescan", "overscan", "both", "reference", "reference_rows", "reference_columns")
"""Where an amplifier has dark pixels: columns clocked without light, or a border of the array."""


def dark_pixels(
    geometry: Geometry, layout: str, seen_in: str, *, settle: int = 0, skip: int = 0, width: int = 0
) -> NDArray[np.bool_]:
    """Mark the dark pixels of a kind, in the layout.

    Of the scans, the first `settle` columns of the prescan and `skip` of the overscan are left out, and what lies
    behind the next `width`, where that is not 0.

    Examples
    --------
    >>> dark_pixels(Geometry((4, 4), reference=(1, 1, 1, 1)), "sensor", "reference_rows").sum()
    np.int64(8)
    """
    if not seen_in.startswith("reference"):
        place, image = np.arange(geometry.clocked_shape[2]), geometry.image_columns
        last = width or len(place)
        before = (place >= settle) & (place < min(image.start, settle + last))
        behind = (place >= image.stop + skip) & (place < image.stop + skip + last)
        seen = {"prescan": before, "overscan": behind, "both": before | behind}[seen_in]
        return np.broadcast_to(seen, geometry.clocked_shape)
    bottom, top, left, right = geometry.reference
    row, column = np.indices(geometry.shape, sparse=True)
    rows = (row < bottom) | (row >= geometry.shape[0] - top)
    columns = (column < left) | (column >= geometry.shape[1] - right)
    which = {"reference": rows | columns, "reference_rows": rows, "reference_columns": columns}[seen_in]
    blind = np.broadcast_to(which, geometry.shape)
    return geometry.pad(blind) if layout == "clocked" else blind


def ends(geometry: Geometry, layout: str, seen_in: str) -> list[NDArray[np.bool_]]:
    """Return masks of the halves of the sensor whose dark pixels count alike, in the layout; one mask where all do."""
    row, column = np.indices(geometry.shape, sparse=True)
    if seen_in == "reference_rows":
        first = row < geometry.shape[0] // 2
    elif seen_in == "reference_columns":
        first = column < geometry.shape[1] // 2
    else:
        return [np.broadcast_to(True, geometry.clocked_shape if layout == "clocked" else geometry.shape)]
    halves = [np.broadcast_to(half, geometry.shape) for half in (first, ~first)]
    return [geometry.pad(half) if layout == "clocked" else half for half in halves]


def blocks(array: NDArray[Any], geometry: Geometry, layout: str) -> list[NDArray[Any]]:
    """Return views (..., row, column) of the pixels of each amplifier."""
    if layout == "clocked":
        return [array[..., i, :, :] for i in range(len(geometry.amplifiers))]
    return [amplifier.section.cut(array) for amplifier in geometry.amplifiers]


def in_read_order(array: NDArray[Any], geometry: Geometry, layout: str) -> list[NDArray[Any]]:
    """Return views (..., row, column) of the pixels of each amplifier, its first pixel read at (0, 0)."""
    views = blocks(array, geometry, layout)
    if layout == "clocked":
        return views
    return [amplifier.flip(view) for amplifier, view in zip(geometry.amplifiers, views, strict=True)]


def finite(values: NDArray[Any]) -> NDArray[Any]:
    """Leave out pixels (..., pixel) that hold no number in some read.

    Examples
    --------
    >>> finite(np.array([[1.0, np.nan], [2.0, 3.0]]))
    array([[1.],
           [2.]])
    """
    good = np.isfinite(values).all(axis=tuple(range(values.ndim - 1)))
    return values if good.all() else values[..., good]


def clipping_loss(clip: float) -> float:
    r"""Return what clipping at k sigma about the median multiplies the variance of a mean by.

    .. math::

        \frac{1}{P^2} \left( P - c + 2 c \sqrt{\pi / 2}\, m + \frac{\pi}{2} c^2 \right), \qquad
        P = \mathrm{erf}(k / \sqrt 2), \quad c = 2 k \phi(k), \quad m = 2 (\phi(0) - \phi(k))

    from the influence functions of the mean within a window, and of the median that places the window.

    Notes
    -----
    Reference: Huber 1981, Robust Statistics, ch. 3 (influence functions).

    Examples
    --------
    >>> [round(clipping_loss(k), 3) for k in (3.0, 4.0, 5.0)]
    [1.03, 1.001, 1.0]
    """
    inside = erf(clip / sqrt(2.0))
    edge = exp(-0.5 * clip**2) / sqrt(2.0 * pi)
    c, m = 2.0 * clip * edge, 2.0 * (1.0 / sqrt(2.0 * pi) - edge)
    return (inside - c + 2.0 * c * sqrt(pi / 2.0) * m + 0.5 * pi * c**2) / inside**2
