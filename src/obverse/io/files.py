"""Files to frames and back: which dialect a file speaks, and what may be asked of the frame."""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from functools import cache
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

from obverse.errors import DataError, UsageError, nearest
from obverse.exposure import Exposure
from obverse.frame import Frame
from obverse.io import wfc3
from obverse.io.cargo import Cargo
from obverse.io.ccd import LOOK, Keywords, exposure_of_ccd, read_ccd
from obverse.io.corgi import Corgi
from obverse.io.dialect import Dialect
from obverse.io.door import MAX_BYTES, Hdu, open_fits, scan_fits
from obverse.io.header import Header
from obverse.io.jwst import Jwst
from obverse.io.products import exposure_in, from_hdus, level_of
from obverse.io.roman import Roman
from obverse.io.text import shown_path, stem

__all__ = [
    "OWN", "bare_name", "claiming", "dialect_of", "dialects", "keywords_of", "product_writer", "read", "recognising",
    "require_level", "without_errors", "write",
]  # fmt: skip

_LEVELS = ("raw", "calibrated")


class _Product(Dialect):
    """Our own files."""

    def recognises(self, hdus: Sequence[Hdu]) -> bool:
        return "OBVERSE" in hdus[0].header

    def read(
        self,
        hdus: Sequence[Hdu],
        *,
        path: str | os.PathLike[str],
        keywords: Keywords,
        overrides: Mapping[str, str],
    ) -> Frame:
        _refuse_overrides(path, overrides)
        frame = from_hdus(hdus, source=os.fsdecode(path))
        origin = _origin(_kept_headers(hdus))
        return _marked(origin.resumed(frame), origin)

    def exposure(
        self,
        hdus: Sequence[Hdu],
        *,
        path: str | os.PathLike[str],
        keywords: Keywords,
        overrides: Mapping[str, str],
    ) -> Exposure | None:
        _refuse_overrides(path, overrides)
        return exposure_in(hdus)


def _refuse_overrides(path: str | os.PathLike[str], overrides: Mapping[str, str]) -> None:
    if overrides:
        raise UsageError(f"--set {min(overrides)}: {shown_path(path)} is a product of obverse, change its raw file")


class _Wfc3(Dialect):
    """HST WFC3/IR."""

    def recognises(self, hdus: Sequence[Hdu]) -> bool:
        return wfc3.recognises(hdus)

    def read(
        self,
        hdus: Sequence[Hdu],
        *,
        path: str | os.PathLike[str],
        keywords: Keywords,
        overrides: Mapping[str, str],
    ) -> Frame:
        return wfc3.read_wfc3(hdus, path=path, overrides=overrides)

    def exposure(
        self,
        hdus: Sequence[Hdu],
        *,
        path: str | os.PathLike[str],
        keywords: Keywords,
        overrides: Mapping[str, str],
    ) -> Exposure | None:
        return wfc3.exposure_of(hdus, path=path, overrides=overrides)


class _Ccd(Dialect):
    """Everything else: a raw image and a map of keywords."""

    def recognises(self, hdus: Sequence[Hdu]) -> bool:
        return True

    def read(
        self,
        hdus: Sequence[Hdu],
        *,
        path: str | os.PathLike[str],
        keywords: Keywords,
        overrides: Mapping[str, str],
    ) -> Frame:
        return read_ccd(hdus, path=path, keywords=keywords, overrides=overrides)

    def exposure(
        self,
        hdus: Sequence[Hdu],
        *,
        path: str | os.PathLike[str],
        keywords: Keywords,
        overrides: Mapping[str, str],
    ) -> Exposure | None:
        return exposure_of_ccd(hdus, path=path, keywords=keywords, overrides=overrides)


OWN = _Product()
"""The dialect of our own files, which writes what no other does."""


@cache
def dialects() -> tuple[Dialect, ...]:
    """Return every dialect, in the order in which they are tried: ours, third parties' by name, any ASDF, any CCD."""
    found = sorted(entry_points(group="obverse.io"), key=lambda entry: entry.name)
    return (OWN, _Wfc3(), Jwst(), Corgi(), *(_loaded(entry) for entry in found), Roman(), _Ccd())


def _loaded(entry: Any) -> Dialect:
    """Return the dialect of another package; an entry point may name the class or one of it."""
    made = entry.load()
    dialect = made() if isinstance(made, type) else made
    if not isinstance(dialect, Dialect):
        raise UsageError(f"entry point obverse.io/{entry.name}: {made!r} is no obverse.io.Dialect, derive it from that")
    return dialect


def read(
    path: str | os.PathLike[str],
    *,
    detector: Any = None,
    overrides: Mapping[str, str] | None = None,
    ignore_checksum: bool = False,
    level: str | None = None,
    max_bytes: int = MAX_BYTES,
    pixels: bool | Collection[str] = True,
) -> Frame:
    """Read a file of any known dialect.

    Parameters
    ----------
    path
        The file; brackets in its name are part of its name.
    detector
        A Detector, whose `file` says how its observatory writes keywords, or `Keywords` themselves.
        Without one a raw CCD file can be looked at, and nothing is assumed of its gain and noise.
    overrides
        ``{"GAIN": "1.8"}`` for keywords that are missing or wrong; recorded in the provenance.
    ignore_checksum
        Turn a wrong checksum into a warning.
    level
        ``"raw"`` or ``"calibrated"``: refuse the other.
    max_bytes
        The most that the file, inflated, may hold.
    pixels
        Names of the units of a FITS file whose data are wanted, as `open_fits` has it; the others count as empty, and
        their checksums stay unread. See `without_errors`.

    Returns
    -------
    Frame
        In the layout of the file, native byte order.

    Raises
    ------
    DataError
        If the file cannot be trusted or is of the wrong level: one line, with what to do.

    Examples
    --------
    >>> import tempfile, numpy as np
    >>> path = Path(tempfile.mkdtemp()) / "rate.fits"
    >>> write(Frame(np.ones((2, 3), "f4"), "electron/s"), path)
    >>> read(path)
    <Frame 'exposure' float32 (row=2, column=3) [electron/s] undone=()>
    """
    keywords, told = keywords_of(detector), dict(overrides or {})
    dialect = claiming(path)
    if dialect is not None:
        found = dialect.read_file(
            path, keywords=keywords, overrides=told, ignore_checksum=ignore_checksum, max_bytes=max_bytes
        )
    else:
        hdus = open_fits(path, max_bytes=max_bytes, ignore_checksum=ignore_checksum, pixels=pixels)
        dialect = recognising(hdus)
        found = dialect.read(hdus, path=path, keywords=keywords, overrides=told)
    frame = _marked(found, dialect)
    return frame if level is None else require_level(frame, level, path)


def without_errors(path: str | os.PathLike[str], overrides: Mapping[str, str] | None = None) -> bool | Collection[str]:
    """Return what to read of a file, as `pixels`, where nobody asks for the errors of the frame.

    True, which is everything, unless a dialect has them in a unit of their own that nothing else depends on.

    Examples
    --------
    >>> import tempfile, numpy as np
    >>> from obverse import Exposure
    >>> path = Path(tempfile.mkdtemp()) / "b27.fits"
    >>> write(Frame(np.ones((2, 3), "f4"), "electron", exposure=Exposure("b27", 30.0)), path)
    >>> without_errors(path)
    True
    """
    if claiming(path) is not None:
        return True
    hdus = scan_fits(path)
    dialect = recognising(hdus)
    return dialect.without_errors(hdus, dict(overrides or {})) if isinstance(dialect, Corgi) else True


def claiming(path: str | os.PathLike[str]) -> Dialect | None:
    """Return the dialect that knows a file by its name or first bytes; None for FITS files."""
    return next((each for each in dialects() if each.claims(path)), None)


def recognising(hdus: Sequence[Hdu]) -> Dialect:
    """Return the dialect of the units of a FITS file."""
    return next(each for each in dialects() if each.recognises(hdus))


def dialect_of(path: str | os.PathLike[str]) -> Dialect:
    """Return the dialect of a file by its name and its headers; our own where it cannot be read.

    Examples
    --------
    >>> dialect_of("r0000101001001001001_0001_wfi01_f158_uncal.asdf").product_names("r0")
    ('r0_cal.asdf',)
    """
    try:
        claimed = claiming(path)
        hdus = () if claimed else scan_fits(path)
        dialect = claimed or recognising(hdus)
    except DataError:
        return OWN
    return _origin(_kept_headers(hdus)) if dialect is OWN else dialect


def _kept_headers(hdus: Sequence[Hdu]) -> list[Header]:
    return [hdu.header for hdu in hdus if hdu.name == "HEADER"]


def _origin(headers: Sequence[Header]) -> Dialect:
    """Return the dialect that a file of ours began as, by the headers that it has kept."""
    return next((each for each in dialects() if each.resumes(headers)), OWN)


def bare_name(path: str | os.PathLike[str]) -> str:
    """Return the name of a file without all that any dialect tells levels by.

    Examples
    --------
    >>> bare_name("a/x_uncal.fits"), bare_name("x_rateints.fits.gz"), bare_name("x_cal.asdf")
    ('x', 'x', 'x')
    """
    return stem(path, {level: None for dialect in dialects() for level in dialect.levels})


def _marked(frame: Frame, dialect: Dialect) -> Frame:
    """Let the frame remember which dialect has read it, or what it began as."""
    known = isinstance(frame.cargo, Cargo) and frame.cargo.dialect is None
    return frame.replace(cargo=replace(frame.cargo, dialect=dialect)) if known else frame


def product_writer(frame: Frame, steps: Sequence[str] = ("estimate",)) -> Dialect:
    """Return the dialect that writes the products of a frame, when `steps` have been carried out.

    It is the one that the frame was read by; before the estimate no observatory has a product, so that it is ours.
    """
    dialect = frame.cargo.dialect if isinstance(frame.cargo, Cargo) else None
    return dialect if dialect is not None and "estimate" in steps else OWN


def keywords_of(detector: Any) -> Keywords:
    """Return how a detector's files say what they are; `LOOK` where there is none."""
    if isinstance(detector, Keywords):
        return detector
    return getattr(detector, "file", None) or LOOK


def require_level(frame: Frame, level: str, path: str | os.PathLike[str] = "frame") -> Frame:
    """Return the frame, or refuse a calibrated one where a raw one is needed, and the reverse.

    Raises
    ------
    DataError
        If it is of the other level.

    Examples
    --------
    >>> import numpy as np
    >>> require_level(Frame(np.ones((2, 3)), "DN"), "raw").unit
    'DN'
    """
    if level not in _LEVELS:
        raise UsageError(f"level {level!r} is unknown, {nearest(level, _LEVELS)}")
    found = level_of(frame)
    if found != level:
        done = f"{frame.unit}, undone {', '.join(frame.undone) or 'nothing'}"
        raise DataError(f"{shown_path(path)}: LEVEL: {found} ({done}) where {level} is needed, give the {level} file")
    return frame


def write(
    frame: Frame,
    path: str | os.PathLike[str],
    *,
    provenance: Mapping[str, str] | None = None,
    overwrite: bool = False,
) -> None:
    """Write a frame as a FITS product, whole or not at all; `read` gives an equal frame back.

    A raw ramp can be written as ``.asdf`` too, a file of Roman: see `obverse.io.roman_ramp.write_ramp`.

    Parameters
    ----------
    frame
        What to write.
    path
        Name of the file; missing directories are made. The file that the frame was read from is refused. The name
        of an observatory's raw file (``x_uncal.fits`` of JWST) makes one of that: it reads back as a raw frame of
        the same pixels, without what only our own files say.
    provenance
        What to record of how it was made, over the versions that always are.
    overwrite
        Allow another file of this name to be replaced.

    Raises
    ------
    DataError
        If the file exists, is the frame's own source, or cannot be written.

    Examples
    --------
    >>> import tempfile, numpy as np
    >>> path = Path(tempfile.mkdtemp()) / "night" / "b1.fits"
    >>> write(Frame(np.ones((2, 3), "f4"), "electron"), path, provenance={"SEED": "7"})
    >>> path.exists()
    True
    """
    name = Path(path).name
    dialect = next((each for each in dialects() if each.writes(name)), OWN)
    dialect.write(frame, Path(path), provenance=dict(provenance or {}), overwrite=overwrite)
