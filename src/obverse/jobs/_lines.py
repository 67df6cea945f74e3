"""Problems and warnings as single lines that name the file."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from pathlib import Path

from obverse.errors import ObverseWarning

__all__ = ["line", "lines"]


def line(path: Path | None, problem: BaseException | str) -> str:
    """Return one line that names the file, if it is about one."""
    text = " ".join(str(problem).split()) or type(problem).__name__
    return text if path is None or path.name in text else f"{path.name}: {text}"


def lines(path: Path | None, caught: Sequence[warnings.WarningMessage]) -> tuple[str, ...]:
    """Return our own warnings, a line each."""
    return tuple(line(path, str(w.message)) for w in caught if issubclass(w.category, ObverseWarning))
