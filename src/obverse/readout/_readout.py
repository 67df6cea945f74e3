"""What every read-out is: how charge becomes reads, and how reads become an estimate."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from obverse.chain import Chain, Run
from obverse.effects import Effect
from obverse.frame import Frame
from obverse.moment import Moment
from obverse.params import Parameters

__all__ = ["Readout"]


@dataclass(frozen=True, eq=False, kw_only=True)
class Readout(Parameters):
    """Base of the read-outs."""

    name: ClassVar[str]
    sensor_sites: ClassVar[tuple[str, ...]]
    clocked_sites: ClassVar[tuple[str, ...]]

    def expose(self, run: Run, rate: NDArray[Any]) -> Frame:
        """Turn a rate of photons (row, column) [photon/s] into a raw frame in file layout [DN]."""
        raise NotImplementedError

    @property
    def halo(self) -> int:
        """Rows that `estimate` needs on each side; `WHOLE` where it makes one thing of all rows."""
        return 0

    def estimate(self, frame: Frame, at: Moment) -> Frame:
        """Turn corrected reads [electron] into an estimate with its variances."""
        raise NotImplementedError

    def behind(self, chain: Chain) -> tuple[Effect, ...]:
        """Return the effects from the held charge to what is digitised, in order."""
        return (*chain.at(*self.sensor_sites), *chain.at(*self.clocked_sites))

    def split(self, chain: Chain) -> tuple[tuple[Effect, ...], tuple[Effect, ...]]:
        """Return what acts on each read, up to the last effect that bends the signal, and what acts on their mean."""
        effects = self.behind(chain)
        bends = [i for i, effect in enumerate(effects) if not effect.affine]
        end = bends[-1] + 1 if bends else 0
        return effects[:end], effects[end:]

    def read(self, run: Run, charge: NDArray[Any], **when: Any) -> NDArray[Any]:
        """Return what one read of the charge (row, column) [electron] gives before it is digitised (clocked) [DN]."""
        return self.clocked(run, self.onward(run, charge, self.behind(run.chain), **when))

    def onward(self, run: Run, pixels: NDArray[Any], effects: Sequence[Effect], **when: Any) -> NDArray[Any]:
        """Imprint effects on pixels in sensor layout (row, column), from the first clocked one on in that layout."""
        on_sensor = [effect for effect in effects if effect.site in self.sensor_sites]
        on_clocked = [effect for effect in effects if effect.site in self.clocked_sites]
        pixels = run.through(pixels, on_sensor, **when)
        return run.through(self.clocked(run, pixels), on_clocked, layout="clocked", **when) if on_clocked else pixels

    def clocked(self, run: Run, pixels: NDArray[Any]) -> NDArray[Any]:
        """Return pixels in read-out order, where they are not yet."""
        return run.geometry.pad(pixels) if pixels.ndim == 2 else pixels

    def digitise(self, run: Run, clocked: NDArray[Any], **when: Any) -> NDArray[Any]:
        """Return the stored numbers (file layout) of a read or of a mean of reads [DN]."""
        stored = run.through(clocked, run.chain.at("digital"), layout="clocked", **when)
        return run.geometry.unclock(stored)

    def respond(self, run: Run, charge: NDArray[Any]) -> NDArray[Any]:
        """Return the undigitised response (file layout) [DN] to a charge (row, column) [electron], in silent runs."""
        held = run.through(charge, run.chain.at("pixel"))
        return run.chain.geometry.unclock(self.read(run, np.asarray(held, np.float32)))
