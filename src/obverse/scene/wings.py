"""Crowds of faint stars: the core of each star by itself, the wings of all of them in one convolution.

A point-spread function is split into a core, which ends `CORE` pixels from the star, and the smooth wings that are
left. The cores are drawn like any star. For the wings each star is put onto 4 x 4 pixels with the weights of cubic
interpolation, which keep its light and its place, and the image of these is convolved once.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from obverse.scene.phases import PHASES, Stamps, stamps_of
from obverse.scene.psf import Psf

__all__ = ["FAINTEST", "Split", "points", "split"]

Array = NDArray[np.float64]

CORE = 8.0
"""Radius of a core [pixel]; it fades from 5/8 of that."""

FAINTEST = 1e-3
"""Rate of a wing that may be wrong [electron/s/pixel]: a fifth of the dark current of an infrared array."""


@dataclass(frozen=True, eq=False)
class Split:
    """The two parts of a point-spread function.

    Parameters
    ----------
    core
        Stamps of the core, which hold less than 1.
    wings
        Light of the wings in pixels, for a star in the middle of one (row, column).
    faint
        Flux below which a star may be drawn so [electron/s].
    """

    core: Stamps
    wings: Array
    faint: float


def split(psf: Psf) -> Split:
    """Split a point-spread function.

    Examples
    --------
    >>> from obverse.scene import moffat
    >>> made = split(moffat(2.2))
    >>> round(float(made.core.table[5, 5].sum() + made.wings.sum()), 9)
    1.0
    """
    n, cells = psf.oversampling, psf.cells
    away = np.hypot(*np.ogrid[tuple(slice(-(s - 1) / 2, s / 2) for s in cells.shape)]) / n
    fade = 0.5 * (1.0 + np.cos(np.pi * np.clip((away / CORE - 0.625) / 0.375, 0.0, 1.0)))
    keep = tuple(slice(max(s // 2 - int(CORE * n), 0), s - max(s // 2 - int(CORE * n), 0)) for s in cells.shape)
    core = (cells * fade)[keep]
    full, half = psf.stamps, psf.half
    small = stamps_of(core, n)
    core_table = small.table * core.sum()
    wings = full.table[PHASES // 2 + 1, PHASES // 2 + 1].copy()
    inner = slice(half - small.half, half + small.half + 1)
    wings[inner, inner] -= core_table[PHASES // 2 + 1, PHASES // 2 + 1]
    return Split(Stamps(core_table), wings, float(FAINTEST / np.abs(wings).max()))


@cache
def points() -> Stamps:
    """Return stamps of a point: weights of cubic interpolation along each axis.

    Examples
    --------
    >>> x = np.arange(-2, 3)
    >>> float((points().table[6, 5].sum(axis=1) * x).sum())  # phase 6 lies an eighth of a pixel up
    0.125
    """
    line = np.zeros((PHASES + 3, 5))
    for j, f in enumerate((np.arange(PHASES + 3) - 1) / PHASES - 0.5):
        first = int(np.floor(f))
        t = f - first
        for k in range(4):  # the cubic that is 1 at one of the four pixels and 0 at the others
            others = [m - 1 for m in range(4) if m != k]
            line[j, first + 1 + k] = np.prod([(t - m) / (k - 1 - m) for m in others])
    return Stamps(line[:, None, :, None] * line[None, :, None, :])
