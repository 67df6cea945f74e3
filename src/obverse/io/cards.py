"""One header card both ways: 80 bytes of FITS to a keyword and its value, and back.

Reference: FITS standard 4.0, section 4 (headers) and 4.2.1.2 (long strings by CONTINUE).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from obverse.errors import UsageError
from obverse.io.text import shown

__all__ = ["CARD", "COMMENTARY", "Card", "Malformed", "Value", "format_card", "parse_cards"]

CARD = 80
COMMENTARY = ("COMMENT", "HISTORY", "")

_STRING = re.compile(r"\s*'((?:[^']|'')*)'\s*(?:/\s?(.*))?\Z", re.DOTALL)
_INTEGER = re.compile(r"[+-]?[0-9]+\Z")
_FLOAT = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[EeDd][+-]?[0-9]+)?\Z")
_KEYWORD = re.compile(r"[A-Z0-9_-]{1,8}\Z")
_PIECE = 67  # characters of a long string on one card


@dataclass(frozen=True)
class Malformed:
    """A value that is none of the types of FITS; whoever asks for it gets an error."""

    text: str


Value = str | int | float | bool | Malformed | None


@dataclass(frozen=True)
class Card:
    """A keyword, its value and its comment; commentary cards hold their text as the value."""

    key: str
    value: Value
    comment: str = ""


def parse_cards(block: bytes) -> list[Card]:
    """Read the cards of a header, long strings joined; blank cards are left out.

    Examples
    --------
    >>> parse_cards(b"GAIN    =                  1.9 / e-/ADU".ljust(80))
    [Card(key='GAIN', value=1.9, comment='e-/ADU')]
    """
    lines = [block[i : i + CARD].decode("latin-1") for i in range(0, len(block), CARD)]
    return [_parsed(line, rest) for line, rest in _joined(lines) if line.strip()]


def _joined(lines: list[str]) -> Iterator[tuple[str, list[str]]]:
    """Pair every card with the CONTINUE cards that follow it."""
    i = 0
    while i < len(lines):
        last = i + 1
        while last < len(lines) and lines[last].startswith("CONTINUE"):
            last += 1
        yield lines[i], lines[i + 1 : last]
        i = last


def _parsed(line: str, rest: list[str]) -> Card:
    key, field = _key_and_field(line)
    if field is None:
        return Card(key if key in COMMENTARY else "COMMENT", _clean(line[8:] if key in COMMENTARY else line))
    value, comment = _value(field)
    if rest and isinstance(value, str):
        value = _continued(value, rest)
    return Card(key, value, comment)


def _key_and_field(line: str) -> tuple[str, str | None]:
    key = line[:8].rstrip()
    if key == "HIERARCH" and "=" in line:
        long_key, _, field = line[8:].partition("=")
        return " ".join(long_key.split()), field
    if line[8:10] == "= " and _KEYWORD.match(key):
        return key, line[10:]
    return key, None


def _value(field: str) -> tuple[Value, str]:
    quoted = _STRING.match(field)
    if quoted:
        return _clean(quoted[1].replace("''", "'")), _clean(quoted[2] or "")
    body, _, comment = field.partition("/")
    return _scalar(body.strip()), _clean(comment.removeprefix(" "))


def _scalar(text: str) -> Value:
    if text in ("T", "F"):
        return text == "T"
    if _INTEGER.match(text):
        return int(text)
    if _FLOAT.match(text):
        return float(text.upper().replace("D", "E"))
    return Malformed(_clean(text)) if text else None


def _continued(value: str, rest: list[str]) -> Value:
    """Join a long string; a piece that ends in ``&`` says that another follows."""
    pieces = [value]
    for line in rest:
        more = _STRING.match(line[8:])
        if not (more and pieces[-1].endswith("&")):
            break
        pieces[-1] = pieces[-1][:-1]
        pieces.append(_clean(more[1].replace("''", "'")))
    return "".join(pieces)


def _clean(text: str) -> str:
    """Strip the padding and write every byte that is not printable ASCII as an escape."""
    text = text.rstrip()
    return text if text.isascii() and text.isprintable() else "".join(_ascii(c) for c in text)


def _ascii(character: str) -> str:
    return character if character.isascii() and character.isprintable() else f"\\x{ord(character):02x}"


def format_card(card: Card) -> bytes:
    """Write one card, or as many as its text needs.

    Examples
    --------
    >>> format_card(Card("GAIN", 1.9, "electron/DN")).rstrip()
    b'GAIN    =                  1.9 / electron/DN'
    """
    if card.key in COMMENTARY:
        return b"".join(_padded(f"{card.key:8}{piece}") for piece in _pieces(str(card.value), CARD - 8))
    head = f"{card.key:8}= " if _KEYWORD.match(card.key) else f"HIERARCH {card.key} = "
    value = _written(card.value)
    if len(head) + len(value) <= CARD:
        return _padded(_with_comment(head + value, card.comment))
    if not isinstance(card.value, str) or len(head) > 10:
        raise UsageError(f"{card.key}: {shown(card.value)} does not fit a FITS card, give it a shorter name")
    return _long_string(card.key, card.value)


def _written(value: Value) -> str:
    if isinstance(value, bool):
        return f"{'T' if value else 'F':>20}"
    if isinstance(value, int):
        return f"{value:>20}"
    if isinstance(value, float):
        return f"{_float(value):>20}"
    if isinstance(value, str):
        return f"{_quotes(value):20}"
    return ""


def _quotes(text: str) -> str:
    return f"'{_quoted(text):8}'"


def _float(value: float) -> str:
    """Write the shortest text that reads back as the same number."""
    if value != value or value in (float("inf"), float("-inf")):
        raise UsageError(f"{value} cannot stand in a FITS header, leave the keyword out")
    text = repr(float(value)).upper()
    return text if "." in text or "E" in text else text + "."


def _quoted(text: str) -> str:
    return _escaped(text).replace("'", "''")


def _escaped(text: str) -> str:
    return "".join(_ascii(character) for character in text)


def _with_comment(text: str, comment: str) -> str:
    room = CARD - len(text) - 3
    return f"{text} / {_escaped(comment)[:room]}" if comment and room > 0 else text


def _long_string(key: str, text: str) -> bytes:
    pieces = list(_pieces(text, _PIECE - 1, double_quotes=True))
    heads = [f"{key:8}= "] + ["CONTINUE  "] * (len(pieces) - 1)
    ends = ["&"] * (len(pieces) - 1) + [""]
    return b"".join(_padded(f"{h}'{p}{e}'") for h, p, e in zip(heads, pieces, ends, strict=True))


def _pieces(text: str, room: int, *, double_quotes: bool = False) -> Iterable[str]:
    """Cut a text into pieces of at most `room` characters, never between the two halves of a quote."""
    piece = ""
    for character in text:
        written = "''" if double_quotes and character == "'" else _ascii(character)
        if len(piece) + len(written) > room:
            yield piece
            piece = ""
        piece += written
    yield piece


def _padded(text: str) -> bytes:
    return text.ljust(CARD).encode("ascii")
