"""The safe FITS door: nothing is believed, and every problem is one line that says what to do.

Order: the file itself (regular, bounded), the headers (bounded, every claim checked against the file), the
checksums, and only then the pixels, in native byte order. astropy decodes; it is asked after the checks, and for
one unit at a time.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from obverse.errors import ObverseWarning
from obverse.io.header import Header
from obverse.io.pixels import image, table
from obverse.io.scan import Unit, scan
from obverse.io.source import GIB, Source, opened

__all__ = ["MAX_BYTES", "Hdu", "open_fits", "scan_fits"]

MAX_BYTES = 16 * GIB
_ONES = 0xFFFFFFFF


@dataclass(frozen=True, eq=False)
class Hdu:
    """One header-data unit.

    Parameters
    ----------
    index
        Its place in the file, from 0.
    name, version
        EXTNAME in capitals (``"PRIMARY"`` for a nameless first unit, ``""`` for others) and EXTVER.
    header
        Its keywords.
    data
        Pixels in native byte order, slowest axis first; records for a table; None where there are none.
    """

    index: int
    name: str
    version: int
    header: Header
    data: NDArray[Any] | None


def open_fits(
    path: str | os.PathLike[str],
    *,
    max_bytes: int = MAX_BYTES,
    ignore_checksum: bool = False,
    pixels: bool | Collection[str] = True,
) -> tuple[Hdu, ...]:
    """Read a FITS file, plain or gzip, that may come from anybody.

    Parameters
    ----------
    path
        A regular file; brackets in its name are part of its name.
    max_bytes
        The most that the file, inflated, may hold.
    ignore_checksum
        Turn a wrong DATASUM or CHECKSUM into a warning.
    pixels
        False reads and checks the headers alone; names are those of the units whose data are wanted.

    Raises
    ------
    DataError
        If the file cannot be trusted: ``<file>: <HDU/keyword>: <what>, <what to do>``.

    Examples
    --------
    >>> import tempfile, pathlib
    >>> from obverse.io.writer import write_fits
    >>> path = pathlib.Path(tempfile.mkdtemp()) / "zero.fits"
    >>> write_fits(path, [Hdu(0, "PRIMARY", 1, Header([]), np.zeros((2, 3), "u2"))])
    >>> open_fits(path)[0].data.dtype
    dtype('uint16')
    """
    with opened(path, max_bytes) as source:
        units = scan(source, max_bytes)
        return tuple(_hdu(source, i, unit, max_bytes, ignore_checksum, pixels) for i, unit in enumerate(units))


def scan_fits(path: str | os.PathLike[str], *, max_bytes: int = MAX_BYTES) -> tuple[Hdu, ...]:
    """Read the headers alone, with the same checks; `data` is None throughout."""
    return open_fits(path, max_bytes=max_bytes, pixels=False)


def _hdu(
    source: Source, index: int, unit: Unit, max_bytes: int, ignore_checksum: bool, pixels: bool | Collection[str]
) -> Hdu:
    wanted = pixels if isinstance(pixels, bool) else unit.name in pixels
    data = _data(source, unit, max_bytes, ignore_checksum) if wanted else None
    return Hdu(index, unit.name, unit.version, unit.header, data)


def _data(source: Source, unit: Unit, max_bytes: int, ignore_checksum: bool) -> NDArray[Any] | None:
    raw = source.at(unit.header_start, unit.end - unit.header_start).ljust(unit.end - unit.header_start, b"\0")
    _verify(unit, raw, ignore_checksum)
    if unit.kind == "BINTABLE":
        return table(unit, _with_printable_header(unit, raw), max_bytes)
    has_pixels = unit.kind == "IMAGE" and unit.size
    return image(unit, _with_printable_header(unit, raw)) if has_pixels else None


def _with_printable_header(unit: Unit, raw: bytes) -> bytes:
    header = unit.text.encode("ascii")
    return raw if raw.startswith(header) else header + raw[len(header) :]


def _verify(unit: Unit, raw: bytes, ignore: bool) -> None:
    """Compare the sum of the data, then of the whole unit, where the header says them."""
    said, whole = unit.header.get("DATASUM"), unit.header.get("CHECKSUM")
    if said in (None, "") and whole in (None, ""):
        return
    start = unit.start - unit.header_start
    data_sum = _sum(raw, start, len(raw))
    if said not in (None, "") and str(said).strip() != str(data_sum):
        _mismatch(unit.header, "DATASUM", ignore)
    elif whole not in (None, "") and (data_sum + _sum(raw, 0, start)) % _ONES:
        _mismatch(unit.header, "CHECKSUM", ignore)


def _sum(raw: bytes, start: int, end: int) -> int:
    """Let astropy add up the words between two places, in ones' complement.

    Not by verify_checksum: it writes the header anew, so it condemns units that have no DATASUM, or whose card
    CHECKSUM is laid out otherwise than its own.
    """
    from astropy.io import fits

    words = np.frombuffer(raw, ">i4", (end - start) // 4, start)
    return int(fits.ImageHDU(words).add_datasum(when="")) if end > start else 0


def _mismatch(header: Header, key: str, ignore: bool) -> None:
    problem = header.error(key, "does not fit the bytes, fetch the file again", "or use --ignore-checksum")
    if not ignore:
        raise problem
    warnings.warn(str(problem), ObverseWarning, stacklevel=2)
