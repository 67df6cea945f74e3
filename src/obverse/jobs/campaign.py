"""Which exposures a campaign takes, and what their files are called."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import product
from pathlib import Path

from obverse.detector import Detector
from obverse.errors import UsageError
from obverse.exposure import Exposure

__all__ = ["Campaign"]


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

    Raises
    ------
    UsageError
        If a gain is below 1.
    """

    seconds: tuple[float | None, ...]
    gains: tuple[float, ...] = (1.0,)
    count: int = 1

    def __post_init__(self) -> None:
        for gain in self.gains:
            if not gain >= 1.0:
                raise UsageError(f"simulate: EM gain {gain:g}, that of a register is 1 or more")

    @property
    def size(self) -> int:
        """Number of exposures."""
        return len(self.seconds) * len(self.gains) * self.count

    def files(self, out: Path, like: Exposure, detector: Detector) -> list[tuple[Path, Exposure]]:
        """Return the file and the exposure of each: `out` itself for one, else files in the directory `out`."""
        if self.gains != (1.0,) and not detector.has("em_gain"):
            raise UsageError(f"detector {detector.name!r} has no electron-multiplying register: leave out --em-gain")
        if self.size == 1:
            return [(out, replace(like, em_gain=self.gains[0]))]
        if out.suffix:
            raise UsageError(f"simulate: {self.size} exposures need a directory, {out} is the name of a file")
        ending = ".fits" if detector.file is None else detector.file.raw_name
        made = {exposure.id: exposure for exposure in self._exposures(like)}
        if len(made) < self.size:  # one name is one address of random numbers, too
            raise UsageError("simulate: a time or a gain is given twice: give each once, and --count how often")
        return [(out / f"{name}{ending}", exposure) for name, exposure in made.items()]

    def _exposures(self, like: Exposure) -> Iterator[Exposure]:
        for t, g, i in product(self.seconds, self.gains, range(1, self.count + 1)):
            times = () if t is None else (f"t{t:g}",)
            name = "_".join((like.kind, f"g{g:g}", *times, f"{i:04d}"))
            yield replace(like, id=name, exposure_time=t, em_gain=g)
