"""Rare events that leave charge in many pixels: where they fall, and what they leave there."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from obverse.effects._effect import Effect
from obverse.moment import Moment

__all__ = ["FAINTEST", "Events", "Fallen", "centres", "cloud"]

FAINTEST = 0.5
"""Mean charge of a pixel below which a cloud is taken to end [electron]."""


@dataclass(frozen=True)
class Fallen:
    """What the events of one read have left on the sensor.

    Parameters
    ----------
    columns
        Columns of the sensor.
    pixel
        Which pixels, counted along the rows from (0, 0), in rising order; one may stand there more than once.
    electrons
        What each of them got.
    """

    columns: int
    pixel: NDArray[np.int64]
    electrons: NDArray[np.float32]

    @classmethod
    def of(cls, columns: int, parts: Iterable[tuple[NDArray[Any], NDArray[Any]]]) -> Fallen:
        """Join pairs of pixels and electrons."""
        pairs = [*parts, (np.zeros(0, np.int64), np.zeros(0, np.float32))]
        pixel, electrons = (np.concatenate(each) for each in zip(*pairs, strict=True))
        order = np.argsort(pixel, kind="stable")
        return cls(columns, pixel[order].astype(np.int64), electrons[order].astype(np.float32))

    def on(self, pixels: NDArray[np.bool_]) -> Fallen:
        """Return what fell on some pixels of the sensor, a mask (row, column)."""
        if pixels.all():
            return self
        kept = pixels.ravel()[self.pixel]
        return Fallen(self.columns, self.pixel[kept], self.electrons[kept])

    def added(self, charge: NDArray[Any], rows: slice) -> NDArray[Any]:
        """Return the charge (row, column) of some rows of the sensor [electron] with what fell on them."""
        start = (rows.start or 0) * self.columns
        here = slice(*np.searchsorted(self.pixel, (start, start + charge.size)))
        if here.start == here.stop:
            return charge
        out = np.array(charge, np.float32)
        np.add.at(out.reshape(-1), self.pixel[here] - start, self.electrons[here])
        return out


class Events(Effect):
    """Base of what falls on few pixels at a time: it draws them for the whole sensor, whatever rows are in hand."""

    pointwise = True

    def events(self, at: Moment) -> Fallen:
        """Draw what falls on the sensor in the interval."""
        raise NotImplementedError

    def imprint(self, charge: NDArray[Any], at: Moment) -> NDArray[Any]:
        """Add what falls in the interval to the charge (row, column) [electron]."""
        return self.events(at).added(charge, at.rows)


def centres(
    random: np.random.Generator, shape: tuple[int, ...], fluence: float, pitch: float, margin: float
) -> NDArray[np.float64]:
    """Draw where events fall, (event, 2) rows and columns [pixel].

    Those that fall beside the sensor, up to `margin` pixels from it, are among them: their charge may reach in.

    Parameters
    ----------
    random
        Where the numbers come from.
    shape
        Rows and columns of the sensor.
    fluence
        Events through an area [1/cm2].
    pitch
        Size of a pixel [micron].
    margin
        How far clouds reach [pixel].
    """
    rows, columns = (size + 2.0 * margin for size in shape)
    n = random.poisson(fluence * rows * columns * (pitch * 1e-4) ** 2)
    return random.uniform(-margin, (rows - margin, columns - margin), (n, 2)) - 0.5  # pixel 0 is from -0.5 to 0.5


def cloud(
    shape: tuple[int, int],
    centre: NDArray[np.float64],
    reach: float,
    mean: Callable[[Any, Any], Any],
    random: np.random.Generator,
) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """Draw Poisson numbers of a mean charge for the pixels within `reach` of a centre: pixels and electrons.

    The mean [electron] is a function of the distances (row, column) from the centre [pixel].
    """
    first = np.maximum(np.floor(centre - reach), 0).astype(int)
    last = np.maximum(np.minimum(np.ceil(centre + reach) + 1, shape), first).astype(int)
    row, column = np.ogrid[first[0] : last[0], first[1] : last[1]]
    charge = mean(row - centre[0], column - centre[1])
    electrons = random.poisson(np.where(charge >= FAINTEST, charge, 0.0))
    pixel = np.broadcast_to(row * shape[1] + column, electrons.shape)
    return pixel[electrons > 0].astype(np.int64), electrons[electrons > 0].astype(np.float32)
