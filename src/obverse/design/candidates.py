"""Which read patterns a detector can be given, and how many ramps of each fit into an exposure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from obverse.detector import Detector
from obverse.named_patterns import NIRCAM, TABLES, is_table, named_pattern
from obverse.pattern import ReadPattern

__all__ = ["Candidate", "candidates", "names_for"]

_NAMES = {"roman_wfi": TABLES, "jwst_nircam": tuple(NIRCAM), "jwst_nircam_long": tuple(NIRCAM), "jwst_miri": ("1,0",)}

_EVEN = tuple(f"{frames},{gap}" for frames in (1, 2, 4, 8) for gap in (0, frames))


@dataclass(frozen=True)
class Candidate:
    """A read pattern, and how often it is repeated in one exposure."""

    name: str
    pattern: ReadPattern
    integrations: int


def names_for(detector: Detector) -> tuple[str, ...]:
    """Return the names of the patterns that a detector has; of one that is not known, even ones.

    Examples
    --------
    >>> names_for(Detector.load("jwst_nircam"))[:3], names_for(Detector.load("generic_h2rg"))[:3]
    (('RAPID', 'BRIGHT1', 'BRIGHT2'), ('1,0', '1,1', '2,0'))
    """
    return _NAMES.get(detector.name.removesuffix("-measured"), _EVEN)


def candidates(
    detector: Detector, seconds: float, names: tuple[str, ...] = (), groups: int | None = None
) -> Iterator[Candidate]:
    """Yield every pattern that fits into a time, with as many resultants and as many ramps as fit.

    Each ramp takes the time of its last read and that of one read for the reset before it.

    Parameters
    ----------
    detector
        Reads up the ramp.
    seconds
        Time of the whole exposure [s].
    names
        Patterns to try; none: `names_for` the detector.
    groups
        Most resultants that a ramp may have.

    Examples
    --------
    >>> found = candidates(Detector.load("jwst_nircam"), 130.0, ("RAPID",))
    >>> [(len(each.pattern), each.integrations) for each in found]
    [(11, 1), (5, 2), (3, 3), (2, 4)]
    """
    read_time = detector.readout.read_time  # type: ignore[attr-defined] # of those that read up the ramp
    for name in names or names_for(detector):
        if is_table(name):
            yield from _whole(name, named_pattern(name, groups, read_time), seconds)
        else:
            yield from _even(name, seconds, read_time, groups)


def _whole(name: str, pattern: ReadPattern, seconds: float) -> Iterator[Candidate]:
    integrations = int(seconds / (pattern.times[-1][-1] + pattern.read_time))
    if integrations:
        yield Candidate(name, pattern, integrations)


def _even(name: str, seconds: float, read_time: float, most: int | None) -> Iterator[Candidate]:
    """Yield the longest ramps that fit once, twice, ..., each length with as many ramps as fit."""
    first, second = named_pattern(name, 2, read_time).times
    period, frames = second[0] - first[0], first[-1]
    last = 0
    for integrations in range(1, int(seconds / (read_time + frames)) + 1):
        groups = 1 + int((seconds / integrations - read_time - frames) / period * (1 + 1e-12))
        groups = min(groups, most or groups)
        if groups < 2:
            return
        if groups == last:
            continue
        last = groups
        pattern = named_pattern(name, groups, read_time)
        yield Candidate(name, pattern, int(seconds / (pattern.times[-1][-1] + read_time)))
