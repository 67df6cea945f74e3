"""Sections of an image as IRAF and its heirs write them: ``[x1:x2,y1:y2]``, from one, both ends inside."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from obverse import geometry

if TYPE_CHECKING:
    from obverse.io.header import Header

__all__ = ["Section", "Sections", "sections"]


@dataclass(frozen=True)
class Section(geometry.Section):
    """A rectangle as a header gives it: that of the geometry, and the axes along which it runs backwards.

    A detector file has no use for these: there the corner of an amplifier says how it is read. So `cut` views the
    pixels as they stand in the file, and `slices` turn them.

    Examples
    --------
    >>> section = Section.parse("[17:528,520:1]")
    >>> section.rows, section.columns, section.flip_rows, section.flip_columns
    ((0, 520), (16, 528), True, False)
    """

    flip_rows: bool = False
    flip_columns: bool = False

    @classmethod
    def parse(cls, text: str) -> Section:
        """Read ``[x1:x2,y1:y2]``; raises ValueError where the text is no section."""
        x1, x2, y1, y2 = geometry.iraf_numbers(text)
        plain = geometry.Section.from_iraf(text)
        return cls(plain.rows, plain.columns, flip_rows=y2 < y1, flip_columns=x2 < x1)

    def within(self, shape: tuple[int, int] | None) -> Section:
        """Return this section; raises ValueError where it leaves an image of `shape`."""
        if shape is not None and (self.rows[1] > shape[0] or self.columns[1] > shape[1]):
            raise ValueError(f"rows {self.rows} and columns {self.columns} leave the image of shape {shape}")
        return self

    @property
    def slices(self) -> tuple[slice, slice]:
        """Slices that take the section out of an image, in its own direction."""
        return _slice(self.rows, self.flip_rows), _slice(self.columns, self.flip_columns)


@dataclass(frozen=True)
class Sections:
    """What a header says of the parts of its image; None where it says nothing."""

    data: Section | None = None
    bias: Section | None = None
    trim: Section | None = None
    detector: Section | None = None


def sections(header: Header, shape: tuple[int, int] | None = None) -> Sections:
    """Read DATASEC, BIASSEC, TRIMSEC and DETSEC; the first three must lie inside `shape`.

    Raises
    ------
    DataError
        If a section cannot be read or leaves the image.

    Examples
    --------
    >>> from obverse.io.cards import Card
    >>> from obverse.io.header import Header
    >>> sections(Header([Card("BIASSEC", "[4:13,1:520]")]), (520, 536)).bias.shape
    (520, 10)
    """
    return Sections(
        data=header.section("DATASEC", None, shape=shape),
        bias=header.section("BIASSEC", None, shape=shape),
        trim=header.section("TRIMSEC", None, shape=shape),
        detector=header.section("DETSEC", None),
    )


def _slice(bounds: tuple[int, int], flip: bool) -> slice:
    start, stop = bounds
    if not flip:
        return slice(start, stop)
    return slice(stop - 1, start - 1 if start else None, -1)
