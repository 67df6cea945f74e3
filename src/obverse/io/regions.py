"""Sections of an image as IRAF and its heirs write them: ``[x1:x2,y1:y2]``, from one, both ends inside."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from obverse.io.text import shown

if TYPE_CHECKING:
    from obverse.io.header import Header

__all__ = ["Section", "Sections", "sections"]

_SECTION = re.compile(r"\[\s*(\d{1,9})\s*:\s*(\d{1,9})\s*,\s*(\d{1,9})\s*:\s*(\d{1,9})\s*\]\Z")


@dataclass(frozen=True)
class Section:
    """A rectangle of pixels: rows and columns from zero, the end outside; flipped where it ran backwards.

    Examples
    --------
    >>> section = Section.parse("[17:528,520:1]")
    >>> section.rows, section.columns, section.flip_rows, section.flip_columns
    ((0, 520), (16, 528), True, False)
    """

    rows: tuple[int, int]
    columns: tuple[int, int]
    flip_rows: bool = False
    flip_columns: bool = False

    @classmethod
    def parse(cls, text: str) -> Section:
        """Read ``[x1:x2,y1:y2]``; raises ValueError where the text is no section."""
        found = _SECTION.match(text.strip())
        if not found:
            raise ValueError(f"{shown(repr(text))} is no section [x1:x2,y1:y2]")
        x1, x2, y1, y2 = (int(number) for number in found.groups())
        if min(x1, x2, y1, y2) < 1:
            raise ValueError(f"{shown(repr(text))} starts before pixel 1")
        return cls(_from_zero(y1, y2), _from_zero(x1, x2), flip_rows=y2 < y1, flip_columns=x2 < x1)

    def within(self, shape: tuple[int, int] | None) -> Section:
        """Return this section; raises ValueError where it leaves an image of `shape`."""
        if shape is not None and (self.rows[1] > shape[0] or self.columns[1] > shape[1]):
            raise ValueError(f"rows {self.rows} and columns {self.columns} leave the image of shape {shape}")
        return self

    @property
    def shape(self) -> tuple[int, int]:
        """Number of rows and columns."""
        return self.rows[1] - self.rows[0], self.columns[1] - self.columns[0]

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


def _from_zero(first: int, last: int) -> tuple[int, int]:
    return min(first, last) - 1, max(first, last)


def _slice(bounds: tuple[int, int], flip: bool) -> slice:
    start, stop = bounds
    if not flip:
        return slice(start, stop)
    return slice(stop - 1, start - 1 if start else None, -1)
