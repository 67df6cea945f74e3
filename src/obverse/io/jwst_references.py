"""Reference files of JWST (FITS): what each says, in DN, with its quality flags by name.

Reference: JWST pipeline documentation, reference files; READNOISE is the noise of a difference of two reads.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from obverse.errors import DataError, nearest
from obverse.flags import Flag
from obverse.geometry import Section
from obverse.io.door import Hdu, open_fits
from obverse.io.header import Header
from obverse.io.jwst_keywords import WITHOUT_SUPERBIAS
from obverse.io.text import FETCH, shown_path
from obverse.references import Reads, Reference

__all__ = ["read_reference"]

Units = Mapping[str, Hdu]


def read_reference(path: str | os.PathLike[str], *, ignore_checksum: bool = False) -> Reference:
    """Read a JWST reference file.

    Parameters
    ----------
    path
        A FITS file whose REFTYPE is superbias, gain, readnoise, linearity, saturation, mask, dark or flat.
    ignore_checksum
        Turn a wrong checksum into a warning.

    Returns
    -------
    Reference
        Its planes with the numbers of the file [DN], flags translated by their names in DQ_DEF.

    Raises
    ------
    DataError
        If it is no such reference, or arrays and keywords contradict one another: one line.
    """
    hdus = open_fits(path, ignore_checksum=ignore_checksum)
    header = hdus[0].header
    kind = header.text("REFTYPE").lower()
    if kind not in _PLANES:
        raise header.error("REFTYPE", f"{kind!r} is not used here ({nearest(kind, _PLANES)})", "leave it out")
    units = {hdu.name: hdu for hdu in hdus}
    planes = {**_PLANES[kind](units, header), **_flags(units)}
    instrument = _named(header, "INSTRUME")
    return Reference(
        kind,
        instrument,
        _named(header, "DETECTOR"),
        _subarray(header, next(iter(planes.values())).shape),
        planes,
        shown_path(path),
        readouts=_readouts(header),
        gain_factor=header.number("GAINFACT", None, positive=True) if kind == "gain" else None,
        reads=_reads(header) if kind == "dark" else None,
        of_counts=instrument in WITHOUT_SUPERBIAS,
    )


def _named(header: Header, key: str) -> str:
    said = (header.text(key, None) or "").upper()
    return "" if said in ("ANY", "N/A") else said


def _subarray(header: Header, shape: Sequence[int]) -> Section:
    row, column = header.integer("SUBSTRT2", 1, least=1) - 1, header.integer("SUBSTRT1", 1, least=1) - 1
    for key, n in (("SUBSIZE2", shape[-2]), ("SUBSIZE1", shape[-1])):
        if header.integer(key, n) != n:
            raise header.error(key, f"{header.integer(key)}, the array has {n}", FETCH)
    return Section((row, row + shape[-2]), (column, column + shape[-1]))


def _array(units: Units, header: Header, name: str, axes: Sequence[int]) -> NDArray[Any]:
    data = units[name].data if name in units else None
    if data is None:
        raise DataError(f"{header.file}: {name}: missing, {FETCH}")
    if data.ndim not in axes:
        raise units[name].header.error("NAXIS", f"{data.ndim} axes where {axes[0]} are expected", FETCH)
    return data


def _only(name: str) -> Callable[[Units, Header], dict[str, NDArray[Any]]]:
    """Return a reader of one image with its error."""

    def read(units: Units, header: Header) -> dict[str, NDArray[Any]]:
        image = _array(units, header, "SCI", (2,))
        error = units["ERR"].data if "ERR" in units else None
        return {name: image} if error is None or error.shape != image.shape else {name: image, "error": error}

    return read


def _linearity(units: Units, header: Header) -> dict[str, NDArray[Any]]:
    coefficients = _array(units, header, "COEFFS", (3,))
    if len(coefficients) < 2:
        raise units["COEFFS"].header.error("NAXIS3", "fewer than two coefficients", FETCH)
    return {"coefficients": coefficients}


def _dark(units: Units, header: Header) -> dict[str, NDArray[Any]]:
    return {"ramp": _array(units, header, "SCI", (3, 4))}


def _mask(units: Units, header: Header) -> dict[str, NDArray[Any]]:
    _array(units, header, "DQ", (2,))
    return {}


_PLANES: Mapping[str, Callable[[Units, Header], dict[str, NDArray[Any]]]] = MappingProxyType(
    {
        "superbias": _only("level"),
        "gain": _only("gain"),
        "readnoise": _only("cds"),
        "linearity": _linearity,
        "saturation": _only("level"),
        "mask": _mask,
        "dark": _dark,
        "flat": _only("response"),
    }
)


def _flags(units: Units) -> dict[str, NDArray[np.uint32]]:
    """Translate the quality plane: DQ_DEF says which name each of its bits has."""
    quality = units["DQ"].data if "DQ" in units else None
    if quality is None:
        return {}
    if quality.dtype.kind not in "iu" or quality.ndim < 2:
        raise units["DQ"].header.error("BITPIX", f"{quality.dtype} where whole numbers are expected", FETCH)
    while quality.ndim > 2:  # darks of MIRI have one by integration and group
        quality = np.bitwise_or.reduce(quality)
    bits = quality.astype(np.uint32)
    made = np.zeros(bits.shape, np.uint32)
    for value, flag in _definitions(units):
        made |= np.where(bits & np.uint32(value), np.uint32(flag), np.uint32(0))
    return {"flags": made}


def _definitions(units: Units) -> list[tuple[int, Flag]]:
    """Return value and flag of each name; without a table the bits are those of the pipeline, which are ours."""
    table = units["DQ_DEF"].data if "DQ_DEF" in units else None
    if table is None or table.dtype.names is None or not {"BIT", "NAME"} <= set(table.dtype.names):
        return [(flag.value, flag) for flag in Flag]
    named = [(1 << int(row["BIT"]), _text(row["NAME"])) for row in table if 0 <= int(row["BIT"]) < 32]
    return [(value, Flag[name]) for value, name in named if name in Flag.__members__]


def _text(name: Any) -> str:
    return (name.decode("ascii", "replace") if isinstance(name, bytes) else str(name)).strip().strip("\0").upper()


def _readouts(header: Header) -> tuple[str, ...]:
    patterns = header.text("P_READPA", None) or header.text("READPATT", None) or ""
    return tuple(name for name in patterns.replace(" ", "").split("|") if name)


def _reads(header: Header) -> Reads | None:
    """Return how a dark was read; None where it does not say."""
    frames, gap = header.integer("NFRAMES", 1, least=1), header.integer("GROUPGAP", 0, least=0)
    seconds = header.number("TFRAME", None, positive=True)
    return None if seconds is None else Reads(seconds, frames, gap)
