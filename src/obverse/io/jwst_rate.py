"""JWST ``_rate`` and ``_rateints`` files become images of rates, to look at and to compare."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from obverse.errors import DataError
from obverse.exposure import Exposure
from obverse.flags import Flag
from obverse.frame import Frame
from obverse.io import jwst_keywords as keywords
from obverse.io.cargo import DONE_BEFORE, Cargo
from obverse.io.door import Hdu
from obverse.io.header import Header
from obverse.io.text import FETCH, id_from_name, stem
from obverse.pattern import ReadPattern
from obverse.references import Setup

__all__ = ["is_rate", "is_rate_frame", "read_rate"]

_OF_A_PATTERN = ("NGROUPS", "NFRAMES", "GROUPGAP", "TFRAME")
_OF_A_SETUP = ("INSTRUME", "DETECTOR")
_VARIANCES = {"poisson": "VAR_POISSON", "read": "VAR_RNOISE", "flat": "VAR_FLAT"}


def is_rate(hdus: Sequence[Hdu]) -> bool:
    """Say whether the science unit holds rates: two or three axes, per second."""
    science = next(hdu for hdu in hdus if hdu.name == "SCI")
    return (
        science.data is not None
        and science.data.ndim in (2, 3)
        and "/S" in str(science.header.get("BUNIT", "")).upper()
    )


def is_rate_frame(frame: Frame) -> bool:
    """Say whether a frame is such an image of rates, with the headers that it came with."""
    headers = frame.cargo.headers if isinstance(frame.cargo, Cargo) else ()
    of_jwst = bool(headers) and str(headers[0].get("TELESCOP", "")).strip().upper() == "JWST"
    return of_jwst and frame.unit == "DN/s" and frame.axes == ("row", "column")


def read_rate(hdus: Sequence[Hdu], *, path: str | os.PathLike[str], overrides: Mapping[str, str]) -> Frame:
    """Make an image (row, column) or a cube (integration, row, column) of rates [DN/s], DQ as flags.

    Its exposure has the read pattern of the ramps, and its cargo the part of the detector, where the header says them.

    Raises
    ------
    DataError
        If DQ or a variance has another shape than the rates.
    """
    header = hdus[0].header.with_values(overrides)
    units = {hdu.name: hdu for hdu in hdus if hdu.version == 1}
    rates = np.asarray(units["SCI"].data)
    quality = _like(units, "DQ", rates)
    variances = {key: _like(units, name, rates) for key, name in _VARIANCES.items()}
    known = {key: plane for key, plane in variances.items() if plane is not None}
    bits = np.zeros(rates.shape, np.uint32) if quality is None else quality.astype(np.uint32) & keywords.COMMON_BITS
    return Frame(
        rates,
        "DN/s",
        ("integration", "row", "column")[3 - rates.ndim :],
        (bits & np.uint32(0xFF)).astype(np.uint8) if rates.ndim == 3 else None,
        pixel_flags=bits if rates.ndim == 2 else _common(bits),
        variances=known or None,
        exposure=_exposure(header, path),
        undone=keywords.undone(header),
        cargo=Cargo(
            os.fsdecode(path),
            (header, units["SCI"].header),
            provenance=_provenance(header),
            setup=_setup(header, rates),
        ),
    )


def _provenance(header: Header) -> dict[str, str]:
    """Return which version of ours has made the file, if one did, and what had been done before."""
    maker, _, version = (header.text("CAL_SW", None) or "").partition(" ")
    ours = {"obverse version": version, DONE_BEFORE: ", ".join(keywords.done_before(header))}
    return ours if maker == "obverse" else {}


def _setup(header: Header, rates: NDArray[Any]) -> Setup | None:
    """Return which part of which detector it is; None where nothing says it, or somebody has cut the image."""
    try:
        return keywords.setup(header, rates.shape) if all(key in header for key in _OF_A_SETUP) else None
    except DataError:  # of another size than the headers say
        return None


def _pattern(header: Header) -> ReadPattern | None:
    """Return the pattern of the ramps behind the rates, None where the header does not say all of it."""
    if not all(key in header for key in _OF_A_PATTERN):
        return None
    shape = (header.integer("NINTS", 1, least=1), header.integer("NGROUPS", least=1))
    return keywords.pattern(header, shape)


def _like(units: Mapping[str, Hdu], name: str, rates: NDArray[Any]) -> NDArray[Any] | None:
    data = units[name].data if name in units else None
    if data is not None and data.shape != rates.shape:
        raise units[name].header.error("NAXIS", f"shape {data.shape}, the rates have {rates.shape}", FETCH)
    return data


def _common(bits: NDArray[np.uint32]) -> NDArray[np.uint32]:
    """Return what holds for all integrations: the high bits, and DO_NOT_USE where none is usable."""
    lost = np.bitwise_and.reduce(bits) & np.uint32(Flag.DO_NOT_USE)
    return np.bitwise_or.reduce(bits) & ~np.uint32(0xFF) | lost


def _exposure(header: Header, path: str | os.PathLike[str]) -> Exposure:
    return Exposure(
        id_from_name(stem(path, keywords.LEVELS)),
        header.number("EFFEXPTM", _all_integrations(header), least=0.0),
        integrations=header.integer("NINTS", 1, least=1),
        start=keywords.start(header),
        pattern=_pattern(header),
        filter=header.text("FILTER", None),
        kind=keywords.kind(header),
        detector=f"{header.text('INSTRUME', '')}/{header.text('DETECTOR', '')}".upper(),
    )


def _all_integrations(header: Header) -> float | None:
    """Return the time of all integrations [s], where that of one is told."""
    one = header.number("EFFINTTM", None, least=0.0)
    return None if one is None else one * header.integer("NINTS", 1, least=1)
