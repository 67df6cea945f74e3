"""Tables of the Roman coronagraph's pipeline that describe its camera."""

from __future__ import annotations

import os

from obverse.effects.level_nonlinearity import LevelNonlinearity
from obverse.errors import DataError, UsageError
from obverse.io.door import open_fits

__all__ = ["read_nonlinearity"]


def read_nonlinearity(path: str | os.PathLike[str], *, ignore_checksum: bool = False) -> LevelNonlinearity:
    """Read a nonlinearity table of corgidrp: gains in the first row, levels [DN] in the first column.

    Parameters
    ----------
    path
        The FITS file; the table is its second unit.
    ignore_checksum
        Turn a wrong checksum into a warning.

    Returns
    -------
    LevelNonlinearity
        With the file's name as its source.

    Raises
    ------
    DataError
        If the file holds no such table, or one that no correction can be.
    """
    units = open_fits(path, ignore_checksum=ignore_checksum)
    if len(units) < 2 or units[1].data is None or units[1].data.dtype.kind != "f":
        raise DataError(f"{path}: HDU 1: no table of numbers, give a nonlinearity table of corgidrp")
    try:
        return LevelNonlinearity.from_array(units[1].data, source=os.path.basename(os.fspath(path)))
    except UsageError as problem:
        raise DataError(f"{path}: HDU 1: {problem}") from None
