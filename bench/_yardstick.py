"""The yardstick R: the time to read the inputs of a ramp fit once and write one plane.

Machines differ and are noisy; the ratio of two times measured in turns in one process survives both. Every
script here prints ratios: of us to R, and of us to the peer.
"""

from __future__ import annotations

import resource
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numba
import numpy as np


@numba.njit(nogil=True, cache=True)
def _read_once(counts: Any, flags: Any, noise: Any, out: Any, start: int, stop: int) -> None:
    for row in range(start, stop):
        plane = out[row]
        plane[:] = noise[row]
        for k in range(counts.shape[0]):
            values, marks = counts[k, row], flags[k, row]
            for j in range(values.shape[0]):
                plane[j] += values[j] + marks[j]


def read_once(counts: Any, flags: Any, noise: Any, threads: int = 1) -> Any:
    """Read counts, flags (resultant, row, column) and a map (row, column), write one float32 plane."""
    n_rows = noise.shape[0]
    out = np.empty(noise.shape, np.float32)
    edges = np.linspace(0, n_rows, threads + 1).astype(int)
    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(lambda a, b: _read_once(counts, flags, noise, out, a, b), edges[:-1], edges[1:]))
    return out


def in_turns(jobs: dict[str, Callable[[], Any]], rounds: int = 15) -> dict[str, float]:
    """Time the jobs in turns, so that a noisy minute hits all alike, and take each one's median [s]."""
    took: dict[str, list[float]] = {name: [] for name in jobs}
    for job in jobs.values():
        job()
    for _ in range(rounds):
        for name, job in jobs.items():
            start = time.perf_counter()
            job()
            took[name].append(time.perf_counter() - start)
    return {name: float(np.median(seconds)) for name, seconds in took.items()}


@contextmanager
def peak_memory() -> Iterator[dict[str, float]]:
    """Highest resident memory above the start [MB], sampled every millisecond."""
    result = {"start": _resident(), "extra": 0.0}
    done = threading.Event()

    def watch() -> None:
        while not done.wait(0.001):
            result["extra"] = max(result["extra"], _resident() - result["start"])

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        yield result
    finally:
        done.set()
        watcher.join()


def _resident() -> float:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize() / 1e6
