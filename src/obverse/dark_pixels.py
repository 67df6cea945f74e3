"""Pixels that see no light: which they are, and what they tell of the level under all others."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from obverse.geometry import Geometry

__all__ = ["SEEN_IN", "blocks", "dark_pixels", "ends", "finite"]

SEEN_IN = ("prescan", "overscan", "both", "reference", "reference_rows", "reference_columns")
"""Where an amplifier has dark pixels: columns clocked without light, or a border of the array."""


def dark_pixels(geometry: Geometry, layout: str, seen_in: str, *, settle: int = 0, skip: int = 0) -> NDArray[np.bool_]:
    """Mark the dark pixels of a kind, in the layout.

    Examples
    --------
    >>> dark_pixels(Geometry((4, 4), reference=(1, 1, 1, 1)), "sensor", "reference_rows").sum()
    np.int64(8)
    """
    if not seen_in.startswith("reference"):
        column, image = np.arange(geometry.clocked_shape[2]), geometry.image_columns
        before = (column >= settle) & (column < image.start)
        behind = column >= image.stop + skip
        seen = {"prescan": before, "overscan": behind, "both": before | behind}[seen_in]
        return np.broadcast_to(seen, geometry.clocked_shape)
    bottom, top, left, right = geometry.reference
    row, column = np.indices(geometry.shape, sparse=True)
    rows = (row < bottom) | (row >= geometry.shape[0] - top)
    border = (column < left) | (column >= geometry.shape[1] - right)
    which = {"reference": rows | border, "reference_rows": rows, "reference_columns": border}[seen_in]
    blind = np.broadcast_to(which, geometry.shape)
    return geometry.pad(blind) if layout == "clocked" else blind


def ends(geometry: Geometry, layout: str, seen_in: str) -> list[NDArray[np.bool_]]:
    """Return masks of the halves of the sensor whose dark pixels count alike, in the layout; one mask where all do."""
    row, column = np.indices(geometry.shape)
    if seen_in == "reference_rows":
        first = row < geometry.shape[0] // 2
    elif seen_in == "reference_columns":
        first = column < geometry.shape[1] // 2
    else:
        return [np.ones(geometry.clocked_shape if layout == "clocked" else geometry.shape, bool)]
    return [geometry.pad(half) if layout == "clocked" else half for half in (first, ~first)]


def blocks(array: NDArray[Any], geometry: Geometry, layout: str) -> list[NDArray[Any]]:
    """Return views (..., row, column) of the pixels of each amplifier."""
    if layout == "clocked":
        return [array[..., i, :, :] for i in range(len(geometry.amplifiers))]
    return [amplifier.section.cut(array) for amplifier in geometry.amplifiers]


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
