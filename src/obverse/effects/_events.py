"""Rare events that leave charge in many pixels: where they fall, and what they leave there."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["FAINTEST", "add_cloud", "centres"]

FAINTEST = 0.5
"""Mean charge of a pixel below which a cloud is taken to end [electron]."""


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


def add_cloud(
    out: NDArray[np.float32],
    centre: NDArray[np.float64],
    reach: float,
    mean: Callable[[Any, Any], Any],
    random: np.random.Generator,
) -> None:
    """Add Poisson numbers of a mean charge to the pixels within `reach` of a centre, in place.

    The mean [electron] is a function of the distances (row, column) from the centre [pixel].
    """
    first = np.maximum(np.floor(centre - reach), 0).astype(int)
    last = np.maximum(np.minimum(np.ceil(centre + reach) + 1, out.shape), first).astype(int)
    row, column = np.ogrid[first[0] : last[0], first[1] : last[1]]
    charge = mean(row - centre[0], column - centre[1])
    out[first[0] : last[0], first[1] : last[1]] += random.poisson(np.where(charge >= FAINTEST, charge, 0.0))
