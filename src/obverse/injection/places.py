"""Where to put stars whose neighbours are to be far away, or at a distance that is asked for."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from obverse.errors import UsageError

__all__ = ["beside", "nearest_distance", "strewn"]

Array = NDArray[Any]


def strewn(n: int, shape: tuple[int, int], spacing: float, margin: float, random: np.random.Generator) -> Array:
    """Return positions of at most n stars, (row or column, star), no two nearer than `spacing` [pixel].

    They stand on a square lattice of random origin, each within its cell at any phase of the pixel.

    Examples
    --------
    >>> strewn(3, (64, 64), 20.0, 4.0, np.random.default_rng(1)).shape
    (2, 3)
    """
    step = spacing + 1.0
    room = [np.arange(margin + random.uniform(0, step), size - margin - 2.0, step) for size in shape]
    grid = np.array(np.meshgrid(*room, indexing="ij")).reshape(2, -1)
    if not grid.size:
        raise UsageError(
            f"injection.grid: no star fits into {shape} with a margin of {margin:g} pixels: give a larger image"
        )
    kept = random.permutation(grid.shape[1])[:n]
    return grid[:, kept] + random.uniform(0, 1, (2, len(kept)))


def beside(existing: Array, distances: Array, spacing: float, random: np.random.Generator) -> tuple[Array, Array]:
    """Return positions (row or column, star) at these distances from existing sources, in any direction, and which.

    Stars that would stand too near to one placed before them are left out.

    Parameters
    ----------
    existing
        Positions, (row or column, source) [pixel].
    distances
        Wanted, (star,) [pixel].
    spacing
        Least distance between two new stars [pixel].
    """
    order, used, placed = random.permutation(existing.shape[1]), 0, np.zeros((2, 0))
    kept: list[int] = []
    for star, distance in enumerate(distances):
        while used < len(order):
            angle = random.uniform(0, 2 * np.pi)
            new = existing[:, order[used]] + distance * np.array([np.sin(angle), np.cos(angle)])
            used += 1
            if nearest_distance(new[:, None], placed)[0] >= spacing:
                placed, kept = np.column_stack([placed, new]), [*kept, star]
                break
    return placed, np.array(kept, np.intp)


def nearest_distance(these: Array, others: Array, *, same: bool = False) -> Array:
    """Return the distance of each star to the nearest other, infinite where there is none.

    Examples
    --------
    >>> nearest_distance(np.array([[0.0], [0.0]]), np.array([[3.0, 9.0], [4.0, 9.0]]))
    array([5.])
    """
    from scipy.spatial import cKDTree

    if others.shape[1] <= int(same):
        return np.full(these.shape[1], np.inf)
    found, _ = cKDTree(others.T).query(these.T, k=2 if same else 1)
    return np.asarray(found[:, 1] if same else found)
