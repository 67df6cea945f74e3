"""Tables and pictures in files that belong together, and the directory that they go to."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from obverse.errors import UsageError
from obverse.io.publish import prepare_directory, publish_all, refuse_targets

if TYPE_CHECKING:
    from astropy.table import Table

__all__ = ["NOWHERE", "Output", "drawn", "output_directory", "written"]

_FORMATS = {".ecsv": "ascii.ecsv", ".csv": "ascii.csv"}


@dataclass(frozen=True)
class Output:
    """Where a table goes, if anywhere; a picture goes beside it.

    Parameters
    ----------
    path
        Name of the table, ``.ecsv`` or ``.csv``; None writes nothing.
    overwrite
        Allow older files to be replaced.
    """

    path: Path | None = None
    overwrite: bool = False

    def __post_init__(self) -> None:
        if self.path is not None and self.path.suffix.lower() not in _FORMATS:
            raise UsageError(f"-o {self.path}: must end in .ecsv (with units and limits) or .csv")

    def refuse(self, *, picture: bool) -> None:
        """Refuse names that cannot be had, before the work."""
        if self.path is not None:
            names = [self.path, self.path.with_suffix(".png")] if picture else [self.path]
            refuse_targets(names, overwrite=self.overwrite)

    def write(self, table: Table, picture: Any = None) -> None:
        """Write the table, and the picture beside it: both or neither."""
        if self.path is None:
            return
        files = {self.path: [written(table, self.path)]}
        if picture is not None:
            files[self.path.with_suffix(".png")] = [drawn(picture)]
        publish_all(files, overwrite=self.overwrite)


NOWHERE = Output()
"""Nothing is written."""


def written(table: Table, path: Path) -> bytes:
    """Return a table as the text that the ending of its file asks for."""
    text = io.StringIO()
    table.write(text, format=_FORMATS[path.suffix.lower()])
    return text.getvalue().encode()


def drawn(picture: Any) -> bytes:
    """Return a figure as PNG; the same figure gives the same bytes."""
    made = io.BytesIO()
    picture.savefig(made, format="png", dpi=130, metadata={"Software": None})
    return made.getvalue()


@contextmanager
def output_directory(out: Path) -> Iterator[None]:
    """Make the output directory, and take away again what has stayed empty of what was made."""
    missing = [each for each in (out, *out.parents) if not each.exists()]
    prepare_directory(out)
    try:
        yield
    finally:
        with suppress(OSError):  # not empty: so are none above it
            for each in missing:
                each.rmdir()
