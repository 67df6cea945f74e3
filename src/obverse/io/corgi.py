"""The dialect of Roman's coronagraph: EMCCD frames in and out, as its pipeline corgidrp has them."""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from obverse.exposure import Exposure
from obverse.frame import Frame
from obverse.io import corgi_keywords as keywords
from obverse.io.cargo import inputs_of, provenance_of
from obverse.io.ccd import Keywords
from obverse.io.corgi_read import is_corgi, read_corgi, said_by
from obverse.io.corgi_undone import undone
from obverse.io.corgi_write import CHECKSUMS, dark_hdus, image_hdus, raw_hdus
from obverse.io.dialect import Dialect
from obverse.io.door import Hdu
from obverse.io.header import Header
from obverse.io.publish import prepare_directory
from obverse.io.writer import write_fits

if TYPE_CHECKING:
    from obverse.detector import Detector

__all__ = ["Corgi"]

_RAW, _DARK = "_l1_.fits", "_drk_cal.fits"
_IMAGES = ("_l2a.fits", "_l2b.fits")


class Corgi(Dialect):
    """Roman coronagraph, EXCAM.

    Examples
    --------
    >>> Corgi().stem("cgi_0200001001001001001_20240403t1054019_l1_.fits")
    'cgi_0200001001001001001_20240403t1054019'
    """

    levels = keywords.LEVELS

    def recognises(self, hdus: Sequence[Hdu]) -> bool:
        """Say whether these units are of Roman's coronagraph."""
        return is_corgi(hdus)

    def read(
        self,
        hdus: Sequence[Hdu],
        *,
        path: str | os.PathLike[str],
        keywords: Keywords,
        overrides: Mapping[str, str],
    ) -> Frame:
        """Make a frame of them [DN, or electron]."""
        return read_corgi(hdus, path=path, overrides=overrides)

    def exposure(
        self,
        hdus: Sequence[Hdu],
        *,
        path: str | os.PathLike[str],
        keywords: Keywords,
        overrides: Mapping[str, str],
    ) -> Exposure | None:
        """Say what was set before the exposure began."""
        return exposure(hdus, path, overrides)

    def without_errors(self, hdus: Sequence[Hdu], overrides: Mapping[str, str]) -> bool | Collection[str]:
        """Return the names of all units but ERR; True where ERR tells whether shot noise has been estimated."""
        if "estimate" in undone(said_by(hdus, overrides)):
            return True
        return [hdu.name for hdu in hdus if hdu.name != "ERR"]

    def resumes(self, headers: Sequence[Header]) -> bool:
        """Say whether the first of these headers is one of the coronagraph."""
        return bool(headers) and str(headers[0].get("INSTRUME", "")).strip().upper() == "CGI"

    def writes(self, name: str) -> bool:
        """Say whether a file of this name is one of the coronagraph's."""
        return name.endswith((_RAW, _DARK, *_IMAGES))

    def write(self, frame: Frame, path: Path, *, provenance: Mapping[str, str], overwrite: bool = False) -> None:
        """Write ``_l1_``, ``_l2a``, ``_l2b`` or ``_drk_cal``; see `obverse.io.corgi_write`."""
        make = raw_hdus if path.name.endswith(_RAW) else dark_hdus if path.name.endswith(_DARK) else image_hdus
        hdus = make(frame, path.name, {**provenance_of(frame), **provenance})
        prepare_directory(path.parent)
        write_fits(path, hdus, overwrite=overwrite, inputs=inputs_of(frame), checksums=CHECKSUMS)

    def product_names(self, stem: str, *, segments: bool = False) -> tuple[str, ...]:
        """Return the name of the calibrated frame."""
        return (f"{stem}_l2b.fits",)

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
        """Write ``<stem>_l2b.fits``."""
        path = out_dir / self.product_names(stem)[0]
        self.write(frame, path, provenance=provenance, overwrite=overwrite)
        return [path]


def exposure(hdus: Sequence[Hdu], path: str | os.PathLike[str], overrides: Mapping[str, str]) -> Exposure:
    """Return what the headers of a file say of its exposure."""
    return keywords.exposure(said_by(hdus, overrides), path)
