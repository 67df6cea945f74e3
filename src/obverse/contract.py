"""What undoing an effect means: only a third of all detector effects have a true inverse.

Every effect states at least one contract. Docs, recipes and the laws of the test suite read them.
"""

from __future__ import annotations

from dataclasses import dataclass

from obverse.flags import Flag

__all__ = ["Approximate", "Averages", "Contract", "Exact", "Flags", "Lost", "Scales", "Subtracts"]


@dataclass(frozen=True)
class Contract:
    """A statement about the other direction of an effect."""

    @property
    def is_undone(self) -> bool:
        """Whether a recipe has something to do about it."""
        return True


@dataclass(frozen=True)
class Exact(Contract):
    """The correction is the inverse to a relative tolerance `rtol`, over the whole `domain`, its edges included.

    The domain is the range of measured signals from `low` to `high`; a word names the parameter that holds the edge.
    """

    rtol: float
    domain: str
    low: float | str = 0.0
    high: float | str = 65535.0

    def edges(self, effect: object) -> tuple[float, float]:
        """Return the lowest and the highest measured signal for which this effect promises it."""
        low, high = (getattr(effect, edge) if isinstance(edge, str) else edge for edge in (self.low, self.high))
        return float(low), float(high)


@dataclass(frozen=True)
class Approximate(Contract):
    """The correction leaves at most `bound` of the effect, keeps the sum, and correlates pixels."""

    bound: float


@dataclass(frozen=True)
class Scales(Contract):
    """The correction divides by a mean map, and gets wrong what `limits` says."""

    limits: str


@dataclass(frozen=True)
class Subtracts(Contract):
    """The correction takes the mean away; the noise stays."""


@dataclass(frozen=True)
class Averages(Contract):
    """Nothing is undone: the effect is a scatter with a stated variance, and averaging reduces it."""

    @property
    def is_undone(self) -> bool:
        """Whether a recipe has something to do about it."""
        return False


@dataclass(frozen=True)
class Flags(Contract):
    """The correction sets a flag on every affected element; false alarms stay under `false_alarms` (a fraction)."""

    flag: Flag
    false_alarms: float = 0.0


@dataclass(frozen=True)
class Lost(Contract):
    """Nothing can be done; `why` says so."""

    why: str

    @property
    def is_undone(self) -> bool:
        """Whether a recipe has something to do about it."""
        return False
