"""The light of a star, in cells finer than a pixel."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from obverse.errors import UsageError
from obverse.scene.phases import Stamps, reach, stamps_of, transfer_of
from obverse.scene.sources import Sources

__all__ = ["Psf"]

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Psf:
    """A point-spread function as the light in each of its cells.

    Parameters
    ----------
    cells
        Light (row, column) that falls on each cell, centred on the star; scaled to a sum of 1.
    oversampling
        Cells to a pixel along each axis; 4 or more for a telescope. With 1 the cells are pixels: an image that has
        been through them.

    Raises
    ------
    UsageError
        If there is no light in the cells.

    Limits
    ------
    Cells hold optics and, if they were put in, the blur in the silicon; pixels are added here, and the detector adds
    its own interpixel capacitance. What is brought in twice is there twice. Light beyond the last cell does not exist.

    Examples
    --------
    >>> psf = Psf(np.ones((4, 4)), oversampling=4)  # even light over one pixel
    >>> psf.half, float(psf.stamps.table[5, 5].max())
    (1, 1.0)
    """

    cells: Array
    oversampling: int

    def __post_init__(self) -> None:
        cells = np.array(self.cells, np.float64)
        if cells.ndim != 2 or min(cells.shape) < 1 or not np.isfinite(cells).all() or not cells.sum() > 0:
            raise UsageError(
                f"psf: an image (row, column) of finite numbers with light in it is wanted, got {cells.shape}"
            )
        if int(self.oversampling) != self.oversampling or self.oversampling < 1:
            raise UsageError(f"psf: oversampling is {self.oversampling}, it must be a whole number, 1 or more")
        cells /= cells.sum()
        cells.setflags(write=False)
        object.__setattr__(self, "cells", cells)
        object.__setattr__(self, "oversampling", int(self.oversampling))

    @cached_property
    def stamps(self) -> Stamps:
        """Its stamps at phases of the pixel."""
        return stamps_of(self.cells, self.oversampling)

    @property
    def half(self) -> int:
        """How far its light reaches along an axis, through the pixels [pixel]."""
        return reach(self.cells, self.oversampling)

    def transfer(self, side: int) -> NDArray[np.complex128]:
        """Return the transform of a star in pixels, at frequencies of `obverse.kernels.galaxies.fold_galaxy`.

        Nothing keeps it: it takes 72 side^2 bytes, 75 MB for a side of 1024.
        """
        return transfer_of(self.cells, self.oversampling, side)

    def parts(self, sources: Sources) -> Iterator[tuple[Sources, Psf]]:
        """Yield sources with what they are drawn by."""
        yield sources, self

    def at(self, row: float, column: float) -> Psf:
        """Return the point-spread function at one place: it is the same everywhere."""
        return self

    def moved(self, rows: float = 0.0, columns: float = 0.0) -> Psf:
        """Return it for pixels that are counted from another corner: it is the same everywhere."""
        return self
