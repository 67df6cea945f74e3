"""Binary tables of fixed-width columns to and from numpy records."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
from numpy.typing import NDArray

from obverse.errors import DataError, UsageError
from obverse.io.cards import Card
from obverse.io.header import Header
from obverse.io.pixels import TYPES
from obverse.io.text import FETCH

__all__ = ["check_heap", "table_bytes", "table_columns", "table_dtype"]

_TFORM = re.compile(r"(\d{0,9})([LXBIJKAEDCMPQ])(.*)\Z")
_TYPES = {
    "L": "S1", "X": "u1", "B": "u1", "I": ">i2", "J": ">i4", "K": ">i8",
    "E": ">f4", "D": ">f8", "C": ">c8", "M": ">c16", "P": ">i4", "Q": ">i8",
}  # fmt: skip
_LETTERS = {"u1": "B", "i2": "I", "i4": "J", "i8": "K", "f4": "E", "f8": "D"}
_ELEMENT = {"L": 1, "X": 1, "B": 1, "I": 2, "J": 4, "K": 8, "A": 1, "E": 4, "D": 8, "C": 8, "M": 16}


def table_dtype(header: Header) -> np.dtype[Any]:
    """Return the record of a table; columns of variable length stay pairs (count, offset) into the heap.

    Raises
    ------
    DataError
        If a column's form cannot be read, or the columns do not fill the row.
    """
    n = header.integer("TFIELDS", least=0, most=999)
    names = _distinct([header.text(f"TTYPE{i + 1}", f"col{i + 1}") or f"col{i + 1}" for i in range(n)])
    dtype = np.dtype([(name, *_column(header, i + 1)) for i, name in enumerate(names)])
    if dtype.itemsize != header.integer("NAXIS1"):
        what = f"{header['NAXIS1']} bytes a row, the columns fill {dtype.itemsize}"
        raise header.error("NAXIS1", what, FETCH)
    return dtype


def _column(header: Header, i: int) -> tuple[Any, ...]:
    count, letter, _ = _form(header, i)
    if letter == "A":
        return (f"S{count}",)
    if letter == "X":
        return "u1", (-(-count // 8),)
    if letter in "PQ":
        return _TYPES[letter], (2 * count,)
    return (_TYPES[letter],) if count == 1 else (_TYPES[letter], (count,))


def _form(header: Header, i: int) -> tuple[int, str, str]:
    text = header.text(f"TFORM{i}")
    found = _TFORM.match(text)
    if not found or (found[2] in "PQ" and found[1] not in ("", "0", "1")):
        raise header.error(f"TFORM{i}", f"{text!r} is no form of a column", FETCH)
    return int(found[1] or 1), found[2], found[3]


def _distinct(names: list[str]) -> list[str]:
    return [name if names.index(name) == i else f"{name}_{i + 1}" for i, name in enumerate(names)]


def table_columns(header: Header, raw: NDArray[np.uint8], rows: int) -> NDArray[Any]:
    """Turn the bytes of a table into records in native order."""
    dtype = table_dtype(header)
    records = raw[: rows * dtype.itemsize].view(dtype) if dtype.itemsize else np.empty(rows, dtype)
    return records.astype(dtype.newbyteorder("="))


def check_heap(header: Header, records: NDArray[Any]) -> None:
    """Refuse descriptors that point outside the heap, before anybody follows them.

    Raises
    ------
    DataError
        If one does.
    """
    table = header.integer("NAXIS1") * header.integer("NAXIS2")
    gap = header.integer("THEAP", table, least=table) - table
    heap = header.integer("PCOUNT", 0) - gap
    for i, name in enumerate(records.dtype.names or ()):
        count, letter, rest = _form(header, i + 1)
        if letter in "PQ" and count and _outside(records[name], rest, heap):
            raise header.error(f"TFORM{i + 1}", "a descriptor points outside the heap", FETCH)


def _outside(pairs: NDArray[Any], rest: str, heap: int) -> bool:
    element = _ELEMENT.get(rest[:1], 1)
    return any(n < 0 or at < 0 or at + n * element > heap for n, at in pairs.tolist())


def table_bytes(records: NDArray[Any]) -> tuple[NDArray[np.uint8], list[Card]]:
    """Turn records into the bytes of a table and the cards that describe it."""
    cards, fields = [Card("TFIELDS", len(records.dtype.names or ()))], []
    for i, name in enumerate(records.dtype.names or ()):
        dtype = records.dtype[name]
        cards += [Card(f"TTYPE{i + 1}", name), Card(f"TFORM{i + 1}", _letter(name, dtype))]
        fields.append((name, dtype.newbyteorder(">")))
    return np.frombuffer(records.astype(fields).tobytes(), np.uint8), cards


def _letter(name: str, dtype: np.dtype[Any]) -> str:
    base, shape = dtype.subdtype or (dtype, (1,))
    if base.kind == "S":
        return f"{base.itemsize}A"
    letter = _LETTERS.get(base.str[1:])
    if letter is None or len(shape) != 1:
        raise UsageError(f"column {name!r} of {dtype} cannot stand in a FITS table, convert it")
    return f"{shape[0]}{letter}"


def compressed_shape(header: Header, max_bytes: int) -> tuple[int, ...]:
    """Return the shape that a tile-compressed image claims, refusing one of more than `max_bytes`."""
    axes = header.integer("ZNAXIS", least=1, most=8)
    shape = tuple(header.integer(f"ZNAXIS{axes - i}", least=1) for i in range(axes))
    bits = header.integer("ZBITPIX")
    size = abs(bits) // 8
    for length in shape:
        size *= length
    if bits not in TYPES or size > max_bytes:
        raise DataError(
            f"{header.file}: {header.hdu}/ZNAXIS: a compressed image claims {size} bytes, "
            f"more than max_bytes={max_bytes}, raise it to read"
        )
    return shape
