"""Strips of rows of a cube: what needs many numbers a pixel is done for few pixels at a time."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from obverse.ramps.inputs import Cube
from obverse.ramps.one_group import Lone
from obverse.tiles import QUANTUM, run_rows

__all__ = ["cut", "lone_rows", "over_strips", "strip_of"]

Array = NDArray[Any]
T = TypeVar("T")


def over_strips(cube: Cube, work: Callable[[Cube, slice], T], threads: int | None) -> list[T]:
    """Call ``work(strip, rows)`` for strips that together cover a cube.

    Parameters
    ----------
    cube
        Checked arguments.
    work
        Takes a cube of few rows, and which rows of the whole they are; it may write to what belongs to these rows.
    threads
        Worker threads; `work` must start none of its own.

    Returns
    -------
    What `work` returned, from the first rows to the last.
    """
    done: dict[int, T] = {}

    def one(start: int, stop: int) -> None:
        rows = slice(start, stop)
        done[start] = work(strip_of(cube, rows), rows)

    run_rows(cube.counts.shape[2], one, threads, QUANTUM)
    return [done[start] for start in sorted(done)]


def strip_of(cube: Cube, rows: slice) -> Cube:
    """Return some rows of a cube; copies, for kernels are compiled for contiguous arrays alone."""
    return replace(
        cube,
        counts=np.ascontiguousarray(cube.counts[:, :, rows]),
        flags=None if cube.flags is None else np.ascontiguousarray(cube.flags[:, :, rows]),
        gain=cut(cube.gain, rows),
        read_noise=cut(cube.read_noise, rows),
        dark_rate=cut(cube.dark_rate, rows),
        pixel_flags=cut(cube.pixel_flags, rows),
    )


def cut(plane: Array, rows: slice) -> Array:
    """Return some rows of a plane; all of it where it does not depend on the row."""
    return plane[rows] if plane.ndim == 2 and plane.shape[0] > 1 else plane


def lone_rows(lone: Lone, rows: slice) -> Lone:
    """Return the lone resultants of some rows, which stand behind those of earlier rows."""
    where = lone.where[rows]
    first = np.count_nonzero(lone.where[: rows.start or 0]) if len(lone.index) else 0
    here = slice(first, first + np.count_nonzero(where))
    return Lone(where, lone.index[here], lone.charge[here], lone.time[here], lone.tau[here], lone.reads[here])
