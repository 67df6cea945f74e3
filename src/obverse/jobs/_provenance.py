"""How a product was made, for its header."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path

from obverse.detector import Detector

__all__ = ["provenance", "sha256"]


def provenance(detector: Detector, more: Mapping[str, str]) -> dict[str, str]:
    """Return name and hash of the detector, and what else is to be said."""
    return {"DETNAME": detector.name, "DETSHA": detector.digest(), **more}


def sha256(path: Path) -> str:
    """Return the hash of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
