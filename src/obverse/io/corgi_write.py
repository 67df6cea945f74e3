"""Frames written as files of Roman's coronagraph: raw ones (L1), calibrated ones (L2a, L2b) and master darks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from obverse.errors import UsageError
from obverse.frame import Frame
from obverse.io import corgi_undone as steps
from obverse.io.cards import Card
from obverse.io.corgi_cards import image_cards, primary_unit
from obverse.io.corgi_planes_write import (
    companion_units,
    errors_of,
    flag_units,
    passengers,
    quality_of,
    variance_units,
)
from obverse.io.door import Hdu
from obverse.io.header import Header
from obverse.io.products import as_uint16

__all__ = ["CHECKSUMS", "dark_hdus", "image_hdus", "raw_hdus"]

CHECKSUMS = False
"""corgidrp keeps the cards of checksums and changes the pixels: what it saves of files with them would be refused."""

_AXES = (("row", "column"), ("integration", "row", "column"))


def raw_hdus(frame: Frame, name: str, provenance: Mapping[str, str]) -> list[Hdu]:
    """Return the units of a raw file, level L1: a first one without pixels, and the counts.

    Parameters
    ----------
    frame
        A raw frame (row, column) [DN] in the layout of the file, read or simulated.
    name
        Name of the file.
    provenance
        How it was made; short keys become keywords.

    Raises
    ------
    UsageError
        If the frame is not raw, or not of this detector.
    DataError
        If its values are no counts.
    """
    if frame.axes != _AXES[0] or frame.undone or frame.unit != "DN":
        raise UsageError(f"{name}: a file of level L1 holds raw counts, this frame is {frame!r}: give another name")
    image = Header(image_cards(frame, name, {"BUNIT": "DN", "DATALVL": "L1"}))
    return [primary_unit(frame, name, provenance), Hdu(1, "", 1, image, as_uint16(frame.data))]


def image_hdus(frame: Frame, name: str, provenance: Mapping[str, str], level: str = "") -> list[Hdu]:
    """Return the units of a calibrated file: the image, ERR and DQ as the pipeline reads them, and what it has not.

    Variances by component, and flags without a bit of DQ, follow in units of their own (VAR_*, FLAGS, PIXEL_FLAGS).

    Parameters
    ----------
    frame
        A frame in the layout of the file, or a stack of such.
    name, provenance
        See `raw_hdus`.
    level
        What DATALVL says; left out, L2a for DN and L2b for electrons.

    Raises
    ------
    UsageError
        If the frame is in read-out order, or in a unit that these files do not have.

    Notes
    -----
    Limits: of companions the pixels and their unit are kept.
    """
    if frame.axes not in _AXES:
        raise UsageError(f"{name}: holds images (row, column), this frame is {frame!r}: assemble it first")
    said = {"BUNIT": _unit(frame, name), "DATALVL": level or ("L2a" if frame.unit == "DN" else "L2b")}
    said[steps.UNDONE] = " ".join(frame.undone)
    image = Header(image_cards(frame, name, said))
    dq = quality_of(frame)
    hdus = [
        primary_unit(frame, name, provenance),
        Hdu(1, "", 1, image, frame.data),
        Hdu(2, "ERR", 1, Header([Card("BUNIT", said["BUNIT"])]), errors_of(frame)),
        Hdu(3, "DQ", 1, Header([]), dq),
        *variance_units(frame),
        *flag_units(frame, dq),
        *companion_units(frame),
        *passengers(frame),
    ]
    return [replace(hdu, index=i) for i, hdu in enumerate(hdus)]


def dark_hdus(frame: Frame, name: str, provenance: Mapping[str, str]) -> list[Hdu]:
    """Return the units of a master dark; one whose variance is shared was made of noise maps (IS_SYNTH).

    Parameters
    ----------
    frame
        A dark [electron before the register], with its exposure's time and gain; its companion ``frames``, where it
        has one, says how many frames each pixel was made of.
    name, provenance
        See `raw_hdus`.
    """
    hdus = image_hdus(frame, name, provenance, "CAL")
    said: dict[str, Any] = {
        "BUNIT": "detected electron",
        "DATATYPE": "Dark",
        "IS_SYNTH": int(bool(frame.shared)),
        "PC_STAT": "analog master dark",
        "DRPNFILE": round(float(frame.companions["frames"].data.mean())) if "frames" in frame.companions else 1,
    }
    old = [card for card in hdus[1].header.cards if card.key not in said]
    hdus[1] = replace(hdus[1], header=Header([*old, *(Card(key, value) for key, value in said.items())]))
    return hdus


def _unit(frame: Frame, name: str) -> str:
    """Return the BUNIT of a frame: of those with its unit, the last whose steps have all been undone, or the first."""
    alike = {word: done for word, (unit, done) in steps.UNITS.items() if unit == frame.unit}
    if not alike:
        known = ", ".join(sorted({unit for unit, _ in steps.UNITS.values()}))
        raise UsageError(f"{name}: unit {frame.unit!r}: these files hold {known}, give the file another name")
    first = next(iter(alike))
    return [first, *(word for word, done in alike.items() if set(done) <= set(frame.undone))][-1]
