"""Which exposures a campaign takes, and what their files are called."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import product
from pathlib import Path

from obverse.detector import Detector
from obverse.errors import UsageError
from obverse.exposure import Exposure

__all__ = ["Campaign"]

_ENDINGS: Mapping[str, str] = {"corgi_excam": "_l1_.fits"}
"""How raw files of an observatory end; those of other detectors are ours."""


@dataclass(frozen=True)
class Campaign:
    """Exposures of every time and gain, some of each.

    Parameters
    ----------
    seconds
        Exposure times [s]; (None,) for a detector that needs none.
    gains
        Commanded gains of the register.
    count
        How many exposures of each.
    """

    seconds: tuple[float | None, ...]
    gains: tuple[float, ...] = (1.0,)
    count: int = 1

    @property
    def size(self) -> int:
        """Number of exposures."""
        return len(self.seconds) * len(self.gains) * self.count

    def files(self, out: Path, like: Exposure, detector: Detector) -> Iterator[tuple[Path, Exposure]]:
        """Yield the file and the exposure of each: `out` itself for one, else files in the directory `out`."""
        if self.gains != (1.0,) and not detector.has("em_gain"):
            raise UsageError(f"detector {detector.name!r} has no electron-multiplying register: leave out --em-gain")
        if self.size == 1:
            yield out, replace(like, em_gain=self.gains[0])
            return
        if out.suffix:
            raise UsageError(f"simulate: {self.size} exposures need a directory, {out} is the name of a file")
        ending = _ENDINGS.get(detector.name, ".fits")
        for t, g, i in product(self.seconds, self.gains, range(1, self.count + 1)):
            times = () if t is None else (f"t{t:g}",)
            name = "_".join((like.kind, f"g{g:g}", *times, f"{i:04d}"))
            yield out / f"{name}{ending}", replace(like, id=name, exposure_time=t, em_gain=g)
