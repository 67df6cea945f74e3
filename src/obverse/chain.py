"""The forward chain: which effects there are, in which order, and one run of pixels through them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from obverse.effects import SITES, Effect
from obverse.errors import UsageError
from obverse.exposure import Exposure
from obverse.geometry import Geometry
from obverse.history import History
from obverse.moment import Moment
from obverse.seeds import SILENT, Address, Silence, Stream

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
    """

    chain: Chain
    exposure: Exposure
    seed: int | None
    history: History | None = None
    threads: int | None = None
    watch: Watch = _unwatched

    def through(
        self,
        pixels: NDArray[Any],
        effects: Sequence[Effect],
        *,
        layout: str = "sensor",
        integration: int = 0,
        read: int = 0,
        interval: tuple[float, float] = (0.0, 0.0),
    ) -> NDArray[Any]:
        """Imprint these effects on the pixels, one after the other."""
        at = Moment(self.exposure, self.chain.geometry, layout, interval, history=self.history, integration=integration)
        for effect in effects:
            pixels = effect.imprint(
                pixels, replace(at, rng=self.stream(effect.name, effect.cadence, integration, read))
            )
            self.watch(effect.name, pixels)
        return pixels

    def arrive(self, rate: NDArray[Any], *, integration: int, read: int, interval: tuple[float, float]) -> NDArray[Any]:
        """Return the electrons that gather in an interval: expected ones counted once by Poisson, then events."""
        effects = self.chain.at("charge")
        moment = {"integration": integration, "read": read, "interval": interval}
        expected = rate * np.float32(interval[1] - interval[0])
        expected = self.through(expected, [e for e in effects if e.acts_on == "expected"], **moment)  # type: ignore[arg-type]
        counted = self.stream("photons", "read", integration, read).poisson(expected * self.chain.geometry.sensitive)
        self.watch("photons", counted)
        hit = self.through(counted, [e for e in effects if e.acts_on == "electrons"], **moment)  # type: ignore[arg-type]
        return hit * self.chain.geometry.sensitive  # a reference pixel has no diode that a particle could charge

    def stream(self, name: str, cadence: str, integration: int, read: int) -> Stream | Silence:
        """Return the random stream of an effect in one read, or in all reads of one integration."""
        if self.seed is None:
            return SILENT
        index = f"{integration}" if cadence == "integration" else f"{integration}.{read}"
        return Stream(Address(self.seed, name, self.exposure.id, index), self.threads)


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
