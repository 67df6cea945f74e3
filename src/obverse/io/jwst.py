"""The dialect of JWST: ramps in, rates out."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from obverse.frame import Frame
from obverse.io import jwst_fitopt, jwst_keywords, jwst_products, jwst_rate, jwst_raw, jwst_read
from obverse.io.cargo import inputs_of, provenance_of
from obverse.io.ccd import Keywords
from obverse.io.dialect import Dialect
from obverse.io.door import Hdu
from obverse.io.header import Header
from obverse.io.products import to_hdus
from obverse.io.publish import prepare_directory
from obverse.io.writer import write_fits

if TYPE_CHECKING:
    from obverse.detector import Detector

__all__ = ["Jwst"]


class Jwst(Dialect):
    """JWST, all instruments."""

    levels = (*jwst_keywords.LEVELS, "_cal")  # the last one where a recipe was stopped, in a file of ours

    def recognises(self, hdus: Sequence[Hdu]) -> bool:
        """Say whether these units are a ramp, or a rate, of JWST."""
        return jwst_read.is_jwst(hdus) or jwst_fitopt.is_fitopt(hdus)

    def read(
        self,
        hdus: Sequence[Hdu],
        *,
        path: str | os.PathLike[str],
        keywords: Keywords,
        overrides: Mapping[str, str],
    ) -> Frame:
        """Make a frame of them: a ramp [DN], or an image of rates [DN/s]."""
        if jwst_fitopt.is_fitopt(hdus):
            raise jwst_fitopt.refuse(path)
        if jwst_rate.is_rate(hdus):
            return jwst_rate.read_rate(hdus, path=path, overrides=overrides)
        return jwst_read.read_jwst(hdus, path=path, overrides=overrides)

    def resumes(self, headers: Sequence[Header]) -> bool:
        """Say whether the first of these headers is one of JWST."""
        return bool(headers) and str(headers[0].get("TELESCOP", "")).strip().upper() == "JWST"

    def resumed(self, frame: Frame) -> Frame:
        """Return a ramp that knows again which part of which detector it is."""
        return jwst_read.resumed(frame)

    def writes(self, name: str) -> bool:
        """Say whether a file of this name is one of JWST's."""
        return name.endswith(("_uncal.fits", "_rate.fits"))

    def write(self, frame: Frame, path: Path, *, provenance: Mapping[str, str], overwrite: bool = False) -> None:
        """Write an uncal file (`obverse.io.jwst_raw`), or a rate of JWST as it came; any other image in our format."""
        said = {**provenance_of(frame), **provenance}
        if jwst_rate.is_rate_frame(frame):
            hdus = jwst_products.image_hdus(frame, path.name, said)
        elif path.name.endswith("_uncal.fits"):
            hdus = jwst_raw.raw_hdus(frame, path.name, said)
        else:
            hdus = list(to_hdus(frame, provenance))
        prepare_directory(path.parent)
        write_fits(path, hdus, overwrite=overwrite, inputs=inputs_of(frame))

    def product_names(self, stem: str, *, segments: bool = False) -> tuple[str, ...]:
        """Return the names of the rate, the rates by integration, and the segments where they are kept."""
        names = ("rate", "rateints", "fitopt") if segments else ("rate", "rateints")
        return tuple(f"{stem}_{name}.fits" for name in names)

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
        """Write ``_rate``, ``_rateints`` and ``_fitopt``; see `obverse.io.jwst_products`."""
        return jwst_products.write_products(
            frame, out_dir, stem, detector=detector, provenance=provenance, overwrite=overwrite
        )
