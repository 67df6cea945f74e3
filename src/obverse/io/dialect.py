"""What a dialect is: how one observatory writes its files, raw ones in and products out."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from obverse.errors import UsageError
from obverse.exposure import Exposure
from obverse.frame import Frame
from obverse.io.cargo import inputs_of
from obverse.io.ccd import Keywords
from obverse.io.door import Hdu
from obverse.io.header import Header
from obverse.io.products import to_hdus
from obverse.io.publish import prepare_directory
from obverse.io.text import shown_path, stem
from obverse.io.writer import write_fits

if TYPE_CHECKING:
    from obverse.detector import Detector

__all__ = ["Dialect"]


class Dialect:
    """How one observatory writes its files; others derive theirs and register it under the entry point ``obverse.io``.

    FITS files are opened once and shown to every dialect: one of them says `recognises`, and `read` makes a frame.
    Files of another format are asked for by name: a dialect `claims` them, and opens them itself in `read_file`.
    All that is not overridden here is the way of our own files.

    Examples
    --------
    >>> Dialect().product_names(Dialect().stem("night1/b27_raw.fits.gz"))
    ('b27_cal.fits',)
    """

    levels: ClassVar[tuple[str, ...]] = ("_raw", "_cal")
    """Ends of file names that say how far a file had got."""

    # -- in ----------------------------------------------------------------------------------------------------

    def claims(self, path: str | os.PathLike[str]) -> bool:
        """Say whether a file, by its name or its first bytes, is no FITS and of this dialect."""
        return False

    def recognises(self, hdus: Sequence[Hdu]) -> bool:
        """Say whether these units of a FITS file, perhaps without their pixels, are of this dialect."""
        return False

    def read(
        self,
        hdus: Sequence[Hdu],
        *,
        path: str | os.PathLike[str],
        keywords: Keywords,
        overrides: Mapping[str, str],
    ) -> Frame:
        """Make a frame of the units that it recognises."""
        raise UsageError(f"{shown_path(path)}: dialect {type(self).__name__} reads no FITS files")

    def read_file(
        self,
        path: str | os.PathLike[str],
        *,
        keywords: Keywords,
        overrides: Mapping[str, str],
        ignore_checksum: bool,
        max_bytes: int,
    ) -> Frame:
        """Make a frame of a file that it claims."""
        raise UsageError(f"{shown_path(path)}: dialect {type(self).__name__} reads FITS files alone")

    def exposure(
        self,
        hdus: Sequence[Hdu],
        *,
        path: str | os.PathLike[str],
        keywords: Keywords,
        overrides: Mapping[str, str],
    ) -> Exposure | None:
        """Say of the headers alone what `read` says of the exposure; None where it takes the pixels to tell."""
        return None

    def resumes(self, headers: Sequence[Header]) -> bool:
        """Say whether a file of ours that holds these headers began as one of this dialect, and may go on as such."""
        return False

    def resumed(self, frame: Frame) -> Frame:
        """Return a frame that `resumes`, with what only this dialect knows of its headers."""
        return frame

    # -- out ---------------------------------------------------------------------------------------------------

    def writes(self, name: str) -> bool:
        """Say whether a raw file of this name is one of this dialect's."""
        return False

    def write(self, frame: Frame, path: Path, *, provenance: Mapping[str, str], overwrite: bool = False) -> None:
        """Write a frame under a name that `writes` has taken."""
        prepare_directory(path.parent)
        write_fits(path, to_hdus(frame, provenance), overwrite=overwrite, inputs=inputs_of(frame))

    def stem(self, path: str | os.PathLike[str]) -> str:
        """Return the name that a file and the products made of it share."""
        return stem(path, self.levels)

    def product_names(self, stem: str, *, segments: bool = False) -> tuple[str, ...]:
        """Return the files that `write_products` makes, with those of the `segments` where they are kept."""
        return (f"{stem}_cal.fits",)

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
        """Write the products of a frame, all or none, and return their names, the most important first."""
        path = out_dir / self.product_names(stem)[0]
        Dialect.write(self, frame, path, provenance=provenance, overwrite=overwrite)
        return [path]
