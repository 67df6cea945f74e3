"""JWST ``_fitopt`` files: not an image but what was fitted to each segment, so they are described and not read."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence

import numpy as np

from obverse.errors import DataError
from obverse.io.door import Hdu
from obverse.io.text import shown, shown_path, stem

__all__ = ["is_fitopt", "planes", "refuse"]

_MARKS = {"SLOPE", "SIGSLOPE"}


def is_fitopt(hdus: Sequence[Hdu]) -> bool:
    """Say whether these units, perhaps without their pixels, are the optional product of a ramp fit."""
    is_jwst = str(hdus[0].header.get("TELESCOP", "")).strip().upper() == "JWST"
    return is_jwst and {hdu.name for hdu in hdus} >= _MARKS


def refuse(path: str | os.PathLike[str]) -> DataError:
    """Make the error of who reads one as a frame."""
    name = stem(path, ("_fitopt",))
    return DataError(
        f"{shown_path(path)}: PRIMARY/DATAMODL: holds what was fitted to each segment of each ramp, and no image, "
        f"read {name}_rate.fits or {name}_rateints.fits, or look at it with obverse show"
    )


def planes(hdus: Sequence[Hdu], path: str | os.PathLike[str]) -> Iterator[str]:
    """Yield what the file holds, a line a plane; zeros are segments that a ramp does not have."""
    name = stem(path, ("_fitopt",))
    yield f"{shown_path(path)}: what was fitted to each segment of each ramp; the rates are in {name}_rate.fits"
    yield "  axes: (integration, segment, row, column); PEDESTAL (integration, row, column); CRMAG counts jumps"
    for hdu in hdus:
        if hdu.data is None or hdu.data.dtype.names is not None:
            continue
        filled = hdu.data[np.isfinite(hdu.data) & (hdu.data != 0)]
        median = f"median {np.median(filled):.6g} of {filled.size} values" if filled.size else "empty"
        yield f"  {hdu.name:12} {hdu.data.dtype} {hdu.data.shape} [{shown(hdu.header.get('BUNIT', ''))}]: {median}"
