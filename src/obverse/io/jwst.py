"""The dialect of JWST: ramps in, rates out."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from obverse.frame import Frame
from obverse.io import jwst_products, jwst_rate, jwst_raw, jwst_read
from obverse.io.ccd import Keywords
from obverse.io.door import Hdu

if TYPE_CHECKING:
    from obverse.detector import Detector

__all__ = ["Jwst"]


class Jwst:
    """JWST, all instruments."""

    def recognises(self, hdus: Sequence[Hdu]) -> bool:
        """Say whether these units are a ramp, or a rate, of JWST."""
        said = str(hdus[0].header.get("TELESCOP", "")).strip().upper()
        return said == "JWST" and any(hdu.name == "SCI" for hdu in hdus)

    def read(
        self,
        hdus: Sequence[Hdu],
        *,
        path: str | os.PathLike[str],
        keywords: Keywords,
        overrides: Mapping[str, str],
    ) -> Frame:
        """Make a frame of them: a ramp [DN], or an image of rates [DN/s]."""
        if jwst_rate.is_rate(hdus):
            return jwst_rate.read_rate(hdus, path=path, overrides=overrides)
        return jwst_read.read_jwst(hdus, path=path, overrides=overrides)

    def writes_raw(self, name: str) -> bool:
        """Say whether a raw file of this name is one of JWST's."""
        return name.endswith("_uncal.fits")

    def raw_hdus(self, frame: Frame, name: str, provenance: Mapping[str, str]) -> list[Hdu]:
        """Return the units of an uncal file; see `obverse.io.jwst_raw`."""
        return jwst_raw.raw_hdus(frame, name, provenance)

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
