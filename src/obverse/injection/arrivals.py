r"""When the electrons of injected sources arrive.

The electrons of an integration are counted once, :math:`N \sim \mathrm{Poisson}(f\,s\,T)`, source by source, and shared
out among the reads: of those that are left, a read takes a binomial number with

.. math:: p_i = \frac{t_i - t_{i-1}}{T - t_{i-1}}

which is the same law as one Poisson number a read. Only the reads of the rows in hand are ever held.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from obverse.pattern import ReadPattern
from obverse.seeds import Address, Stream
from obverse.shares import Shares
from obverse.tiles import QUANTUM

__all__ = ["Arrivals", "Landing"]

_MOST = 2**30
"""Electrons in a pixel beyond which nothing is counted: any detector is full."""


@dataclass(frozen=True, eq=False)
class Landing:
    """The few pixels on which electrons fall, and how many before each read.

    Parameters
    ----------
    row, column
        Their places, (pixel,).
    arrived
        Electrons that arrive before each read and after the one before it, (read, pixel).
    """

    row: NDArray[np.intp]
    column: NDArray[np.intp]
    arrived: NDArray[Any]

    @classmethod
    def of(cls, parts: Sequence[Landing]) -> Landing:
        """Join the pixels of several parts of an image."""
        return cls(
            np.concatenate([part.row for part in parts]),
            np.concatenate([part.column for part in parts]),
            np.concatenate([part.arrived for part in parts], axis=1),
        )

    def within(self, box: tuple[slice, slice]) -> NDArray[Any]:
        """Return what arrives in a box of the image, (read, row, column)."""
        rows, columns = box
        shape = (rows.stop - rows.start, columns.stop - columns.start)
        row, column = self.row - rows.start, self.column - columns.start
        inside = (row >= 0) & (row < shape[0]) & (column >= 0) & (column < shape[1])
        made = np.zeros((len(self.arrived), *shape), self.arrived.dtype)
        made[:, row[inside], column[inside]] = self.arrived[:, inside]
        return made


@dataclass(frozen=True, eq=False)
class Arrivals:
    """Electrons of all sources, and when they come.

    Parameters
    ----------
    counts
        Electrons of each integration, (integration, row, column), whole numbers.
    times
        Times of the reads, by resultant [s].
    seed, exposure
        They address the random streams, together with the integration and the block of 16 rows.
    """

    counts: NDArray[np.int32]
    times: tuple[tuple[float, ...], ...]
    seed: int
    exposure: str

    @classmethod
    def none(
        cls, shape: tuple[int, ...], pattern: ReadPattern | None, seconds: float, seed: int, name: str
    ) -> Arrivals:
        """Return arrivals of nothing yet, for the reads of a pattern or the one read at the end of an exposure."""
        times = ((seconds,),) if pattern is None else pattern.times
        return cls(np.zeros(shape, np.int32), times, seed, name)

    @cached_property
    def _shares(self) -> Shares:
        return Shares([time for group in self.times for time in group])

    @property
    def seconds(self) -> float:
        """Time of the last read [s]."""
        return self.times[-1][-1]

    def add(self, number: int, where: tuple[slice, slice], rate: NDArray[np.float64]) -> NDArray[np.int64]:
        """Draw the electrons of source `number` in its pixels, and return how many fell in each, (row, column)."""
        fell = np.zeros(rate.shape, np.int64)
        for i, plane in enumerate(self.counts):
            random = self._address("injected source", f"{i}.{number}").generator(0)
            electrons = random.poisson(np.minimum(rate * self.seconds, _MOST))
            plane[where] = np.minimum(plane[where] + electrons, _MOST)
            fell += electrons
        return fell

    def landing(self, integration: int, rows: slice) -> Landing:
        """Draw when the electrons of some rows, and of those in the same blocks of 16, arrive.

        Each block has a stream of its own: what is in hand changes nothing.
        """
        return Landing.of([self._block(integration, n) for n in range(rows.start // QUANTUM, -(-rows.stop // QUANTUM))])

    def _block(self, integration: int, n: int) -> Landing:
        first = n * QUANTUM
        block = self.counts[integration, first : first + QUANTUM]
        row, column = np.nonzero(block)
        stream = Stream(self._address("injected arrivals", f"{integration}"), 1, first)
        return Landing(row + first, column, stream.apportion(block[row, column][None], self._shares)[:, 0])

    def reads(self, integration: int, rows: slice) -> NDArray[Any]:
        """Return how many electrons arrive before each read, (read, row, column)."""
        return self.landing(integration, rows).within((rows, slice(0, self.counts.shape[-1])))

    def resultants(
        self, integration: int, rows: slice, where: tuple[NDArray[np.intp], ...]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return the mean of the reads of each resultant and the last of them, (resultant, pixel) [electron].

        Parameters
        ----------
        integration, rows
            What to draw.
        where
            Pixels of these rows, as `numpy.nonzero` gives them.
        """
        so_far = np.cumsum(self.reads(integration, rows)[:, where[0], where[1]], axis=0, dtype=np.float64)
        edges = np.cumsum([0, *(len(group) for group in self.times)])
        mean = np.add.reduceat(so_far, edges[:-1], axis=0) / np.diff(edges)[:, None]
        return mean, so_far[edges[1:] - 1]

    def _address(self, what: str, index: str) -> Address:
        return Address(self.seed, what, self.exposure, index)
