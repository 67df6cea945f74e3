"""Where the amplifiers are, and the three layouts of a frame.

- ``file`` (row, column): as the mission writes it.
- ``clocked`` (amplifier, row, column): every amplifier flipped so that its first pixel read is (0, 0), with
  prescan before and overscan behind the image columns. Cross-talk and charge transfer are row-local here.
- ``sensor`` (row, column): the silicon, without scans.

file <-> clocked is exact both ways; sensor -> clocked pads, clocked -> sensor trims. All flips live in this file.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache, cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from obverse.errors import UsageError, nearest
from obverse.tiles import QUANTUM

__all__ = ["CORNERS", "Amplifier", "Geometry", "Section", "iraf_numbers"]

CORNERS = ("lower left", "lower right", "upper left", "upper right")

_SECTION = re.compile(r"\[(\d{1,9}):(\d{1,9}),(\d{1,9}):(\d{1,9})\]\Z")


def iraf_numbers(text: str) -> tuple[int, int, int, int]:
    """Read x1, x2, y1 and y2 of ``[x1:x2,y1:y2]``; x2 may be less than x1: such an axis runs backwards.

    Raises
    ------
    UsageError
        If the text is no section, or starts before pixel 1.

    Examples
    --------
    >>> iraf_numbers("[528:17, 1:520]")
    (528, 17, 1, 520)
    """
    found = _SECTION.match(text.replace(" ", ""))
    x1, x2, y1, y2 = (int(number) for number in found.groups()) if found else (0, 0, 0, 0)
    if min(x1, x2, y1, y2) < 1:
        raise UsageError(f"section {text!r} must look like '[51:1074,1:520]' (columns, then rows, from 1)")
    return x1, x2, y1, y2


@dataclass(frozen=True)
class Section:
    """A rectangle of the file, half-open and counted from zero."""

    rows: tuple[int, int]
    columns: tuple[int, int]

    @classmethod
    def from_iraf(cls, text: str) -> Section:
        """Read ``[x1:x2,y1:y2]``, counted from one, ends included, column first.

        Examples
        --------
        >>> Section.from_iraf("[51:1074,1:520]")
        Section(rows=(0, 520), columns=(50, 1074))
        """
        x1, x2, y1, y2 = iraf_numbers(text)
        return cls((min(y1, y2) - 1, max(y1, y2)), (min(x1, x2) - 1, max(x1, x2)))

    def to_iraf(self) -> str:
        """Write ``[x1:x2,y1:y2]``."""
        return f"[{self.columns[0] + 1}:{self.columns[1]},{self.rows[0] + 1}:{self.rows[1]}]"

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns."""
        return self.rows[1] - self.rows[0], self.columns[1] - self.columns[0]

    def cut(self, array: NDArray[Any]) -> NDArray[Any]:
        """View this part of an array (..., row, column)."""
        return array[..., self.rows[0] : self.rows[1], self.columns[0] : self.columns[1]]


@dataclass(frozen=True)
class Amplifier:
    """One read-out channel.

    Parameters
    ----------
    name
        As the observatory calls it.
    rows, columns
        Half-open ranges of sensor pixels that it reads.
    corner
        The corner of that rectangle which is read first, one of `CORNERS`.
    prescan_at, image_at, overscan_at
        Where the file holds its parts; left out, the amplifiers' blocks stand in the file as on the sensor.
    """

    name: str
    rows: tuple[int, int]
    columns: tuple[int, int]
    corner: str = "lower left"
    prescan_at: Section | None = None
    image_at: Section | None = None
    overscan_at: Section | None = None

    def __post_init__(self) -> None:
        if self.corner not in CORNERS:
            raise UsageError(f"amplifier {self.name!r}: corner {self.corner!r}, {nearest(self.corner, CORNERS)}")

    @property
    def section(self) -> Section:
        """Its rectangle on the sensor."""
        return Section(self.rows, self.columns)

    def flip(self, block: NDArray[Any]) -> NDArray[Any]:
        """Turn a block (..., row, column) from sensor orientation to read-out order, or back."""
        rows = slice(None, None, -1 if self.corner.startswith("upper") else 1)
        columns = slice(None, None, -1 if self.corner.endswith("right") else 1)
        return block[..., rows, columns]


@dataclass(frozen=True)
class Geometry:
    """Size of the sensor, its amplifiers and its scans.

    Parameters
    ----------
    shape
        Rows and columns of the sensor.
    amplifiers
        All of one size, together covering the sensor; left out, one amplifier reads everything.
    prescan, overscan
        Columns clocked out before and after the image columns of every row.
    reference
        Width of the border of pixels that collect nothing: bottom, top, left, right.
    shielded
        Width of the border, within that one, of pixels that are covered: they see no light, yet dark current and
        cosmic rays; bottom, top, left, right.
    file_shape
        Shape of the file, where sections say where the amplifiers' parts are.
    parallel_overscan
        Rows clocked out after the image rows of every amplifier.
    telemetry
        Rows of the file, half-open, that hold house-keeping in place of pixels; () where there are none.

    Raises
    ------
    UsageError
        If the amplifiers differ in size, overlap, or leave part of the sensor unread.

    Examples
    --------
    >>> geometry = Geometry(
    ...     (4, 6), (Amplifier("L", (0, 4), (0, 3)), Amplifier("R", (0, 4), (3, 6), "lower right")), overscan=2
    ... )
    >>> geometry.clocked_shape, geometry.file_shape
    ((2, 4, 5), (4, 10))
    >>> excam = Geometry((1037, 1056), prescan=1088, overscan=56, parallel_overscan=163, shielded=(13, 0, 0, 32))
    >>> excam.file_shape, int(excam.in_file("lit").sum()) == 1024**2
    ((1200, 2200), True)
    """

    shape: tuple[int, int]
    amplifiers: tuple[Amplifier, ...] = ()
    prescan: int = 0
    overscan: int = 0
    reference: tuple[int, int, int, int] = (0, 0, 0, 0)
    file_shape: tuple[int, int] = (0, 0)
    parallel_overscan: int = 0
    shielded: tuple[int, int, int, int] = (0, 0, 0, 0)
    telemetry: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        if not self.amplifiers:
            self._set("amplifiers", (Amplifier("1", (0, self.shape[0]), (0, self.shape[1])),))
        self._refuse_bad_cover()
        if self.file_shape == (0, 0):
            self._set("file_shape", self._mosaic_shape())
        self._refuse_bad_pieces()
        self._refuse_bad_border()

    def _set(self, name: str, value: object) -> None:
        object.__setattr__(self, name, value)

    # -- shapes ------------------------------------------------------------------------------------------------

    @property
    def image_shape(self) -> tuple[int, int]:
        """Rows and columns of one amplifier on the sensor."""
        return self.amplifiers[0].section.shape

    @property
    def clocked_shape(self) -> tuple[int, int, int]:
        """Amplifiers, rows, and columns with prescan and overscan."""
        rows, columns = self.image_shape
        return len(self.amplifiers), rows + self.parallel_overscan, self.prescan + columns + self.overscan

    @property
    def image_rows(self) -> slice:
        """Rows of a clocked frame that saw the sky."""
        return slice(0, self.image_shape[0])

    @property
    def image_columns(self) -> slice:
        """Columns of a clocked frame that saw the sky."""
        return slice(self.prescan, self.prescan + self.image_shape[1])

    @property
    def overscan_columns(self) -> slice:
        """Columns of a clocked frame that were clocked after the image."""
        return slice(self.prescan + self.image_shape[1], None)

    @property
    def is_plain(self) -> bool:
        """Whether file and sensor are the same pixels in the same order."""
        no_scans = self.prescan == self.overscan == self.parallel_overscan == 0
        return no_scans and self.file_shape == self.shape and all(a.image_at is None for a in self.amplifiers)

    @cached_property
    def by_rows(self) -> bool:
        """Whether strips of rows can be read out apart: each amplifier reads all rows, all in one direction.

        Read from the top, the blocks of 16 rows of the random streams must be whole: a last one of fewer rows would be
        the first in read-out order, and two strips would share a stream.
        """
        ends = {amplifier.corner.split()[0] for amplifier in self.amplifiers}
        in_step = ends == {"lower"} or (ends == {"upper"} and self.shape[0] % QUANTUM == 0)
        return self.is_plain and in_step and self.image_shape[0] == self.shape[0]

    def clocked_rows(self, rows: slice) -> slice:
        """Return where rows of the sensor stand in read-out order, or the other way round, in a geometry `by_rows`.

        Examples
        --------
        >>> Geometry((8, 4), (Amplifier("1", (0, 8), (0, 4), "upper left"),)).clocked_rows(slice(0, 2))
        slice(6, 8, None)
        """
        start, stop, _ = rows.indices(self.shape[0])
        upper = self.amplifiers[0].corner.startswith("upper")
        return slice(self.shape[0] - stop, self.shape[0] - start) if upper else slice(start, stop)

    @cache  # noqa: B019 (few geometries, and each is small)
    def strip(self, rows: int) -> Geometry:
        """Return the same amplifiers on a strip of that many rows, of a geometry `by_rows`."""
        amplifiers = tuple(replace(amplifier, rows=(0, rows)) for amplifier in self.amplifiers)
        return Geometry((rows, self.shape[1]), amplifiers)

    @cached_property
    def amplifier_map(self) -> NDArray[np.intp]:
        """Index of the amplifier that reads each sensor pixel, (row, column)."""
        index = np.zeros(self.shape, np.intp)
        for i, amplifier in enumerate(self.amplifiers):
            amplifier.section.cut(index)[...] = i
        return index

    @cached_property
    def sensitive(self) -> NDArray[np.bool_]:
        """Pixels that collect charge, (row, column); the reference pixels do not."""
        return self._within(self.reference)

    @cached_property
    def sees_light(self) -> NDArray[np.bool_]:
        """Pixels that see light, (row, column): those of `lit`."""
        return self._within(self._border)

    @property
    def lit(self) -> tuple[slice, slice]:
        """Rows and columns that see light: those within the border of reference pixels and the shield."""
        bottom, top, left, right = self._border
        return slice(bottom, self.shape[0] - top), slice(left, self.shape[1] - right)

    @property
    def _border(self) -> tuple[int, ...]:
        return tuple(a + b for a, b in zip(self.reference, self.shielded, strict=True))

    def _within(self, border: Sequence[int]) -> NDArray[np.bool_]:
        bottom, top, left, right = border
        mask = np.zeros(self.shape, bool)
        mask[bottom : self.shape[0] - top, left : self.shape[1] - right] = True
        return mask

    def on_sensor(self, image: NDArray[Any]) -> NDArray[Any]:
        """Return an image of the sensor, or of the part that sees light, on the whole sensor; zero beside it.

        Examples
        --------
        >>> Geometry((4, 4), reference=(1, 1, 1, 1)).on_sensor(np.ones((2, 2))).sum(axis=0)
        array([0., 2., 2., 0.])
        """
        if image.shape == self.shape:
            return image
        whole = np.zeros(self.shape, image.dtype)
        if whole[self.lit].shape != image.shape:
            raise UsageError(
                f"an image of {image.shape} fits neither the sensor, {self.shape}, nor the part of it that sees light, "
                f"{whole[self.lit].shape} (row, column)"
            )
        whole[self.lit] = image
        return whole

    def resized(self, shape: tuple[int, int]) -> Geometry:
        """Return the same arrangement of amplifiers on another size (rows, columns), or on a centred subarray.

        Examples
        --------
        >>> Geometry((8, 8), reference=(1, 1, 1, 1)).resized((4, 6)).amplifiers[0].section
        Section(rows=(0, 4), columns=(0, 6))
        """
        if any(a.image_at is not None for a in self.amplifiers):
            raise UsageError(
                "geometry: amplifiers with sections in the file cannot be resized, write their new sections"
            )

        def scaled(span: tuple[int, int], axis: int) -> tuple[int, int]:
            parts = [edge * shape[axis] / self.shape[axis] for edge in span]
            if any(part != int(part) for part in parts):
                raise UsageError(f"geometry: {shape} does not divide among the amplifiers of {self.shape}")
            return int(parts[0]), int(parts[1])

        amplifiers = tuple(replace(a, rows=scaled(a.rows, 0), columns=scaled(a.columns, 1)) for a in self.amplifiers)
        made = replace(self, shape=shape, amplifiers=amplifiers, file_shape=(0, 0), telemetry=())
        ends = tuple(row - self.file_shape[0] + made.file_shape[0] for row in self.telemetry)
        return replace(made, telemetry=ends)

    def of_file(self, file_shape: tuple[int, int]) -> Geometry:
        """Return the same arrangement on the sensor whose files have this size.

        Examples
        --------
        >>> Geometry((8, 8), prescan=4, parallel_overscan=2).of_file((18, 20)).shape
        (16, 16)
        """
        scans = [whole - sensor for whole, sensor in zip(self._mosaic_shape(), self.shape, strict=True)]
        rows, columns = (whole - scan for whole, scan in zip(file_shape, scans, strict=True))
        if rows < 1 or columns < 1:
            raise UsageError(
                f"geometry: a file of {file_shape} has no room for {scans[0]} rows and {scans[1]} columns of scans"
            )
        return self.resized((rows, columns))

    # -- the three layouts -------------------------------------------------------------------------------------

    def clock(self, file: NDArray[Any]) -> NDArray[Any]:
        """Turn a file (..., row, column) into (..., amplifier, row, column)."""
        out = np.zeros((*file.shape[:-2], *self.clocked_shape), file.dtype)
        for i, amplifier in enumerate(self.amplifiers):
            for columns, where in self._pieces(i):
                out[..., i, :, columns] = amplifier.flip(where.cut(file))
        return out

    def unclock(self, clocked: NDArray[Any]) -> NDArray[Any]:
        """Turn (..., amplifier, row, column) into the file's (..., row, column)."""
        out = np.zeros((*clocked.shape[:-3], *self.file_shape), clocked.dtype)
        for i, amplifier in enumerate(self.amplifiers):
            for columns, where in self._pieces(i):
                where.cut(out)[...] = amplifier.flip(clocked[..., i, :, columns])
        return out

    def pad(self, sensor: NDArray[Any]) -> NDArray[Any]:
        """Turn the sensor's (..., row, column) into (..., amplifier, row, column), zero in the scans."""
        out = np.zeros((*sensor.shape[:-2], *self.clocked_shape), sensor.dtype)
        for i, amplifier in enumerate(self.amplifiers):
            out[..., i, self.image_rows, self.image_columns] = amplifier.flip(amplifier.section.cut(sensor))
        return out

    def assemble(self, clocked: NDArray[Any]) -> NDArray[Any]:
        """Trim (..., amplifier, row, column) and put it together as the sensor's (..., row, column)."""
        out = np.zeros((*clocked.shape[:-3], *self.shape), clocked.dtype)
        for i, amplifier in enumerate(self.amplifiers):
            amplifier.section.cut(out)[...] = amplifier.flip(clocked[..., i, self.image_rows, self.image_columns])
        return out

    def in_file(self, what: str) -> NDArray[np.bool_]:
        """Return which pixels of the file (row, column) are of one kind.

        Parameters
        ----------
        what
            ``"sensor"`` (all that stood under the sky, shielded or not), ``"lit"`` (what sees light), ``"prescan"``,
            ``"overscan"`` (columns, along the whole file), ``"parallel_overscan"`` (rows behind those of the sensor,
            in its columns), or ``"telemetry"``.

        Examples
        --------
        >>> Geometry((2, 3), prescan=1, parallel_overscan=1).in_file("prescan").astype(int)
        array([[1, 0, 0, 0],
               [1, 0, 0, 0],
               [1, 0, 0, 0]])
        """
        if what == "telemetry":
            return np.isin(np.arange(self.file_shape[0]), range(*self.telemetry or (0, 0)))[:, None] & np.ones(
                self.file_shape[1], bool
            )
        if what in ("sensor", "lit"):
            return self.unclock(self.pad(self.sees_light if what == "lit" else np.ones(self.shape, bool)))
        image, behind = self.image_columns, slice(self.image_rows.stop, None)
        parts = {
            "prescan": (slice(None), slice(0, image.start)),
            "overscan": (slice(None), self.overscan_columns),
            "parallel_overscan": (behind, image),
        }
        if what not in parts:
            raise UsageError(
                f"geometry: no part {what!r} of a file, {nearest(what, (*parts, 'sensor', 'lit', 'telemetry'))}"
            )
        clocked = np.zeros(self.clocked_shape, bool)
        clocked[:, *parts[what]] = True
        return self.unclock(clocked)

    def _pieces(self, i: int) -> list[tuple[slice, Section]]:
        """List the parts of amplifier `i`: its clocked columns, and the section of the file that holds them."""
        amplifier = self.amplifiers[i]
        if amplifier.image_at is None:
            return [(slice(None), self._mosaic_section(amplifier))]
        parts = [
            (slice(0, self.prescan), amplifier.prescan_at),
            (self.image_columns, amplifier.image_at),
            (self.overscan_columns, amplifier.overscan_at),
        ]
        return [(columns, where) for columns, where in parts if where is not None]

    def _mosaic_section(self, amplifier: Amplifier) -> Section:
        rows, columns = self.image_shape
        _, height, width = self.clocked_shape
        row, column = amplifier.rows[0] // rows * height, amplifier.columns[0] // columns * width
        return Section((row, row + height), (column, column + width))

    def _mosaic_shape(self) -> tuple[int, int]:
        down, across = (whole // one for whole, one in zip(self.shape, self.image_shape, strict=True))
        return down * self.clocked_shape[1], across * self.clocked_shape[2]

    # -- checks ------------------------------------------------------------------------------------------------

    def _refuse_bad_cover(self) -> None:
        for amplifier in self.amplifiers:
            if amplifier.section.shape != self.image_shape:
                raise UsageError(
                    f"geometry: amplifier {amplifier.name!r} has {amplifier.section.shape} pixels, "
                    f"the first {self.image_shape}"
                )
        rows, columns = self._cuts(0), self._cuts(1)
        times_read = np.zeros(
            (len(rows) - 1, len(columns) - 1), int
        )  # of each block between cuts: all its pixels alike
        for amplifier in self.amplifiers:
            down, across = np.searchsorted(rows, amplifier.rows), np.searchsorted(columns, amplifier.columns)
            times_read[slice(*down), slice(*across)] += 1
        if (times_read != 1).any():
            i, j = np.argwhere(times_read != 1)[0]
            raise UsageError(
                f"geometry: sensor pixel ({rows[i]}, {columns[j]}) is read by {times_read[i, j]} amplifiers, "
                f"each pixel of {self.shape} must be read once"
            )

    def _cuts(self, axis: int) -> NDArray[np.intp]:
        """Return where, along the rows or the columns of the sensor, an amplifier begins or ends."""
        ends = [end for a in self.amplifiers for end in (a.rows, a.columns)[axis]]
        return np.unique(np.clip([0, self.shape[axis], *ends], 0, self.shape[axis]))

    def _refuse_bad_pieces(self) -> None:
        for i, amplifier in enumerate(self.amplifiers):
            for columns, where in self._pieces(i):
                width = len(range(*columns.indices(self.clocked_shape[2])))
                if where.shape != (self.clocked_shape[1], width):
                    raise UsageError(
                        f"geometry: amplifier {amplifier.name!r}: {where.to_iraf()} has shape {where.shape}, "
                        f"its pixels {(self.clocked_shape[1], width)}"
                    )
                if where.rows[1] > self.file_shape[0] or where.columns[1] > self.file_shape[1]:
                    raise UsageError(
                        f"geometry: amplifier {amplifier.name!r}: {where.to_iraf()} is outside {self.file_shape}"
                    )

    def _refuse_bad_border(self) -> None:
        bottom, top, left, right = self._border
        if bottom + top > self.shape[0] or left + right > self.shape[1]:
            raise UsageError(f"geometry: a border of {self._border} is wider than {self.shape}")
        if self.telemetry and not _is_span(self.telemetry, self.file_shape[0]):
            raise UsageError(f"geometry: telemetry rows {self.telemetry} are not rows of a file of {self.file_shape}")
        if self.telemetry and (self.in_file("telemetry") & self.in_file("lit")).any():
            raise UsageError(f"geometry: telemetry rows {self.telemetry} cut the image area")

    # -- TOML --------------------------------------------------------------------------------------------------

    @classmethod
    def from_table(cls, table: Mapping[str, Any]) -> Geometry:
        """Build from the ``[geometry]`` table of a detector file."""
        known = {*_NUMBERS, *_SPANS, "amplifier"}
        _refuse_unknown("geometry", table, known)
        if "shape" not in table:
            raise UsageError("geometry: 'shape' is missing (rows and columns of the sensor)")
        amplifiers = tuple(_amplifier(entry) for entry in table.get("amplifier", ()))
        given: dict[str, Any] = {k: _integers(f"geometry.{k}", table[k]) for k in _SPANS if k in table}
        given |= {k: int(table[k]) for k in _NUMBERS if k in table}
        return cls(amplifiers=amplifiers, **given)

    def to_table(self) -> dict[str, Any]:
        """Write the ``[geometry]`` table of a detector file."""
        table: dict[str, Any] = {"shape": list(self.shape)}
        table |= {k: getattr(self, k) for k in _NUMBERS if getattr(self, k)}
        table |= {k: list(getattr(self, k)) for k in ("reference", "shielded", "telemetry") if any(getattr(self, k))}
        if self.file_shape != self._mosaic_shape():
            table["file_shape"] = list(self.file_shape)
        return table | {"amplifier": [_amplifier_table(a) for a in self.amplifiers]}


def _is_span(rows: tuple[int, ...], end: int) -> bool:
    return len(rows) == 2 and 0 <= rows[0] < rows[1] <= end


_SECTIONS = ("prescan_at", "image_at", "overscan_at")
_NUMBERS = ("prescan", "overscan", "parallel_overscan")
_SPANS = ("shape", "reference", "shielded", "file_shape", "telemetry")


def _amplifier(entry: Mapping[str, Any]) -> Amplifier:
    _refuse_unknown("geometry.amplifier", entry, {"name", "rows", "columns", "corner", *_SECTIONS})
    missing = {"name", "rows", "columns"} - set(entry)
    if missing:
        raise UsageError(f"geometry.amplifier: {sorted(missing)} missing")
    sections = {k: Section.from_iraf(entry[k]) for k in _SECTIONS if k in entry}
    return Amplifier(
        str(entry["name"]),
        _integers("rows", entry["rows"]),
        _integers("columns", entry["columns"]),
        entry.get("corner", "lower left"),
        **sections,
    )


def _amplifier_table(amplifier: Amplifier) -> dict[str, Any]:
    table: dict[str, Any] = {
        "name": amplifier.name,
        "rows": list(amplifier.rows),
        "columns": list(amplifier.columns),
        "corner": amplifier.corner,
    }
    return table | {k: getattr(amplifier, k).to_iraf() for k in _SECTIONS if getattr(amplifier, k) is not None}


def _integers(name: str, values: Sequence[Any]) -> Any:
    if isinstance(values, str) or not all(isinstance(v, int) and not isinstance(v, bool) and v >= 0 for v in values):
        raise UsageError(f"{name} is {values!r}, it must be a list of whole numbers")
    return tuple(values)


def _refuse_unknown(where: str, table: Mapping[str, Any], known: set[str]) -> None:
    for key in table:
        if key not in known:
            raise UsageError(f"{where}: unknown key {key!r}, {nearest(key, known)}")
