"""What every read-out is: how charge becomes reads, and how reads become an estimate."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from obverse.chain import Run
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

    def read(self, run: Run, charge: NDArray[Any], *, integration: int = 0, read: int = 0) -> NDArray[Any]:
        """Return what one read of the charge (row, column) [electron] gives before it is digitised (clocked) [DN]."""
        where = {"integration": integration, "read": read}
        seen = run.through(charge, run.chain.at(*self.sensor_sites), **where)  # type: ignore[arg-type]
        clocked = run.chain.geometry.pad(seen)
        return run.through(clocked, run.chain.at(*self.clocked_sites), layout="clocked", **where)  # type: ignore[arg-type]

    def digitise(self, run: Run, clocked: NDArray[Any], *, integration: int = 0, read: int = 0) -> NDArray[Any]:
        """Return the stored numbers (file layout) of a read or of a mean of reads [DN]."""
        stored = run.through(clocked, run.chain.at("digital"), layout="clocked", integration=integration, read=read)
        return run.chain.geometry.unclock(stored)

    def respond(self, run: Run, charge: NDArray[Any]) -> NDArray[Any]:
        """Return the undigitised response (file layout) [DN] to a charge (row, column) [electron], in silent runs."""
        held = run.through(charge, run.chain.at("pixel"))
        return run.chain.geometry.unclock(self.read(run, np.asarray(held, np.float32)))
