"""Addressed random streams: every draw has an address, so nothing that others draw can shift it.

A stream is keyed by (seed, effect name, exposure, index) and is divided into blocks of 16 rows, each with a
generator of its own. So removing one effect leaves the noise of all others identical, and any number of
threads gives the same bytes. Scheme 2 (the photons of a ramp are counted once and shared out among its reads);
`RNG_SCHEME` is written into every simulated product.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

from obverse.errors import UsageError
from obverse.kernels.apportion import apportion
from obverse.shares import Shares
from obverse.tiles import QUANTUM, run_each, run_rows

__all__ = ["RNG_SCHEME", "SILENT", "Address", "Law", "Remembered", "Silence", "Stream"]

RNG_SCHEME = 2


@dataclass(frozen=True)
class Address:
    """Where a stream lives: the seed of the run, the effect, the exposure, and the read (or integration)."""

    seed: int
    effect: str
    exposure: str
    index: str = ""

    def generator(self, block: int) -> np.random.Generator:
        """Return the generator of one block of 16 rows.

        Examples
        --------
        >>> int(Address(1, "read_noise", "exp1").generator(0).integers(1000))
        643
        """
        return np.random.Generator(np.random.Philox(key=int.from_bytes(self._hash(block, 16), "little")))

    def state(self, block: int) -> NDArray[np.uint64]:
        """Return the state (4,) that a kernel draws from; see `obverse.kernels._random`."""
        return np.frombuffer(self._hash(block, 32), "<u8").astype(np.uint64)

    def _hash(self, block: int, size: int) -> bytes:
        text = f"{self.seed}|{self.effect}|{self.exposure}|{self.index}|{block}"
        return hashlib.blake2b(text.encode(), digest_size=size).digest()


class Law(Protocol):
    """What a kernel draws from the state of a block of rows, and what a chain without noise has in its place."""

    def mean(self, charge: NDArray[Any]) -> NDArray[np.float32]:
        """Return the mean of what becomes of the pixels."""
        ...

    def draw(self, charge: NDArray[Any], state: NDArray[np.uint64]) -> NDArray[np.float32]:
        """Return what becomes of the pixels, drawn from `state`."""
        ...


@dataclass(frozen=True)
class Stream:
    """The random numbers of one effect in one read.

    Parameters
    ----------
    address
        Key of the stream.
    threads
        Number of threads that draw; the numbers do not depend on it.
    first
        Which row of the sensor the first row in hand is, a multiple of 16.
    """

    address: Address
    threads: int | None = None
    first: int = 0

    def normal(self, shape: tuple[int, ...]) -> NDArray[np.float32]:
        """Draw unit normals, blocks of 16 rows along the axis before the last."""
        return self._fill(shape, lambda block, part, _: self.address.generator(block).standard_normal(part, np.float32))

    def poisson(self, mean: ArrayLike) -> NDArray[np.float32]:
        """Draw Poisson numbers of a mean (..., row, column); a mean below zero or not a number counts as zero."""
        lam = np.where(np.asarray(mean) > 0, mean, 0.0)
        return self._fill(lam.shape, lambda block, _, rows: _counts(self.address.generator(block), lam[..., rows, :]))

    def drawn(self, charge: NDArray[Any], law: Law) -> NDArray[np.float32]:
        """Draw what becomes of pixels (..., row, column) by a law, each block of 16 rows from its own state."""
        return self._fill(
            charge.shape, lambda block, _, rows: law.draw(charge[..., rows, :], self.address.state(block))
        )

    def apportion(self, counts: NDArray[Any], shares: Shares) -> NDArray[Any]:
        """Draw when each of `counts` (row, column) arrives: (read, row, column), as many before each read."""
        whole = np.asarray(counts, np.int64)
        small = np.min_scalar_type(whole.max(initial=0))  # many reads of small numbers: bytes matter

        def draw(start: int, stop: int) -> NDArray[Any]:
            part, state = whole[start:stop], self.address.state((self.first + start) // QUANTUM)
            made = np.empty((len(shares), *part.shape), small)
            apportion(part.ravel(), *shares.splits, state, made.reshape(len(shares), -1))
            return made

        if len(whole) <= QUANTUM:
            return draw(0, len(whole))
        out = np.empty((len(shares), *counts.shape), small)
        blocks = range(0, len(whole), QUANTUM)

        def put(i: int) -> None:
            out[:, blocks[i] : blocks[i] + QUANTUM] = draw(blocks[i], blocks[i] + QUANTUM)

        run_each(len(blocks), put, threads=self.threads)
        return out

    def few_normals(self, n: int) -> NDArray[np.float32]:
        """Draw `n` unit normals that belong to no row, such as one offset an amplifier."""
        return self.scalars().standard_normal(n, np.float32)

    def scalars(self) -> np.random.Generator:
        """Return the generator for draws that belong to no row, such as how many cosmic rays fell."""
        return self.address.generator(-1)

    def _fill(self, shape: tuple[int, ...], draw: Callable[..., Any]) -> NDArray[np.float32]:
        out: NDArray[np.float32] = np.empty(shape, np.float32)

        def work(start: int, stop: int) -> None:
            for row in range(start, stop, QUANTUM):
                rows = slice(row, min(row + QUANTUM, stop))
                part = (*shape[:-2], rows.stop - rows.start, shape[-1])
                out[..., rows, :] = draw((self.first + row) // QUANTUM, part, rows)

        run_rows(shape[-2], work, threads=self.threads)
        return out


@dataclass(frozen=True)
class Remembered(Stream):
    """A stream that draws normals once and says the same again: the noise of a reset, in all reads behind it."""

    _normals: dict[tuple[int, ...], NDArray[np.float32]] = field(default_factory=dict)

    def normal(self, shape: tuple[int, ...]) -> NDArray[np.float32]:
        """Draw unit normals, or return those that were drawn."""
        if shape not in self._normals:
            self._normals[shape] = super().normal(shape)
        return self._normals[shape]


def _counts(generator: np.random.Generator, lam: NDArray[Any]) -> NDArray[Any]:
    # numpy refuses means near 2^63; a pixel that bright is saturated whatever is drawn
    return generator.poisson(np.minimum(lam, 1e15))


@dataclass(frozen=True)
class Silence:
    """A stream that says only the mean: a chain that draws from it is the chain without noise."""

    def normal(self, shape: tuple[int, ...]) -> NDArray[np.float32]:
        """Return zeros."""
        return np.zeros(shape, np.float32)

    def few_normals(self, n: int) -> NDArray[np.float32]:
        """Return zeros."""
        return np.zeros(n, np.float32)

    def scalars(self) -> np.random.Generator:
        """Refuse: an effect that only draws events has nothing to say without noise."""
        raise UsageError("a silent stream has no events: leave effects that draw them out of this chain")

    def poisson(self, mean: ArrayLike) -> NDArray[np.float32]:
        """Return the mean."""
        return np.asarray(mean, np.float32)

    def drawn(self, charge: NDArray[Any], law: Law) -> NDArray[np.float32]:
        """Return the mean of the law."""
        return law.mean(charge)

    def apportion(self, counts: NDArray[Any], shares: Shares) -> NDArray[np.float32]:
        """Return the mean shares (read, row, column)."""
        return np.multiply.outer(shares.parts, counts).astype(np.float32)


SILENT = Silence()
