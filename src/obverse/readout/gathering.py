"""Charge gathers in the pixels while a ramp is read, strip of rows by strip of rows.

No more than one strip of all reads is ever held. What bends the signal acts on each read; affine effects behind the
last that bends it act once on the mean of the reads, which is the same: the mean of affine maps is the map of the mean.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from obverse.chain import Run
from obverse.effects import Effect
from obverse.effects._events import Events, Fallen
from obverse.pattern import ReadPattern
from obverse.readout._readout import Readout
from obverse.shares import Shares
from obverse.tiles import QUANTUM, run_rows

__all__ = ["Gathering", "arriving", "fallen"]

Hits = Mapping[str, Fallen]
_NONE: Hits = {}


@dataclass(frozen=True)
class Gathering:
    """One integration while it gathers.

    Parameters
    ----------
    readout
        What brings charge onward to the converter.
    run
        The exposure.
    counted
        Electrons of steady light and charge in the whole integration (row, column).
    pattern
        When it is read.
    integration
        Which one, counted from 0.
    """

    readout: Readout
    run: Run
    counted: NDArray[Any]
    pattern: ReadPattern
    integration: int

    def means(self) -> NDArray[np.float32]:
        """Return the mean of the reads of each resultant behind `on_reads`, (resultant, ...)."""
        if not (self.by_rows and self.on_sensor):
            return self.strip(slice(None))
        self.draw_events()
        means = np.empty((len(self.pattern), *self.counted.shape), np.float32)

        def work(start: int, stop: int) -> None:
            means[:, start:stop] = self.strip(slice(start, stop))

        run_rows(len(self.counted), work, threads=self.run.threads, height=QUANTUM)
        return means

    @cached_property
    def on_reads(self) -> tuple[Effect, ...]:
        """Effects behind the held charge that act on each read."""
        return self.readout.split(self.run.chain)[0]

    @cached_property
    def on_means(self) -> tuple[Effect, ...]:
        """Effects that may act on the mean of the reads of a resultant."""
        return self.readout.split(self.run.chain)[1]

    def draw_events(self) -> None:
        """Draw the events of all reads now, before several threads ask for them."""
        _ = self._hits

    @property
    def on_sensor(self) -> bool:
        """Whether reads stay in sensor layout as far as `on_reads` bring them."""
        return all(effect.site in self.readout.sensor_sites for effect in self.on_reads)

    @property
    def by_rows(self) -> bool:
        """Whether rows may be simulated apart: nothing in each read needs neighbours, or is watched."""
        chain = self.run.chain
        alone = all(e.pointwise for e in (*chain.at("charge", "pixel"), *self.on_reads) if not e.steady)
        return alone and self.run.is_unwatched and (self.on_sensor or chain.geometry.by_rows)

    @cached_property
    def _hits(self) -> list[Hits]:
        """What falls on the sensor before each read, by effect."""
        return [
            fallen(self.run, integration=self.integration, read=read, interval=interval)
            for read, interval in enumerate(self._intervals)
        ]

    @cached_property
    def _intervals(self) -> list[tuple[float, float]]:
        """Time before each read since the one before it [s]."""
        edges = [0.0, *(time for group in self.pattern.times for time in group)]
        return list(pairwise(edges))

    def strip(self, rows: slice) -> NDArray[np.float32]:
        """Return the means of some rows, (resultant, row, column)."""
        run = self.run.of_rows(rows, threads=1 if self.by_rows else self.run.threads)
        photons = run.stream("photons in time", "integration", self.integration)
        arrived = photons.apportion(self.counted[rows], self._shares)
        charge = np.zeros(arrived.shape[1:], np.float32)
        means, read = [], 0
        for group in self.pattern.times:
            total = np.zeros((), np.float32)
            for _ in group:
                charge = self._grown(run, charge, arrived[read], read)
                total = total + self._seen(run, charge, read)
                read += 1
            means.append(total / np.float32(len(group)))
        if run.left is not None:
            run.left[rows] = charge
        return np.stack(means)

    @cached_property
    def _shares(self) -> Shares:
        return Shares([end for _, end in self._intervals])

    def _grown(self, run: Run, charge: NDArray[Any], arrived: NDArray[Any], read: int) -> NDArray[Any]:
        """Return what the pixels hold at the next read."""
        here = {"integration": self.integration, "read": read}
        new = arriving(run, arrived, self._intervals[read], hits=self._hits[read], **here)
        return run.through(charge + new, run.chain.at("pixel"), **here)

    def _seen(self, run: Run, charge: NDArray[Any], read: int) -> NDArray[Any]:
        """Return one read of the charge, as far as `on_reads` bring it."""
        when = (self._intervals[read][1],)
        return self.readout.onward(run, charge, self.on_reads, integration=self.integration, read=read, times=when)


def arriving(
    run: Run,
    steady: NDArray[Any],
    interval: tuple[float, float],
    *,
    hits: Hits = _NONE,
    integration: int = 0,
    read: int = 0,
) -> NDArray[Any]:
    """Return all electrons that arrive in an interval: steady ones, those whose rate changes, and events.

    Parameters
    ----------
    run
        The exposure, with the rows in hand.
    steady
        Electrons of light and charge whose rate does not change (row, column).
    interval
        Its start and end since the reset [s].
    hits
        Events that were drawn before, by the name of their effect.
    integration, read
        Index of the random streams.
    """
    here: Any = {"integration": integration, "read": read, "interval": interval}
    run.watch("photons", steady)
    new = np.asarray(steady, np.float32)
    for effect in run.chain.at("charge"):
        if effect.name in hits:
            new = hits[effect.name].added(new, run.rows)
            run.watch(effect.name, new)
        elif effect.acts_on == "electrons":
            new = run.through(new, [effect], **here)
        elif not effect.steady:
            new = new + _counted(run, effect, **here)
    return new


def fallen(run: Run, *, integration: int, read: int, interval: tuple[float, float]) -> Hits:
    """Draw what falls on the whole sensor in an interval, by effect; reference pixels have no diode to charge."""
    at = run.moment(integration=integration, interval=interval)
    events = [effect for effect in run.chain.at("charge") if isinstance(effect, Events)]
    streams = {effect.name: run.stream(effect.name, effect.cadence, integration, read) for effect in events}
    sensitive = run.chain.geometry.sensitive
    return {effect.name: effect.events(at.replace(rng=streams[effect.name])).on(sensitive) for effect in events}


def _counted(run: Run, effect: Effect, *, integration: int, read: int, **when: Any) -> Any:
    """Return the electrons of an effect whose rate changes with time; its stream is its own."""
    sensitive = run.chain.geometry.sensitive[run.rows]
    at = run.moment(integration=integration, **when)
    expected = effect.imprint(np.zeros(sensitive.shape, np.float32), at)
    if not expected.any():
        return np.float32(0.0)
    counted = run.stream(effect.name, "read", integration, read).poisson(expected * sensitive)
    run.watch(effect.name, counted)
    return counted
