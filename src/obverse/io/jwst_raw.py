"""A raw ramp written as JWST writes it: an ``_uncal`` file, for programs that read those."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import numpy as np

from obverse.errors import UsageError
from obverse.exposure import Exposure
from obverse.frame import Frame
from obverse.io import jwst_keywords as keywords
from obverse.io.cards import Card
from obverse.io.cargo import Cargo, setup_of
from obverse.io.door import Hdu
from obverse.io.header import Header
from obverse.io.jwst_names import WHOLE, exposure_type, named, pattern_name
from obverse.io.jwst_read import TABLES
from obverse.io.kept import kept_cards, short_provenance
from obverse.io.products import as_uint16
from obverse.io.text import read_date
from obverse.pattern import ReadPattern

__all__ = ["raw_hdus"]

_MJD_0 = datetime(1858, 11, 17, tzinfo=UTC)
"""Where modified Julian dates begin."""


def raw_hdus(frame: Frame, name: str, provenance: Mapping[str, str]) -> list[Hdu]:
    """Return the units of an uncal file: Level1bModel.

    Parameters
    ----------
    frame
        A raw ramp [DN] of JWST, read or simulated, with an even pattern.
    name
        Name of the file.
    provenance
        How it was made; short keys become keywords.

    Raises
    ------
    UsageError
        If the frame is no raw ramp of one of JWST's detectors, or its pattern has no JWST keywords.
    """
    if frame.axes != ("integration", "resultant", "row", "column") or frame.undone or frame.unit != "DN":
        raise UsageError(f"{name}: an uncal file holds raw ramps, this frame is {frame!r}: give it another name")
    said = {**_pattern(frame, name), **_place(frame, name), "FILENAME": name, "DATAMODL": "Level1bModel"}
    header = frame.cargo.headers[0] if isinstance(frame.cargo, Cargo) and frame.cargo.headers else Header([])
    said |= _told(frame.exposure, said, header) | short_provenance(provenance)
    kept = [card for card in kept_cards(frame, 0) if card.key not in said]
    primary = Header([*kept, *(Card(key, value) for key, value in said.items())])
    science = Header([Card("BUNIT", "DN"), *(card for card in kept_cards(frame, 1) if card.key != "BUNIT")])
    zero = frame.companions.get("zero_frame")
    units = frame.cargo.units if isinstance(frame.cargo, Cargo) else ()
    return [
        Hdu(0, "PRIMARY", 1, primary, None),
        Hdu(1, "SCI", 1, science, as_uint16(frame.data)),
        *([] if zero is None else [Hdu(2, "ZEROFRAME", 1, Header([]), as_uint16(zero.data))]),
        *(unit for unit in units if unit.name in TABLES),
    ]


def _place(frame: Frame, name: str) -> dict[str, Any]:
    """Return which detector it is, and which part of it; of a simulation, which detector of ours it was."""
    said = frame.exposure.detector or ""
    found = named(said)
    if found is None:
        raise UsageError(
            f"{name}: an uncal file is one of JWST, this frame is of detector {said!r}: give the file another name, "
            "or its Exposure a detector of JWST, such as 'NIRCAM/NRCA1' or 'NRCA1'"
        )
    setup = setup_of(frame)
    section = setup.section if setup is not None else None
    rows, columns = frame.shape[-2:]
    row, column = (0, 0) if section is None else (section.rows[0], section.columns[0])
    where = {"SUBSTRT1": column + 1, "SUBSTRT2": row + 1, "SUBSIZE1": columns, "SUBSIZE2": rows}
    whole = {} if section is not None else {"SUBARRAY": _subarray(found[0], (rows, columns)), keywords.SIMULATED: said}
    return {"TELESCOP": "JWST", "INSTRUME": found[0], "DETECTOR": found[1], **whole, **where}


def _subarray(instrument: str, shape: tuple[int, int]) -> str:
    return "FULL" if WHOLE.get(instrument) == shape else "GENERIC"


def _pattern(frame: Frame, name: str) -> dict[str, Any]:
    """Return the keywords of an even pattern."""
    pattern = frame.exposure.pattern
    if pattern is None:
        raise UsageError(f"{name}: a ramp without a read pattern cannot be written, give its exposure one")
    reads = [np.asarray(group) for group in pattern.reads]
    frames, first = len(reads[0]), int(reads[0][0])
    period = int(reads[1][0]) - first if len(reads) > 1 else frames
    even = [[first + k * period + j for j in range(frames)] for k in range(len(reads))]
    if ReadPattern(even, pattern.read_time) != pattern:
        raise UsageError(f"{name}: JWST keywords describe even patterns, this one is {pattern.reads}")
    counts = {"NINTS": frame.shape[0], "NGROUPS": frame.shape[1], "NFRAMES": frames, "GROUPGAP": period - frames}
    times = {"TFRAME": pattern.read_time, "TGROUP": period * pattern.read_time}
    return {**counts, "DRPFRMS1": first - 1, **times, "EFFINTTM": pattern.times[-1][-1]}


def _told(exposure: Exposure, said: Mapping[str, Any], header: Header) -> dict[str, Any]:
    """Return what the exposure says of itself, but for what the header of its file says already, and better."""
    name = pattern_name(said["INSTRUME"], said["NFRAMES"], said["GROUPGAP"], said["TFRAME"])
    filled = {"READPATT": name, "EFFEXPTM": said["NINTS"] * said["EFFINTTM"]}
    new = {key: value for key, value in filled.items() if key not in header}
    if exposure.start != keywords.start(header):
        new |= _start(exposure)
    if not header or exposure.kind != keywords.kind(header):
        word = exposure_type(said["INSTRUME"], said["DETECTOR"], exposure.kind)
        new |= {"EXP_TYPE": word, "OBSTYPE": exposure.kind}
    new |= {"EXPID": exposure.id, "FILTER": exposure.filter}
    return {key: value for key, value in new.items() if value is not None}


def _start(exposure: Exposure) -> dict[str, Any]:
    """Return when it began: day and time, and the modified Julian date of both [d], UTC."""
    try:
        day, _, clock = read_date(exposure.start or "").partition("T")
        days = (datetime.fromisoformat(f"{day}T{clock or '00:00'}+00:00") - _MJD_0).total_seconds() / 86400.0
    except (ValueError, TypeError):
        what = f"{exposure.start!r} is no date and time in UTC, such as 2027-03-01T10:00:00"
        raise UsageError(f"Exposure {exposure.id!r}: start: {what}") from None
    return {"DATE-OBS": day, **({"TIME-OBS": clock, "EXPSTART": days} if clock else {})}
