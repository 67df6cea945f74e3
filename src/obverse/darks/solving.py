"""The fit of all pixels, a strip of rows at a time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from obverse.darks.areas import REGIONS
from obverse.darks.gathered import Gathered
from obverse.darks.model import ORDER
from obverse.darks.weights import LABELS
from obverse.kernels.noise_maps import FIELDS, fit_rows
from obverse.tiles import QUANTUM, run_rows

__all__ = ["Fit", "solved"]

Array = NDArray[Any]

_STRIP_BYTES = 2**24


@dataclass(frozen=True)
class Fit:
    """Maps of all pixels, and how well they fit.

    Parameters
    ----------
    maps
        F [electron behind the register], C [electron], D [electron/s], (3, row, column); NaN where not fitted.
    inverses
        Inverse of the normal matrix, six planes in `ORDER`, (6, row, column).
    quality
        Chi-square a degree of freedom, mean squared residual, adjusted R^2, (3, row, column).
    statistics
        Sums over the pixels of each region, (stack, region, field).
    """

    maps: NDArray[np.float64]
    inverses: NDArray[np.float32]
    quality: NDArray[np.float32]
    statistics: NDArray[np.float64]


def solved(
    stacks: Gathered, labels: NDArray[np.uint8], table: Array, power: int, *, statistics: bool, threads: int | None
) -> Fit:
    """Fit y = F + g C + g t D in every pixel.

    Parameters
    ----------
    stacks
        Mean frames.
    labels
        Kind of each pixel (row, column).
    table
        Weight of one frame (stack, label).
    power
        The weight of a stack is ``table n^power``.
    statistics
        Sum the residuals by region.
    threads
        Worker threads; their number changes nothing.
    """
    shape, design = labels.shape, np.ascontiguousarray(stacks.design)
    scale = np.abs(design).max(axis=0)
    weights = np.zeros((len(stacks.settings), LABELS))
    weights[:, 1 : table.shape[1]] = table[:, 1:]  # telemetry, the first, is never fitted
    maps, inverses = np.empty((3, *shape)), np.empty((6, *shape), np.float32)
    quality = np.empty((3, *shape), np.float32)
    sums = np.zeros((shape[0] if statistics else 0, len(design), len(REGIONS), FIELDS))

    def strip(start: int, stop: int) -> None:
        means, frames = stacks.means.rows(start, stop), stacks.numbers.rows(start, stop)
        cut = np.ascontiguousarray(labels[start:stop])
        fit_rows(means, frames, cut, weights, power, design / scale, maps, inverses, quality, sums, start)

    height = max(_STRIP_BYTES // (10 * len(design) * shape[1]) // QUANTUM, 1) * QUANTUM  # 10 bytes a pixel
    run_rows(shape[0], strip, threads, height)
    for plane, size in zip(maps, scale, strict=True):
        plane /= size
    for plane, (i, j) in zip(inverses, ORDER, strict=True):
        plane /= np.float32(scale[i] * scale[j])
    return Fit(maps, inverses, quality, sums.sum(axis=0))
