"""Roman Wide Field Instrument in: which level a file holds, and its ``meta``, corrected where somebody asks."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from typing import Any

import numpy as np

from obverse.errors import DataError, UsageError, nearest
from obverse.frame import Frame
from obverse.io.asdf_arrays import Stored
from obverse.io.asdf_door import AsdfFile, open_asdf
from obverse.io.asdf_tree import like, tag_of
from obverse.io.door import MAX_BYTES
from obverse.io.roman_cargo import RomanCargo
from obverse.io.roman_image import read_image
from obverse.io.roman_meta import asdf_time
from obverse.io.roman_ramp import read_ramp
from obverse.io.text import FETCH, shown
from obverse.references import Setup

__all__ = ["read_roman"]

_READERS = {"wfi_science_raw": read_ramp, "wfi_image": read_image}


def read_roman(
    path: str | os.PathLike[str],
    *,
    overrides: Mapping[str, str] | None = None,
    ignore_checksum: bool = False,
    max_bytes: int = MAX_BYTES,
) -> Frame:
    """Make a frame of a Roman file, raw or rate.

    Parameters
    ----------
    path
        An ASDF file with ``roman`` in its tree.
    overrides
        Entries of ``meta`` by dotted name: ``{"exposure.frame_time": "3.16247"}``.
    ignore_checksum, max_bytes
        See `obverse.io.asdf_door.open_asdf`.

    Returns
    -------
    Frame
        Raw: uint16 (integration, resultant, row, column) [DN], with the companion ``reference_output`` (amplifier 33).
        Rate: float32 (row, column) [DN/s] with its variances and flags, the border trimmed.

    Raises
    ------
    DataError
        If the file cannot be trusted, or its numbers contradict each other.
    """
    with open_asdf(path, max_bytes=max_bytes, ignore_checksum=ignore_checksum) as file:
        read = _READERS[_model(file)]
        meta = _overridden(_meta(file), overrides or {}, file.name)
        provenance = {**_made_by_us(meta), **{f"set {key}": value for key, value in (overrides or {}).items()}}
        setup = Setup("WFI", str(meta["instrument"].get("detector", "")), has_superbias=False)
        cargo = RomanCargo(os.fsdecode(path), provenance=provenance, setup=setup, meta=meta)
        return read(file, cargo, path)


def _model(file: AsdfFile) -> str:
    """Return which data model the file holds: its tag says it, of any version."""
    roman = file.tree.get("roman")
    if not isinstance(roman, dict):
        raise DataError(
            f"{file.name}: tree: holds no 'roman' ({shown(sorted(map(str, file.tree)))}), give a Roman file"
        )
    name = tag_of(roman).rpartition("/")[2].rpartition("-")[0]
    if name not in _READERS:
        known = " or ".join(_READERS)
        raise DataError(f"{file.name}: roman: is {shown(name) or 'untagged'} where {known} can be read")
    return name


def _meta(file: AsdfFile) -> dict[str, Any]:
    meta = _plain_meta(file.tree["roman"].get("meta"))
    for part in ("exposure", "instrument"):
        if not isinstance(meta, dict) or not isinstance(meta.get(part), dict):
            raise DataError(f"{file.name}: roman/meta/{part}: missing, {FETCH}")
    return meta


def _made_by_us(meta: Mapping[str, Any]) -> dict[str, str]:
    """Return which version of ours has made the file, if one did, and what it has recorded."""
    if meta.get("calibration_software_name") != "obverse":
        return {}
    logs = meta.get("cal_logs")
    recorded = [str(line).partition(": ") for line in (logs if isinstance(logs, list) else ())]
    told = {key: value for key, separator, value in recorded if separator}
    return {**told, "obverse version": str(meta.get("calibration_software_version"))}


def _plain_meta(value: Any) -> Any:
    """Leave out arrays, and the tags that releases before 2 of the schemas gave to every entry."""
    if isinstance(value, dict):
        kept = {k: _plain_meta(v) for k, v in value.items() if not isinstance(v, Stored | np.ndarray)}
        return kept if _is_old(value) else like(value, kept)
    if isinstance(value, list):
        return like(value, [_plain_meta(item) for item in value if not isinstance(item, Stored | np.ndarray)])
    if not _is_old(value):
        return value
    return asdf_time(value) if "file_date" in value.tag else str(value)


def _is_old(value: Any) -> bool:
    return tag_of(value).startswith("asdf://stsci.edu/datamodels/roman/tags/")


def _overridden(meta: dict[str, Any], overrides: Mapping[str, str], name: str) -> dict[str, Any]:
    for key, text in overrides.items():
        *above, last = key.split(".")
        place: Any = meta
        for part in above:
            if not isinstance(place, dict) or part not in place:
                raise UsageError(f"--set {key}: {name} has no such entry in meta, {nearest(part, map(str, place))}")
            place = place[part]
        place[last] = _plain(text)
    return meta


def _plain(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text
