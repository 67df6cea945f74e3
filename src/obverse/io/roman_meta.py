"""The ``meta`` of a Roman file, where no real one is known: every entry that its schema asks for, saying "unknown".

Entries follow the schema of Roman attribute dictionary (RAD) 1.1; "?" and -999999 are its own words for unknown.
"""

from __future__ import annotations

import copy
import importlib.metadata
from datetime import datetime, timedelta
from typing import Any

from obverse.errors import UsageError
from obverse.exposure import Exposure
from obverse.io.asdf_tree import CORE, TaggedText

__all__ = ["NO_TIME", "UNKNOWN", "asdf_time", "software", "unknown_meta"]

UNKNOWN = -999999
"""The number by which the schemas say that a number is not known."""

_WORD = "?"
_KINDS = {"dark": "WFI_IM_DARK", "flat": "WFI_FLAT"}
NO_TIME = "2000-01-01T00:00:00.000"
"""The time that stands for one that is not known: the schema has no word for that."""


def software() -> dict[str, str]:
    """Return the entries of ``meta`` that say who made a file."""
    version = importlib.metadata.version("obverse")
    return {"calibration_software_name": "obverse", "calibration_software_version": version}


def asdf_time(iso: str | None) -> TaggedText:
    """Return a time as ASDF writes it, UTC; 2000-01-01 where it is not known."""
    made = TaggedText(iso if iso and "T" in iso else f"{iso}T00:00:00.000" if iso else NO_TIME)
    made.tag = f"{CORE}time/time-1.4.0"
    return made


def unknown_meta(exposure: Exposure, detector: str) -> dict[str, Any]:
    """Return a complete ``meta`` for an exposure of which nothing but its `Exposure` is known.

    Examples
    --------
    >>> unknown_meta(Exposure("a"), "WFI01")["instrument"]["detector"]
    'WFI01'
    """
    meta = copy.deepcopy(_UNKNOWN)
    start = asdf_time(exposure.start)
    meta["exposure"] |= _timing(exposure) | {"start_time": start, "end_time": _end(start, exposure)}
    meta["visit"]["start_time"] = meta["file_date"] = start
    meta["instrument"] |= {"detector": detector, "optical_element": exposure.filter or "NOT_CONFIGURED"}
    meta["wcsinfo"]["aperture_name"] = f"{detector}_FULL"
    return meta | software()


def _end(start: str, exposure: Exposure) -> TaggedText:
    end = datetime.fromisoformat(start) + timedelta(seconds=exposure.exposure_time or 0.0)
    return asdf_time(end.isoformat(timespec="milliseconds"))


def _timing(exposure: Exposure) -> dict[str, Any]:
    """Return what the read pattern says."""
    kind: dict[str, Any] = {"type": _KINDS.get(exposure.kind, "WFI_IMAGE")}
    if exposure.pattern is None:
        return kind
    pattern = exposure.pattern
    reads = [[int(read) for read in group] for group in pattern.reads]
    if reads != [list(group) for group in pattern.reads]:
        raise UsageError("a Roman file numbers its reads from 1: give ReadPattern whole read numbers and a read_time")
    return kind | {
        "nresultants": len(pattern),
        "read_pattern": reads,
        "frame_time": pattern.read_time,
        "exposure_time": pattern.times[-1][-1],
        "effective_exposure_time": float(pattern.tbar[-1] - pattern.tbar[0]),
    }


def _numbers(*names: str) -> dict[str, Any]:
    return dict.fromkeys(names, float(UNKNOWN))


def _counts(*names: str) -> dict[str, Any]:
    return dict.fromkeys(names, UNKNOWN)


def _words(*names: str) -> dict[str, Any]:
    return dict.fromkeys(names, _WORD)


_UNKNOWN: dict[str, Any] = {
    **_words("prd_version", "product_type", "sdf_software_version", "filename"),
    "origin": "STSCI/SOC",  # the only word that the schema allows
    "telescope": "ROMAN",
    "model_type": "ScienceRawModel",
    "coordinates": {"reference_frame": "ICRS"},
    "ephemeris": _words("ephemeris_reference_frame", "type")
    | _numbers("spatial_x", "spatial_y", "spatial_z", "time", "velocity_x", "velocity_y", "velocity_z"),
    "exposure": _words("engineering_quality", "ma_table_id", "ma_table_name")
    | _counts("ma_table_number", "nresultants")
    | _numbers("exposure_time", "effective_exposure_time", "frame_time")
    | {"data_problem": None, "hga_move": False, "read_pattern": [], "truncated": False},
    "guide_star": _words("epoch", "guide_mode", "guide_star_id", "guide_window_id")
    | _counts("window_xstart", "window_xstop", "window_ystart", "window_ystop"),
    "instrument": {"name": "WFI"},
    "observation": _words("observation_id", "visit_file_activity", "visit_id")
    | _counts("execution_plan", "exposure", "observation", "pass", "program", "segment", "visit")
    | _counts("visit_file_group", "visit_file_sequence")
    | {"wfi_parallel": False},
    "pointing": {"pointing_engineering_source": "CALCULATED", "target_aperture": _WORD}
    | _numbers("dec_v1", "pa_aperture", "pa_v3", "ra_v1", "target_dec", "target_ra"),
    "program": _words("category", "investigator_name", "science_category", "subcategory", "title"),
    "rcs": {"active": False, "bank": "1", "counts": UNKNOWN, "electronics": "A", "led": _WORD},
    "ref_file": {"crds": _words("context", "version")}
    | _words("apcorr", "area", "dark", "darkdecaysignal", "distortion", "epsf", "flat", "gain")
    | _words("integralnonlinearity", "inverselinearity", "linearity", "mask", "photom", "readnoise")
    | _words("refpix", "saturation"),
    "velocity_aberration": _numbers("dec_reference", "ra_reference", "scale_factor"),
    "visit": {
        "dither": {"executed_pattern": [], **_words("primary_name", "subpixel_name")},
        "internal_target": False,
        "nexposures": UNKNOWN,
        "type": _WORD,
    },
    "wcsinfo": {"s_region": _WORD, "vparity": -1}
    | _numbers("dec_ref", "ra_ref", "roll_ref", "v2_ref", "v3_ref", "v3yangle"),
}
