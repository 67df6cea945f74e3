"""Keywords of a frame as the files of Roman's coronagraph have them."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from obverse.errors import UsageError
from obverse.frame import Frame
from obverse.io import corgi_keywords as keywords
from obverse.io import corgi_undone as steps
from obverse.io.cards import Card
from obverse.io.door import Hdu
from obverse.io.header import Header
from obverse.io.kept import kept_cards, short_provenance

__all__ = ["file_cards", "image_cards", "primary_unit"]

_ASKED_FOR: Mapping[str, Any] = MappingProxyType(
    {
        "CFAMNAME": "",
        "LSAMNAME": "OPEN",
        "DPAMNAME": "IMAGING",
        "EACQ_ROW": 0.0,
        "EACQ_COL": 0.0,
        "ISPC": 0,
        "OVEREXP": 0,
    }
)
"""Keywords without which corgidrp stops; of a simulation they say that nothing is in the way of the light."""


def file_cards(name: str, provenance: Mapping[str, str]) -> dict[str, Any]:
    """Return what the first unit of every such file says."""
    telescope = {"TELESCOP": "ROMAN", "INSTRUME": "CGI", "DETECTOR": "EXCAM"}
    return {**telescope, "FILENAME": name, **short_provenance(provenance)}


def primary_unit(frame: Frame, name: str, provenance: Mapping[str, str]) -> Hdu:
    """Return the first unit: which instrument, which exposure, and how the file was made."""
    _refuse_others(frame, name)
    exposure = frame.exposure
    said = {**file_cards(name, provenance), "EXPID": exposure.id, "OBSTYPE": exposure.kind}
    kept = [card for card in kept_cards(frame, 0) if card.key not in said]
    header = Header(kept)
    if keywords.kind(header) != exposure.kind or "VISTYPE" not in header:
        said["VISTYPE"] = keywords.VISITS.get(exposure.kind, keywords.VISITS["science"])
    if not kept:
        said["MOCK"] = True
    old = [card for card in kept if card.key not in said]
    return Hdu(0, "PRIMARY", 1, Header([*old, *(Card(key, value) for key, value in said.items())]), None)


def _refuse_others(frame: Frame, name: str) -> None:
    """Refuse frames of other instruments; a simulation's detector is one of ours, whatever its name."""
    said = frame.exposure.detector or ""
    if not any(word in said.upper() for word in ("CGI", "EXCAM")):
        raise UsageError(
            f"{name}: such files are of Roman's coronagraph, this frame is of detector {said!r}: give the file another "
            f"name, or its Exposure the detector {keywords.DETECTOR!r}"
        )


def image_cards(frame: Frame, name: str, said: Mapping[str, Any]) -> list[Card]:
    """Return the cards of the image: those that it came with, and over them what the exposure says."""
    kept = [card for card in kept_cards(frame, 1) if card.key not in ("OBSTYPE", "EXPID")]
    asked_for = {key: value for key, value in _ASKED_FOR.items() if not kept}
    new = {**asked_for, **_told(frame, Header(kept), name), **said}
    drop = set(new) | ({keywords.ACTUAL[0]} if keywords.ACTUAL[1] in new else set())
    old = [card for card in kept if card.key not in drop and (card.key != steps.UNDONE or steps.UNDONE in new)]
    return [*old, *(Card(key, value) for key, value in new.items())]


def _told(frame: Frame, header: Header, name: str) -> dict[str, Any]:
    """Return what the exposure says of itself, in so far as the header does not say the same."""
    exposure = frame.exposure
    if exposure.exposure_time is None:
        raise UsageError(f"{name}: {exposure.id!r} has no exposure_time, give it one")
    new: dict[str, Any] = {
        "EXPTIME": exposure.exposure_time,
        keywords.COMMANDED: exposure.em_gain,
        "ARRTYPE": exposure.mode,
        "KGAINPAR": exposure.k_gain or 0.0,
        "CFAMNAME": exposure.filter,
        "DESMEAR": "smear" in frame.undone,
        "CTI_CORR": "charge_transfer" in frame.undone,
    }
    if exposure.start is not None and (header.get("SCTSRT") or header.get("DATETIME")) != exposure.start:
        new |= {"SCTSRT": exposure.start, "DATETIME": exposure.start, "FTIMEUTC": exposure.start}
    if keywords.ACTUAL[1] not in header or keywords.actual_gain(header) != exposure.em_gain_actual:
        new[keywords.ACTUAL[1]] = exposure.em_gain_actual or 0.0  # 0 says that it is not known; a missing key is fatal
    return {key: value for key, value in new.items() if value is not None}
