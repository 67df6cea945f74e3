"""From cells finer than a pixel to stamps at phases of the pixel, which the kernel draws from."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["PHASES", "Stamps", "reach", "stamps_of", "transfer_of"]

Array = NDArray[np.float64]

PHASES = 8
"""Phases to a pixel; the kernel interpolates between them (`obverse.kernels.stamps`)."""


@dataclass(frozen=True, eq=False)
class Stamps:
    """Light in pixels, for stars at phases of the pixel.

    Parameters
    ----------
    table
        (row phase, column phase, row, column): phase j is a star at (j - 1) / PHASES - 1/2 [pixel] from the centre of
        the middle pixel.
    """

    table: Array

    @property
    def half(self) -> int:
        """Pixels on each side of the middle one."""
        return int(self.table.shape[-1] // 2)

    @property
    def flat(self) -> Array:
        """The table with the pixels of a stamp in one line."""
        return self.table.reshape(*self.table.shape[:2], -1)


def stamps_of(cells: Array, oversampling: int) -> Stamps:
    """Sum cells over pixels at all phases.

    The light in a pixel as a function of the place of its centre is known where the borders of pixels fall between
    cells; between those places it is a quintic spline.

    Parameters
    ----------
    cells
        Light in cells (row, column), the star in the middle.
    oversampling
        Cells to a pixel.

    Examples
    --------
    >>> stamps_of(np.ones((2, 2)) / 4, 2).table.shape
    (11, 11, 3, 3)
    """
    from scipy.ndimage import map_coordinates

    light = in_pixels(cells, oversampling)
    half = reach(cells, oversampling)
    where = [_places(n, oversampling, half) for n in light.shape]
    exact = all(np.allclose(place, np.round(place), atol=1e-9) for place in where)
    grid = np.meshgrid(*(place.ravel() for place in where), indexing="ij")
    values = map_coordinates(light, grid, order=1 if exact else 5, mode="constant")
    table = values.reshape(PHASES + 3, 2 * half + 1, PHASES + 3, 2 * half + 1).transpose(0, 2, 1, 3)
    # a spline keeps the sum of the samples it goes through to a part in 1e5 or so; light must not depend on the phase
    return Stamps(np.ascontiguousarray(table / table.sum(axis=(2, 3), keepdims=True)))


def reach(cells: Array, oversampling: int) -> int:
    """Return how far a star anywhere in its pixel reaches, in whole pixels from that pixel.

    Examples
    --------
    >>> reach(np.ones((4, 4)), 4)
    1
    """
    return int(np.ceil(max(cells.shape) / (2 * oversampling) + 0.5))


def transfer_of(cells: Array, oversampling: int, side: int) -> NDArray[np.complex128]:
    """Return the transform of cells summed over pixels, 1 at frequency 0.

    Parameters
    ----------
    cells
        Light in cells (row, column), the star in the middle.
    oversampling
        Cells to a pixel.
    side
        N; frequencies are -3/2 to 3/2 cycles/pixel along rows and 0 to 3/2 along columns, in steps of 1 / N.

    Examples
    --------
    >>> transfer_of(np.ones((2, 2)) / 4, 2, 32).shape
    (97, 49)
    """
    k = np.arange(-3 * side // 2, 3 * side // 2 + 1) / side
    rows = _waves(cells.shape[0], oversampling, k)
    columns = _waves(cells.shape[1], oversampling, k[k.size // 2 :])
    return np.ascontiguousarray(rows @ cells @ columns.T)


def _waves(n: int, oversampling: int, k: Array) -> NDArray[np.complex128]:
    """Return (frequency, cell): the transform along one axis, times that of a row of cells the width of a pixel."""
    x = (np.arange(n) - (n - 1) / 2) / oversampling
    sub = (np.arange(oversampling) - (oversampling - 1) / 2) / oversampling
    pixel = np.cos(2 * np.pi * k[:, None] * sub).mean(axis=1)
    return pixel[:, None] * np.exp(-2j * np.pi * k[:, None] * x)


def in_pixels(cells: Array, oversampling: int) -> Array:
    """Return the light in a pixel for every place of the pixel on the grid of cells, zeros around."""
    for axis in (0, 1):
        margin = [(2 * oversampling, 2 * oversampling) if a == axis else (0, 0) for a in (0, 1)]
        total = np.cumsum(np.pad(cells, margin), axis=axis)
        first = np.zeros_like(np.take(total, [0], axis=axis))
        total = np.concatenate([first, total], axis=axis)
        stop = total.shape[axis] - oversampling
        cells = np.take(total, np.arange(stop) + oversampling, axis=axis) - np.take(total, np.arange(stop), axis=axis)
    return cells


def _places(n: int, oversampling: int, half: int) -> Array:
    """Return where pixels (phase, pixel) of a stamp lie on one axis of `in_pixels`."""
    phase = (np.arange(PHASES + 3) - 1) / PHASES - 0.5
    pixel = np.arange(-half, half + 1)
    return (pixel[None, :] - phase[:, None]) * oversampling + (n - 1) / 2
