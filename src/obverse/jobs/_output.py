"""A table in a file, and a picture beside it."""

from __future__ import annotations

import io
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from obverse.errors import UsageError
from obverse.io.publish import publish_all, refuse_targets

if TYPE_CHECKING:
    from astropy.table import Table

__all__ = ["NOWHERE", "Output"]

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
        text, drawn = io.StringIO(), io.BytesIO()
        table.write(text, format=_FORMATS[self.path.suffix.lower()])
        files = {self.path: [text.getvalue().encode()]}
        if picture is not None:
            picture.savefig(drawn, format="png", dpi=130, metadata={"Software": None})  # the same table, the same bytes
            files[self.path.with_suffix(".png")] = [drawn.getvalue()]
        publish_all(files, overwrite=self.overwrite)


NOWHERE = Output()
"""Nothing is written."""
