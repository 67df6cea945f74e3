"""What Roman files of both levels have in common: their ``meta``, and what a frame carries of it."""

from __future__ import annotations

import copy
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from obverse.errors import DataError, UsageError
from obverse.exposure import Exposure
from obverse.frame import Frame
from obverse.io.asdf_arrays import Stored
from obverse.io.asdf_door import AsdfFile
from obverse.io.asdf_tree import TaggedMap
from obverse.io.cargo import Cargo
from obverse.io.roman_meta import NO_TIME, UNKNOWN, unknown_meta
from obverse.io.text import FETCH, id_from_name, shown, stem, valid_id
from obverse.ma_tables import ma_table
from obverse.pattern import ReadPattern

__all__ = [
    "BORDER",
    "LEVELS",
    "RomanCargo",
    "amplifier_33",
    "array_of",
    "exposure_of",
    "meta_for",
    "needed",
    "tagged",
]

BORDER = 4
"""Reference pixels on every side of a raw frame."""

LEVELS = ("_uncal", "_cal")
"""Ends of file names that say how far a file had got."""

_KINDS = {"WFI_IM_DARK": "dark", "WFI_SP_DARK": "dark", "WFI_DARK": "dark", "WFI_FLAT": "flat"}
_TAG = "asdf://stsci.edu/datamodels/roman/tags/{}-2.1.0"
_AMPLIFIER_33 = 128  # columns
_NOTHING: Mapping[str, Any] = MappingProxyType({})


@dataclass(frozen=True)
class RomanCargo(Cargo):
    """The ``meta`` of a Roman file, and the border of its raw ramp, which products repeat.

    Parameters
    ----------
    meta
        As in the file, arrays left out.
    border
        ``left``, ``right``, ``top``, ``bottom``: reference pixels, (resultant, row, column) [DN].
    """

    meta: Mapping[str, Any] = field(default_factory=lambda: _NOTHING)
    border: Mapping[str, NDArray[Any]] = field(default_factory=lambda: _NOTHING)


def array_of(file: AsdfFile, name: str, ndim: int) -> NDArray[Any] | None:
    """Return an array of a Roman file by name, None where there is none; see `needed`."""
    found = file.tree["roman"].get(name)
    if found is None:
        return None
    if not isinstance(found, Stored | np.ndarray) or len(found.shape) != ndim:
        raise DataError(f"{file.name}: roman/{name}: is no array of {ndim} axes, {FETCH}")
    return file.read(found)


def needed(file: AsdfFile, name: str, ndim: int) -> NDArray[Any]:
    """Return an array of a Roman file by name.

    Raises
    ------
    DataError
        If it is missing, or has another number of axes.
    """
    array = array_of(file, name, ndim)
    if array is None:
        raise DataError(f"{file.name}: roman/{name}: missing, {FETCH}")
    return array


def exposure_of(
    meta: Mapping[str, Any], name: str, path: str | os.PathLike[str], resultants: int | None = None, *, extra: int = 0
) -> Exposure:
    """Return what ``meta`` says of the exposure; a raw file holds as many `resultants` as it says, or `extra` less.

    Raises
    ------
    DataError
        If the read pattern is missing, or does not fit.
    """
    said, instrument = meta["exposure"], meta["instrument"]
    pattern = _pattern(said, name)
    count = said.get("nresultants")
    counts = (None, UNKNOWN, resultants, (resultants or 0) + extra)
    if resultants is not None and (len(pattern) != resultants or count not in counts):
        what = f"{resultants} resultants, read_pattern has {len(pattern)}, nresultants is {shown(count)}"
        raise DataError(f"{name}: roman/data: {what}: {FETCH}, or --set exposure.nresultants={resultants}")
    said_name = stem(str(meta.get("filename", "")), LEVELS)
    return Exposure(
        said_name if valid_id(said_name) else id_from_name(stem(path, LEVELS)),
        kind=_KINDS.get(str(said.get("type")), "science"),
        start=_iso(said.get("start_time")),
        pattern=pattern,
        filter=str(instrument.get("optical_element")),
        detector=f"WFI/{instrument.get('detector')}",
    )


def _iso(time: Any) -> str | None:
    """Return a time as text; ASDF writes it bare, or in a mapping. None where it is not known."""
    text = time.get("value") if isinstance(time, dict) else time
    return str(text) if isinstance(text, str) and text != NO_TIME else None


def _pattern(said: Mapping[str, Any], name: str) -> ReadPattern:
    """Return the read pattern of the file, or that of its table where it says only the number."""
    reads, seconds = said.get("read_pattern"), said.get("frame_time")
    if not isinstance(seconds, int | float):
        raise DataError(f"{name}: roman/meta/exposure/frame_time: {shown(seconds)}, --set exposure.frame_time=SECONDS")
    try:
        return ReadPattern(reads, seconds) if reads else ma_table(said.get("ma_table_number", 0), seconds)
    except (UsageError, TypeError, ValueError) as problem:
        what = f"{shown(problem, 200)}; --set exposure.read_pattern=[[1],[2,3],...]"
        raise DataError(f"{name}: roman/meta/exposure/read_pattern: {what}") from None


def meta_for(frame: Frame, provenance: Mapping[str, str], **own: Any) -> dict[str, Any]:
    """Return a complete ``meta``: unknowns, over them what the frame's file said, over them our `own` entries."""
    said = (frame.exposure.detector or "").rpartition("/")[2]
    below = unknown_meta(frame.exposure, said if said.startswith("WFI") else "WFI01")
    above = copy.deepcopy(dict(frame.cargo.meta)) if isinstance(frame.cargo, RomanCargo) else {}
    return {**_merged(below, above), **own, "cal_logs": [f"{key}: {value}" for key, value in provenance.items()]}


def _merged(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    """Lay one tree over the other."""
    both = {k: _merged(below[k], v) for k, v in above.items() if isinstance(v, dict) and isinstance(below.get(k), dict)}
    return {**below, **above, **both}


def tagged(entries: Mapping[str, Any], model: str) -> TaggedMap:
    """Return the entries of a file as the data model of that name."""
    made = TaggedMap(entries)
    made.tag = _TAG.format(model)
    return made


def amplifier_33(frame: Frame) -> NDArray[np.uint16]:
    """Return amplifier 33 as it came, or zeros."""
    found = frame.companions.get("reference_output")
    if found is not None:
        return found.data.astype(np.uint16).reshape(found.shape[-3:])
    pattern = frame.exposure.pattern
    return np.zeros((0 if pattern is None else len(pattern), frame.shape[-2], _AMPLIFIER_33), np.uint16)
