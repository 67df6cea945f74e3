"""Reference files of any observatory: FITS are JWST's, ASDF Roman's."""

from __future__ import annotations

import os

from obverse.io import jwst_references, roman_references
from obverse.io.asdf_door import is_asdf
from obverse.references import Reference

__all__ = ["read_reference"]


def read_reference(path: str | os.PathLike[str], *, ignore_checksum: bool = False) -> Reference:
    """Read a reference file; see `obverse.io.jwst_references` and `obverse.io.roman_references`.

    Parameters
    ----------
    path
        The file.
    ignore_checksum
        Turn a wrong checksum into a warning.
    """
    reader = roman_references if is_asdf(path) else jwst_references
    return reader.read_reference(path, ignore_checksum=ignore_checksum)
