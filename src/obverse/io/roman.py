"""The dialect of the Roman Space Telescope: raw ramps in, rate images out, in ASDF."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from obverse.frame import Frame
from obverse.io import roman_image, roman_read
from obverse.io.ccd import Keywords
from obverse.io.door import Hdu

if TYPE_CHECKING:
    from obverse.detector import Detector

__all__ = ["Roman"]


class Roman:
    """Roman WFI; its files are no FITS, so that none is recognised by its units: their name ends in ``.asdf``."""

    def recognises(self, hdus: Sequence[Hdu]) -> bool:
        """Say no: units are FITS."""
        return False

    def read(
        self,
        hdus: Sequence[Hdu],
        *,
        path: str | os.PathLike[str],
        keywords: Keywords,
        overrides: Mapping[str, str],
    ) -> Frame:
        """Make a frame of the file: a ramp [DN], or an image of rates [DN/s]; there are no units to give it."""
        return roman_read.read_roman(path, overrides=overrides)

    def stem(self, name: str) -> str:
        """Return the name of an exposure, of the name of its file.

        Examples
        --------
        >>> Roman().stem("r0000101001001001001_0001_wfi01_f158_uncal.asdf")
        'r0000101001001001001_0001_wfi01_f158'
        """
        return name.removesuffix(".asdf").removesuffix("_uncal")

    def product_names(self, stem: str) -> tuple[str, ...]:
        """Return the products that `write_products` always makes."""
        return (f"{stem}_cal.asdf",)

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
        """Write ``<stem>_cal.asdf``; see `obverse.io.roman_image.write_image`."""
        (name,) = self.product_names(self.stem(stem))
        roman_image.write_image(frame, out_dir / name, detector=detector, provenance=provenance, overwrite=overwrite)
        return [out_dir / name]
