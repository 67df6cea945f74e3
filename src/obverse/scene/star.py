"""What all point-spread functions can do, the same over the field or not."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol, Self

from obverse.scene.psf import Psf
from obverse.scene.sources import Sources

__all__ = ["Star"]


class Star(Protocol):
    """The light of a star: `Psf`, or `FieldPsf` where it differs over the field."""

    @property
    def half(self) -> int:
        """How far its light reaches along an axis, through the pixels [pixel]."""
        ...

    def at(self, row: float, column: float) -> Psf:
        """Return the point-spread function at one place."""
        ...

    def moved(self, rows: float = 0.0, columns: float = 0.0) -> Self:
        """Return it for pixels that are counted from another corner."""
        ...

    def parts(self, sources: Sources) -> Iterator[tuple[Sources, Psf]]:
        """Yield sources with what they are drawn by."""
        ...
