"""Reference files of the Roman Wide Field Instrument (ASDF): what each says, in DN, with flags in our bits.

READNOISE of Roman is the noise of *one* read, not of a difference of two as at JWST.

Reference: Roman attribute dictionary 1.1, schemas of the reference files.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from obverse.errors import DataError, UsageError, nearest
from obverse.geometry import Section
from obverse.io.asdf_arrays import Stored
from obverse.io.asdf_door import AsdfFile, open_asdf
from obverse.io.roman_bits import from_roman
from obverse.io.text import FETCH, shown
from obverse.references import Reference

__all__ = ["read_reference"]

_PLANES: Mapping[str, Mapping[str, tuple[str, int]]] = MappingProxyType(
    {
        "gain": {"gain": ("data", 2)},
        "readnoise": {"single": ("data", 2)},
        "linearity": {"coefficients": ("coeffs", 3)},
        "saturation": {"level": ("data", 2)},
        "mask": {},
        "dark": {"rate": ("dark_slope", 2), "error": ("dark_slope_error", 2)},
        "flat": {"response": ("data", 2), "error": ("err", 2)},
        "darkdecaysignal": {},
        "integralnonlinearity": {},
    }
)
"""Our planes, by kind, with the array of the file that holds each and its number of axes."""

_WHOLE = (4096, 4096)
"""Rows and columns for which a table holds that belongs to no pixel."""


def read_reference(path: str | os.PathLike[str], *, ignore_checksum: bool = False) -> Reference:
    """Read a Roman reference file.

    Parameters
    ----------
    path
        An ASDF file whose ``meta.reftype`` is gain, readnoise, linearity, saturation, mask, dark, flat,
        darkdecaysignal (all detectors in one file) or integralnonlinearity.
    ignore_checksum
        Turn a wrong checksum into a warning.

    Returns
    -------
    Reference
        Its planes with the numbers of the file [DN]; the border of reference pixels is part of them.

    Raises
    ------
    DataError
        If it is no such reference, or an array is missing: one line.

    Notes
    -----
    Limits: a dark of before schema 1.6 that holds a ramp and no slope is refused.
    """
    with open_asdf(path, ignore_checksum=ignore_checksum) as file:
        roman = file.tree.get("roman")
        meta = roman.get("meta") if isinstance(roman, dict) else None
        if not isinstance(meta, dict):
            raise DataError(f"{file.name}: roman/meta: missing, give a reference file of Roman")
        kind = _kind(meta, file.name)
        planes = {ours: _array(file, name, ndim) for ours, (name, ndim) in _PLANES[kind].items()}
        planes |= {} if kind in _TABLES else _flags(file, kind)
        tables = _TABLES[kind](file) if kind in _TABLES else {}
        rows, columns = next(iter(planes.values())).shape[-2:] if planes else _WHOLE
        instrument = meta.get("instrument") or {}
        said = _named(instrument, "name"), "" if kind == "darkdecaysignal" else _named(instrument, "detector")
        whole = Section((0, rows), (0, columns))
        try:
            return Reference(kind, *said, whole, planes, file.name, of_counts=True, tables=tables)
        except UsageError as problem:
            raise DataError(f"{problem}: {FETCH}") from None


def _kind(meta: Mapping[str, Any], name: str) -> str:
    kind = str(meta.get("reftype", "")).lower()
    if kind not in _PLANES:
        known = nearest(kind, _PLANES)
        raise DataError(f"{name}: roman/meta/reftype: {shown(kind)!r} is not used here ({known}), leave it out")
    return kind


def _named(instrument: Mapping[str, Any], key: str) -> str:
    said = str(instrument.get(key, "")).upper()
    return "" if said in ("NOT_CONFIGURED", "N/A", "?") else said


def _array(file: AsdfFile, name: str, ndim: int) -> NDArray[Any]:
    found = file.tree["roman"].get(name)
    if not isinstance(found, Stored | np.ndarray) or len(found.shape) != ndim:
        raise DataError(f"{file.name}: roman/{name}: missing, or no array of {ndim} axes: {FETCH}")
    return file.read(found)


def _flags(file: AsdfFile, kind: str) -> dict[str, NDArray[np.uint32]]:
    """Return the quality flags; a mask is nothing else, a gain has none."""
    if "dq" not in file.tree["roman"] and kind != "mask":
        return {}
    return {"flags": from_roman(_array(file, "dq", 2))}


def _decays(file: AsdfFile) -> dict[str, NDArray[Any]]:
    """Return amplitude and time constant of each detector; one without numbers is left out."""
    table = _mapping(file, "decay_table")
    pairs = {str(name): _pair(row) for name, row in table.items()}
    return {name: pair for name, pair in pairs.items() if pair is not None}


def _pair(row: Any) -> NDArray[np.float64] | None:
    said = [row.get(key) for key in ("amplitude", "time_constant")] if isinstance(row, Mapping) else [None]
    return None if any(not isinstance(number, int | float) for number in said) else np.array(said, np.float64)


def _integral(file: AsdfFile) -> dict[str, NDArray[Any]]:
    """Return the counts and the correction of each channel, in the order of the science frame."""
    table, counts = _mapping(file, "inl_table"), _array(file, "value", 1).astype(np.float64)
    rows = [_correction(file, name, table[name], counts) for name in sorted(table)]
    return {"counts": counts, "correction": np.array(rows)}


def _correction(file: AsdfFile, name: str, row: Any, counts: NDArray[np.float64]) -> NDArray[np.float64]:
    found = row.get("correction") if isinstance(row, Mapping) else None
    if not isinstance(found, Stored | np.ndarray) or tuple(found.shape) != counts.shape:
        raise DataError(f"{file.name}: roman/inl_table/{name}: no correction of {counts.size} entries: {FETCH}")
    return file.read(found).astype(np.float64)


def _mapping(file: AsdfFile, name: str) -> Mapping[str, Any]:
    found = file.tree["roman"].get(name)
    if not isinstance(found, Mapping) or not found:
        raise DataError(f"{file.name}: roman/{name}: missing, or no table: {FETCH}")
    return found


_TABLES: Mapping[str, Callable[[AsdfFile], dict[str, NDArray[Any]]]] = MappingProxyType(
    {"darkdecaysignal": _decays, "integralnonlinearity": _integral}
)
"""How the kinds are read that hold no planes of pixels."""
