"""A point-spread function that changes over the field."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from obverse.errors import UsageError
from obverse.scene.psf import Psf
from obverse.scene.sources import Sources

__all__ = ["FieldPsf"]

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class FieldPsf:
    """Point-spread functions at places of the field, linear between them.

    P(row, column) = sum of w P over the four corners of the cell in which the star lies, with the weights of bilinear
    interpolation; outside the outermost places it stays as it is there.

    Parameters
    ----------
    rows, columns
        Places (i,), (j,) along each axis, rising [pixel].
    images
        Cells at each place (i, j, row, column).
    oversampling
        Cells to a pixel.

    Raises
    ------
    UsageError
        If places and images do not fit.

    Limits
    ------
    A sum of two stars is not a star in between: places must lie close enough for the change to be small.

    Examples
    --------
    >>> from obverse.scene import gaussian
    >>> narrow, wide = gaussian(2.0, half=6).cells, gaussian(2.4, half=6).cells
    >>> psf = FieldPsf([0.0], [0.0, 100.0], [[narrow, wide]], oversampling=8)
    >>> bool(np.allclose(psf.at(0.0, 25.0).cells, 0.75 * narrow + 0.25 * wide))
    True
    """

    rows: Array
    columns: Array
    images: Any
    oversampling: int

    def __post_init__(self) -> None:
        for name in ("rows", "columns"):
            value = np.array(np.atleast_1d(getattr(self, name)), np.float64)
            if value.ndim != 1 or not np.isfinite(value).all() or (np.diff(value) <= 0).any():
                raise UsageError(f"field psf: {name} must be places that rise, got {getattr(self, name)}")
            object.__setattr__(self, name, value)
        images = np.asarray(self.images, np.float64)
        if images.ndim != 4 or images.shape[:2] != (self.rows.size, self.columns.size):
            wanted = f"({self.rows.size}, {self.columns.size}, row, column)"
            raise UsageError(f"field psf: images have shape {images.shape}, places ask for {wanted}")
        object.__setattr__(self, "images", images)

    @cached_property
    def corners(self) -> tuple[tuple[Psf, ...], ...]:
        """The point-spread function at each place (i, j)."""
        return tuple(tuple(Psf(image, self.oversampling) for image in line) for line in self.images)

    @property
    def half(self) -> int:
        """How far its light reaches along an axis, through the pixels [pixel]."""
        return self.corners[0][0].half

    def at(self, row: float, column: float) -> Psf:
        """Return the point-spread function at one place."""
        along, across = _shares(self.rows, np.array([row])), _shares(self.columns, np.array([column]))
        cells = np.zeros(self.images.shape[2:])
        for i, line in enumerate(self.corners):
            for j, corner in enumerate(line):
                share = float(along[i, 0] * across[j, 0])
                cells += share * corner.cells if share else 0.0
        return Psf(cells, self.oversampling)

    def moved(self, rows: float = 0.0, columns: float = 0.0) -> FieldPsf:
        """Return it for pixels that are counted from another corner: its places are so many rows and columns higher.

        Examples
        --------
        >>> from obverse.scene import gaussian
        >>> psf = FieldPsf([0.0], [0.0, 100.0], [[gaussian(2.0, half=6).cells, gaussian(2.4, half=6).cells]], 8)
        >>> psf.moved(4.0, 4.0).columns
        array([  4., 104.])
        """
        return replace(self, rows=self.rows + rows, columns=self.columns + columns)

    def parts(self, sources: Sources) -> Iterator[tuple[Sources, Psf]]:
        """Yield sources with what they are drawn by: each up to four times, by shares of its flux."""
        along, across = _shares(self.rows, sources.row), _shares(self.columns, sources.column)
        for i, line in enumerate(self.corners):
            for j, corner in enumerate(line):
                share = along[i] * across[j]
                near = share > 0
                if near.any():
                    some = sources[near]
                    yield replace(some, flux=some.flux * share[near]), corner


def _shares(places: Array, where: Array) -> Array:
    """Return the weight of each place (place, source), linear between neighbours."""
    if places.size == 1:
        return np.ones((1, where.size))
    u = np.interp(where, places, np.arange(places.size))
    return np.maximum(0.0, 1.0 - np.abs(u - np.arange(places.size)[:, None]))
