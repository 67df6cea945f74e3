"""The resultants of an integration, on their way from means of reads to stored numbers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from obverse.chain import Run
from obverse.effects import Effect
from obverse.readout.gathering import Gathering
from obverse.tiles import QUANTUM, run_each, run_rows

__all__ = ["Storing"]


@dataclass(frozen=True)
class Storing:
    """One integration while its resultants are stored.

    Effects that need neighbours act on whole planes, several at a time. What is behind the last of them acts on strips
    of rows that stay in the cache, right behind the gathering where there is none.

    Parameters
    ----------
    gathering
        The integration.
    zeroth
        The digitised read at the reset (clocked) [DN], where one is subtracted on board.
    """

    gathering: Gathering
    zeroth: NDArray[Any] | None = None

    def stored(self) -> NDArray[Any]:
        """Return the stored numbers (resultant, row, column) in file layout [DN]."""
        return self._by_strips() if self._by_rows else self._by_planes()

    def _by_planes(self) -> NDArray[Any]:
        planes: list[Any] = list(self.gathering.means())
        run = self._run.of_rows(slice(None), threads=1)

        def work(k: int) -> None:
            run.watch("resultant", planes[k])
            planes[k] = self._finished(run, planes[k], k, self.gathering.on_means, self.zeroth)

        run_each(len(planes), work, threads=self._run.threads if run.is_unwatched else 1)
        return np.stack(planes)

    def _by_strips(self) -> NDArray[Any]:
        planes = self._together() if self._neighbourly or not self.gathering.by_rows else None
        first = self._strip(slice(0, QUANTUM), planes)  # one thread: what the others share is made here
        rows = len(self.gathering.counted)
        out = np.empty((len(first), rows, first.shape[-1]), first.dtype)
        out[:, :QUANTUM] = first

        def work(start: int, stop: int) -> None:
            here = slice(start + QUANTUM, stop + QUANTUM)
            out[:, here] = self._strip(here, planes)

        run_rows(rows - QUANTUM, work, threads=self._run.threads, height=QUANTUM)
        return out

    @property
    def _run(self) -> Run:
        return self.gathering.run

    @cached_property
    def _neighbourly(self) -> tuple[Effect, ...]:
        """Effects on means up to the last that needs neighbours."""
        effects = self.gathering.on_means
        needs = [i for i, effect in enumerate(effects) if not effect.pointwise]
        return effects[: needs[-1] + 1] if needs else ()

    @property
    def _alone(self) -> tuple[Effect, ...]:
        """Effects on means behind them."""
        return self.gathering.on_means[len(self._neighbourly) :]

    @property
    def _by_rows(self) -> bool:
        """Whether strips may be read out apart: neighbours meet on the sensor only, and nobody watches."""
        gathering, geometry, watched = self.gathering, self._run.chain.geometry, not self._run.is_unwatched
        if watched or not geometry.by_rows or geometry.shape[0] <= QUANTUM:
            return False
        on_sensor = all(effect.site in gathering.readout.sensor_sites for effect in self._neighbourly)
        alone = all(effect.pointwise for effect in self._run.chain.at("digital"))
        return on_sensor and alone and (gathering.by_rows or gathering.on_sensor)

    def _together(self) -> NDArray[Any]:
        """Return the means behind the effects that need neighbours, each plane on its own thread."""
        means = self.gathering.means()
        run = self._run.of_rows(slice(None), threads=1)

        def work(k: int) -> None:
            means[k] = self.gathering.readout.onward(run, means[k], self._neighbourly, **self._when(k))

        run_each(len(means), work, threads=self._run.threads)
        return means

    def _strip(self, rows: slice, planes: NDArray[Any] | None) -> NDArray[Any]:
        """Return stored numbers of some rows, of means that are at hand or are gathered now."""
        run = self._run.of_rows(rows, threads=1)
        means = self.gathering.strip(rows) if planes is None else planes[:, rows]
        zeroth = None if self.zeroth is None else self.zeroth[..., run.chain.geometry.clocked_rows(rows), :]
        return np.stack([self._finished(run, mean, k, self._alone, zeroth) for k, mean in enumerate(means)])

    def _finished(self, run: Run, mean: NDArray[Any], k: int, effects: Sequence[Effect], zeroth: Any) -> NDArray[Any]:
        """Return the stored numbers of one resultant."""
        readout = self.gathering.readout
        clocked = readout.clocked(run, readout.onward(run, mean, effects, **self._when(k)))
        return readout.digitise(run, clocked, **self._when(k), reference=zeroth)

    def _when(self, k: int) -> dict[str, Any]:
        return {"integration": self.gathering.integration, "read": k, "times": self.gathering.pattern.times[k]}
