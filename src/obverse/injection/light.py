"""The light of each source on its own, in the box of pixels that it reaches."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from obverse.scene import Sources, draw
from obverse.scene.sersic import FARTHEST
from obverse.scene.star import Star

__all__ = ["Spot", "spots"]

_MOST = 512
"""Half the side of the largest box in which `draw` puts a galaxy [pixel]."""


@dataclass(frozen=True, eq=False)
class Spot:
    """One source on the part of the image that it reaches.

    Parameters
    ----------
    number
        Place of the source in its list.
    rows, columns
        The part of the image; empty where the source is off it.
    rate
        Expected electrons before the detector's response, (row, column) [electron/s].
    """

    number: int
    rows: slice
    columns: slice
    rate: NDArray[np.float64]

    @property
    def where(self) -> tuple[slice, slice]:
        """Index of its pixels in an image."""
        return self.rows, self.columns


def spots(sources: Sources, psf: Star, shape: tuple[int, int]) -> Iterator[Spot]:
    """Draw the sources one by one, in order.

    Parameters
    ----------
    sources
        In pixels of the image.
    psf
        Light of a star.
    shape
        Rows and columns of the image.

    Examples
    --------
    >>> from obverse.scene import gaussian
    >>> (spot,) = spots(Sources([1.0], [20.0], [50.0]), gaussian(2.0), (40, 40))
    >>> spot.rows, round(float(spot.rate.sum()), 1)  # the edge of the image cuts off the rest of 50
    (slice(0, 10, None), 48.1)
    """
    for number in range(len(sources)):
        one = sources[[number]]
        own = psf.at(float(one.row[0]), float(one.column[0]))
        half = own.half + 1 + _reach(one)
        rows, columns = (_within(float(at[0]), half, n) for at, n in zip((one.row, one.column), shape, strict=True))
        box = (max(rows.stop - rows.start, 0), max(columns.stop - columns.start, 0))
        rate = draw(one.moved(-rows.start, -columns.start), own, box, threads=1) if min(box) else np.zeros(box)
        yield Spot(number, rows, columns, rate)


def _reach(source: Sources) -> int:
    """Return how far a galaxy reaches along its major axis [pixel]; nothing for a star."""
    major = float(source.radius[0] / np.sqrt(source.axis_ratio[0]))
    return min(int(np.ceil(FARTHEST * major)), _MOST)


def _within(centre: float, half: int, n: int) -> slice:
    """Return the pixels of an axis of length n up to `half` from the centre; empty where it lies too far outside."""
    middle = int(np.clip(np.rint(centre), -half - 1, n + half))
    return slice(max(middle - half, 0), max(min(middle + half + 1, n), 0))
