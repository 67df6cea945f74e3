"""Names of exposures: they become names of files, so nothing dangerous passes."""

from __future__ import annotations

import os
import re
from pathlib import Path

__all__ = ["id_from_name", "valid_id"]

_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}\Z")
_SUFFIXES = (".gz", ".fz", ".fits", ".fit", ".fts")


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
    name = Path(os.fsdecode(path)).name
    for suffix in _SUFFIXES:
        if name.lower().endswith(suffix):
            name = name[: -len(suffix)]
    text = re.sub(r"[^A-Za-z0-9._-]|(?<=\.)\.", "_", name).lstrip("._-")[:64]
    return text or "exposure"
