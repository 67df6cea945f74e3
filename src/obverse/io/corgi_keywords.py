"""What the keywords of a frame of Roman's coronagraph say of its exposure and of the detector.

Facts on the keywords are from the header definitions and the source of corgidrp 5.1.1.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from types import MappingProxyType

from obverse.exposure import Exposure
from obverse.io.corgi_undone import history
from obverse.io.header import Header
from obverse.io.text import id_from_name, stem, valid_id

__all__ = [
    "ACTUAL", "COMMANDED", "DETECTOR", "LEVELS", "MODES", "VISITS", "actual_gain", "constants", "exposure", "kind",
    "merged",
]  # fmt: skip

LEVELS = ("_l1_", "_l2a", "_l2b", "_drk_cal", "_cal")
"""Ends of file names that say how far a file had got; the last one where a recipe was stopped, in a file of ours."""

DETECTOR = "CGI/EXCAM"
"""Instrument and detector, as `Exposure.detector` says them."""

MODES = ("SCI", "ENG", "ENG_EM", "ENG_CONV")
"""Values of ARRTYPE."""

COMMANDED, ACTUAL = "EMGAIN_C", ("EMGAIN_M", "EMGAIN_A")
"""Keywords of the gain of the register: the commanded one, and the actual ones, the measured before the calibrated."""

VISITS: Mapping[str, str] = MappingProxyType(
    {
        "dark": "CGIVST_CAL_DRK",
        "flat": "CGIVST_CAL_FLAT",
        "trap_pump": "CGIVST_CAL_TPUMP",
        "science": "CGIVST_TDD_OBS",
    }
)
"""Kind of exposure, and the VISTYPE that says it."""

_THRESHOLD = "Cosmic ray threshold of "


def merged(primary: Header, image: Header) -> Header:
    """Put the keywords of the image before those of the first unit."""
    own = set(image)
    return Header(
        [*image.cards, *(card for card in primary.cards if card.key not in own)],
        image.file,
        image.hdu,
    )


def exposure(header: Header, path: str | os.PathLike[str]) -> Exposure:
    """Say what was set before the exposure began.

    Raises
    ------
    DataError
        If the exposure time or the commanded gain is missing or out of range.
    """
    name = header.text("EXPID", "")
    return Exposure(
        name if valid_id(name) else id_from_name(stem(path, LEVELS)),
        header.number("EXPTIME", least=0.0),
        em_gain=header.number(COMMANDED, positive=True),
        em_gain_actual=actual_gain(header),
        k_gain=_positive(header, "KGAINPAR"),
        kind=kind(header),
        start=header.date("SCTSRT", None) or header.date("DATETIME", None),
        filter=header.text("CFAMNAME", None) or None,
        detector=DETECTOR,
        mode=header.text("ARRTYPE", None),
    )


def actual_gain(header: Header) -> float | None:
    """Return the gain that the register had: a measured one wins, then a calibrated one; None where neither is known.

    Fill values (-999, -1, 0) say that a gain is not known, a missing keyword as well. A calibrated gain of exactly 1
    with no voltage on the register's clock (HVCBIAS) is a default: such files were made before the calibration.
    """
    measured, calibrated = (_positive(header, key) for key in ACTUAL)
    if measured is None and calibrated == 1.0 and header.number("HVCBIAS", 1.0) <= 0:
        return None
    return calibrated if measured is None else measured


def _positive(header: Header, key: str) -> float | None:
    value = header.number(key, None)
    return value if value is not None and value > 0 else None


def kind(header: Header) -> str:
    """Return what the exposure is for, by DATATYPE and VISTYPE; ``"science"`` where they say nothing else.

    Examples
    --------
    >>> kind(Header([]).with_values({"VISTYPE": "CGIVST_CAL_DRK"}))
    'dark'
    """
    ours = header.text("OBSTYPE", None)
    if ours is not None:
        return ours
    if str(header.get("DATATYPE", "")).strip() == "Dark":
        return "dark"
    said = str(header.get("VISTYPE", "")).strip().upper()
    return next((word for word, visit in VISITS.items() if visit == said), "science")


def constants(header: Header) -> dict[str, tuple[float, ...]]:
    """Return what the header says of the detector.

    ``gain`` [electron/DN], ``read_noise`` [electron], ``saturation`` [DN] and ``cosmic_ray_threshold`` [DN], the
    level from which the search for cosmic rays looked, where they are told.

    Examples
    --------
    >>> constants(Header([]).with_values({"KGAINPAR": "8.7", "HISTORY": "Cosmic ray threshold of 9827.6 used."}))
    {'gain': (8.7,), 'cosmic_ray_threshold': (9827.6,)}
    """
    keys = {"gain": "KGAINPAR", "read_noise": "RN", "saturation": "SAT_DN"}
    found = {name: _positive(header, key) for name, key in keys.items()}
    found["cosmic_ray_threshold"] = _threshold(history(header))
    return {name: (value,) for name, value in found.items() if value is not None}


def _threshold(lines: str) -> float | None:
    _, found, rest = lines.partition(_THRESHOLD)
    try:
        return float(rest.split(" used")[0].replace(" ", "")) if found else None
    except ValueError:
        return None
