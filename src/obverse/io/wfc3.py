"""HST WFC3/IR: the ``_ima`` and ``_raw`` files of calwf3, newest read first, five units a read.

Reads are turned into time order and into accumulated signal. What calwf3 does to the pixels (hstcal, wf3ir):

- ``ZOFFCORR`` subtracts the zeroth read from every read; the zeroth becomes 0, and all reads share its noise.
- ``ZSIGCORR`` had added to the zeroth read the charge that bright sources left *before* it was read, an
  estimate that the other reads do not contain. ``UNITCORR`` divides it by SAMPZERO, not by its SAMPTIME of 0.
  So the zeroth read of the frame is 0, and the estimate travels as the companion ``zero_signal`` [electron].
- ``UNITCORR`` divides the other reads by their TIME, but not the border of five reference pixels;
  ``FLATCORR`` multiplies all pixels, the border too, by the mean gain of the amplifiers.
- ``READNSE?`` is the noise of a difference of two reads [electron]; a single read has it over root two.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from obverse.errors import DataError, ObverseWarning, UsageError
from obverse.exposure import Exposure
from obverse.flags import Flag
from obverse.frame import Frame
from obverse.io.cargo import Cargo
from obverse.io.door import Hdu
from obverse.io.header import Header
from obverse.io.text import FETCH, id_from_name, valid_id
from obverse.pattern import ReadPattern

__all__ = ["BORDER", "PIXEL_BITS", "READ_BITS", "UNDOES", "exposure_of", "read_wfc3", "recognises"]

BORDER = 5
"""Reference pixels on every side, in full frames and subarrays."""

READ_BITS = {
    1: Flag.DROPOUT,  # Reed-Solomon decoding error
    2: Flag.DROPOUT,  # data replaced by a fill value
    256: Flag.SATURATED,  # full well
    1024: Flag.DO_NOT_USE,  # spike in a single read, found with the cosmic rays
    8192: Flag.JUMP_DET,  # cosmic ray found by calwf3
}
"""Quality bits of WFC3/IR that belong to a read (WFC3 Data Handbook, table 3.3; hstcal, wf3dq.h)."""

PIXEL_BITS = {
    4: Flag.DO_NOT_USE | Flag.DEAD,  # bad detector pixel
    8: Flag.UNRELIABLE_BIAS,  # deviant zeroth read
    16: Flag.HOT,
    32: Flag.UNRELIABLE_DARK,  # unstable: its signal in the dark varies from exposure to exposure
    64: Flag.WARM,
    128: Flag.BAD_REF_PIXEL,
    512: Flag.UNRELIABLE_FLAT,  # bad flat field value, or under a blob
    4096: Flag.OTHER_BAD_PIXEL,  # cosmic ray found by AstroDrizzle, in the whole exposure
    16384: Flag.OTHER_BAD_PIXEL,  # ghost or crosstalk
}
"""Bits that belong to a pixel for the whole exposure; 2048, signal in the zeroth read, is no defect."""

UNDOES = {
    "BLEVCORR": ("bias_drift",),
    "ZOFFCORR": ("bias",),
    "NLINCORR": ("saturation", "nonlinearity"),
    "DARKCORR": ("dark_current",),
    "FLATCORR": ("flat", "gain", "adc"),
}
"""What each switch of calwf3 undoes, in the order in which it runs, by the names of our effects."""

_UNITS = {
    "COUNTS": ("DN", False),
    "DN": ("DN", False),
    "COUNTS/S": ("DN", True),
    "DN/S": ("DN", True),
    "ELECTRONS": ("electron", False),
    "ELECTRONS/S": ("electron", True),
}
_AMPLIFIERS = "ABCD"


@dataclass(frozen=True)
class _Read:
    """One read: its group of units, its number and its time [s]."""

    version: int
    number: int
    time: float
    science: Hdu


def recognises(hdus: Sequence[Hdu]) -> bool:
    """Say whether these units are reads of WFC3/IR."""
    header = hdus[0].header
    said = [str(header.get(key, "")).strip().upper() for key in ("TELESCOP", "INSTRUME", "DETECTOR")]
    return said == ["HST", "WFC3", "IR"] and any(hdu.name == "SAMP" for hdu in hdus)


def read_wfc3(
    hdus: Sequence[Hdu], *, path: str | os.PathLike[str], overrides: Mapping[str, str] | None = None
) -> Frame:
    """Make a ramp in time order of the units of an ``_ima`` or ``_raw`` file.

    Returns
    -------
    Frame
        float32, axes (integration, resultant, row, column), unit ``"electron"`` (``"DN"`` before FLATCORR);
        `undone` from the switches; gain [electron/DN] and the noise of a single read [electron] of the
        amplifiers A to D in `obverse.io.constants`; with ZSIGCORR the companion
        ``zero_signal`` (row, column).

    Raises
    ------
    DataError
        If reads are missing, their times do not rise, or the unit is not one that calwf3 writes.

    Limits
    ------
    Positions of the amplifiers in a subarray are not worked out.
    """
    overrides = dict(overrides or {})
    primary = hdus[0].header.with_values(overrides)
    units = {(hdu.name, hdu.version): hdu for hdu in hdus}
    reads = _reads(primary, hdus)
    unit, rates = _unit(reads)
    data = np.stack([_signal(units, read, rates, primary) for read in reads])[None]
    flags, pixel_flags = _flags(units, reads)
    _warn_if_reversed(primary, data)
    return Frame(
        data,
        unit,
        ("integration", "resultant", "row", "column"),
        flags[None],
        pixel_flags=pixel_flags,
        exposure=_exposure(primary, reads, path),
        undone=_undone(primary),
        companions=_zero_signal(units, reads[0], primary, unit, rates),
        cargo=Cargo(
            source=os.fsdecode(path),
            headers=tuple(hdu.header for hdu in hdus if hdu.name in ("PRIMARY", "SCI")),
            constants=_constants(primary),
            provenance={f"set {key}": value for key, value in overrides.items()},
        ),
    )


def exposure_of(hdus: Sequence[Hdu], *, path: str | os.PathLike[str], overrides: Mapping[str, str]) -> Exposure:
    """Return what was set before the exposure began, of the headers alone."""
    primary = hdus[0].header.with_values(overrides)
    return _exposure(primary, _reads(primary, hdus), path)


def _reads(primary: Header, hdus: Sequence[Hdu]) -> list[_Read]:
    """Return the reads, oldest first."""
    science = [hdu for hdu in hdus if hdu.name == "SCI"]
    expected = primary.integer("NSAMP", least=1)
    if len(science) != expected:
        what = f"{expected} reads, the file holds {len(science)} SCI units"
        raise primary.error("NSAMP", what, FETCH)
    return sorted(map(_read, science), key=lambda read: read.number)


def _read(hdu: Hdu) -> _Read:
    number, time = hdu.header.integer("SAMPNUM", least=0), hdu.header.number("SAMPTIME", least=0.0)
    return _Read(hdu.version, number, time, hdu)


def _unit(reads: Sequence[_Read]) -> tuple[str, bool]:
    """Return our unit, and whether the reads hold rates."""
    said = {(read.science.header.text("BUNIT") or "").upper() for read in reads}
    if len(said) != 1 or not said <= set(_UNITS):
        what = f"{sorted(said)} where one of {sorted(_UNITS)} is expected"
        raise reads[0].science.header.error("BUNIT", what, FETCH)
    return _UNITS[said.pop()]


def _plane(units: Mapping[tuple[str, int], Hdu], name: str, version: int, primary: Header) -> NDArray[Any]:
    """Return the pixels of a unit; a constant one has no data, only NPIX1, NPIX2 and PIXVALUE."""
    hdu = units.get((name, version))
    if hdu is None:
        raise DataError(f"{primary.file}: {name},{version}: missing, fetch the file again")
    if hdu.data is not None:
        return _two_dimensional(hdu)
    shape = hdu.header.integer("NPIX2", least=1, most=4096), hdu.header.integer("NPIX1", least=1, most=4096)
    return np.full(shape, hdu.header.number("PIXVALUE"))


def _two_dimensional(hdu: Hdu) -> NDArray[Any]:
    data = np.asarray(hdu.data)
    if data.ndim != 2 or min(data.shape) <= 2 * BORDER:
        what = f"shape {data.shape} where (row, column) with a border of {BORDER} is expected"
        raise hdu.header.error("NAXIS", what, FETCH)
    return data


def _signal(units: Mapping[tuple[str, int], Hdu], read: _Read, rates: bool, primary: Header) -> NDArray[np.float32]:
    signal = _plane(units, "SCI", read.version, primary).astype(np.float32)
    if rates:
        _inside(signal)[...] *= np.float32(read.time)
    return signal


def _inside(plane: NDArray[Any]) -> NDArray[Any]:
    return plane[BORDER:-BORDER, BORDER:-BORDER]


def _zero_signal(
    units: Mapping[tuple[str, int], Hdu], zeroth: _Read, primary: Header, unit: str, rates: bool
) -> dict[str, Frame]:
    """Return what bright pixels had caught before the zeroth read, where calwf3 has estimated it."""
    if not (_complete(primary, "ZSIGCORR") and _complete(primary, "ZOFFCORR")):
        return {}
    signal = _plane(units, "SCI", zeroth.version, primary).astype(np.float32)
    seconds = primary.number("SAMPZERO", positive=True) if rates else 1.0
    return {"zero_signal": Frame(signal * np.float32(seconds), unit)}


def _flags(
    units: Mapping[tuple[str, int], Hdu], reads: Sequence[_Read]
) -> tuple[NDArray[np.uint8], NDArray[np.uint32]]:
    quality = [_quality(units, read) for read in reads]
    flags = np.stack([_translated(plane, READ_BITS, np.uint8) for plane in quality])
    pixel_flags = np.bitwise_or.reduce([_translated(plane, PIXEL_BITS, np.uint32) for plane in quality])
    border = np.ones(pixel_flags.shape, bool)
    _inside(border)[...] = False
    pixel_flags[border] |= np.uint32(Flag.REFERENCE_PIXEL | Flag.NON_SCIENCE)
    return flags, pixel_flags


def _quality(units: Mapping[tuple[str, int], Hdu], read: _Read) -> NDArray[np.int64]:
    shape = np.shape(_plane(units, "SCI", read.version, read.science.header))
    plane = _plane(units, "DQ", read.version, read.science.header).astype(np.int64)
    if plane.shape != shape:
        what = f"shape {plane.shape}, the pixels have {shape}"
        raise read.science.header.error("DQ", what, FETCH)
    return plane


def _translated(plane: NDArray[np.int64], bits: Mapping[int, Flag], dtype: type) -> NDArray[Any]:
    made: NDArray[Any] = np.zeros(plane.shape, dtype)
    for bit, flag in bits.items():
        made[plane & bit != 0] |= dtype(flag)
    return made


def _exposure(primary: Header, reads: Sequence[_Read], path: str | os.PathLike[str]) -> Exposure:
    name = primary.text("ROOTNAME", "")
    try:
        pattern = ReadPattern.from_times([[read.time] for read in reads])
    except UsageError:
        what = f"the times {[read.time for read in reads]} of the reads do not rise"
        raise primary.error("SAMPTIME", what, FETCH) from None
    return Exposure(
        name if valid_id(name) else id_from_name(path),
        primary.number("EXPTIME", least=0.0),
        start=_start(primary),
        pattern=pattern,
        filter=primary.text("FILTER", None),
        detector="WFC3/IR",
        kind="dark" if (primary.text("IMAGETYP", "") or "").upper() == "DARK" else "science",
    )


def _start(primary: Header) -> str | None:
    day, clock = primary.date("DATE-OBS", None), primary.text("TIME-OBS", None)
    return f"{day}T{clock}" if day and clock else day


def _undone(primary: Header) -> tuple[str, ...]:
    return tuple(name for switch, names in UNDOES.items() if _complete(primary, switch) for name in names)


def _complete(primary: Header, switch: str) -> bool:
    return (primary.text(switch, "") or "").upper() == "COMPLETE"


def _constants(primary: Header) -> dict[str, tuple[float, ...]]:
    """Return gain and single-read noise of the four amplifiers; a raw file has none, or zeros, yet."""
    gain = [primary.number(f"ATODGN{a}", None, least=0.0) or None for a in _AMPLIFIERS]
    noise = [primary.number(f"READNSE{a}", None, least=0.0) or None for a in _AMPLIFIERS]
    found = {"gain": gain, "read_noise": [None if cds is None else cds / 2**0.5 for cds in noise]}
    filled = {key: values for key, values in found.items() if None not in values}
    return {key: tuple(value for value in values if value is not None) for key, values in filled.items()}


def _warn_if_reversed(primary: Header, data: NDArray[np.float32]) -> None:
    """Signal accumulates: a ramp that falls by more than its noise was written the other way round."""
    rise = _inside(data[0, -1]) - _inside(data[0, min(1, data.shape[1] - 1)])
    middle = np.nanmedian(rise)
    if middle < -10 * np.nanmedian(np.abs(rise - middle)):
        what = f"{primary.file}: SCI/SAMPNUM: the signal falls with time, check the order of the reads"
        warnings.warn(what, ObverseWarning, stacklevel=3)
