"""Header cards as plain values; astropy reads and writes them.

Three things are done here, because astropy loses something in them:

- Reading a text. astropy ends it at the first quote before a slash or a blank, even one of a doubled pair
  (``'5''/8   '`` is read as ``5'``), and drops the last character of a long text that ends in ``&``.
- Writing a text of more than one card. astropy may cut between the two quotes of a pair, and then each card
  alone, which is how other programs read them, ends too early.
- Writing a float. astropy cuts it to 20 characters: ``1.2345678901234567e-10`` loses its last digits.
"""

from __future__ import annotations

import math
import re
import warnings
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

from obverse.errors import UsageError
from obverse.io.text import printable, shown

__all__ = ["CARD", "COMMENTARY", "Card", "Malformed", "Value", "fits_header", "parse_cards", "quiet"]

CARD = 80
COMMENTARY = ("COMMENT", "HISTORY", "")

_PIECE = 67  # characters of a long text on one card, its quotes doubled; one more where it is the only card

_KEYWORD = re.compile(r"[A-Z0-9_-]{1,8}\Z")
_IMAGE = re.compile(rf".{{{CARD}}}(?:CONTINUE.{{{CARD - 8}}})*")  # a card, and those that continue it
_PLAIN = re.compile(
    r" *(?P<value>[TF]|[+-]?(?:0|[1-9]\d{0,17})(?:\.\d*)?(?:E[+-]?\d{1,2})?) *(?:/(?P<comment>[ -~]*))?\Z", re.ASCII
)
"""A logical value or a number as nearly everybody writes them, from the eleventh column; astropy knows all others."""
_TEXT = re.compile(r"\s*'((?:[^']|'')*)'\s*(?:/(.*))?\Z")


class Malformed(NamedTuple):
    """A value that is none of the types of FITS; whoever asks for it gets an error."""

    text: str


Value = str | int | float | bool | Malformed | None


class Card(NamedTuple):
    """A keyword, its value and its comment; commentary cards hold their text as the value."""

    key: str
    value: Value
    comment: str = ""


@contextmanager
def quiet() -> Iterator[None]:
    """Keep to itself what astropy has to say of a header; ours are the warnings about a file."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def parse_cards(block: str) -> list[Card]:
    """Read the cards of a header, long strings joined; blank cards are left out.

    Examples
    --------
    >>> parse_cards("GAIN    =                  1.9 / e-/ADU".ljust(80))
    [Card(key='GAIN', value=1.9, comment='e-/ADU')]
    """
    with quiet():
        return [_parsed(image) for image in _IMAGE.findall(block) if image.strip()]


def _parsed(image: str) -> Card:
    key = image[:8].rstrip().upper()
    is_long = key == "HIERARCH" and "=" in image[:CARD]
    if key in COMMENTARY:
        return Card(key, image[8:CARD].rstrip())
    if not is_long and not (image[8:10] == "= " and _KEYWORD.match(key)):
        return Card("COMMENT", image[:CARD].rstrip())
    return Card(" ".join(image[8:].partition("=")[0].split()) if is_long else key, *_value_and_comment(image))


def _value_and_comment(image: str) -> tuple[Value, str]:
    """Return what a text says, however many cards it takes; astropy knows all other values."""
    pieces: list[str] = []
    comment = ""
    for field in _fields(image):
        found = _TEXT.match(field)
        if not found or (pieces and not pieces[-1].endswith("&")):
            break
        pieces[-1:] = [piece[:-1] for piece in pieces[-1:]]
        pieces.append(found[1].replace("''", "'").rstrip())
        comment = (found[2] or "").strip()
    return ("".join(pieces), comment) if pieces else _scalar(image[:CARD])


def _fields(image: str) -> Iterator[str]:
    """Yield what stands after the keyword, then after each CONTINUE."""
    yield image[:CARD].partition("=")[2]
    for at in range(CARD, len(image), CARD):
        yield image[at + 8 : at + CARD]


def _scalar(image: str) -> tuple[Value, str]:
    found = _PLAIN.match(image, 10) if image[8:10] == "= " else None
    if found:  # astropy takes 80 us for each: half of the time that small files take
        return _plain(found), found["comment"].strip(" ") if found["comment"] else ""
    from astropy.io import fits  # here and below, not above: it takes 0.3 s to import

    card = fits.Card.fromstring(image)
    try:
        value, comment = card.rawvalue, card.comment
    except (fits.VerifyError, ValueError):
        value, comment = image, ""
    if isinstance(value, bool | int | float):
        return value, comment
    text = image.partition("=")[2].partition("/")[0].strip()
    return Malformed(text) if text else None, comment


def _plain(found: re.Match[str]) -> Value:
    text: str = found["value"]
    if text in "TF":
        return text == "T"
    return int(text) if text.lstrip("+-").isdigit() else float(text)


def fits_header(cards: Iterable[Card]) -> Any:
    """Make a header of astropy; raises UsageError where a value cannot stand in one.

    Examples
    --------
    >>> fits_header([Card("GAIN", 1.9, "electron/DN")]).tostring(padding=False, endcard=False).rstrip()
    'GAIN    =                  1.9 / electron/DN'
    """
    from astropy.io import fits

    with quiet():
        return fits.Header([_made(card) for card in cards])


def _made(card: Card) -> Any:
    from astropy.io import fits

    standard = card.key in COMMENTARY or _KEYWORD.match(card.key)
    key, head = (card.key, f"{card.key:8}= ") if standard else (f"HIERARCH {card.key}", f"HIERARCH {card.key} = ")
    value = printable(card.value) if isinstance(card.value, str) else card.value
    try:
        if isinstance(value, float):
            return fits.Card.fromstring(_float_image(head, value, printable(card.comment)))
        if isinstance(value, str) and card.key not in COMMENTARY and _is_long(value):
            return fits.Card.fromstring(_text_image(head, value))
        made = fits.Card(key, None if isinstance(value, Malformed) else value, printable(card.comment))
        if len(str(made)) > CARD and card.key not in COMMENTARY:
            raise ValueError("its name is too long")
    except ValueError as problem:
        raise UsageError(f"{card.key}: {shown(card.value)} does not fit a FITS card, {problem}") from None
    return made


def _float_image(head: str, value: float, comment: str) -> str:
    """Write the shortest text that reads back as the same number."""
    if not math.isfinite(value):
        raise ValueError("leave the keyword out")
    text = f"{head}{repr(float(value)).upper():>20}"
    if len(text) > CARD:
        raise ValueError("its name is too long")
    return f"{text} / {comment}"[:CARD] if comment else text


def _is_long(text: str) -> bool:
    return len(text) + text.count("'") > _PIECE + 1


def _text_image(head: str, text: str) -> str:
    """Write a long text, without a comment."""
    if len(head) > 10:
        raise ValueError("its name is too long")
    pieces = list(_pieces(text.replace("'", "''")))
    heads = [head, *["CONTINUE  "] * (len(pieces) - 1)]
    ends = [*["&'"] * (len(pieces) - 1), "'"]
    return "".join(f"{h}'{p}{e}".ljust(CARD) for h, p, e in zip(heads, pieces, ends, strict=True))


def _pieces(quoted: str) -> Iterator[str]:
    """Cut a text, but never between the two quotes of a pair."""
    start = 0
    while start < len(quoted):
        piece = quoted[start : start + _PIECE]
        if (len(piece) - len(piece.rstrip("'"))) % 2:
            piece = piece[:-1]
        yield piece
        start += len(piece)
