"""A header that validates what is asked of it: every wrong keyword is one line that says what to do."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Generic, TypeVar

from obverse.errors import DataError, nearest
from obverse.io.cards import COMMENTARY, Card, Malformed, Value
from obverse.io.regions import Section
from obverse.io.text import read_date, shown

__all__ = ["REQUIRED", "Header"]


class _Required:
    """The default that says: there is none."""


REQUIRED = _Required()

D = TypeVar("D")  # the type of a default; none where the keyword is required


@dataclass(frozen=True)
class _Default(Generic[D]):
    """What was found is nothing, so this counts."""

    value: D


class Header(Mapping[str, Value]):
    """The cards of one header, read-only, with getters that check type and range.

    A keyword that stands twice with two values has no value: asking for it is an error, until
    `first_of` says that the first one counts.

    Parameters
    ----------
    cards
        The cards, in order.
    file, hdu
        Names for the messages.

    Raises
    ------
    DataError
        From the getters, where a keyword is missing, ambiguous, of the wrong type or out of range.

    Examples
    --------
    >>> header = Header([Card("GAIN", 1.9), Card("EXPTIME", -3)], file="a.fits", hdu="PRIMARY")
    >>> header.number("GAIN", positive=True)
    1.9
    >>> header.number("EXPTIME", least=0)
    Traceback (most recent call last):
    obverse.errors.DataError: a.fits: PRIMARY/EXPTIME: -3 is less than 0, correct it with --set EXPTIME=VALUE
    """

    def __init__(self, cards: Iterable[Card], file: str = "header", hdu: str = "PRIMARY") -> None:
        self.cards = tuple(cards)
        self.file = file
        self.hdu = hdu
        self._values: dict[str, list[Value]] = {}
        for card in self.cards:
            if card.key not in COMMENTARY:
                _add(self._values.setdefault(card.key, []), card.value)

    def __getitem__(self, key: str) -> Value:
        values = self._values[key]
        if len(values) > 1:
            raise self.error(key, f"stands twice, as {_both(values)}", f"choose with --set {key}=VALUE")
        return values[0]

    def __contains__(self, key: object) -> bool:
        return key in self._values

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def __repr__(self) -> str:
        return f"<Header {self.hdu} of {self.file}: {len(self)} keywords>"

    @property
    def ambiguous(self) -> tuple[str, ...]:
        """Keywords that stand twice with two values."""
        return tuple(key for key, values in self._values.items() if len(values) > 1)

    def error(self, key: str, what: str, remedy: str) -> DataError:
        """Make the one-line error for a keyword of this header."""
        return DataError(f"{self.file}: {self.hdu}/{key}: {what}, {remedy}")

    def named(self, file: str, hdu: str) -> Header:
        """Return the same header under other names."""
        return Header(self.cards, file, hdu)

    def first_of(self, keys: Iterable[str]) -> Header:
        """Return a header in which, of `keys` that stand twice, the first one counts.

        Examples
        --------
        >>> Header([Card("OBSTYPE", "DARK"), Card("OBSTYPE", 0)]).first_of(["OBSTYPE"])["OBSTYPE"]
        'DARK'
        """
        wanted, seen, kept = set(keys), set(), []
        for card in self.cards:
            if not (card.key in wanted and card.key in seen):
                kept.append(card)
            seen.add(card.key)
        return Header(kept, self.file, self.hdu)

    def with_values(self, values: Mapping[str, str]) -> Header:
        """Return a header in which ``--set KEY=VALUE`` has replaced or added values.

        Examples
        --------
        >>> Header([]).with_values({"GAIN": "1.8"}).number("GAIN")
        1.8
        """
        kept = [card for card in self.cards if card.key not in values]
        made = [Card(key, _from_text(text), "set by the user") for key, text in values.items()]
        return Header([*kept, *made], self.file, self.hdu)

    def number(
        self,
        key: str,
        default: D | _Required = REQUIRED,
        *,
        positive: bool = False,
        least: float | None = None,
    ) -> float | D:
        """Return a finite number; `default` where it is missing, an error where there is no default."""
        value = self._found(key, default)
        if isinstance(value, _Default):
            return value.value
        if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
            raise self._wrong(key, f"{_said(value)} is not a finite number")
        if positive and not value > 0:
            raise self._wrong(key, f"{value} is not positive")
        if least is not None and value < least:
            raise self._wrong(key, f"{value} is less than {least}")
        return float(value)

    def integer(
        self,
        key: str,
        default: D | _Required = REQUIRED,
        *,
        least: int | None = None,
        most: int | None = None,
    ) -> int | D:
        """Return a whole number, within bounds where they are given."""
        value = self._found(key, default)
        if isinstance(value, _Default):
            return value.value
        if isinstance(value, bool) or not isinstance(value, int):
            raise self._wrong(key, f"{_said(value)} is not a whole number")
        if least is not None and value < least:
            raise self._wrong(key, f"{value} is less than {least}")
        if most is not None and value > most:
            raise self._wrong(key, f"{value} is more than {most}")
        return value

    def text(self, key: str, default: D | _Required = REQUIRED) -> str | D:
        """Return a text, stripped; numbers and logicals are refused."""
        value = self._found(key, default)
        if isinstance(value, _Default):
            return value.value
        if not isinstance(value, str):
            raise self._wrong(key, f"{_said(value)} is not a text")
        return value.strip()

    def flag(self, key: str, default: D | _Required = REQUIRED) -> bool | D:
        """Return a logical value, T or F."""
        value = self._found(key, default)
        if isinstance(value, _Default):
            return value.value
        if not isinstance(value, bool):
            raise self._wrong(key, f"{_said(value)} is neither T nor F")
        return value

    def date(self, key: str, default: D | _Required = REQUIRED) -> str | D:
        """Return a date, or a date and time, in ISO format."""
        text = self.text(key, default)
        if not isinstance(text, str):
            return text
        try:
            return read_date(text)
        except ValueError as problem:
            raise self._wrong(key, str(problem)) from None

    def section(
        self, key: str, default: D | _Required = REQUIRED, *, shape: tuple[int, int] | None = None
    ) -> Section | D:
        """Return an IRAF section ``[x1:x2,y1:y2]`` as rows and columns, inside `shape` where it is given."""
        value = self._found(key, default)
        if isinstance(value, _Default):
            return value.value
        try:
            return Section.parse(shown(value)).within(shape)
        except ValueError as problem:
            raise self._wrong(key, str(problem)) from None

    def _found(self, key: str, default: D | _Required) -> Value | _Default[D]:
        value = self.get(key)
        if value is not None:
            return value
        if isinstance(default, _Required):
            near = nearest(key, self._values) if self._values else ""
            hint = f" ({near})" if near.startswith("did") else ""
            raise self.error(key, f"missing{hint}", f"give it with --set {key}=VALUE")
        return _Default(default)

    def _wrong(self, key: str, what: str) -> DataError:
        return self.error(key, what, f"correct it with --set {key}=VALUE")


def _add(values: list[Value], value: Value) -> None:
    """Remember two different values at most: a third says nothing new, and would cost quadratic time."""
    if len(values) < 2 and not any(_same(value, old) for old in values):
        values.append(value)


def _same(one: Value, other: Value) -> bool:
    return isinstance(one, bool) == isinstance(other, bool) and one == other


def _both(values: list[Value]) -> str:
    return " and ".join(_said(value) for value in values[:2])


def _said(value: object) -> str:
    return shown(repr(value.text) if isinstance(value, Malformed) else repr(value))


def _from_text(text: str) -> Value:
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text
