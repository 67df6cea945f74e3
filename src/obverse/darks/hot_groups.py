"""Hot pixels, found in a first fit and sorted into groups of like dark current."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from obverse.darks.areas import REGIONS
from obverse.darks.weights import LABELS

__all__ = ["hot_groups"]

_SIGNIFICANT = 5.0
"""Errors that a pixel must stand above the others: fewer would pick lucky ones, and bias them."""

_ELECTRONS = 25.0
"""Excess electrons in the whole campaign that make a claim; errors alone say little of a few electrons' long tail."""

_RATIO = 1.25
"""Dark currents of one group lie within this factor, so that its variance fits each member within a tenth."""

Array = NDArray[Any]


def hot_groups(
    labels: NDArray[np.uint8], maps: Array, errors: tuple[Array, Array], seconds: float
) -> tuple[NDArray[np.uint8], NDArray[np.float64]]:
    """Return the labels with those of hot pixels, and what each group has more than the region.

    Parameters
    ----------
    labels
        Region of each pixel (row, column).
    maps
        F, C and D of a first fit (3, row, column).
    errors
        Of C and of D (row, column).
    seconds
        Exposure time of all frames together [s].

    Returns
    -------
    labels, excess
        Labels (row, column); Delta C [electron] and Delta D [electron/s] of each group (group, 2). The excess of C
        counts only where it is significant: it makes up for what chance gave D.
    """
    sensor = (labels == REGIONS.index("sensor")) & np.isfinite(maps[2])
    hot, above = _hot(sensor, maps[2], errors[1], seconds)
    if not hot.any():
        return labels, np.zeros((0, 2))
    steps = np.log(above[hot] / above[hot].min()) / np.log(_RATIO)
    steps = np.minimum(steps.astype(np.int64), LABELS - len(REGIONS) - 1)
    _, group = np.unique(steps, return_inverse=True)
    marked = labels.copy()
    marked[hot] = len(REGIONS) + group
    count = np.bincount(group)
    dark = np.bincount(group, above[hot]) / count
    cic = np.bincount(group, (maps[1] - maps[1][sensor & ~hot].mean())[hot]) / count
    error = np.sqrt(np.bincount(group, errors[0][hot] ** 2)) / count
    return marked, np.stack([np.where(cic > _SIGNIFICANT * error, cic, 0.0), dark], axis=1)


def _hot(sensor: Array, dark: Array, error: Array, seconds: float) -> tuple[NDArray[np.bool_], Array]:
    """Return which pixels are hot, and how far each pixel stands above the mean of the others."""
    if not sensor.any():
        return sensor, dark
    level = np.median(dark[sensor])
    for _ in range(2):
        above = dark - level
        hot = sensor & (above > _SIGNIFICANT * error) & (above * seconds > _ELECTRONS)
        level = dark[sensor & ~hot].mean()
    return hot, dark - level
