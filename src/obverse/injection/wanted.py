"""Which stars a grid puts into a frame, and which of them together."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from obverse.errors import UsageError
from obverse.injection.places import beside, strewn
from obverse.scene import Sources

__all__ = ["Plan", "Room", "rounds"]

_MOST_ROUNDS = 1000


@dataclass(frozen=True, eq=False)
class Plan:
    """Which stars are wanted: flux, magnitude and distance of each, in random order."""

    flux: NDArray[np.float64]
    magnitude: NDArray[np.float64]
    distance: NDArray[np.float64]

    @classmethod
    def of(
        cls, fluxes: Any, magnitudes: Any, zero_point: float | None, per_flux: int, distances: Sequence[float] | None
    ) -> Plan:
        """Take so many stars of each flux and distance."""
        if (fluxes is None) == (magnitudes is None):
            raise UsageError("injection.grid: give either fluxes [electron/s] or magnitudes with their zero_point")
        if (magnitudes is None) != (zero_point is None):
            raise UsageError("injection.grid: magnitudes go with zero_point, the magnitude of 1 electron/s")
        mags = np.full(np.size(fluxes), np.nan) if magnitudes is None else np.atleast_1d(np.asarray(magnitudes, float))
        flux = np.atleast_1d(np.asarray(fluxes, float)) if zero_point is None else 10 ** (-0.4 * (mags - zero_point))
        if not (np.isfinite(flux).all() and (flux > 0).all()):
            raise UsageError("injection.grid: fluxes must be numbers above 0 electron/s")
        apart = np.array([np.nan] if distances is None else distances, float)
        index = np.array(np.meshgrid(np.arange(flux.size), np.arange(apart.size), np.arange(per_flux))).reshape(3, -1)
        return cls(flux[index[0]], mags[index[0]], apart[index[1]])

    def __len__(self) -> int:
        return len(self.flux)

    def some(self, which: Any) -> Plan:
        """Return some of the stars."""
        return Plan(self.flux[which], self.magnitude[which], self.distance[which])


@dataclass(frozen=True, eq=False)
class Room:
    """Where stars may be put.

    Parameters
    ----------
    lit
        Rows and columns of the sensor that see light.
    known
        Sources that are there already, (row or column, source) in pixels of the sensor.
    spacing
        Least distance between two new stars [pixel].
    edge
        How far they stay away from the edge [pixel].
    """

    lit: tuple[slice, slice]
    known: NDArray[Any]
    spacing: float
    edge: float

    @property
    def corner(self) -> NDArray[Any]:
        """First row and column that see light, (row or column, 1)."""
        return np.array([[side.start] for side in self.lit])

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns that see light."""
        rows, columns = self.lit
        return rows.stop - rows.start, columns.stop - columns.start


def rounds(room: Room, plan: Plan, random: np.random.Generator) -> Iterator[tuple[Sources, Plan]]:
    """Yield stars that fit into the frame together, until all have been put."""
    left = plan.some(random.permutation(len(plan)))
    for _ in range(_MOST_ROUNDS):
        if not len(left):
            return
        places, which = _places(room, left, random)
        rest = np.setdiff1d(np.arange(len(left)), which, assume_unique=True)
        if which.size:
            yield Sources(places[0], places[1], left.flux[which]), left.some(which)
        left = left.some(rest)
    raise UsageError(
        f"injection.grid: {len(left)} stars found no place in {_MOST_ROUNDS} rounds: give a larger frame or fewer"
    )


def _places(room: Room, plan: Plan, random: np.random.Generator) -> tuple[Any, NDArray[np.intp]]:
    """Return places in pixels of the sensor, and which of the wanted stars stand there."""
    if not np.isfinite(plan.distance).any():
        places = strewn(len(plan), room.shape, room.spacing, room.edge, random) + room.corner
        return places, np.arange(places.shape[1])
    if not room.known.shape[1]:
        raise UsageError("injection.grid: distances need beside, the sources that are there already")
    places, which = beside(room.known, plan.distance, room.spacing, random)
    off = places - room.corner
    inside = ((off >= room.edge) & (off < np.array(room.shape)[:, None] - room.edge)).all(axis=0)
    return places[:, inside], which[inside]
