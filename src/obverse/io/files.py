"""Files to frames and back: which dialect a file speaks, and what may be asked of the frame."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cache
from importlib.metadata import entry_points
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, cast

from obverse.errors import DataError, UsageError, nearest
from obverse.frame import Frame
from obverse.io import wfc3
from obverse.io.asdf_door import is_asdf
from obverse.io.cargo import Cargo
from obverse.io.ccd import LOOK, Keywords, read_ccd
from obverse.io.door import MAX_BYTES, Hdu, open_fits
from obverse.io.jwst import Jwst
from obverse.io.products import from_hdus, level_of, to_hdus
from obverse.io.publish import prepare_directory
from obverse.io.roman import Roman
from obverse.io.roman_ramp import write_ramp
from obverse.io.roman_read import read_roman
from obverse.io.text import shown_path
from obverse.io.writer import write_fits

if TYPE_CHECKING:
    from obverse.detector import Detector

__all__ = ["Dialect", "ProductWriter", "dialects", "product_writer", "read", "require_level", "write"]

_LEVELS = ("raw", "calibrated")


class Dialect(Protocol):
    """How one observatory writes its files; others register theirs under the entry point ``obverse.io``."""

    def recognises(self, hdus: Sequence[Hdu]) -> bool:
        """Say whether these units are of this dialect."""

    def read(
        self,
        hdus: Sequence[Hdu],
        *,
        path: str | os.PathLike[str],
        keywords: Keywords,
        overrides: Mapping[str, str],
    ) -> Frame:
        """Make a frame of them."""


class ProductWriter(Protocol):
    """A dialect that writes the products of its observatory."""

    def write_products(
        self,
        frame: Frame,
        out_dir: Path,
        stem: str,
        *,
        detector: Detector,
        provenance: Mapping[str, str],
        overwrite: bool = False,
    ) -> list[Path]:
        """Write the products of a frame whose ramps have been fitted, and return their names."""


class _Product:
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
        if overrides:
            raise UsageError(f"--set {min(overrides)}: {shown_path(path)} is a product of obverse, change its raw file")
        return from_hdus(hdus, source=os.fsdecode(path))


class _Wfc3:
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


class _Ccd:
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


@cache
def dialects() -> tuple[Dialect, ...]:
    """Return every dialect, in the order in which they are tried: ours, third parties' by name, any CCD."""
    found = sorted(entry_points(group="obverse.io"), key=lambda entry: entry.name)
    return (_Product(), _Wfc3(), Jwst(), Roman(), *(cast(Dialect, entry.load()) for entry in found), _Ccd())


def read(
    path: str | os.PathLike[str],
    *,
    detector: Any = None,
    overrides: Mapping[str, str] | None = None,
    ignore_checksum: bool = False,
    level: str | None = None,
    max_bytes: int = MAX_BYTES,
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
    if is_asdf(path):
        dialect: Dialect = Roman()
        found = read_roman(path, overrides=overrides, ignore_checksum=ignore_checksum, max_bytes=max_bytes)
    else:
        hdus = open_fits(path, max_bytes=max_bytes, ignore_checksum=ignore_checksum)
        dialect = next(each for each in dialects() if each.recognises(hdus))
        found = dialect.read(hdus, path=path, keywords=_keywords(detector), overrides=dict(overrides or {}))
    frame = _marked(found, dialect)
    return frame if level is None else require_level(frame, level, path)


def _marked(frame: Frame, dialect: object) -> Frame:
    """Let the frame remember which dialect has read it."""
    known = isinstance(frame.cargo, Cargo)
    return frame.replace(cargo=replace(frame.cargo, dialect=dialect)) if known else frame


def product_writer(frame: Frame) -> ProductWriter | None:
    """Return the dialect that a frame was read by, where it writes products of its own."""
    dialect = frame.cargo.dialect if isinstance(frame.cargo, Cargo) else None
    return cast(ProductWriter, dialect) if hasattr(dialect, "write_products") else None


def _keywords(detector: Any) -> Keywords:
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
    if is_asdf(path):
        write_ramp(frame, path, provenance=provenance, overwrite=overwrite)
        return
    prepare_directory(Path(path).parent)
    source = frame.cargo.source if isinstance(frame.cargo, Cargo) else None
    hdus = _raw_hdus(frame, Path(path).name, provenance) or to_hdus(frame, provenance)
    write_fits(path, hdus, overwrite=overwrite, inputs=[source] if source else [])


def _raw_hdus(frame: Frame, name: str, provenance: Mapping[str, str] | None) -> Sequence[Hdu]:
    """Return the units of an observatory's raw file, where the name says that it is one."""
    for dialect in dialects():
        if hasattr(dialect, "writes_raw") and dialect.writes_raw(name):
            made: Sequence[Hdu] = dialect.raw_hdus(frame, name, dict(provenance or {}))  # type: ignore[attr-defined]
            return made
    return ()
