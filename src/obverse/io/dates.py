"""Dates as headers write them."""

from __future__ import annotations

import re
from datetime import date, datetime

__all__ = ["read_date"]

_OLD = re.compile(r"(\d\d)/(\d\d)/(\d\d)\Z")


def read_date(text: str) -> str:
    """Return a FITS date in ISO format; the old form ``31/12/99`` is read as 1999.

    Raises
    ------
    ValueError
        If there is no such day or time.

    Examples
    --------
    >>> read_date("31/12/99"), read_date("2015-05-20T04:37:33.12")
    ('1999-12-31', '2015-05-20T04:37:33.12')
    """
    old = _OLD.match(text)
    iso = f"19{old[3]}-{old[2]}-{old[1]}" if old else text.strip().removesuffix("Z")
    day, _, clock = iso.partition("T")
    try:
        date.fromisoformat(day)
        if clock:
            datetime.fromisoformat(f"{day}T{_whole_microseconds(clock)}")
    except ValueError:
        raise ValueError(f"{text!r} is no date (YYYY-MM-DD or YYYY-MM-DDThh:mm:ss)") from None
    return iso


def _whole_microseconds(clock: str) -> str:
    """Pad or cut the fraction of a second to the six digits that Python reads."""
    whole, dot, fraction = clock.partition(".")
    return f"{whole}.{(fraction + '000000')[:6]}" if dot else whole
