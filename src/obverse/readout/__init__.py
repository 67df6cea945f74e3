"""Read-outs: where shapes change, and where variance is born, once."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from obverse.errors import UsageError, nearest
from obverse.readout._readout import Readout
from obverse.readout.ramp import UpTheRamp
from obverse.readout.single import SingleRead

__all__ = ["Readout", "SingleRead", "UpTheRamp", "from_table"]

KINDS: Mapping[str, type[Readout]] = {cls.name: cls for cls in (SingleRead, UpTheRamp)}


def from_table(table: Mapping[str, Any]) -> Readout:
    """Build a read-out from the ``[readout]`` table of a detector file."""
    given = dict(table)
    kind = given.pop("kind", None)
    if kind not in KINDS:
        raise UsageError(f"readout: kind is {kind!r}, {nearest(str(kind), KINDS)}")
    return KINDS[kind].from_table(given)
