"""Reference files of any observatory: FITS are JWST's, ASDF Roman's."""

from __future__ import annotations

import os
from pathlib import Path

from obverse.errors import DataError
from obverse.io import jwst_references
from obverse.io.text import shown_path
from obverse.references import Reference

__all__ = ["read_reference"]


def read_reference(path: str | os.PathLike[str]) -> Reference:
    """Read a reference file; see `obverse.io.jwst_references` and `obverse.io.roman_references`."""
    if not Path(os.fsdecode(path)).name.lower().endswith(".asdf"):
        return jwst_references.read_reference(path)
    try:
        from obverse.io import roman_references
    except ImportError:
        raise DataError(f"{shown_path(path)}: file: ASDF references are not read here, give FITS") from None
    return roman_references.read_reference(path)
