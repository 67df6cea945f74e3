"""What earlier exposures left behind, kept in a small FITS file from one exposure to the next."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from obverse.errors import DataError
from obverse.history import History
from obverse.io.cards import Card
from obverse.io.door import Hdu, open_fits
from obverse.io.header import Header
from obverse.io.publish import prepare_directory
from obverse.io.writer import write_fits

__all__ = ["read_history", "write_history"]

_NAME = "PERSISTENCE"
_COLUMNS = np.dtype([("PIXEL", "i8"), ("CHARGE", "f8"), ("EMPTIED", "f8")])
_ADVICE = "give a file that simulate --history has written"


def write_history(history: History, path: str | os.PathLike[str], *, overwrite: bool = True) -> None:
    """Write a history, whole or not at all; by default in place of the one before.

    Parameters
    ----------
    history
        What to keep; `Persistence.forget` has dropped the entries that no longer matter.
    path
        Name of the file; missing directories are made.
    overwrite
        Allow another file of this name to be replaced.

    Raises
    ------
    DataError
        If the file cannot be written.

    Examples
    --------
    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "wfi01.fits"
    >>> write_history(History.of([[0.0, 5e4]], "2027-05-01T00:00:00"), path)
    >>> read_history(path).charge
    array([50000.])
    """
    entries = np.zeros(len(history), _COLUMNS)
    entries["PIXEL"], entries["CHARGE"], entries["EMPTIED"] = history.pixel, history.charge, history.emptied
    rows, columns = history.shape
    cards = [
        Card("ROWS", rows, "rows of the sensor"),
        Card("COLUMNS", columns, "columns of the sensor"),
        Card("HISTSHA", history.digest(), "SHA-256 of shape and entries"),
        Card("TUNIT2", "electron", "what the pixel held at last"),
        Card("TUNIT3", "s", "when it was reset, UTC since 1970"),
    ]
    target = Path(path)
    prepare_directory(target.parent)
    units = (Hdu(0, "PRIMARY", 1, Header([]), None), Hdu(1, _NAME, 1, Header(cards), entries))
    write_fits(target, units, overwrite=overwrite)


def read_history(path: str | os.PathLike[str], *, shape: tuple[int, int] | None = None) -> History:
    """Read a history.

    Parameters
    ----------
    path
        A file of `write_history`.
    shape
        Rows and columns of the sensor for which it is wanted; None takes any.

    Raises
    ------
    DataError
        If it is no such file, was damaged, or is of another sensor: one line.
    """
    name = os.fsdecode(path)
    found = [hdu for hdu in open_fits(path) if hdu.name == _NAME]
    if not found or found[0].data is None or found[0].data.dtype.names != _COLUMNS.names:
        raise DataError(f"{name}: {_NAME}: missing, or not a table of {', '.join(_COLUMNS.names or ())}: {_ADVICE}")
    header, entries = found[0].header, found[0].data
    size = header.integer("ROWS", least=1), header.integer("COLUMNS", least=1)
    charge, emptied = _column(entries, "CHARGE"), _column(entries, "EMPTIED")
    history = History(size, charge, emptied, entries["PIXEL"].astype(np.intp))
    if history.digest() != header.get("HISTSHA") or not _possible(history):
        raise DataError(f"{name}: {_NAME}/HISTSHA: its entries are not those that were written, {_ADVICE}")
    if shape not in (None, size):
        raise DataError(f"{name}: {_NAME}: is of a sensor of {size} pixels (row, column), {shape} are needed")
    return history


def _column(entries: NDArray[Any], key: str) -> NDArray[np.float64]:
    return np.ascontiguousarray(entries[key], np.float64)


def _possible(history: History) -> bool:
    """Whether the entries are numbers, and of pixels that there are."""
    pixels = history.shape[0] * history.shape[1]
    inside = (history.pixel >= 0) & (history.pixel < pixels)
    return bool((inside & np.isfinite(history.charge) & (history.charge >= 0) & np.isfinite(history.emptied)).all())
