"""The forward chain: which effects there are, in which order, and one run of pixels through them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from obverse.effects import SITES, Effect
from obverse.errors import UsageError
from obverse.exposure import Exposure
from obverse.geometry import Geometry
from obverse.history import History
from obverse.moment import Moment
from obverse.seeds import SILENT, Address, Remembered, Silence, Stream

__all__ = ["Chain", "Run", "refuse_wrong_order", "refuse_wrong_unit"]

Watch = Callable[[str, NDArray[Any]], None]


def _unwatched(name: str, pixels: NDArray[Any]) -> None:
    """See nothing."""


@dataclass(frozen=True)
class Chain:
    """The effects of a detector, in the order in which they act."""

    effects: tuple[Effect, ...]
    geometry: Geometry

    def at(self, *sites: str) -> tuple[Effect, ...]:
        """Return the effects at these sites, in order."""
        return tuple(effect for effect in self.effects if effect.site in sites)


@dataclass(frozen=True)
class Run:
    """One exposure on its way through a chain.

    Parameters
    ----------
    chain
        Effects and geometry.
    exposure
        What was set before the shutter opened.
    seed
        Seed of all random streams; None runs the chain without noise.
    history
        What earlier exposures left behind.
    threads
        Threads that draw random numbers; they do not change any.
    watch
        Called with the name of each effect and the pixels behind it.
    rows
        Rows of the sensor that are in hand.
    left
        Takes the charge (row, column) that stands in the pixels at the end [electron], where somebody asks.
    kept
        Streams of the integration in hand, which say the same in each of its reads.
    """

    chain: Chain
    exposure: Exposure
    seed: int | None
    history: History | None = None
    threads: int | None = None
    watch: Watch = _unwatched
    rows: slice = field(default_factory=lambda: slice(None))
    left: NDArray[Any] | None = None
    kept: dict[str, Stream | Silence] | None = None

    def of_rows(self, rows: slice, threads: int | None) -> Run:
        """Return the run of some rows, with streams that remember what an integration has drawn."""
        return replace(self, rows=rows, threads=threads, kept={})

    def moment(self, layout: str = "sensor", *, integration: int = 0, **when: Any) -> Moment:
        """Return a moment of this exposure, at the rows in hand."""
        at = Moment(self.exposure, self.chain.geometry, layout, history=self.history, integration=integration)
        return at.replace(rows=self._rows(layout), **when)

    def through(
        self, pixels: NDArray[Any], effects: Sequence[Effect], *, integration: int = 0, read: int | str = 0, **when: Any
    ) -> NDArray[Any]:
        """Imprint these effects on the pixels, one after the other.

        Parameters
        ----------
        pixels
            The rows in hand, in sensor layout or in that which `when` says.
        effects
            In order.
        integration, read
            Index of the random streams.
        **when
            What else `Moment` knows: ``layout``, ``interval``, ``times`` ...
        """
        at = self.moment(integration=integration, **when)
        for effect in effects:
            rng = self.stream(effect.name, effect.cadence, integration, read, layout=at.layout)
            pixels = effect.imprint(pixels, at.replace(rng=rng))
            self.watch(effect.name, pixels)
        return pixels

    def counted(self, rate: NDArray[Any], seconds: float, *, integration: int = 0) -> NDArray[np.float32]:
        """Return the electrons (row, column) that steady light and charge leave in an integration, counted once."""
        steady = [effect for effect in self.chain.at("charge") if effect.acts_on == "expected" and effect.steady]
        light = rate * np.float32(seconds) * self.chain.geometry.sees_light
        expected = self.through(light, steady, integration=integration, interval=(0.0, seconds))
        return self.stream("photons", "integration", integration).poisson(expected * self.chain.geometry.sensitive)

    def stream(
        self, name: str, cadence: str, integration: int, read: int | str = 0, *, layout: str = "sensor"
    ) -> Stream | Silence:
        """Return the random stream of an effect in one read, or in all reads of one integration."""
        if self.seed is None:
            return SILENT
        lasting = cadence == "integration"
        index = f"{integration}" if lasting else f"{integration}.{read}"
        kind = Stream if self.kept is None or not lasting else Remembered
        stream = kind(Address(self.seed, name, self.exposure.id, index), self.threads, self._rows(layout).start or 0)
        return stream if kind is Stream else self.kept.setdefault(name, stream)  # type: ignore[union-attr]

    @property
    def is_unwatched(self) -> bool:
        """Whether nobody looks at the pixels on their way, so that they may come in strips."""
        return self.watch is _unwatched

    @property
    def geometry(self) -> Geometry:
        """The geometry of the rows in hand."""
        whole = self.chain.geometry
        return whole if self._all else whole.strip(len(range(*self.rows.indices(whole.shape[0]))))

    @property
    def _all(self) -> bool:
        return self.rows == slice(None)

    def _rows(self, layout: str) -> slice:
        """Return the rows in hand as they are counted in a layout."""
        return self.rows if self._all or layout == "sensor" else self.chain.geometry.clocked_rows(self.rows)


def refuse_wrong_unit(effects: Sequence[Effect]) -> None:
    """Refuse an effect whose parameters are in electrons behind the gain, where the signal is in DN."""
    names = [effect.name for effect in effects]
    behind = effects[names.index("gain") + 1 :] if "gain" in names else []
    for effect in behind:
        if effect.in_electrons:
            raise UsageError(
                f"effect {effect.name!r} is in electrons and must stand before 'gain'; "
                f"the chain is {' -> '.join(names)}"
            )


def refuse_wrong_order(effects: Sequence[Effect]) -> None:
    """Refuse a chain whose sites do not follow the photon, with the chain printed."""
    ranks = [SITES.index(effect.site) for effect in effects]
    for i in range(1, len(ranks)):
        if ranks[i] < ranks[i - 1]:
            chain = " -> ".join(f"{e.name} ({e.site})" for e in effects)
            raise UsageError(
                f"effect {effects[i].name!r} acts at {effects[i].site!r} and must stand before "
                f"{effects[i - 1].name!r} ({effects[i - 1].site!r}); the chain is {chain}; "
                f"the sites are {' -> '.join(SITES)}"
            )
