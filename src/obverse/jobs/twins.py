"""Two files that would write one product are refused before any work."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from obverse import io
from obverse.errors import UsageError

__all__ = ["refuse_twins"]


def refuse_twins(paths: Sequence[Path], *, own: bool) -> None:
    """Refuse two files that would write one product, by their names and the headers of those that look alike.

    Parameters
    ----------
    paths
        Raw files.
    own
        Whether they may become files of ours.
    """
    if not paths:
        raise UsageError("no files to calibrate: name at least one")
    alike: dict[str, list[Path]] = {}
    for path in paths:
        alike.setdefault(io.bare_name(path).lower(), []).append(path)
    for group in alike.values():
        if len(group) > 1:
            _refuse_one_product(group, own)


def _refuse_one_product(group: Sequence[Path], own: bool) -> None:
    seen: dict[str, Path] = {}
    for path, name in [(each, name) for each in group for name in _products(each, own)]:
        other = seen.setdefault(name.lower(), path)
        if other is not path:
            raise UsageError(f"{other} and {path} would both write {name}: calibrate them into different directories")


def _products(path: Path, own: bool) -> list[str]:
    """Return what a file may be made into; one that is not calibrated to the end may become a file of ours."""
    dialect = io.dialect_of(path)
    writers = [dialect, *([io.OWN] if own else [])]
    return [name for writer in writers for name in writer.product_names(dialect.stem(path))]
