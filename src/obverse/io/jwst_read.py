"""JWST ``_uncal`` and ``_ramp`` files become ramps; ``_rate`` and ``_rateints`` become images."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from obverse.errors import DataError
from obverse.flags import Flag
from obverse.frame import Frame
from obverse.io import jwst_keywords as keywords
from obverse.io.cards import Card
from obverse.io.cargo import Cargo
from obverse.io.door import Hdu
from obverse.io.header import Header
from obverse.io.jwst_names import DETECTORS
from obverse.io.text import FETCH

__all__ = ["OTHER_BITS", "TABLES", "is_jwst", "read_jwst", "resumed"]

OTHER_BITS = "OBV_OTHER_DQ"
"""Name under which quality bits without a flag of ours travel from a file to its products."""

_AXES = ("integration", "resultant", "row", "column")
TABLES = ("GROUP", "INT_TIMES")
"""Tables of times: they travel with the frame."""


def is_jwst(hdus: Sequence[Hdu]) -> bool:
    """Say whether these units are a ramp, or rates, of JWST; or are meant as a ramp, though no telescope is named."""
    science = next((hdu.header for hdu in hdus if hdu.name == "SCI"), None)
    if science is None:
        return False
    said = {key: str(hdus[0].header.get(key, "")).strip().upper() for key in ("TELESCOP", "INSTRUME")}
    is_meant = not said["TELESCOP"] and said["INSTRUME"] in DETECTORS and science.get("NAXIS") == len(_AXES)
    return said["TELESCOP"] == "JWST" or is_meant


def read_jwst(
    hdus: Sequence[Hdu], *, path: str | os.PathLike[str], overrides: Mapping[str, str] | None = None
) -> Frame:
    """Make a frame of the units of a JWST file.

    Returns
    -------
    Frame
        Axes (integration, resultant, row, column) [DN]; uint16 of an uncal file stays uint16. GROUPDQ become
        `flags`, PIXELDQ `pixel_flags`; what the pipeline has done is `undone`. Companions ``zero_frame``
        (integration, row, column) and ``reference_output``. The first and last group of MIRI get DO_NOT_USE.

    Raises
    ------
    DataError
        If keywords and arrays contradict one another: one line.
    """
    overrides = dict(overrides or {})
    primary = hdus[0].header.with_values(overrides)
    if primary.text("TELESCOP", None) is None:
        raise primary.error("TELESCOP", "missing", "if this is a file of JWST give it with --set TELESCOP=JWST")
    units = {hdu.name: hdu for hdu in hdus if hdu.version == 1}
    data = _pixels(units)
    undone = keywords.undone(primary)
    setup = keywords.setup(primary, data.shape)
    pixel_flags, other = _pixel_flags(units, data.shape[-2:])
    flags = _group_flags(units, data.shape)
    flags, marked = (flags, primary) if setup.instrument != "MIRI" else _without_ends(primary, data.shape, flags)
    return Frame(
        data,
        "DN",
        _AXES,
        flags,
        pixel_flags=pixel_flags,
        exposure=keywords.exposure(primary, data.shape, os.path.basename(os.fsdecode(path))),
        undone=undone,
        companions=_companions(units, data.shape),
        cargo=Cargo(
            source=os.fsdecode(path),
            headers=(marked, units["SCI"].header),
            provenance=keywords.simulation(primary) | {f"set {key}": value for key, value in overrides.items()},
            setup=setup,
            units=(*(units[name] for name in TABLES if name in units), *other),
        ),
    )


def resumed(frame: Frame) -> Frame:
    """Return a ramp out of a file of ours, with the setup that its headers tell; unchanged where they do not fit it."""
    if frame.axes != _AXES or not isinstance(frame.cargo, Cargo):
        return frame
    headers = tuple(_as_it_was(header) for header in frame.cargo.headers)
    try:
        setup = keywords.setup(headers[0], frame.shape)
    except DataError:  # cut by somebody: then it is no part of which the headers speak
        return frame
    return frame.replace(cargo=replace(frame.cargo, headers=headers, setup=setup))


def _as_it_was(header: Header) -> Header:
    """Return a kept header without the card that says where it comes from."""
    cards = [card for card in header.cards if card.key != "ORIGHDU"]
    return Header(cards, header.file, str(header.get("ORIGHDU", header.hdu)))


def _pixels(units: Mapping[str, Hdu]) -> NDArray[Any]:
    data = units["SCI"].data
    header = units["SCI"].header
    if data is None or data.ndim != 4:
        what = f"{0 if data is None else data.ndim} axes where (integration, group, row, column) is expected"
        raise header.error("NAXIS", what, "give the uncal or the ramp file")
    unit = (header.text("BUNIT", None) or "DN").upper()
    if unit not in ("DN", "COUNTS"):
        raise header.error("BUNIT", f"{unit} where DN is expected", "give the uncal or the ramp file")
    return data


def _optional(units: Mapping[str, Hdu], name: str, shape: Sequence[int | None]) -> NDArray[Any] | None:
    """Return the array of a unit, or None; None in `shape` fits any length."""
    data = units[name].data if name in units else None
    if data is None:
        return None
    if data.ndim != len(shape) or any(n is not None and m != n for m, n in zip(data.shape, shape, strict=True)):
        wanted = " x ".join("any" if n is None else str(n) for n in shape)
        raise units[name].header.error("NAXIS", f"shape {data.shape} where {wanted} is expected", FETCH)
    return data


def _quality(units: Mapping[str, Hdu], name: str, shape: Sequence[int]) -> NDArray[Any] | None:
    quality = _optional(units, name, shape)
    if quality is not None and quality.dtype.kind not in "iu":
        raise units[name].header.error("BITPIX", f"{quality.dtype} where whole numbers are expected", FETCH)
    return quality


def _group_flags(units: Mapping[str, Hdu], shape: Sequence[int]) -> NDArray[np.uint8] | None:
    quality = _quality(units, "GROUPDQ", shape)
    return None if quality is None else (quality & np.uint8(int(keywords.COMMON_BITS) & 0xFF)).astype(np.uint8)


def _pixel_flags(units: Mapping[str, Hdu], shape: Sequence[int]) -> tuple[NDArray[np.uint32] | None, list[Hdu]]:
    """Return our flags, and a unit with the bits that have no name among them."""
    quality = _quality(units, "PIXELDQ", shape)
    if quality is None:
        return None, []
    bits = quality.astype(np.uint32)
    other = bits & ~keywords.COMMON_BITS
    kept = [Hdu(0, OTHER_BITS, 1, Header([]), other)] if other.any() else []
    return bits & keywords.COMMON_BITS, kept


def _companions(units: Mapping[str, Hdu], shape: Sequence[int]) -> dict[str, Frame]:
    nints, ngroups, rows, columns = shape
    zero = _optional(units, "ZEROFRAME", (nints, rows, columns))
    reference = _optional(units, "REFOUT", (nints, ngroups, rows, None))
    found = {} if zero is None else {"zero_frame": Frame(zero, "DN", ("integration", "row", "column"))}
    return found if reference is None else {**found, "reference_output": Frame(reference, "DN", _AXES)}


_LEAST_GROUPS = {"S_FRSTFR": (0, 4), "S_LASTFR": (-1, 3)}
"""Group that each step of MIRI leaves out, and the groups that a ramp must have for it: firstframe, lastframe."""


def _without_ends(
    primary: Header, shape: Sequence[int], flags: NDArray[np.uint8] | None
) -> tuple[NDArray[np.uint8] | None, Header]:
    """Flag the first and last group of MIRI, which the resets disturb, unless the pipeline has dealt with them."""
    todo = [
        (key, group)
        for key, (group, least) in _LEAST_GROUPS.items()
        if (primary.text(key, None) or "") == "" and shape[1] >= least
    ]
    if not todo:
        return flags, primary
    made = np.zeros(shape, np.uint8) if flags is None else flags.copy()
    for _, group in todo:
        made[:, group] |= np.uint8(Flag.DO_NOT_USE)
    done = [Card(key, "COMPLETE", "group flagged by obverse") for key, _ in todo]
    return made, Header([*primary.cards, *done], primary.file, primary.hdu)
