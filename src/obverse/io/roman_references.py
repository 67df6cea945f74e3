"""Reference files of the Roman Wide Field Instrument (ASDF): what each says, in DN, with flags in our bits.

READNOISE of Roman is the noise of *one* read, not of a difference of two as at JWST.

Reference: Roman attribute dictionary 1.1, schemas of the reference files.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
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
    }
)
"""Our planes, by kind, with the array of the file that holds each and its number of axes."""


def read_reference(path: str | os.PathLike[str], *, ignore_checksum: bool = False) -> Reference:
    """Read a Roman reference file.

    Parameters
    ----------
    path
        An ASDF file whose ``meta.reftype`` is gain, readnoise, linearity, saturation, mask, dark or flat.
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
        planes |= _flags(file, kind)
        rows, columns = next(iter(planes.values())).shape[-2:]
        instrument = meta.get("instrument") or {}
        said = _named(instrument, "name"), _named(instrument, "detector")
        try:
            return Reference(kind, *said, Section((0, rows), (0, columns)), planes, file.name, of_counts=True)
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
