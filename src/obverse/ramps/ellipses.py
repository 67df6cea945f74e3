"""Ellipses around connected regions of pixels, from their second moments."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

__all__ = ["Ellipse", "draw", "ellipses"]

Array = NDArray[Any]

_TOUCHING = np.ones((3, 3), np.int8)  # pixels that share a corner belong together


@dataclass(frozen=True)
class Ellipse:
    r"""An ellipse on the pixel grid.

    With the variances of the pixels' rows and columns about their mean, of eigenvalues :math:`\lambda`, a full axis
    is :math:`4 \sqrt\lambda - 1`: 4 standard deviations are the diameter of a filled disc, and the pixel in the
    middle of an axis is not counted twice.

    Parameters
    ----------
    row, column
        Centre [pixel].
    length, width
        Full major and minor axis [pixel].
    angle
        From the row axis to the major axis, counted towards the column axis [radian].

    Examples
    --------
    >>> block = np.pad(np.ones((3, 3), bool), 1)
    >>> one = ellipses(block, 1)[0]
    >>> one.row, one.column, round(one.length, 3), round(one.width, 3)
    (2.0, 2.0, 2.266, 2.266)
    """

    row: float
    column: float
    length: float
    width: float
    angle: float

    def holds(self, row: Any, column: Any) -> Any:
        """Whether points lie inside or on the edge."""
        return self.distance(row, column) <= 1

    def distance(self, row: Any, column: Any) -> Any:
        """Squared distance of points from the centre, 1 on the edge; infinite for an ellipse without area."""
        down, right = row - self.row, column - self.column
        along = down * np.cos(self.angle) + right * np.sin(self.angle)
        across = right * np.cos(self.angle) - down * np.sin(self.angle)
        if min(self.length, self.width) <= 0:
            return np.full(np.shape(along), np.inf)
        return (2 * along / self.length) ** 2 + (2 * across / self.width) ** 2

    def grown(self, pixels: float, widest: float) -> Ellipse:
        """The ellipse with both axes longer by `pixels`, at most `widest` [pixel]."""
        return replace(self, length=min(self.length + pixels, widest), width=min(self.width + pixels, widest))


def ellipses(mask: NDArray[np.bool_], smallest: float) -> list[Ellipse]:
    """Ellipses around the connected regions of `mask` (row, column) of at least `smallest` pixels, holes included."""
    regions, _ = ndimage.label(mask, _TOUCHING)
    made = []
    for number, box in enumerate(ndimage.find_objects(regions), start=1):
        region = regions[box] == number
        if region.size >= smallest and ndimage.binary_fill_holes(region).sum() >= smallest:
            made.append(_around(region, box[0].start, box[1].start))
    return made


def draw(mask: NDArray[np.bool_], ellipse: Ellipse) -> None:
    """Set the pixels whose centres lie inside `ellipse`, in place."""
    reach = 0.5 * max(ellipse.length, ellipse.width) + 1
    rows, columns = (
        slice(max(int(centre - reach), 0), max(min(int(centre + reach) + 2, size), 0))
        for centre, size in zip((ellipse.row, ellipse.column), mask.shape, strict=True)
    )
    row, column = np.ogrid[rows, columns]
    mask[rows, columns] |= ellipse.distance(row, column) < 1


def _around(region: NDArray[np.bool_], row: int, column: int) -> Ellipse:
    r, c = np.nonzero(region)
    rr, cc, rc = r.var(), c.var(), np.mean((r - r.mean()) * (c - c.mean()))
    middle, half = 0.5 * (rr + cc), np.hypot(0.5 * (rr - cc), rc)
    long, short = (4 * np.sqrt(max(value, 0.0)) - 1 for value in (middle + half, middle - half))
    angle = 0.5 * np.arctan2(2 * rc, rr - cc)
    return Ellipse(*(float(value) for value in (row + r.mean(), column + c.mean(), long, short, angle)))
