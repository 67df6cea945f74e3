"""Planes of a frame as units beside the image: ERR and DQ for the pipeline, and what these cannot say."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from obverse.frame import Frame
from obverse.io.cards import Card
from obverse.io.cargo import Cargo
from obverse.io.corgi_bits import OTHER_BITS, from_corgi, to_corgi
from obverse.io.corgi_planes import COMPANION, SHARED, VARIANCE, sum_name
from obverse.io.door import Hdu
from obverse.io.header import Header

__all__ = ["companion_units", "errors_of", "flag_units", "passengers", "quality_of", "variance_units"]


def errors_of(frame: Frame) -> NDArray[Any]:
    """Return the error with one more axis; zeros, as the pipeline has it, where nobody has made one."""
    error = frame.error
    dtype = frame.data.dtype if frame.data.dtype.kind == "f" else np.dtype("f4")
    return np.zeros((1, *frame.shape), dtype) if error is None else error[None].astype(dtype)


def variance_units(frame: Frame) -> list[Hdu]:
    """Return a unit a component, unless ERR says all: a frame of one variance that is not shared."""
    planes = frame.variances or {}
    if set(planes) <= {sum_name(frame.undone)} and not frame.shared:
        return []
    return [Hdu(0, f"{VARIANCE}{key.upper()}", 1, _of_shared(frame, key), plane) for key, plane in planes.items()]


def _of_shared(frame: Frame, key: str) -> Header:
    return Header([Card(SHARED, frame.shared[key])] if key in frame.shared else [])


def quality_of(frame: Frame) -> NDArray[Any]:
    """Return DQ: our flags, and the bits that came with the file and no flag stands for."""
    dq = to_corgi(frame.shape, frame.flags, frame.pixel_flags)
    units = frame.cargo.units if isinstance(frame.cargo, Cargo) else ()
    others = [unit.data for unit in units if unit.name == OTHER_BITS and unit.data is not None]
    if not others or others[0].shape != frame.shape:
        return dq
    both: NDArray[Any] = dq | others[0]
    return both if both.max() > np.iinfo(np.uint16).max else both.astype(np.uint16)


def flag_units(frame: Frame, dq: NDArray[Any]) -> list[Hdu]:
    """Return our flags, where DQ does not tell all of them."""
    pairs = zip(("FLAGS", "PIXEL_FLAGS"), (frame.flags, frame.pixel_flags), from_corgi(dq), strict=True)
    return [
        Hdu(0, name, 1, Header([]), ours)
        for name, ours, theirs in pairs
        if ours is not None and not (theirs is not None and np.array_equal(ours, theirs))
    ]


def companion_units(frame: Frame) -> list[Hdu]:
    """Return a unit with the pixels of each companion."""
    return [
        Hdu(0, f"{COMPANION}{name.upper()}", 1, Header([Card("BUNIT", each.unit)]), each.data)
        for name, each in frame.companions.items()
    ]


def passengers(frame: Frame) -> list[Hdu]:
    """Return the units of the original file that are not ours to read, as BIAS."""
    units = frame.cargo.units if isinstance(frame.cargo, Cargo) else ()
    return [unit for unit in units if unit.name and unit.name != OTHER_BITS]
