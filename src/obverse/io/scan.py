"""The bounded scan: what every unit of a FITS file claims to be, checked before any pixel is read."""

from __future__ import annotations

import math
import re
import warnings
from dataclasses import dataclass

from obverse.errors import DataError, ObverseWarning
from obverse.io.cards import CARD, parse_cards
from obverse.io.header import Header
from obverse.io.source import Source
from obverse.io.text import FETCH, printable

__all__ = ["BITPIX", "BLOCK", "MOST_AXES", "Unit", "padded", "scan"]

BLOCK = 2880
_MOST_CARDS = 100_000
_MANY_CARDS = 10_000
_LONG_TEXT = 1 << 16
_MOST_UNITS = 10_000
MOST_AXES = 8
BITPIX = (8, 16, 32, 64, -32, -64)
_FLOAT32_MAX = 3.4e38
_TABLES = ("BINTABLE", "TABLE")
_UNPRINTABLE = re.compile(rb"[^\x20-\x7e]")
_END = re.compile(rb"END(?![A-Z0-9_-])")


@dataclass(frozen=True)
class Unit:
    """One header-data unit: where it lies, and what its header claims.

    Parameters
    ----------
    kind
        ``"IMAGE"``, ``"BINTABLE"``, ``"TABLE"``, or whatever XTENSION says.
    name, version
        EXTNAME and EXTVER; the first unit is ``"PRIMARY"`` unless it has a name.
    shape
        Slowest axis first, as numpy counts; empty where there are no data.
    header_start, start, size
        Where the header and the data begin, and the bytes of data without padding.
    text
        The header up to END, every card 80 printable characters.
    """

    kind: str
    name: str
    version: int
    header: Header
    shape: tuple[int, ...]
    header_start: int
    start: int
    size: int
    text: str

    @property
    def end(self) -> int:
        """Where the padded data end."""
        return self.start + padded(self.size)


def padded(size: int) -> int:
    """Round up to whole blocks of 2880 bytes."""
    return -(-size // BLOCK) * BLOCK


def scan(source: Source, max_bytes: int) -> list[Unit]:
    """Read every header of a file and check what it claims against the file.

    Raises
    ------
    DataError
        If the file is no FITS file, is cut, holds two files, or a structural keyword is missing, ambiguous
        or absurd.
    """
    units: list[Unit] = []
    at = 0
    while not units or _another(source, at, units):
        unit = _unit(source, at, len(units))
        _refuse_claims(source, unit, max_bytes)
        units.append(unit)
        at = unit.end
    _refuse_twins(units, source.name)
    return units


def _another(source: Source, at: int, units: list[Unit]) -> bool:
    start = source.at(at, BLOCK)
    if start.startswith(b"XTENSION"):
        if len(units) >= _MOST_UNITS:
            raise DataError(f"{source.name}: file: more than {_MOST_UNITS} units, split it")
        return True
    if start.startswith(b"SIMPLE  ="):
        raise DataError(f"{source.name}: HDU {len(units)}: a second file is appended, ambiguous, split it")
    _judge_end(source, at, units[-1])
    return False


def _judge_end(source: Source, at: int, last: Unit) -> None:
    left = source.left(at)
    if left > 0:
        _judge_junk(source, left, last)
    elif left < 0:
        _warn(source, f"HDU {last.name}: the padding after the last data is missing, it was written badly")


def _judge_junk(source: Source, left: int, last: Unit) -> None:
    pixels = math.prod(last.shape) if last.shape and last.kind == "IMAGE" else 0
    if pixels and padded(last.size) + left in {padded(pixels * size) for size in (2, 4, 8)}:
        raise last.header.error("BITPIX", "the data are longer, as of another BITPIX", FETCH)
    if source.gzipped and left > BLOCK:
        raise DataError(f"{source.name}: file: inflates to more than its headers claim, fetch it again")
    _warn(source, f"HDU {last.name}: junk after the last data, it was left out")


def _unit(source: Source, at: int, index: int) -> Unit:
    label = f"HDU {index}"
    block, start = _header_bytes(source, at, label)
    text = _printable(block)
    header = Header(parse_cards(text), source.name, label)
    kind = _kind(header, index)
    name = (header.text("EXTNAME", None) or ("PRIMARY" if index == 0 else "")).upper()
    version = header.integer("EXTVER", 1)
    header = header.named(source.name, _label(name, version, index))
    _warn_of_oddities(source, header, block)
    shape, size = _claims(header, kind)
    return Unit(kind, name, version, header, shape, at, start, size, text)


def _label(name: str, version: int, index: int) -> str:
    if not name:
        return f"HDU {index}"
    return name if version == 1 else f"{name},{version}"


def _header_bytes(source: Source, at: int, label: str) -> tuple[bytes, int]:
    """Return the cards before END, and where the data begin."""
    blocks: list[bytes] = []
    while len(blocks) * BLOCK < _MOST_CARDS * CARD:
        block = source.at(at + len(blocks) * BLOCK, BLOCK)
        if not blocks and label == "HDU 0":
            _refuse_other_formats(block, source.name)
        if len(block) < BLOCK:
            raise DataError(f"{source.name}: {label}: the header is cut, END is missing, fetch the file again")
        blocks.append(block)
        end = _end_card(block)
        if end is not None:
            if block[end : end + CARD].rstrip() != b"END":
                raise DataError(f"{source.name}: {label}/END: something stands after it, {FETCH}")
            return b"".join(blocks)[: (len(blocks) - 1) * BLOCK + end], at + len(blocks) * BLOCK
    raise DataError(
        f"{source.name}: {label}: no END in {_MOST_CARDS} cards, the header is damaged, fetch the file again"
    )


def _end_card(block: bytes) -> int | None:
    return next((found.start() for found in _END.finditer(block) if found.start() % CARD == 0), None)


def _printable(block: bytes) -> str:
    """Write unprintable bytes as escapes; what is pushed beyond the end of its card is lost."""
    if not _UNPRINTABLE.search(block):
        return block.decode("ascii")
    cards = (block[i : i + CARD].decode("latin-1") for i in range(0, len(block), CARD))
    return "".join(printable(card.rstrip(" "))[:CARD].ljust(CARD) for card in cards)


def _refuse_other_formats(block: bytes, name: str) -> None:
    if not block:
        raise DataError(f"{name}: file: is empty, fetch it again")
    if not block.startswith(b"SIMPLE  ="):
        start = "".join(chr(byte) if 0x20 <= byte < 0x7F else f"\\x{byte:02x}" for byte in block[:16])
        raise DataError(f"{name}: file: is not FITS, it starts with '{start}', give a FITS file")


def _warn_of_oddities(source: Source, header: Header, block: bytes) -> None:
    if _UNPRINTABLE.search(block):
        _warn(source, f"{header.hdu}: unprintable bytes in the header are shown as \\x.., it was written badly")
    longest = max((len(card.value) for card in header.cards if isinstance(card.value, str)), default=0)
    if len(block) > _MANY_CARDS * CARD or longest > _LONG_TEXT:
        _warn(source, f"{header.hdu}: a header of {len(block)} bytes, something writes too much into it")


def _kind(header: Header, index: int) -> str:
    first = header.cards[0].key if header.cards else ""
    if first != ("XTENSION" if index else "SIMPLE"):
        raise header.error(first or "SIMPLE", "the header does not start as FITS does", FETCH)
    if index:
        return header.text("XTENSION").upper()
    if not header.flag("SIMPLE"):
        raise header.error("SIMPLE", "F, so this is not standard FITS", "convert it")
    return "IMAGE"


def _claims(header: Header, kind: str) -> tuple[tuple[int, ...], int]:
    """Return the shape and the bytes of data that a header claims, in integers that cannot overflow."""
    bitpix = header.integer("BITPIX")
    if bitpix not in BITPIX:
        raise header.error("BITPIX", f"{bitpix} is none of {BITPIX}", FETCH)
    axes = header.integer("NAXIS", least=0, most=MOST_AXES)
    lengths = [header.integer(f"NAXIS{i + 1}", least=0) for i in range(axes)]
    extra, groups = header.integer("PCOUNT", 0, least=0), header.integer("GCOUNT", 1, least=1)
    if kind == "IMAGE":
        _refuse_image(header, lengths, extra, groups)
    if kind in _TABLES and axes != 2:
        raise header.error("NAXIS", f"{axes} in a table", "it must be 2: fetch the file again")
    pixels = math.prod(lengths) if lengths else 0
    size = abs(bitpix) // 8 * groups * (extra + pixels) if lengths else 0
    return tuple(reversed(lengths)), size


def _refuse_image(header: Header, lengths: list[int], extra: int, groups: int) -> None:
    if header.flag("GROUPS", False) and lengths[:1] == [0]:
        raise header.error("GROUPS", "random groups are not read", "convert the file to images")
    if 0 in lengths:
        raise header.error(f"NAXIS{lengths.index(0) + 1}", "0, so there are no pixels", FETCH)
    if extra or groups != 1:
        raise header.error(
            "PCOUNT", f"{extra} with GCOUNT {groups} in an image", "it must be 0 and 1: fetch the file again"
        )
    scale, zero = header.number("BSCALE", 1), header.number("BZERO", 0)
    if scale == 0:
        raise header.error("BSCALE", "0 wipes out the pixels", FETCH)
    reach = 2.0 ** (abs(header.integer("BITPIX")) - 1) if header.integer("BITPIX") > 0 else 1.0
    if not abs(scale) * reach + abs(zero) < _FLOAT32_MAX:
        raise header.error("BSCALE", f"{scale:g} with BZERO {zero:g} leads to infinite pixels", FETCH)


def _refuse_claims(source: Source, unit: Unit, max_bytes: int) -> None:
    if unit.size > max_bytes:
        raise unit.header.error(
            "NAXIS", f"claims {unit.size} bytes, more than max_bytes={max_bytes}", "raise it to read"
        )
    source.claim(unit.start + unit.size)


def _refuse_twins(units: list[Unit], name: str) -> None:
    seen: dict[tuple[str, int], int] = {}
    for index, unit in enumerate(units):
        if unit.name and (unit.name, unit.version) in seen:
            other = seen[unit.name, unit.version]
            raise DataError(
                f"{name}: HDU {index}/EXTNAME: {unit.name},{unit.version} also names HDU {other}, "
                "which one counts is ambiguous, give them different EXTVER"
            )
        seen[unit.name, unit.version] = index


def _warn(source: Source, what: str) -> None:
    warnings.warn(f"{source.name}: {what}", ObverseWarning, stacklevel=2)
