"""Read patterns by name: NIRCam's, the multi-accumulation tables of Roman, and frames and gap as two numbers."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING

from obverse.errors import UsageError
from obverse.ma_tables import READ_TIME, ma_numbers, ma_table
from obverse.pattern import ReadPattern

if TYPE_CHECKING:
    from obverse.readout import UpTheRamp

__all__ = ["NIRCAM", "TABLES", "is_table", "named_pattern", "pattern_for"]

NIRCAM: Mapping[str, tuple[int, int]] = MappingProxyType(
    {
        "RAPID": (1, 0),
        "BRIGHT1": (1, 1),
        "BRIGHT2": (2, 0),
        "SHALLOW2": (2, 3),
        "SHALLOW4": (4, 1),
        "MEDIUM2": (2, 8),
        "MEDIUM8": (8, 2),
        "DEEP2": (2, 18),
        "DEEP8": (8, 12),
    }
)
"""Read patterns of NIRCam: frames averaged in a group, and frames left out behind it.

Reference: JWST User Documentation, NIRCam Detector Readout Patterns.
"""

TABLES = tuple(f"MA{number}" for number in ma_numbers())
"""Multi-accumulation tables of Roman."""


def is_table(name: str) -> bool:
    """Whether a pattern is a multi-accumulation table, which has a length of its own."""
    return str(name).upper() in TABLES  # a number is no name, and is refused as such


def pattern_for(readout: UpTheRamp, name: str | None = None, groups: int | None = None) -> ReadPattern:
    """Return the pattern that a read-out makes of a name and a number of groups, with its own values for either.

    Examples
    --------
    >>> from obverse.readout import UpTheRamp
    >>> pattern_for(UpTheRamp(read_time=2.0, reads=3), "1,1").times
    ((2.0,), (6.0,), (10.0,))
    """
    chosen = name or "1,0"
    return named_pattern(chosen, groups if is_table(chosen) else groups or readout.reads, readout.read_time)


def named_pattern(name: str, groups: int | None = None, frame_time: float | None = None) -> ReadPattern:
    """Return a read pattern by its name.

    Parameters
    ----------
    name
        ``"MA4"``, a multi-accumulation table of Roman; ``"SHALLOW4"``, a pattern of NIRCam; or ``"4,1"``, frames
        averaged in a group and frames left out behind it. Capitals do not matter.
    groups
        Resultants. A multi-accumulation table has its own number, and is cut behind `groups` of them.
    frame_time
        Seconds from one read to the next [s]; those of Roman by default in its tables.

    Raises
    ------
    UsageError
        If nothing has that name, or a pattern of no length of its own is asked for without `groups` or `frame_time`.

    Notes
    -----
    Reference: see `NIRCAM` and `obverse.ma_tables`.

    Examples
    --------
    >>> named_pattern("MEDIUM8", groups=2, frame_time=10.0).tbar
    array([ 45., 145.])
    >>> named_pattern("MA3").n_reads
    array([1, 2, 6, 8, 1])
    >>> len(named_pattern("ma110", groups=8))
    8
    """
    if is_table(name):
        return _cut(ma_table(int(name[2:]), READ_TIME if frame_time is None else frame_time), groups, name)
    frames, gap = _counts(name)
    if groups is None or frame_time is None:
        raise UsageError(f"read pattern {name!r}: has no length of its own, give the groups and the time of a frame")
    return ReadPattern.even(groups, frames, gap, frame_time)


def _counts(name: str) -> tuple[int, int]:
    """Return the frames in a group and those left out behind it."""
    name = str(name)
    if name.upper() in NIRCAM:
        return NIRCAM[name.upper()]
    frames, _, gap = name.partition(",")
    if frames.isdecimal() and gap.isdecimal() and int(frames) > 0:
        return int(frames), int(gap)
    known = [*NIRCAM, *TABLES]
    raise UsageError(f"read pattern {name!r}: must look like 4,1 or be one of {', '.join(known)}")


def _cut(pattern: ReadPattern, groups: int | None, name: str) -> ReadPattern:
    if groups is not None and not 1 <= groups <= len(pattern):
        raise UsageError(f"read pattern {name!r}: has {len(pattern)} resultants, it cannot be cut behind {groups}")
    return pattern.first(groups or len(pattern))
