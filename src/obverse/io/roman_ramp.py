"""Level 1 of Roman, both ways: raw ramps of uint16 with their border of reference pixels.

Where a reference read was subtracted on board and sent down too, it is added again; the formula is that of the effect
`reference_read`.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from obverse.effects.reference_read import ReferenceRead
from obverse.errors import DataError, UsageError
from obverse.frame import Frame
from obverse.io.asdf_door import AsdfFile
from obverse.io.asdf_writer import write_asdf
from obverse.io.cargo import inputs_of
from obverse.io.products import as_uint16
from obverse.io.publish import prepare_directory
from obverse.io.roman_bits import from_roman_reads
from obverse.io.roman_cargo import (
    BORDER,
    RomanCargo,
    amplifier_33,
    array_of,
    exposure_of,
    meta_for,
    needed,
    tagged,
)
from obverse.io.text import FETCH, shown

__all__ = ["read_ramp", "write_ramp"]

_AXES = ("integration", "resultant", "row", "column")


def read_ramp(file: AsdfFile, cargo: RomanCargo, path: str | os.PathLike[str]) -> Frame:
    """Make a frame of a raw file; see `obverse.io.roman_read.read_roman`."""
    data = needed(file, "data", 3)
    if data.dtype != np.uint16 or min(data.shape[1:]) <= 2 * BORDER:
        raise DataError(f"{file.name}: roman/data: {data.dtype} of {data.shape} where uint16 ramps are expected")
    extra = int(file.tree["roman"].get("reference_read") is not None)  # it counts as a resultant, outside the pattern
    exposure = exposure_of(cargo.meta, file.name, path, data.shape[0], extra=extra)
    data = _decoded(file, data, "reference_read", cargo.meta)
    flags = _resultant_flags(file, data.shape)
    return Frame(
        data[None],
        "DN",
        _AXES,
        None if flags is None else flags[None],
        exposure=exposure,
        companions=_reference_output(file, data, cargo.meta),
        cargo=replace(cargo, border=_border_of(data)),
    )


def _decoded(file: AsdfFile, data: NDArray[Any], reference: str, meta: Mapping[str, Any]) -> NDArray[Any]:
    """Add the reference read again, where there is one."""
    read = array_of(file, reference, 2)
    if read is None:
        return data
    offset = meta["instrument"].get("data_encoding_offset")
    if not isinstance(offset, int) or read.shape != data.shape[1:]:
        what = f"shape {read.shape}, offset {shown(offset)}"
        raise DataError(f"{file.name}: roman/{reference}: {what}: set instrument.data_encoding_offset, or {FETCH}")
    taken = read.astype(np.int32) - np.int32(offset)
    restored = np.empty(data.shape, np.uint16)
    for plane, stored in zip(restored, data, strict=True):  # one at a time: an int32 ramp would be twice its size
        plane[...] = ReferenceRead.decode(stored, taken)
    return restored


def _resultant_flags(file: AsdfFile, shape: tuple[int, ...]) -> NDArray[np.uint8] | None:
    dq = array_of(file, "resultantdq", 3)
    if dq is not None and dq.shape != shape:
        raise DataError(f"{file.name}: roman/resultantdq: shape {dq.shape}, the data have {shape}: {FETCH}")
    return None if dq is None else from_roman_reads(dq)


def _reference_output(file: AsdfFile, data: NDArray[Any], meta: Mapping[str, Any]) -> dict[str, Frame]:
    """Return amplifier 33, which reads no pixels, as a companion."""
    amp33 = array_of(file, "amp33", 3)
    if amp33 is None:
        return {}
    if amp33.shape[:2] != data.shape[:2]:
        raise DataError(f"{file.name}: roman/amp33: shape {amp33.shape} does not fit data of {data.shape}, {FETCH}")
    restored = _decoded(file, amp33, "reference_amp33", meta)
    return {"reference_output": Frame(restored[None], "DN", _AXES)}


def _border_of(data: NDArray[Any]) -> dict[str, NDArray[Any]]:
    """Copy the reference pixels of a ramp (resultant, row, column), by their side."""
    sides = {
        "left": data[..., :BORDER],
        "right": data[..., -BORDER:],
        "top": data[..., -BORDER:, :],
        "bottom": data[..., :BORDER, :],
    }
    return {side: np.array(pixels) for side, pixels in sides.items()}  # copies: a view would keep the ramp alive


def write_ramp(
    frame: Frame,
    path: str | os.PathLike[str],
    *,
    provenance: Mapping[str, str] | None = None,
    overwrite: bool = False,
) -> None:
    """Write a raw ramp as level 1 of Roman, so that other pipelines can be given what we simulate.

    Parameters
    ----------
    frame
        Raw counts of one integration, (integration, resultant, row, column) [DN].
    path, provenance, overwrite
        See `obverse.io.roman_image.write_image`.

    Raises
    ------
    UsageError
        If the frame is not raw, or has more than one integration: Roman never resets within an exposure.

    Notes
    -----
    Limits: without a Roman file to take them from, the entries of ``meta`` are the schema's words for unknown, and
    amplifier 33 is zero where the frame has no companion ``reference_output``. A frame that is encoded by the effect
    `reference_read` is written so, with the read and an offset of 4000 DN; others are not encoded.
    """
    if frame.unit != "DN" or frame.undone or frame.shape[:-3] not in ((), (1,)) or frame.exposure.pattern is None:
        raise UsageError(
            f"a Roman ramp is one integration of raw counts with a read pattern, this frame has {frame.shape} "
            f"[{frame.unit}], undone {', '.join(frame.undone) or 'nothing'}"
        )
    data = as_uint16(frame.data).reshape(frame.shape[-3:])
    meta = meta_for(frame, provenance or {}, filename=Path(path).name, model_type="ScienceRawModel")
    entries = {"meta": meta, "data": data, "amp33": amplifier_33(frame), **_encoding(frame, meta)}
    if frame.flags is not None:
        entries["resultantdq"] = frame.flags.reshape(data.shape)
    prepare_directory(Path(path).parent)
    write_asdf(path, {"roman": tagged(entries, "wfi_science_raw")}, overwrite=overwrite, inputs=inputs_of(frame))


def _encoding(frame: Frame, meta: dict[str, Any]) -> dict[str, NDArray[np.uint16]]:
    """Return the reference read of an encoded frame, and say so in `meta`, where it counts as a resultant."""
    taken = frame.companions.get("reference_read")
    meta["exposure"]["nresultants"] = frame.shape[-3] + int(taken is not None)
    if taken is None:
        meta["instrument"].pop("data_encoding_offset", None)
        return {}
    offset = ReferenceRead().offset  # any would do: only what was taken off, read less offset, is added again
    meta["instrument"]["data_encoding_offset"] = offset
    return {"reference_read": as_uint16(taken.data.reshape(taken.shape[-2:]) + offset)}
