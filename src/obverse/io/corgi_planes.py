"""Units of a file of Roman's coronagraph that stand beside the image: errors, quality bits, and those of ours."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from obverse.frame import Frame
from obverse.io.corgi_bits import OTHER_BITS, from_corgi, other_bits
from obverse.io.door import Hdu
from obverse.io.header import Header
from obverse.io.text import FETCH

__all__ = [
    "COMPANION", "SHARED", "VARIANCE", "companions_in", "flags_in", "image_of", "is_read", "sum_name", "variances_in",
]  # fmt: skip

_COMBINED, _SHOT = "combined", "shot"

COMPANION = "COMPANION_"
"""Beginning of the names of units of ours that hold the pixels of a companion each."""

VARIANCE = "VAR_"
"""Beginning of the names of units of ours that hold one component of the variance each."""

SHARED = "SHARED"
"""Keyword of such a unit: the digest of the reference that the variance came from."""

_PLANES = ("ERR", "DQ", "FLAGS", "PIXEL_FLAGS", OTHER_BITS)


def image_of(hdu: Hdu) -> NDArray[Any]:
    """Return the pixels of an image (row, column) or of a stack of them.

    Raises
    ------
    DataError
        If there are none, or they have another number of axes.
    """
    data = hdu.data
    if data is None or data.dtype.names is not None or data.ndim not in (2, 3):
        held = "nothing" if data is None else "a table" if data.dtype.names else f"shape {data.shape}"
        raise hdu.header.error("NAXIS", f"{held} where an image (row, column) is expected", FETCH)
    return data


def sum_name(undone: Sequence[str]) -> str:
    """Return the name of a variance of which a file says the sum alone: ``shot`` where shot noise is part of it.

    Examples
    --------
    >>> sum_name(("gain",)), sum_name(("gain", "estimate"))
    ('combined', 'shot')
    """
    return _SHOT if "estimate" in undone else _COMBINED


def flags_in(
    units: Mapping[str, Hdu], data: NDArray[Any]
) -> tuple[NDArray[np.uint8] | None, NDArray[np.uint32] | None, list[Hdu]]:
    """Return the flags, and a unit with the bits that no flag stands for; flags of ours come before those of DQ."""
    ours = [units[name].data if name in units else None for name in ("FLAGS", "PIXEL_FLAGS")]
    quality = units.get("DQ")
    if quality is None or quality.data is None:
        return (*_whole(ours), [])
    dq = quality.data
    if dq.shape != data.shape or dq.dtype.kind not in "iu":
        what = f"{dq.dtype} of shape {dq.shape}, the image needs whole numbers of shape {data.shape}"
        raise quality.header.error("NAXIS", what, "fetch the file again, or leave the unit DQ out")
    others = other_bits(dq)
    kept = [] if others is None else [Hdu(0, OTHER_BITS, 1, Header([]), others)]
    flags, pixel_flags = from_corgi(dq)
    own_flags, own_pixels = _whole(ours)
    return own_flags if own_flags is not None else flags, own_pixels if own_pixels is not None else pixel_flags, kept


def _whole(ours: Sequence[NDArray[Any] | None]) -> tuple[NDArray[np.uint8] | None, NDArray[np.uint32] | None]:
    """Return flags of ours, unless somebody has made floats of them: those have lost bits, and DQ tells the rest."""
    flags, pixels = (None if each is None or each.dtype.kind not in "iu" else each for each in ours)
    return flags, pixels


def variances_in(
    units: Mapping[str, Hdu], data: NDArray[Any], name: str
) -> tuple[dict[str, NDArray[Any]], dict[str, str]]:
    """Return the components that a file of ours has, or the square of ERR, and whose reference is shared."""
    ours = {name.removeprefix(VARIANCE).lower(): hdu for name, hdu in units.items() if _is_variance(hdu)}
    if ours:
        shared = {key: hdu.header.text(SHARED, "") for key, hdu in ours.items()}
        planes = {key: _like(hdu, data) for key, hdu in ours.items()}
        return planes, {key: digest for key, digest in shared.items() if digest}
    error = units.get("ERR")
    if error is None or error.data is None:
        return {}, {}
    plane = _like(error, data)
    return ({name: np.square(plane)} if plane.any() else {}), {}  # zeros say that nobody has made errors yet


def _is_variance(hdu: Hdu) -> bool:
    return hdu.name.startswith(VARIANCE)


def companions_in(hdus: Sequence[Hdu]) -> dict[str, Frame]:
    """Return what travels with a frame of ours."""
    return {
        hdu.name.removeprefix(COMPANION).lower(): Frame(image_of(hdu), hdu.header.text("BUNIT", ""))
        for hdu in hdus
        if hdu.name.startswith(COMPANION)
    }


def is_read(hdu: Hdu) -> bool:
    """Whether a unit has become part of the frame."""
    return hdu.name in _PLANES or hdu.name.startswith((VARIANCE, COMPANION))


def _like(hdu: Hdu, data: NDArray[Any]) -> NDArray[Any]:
    """Return a plane of the shape of the image: the first layer, where there are several."""
    plane = hdu.data
    if plane is None or plane.dtype.kind != "f" or data.shape not in (plane.shape, plane.shape[1:]):
        held = "nothing" if plane is None else f"{plane.dtype} of shape {plane.shape}"
        what = f"{held}, the image needs floats of shape {(1, *data.shape)}"
        raise hdu.header.error("NAXIS", what, f"fetch the file again, or leave the unit {hdu.name} out")
    return plane if plane.shape == data.shape else plane[0]
