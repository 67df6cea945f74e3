"""The safe FITS door: nothing is believed, and every problem is one line that says what to do.

Order: the file itself (regular, bounded), the headers (bounded, every claim checked against the file), the
checksums, and only then the pixels, in native byte order. Images and fixed-width tables are decoded here;
astropy is asked for tile-compressed images alone.
"""

from __future__ import annotations

import io
import os
import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from obverse.errors import ObverseError, ObverseWarning
from obverse.io import checksum
from obverse.io.cards import Card, format_card
from obverse.io.header import Header
from obverse.io.pixels import decoded
from obverse.io.scan import BLOCK, Unit, padded, scan
from obverse.io.source import GIB, Source, opened
from obverse.io.tables import check_heap, compressed_shape, table_columns
from obverse.io.text import FETCH

__all__ = ["MAX_BYTES", "Hdu", "open_fits", "scan_fits"]

MAX_BYTES = 16 * GIB
_ONES = 0xFFFFFFFF
_EMPTY = (Card("SIMPLE", True), Card("BITPIX", 8), Card("NAXIS", 0))
_NO_DATA = (b"".join(map(format_card, _EMPTY)) + b"END").ljust(BLOCK)


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
    pixels: bool = True,
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
        False reads and checks the headers alone.

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
        return tuple(
            _hdu(source, i, unit, max_bytes, ignore_checksum, pixels) for i, unit in enumerate(units)
        )


def scan_fits(path: str | os.PathLike[str], *, max_bytes: int = MAX_BYTES) -> tuple[Hdu, ...]:
    """Read the headers alone, with the same checks; `data` is None throughout."""
    return open_fits(path, max_bytes=max_bytes, pixels=False)


def _hdu(source: Source, index: int, unit: Unit, max_bytes: int, ignore_checksum: bool, pixels: bool) -> Hdu:
    data = _data(source, unit, max_bytes, ignore_checksum) if pixels else None
    return Hdu(index, unit.name, unit.version, unit.header, data)


def _data(source: Source, unit: Unit, max_bytes: int, ignore_checksum: bool) -> NDArray[Any] | None:
    raw = source.array(unit.start, unit.size)
    _verify(source, unit, raw, ignore_checksum)
    if not unit.size:
        return _empty(unit)
    if unit.kind == "IMAGE":
        return decoded(unit.header, raw, unit.shape)
    if unit.kind != "BINTABLE":
        return None
    records = table_columns(unit.header, raw, unit.shape[0])
    check_heap(unit.header, records)
    return _decompressed(source, unit, raw, max_bytes) if unit.header.flag("ZIMAGE", False) else records


def _empty(unit: Unit) -> NDArray[Any] | None:
    is_table = unit.kind == "BINTABLE"
    return table_columns(unit.header, np.empty(0, np.uint8), unit.shape[0]) if is_table else None


def _verify(source: Source, unit: Unit, raw: NDArray[np.uint8], ignore: bool) -> None:
    """Compare the sum of the data, then of the whole unit, where the header says them."""
    said, whole = unit.header.get("DATASUM"), unit.header.get("CHECKSUM")
    if said in (None, "") and whole in (None, ""):
        return
    data_sum = _data_sum(source, unit, raw)
    cards = np.frombuffer(source.at(unit.header_start, unit.start - unit.header_start), np.uint8)
    total = checksum.fold(data_sum + checksum.ones_sum(cards))
    if said not in (None, "") and str(said).strip() != str(data_sum):
        _mismatch(unit.header, "DATASUM", ignore)
    elif whole not in (None, "") and total not in (0, _ONES):
        _mismatch(unit.header, "CHECKSUM", ignore)


def _data_sum(source: Source, unit: Unit, raw: NDArray[np.uint8]) -> int:
    """Add up the data and their padding, without copying the data for the sake of the padding."""
    whole = unit.size // 4 * 4
    rest = source.at(unit.start + whole, padded(unit.size) - whole)
    return checksum.fold(checksum.ones_sum(raw[:whole]) + checksum.ones_sum(np.frombuffer(rest, np.uint8)))


def _mismatch(header: Header, key: str, ignore: bool) -> None:
    problem = header.error(key, "does not fit the bytes, fetch the file again", "or use --ignore-checksum")
    if not ignore:
        raise problem
    warnings.warn(str(problem), ObverseWarning, stacklevel=2)


def _decompressed(source: Source, unit: Unit, raw: NDArray[np.uint8], max_bytes: int) -> NDArray[Any]:
    """Ask astropy for a tile-compressed image whose claims and descriptors have been checked."""
    from astropy.io import fits  # here, not above: it takes 0.6 s to import, and few files are compressed

    shape = compressed_shape(unit.header, max_bytes)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            with fits.open(
                io.BytesIO(_standalone(source, unit, raw)), memmap=False, lazy_load_hdus=False
            ) as hdus:
                data = np.asarray(hdus[1].data)
    except ObverseError:
        raise
    except Exception as problem:  # noqa: BLE001 - whatever a decoder of hostile bytes throws is one line here
        what = f"cannot be decompressed ({type(problem).__name__})"
        raise unit.header.error("ZIMAGE", what, FETCH) from None
    if data.shape != shape:
        raise unit.header.error("ZNAXIS", f"claims {shape}, the pixels are {data.shape}", FETCH)
    return data.astype(data.dtype.newbyteorder("="))


def _standalone(source: Source, unit: Unit, raw: NDArray[np.uint8]) -> bytes:
    """Return a file of this unit alone."""
    header = source.at(unit.header_start, unit.start - unit.header_start)
    return _NO_DATA + header + raw.tobytes().ljust(padded(unit.size), b"\0")
