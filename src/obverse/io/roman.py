"""The dialect of the Roman Space Telescope: raw ramps in, rate images out, in ASDF."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from obverse.frame import Frame
from obverse.io import roman_image, roman_ramp, roman_read
from obverse.io.asdf_door import is_asdf
from obverse.io.ccd import Keywords
from obverse.io.dialect import Dialect
from obverse.io.roman_cargo import LEVELS

if TYPE_CHECKING:
    from obverse.detector import Detector

__all__ = ["Roman"]


class Roman(Dialect):
    """Roman WFI; it claims every ASDF file that nobody has claimed before.

    Examples
    --------
    >>> Roman().stem("r0000101001001001001_0001_wfi01_f158_uncal.asdf")
    'r0000101001001001001_0001_wfi01_f158'
    """

    levels = LEVELS

    def claims(self, path: str | os.PathLike[str]) -> bool:
        """Say whether a file is called ASDF; `read_file` says what is wrong with one that is not of Roman."""
        return is_asdf(path)

    def read_file(
        self,
        path: str | os.PathLike[str],
        *,
        keywords: Keywords,
        overrides: Mapping[str, str],
        ignore_checksum: bool,
        max_bytes: int,
    ) -> Frame:
        """Make a frame of the file: a ramp [DN], or an image of rates [DN/s]."""
        return roman_read.read_roman(path, overrides=overrides, ignore_checksum=ignore_checksum, max_bytes=max_bytes)

    def writes(self, name: str) -> bool:
        """Say whether a raw file of this name is one of Roman's."""
        return is_asdf(name)

    def write(self, frame: Frame, path: Path, *, provenance: Mapping[str, str], overwrite: bool = False) -> None:
        """Write a raw ramp, or an image as it is read; see `roman_ramp.write_ramp`, `roman_image.write_image`."""
        write = roman_image.write_image if frame.unit == "DN/s" else roman_ramp.write_ramp
        write(frame, path, provenance=provenance, overwrite=overwrite)

    def product_names(self, stem: str, *, segments: bool = False) -> tuple[str, ...]:
        """Return the name of the image; Roman has no product of segments."""
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
        (name,) = self.product_names(stem)
        roman_image.write_image(frame, out_dir / name, detector=detector, provenance=provenance, overwrite=overwrite)
        return [out_dir / name]
