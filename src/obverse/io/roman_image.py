"""Level 2 of Roman, both ways: rate images [DN/s] without their border.

What we cannot know is said to be unknown: no celestial coordinates (``meta.wcs`` is null), no photometry.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from obverse.errors import DataError, UsageError
from obverse.flags import Flag
from obverse.frame import Frame
from obverse.io.asdf_door import AsdfFile
from obverse.io.asdf_tree import TaggedMap
from obverse.io.asdf_writer import write_asdf
from obverse.io.cargo import inputs_of
from obverse.io.publish import prepare_directory
from obverse.io.roman_bits import from_roman, to_roman
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
from obverse.io.roman_meta import software
from obverse.io.text import FETCH
from obverse.moment import Moment

if TYPE_CHECKING:
    from obverse.detector import Detector

__all__ = ["read_image", "write_image"]

_VARIANCES = {"poisson": "var_poisson", "read": "var_rnoise", "flat": "var_flat"}
_BESIDE = {"chi2": ("chisq", ""), "uniform_minus_optimal": ("dumo", "DN/s")}
_STEPS = {
    "bad_pixels": "dq_init",
    "saturation": "saturation",
    "bias_drift": "refpix",
    "nonlinearity": "linearity",
    "dark_decay": "dark_decay",
    "estimate": "ramp_fit",
    "dark_current": "dark",
    "flat": "flat_field",
}
"""Our steps by the names of the pipeline's."""

_UNDONE = "UNDONE"
"""What `cal_logs` calls the effects that were undone."""

_NOT_OURS = ("assign_wcs", "flux", "outlier_detection", "photom", "skymatch", "source_catalog", "tweakreg",
             "wfi18_transient")  # fmt: skip
_UNMEASURED = dict.fromkeys(("conversion_megajanskys", "conversion_megajanskys_uncertainty", "pixel_area"))


def read_image(file: AsdfFile, cargo: RomanCargo, path: str | os.PathLike[str]) -> Frame:
    """Make a frame of a rate image; see `obverse.io.roman_read.read_roman`."""
    data = needed(file, "data", 2)
    planes = {ours: array_of(file, theirs, 2) for ours, theirs in _VARIANCES.items()}
    dq = from_roman(needed(file, "dq", 2))
    try:
        return Frame(
            data,
            "DN/s",
            pixel_flags=np.where(np.isfinite(data), dq, dq | np.uint32(Flag.DO_NOT_USE)),
            variances={name: plane.astype(np.float32) for name, plane in planes.items() if plane is not None},
            exposure=exposure_of(cargo.meta, file.name, path),
            undone=_told(cargo) or _undone(cargo.meta),
            companions=_companions(file),
            cargo=cargo,
        )
    except UsageError as problem:
        raise DataError(f"{file.name}: roman: {problem}, {FETCH}") from None


def _companions(file: AsdfFile) -> dict[str, Frame]:
    """Return what the fit has left beside the rate."""
    planes = {ours: (array_of(file, theirs, 2), unit) for ours, (theirs, unit) in _BESIDE.items()}
    return {name: Frame(plane.astype(np.float32), unit) for name, (plane, unit) in planes.items() if plane is not None}


def _told(cargo: RomanCargo) -> tuple[str, ...]:
    """Return what a file of ours says of the steps behind it; ``cal_step`` has no words for all of them."""
    return tuple(name for name in str(cargo.provenance.get(_UNDONE, "")).split(", ") if name)


def _undone(meta: Mapping[str, Any]) -> tuple[str, ...]:
    """Name the effects that the pipeline has undone, of ``meta.cal_step``; an image of rates has been fitted."""
    said = meta.get("cal_step")
    status = said if isinstance(said, Mapping) else {}
    return tuple(name for name, step in _STEPS.items() if name == "estimate" or status.get(step) == "COMPLETE")


def write_image(
    frame: Frame,
    path: str | os.PathLike[str],
    *,
    detector: Detector | None = None,
    provenance: Mapping[str, str] | None = None,
    overwrite: bool = False,
) -> None:
    r"""Write a rate image as level 2 of Roman.

    .. math:: \dot D = \dot e / g

    Parameters
    ----------
    frame
        A rate (row, column) [electron/s] with its border of reference pixels, which is trimmed; or one [DN/s] without
        it, as it is read from such a file.
    path
        Name of the file; missing directories are made.
    detector
        The detector that calibrated it: its gain :math:`g` [electron/DN]; rates in DN/s need none.
    provenance
        Recorded in ``meta.cal_logs``.
    overwrite
        Allow another file of this name to be replaced.

    Raises
    ------
    UsageError
        If the frame is no rate, or there is no gain to divide it by.
    DataError
        If the file exists, is the frame's own source, or cannot be written.

    Notes
    -----
    Limits: the schema wants errors and variances as float16: three digits, and below 6e-5 fewer; a variance that would
    round to zero is written as the smallest number above it, and what is too large as 65504. ``err`` holds every
    component of the variance; planes are written of those that the schema knows. ``chisq`` and ``dumo`` (the slope
    with equal weights less the rate, whatever the flags, not divided by the flat) are NaN where the fit has left none;
    ``dumo`` needs ``uniform_slope = "yes"`` in the detector's ``[readout]``. Photometry and celestial coordinates are
    null: the zero points come without errors, and the area of a pixel needs the distortion. Beyond the schema,
    ``jump_indices`` lists every flagged jump (resultant, row, column), in pixels of the trimmed image, where the frame
    has the companion ``resultant_flags``.
    Reference: Roman attribute dictionary 1.1, wfi_image-2.1.0.
    """
    if frame.unit not in ("electron/s", "DN/s") or frame.data.ndim != 2 or frame.variances is None:
        raise UsageError(f"a Roman image is a rate in electron/s with its variances, this frame is in {frame.unit!r}")
    told = {**(provenance or {}), _UNDONE: ", ".join(frame.undone)}
    if frame.unit == "DN/s":
        tree = _tree(_with_border(frame), np.ones(()), Path(path).name, told)
    elif detector is None:
        raise UsageError(f"{Path(path).name}: a rate in electron/s becomes DN/s by a gain: give the detector")
    else:
        tree = _tree(frame, _gain(frame, detector), Path(path).name, told)
    prepare_directory(Path(path).parent)
    write_asdf(path, {"roman": tree}, overwrite=overwrite, inputs=inputs_of(frame))


def _tree(frame: Frame, gain: NDArray[Any], name: str, provenance: Mapping[str, str]) -> TaggedMap:
    pixel_flags = np.zeros(frame.shape, np.uint32) if frame.pixel_flags is None else frame.pixel_flags
    dq = to_roman(pixel_flags | np.where(np.isfinite(frame.data), np.uint32(0), np.uint32(Flag.DO_NOT_USE)))
    entries = {
        "meta": _image_meta(frame, name, provenance),
        "data": _inside(frame.data / gain).astype(np.float32),
        "dq": _inside(dq),
        "err": _half(_inside(np.asarray(frame.error) / gain)),
        **{theirs: _half(_inside(plane / gain**2)) for theirs, plane in _variances(frame)},
        "chisq": _half(_inside(_beside(frame, "chi2"))),
        "dumo": _half(_inside(_beside(frame, "uniform_minus_optimal") / gain)),
        "amp33": amplifier_33(frame),
        **_border(frame, dq),
        **_jumps(frame),
    }
    return tagged(entries, "wfi_image")


def _with_border(frame: Frame) -> Frame:
    """Return a trimmed image with a border of reference pixels, which say nothing."""
    planes = {name: np.pad(plane, BORDER) for name, plane in frame.planes().items() if plane.ndim == 2}
    whole = frame.with_planes(planes).replace(companions={k: _bordered(f) for k, f in frame.companions.items()})
    inside = np.pad(np.ones(frame.shape, np.bool_), BORDER)
    return whole.replace(data=np.where(inside, whole.data, np.nan)).flagged(~inside, Flag.DO_NOT_USE)


def _bordered(frame: Frame) -> Frame:
    return _with_border(frame) if frame.data.ndim == 2 else frame


def _gain(frame: Frame, detector: Detector) -> NDArray[Any]:
    at = Moment.of(frame, detector.geometry)
    return np.broadcast_to(at.plane(detector.effect("gain").gain), frame.shape)


def _inside(plane: NDArray[Any]) -> NDArray[Any]:
    return plane[..., BORDER:-BORDER, BORDER:-BORDER]


def _half(plane: NDArray[Any]) -> NDArray[np.float16]:
    """Round to float16; what is too large stays finite, and what is too small stays above zero."""
    limits = np.finfo(np.float16)
    small = np.where(plane > 0, np.maximum(plane, limits.smallest_subnormal), plane)
    return np.clip(small, limits.min, limits.max).astype(np.float16)


def _variances(frame: Frame) -> list[tuple[str, NDArray[Any]]]:
    """Return the components that the schema knows; all of them are in ``err``."""
    found = frame.variances or {}
    if "poisson" not in found:
        raise UsageError(f"a Roman image needs the variance 'poisson', this frame has {sorted(found)}")
    return [(theirs, found[ours]) for ours, theirs in _VARIANCES.items() if ours in found]


def _beside(frame: Frame, name: str) -> NDArray[Any]:
    """Return a plane that the fit has left beside the rate, NaN where it gave none."""
    found = frame.companions.get(name)
    return np.full(frame.shape, np.nan, np.float32) if found is None else found.data


def _border(frame: Frame, dq: NDArray[np.uint32]) -> dict[str, NDArray[Any]]:
    """Return the reference pixels of the raw ramp, empty where the frame brought none, and their flags."""
    sides = {
        "left": (slice(None), slice(None, BORDER)),
        "right": (slice(None), slice(-BORDER, None)),
        "top": (slice(-BORDER, None), slice(None)),
        "bottom": (slice(None, BORDER), slice(None)),
    }
    raw = frame.cargo.border if isinstance(frame.cargo, RomanCargo) else {}
    pixels = {
        f"border_ref_pix_{side}": np.asarray(raw[side] if side in raw else np.zeros((0, *dq[where].shape)), np.float32)
        for side, where in sides.items()
    }
    return pixels | {f"dq_border_ref_pix_{side}": dq[where] for side, where in sides.items()}


def _jumps(frame: Frame) -> dict[str, NDArray[np.int16]]:
    """List the flagged jumps as (resultant, row, column)."""
    found = frame.companions.get("resultant_flags")
    if found is None:
        return {}
    ramp = found.data.reshape(found.shape[-3:])
    return {"jump_indices": np.argwhere(_inside(ramp) & np.uint8(Flag.JUMP_DET)).astype(np.int16)}


def _image_meta(frame: Frame, name: str, provenance: Mapping[str, str]) -> dict[str, Any]:
    own = {"filename": name, "model_type": "ImageModel", "product_type": "l2", **software()}
    unknown = {"wcs": None, "photometry": _UNMEASURED}
    return meta_for(frame, provenance, **own, **unknown, cal_step=_statuses(frame))


def _statuses(frame: Frame) -> dict[str, str]:
    ours = {theirs: "COMPLETE" if name in frame.undone else "SKIPPED" for name, theirs in _STEPS.items()}
    return ours | dict.fromkeys(_NOT_OURS, "INCOMPLETE")
