"""Text that came out of a file, made safe to print: one line, no control characters."""

from __future__ import annotations

import os

__all__ = ["FETCH", "shown", "shown_path"]

FETCH = "fetch the file again"
"""What to do about a file that is damaged."""

_LONGEST = 60


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


def _escaped(character: str) -> str:
    code = ord(character)
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"
