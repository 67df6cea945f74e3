"""Noise maps of an EMCCD read from files of ours (`obverse.io.corgi_maps_write`) or of Roman's coronagraph pipeline."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from obverse.errors import DataError
from obverse.io.corgi_bits import flags_of
from obverse.io.corgi_maps_meta import META, STACKS, meta_fields, stack_reports
from obverse.io.corgi_maps_write import ERRORS, MAPS, MEANS, MEDIAN, PLANES, TYPE, UNKNOWN
from obverse.io.corgi_read import datatype
from obverse.io.door import MAX_BYTES, Hdu, open_fits
from obverse.io.header import Header
from obverse.io.text import FETCH, shown_path

if TYPE_CHECKING:
    from obverse.darks import NoiseMaps
    from obverse.geometry import Geometry

__all__ = ["noise_maps_from_hdus", "read_noise_maps"]


def read_noise_maps(
    path: str | os.PathLike[str], *, geometry: Geometry | None = None, max_bytes: int = MAX_BYTES
) -> NoiseMaps:
    """Read noise maps, ours or those of the pipeline.

    Parameters
    ----------
    path
        A file of `write_noise_maps`, or a DetectorNoiseMaps file.
    geometry
        Where the parts of the file are; files of ours say it themselves.
    max_bytes
        The most that the file, inflated, may hold.

    Raises
    ------
    DataError
        If it holds no noise maps, or its planes do not fit each other: one line.
    """
    return noise_maps_from_hdus(open_fits(path, max_bytes=max_bytes), path, geometry)


def noise_maps_from_hdus(
    hdus: Sequence[Hdu], path: str | os.PathLike[str], geometry: Geometry | None = None
) -> NoiseMaps:
    """Return the noise maps of the units of a file; see `read_noise_maps`."""
    from obverse.darks import Maps, NoiseMaps  # they read their frames through obverse.io

    if len(hdus) < 2 or datatype(hdus) != TYPE:
        raise DataError(f"{shown_path(path)}: DATATYPE: holds no noise maps, give a file of {TYPE} (_dnm_cal.fits)")
    header = hdus[1].header
    units = {hdu.name: hdu for hdu in hdus[2:]}
    maps = _cube(hdus[1], len(MAPS))
    errors = _like(units, "ERR", (1, *maps.shape), header)[0]
    planes: dict[str, Any] = {key: units[key.upper()].data for key in PLANES if key.upper() in units}
    planes |= {**dict(zip(MAPS, maps, strict=True)), **dict(zip(ERRORS, errors, strict=True))}
    planes["flags"] = _flags_of(units, maps.shape, header)
    if "UNCLIPPED" in units:
        planes["unclipped"] = Maps(*_like(units, "UNCLIPPED", maps.shape, header))
    try:
        told = _told(units, header)
        return NoiseMaps(**planes, **{**told, "geometry": told.get("geometry") or geometry})
    except DataError:
        raise
    except (ValueError, KeyError, TypeError, AttributeError, IndexError, RecursionError) as problem:
        raise DataError(f"{header.file}: {META}: damaged ({problem}), make the file again") from None


def _told(units: Mapping[str, Hdu], header: Header) -> dict[str, Any]:
    """Return what a file of ours says in its tables, or what the pipeline says in keywords."""
    if META in units:
        stacks = units[STACKS].data if STACKS in units else None
        return {**meta_fields(_table(units[META])), "stacks": () if stacks is None else stack_reports(stacks)}
    means = {name: header.number(key, UNKNOWN) for name, key in MEANS.items()}
    median = header.number(MEDIAN, UNKNOWN)
    offset, error = header.number("B_O"), header.number("B_O_ERR", least=0.0)
    return {
        "bias_offset": offset,
        "bias_offset_error": error,
        "bias_offset_low": offset - error,
        "bias_offset_up": offset + error,
        "means": {name: value for name, value in means.items() if value != UNKNOWN},
        "medians": {MAPS[0]: median} if median != UNKNOWN else {},
        "n_frames": header.integer("DRPNFILE", 0),
    }


def _table(hdu: Hdu) -> NDArray[Any]:
    if hdu.data is None or hdu.data.dtype.names != ("KEY", "VALUE"):
        raise hdu.header.error("TTYPE1", "not a table of KEY and VALUE", "make the file again")
    return hdu.data


def _cube(hdu: Hdu, depth: int) -> NDArray[Any]:
    data = hdu.data
    if data is None or data.dtype.kind != "f" or data.ndim != 3 or len(data) != depth:
        held = "nothing" if data is None else f"{data.dtype} of shape {data.shape}"
        raise hdu.header.error("NAXIS", f"{held} where floats ({depth}, row, column) are expected", FETCH)
    return data


def _like(units: Mapping[str, Hdu], name: str, shape: tuple[int, ...], header: Header) -> NDArray[Any]:
    hdu = units.get(name)
    if hdu is None:
        raise DataError(f"{header.file}: {name}: missing, {FETCH}")
    if hdu.data is None or hdu.data.shape != shape:
        held = "nothing" if hdu.data is None else f"shape {hdu.data.shape}"
        raise hdu.header.error("NAXIS", f"{held}, the maps need {shape}", FETCH)
    return hdu.data


def _flags_of(units: Mapping[str, Hdu], shape: tuple[int, ...], header: Header) -> NDArray[np.uint32]:
    """Return our flags, or those of DQ, where one for the three maps counts."""
    ours = units.get("PIXEL_FLAGS")
    if ours is not None and ours.data is not None and ours.data.dtype.kind in "iu":
        return ours.data
    dq = _like(units, "DQ", shape, header)
    if dq.dtype.kind not in "iu":
        raise units["DQ"].header.error("BITPIX", f"{dq.dtype} where whole numbers are expected", FETCH)
    return flags_of(np.bitwise_or.reduce(dq, axis=0))
