"""Text that came out of a file, made safe: to print on one line, to name an exposure, to be a date."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from datetime import date, datetime
from pathlib import Path

__all__ = ["FETCH", "id_from_name", "printable", "read_date", "shown", "shown_path", "stem", "valid_id"]

FETCH = "fetch the file again"
"""What to do about a file that is damaged."""

_LONGEST = 60
_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}\Z")
_SUFFIXES = (".gz", ".fz", ".fits", ".fit", ".fts", ".asdf")
_OLD_DATE = re.compile(r"(\d\d)/(\d\d)/(\d\d)\Z")


def shown(value: object, longest: int = _LONGEST) -> str:
    r"""Write a value on one line, control characters as ``\x1b``, cut where it is very long.

    Examples
    --------
    >>> print(shown("\x1b[31mred"))
    \x1b[31mred
    """
    text = "".join(character if character.isprintable() else _escaped(character) for character in str(value))
    return text if len(text) <= longest else text[: longest - 3] + "..."


def shown_path(path: str | os.PathLike[str]) -> str:
    r"""Write the name of a file on one line, whatever bytes it has.

    Examples
    --------
    >>> print(shown_path("two\nlines.fits"))
    two\x0alines.fits
    """
    return shown(os.fsdecode(path), longest=4096)


def printable(text: str) -> str:
    r"""Write every character that is not printable ASCII, all that FITS knows, as an escape.

    Examples
    --------
    >>> print(printable("\x1b[31m é"))
    \x1b[31m \xe9
    """
    return "".join(c if " " <= c <= "~" else _escaped(c) for c in text)


def _escaped(character: str) -> str:
    code = ord(character)
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"


def valid_id(text: str) -> bool:
    """Say whether a text may name an exposure.

    Examples
    --------
    >>> valid_id("b27"), valid_id("../../etc"), valid_id("-rf")
    (True, False, False)
    """
    return bool(_ID.match(text)) and ".." not in text


def id_from_name(path: str | os.PathLike[str]) -> str:
    """Make an exposure's name of a file's name; what may not stand in it becomes ``_``.

    Examples
    --------
    >>> id_from_name("night 1/b27.fits.gz"), id_from_name("--help.fits")
    ('b27', 'help')
    """
    text = re.sub(r"[^A-Za-z0-9._-]|(?<=\.)\.", "_", stem(path)).lstrip("._-")[:64]
    return text or "exposure"


def stem(path: str | os.PathLike[str], levels: Iterable[str] = ()) -> str:
    """Return the name of a file without its directory, its ending, and one of `levels`, which say how far it had got.

    Examples
    --------
    >>> stem("night1/b27.FITS.gz"), stem("x_rateints.fits", ("_uncal", "_rateints"))
    ('b27', 'x')
    """
    name = Path(os.fsdecode(path)).name
    for suffix in _SUFFIXES:
        if name.lower().endswith(suffix):
            name = name[: -len(suffix)]
    return next((name.removesuffix(level) for level in levels if name.endswith(level)), name)


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
    old = _OLD_DATE.match(text)
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
