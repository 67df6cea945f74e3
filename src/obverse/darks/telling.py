"""Warnings of the darks, which point to who called them."""

from __future__ import annotations

import sys
import warnings

from obverse.errors import ObverseWarning

__all__ = ["warn"]

_HERE = __name__.rpartition(".")[0]


def warn(message: str) -> None:
    """Warn; the line that is shown is the one outside of this package, however deep the warning comes from."""
    level = 1
    while _is_ours(level):
        level += 1
    warnings.warn(message, ObverseWarning, stacklevel=level + 1)


def _is_ours(level: int) -> bool:
    """Whether the frame so far above the caller is of this package; past the last there is nobody to blame."""
    try:
        name = str(sys._getframe(level + 1).f_globals.get("__name__", ""))
    except ValueError:
        return False
    return name == _HERE or name.startswith(f"{_HERE}.")
