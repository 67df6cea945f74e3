"""Roman Wide Field Instrument in: raw ramps (level 1) and rate images (level 2) in ASDF.

A raw ramp keeps its uint16 numbers and its border of four reference pixels. Where a reference read was subtracted on
board and sent down too, it is added again.
"""

from __future__ import annotations

import copy
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from obverse.errors import DataError, UsageError, nearest
from obverse.exposure import Exposure
from obverse.flags import Flag
from obverse.frame import Frame
from obverse.io.asdf_door import AsdfFile, Stored, open_asdf
from obverse.io.asdf_tree import tag_of
from obverse.io.cargo import Cargo
from obverse.io.door import MAX_BYTES
from obverse.io.roman_bits import from_roman, from_roman_reads
from obverse.io.text import FETCH, id_from_name, shown, valid_id
from obverse.ma_tables import ma_table
from obverse.pattern import ReadPattern
from obverse.references import Setup

__all__ = ["BORDER", "RomanCargo", "border_of", "meta_of", "read_roman"]

BORDER = 4
"""Reference pixels on every side of a raw frame."""

_RAW, _RATE = "ScienceRawModel", "ImageModel"
_TAGS = {"wfi_science_raw": _RAW, "wfi_image": _RATE}
_KINDS = {"WFI_IM_DARK": "dark", "WFI_SP_DARK": "dark", "WFI_DARK": "dark", "WFI_FLAT": "flat"}
_VARIANCES = {"var_poisson": "poisson", "var_rnoise": "read", "var_flat": "flat"}
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


def meta_of(frame: Frame) -> dict[str, Any] | None:
    """Return a copy of the ``meta`` that a frame brought from a Roman file; None where it came from elsewhere."""
    return copy.deepcopy(dict(frame.cargo.meta)) if isinstance(frame.cargo, RomanCargo) else None


def border_of(data: NDArray[Any]) -> dict[str, NDArray[Any]]:
    """Copy the reference pixels of a ramp (resultant, row, column), by their side."""
    sides = {
        "left": data[..., :BORDER],
        "right": data[..., -BORDER:],
        "top": data[..., -BORDER:, :],
        "bottom": data[..., :BORDER, :],
    }
    return {side: np.array(pixels) for side, pixels in sides.items()}  # copies: a view would keep the ramp alive


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
        model = _model(file)
        meta = _overridden(_meta(file), overrides or {}, file.name)
        provenance = {f"set {key}": value for key, value in (overrides or {}).items()}
        setup = Setup("WFI", str(meta["instrument"].get("detector", "")))
        cargo = RomanCargo(os.fsdecode(path), provenance=provenance, setup=setup, meta=meta)
        return _ramp(file, cargo, path) if model == _RAW else _image(file, cargo, path)


def _model(file: AsdfFile) -> str:
    """Return which data model the file holds: its tag says it, of any version."""
    roman = file.tree.get("roman")
    if not isinstance(roman, dict):
        raise DataError(
            f"{file.name}: tree: holds no 'roman' ({shown(sorted(map(str, file.tree)))}), give a Roman file"
        )
    name = tag_of(roman).rpartition("/")[2].rpartition("-")[0]
    if name not in _TAGS:
        known = " or ".join(_TAGS)
        raise DataError(f"{file.name}: roman: is {shown(name) or 'untagged'} where {known} can be read")
    return _TAGS[name]


def _meta(file: AsdfFile) -> dict[str, Any]:
    meta = _without_arrays(file.tree["roman"].get("meta"))
    for part in ("exposure", "instrument"):
        if not isinstance(meta, dict) or not isinstance(meta.get(part), dict):
            raise DataError(f"{file.name}: roman/meta/{part}: missing, {FETCH}")
    return meta


def _without_arrays(value: Any) -> Any:
    if isinstance(value, dict):
        kept = {k: _without_arrays(v) for k, v in value.items() if not isinstance(v, Stored | np.ndarray)}
        value = copy.copy(value)
        value.clear()
        value.update(kept)
    return value


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


def _array(file: AsdfFile, name: str, ndim: int, *, optional: bool = False) -> NDArray[Any] | None:
    found = file.tree["roman"].get(name)
    if found is None and optional:
        return None
    if not isinstance(found, Stored | np.ndarray) or len(found.shape) != ndim:
        raise DataError(f"{file.name}: roman/{name}: missing, or no array of {ndim} axes: {FETCH}")
    return file.read(found)


# -- level 1 ---------------------------------------------------------------------------------------------------


def _ramp(file: AsdfFile, cargo: RomanCargo, path: str | os.PathLike[str]) -> Frame:
    data = _needed(file, "data", 3)
    if data.dtype != np.uint16 or min(data.shape[1:]) <= 2 * BORDER:
        raise DataError(f"{file.name}: roman/data: {data.dtype} of {data.shape} where uint16 ramps are expected")
    exposure = _exposure(cargo.meta, file.name, path, data.shape[0])
    data = _decoded(file, data, "reference_read", cargo.meta)
    flags = _resultant_flags(file, data.shape)
    return Frame(
        data[None],
        "DN",
        ("integration", "resultant", "row", "column"),
        None if flags is None else flags[None],
        exposure=exposure,
        companions=_reference_output(file, data, cargo.meta),
        cargo=replace(cargo, border=border_of(data)),
    )


def _needed(file: AsdfFile, name: str, ndim: int) -> NDArray[Any]:
    array = _array(file, name, ndim)
    if array is None:
        raise DataError(f"{file.name}: roman/{name}: missing, {FETCH}")
    return array


def _decoded(file: AsdfFile, data: NDArray[Any], reference: str, meta: Mapping[str, Any]) -> NDArray[Any]:
    """Add the reference read again: stored = data - reference + offset, clipped to uint16 on board."""
    read = _array(file, reference, 2, optional=True)
    if read is None:
        return data
    offset = meta["instrument"].get("data_encoding_offset")
    if not isinstance(offset, int) or read.shape != data.shape[1:]:
        what = f"shape {read.shape}, offset {shown(offset)}"
        raise DataError(f"{file.name}: roman/{reference}: {what}: set instrument.data_encoding_offset, or {FETCH}")
    shift = read.astype(np.int32) - np.int32(offset)
    restored = np.empty(data.shape, np.uint16)
    for plane, stored in zip(restored, data, strict=True):  # one at a time: an int32 ramp would be twice its size
        clipped_low, clipped_high = stored == 0, stored == np.iinfo(np.uint16).max
        plane[...] = np.clip(stored + shift, 0, np.iinfo(np.uint16).max)
        plane[clipped_low], plane[clipped_high] = 0, np.iinfo(np.uint16).max  # which the ADC's step flags
    return restored


def _resultant_flags(file: AsdfFile, shape: tuple[int, ...]) -> NDArray[np.uint8] | None:
    dq = _array(file, "resultantdq", 3, optional=True)
    if dq is not None and dq.shape != shape:
        raise DataError(f"{file.name}: roman/resultantdq: shape {dq.shape}, the data have {shape}: {FETCH}")
    return None if dq is None else from_roman_reads(dq)


def _reference_output(file: AsdfFile, data: NDArray[Any], meta: Mapping[str, Any]) -> dict[str, Frame]:
    """Return amplifier 33, which reads no pixels, as a companion."""
    amp33 = _array(file, "amp33", 3, optional=True)
    if amp33 is None:
        return {}
    if amp33.shape[:2] != data.shape[:2]:
        raise DataError(f"{file.name}: roman/amp33: shape {amp33.shape} does not fit data of {data.shape}, {FETCH}")
    restored = _decoded(file, amp33, "reference_amp33", meta)
    return {"reference_output": Frame(restored[None], "DN", ("integration", "resultant", "row", "column"))}


def _exposure(meta: Mapping[str, Any], name: str, path: str | os.PathLike[str], resultants: int | None) -> Exposure:
    said, instrument = meta["exposure"], meta["instrument"]
    pattern = _pattern(said, name)
    if resultants is not None and not len(pattern) == resultants == said.get("nresultants", resultants):
        what = f"{resultants} resultants, read_pattern has {len(pattern)}, nresultants is {said.get('nresultants')}"
        raise DataError(f"{name}: roman/data: {what}: {FETCH}, or --set exposure.nresultants={resultants}")
    stem = _bare(str(meta.get("filename", "")))
    own = _bare(Path(os.fsdecode(path)).name)
    return Exposure(
        stem if valid_id(stem) else id_from_name(own),
        kind=_KINDS.get(str(said.get("type")), "science"),
        start=str(said["start_time"]) if isinstance(said.get("start_time"), str) else None,
        pattern=pattern,
        filter=str(instrument.get("optical_element")),
        detector=f"WFI/{instrument.get('detector')}",
    )


def _bare(name: str) -> str:
    return name.removesuffix(".asdf").removesuffix("_uncal").removesuffix("_cal")


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


# -- level 2 ---------------------------------------------------------------------------------------------------


def _image(file: AsdfFile, cargo: RomanCargo, path: str | os.PathLike[str]) -> Frame:
    data = _needed(file, "data", 2)
    planes = {ours: _array(file, theirs, 2, optional=True) for theirs, ours in _VARIANCES.items()}
    dq = from_roman(_needed(file, "dq", 2))
    try:
        return Frame(
            data,
            "DN/s",
            pixel_flags=np.where(np.isfinite(data), dq, dq | np.uint32(Flag.DO_NOT_USE)),
            variances={name: plane.astype(np.float32) for name, plane in planes.items() if plane is not None},
            exposure=_exposure(cargo.meta, file.name, path, None),
            undone=("estimate",),
            cargo=cargo,
        )
    except UsageError as problem:
        raise DataError(f"{file.name}: roman: {problem}, {FETCH}") from None
