"""What a jump does around it: charge that reaches its four neighbours, and transients that follow."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from obverse.flags import UNUSABLE, Flag

__all__ = ["Jumps", "flag_after", "flag_neighbours"]

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

    @classmethod
    def of(cls, parts: Iterable[Array]) -> Jumps:
        """Join the lists, (jump, 3), that the kernels return."""
        place, size, ratio = np.concatenate(list(parts)).T
        return cls(place.astype(np.intp), size, ratio)


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
