"""Row tiles: work cut into strips of rows that fit the cache, and the only threads of the package.

The quantum is 16 rows, the same as the blocks of the random streams; a result never depends on the height of the
tiles or on the number of threads.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from obverse.errors import UsageError

if TYPE_CHECKING:
    from obverse.frame import Frame

__all__ = ["QUANTUM", "processors", "run_each", "run_rows", "run_tiled"]

QUANTUM = 16
"""Rows in the smallest tile."""

_TILE_BYTES = 2**21


def run_rows(
    n_rows: int, work: Callable[[int, int], Any], threads: int | None = None, height: int | None = None
) -> None:
    """Call ``work(start, stop)`` for strips of rows that together cover `n_rows`.

    Parameters
    ----------
    n_rows
        Number of rows.
    work
        What to do with rows start to stop; it must touch only what belongs to them.
    threads
        Worker threads; None takes one for each processor.
    height
        Rows of a strip, a multiple of 16; None cuts one strip for each thread.

    Raises
    ------
    UsageError
        If `threads` is below one or `height` no multiple of 16.

    Examples
    --------
    >>> done = []
    >>> run_rows(40, lambda start, stop: done.append((start, stop)), threads=1, height=16)
    >>> done
    [(0, 16), (16, 32), (32, 40)]
    """
    workers = _workers(threads)
    step = _checked_height(height) or _share(n_rows, workers)
    strips = [(start, min(start + step, n_rows)) for start in range(0, n_rows, step)]
    if workers == 1 or len(strips) == 1:
        for start, stop in strips:
            work(start, stop)
        return
    with ThreadPoolExecutor(workers) as pool:
        for done in [pool.submit(work, start, stop) for start, stop in strips]:
            done.result()


def run_each(n: int, work: Callable[[int], Any], threads: int | None = None) -> None:
    """Call ``work(i)`` for i from 0 to `n`, such as for the planes of a cube; each must touch only what is its own.

    Examples
    --------
    >>> done = []
    >>> run_each(3, done.append, threads=1)
    >>> done
    [0, 1, 2]
    """
    run_rows(n * QUANTUM, lambda start, stop: work(start // QUANTUM), threads, QUANTUM)


def run_tiled(
    frame: Frame,
    work: Callable[[Frame, slice], Frame],
    *,
    halo: int = 0,
    threads: int | None = None,
    height: int | None = None,
) -> Frame:
    """Carry `frame` through `work` tile by tile and put the results together.

    Parameters
    ----------
    frame
        The whole frame.
    work
        Takes a tile and the rows that it holds, and returns a frame of as many rows.
    halo
        Rows on each side that the work needs beside its own, and spoils.
    threads, height
        As in `run_rows`.
    """
    n_rows = frame.shape[-2]
    step = _checked_height(height) or _fitting_height(frame, halo)

    def one(start: int, stop: int) -> Frame:
        first, last = max(start - halo, 0), min(stop + halo, n_rows)
        done = work(frame.rows(first, last), slice(first, last))
        return done.rows(start - first, stop - first)

    sample = one(0, min(step, n_rows))
    if sample.shape[-2] == n_rows:
        return sample
    whole = _Joined(sample, n_rows)
    run_rows(n_rows - step, lambda a, b: whole.put(one(a + step, b + step), a + step, b + step), threads, step)
    return whole.frame()


class _Joined:
    """A whole frame in the making; the first tile tells which planes it has."""

    def __init__(self, sample: Frame, n_rows: int) -> None:
        self.sample = sample
        self.planes = {
            name: np.empty((*a.shape[:-2], n_rows, a.shape[-1]), a.dtype) for name, a in sample.planes().items()
        }
        self.companions = {name: _Joined(f, n_rows) for name, f in sample.companions.items()}
        # flags that only some tiles have set are zero elsewhere
        self.optional: dict[str, NDArray[Any]] = {
            "flags": np.zeros((*sample.shape[:-2], n_rows, sample.shape[-1]), np.uint8),
            "pixel_flags": np.zeros((n_rows, sample.shape[-1]), np.uint32),
        }
        self.seen: set[str] = set()
        self.put(sample, 0, sample.shape[-2])

    def put(self, tile: Frame, start: int, stop: int) -> None:
        """Copy a tile into its place."""
        for name, plane in tile.planes().items():
            home = self.optional if name in self.optional else self.planes
            home[name][..., start:stop, :] = plane
            self.seen.add(name)
        for name, companion in tile.companions.items():
            self.companions[name].put(companion, start, stop)

    def frame(self) -> Frame:
        """Return the whole."""
        planes: dict[str, NDArray[Any]] = {**self.planes, **{k: v for k, v in self.optional.items() if k in self.seen}}
        joined = self.sample.with_planes(planes)
        return joined.replace(companions={name: part.frame() for name, part in self.companions.items()})


def processors() -> int:
    """Return how many processors this process may use: a container or a queue may grant fewer than there are.

    Examples
    --------
    >>> processors() >= 1
    True
    """
    allowed = getattr(os, "sched_getaffinity", None)  # Linux alone has it
    return len(allowed(0)) if allowed is not None else os.cpu_count() or 1


def _workers(threads: int | None) -> int:
    if threads is None:
        return processors()
    if threads < 1:
        raise UsageError(f"threads is {threads}, it must be 1 or more")
    return threads


def _checked_height(height: int | None) -> int | None:
    if height is not None and (height < QUANTUM or height % QUANTUM):
        raise UsageError(f"tile height is {height}, it must be a multiple of {QUANTUM}")
    return height


def _share(n_rows: int, workers: int) -> int:
    """Return the height of a strip when each worker gets one."""
    quanta = -(-n_rows // QUANTUM)
    return max(-(-quanta // workers), 1) * QUANTUM


def _fitting_height(frame: Frame, halo: int) -> int:
    """Return the largest height whose float32 tile stays in the cache, with at most half of it halo."""
    row_bytes = 4 * frame.data.size // max(frame.shape[-2], 1)
    fitting = _TILE_BYTES // max(row_bytes, 1) // QUANTUM * QUANTUM
    return int(max(fitting, QUANTUM, -(-4 * halo // QUANTUM) * QUANTUM))
