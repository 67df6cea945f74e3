"""What read patterns measure and which to take, as tables that may be written to a file."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from obverse import design
from obverse.design.picture import draw
from obverse.detector import Detector
from obverse.errors import UsageError
from obverse.jobs._output import NOWHERE, Output
from obverse.named_patterns import pattern_for
from obverse.pattern import ReadPattern
from obverse.readout import UpTheRamp

if TYPE_CHECKING:
    from astropy.table import Table

__all__ = ["Output", "Wish", "patterns_of", "suggest", "validate"]


def patterns_of(detector: Detector, names: Sequence[str], groups: Sequence[int]) -> dict[str, ReadPattern]:
    """Return read patterns of a detector by name and length; without names, the one that it has by default.

    Examples
    --------
    >>> list(patterns_of(Detector.load("jwst_nircam"), ["RAPID", "shallow4"], [5, 8]))
    ['RAPID x 5', 'RAPID x 8', 'SHALLOW4 x 5', 'SHALLOW4 x 8']
    """
    readout = detector.readout
    if not isinstance(readout, UpTheRamp):
        raise UsageError(f"detector {detector.name!r} is read once: it has no read patterns to compare")
    wanted: list[tuple[str, int | None]] = [(name, n) for name in names or ["1,0"] for n in groups or (None,)]
    made = [(name.upper(), pattern_for(readout, name, n)) for name, n in wanted]
    return {f"{name} x {len(pattern)}": pattern for name, pattern in made}


def validate(
    detector: str | Path,
    names: Sequence[str] = (),
    groups: Sequence[int] = (),
    *,
    flux: tuple[float, float] | None = None,
    belief: str | Path | None = None,
    out: Output = NOWHERE,
    estimator: str = "likelihood",
    shape: tuple[int, int] = design.SHAPE,
    seed: int = 1,
    progress: Callable[[str], None] = lambda name: None,
) -> Table:
    """Compare read patterns (`obverse.design.validate`), and write the table and its picture.

    Parameters
    ----------
    detector, belief
        Names or TOML files: which simulates, and which calibrates.
    names, groups
        Of the patterns; all groups of each name.
    flux
        Range of light [electron/s].
    out
        Where to.
    estimator, shape, seed, progress
        See `obverse.design.validate`.
    """
    out.refuse(picture=True)
    truth = Detector.load(detector)
    believed = None if belief is None else Detector.load(belief)
    light = None if flux is None else design.fluxes(*flux)
    patterns = patterns_of(truth, names, groups)
    table = design.validate(
        truth, patterns, light, belief=believed, estimator=estimator, shape=shape, seed=seed, progress=progress
    )
    if out.path is not None:
        fine = design.fluxes(min(table["flux"]), max(table["flux"]), per_decade=60)
        curves = {name: design.expected(each, fine, truth, estimator=estimator) for name, each in patterns.items()}
        out.write(table, draw(curves, table, f"Read patterns of {truth.name}"))
    return table


@dataclass(frozen=True)
class Wish:
    """What a read pattern is wanted for: see `obverse.design.suggest`."""

    flux: tuple[float, float] | None
    seconds: float | None
    saturating: bool = False
    by: str = "merit"


def suggest(
    detector: str | Path,
    wish: Wish,
    names: Sequence[str] = (),
    groups: Sequence[int] = (),
    *,
    out: Output = NOWHERE,
) -> Table:
    """Rank read patterns (`obverse.design.suggest`), and write the table.

    Parameters
    ----------
    detector
        Name or TOML file.
    wish
        What for.
    names, groups
        Patterns to try, and the most groups of a ramp.
    out
        Where to.
    """
    if wish.flux is None or wish.seconds is None:
        raise UsageError("--suggest: needs --flux LOW:HIGH [electron/s] and --time SECONDS")
    out.refuse(picture=False)
    found = Detector.load(detector)
    patterns_of(found, names, ())  # refuses wrong names, and detectors without ramps, before the work
    most = max(groups, default=None)
    table = design.suggest(
        found, *wish.flux, wish.seconds, names=names, groups=most, saturating=wish.saturating, by=wish.by
    )
    out.write(table)
    return table
