"""Look-up in a table with straight lines between its entries."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from obverse.kernels._jit import jit

__all__ = ["cells", "look_up"]

Array = NDArray[Any]


def cells(places: Array) -> Array:
    """Return, for as many even cells as there are entries, the last entry (rising) at or below the start of each.

    A search begins there: nothing is to be walked where the entries are evenly spaced.
    """
    starts = places[0] + (places[-1] - places[0]) * np.arange(len(places)) / len(places)
    return np.clip(np.searchsorted(places, starts, side="right") - 1, 0, len(places) - 2)


@jit
def look_up(values: Array, places: Array, entries: Array, first: Array) -> None:
    """Replace values (value,) by what the table says there; beyond its ends by the entries at its ends.

    Parameters
    ----------
    values
        Float32.
    places, entries
        Where (rising) and what, (entry,), two or more.
    first
        `cells` of the places.
    """
    n = places.shape[0]
    low, high = places[0], places[n - 1]
    scale = n / (high - low)
    for i in range(values.shape[0]):
        x = values[i]
        if x <= low:
            values[i] = entries[0]
        elif x >= high:
            values[i] = entries[n - 1]
        elif x == x:
            k = first[min(int((x - low) * scale), n - 1)]
            while k > 0 and places[k] > x:  # a rounded cell may be one too far
                k -= 1
            while places[k + 1] < x:
                k += 1
            part = (x - places[k]) / (places[k + 1] - places[k])
            values[i] = entries[k] + part * (entries[k + 1] - entries[k])
