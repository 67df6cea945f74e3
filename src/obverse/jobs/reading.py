"""How files are read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from obverse import io
from obverse.detector import Detector
from obverse.frame import Frame

__all__ = ["Reading"]


@dataclass(frozen=True)
class Reading:
    """How to read files: keywords to set, and whether a wrong checksum is only worth a warning."""

    overrides: Mapping[str, str] = field(default_factory=dict)
    ignore_checksum: bool = False

    def __call__(self, path: Path, detector: Detector | None, level: str | None = None) -> Frame:
        """Read one file."""
        return io.read(
            path, detector=detector, overrides=self.overrides, ignore_checksum=self.ignore_checksum, level=level
        )
