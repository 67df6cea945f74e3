"""How dark frames on disk are read."""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

from obverse.exposure import Exposure
from obverse.frame import Frame
from obverse.io.exposures import exposure_of
from obverse.io.files import read, without_errors

__all__ = ["Reading"]


@dataclass(frozen=True)
class Reading:
    """How frames are read.

    Parameters
    ----------
    detector
        Whose `file` says how its observatory writes keywords; None for those of files that say all themselves.
    overrides
        Keywords that are missing or wrong.
    ignore_checksum
        Turn a wrong checksum into a warning.
    errors
        Read the errors that come with a frame, where they are a unit of their own; unread, nobody checks it either.
    """

    detector: Any = None
    overrides: Mapping[str, str] = field(default_factory=dict)
    ignore_checksum: bool = False
    errors: bool = True

    def exposure(self, path: str | os.PathLike[str]) -> Exposure:
        """Return how a file was exposed; its pixels stay on disk."""
        return exposure_of(path, self.detector, overrides=self.overrides, ignore_checksum=self.ignore_checksum)

    def frame(self, path: str | os.PathLike[str]) -> Frame:
        """Read a file."""
        units: bool | Collection[str] = True if self.errors else without_errors(path, self.overrides)
        return read(
            path,
            detector=self.detector,
            overrides=self.overrides,
            ignore_checksum=self.ignore_checksum,
            pixels=units,
        )
