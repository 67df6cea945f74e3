"""Catalogues from files: ECSV, FITS and Parquet."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import Any

from obverse import io
from obverse.errors import DataError, UsageError

__all__ = ["read_table"]

_FORMATS = {".ecsv": "ascii.ecsv", ".fits": "fits", ".fit": "fits", ".parquet": "parquet"}


def read_table(path: Path) -> Any:
    """Return the table of a file; its ending says how it is written.

    Parameters
    ----------
    path
        ``.ecsv``, ``.fits``, ``.fit`` (these two also with ``.gz``), ``.parquet`` (needs pyarrow).

    Raises
    ------
    DataError
        If the file is missing or cannot be read.
    UsageError
        If its ending is another, or pyarrow is missing.

    Examples
    --------
    >>> import tempfile
    >>> from astropy.table import Table
    >>> path = Path(tempfile.mkdtemp()) / "stars.ecsv"
    >>> Table({"row": [1.0]}).write(path)
    >>> len(read_table(path))
    1
    """
    from astropy.table import Table

    ending = next((s for s in reversed(path.suffixes) if s != ".gz"), "").lower()
    if ending not in _FORMATS:
        raise UsageError(f"{path.name}: catalogue: a file in {', '.join(_FORMATS)} is wanted")
    if not path.is_file():
        raise DataError(f"{path.name}: catalogue: no such file, check the path")
    if ending == ".parquet":
        _require_pyarrow(path)
    if _FORMATS[ending] == "fits":
        io.scan_fits(path)
    try:
        return _parquet(path) if ending == ".parquet" else Table.read(path, format=_FORMATS[ending])
    except Exception as error:  # parsers of files raise anything
        told = " ".join(str(error).split())[:120]
        raise DataError(f"{path.name}: catalogue: cannot be read ({told}), write it anew with astropy.table") from error


def _require_pyarrow(path: Path) -> None:
    if find_spec("pyarrow") is None:
        what = "Parquet needs pyarrow, install obverse[parquet] or save the catalogue as ECSV or FITS"
        raise UsageError(f"{path.name}: catalogue: {what}")


def _parquet(path: Path) -> Any:
    """Return a Parquet table with the units that astropy has put into it; astropy itself asks for pandas to read it."""
    import pyarrow.parquet
    from astropy.table import Table
    from astropy.table.meta import get_header_from_yaml

    read = pyarrow.parquet.read_table(path)
    table = Table({name: read.column(name).to_numpy() for name in read.column_names})
    said = (read.schema.metadata or {}).get(b"table_meta_yaml")
    for column in get_header_from_yaml(said.decode().splitlines())["datatype"] if said else ():
        table[column["name"]].unit = column.get("unit")
    return table
