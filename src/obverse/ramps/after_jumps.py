"""What a jump does around it: charge that reaches its four neighbours, and transients that follow."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from obverse.flags import UNUSABLE, Flag
from obverse.ramps.inputs import Cube

__all__ = ["Jumps", "flag_after", "flag_neighbours", "found_jumps"]

Array = NDArray[Any]


@dataclass(frozen=True, eq=False)
class Jumps:
    """A list of jumps.

    Parameters
    ----------
    place
        Index of each into the flattened (integration, resultant, row, column).
    size
        Difference less what the median rate explains [electron].
    ratio
        Its absolute value over the noise of the difference.
    """

    place: NDArray[np.intp]
    size: Array
    ratio: Array


def found_jumps(cube: Cube, found: NDArray[np.uint8], middle: Array, numbers: Array) -> Jumps:
    """List the jumps of `found` that the flags of `cube` do not have.

    Parameters
    ----------
    cube
        What was searched.
    found
        Flags after the search, (integration, resultant, row, column).
    middle
        Median rate of the pixels in which something was found, NaN elsewhere, (row, column) [electron/s].
    numbers
        D, A and B of each difference, (3, resultant - 1).
    """
    hit = np.flatnonzero(np.isfinite(middle))
    new = _of_pixels(found, hit) & Flag.JUMP_DET
    if cube.flags is not None:
        new &= ~_of_pixels(cube.flags, hit)
    plane, pixel = np.divmod(np.flatnonzero(new), max(hit.size, 1))
    place = plane * middle.size + hit[pixel]
    counts, before = cube.counts.reshape(-1), middle.size
    row, column = np.divmod(hit, middle.shape[1])
    gain, noise = (_at(map_, row, column)[pixel] for map_ in (cube.gain, cube.read_noise))
    rate = middle.reshape(-1)[hit][pixel]
    d, a, b = numbers[:, plane % found.shape[1] - 1]
    size = gain * (counts[place].astype(float) - counts[place - before]) - rate * d
    with np.errstate(divide="ignore"):  # a pixel without any noise: as significant as can be
        return Jumps(place, size, np.abs(size) / np.sqrt(noise**2 * a + np.abs(rate) * b))


def flag_neighbours(found: NDArray[np.uint8], jumps: Jumps, lowest: float, highest: float) -> None:
    """Add JUMP_DET to the four neighbours of jumps whose ratio is between `lowest` and `highest`, in place."""
    place = jumps.place[(jumps.ratio > lowest) & (jumps.ratio < highest)]
    n_rows, n_columns = found.shape[-2:]
    column, row = place % n_columns, place // n_columns % n_rows
    _flag(found, place[row > 0] - n_columns)
    _flag(found, place[row < n_rows - 1] + n_columns)
    _flag(found, place[column > 0] - 1)
    _flag(found, place[column < n_columns - 1] + 1)


def flag_after(found: NDArray[np.uint8], jumps: Jumps, tbar: Array, electrons: float, seconds: float) -> None:
    """Add JUMP_DET to what follows within `seconds` a jump of at least `electrons`, in place."""
    place = jumps.place[jumps.size >= electrons]
    plane = found.shape[-2] * found.shape[-1]
    first = place // plane % len(tbar)
    for later in range(1, len(tbar) - 1):
        target = np.minimum(first + later, len(tbar) - 1)
        reached = (target == first + later) & (tbar[target] - tbar[first] <= seconds * (1 + 1e-9))
        _flag(found, place[reached] + later * plane)


def _flag(found: NDArray[np.uint8], place: NDArray[np.intp]) -> None:
    flat = found.reshape(-1)
    here = flat[place]
    flat[place] = np.where(here & UNUSABLE, here, here | Flag.JUMP_DET)


def _of_pixels(cube: Array, pixels: NDArray[np.intp]) -> Array:
    """Take some pixels out of (integration, resultant, row, column): (plane, pixel)."""
    return cube.reshape(cube.shape[0] * cube.shape[1], -1).take(pixels, axis=1)


def _at(plane: Array, row: Array, column: Array) -> Array:
    """Read a map that may have length 1 along an axis."""
    return plane[row if plane.shape[0] > 1 else 0, column if plane.shape[1] > 1 else 0] + np.zeros(len(row))
