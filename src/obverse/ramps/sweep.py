"""One sweep of a kernel over the rows of a cube."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from obverse.flags import UNUSABLE, Flag
from obverse.ramps.inputs import Cube
from obverse.tiles import run_rows

__all__ = ["Swept", "still", "sweep"]

Array = NDArray[Any]

_NOTHING = np.zeros((0, 0, 0), np.uint8)


@dataclass(frozen=True)
class Swept:
    """What a kernel made of a cube.

    Parameters
    ----------
    planes
        (plane, row, column).
    flags
        (row, column) uint32.
    resultant_flags
        (integration, resultant, row, column) uint8.
    """

    planes: Array
    flags: NDArray[np.uint32]
    resultant_flags: NDArray[np.uint8]


def sweep(cube: Cube, n_planes: int, kernel: Callable[..., float], search: bool, threads: int | None) -> Swept:
    """Run a kernel over strips of rows.

    Parameters
    ----------
    cube
        Checked arguments; all its integrations are one sequence of resultants.
    n_planes
        Planes that the kernel fills.
    kernel
        ``kernel(counts, flags, pixels, found, out, out_flags, start, stop)``, which returns how many resultants
        it lost to NaN or infinity.
    search
        Whether it looks for jumps and needs a place to flag them.
    threads
        Worker threads.
    """
    integrations, resultants, n_rows, n_columns = cube.counts.shape
    shape = (integrations * resultants, n_rows, n_columns)
    counts = still(cube.counts.reshape(shape))
    flags = still(_NOTHING if cube.flags is None else cube.flags.reshape(shape))
    pixels = tuple(still(plane) for plane in (cube.gain, cube.read_noise, cube.dark_rate, cube.pixel_flags))
    found = np.zeros(shape, np.uint8) if search else _NOTHING
    out = np.empty((n_planes, n_rows, n_columns), cube.gain.dtype)
    out_flags = np.empty((n_rows, n_columns), np.uint32)
    not_numbers: list[slice] = []

    def work(start: int, stop: int) -> None:
        if found.size and flags.size:
            found[:, start:stop] = flags[:, start:stop]
        if kernel(counts, flags, pixels, found, out, out_flags, start, stop):
            not_numbers.append(slice(start, stop))

    with np.errstate(all="ignore"):  # NaN is the answer where nothing is left; only an uncompiled kernel warns
        run_rows(n_rows, work, threads)
    marked = found if found.size else flags if flags.size else np.zeros(shape, np.uint8)
    if not_numbers:
        marked = marked if marked.flags.writeable else marked.copy()  # never in the array that the caller gave
        for rows in not_numbers:
            _mark_not_numbers(marked[:, rows], counts[:, rows])
    return Swept(out, out_flags, marked.reshape(cube.counts.shape))


def still(array: Array) -> Array:
    """Read-only view: the kernel is then compiled once, for the arrays of a frame and for writable ones."""
    view = array.view()
    view.flags.writeable = False
    return view


def _mark_not_numbers(flags: NDArray[np.uint8], counts: Array) -> None:
    """Flag what is NaN or infinite and was not flagged, one resultant after the other."""
    for marks, plane in zip(flags, counts, strict=True):
        lost = ~np.isfinite(plane) & ((marks & np.uint8(UNUSABLE)) == 0)
        marks[lost] |= np.uint8(Flag.DO_NOT_USE)
