"""Frames of Roman's coronagraph, raw ones and all that the pipeline makes of one exposure, become frames of ours."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from obverse.frame import Frame
from obverse.io import corgi_keywords as keywords
from obverse.io import corgi_undone as steps
from obverse.io.cargo import Cargo
from obverse.io.corgi_planes import companions_in, flags_in, image_of, is_read, sum_name, variances_in
from obverse.io.door import Hdu
from obverse.io.header import Header
from obverse.io.sanity import judge_raw

__all__ = ["datatype", "is_corgi", "read_corgi", "said_by"]

_MARKS = ("EMGAIN_C", "ARRTYPE")
_IMAGES = ("", "Image", "Dark", "FlatField")


def is_corgi(hdus: Sequence[Hdu]) -> bool:
    """Say whether these units, perhaps without their pixels, are of Roman's coronagraph, by name or by keywords."""
    if len(hdus) < 2:
        return False
    said = [str(hdus[0].header.get(key, "")).strip().upper() for key in ("TELESCOP", "INSTRUME")]
    by_keywords = said == ["", ""] and all(key in hdus[1].header for key in _MARKS)
    return (said[0] in ("ROMAN", "") and said[1] in ("CGI", "EXCAM")) or by_keywords


def datatype(hdus: Sequence[Hdu]) -> str:
    """Return what kind of calibration a file holds; nothing for frames."""
    return str(hdus[1].header.get("DATATYPE", "")).strip()


def said_by(hdus: Sequence[Hdu], overrides: Mapping[str, str]) -> Header:
    """Return the keywords of the image before those of the first unit, and ``--set`` before both.

    Raises
    ------
    DataError
        If the file holds another kind of calibration than an image.
    """
    header = keywords.merged(hdus[0].header, hdus[1].header).with_values(overrides)
    kind = datatype(hdus)
    if kind not in _IMAGES:
        how = "obverse.io.read_noise_maps reads it" if kind == "DetectorNoiseMaps" else "give a frame"
        raise header.error("DATATYPE", f"{kind!r} is no image", how)
    return header


def read_corgi(
    hdus: Sequence[Hdu], *, path: str | os.PathLike[str], overrides: Mapping[str, str] | None = None
) -> Frame:
    """Make a frame of a file of level L1 to L2b, or of a master dark.

    Returns
    -------
    Frame
        In the layout of the file, pixels as they are stored: uint16 [DN] at level L1, else float32 or float64 [DN, or
        electron]; its variance (`sum_name`) is the square of ERR, None where that is zero throughout, and its flags
        those of DQ.

    Raises
    ------
    DataError
        If a keyword is missing or wrong, ERR or DQ has not the shape of the image, or raw counts cannot be such.

    Notes
    -----
    Limits: where ERR has several layers the first counts, their sum; the others are not kept.
    """
    overrides = dict(overrides or {})
    header = said_by(hdus, overrides)
    data = image_of(hdus[1])
    unit, _ = steps.unit(header)
    units = {hdu.name: hdu for hdu in hdus[2:]}
    undone = steps.undone(header)
    flags, pixel_flags, others = flags_in(units, data)
    if unit == "DN" and not undone:
        flags = _judged(data, header, flags)
    variances, shared = variances_in(units, data, sum_name(undone))
    return Frame(
        data,
        unit,
        ("integration", "row", "column")[3 - data.ndim :],
        flags,
        pixel_flags=pixel_flags,
        variances=variances or None,
        exposure=keywords.exposure(header, path),
        undone=undone,
        companions=companions_in(hdus),
        shared=shared,
        cargo=Cargo(
            source=os.fsdecode(path),
            headers=(hdus[0].header, hdus[1].header),
            constants=keywords.constants(header),
            provenance={f"set {key}": value for key, value in overrides.items()},
            units=(*others, *(hdu for hdu in hdus[2:] if not is_read(hdu))),
        ),
    )


def _judged(data: NDArray[Any], header: Header, flags: NDArray[np.uint8] | None) -> NDArray[np.uint8] | None:
    found = judge_raw(data, f"{header.file}: {header.hdu}")
    return found if flags is None else flags if found is None else flags | found
