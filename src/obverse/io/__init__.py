"""Files: a safe door in, an atomic writer out, and the dialects of observatories.

`read` and `write` are what most people need; the rest is here for those who add a dialect.
"""

from obverse.io.cargo import DONE_BEFORE, Cargo, constants, inputs_of, provenance_of, setup_of
from obverse.io.ccd import LOOK, Keywords, read_ccd
from obverse.io.corgi_maps import read_noise_maps
from obverse.io.corgi_maps_write import write_noise_maps
from obverse.io.dialect import Dialect
from obverse.io.door import MAX_BYTES, Hdu, open_fits, scan_fits
from obverse.io.exposures import exposure_of
from obverse.io.files import OWN, bare_name, dialect_of, dialects, product_writer, read, require_level, write
from obverse.io.header import Header
from obverse.io.products import as_uint16, default_provenance, from_hdus, level_of, to_hdus
from obverse.io.publish import prepare_directory, publish, refuse_targets, write_text
from obverse.io.references import read_reference
from obverse.io.regions import Section, Sections, sections
from obverse.io.writer import write_fits

__all__ = [
    "read", "write", "require_level", "level_of", "constants", "provenance_of", "setup_of", "Keywords", "LOOK", "Cargo",
    "open_fits", "scan_fits", "Hdu", "Header", "MAX_BYTES", "Section", "Sections", "sections", "read_ccd",
    "to_hdus", "from_hdus", "default_provenance", "as_uint16", "write_fits", "write_text", "publish",
    "prepare_directory", "refuse_targets", "DONE_BEFORE", "Dialect", "OWN", "bare_name", "dialect_of", "dialects",
    "product_writer", "inputs_of", "read_reference", "exposure_of", "read_noise_maps",
    "write_noise_maps",
]  # fmt: skip
