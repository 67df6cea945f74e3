"""FITS out: the same input gives the same bytes, with both checksums and no time stamp."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator

import numpy as np
from numpy.typing import NDArray

from obverse.io import checksum
from obverse.io.cards import CARD, COMMENTARY, Card, format_card
from obverse.io.door import Hdu, open_fits
from obverse.io.pixels import encoded
from obverse.io.publish import Buffer, publish
from obverse.io.scan import padded
from obverse.io.tables import table_bytes

__all__ = ["STRUCTURAL", "hdu_bytes", "header_bytes", "is_structural", "write_fits"]

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
    pieces = (piece for i, hdu in enumerate(hdus) for piece in hdu_bytes(hdu, first=i == 0))
    publish(path, pieces, overwrite=overwrite, inputs=inputs, check=open_fits)


def hdu_bytes(hdu: Hdu, *, first: bool) -> Iterator[Buffer]:
    """Yield the header and the data of one unit, each padded to whole blocks."""
    raw, structure, more = _structure(hdu.data)
    cards = [_opening(hdu.data, first), *structure, *_groups(first), *more, *_names(hdu, first), *_kept(hdu)]
    data_sum = checksum.ones_sum(raw)
    yield _with_checksum(cards, data_sum)
    yield memoryview(raw.data)
    yield b"\0" * (padded(len(raw)) - len(raw))


def header_bytes(cards: Iterable[Card]) -> bytes:
    """Write cards and END, padded to whole blocks."""
    text = b"".join(format_card(card) for card in cards) + b"END".ljust(CARD)
    return text.ljust(padded(len(text)))


def _opening(data: NDArray[np.generic] | None, first: bool) -> Card:
    if first:
        return Card("SIMPLE", True, "conforms to FITS standard 4.0")
    return Card("XTENSION", "BINTABLE" if _is_table(data) else "IMAGE")


def _is_table(data: NDArray[np.generic] | None) -> bool:
    return data is not None and data.dtype.names is not None


def _structure(data: NDArray[np.generic] | None) -> tuple[NDArray[np.uint8], list[Card], list[Card]]:
    """Return the bytes of the data, the cards of their layout, and the cards that may follow the names."""
    if data is None:
        return np.empty(0, np.uint8), [Card("BITPIX", 8), Card("NAXIS", 0)], []
    if _is_table(data):
        raw, columns = table_bytes(data)
        return raw, _layout(8, (len(data), data.dtype.itemsize)), columns
    raw, bits, offset = encoded(data)
    return raw, _layout(bits, data.shape), offset


def _layout(bits: int, shape: tuple[int, ...]) -> list[Card]:
    lengths = [Card(f"NAXIS{i + 1}", int(n)) for i, n in enumerate(reversed(shape))]
    return [Card("BITPIX", bits), Card("NAXIS", len(shape)), *lengths]


def _groups(first: bool) -> list[Card]:
    return [Card("EXTEND", True)] if first else [Card("PCOUNT", 0), Card("GCOUNT", 1)]


def _names(hdu: Hdu, first: bool) -> list[Card]:
    nameless = not hdu.name or (first and hdu.name == "PRIMARY")
    return [] if nameless else [Card("EXTNAME", hdu.name), Card("EXTVER", hdu.version)]


def _kept(hdu: Hdu) -> list[Card]:
    return [card for card in hdu.header.cards if not is_structural(card.key)]


def is_structural(key: str) -> bool:
    """Say whether the writer makes this keyword itself."""
    head = key.rstrip("0123456789")
    return key in STRUCTURAL or (head != key and head in _NUMBERED)


def _with_checksum(cards: list[Card], data_sum: int) -> bytes:
    """Write the header so that the whole unit adds up to all ones; without a time, so that bytes repeat."""
    head = [card for card in cards if card.key not in COMMENTARY]
    tail = [card for card in cards if card.key in COMMENTARY]
    sums = [
        Card("DATASUM", str(data_sum), "data unit checksum"),
        Card("CHECKSUM", checksum.BLANK, "HDU checksum"),
    ]
    text = header_bytes([*head, *sums, *tail])
    total = checksum.fold(data_sum + checksum.ones_sum(np.frombuffer(text, np.uint8)))
    return text.replace(f"'{checksum.BLANK}'".encode(), f"'{checksum.encode(total)}'".encode(), 1)
