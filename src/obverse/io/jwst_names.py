"""The mission's words: its detectors, kinds of exposures and names of read patterns.

Reference: JWST keyword dictionary (DETECTOR, EXP_TYPE, READPATT); JWST User Documentation, MIRI Detector Readout
Overview.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from obverse.named_patterns import NIRCAM

__all__ = ["DETECTORS", "WHOLE", "exposure_type", "named", "pattern_name"]

DETECTORS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "NIRCAM": (*(f"NRC{module}{i}" for module in "AB" for i in range(1, 5)), "NRCALONG", "NRCBLONG"),
        "MIRI": ("MIRIMAGE", "MIRIFULONG", "MIRIFUSHORT"),
        "NIRSPEC": ("NRS1", "NRS2"),
        "NIRISS": ("NIS",),
        "FGS": ("GUIDER1", "GUIDER2"),
    }
)
"""Detectors of each instrument."""

WHOLE: Mapping[str, tuple[int, int]] = MappingProxyType({"NIRCAM": (2048, 2048), "MIRI": (1024, 1032)})
"""Rows and columns of a whole detector, of those that we simulate."""

_SIMULATED = {
    "jwst_nircam": ("NIRCAM", "NRCA1"),
    "jwst_nircam_long": ("NIRCAM", "NRCALONG"),
    "jwst_miri": ("MIRI", "MIRIMAGE"),
}
"""Instrument and detector by which a simulation of our detectors goes out."""

_SLOWEST_FAST = 2.8
"""Longest frame of MIRI that is FASTR1 [s]: the whole detector takes 2.775, a part of it less."""

_TYPES = {
    "NIRCAM": {"science": "NRC_IMAGE", "dark": "NRC_DARK", "flat": "NRC_FLAT"},
    "MIRIMAGE": {"science": "MIR_IMAGE", "dark": "MIR_DARKIMG", "flat": "MIR_FLATIMAGE"},
    "MIRI": {"science": "MIR_MRS", "dark": "MIR_DARKMRS", "flat": "MIR_FLATMRS"},
    "NIRSPEC": {"science": "NRS_IMAGE", "dark": "NRS_DARK", "flat": "NRS_AUTOFLAT"},
    "NIRISS": {"science": "NIS_IMAGE", "dark": "NIS_DARK"},
    "FGS": {"science": "FGS_IMAGE", "dark": "FGS_DARK", "flat": "FGS_INTFLAT"},
}
"""EXP_TYPE of our kinds of exposures, by detector where that matters, else by instrument."""


def named(said: str) -> tuple[str, str] | None:
    """Return instrument and detector of what an exposure calls its detector; None where that is none of JWST.

    Examples
    --------
    >>> named("NIRCAM/NRCA1") == named("nrca1") == named("jwst_nircam") == ("NIRCAM", "NRCA1")
    True
    """
    ours = said.removesuffix("-measured")
    if ours in _SIMULATED:
        return _SIMULATED[ours]
    instrument, _, detector = said.upper().rpartition("/")
    if instrument:
        return (instrument, detector) if detector else None
    return next(((name, detector) for name, theirs in DETECTORS.items() if detector in theirs), None)


def exposure_type(instrument: str, detector: str, kind: str) -> str | None:
    """Return the EXP_TYPE of one of our kinds of exposures; None where the mission has no word for it.

    Examples
    --------
    >>> exposure_type("MIRI", "MIRIMAGE", "dark"), exposure_type("NIRCAM", "NRCA1", "ramps")
    ('MIR_DARKIMG', None)
    """
    return _TYPES.get(detector, _TYPES.get(instrument, {})).get(kind)


def pattern_name(instrument: str, frames: int, gap: int, frame_time: float) -> str | None:
    """Return the READPATT of an even pattern; None where it has no name.

    Examples
    --------
    >>> pattern_name("NIRCAM", 4, 1, 10.73677), pattern_name("MIRI", 1, 0, 2.775), pattern_name("NIRCAM", 3, 0, 10.0)
    ('SHALLOW4', 'FASTR1', None)
    """
    if instrument == "MIRI":
        return "FASTR1" if (frames, gap) == (1, 0) and frame_time <= _SLOWEST_FAST else None
    known = {counts: name for name, counts in NIRCAM.items()}
    return known.get((frames, gap)) if instrument == "NIRCAM" else None
