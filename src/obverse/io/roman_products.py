"""Roman Wide Field Instrument out: rate images (level 2) and raw ramps (level 1) in ASDF.

Files follow version 2.1 of the schemas ``wfi_image`` and ``wfi_science_raw`` (Roman attribute dictionary 1.1).
What we cannot know is said to be unknown: no celestial coordinates (``meta.wcs`` is null), no photometry.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from obverse.errors import UsageError
from obverse.flags import Flag
from obverse.frame import Frame
from obverse.io.asdf_tree import TaggedMap
from obverse.io.asdf_writer import write_asdf
from obverse.io.cargo import Cargo
from obverse.io.products import as_uint16
from obverse.io.publish import prepare_directory
from obverse.io.roman_bits import to_roman
from obverse.io.roman_meta import software, unknown_meta
from obverse.io.roman_read import BORDER, RomanCargo, meta_of
from obverse.moment import Moment

__all__ = ["write_image", "write_ramp"]

_TAG = "asdf://stsci.edu/datamodels/roman/tags/{}-2.1.0"
_AMP33 = 128
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

_NOT_OURS = ("assign_wcs", "flux", "outlier_detection", "photom", "skymatch", "source_catalog", "tweakreg",
             "wfi18_transient")  # fmt: skip
_UNMEASURED = dict.fromkeys(("conversion_megajanskys", "conversion_megajanskys_uncertainty", "pixel_area"))


def write_image(
    frame: Frame,
    path: str | os.PathLike[str],
    *,
    detector: Any,
    provenance: Mapping[str, str] | None = None,
    overwrite: bool = False,
) -> None:
    r"""Write a rate image as level 2 of Roman.

    .. math:: \dot D = \dot e / g

    Parameters
    ----------
    frame
        A rate (row, column) [electron/s] with its border of reference pixels, which is trimmed.
    path
        Name of the file; missing directories are made.
    detector
        The detector that calibrated it: its gain :math:`g` [electron/DN].
    provenance
        Recorded in ``meta.cal_logs``.
    overwrite
        Allow another file of this name to be replaced.

    Raises
    ------
    UsageError
        If the frame is no rate in electron/s, or the detector has no gain.
    DataError
        If the file exists, is the frame's own source, or cannot be written.

    Notes
    -----
    Limits: the schema wants errors and variances as float16: three digits, and below 6e-5 fewer; a variance
    that would round to zero is written as the smallest number above it. `dumo` (uniform minus optimal weights) is
    NaN: it needs the ramp. Beyond the schema, ``jump_indices`` lists every flagged jump (resultant, row, column),
    in pixels of the trimmed image, where the frame has the companion ``resultant_flags``.
    Reference: Roman attribute dictionary 1.1, wfi_image-2.1.0.
    """
    if frame.unit != "electron/s" or frame.data.ndim != 2 or frame.variances is None:
        raise UsageError(f"a Roman image is a rate in electron/s with its variances, this frame is in {frame.unit!r}")
    tree = _tree(frame, _gain(frame, detector), Path(path).name, provenance or {})
    prepare_directory(Path(path).parent)
    write_asdf(path, {"roman": tree}, overwrite=overwrite, inputs=_inputs(frame))


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
        See `write_image`.

    Raises
    ------
    UsageError
        If the frame is not raw, or has more than one integration: Roman never resets within an exposure.

    Notes
    -----
    Limits: without a Roman file to take them from, the entries of ``meta`` are the schema's words for unknown, and
    amplifier 33, which we do not simulate, is zero. No reference read is subtracted.
    """
    if frame.unit != "DN" or frame.undone or frame.shape[:-3] not in ((), (1,)) or frame.exposure.pattern is None:
        raise UsageError(
            f"a Roman ramp is one integration of raw counts with a read pattern, this frame has {frame.shape} "
            f"[{frame.unit}], undone {', '.join(frame.undone) or 'nothing'}"
        )
    data = as_uint16(frame.data).reshape(frame.shape[-3:])
    meta = _merged(_named(frame), meta_of(frame) or {}) | {"filename": Path(path).name, "model_type": "ScienceRawModel"}
    meta["instrument"].pop("data_encoding_offset", None)  # nothing is encoded
    entries = {"meta": _with_logs(meta, provenance or {}), "data": data, "amp33": _amp33(frame)}
    if frame.flags is not None:
        entries["resultantdq"] = frame.flags.reshape(data.shape)
    prepare_directory(Path(path).parent)
    write_asdf(path, {"roman": _tagged(entries, "wfi_science_raw")}, overwrite=overwrite, inputs=_inputs(frame))


def _tree(frame: Frame, gain: NDArray[Any], name: str, provenance: Mapping[str, str]) -> TaggedMap:
    pixel_flags = np.zeros(frame.shape, np.uint32) if frame.pixel_flags is None else frame.pixel_flags
    dq = to_roman(pixel_flags | np.where(np.isfinite(frame.data), np.uint32(0), np.uint32(Flag.DO_NOT_USE)))
    entries = {
        "meta": _image_meta(frame, name, provenance),
        "data": _inside(frame.data / gain).astype(np.float32),
        "dq": _inside(dq),
        "err": _half(_inside(np.asarray(frame.error) / gain)),
        **{theirs: _half(_inside(plane / gain**2)) for theirs, plane in _variances(frame)},
        "chisq": _half(_inside(_chi2(frame))),
        "dumo": np.full(_inside(frame.data).shape, np.nan, np.float16),
        "amp33": _amp33(frame),
        **_border(frame, dq),
        **_jumps(frame),
    }
    return _tagged(entries, "wfi_image")


def _tagged(entries: Mapping[str, Any], model: str) -> TaggedMap:
    made = TaggedMap(entries)
    made.tag = _TAG.format(model)
    return made


def _gain(frame: Frame, detector: Any) -> NDArray[Any]:
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
    named = {"poisson": "var_poisson", "read": "var_rnoise", "flat": "var_flat"}
    if "poisson" not in found:
        raise UsageError(f"a Roman image needs the variance 'poisson', this frame has {sorted(found)}")
    return [(theirs, found[ours]) for ours, theirs in named.items() if ours in found]


def _chi2(frame: Frame) -> NDArray[Any]:
    """Return the chi-square of the fit, NaN where the estimator gives none."""
    found = frame.companions.get("chi2")
    return np.full(frame.shape, np.nan, np.float32) if found is None else found.data


def _amp33(frame: Frame) -> NDArray[np.uint16]:
    """Return amplifier 33 as it came, or zeros."""
    found = frame.companions.get("reference_output")
    if found is not None:
        return as_uint16(found.data).reshape(found.shape[-3:])
    pattern = frame.exposure.pattern
    return np.zeros((0 if pattern is None else len(pattern), frame.shape[-2], _AMP33), np.uint16)


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


# -- meta ------------------------------------------------------------------------------------------------------


def _image_meta(frame: Frame, name: str, provenance: Mapping[str, str]) -> dict[str, Any]:
    meta = _merged(_named(frame), meta_of(frame) or {}) | software()
    meta |= {"filename": name, "model_type": "ImageModel", "product_type": "l2"}
    meta |= {"wcs": None, "photometry": _UNMEASURED, "cal_step": _statuses(frame)}
    return _with_logs(meta, provenance)


def _named(frame: Frame) -> dict[str, Any]:
    """Return a ``meta`` of unknowns for this frame, for what its file leaves out."""
    said = (frame.exposure.detector or "").rpartition("/")[2]
    return unknown_meta(frame.exposure, said if said.startswith("WFI") else "WFI01")


def _merged(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    """Lay one tree over the other."""
    both = {k: _merged(below[k], v) for k, v in above.items() if isinstance(v, dict) and isinstance(below.get(k), dict)}
    return {**below, **above, **both}


def _statuses(frame: Frame) -> dict[str, str]:
    ours = {theirs: "COMPLETE" if name in frame.undone else "SKIPPED" for name, theirs in _STEPS.items()}
    return ours | dict.fromkeys(_NOT_OURS, "INCOMPLETE")


def _with_logs(meta: dict[str, Any], provenance: Mapping[str, str]) -> dict[str, Any]:
    return {**meta, "cal_logs": [f"{key}: {value}" for key, value in provenance.items()]}


def _inputs(frame: Frame) -> list[str]:
    source = frame.cargo.source if isinstance(frame.cargo, Cargo) else None
    return [source] if source else []
