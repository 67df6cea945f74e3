"""FITS out: the same input gives the same bytes, with both checksums and no time stamp."""

from __future__ import annotations

import io
import os
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from obverse.errors import UsageError
from obverse.io.cards import Card, fits_header, quiet
from obverse.io.door import Hdu, open_fits
from obverse.io.publish import Buffer, publish_all
from obverse.io.scan import BLOCK

__all__ = ["STRUCTURAL", "is_structural", "write_fits", "write_fits_all"]

_PIXELS = ("u1", "i1", "u2", "i2", "u4", "i4", "u8", "i8", "f4", "f8")
_COLUMNS = ("u1", "i2", "i4", "i8", "f4", "f8")
_NUMBERED = ("NAXIS", "TTYPE", "TFORM", "TSCAL", "TZERO", "TNULL", "TDIM")

STRUCTURAL = frozenset(
    ("SIMPLE", "XTENSION", "BITPIX", "NAXIS", "EXTEND", "PCOUNT", "GCOUNT", "GROUPS", "BSCALE", "BZERO",
     "BLANK", "TFIELDS", "THEAP", "EXTNAME", "EXTVER", "CHECKSUM", "DATASUM", "END")
)  # fmt: skip
"""Keywords that the writer makes itself; those of a header given to it are left out."""


def write_fits(
    path: str | os.PathLike[str],
    hdus: Iterable[Hdu],
    *,
    overwrite: bool = False,
    inputs: Iterable[str | os.PathLike[str]] = (),
    checksums: bool = True,
) -> None:
    """Write units to a FITS file, atomically; the first holds an image or nothing.

    Parameters
    ----------
    path
        Name of the file; its directory exists (see `prepare_directory`).
    hdus
        Units in order. Structure, EXTNAME and EXTVER come from the data and names; the header gives the rest.
    overwrite, inputs
        See `obverse.io.publish.publish`.
    checksums
        False leaves CHECKSUM and DATASUM out, for programs that keep these cards and change the pixels.

    Raises
    ------
    DataError
        If the file exists, is an input, cannot be written, or does not read back.
    UsageError
        If an array cannot stand in FITS.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> from obverse.io.header import Header
    >>> path = Path(tempfile.mkdtemp()) / "ones.fits"
    >>> header = Header([Card("OBJECT", "M 13")])
    >>> write_fits(path, [Hdu(0, "PRIMARY", 1, header, np.ones((2, 3), "f4"))])
    >>> open_fits(path)[0].header["OBJECT"]
    'M 13'
    """
    write_fits_all({Path(path): hdus}, overwrite=overwrite, inputs=inputs, checksums=checksums)


def write_fits_all(
    files: Mapping[Path, Iterable[Hdu]],
    *,
    overwrite: bool = False,
    inputs: Iterable[str | os.PathLike[str]] = (),
    checksums: bool = True,
) -> None:
    """Write FITS files that belong together, all or none; see `write_fits` and `obverse.io.publish.publish_all`."""
    pieces = {path: _unit_bytes(hdus, checksums) for path, hdus in files.items()}
    publish_all(pieces, overwrite=overwrite, inputs=inputs, check=open_fits)


def _unit_bytes(hdus: Iterable[Hdu], checksums: bool) -> Iterator[Buffer]:
    """Yield the header and the data of each unit."""
    for i, hdu in enumerate(hdus):
        buffer = io.BytesIO()
        with quiet():
            _made(hdu, first=i == 0, checksums=checksums).writeto(buffer)
        yield buffer.getbuffer()[0 if i == 0 else BLOCK :]  # astropy puts an empty unit before an extension


def _made(hdu: Hdu, *, first: bool, checksums: bool) -> Any:
    """Make a unit of astropy; the comments of the checksums, where it writes the time, say what they are."""
    from astropy.io import fits

    is_table = hdu.data is not None and hdu.data.dtype.names is not None
    if first and is_table:
        raise UsageError("the first unit of a FITS file cannot hold a table, put one without data before it")
    kind = fits.PrimaryHDU if first else fits.BinTableHDU if is_table else fits.ImageHDU
    made = kind(_storable(hdu.data), fits_header([*_names(hdu, first), *_kept(hdu)]))
    if checksums:
        made.add_datasum(when="data unit checksum")
        made.add_checksum(when="HDU checksum", override_datasum=True)
    return made


def _storable(data: NDArray[Any] | None) -> NDArray[Any] | None:
    """Return a big-endian copy: astropy swaps the bytes of what it writes in place, and back."""
    if data is None:
        return None
    for name in data.dtype.names or ():
        column = data.dtype[name]
        if (column.base.str[1:] not in _COLUMNS and column.base.kind != "S") or len(column.shape) > 1:
            raise UsageError(f"column {name!r} of {column} cannot stand in FITS, convert it")
    if data.dtype.names is None and (data.dtype.str[1:] not in _PIXELS or 0 in data.shape):
        raise UsageError(f"an array of {data.dtype} and shape {data.shape} cannot stand in FITS, convert it")
    return np.ascontiguousarray(data, data.dtype.newbyteorder(">"))


def _names(hdu: Hdu, first: bool) -> list[Card]:
    nameless = not hdu.name or (first and hdu.name == "PRIMARY")
    return [] if nameless else [Card("EXTNAME", hdu.name), Card("EXTVER", hdu.version)]


def _kept(hdu: Hdu) -> list[Card]:
    return [card for card in hdu.header.cards if not is_structural(card.key)]


def is_structural(key: str) -> bool:
    """Say whether the writer makes this keyword itself."""
    head = key.rstrip("0123456789")
    return key in STRUCTURAL or (head != key and head in _NUMBERED)
