"""A raw ramp written as JWST writes it: an ``_uncal`` file, for programs that read those."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from obverse.errors import UsageError
from obverse.frame import Frame
from obverse.io.cards import Card
from obverse.io.cargo import Cargo, setup_of
from obverse.io.door import Hdu
from obverse.io.header import Header
from obverse.io.jwst_products import kept_cards, short_provenance
from obverse.io.jwst_read import TABLES
from obverse.io.products import as_uint16
from obverse.pattern import ReadPattern

__all__ = ["raw_hdus"]

_DETECTORS = {
    "jwst_nircam": ("NIRCAM", "NRCA1"),
    "jwst_nircam_long": ("NIRCAM", "NRCALONG"),
    "jwst_miri": ("MIRI", "MIRIMAGE"),
}
"""Instrument and detector by which a simulation of our detectors goes out."""


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
    extra = short_provenance(provenance)
    kept = [card for card in kept_cards(frame, 0) if card.key not in {*said, *extra}]
    primary = Header([*kept, *(Card(key, value) for key, value in {**said, **extra}.items())])
    science = Header([Card("BUNIT", "DN"), *(card for card in kept_cards(frame, 1) if card.key != "BUNIT")])
    zero = frame.companions.get("zero_frame")
    units = frame.cargo.units if isinstance(frame.cargo, Cargo) else ()
    return [
        Hdu(0, "PRIMARY", 1, primary, None),
        Hdu(1, "SCI", 1, science, as_uint16(frame.data)),
        *([] if zero is None else [Hdu(2, "ZEROFRAME", 1, Header([]), as_uint16(zero.data))]),
        *(unit for unit in units if unit.name in TABLES),
    ]


def _place(frame: Frame, name: str) -> dict[str, str | int]:
    """Return which detector it is, and which part of it."""
    said = frame.exposure.detector or ""
    instrument, detector = _DETECTORS.get(said.removesuffix("-measured"), tuple(said.partition("/")[::2]))
    if not detector:
        raise UsageError(
            f"{name}: an uncal file is one of JWST, this frame is of detector {said!r}: give the file another name"
        )
    setup = setup_of(frame)
    section = setup.section if setup is not None else None
    rows, columns = frame.shape[-2:]
    row, column = (0, 0) if section is None else (section.rows[0], section.columns[0])
    filled = {} if section is not None else {"SUBARRAY": "GENERIC"}
    where = {"SUBSTRT1": column + 1, "SUBSTRT2": row + 1, "SUBSIZE1": columns, "SUBSIZE2": rows}
    return {"TELESCOP": "JWST", "INSTRUME": instrument, "DETECTOR": detector, **filled, **where}


def _pattern(frame: Frame, name: str) -> dict[str, int | float]:
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
    return {**counts, "DRPFRMS1": first - 1, **times, "EFFINTTM": len(reads) * period * pattern.read_time}
