"""Noise maps of an EMCCD as files that Roman's coronagraph pipeline opens: DetectorNoiseMaps, and more behind it.

The image holds F, C and D, (3, row, column); ERR their errors, (1, 3, row, column); DQ their bits, (3, row, column);
B_O and B_O_ERR say the bias offset [DN]. What the pipeline has no place for follows in units of our own: UNCLIPPED,
CROSS (the covariances), R_SQUARED, CHI_SQUARE, UNRELIABLE, PIXEL_FLAGS, and the tables STACKS and OBV_META.
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from obverse.io import corgi_keywords as keywords
from obverse.io.cards import Card
from obverse.io.corgi_bits import flags_of, to_corgi
from obverse.io.corgi_cards import file_cards
from obverse.io.corgi_maps_meta import META, STACKS, meta_table, stack_table
from obverse.io.corgi_write import CHECKSUMS
from obverse.io.door import Hdu
from obverse.io.header import Header
from obverse.io.publish import prepare_directory
from obverse.io.writer import write_fits

if TYPE_CHECKING:
    from obverse.darks import NoiseMaps

__all__ = ["ERRORS", "MAPS", "MEANS", "MEDIAN", "PLANES", "TYPE", "UNKNOWN", "noise_maps_to_hdus", "write_noise_maps"]

TYPE = "DetectorNoiseMaps"
"""DATATYPE of noise maps."""

MAPS = ("fpn", "cic", "dark_current")
"""The three maps, in the order of the file."""

MEANS = dict(zip(MAPS, ("FPN_IMM", "CIC_IMM", "DC_IMM"), strict=True))
MEDIAN = "FPN_IMME"
"""Keywords of their means, and of the median of the first."""

UNKNOWN = -999.0
"""What stands there where nobody knows: FITS has no NaN in keywords."""

PLANES = ("cross", "r_squared", "chi_square", "unreliable")
"""Planes that the pipeline does not have; the names of their units are these in capitals."""

ERRORS = tuple(f"{name}_error" for name in MAPS)
"""Their errors, in the same order."""
_LINE = 72  # characters of a card of HISTORY


def write_noise_maps(
    maps: NoiseMaps,
    path: str | os.PathLike[str],
    *,
    provenance: Mapping[str, str] | None = None,
    overwrite: bool = False,
) -> None:
    """Write noise maps, whole or not at all; `read_noise_maps` gives equal ones back.

    Parameters
    ----------
    maps
        What to write.
    path
        Name of the file, by custom ``..._dnm_cal.fits``; missing directories are made.
    provenance
        How they were made; short keys become keywords.
    overwrite
        Allow another file of this name to be replaced.

    Raises
    ------
    DataError
        If the file exists or cannot be written.

    Examples
    --------
    >>> import tempfile
    >>> from obverse.darks import NoiseMaps
    >>> from obverse.io.corgi_maps import read_noise_maps
    >>> path = Path(tempfile.mkdtemp()) / "x_dnm_cal.fits"
    >>> write_noise_maps(NoiseMaps(np.full((2, 3), 5.0), np.ones((2, 3)), np.zeros((2, 3)), bias_offset=0.5), path)
    >>> read_noise_maps(path).bias_offset
    0.5
    """
    target = Path(path)
    hdus = noise_maps_to_hdus(maps, target.name, provenance)
    prepare_directory(target.parent)
    write_fits(target, hdus, overwrite=overwrite, checksums=CHECKSUMS)


def noise_maps_to_hdus(maps: NoiseMaps, name: str, provenance: Mapping[str, str] | None = None) -> list[Hdu]:
    """Return the units of a file of noise maps; see `write_noise_maps`."""
    primary = Header([Card(key, value) for key, value in file_cards(name, provenance or {}).items()])
    image = Header([*(Card(key, value) for key, value in _image_values(maps).items()), *_history(maps)])
    dq = to_corgi(maps.shape, None, maps.flags)
    errors = np.stack([np.asarray(getattr(maps, key)) for key in ERRORS])
    hdus = [
        Hdu(0, "PRIMARY", 1, primary, None),
        Hdu(1, "", 1, image, np.stack([getattr(maps, key) for key in MAPS])),
        Hdu(2, "ERR", 1, Header([Card("BUNIT", "detected electron")]), errors[None]),
        Hdu(3, "DQ", 1, Header([]), np.stack([dq] * len(MAPS))),
        *(Hdu(0, key.upper(), 1, Header([]), plane) for key, plane in _own_planes(maps, dq)),
        Hdu(0, META, 1, Header([]), meta_table(maps)),
    ]
    if maps.stacks:
        hdus.append(Hdu(0, STACKS, 1, Header([]), stack_table(maps)))
    return [Hdu(i, hdu.name, hdu.version, hdu.header, hdu.data) for i, hdu in enumerate(hdus)]


def _image_values(maps: NoiseMaps) -> dict[str, Any]:
    """Return the keywords of the image; an offset that is not known is 0, as the pipeline takes it without maps."""
    means = {key: _finite(maps.means.get(name), UNKNOWN) for name, key in MEANS.items()}
    return {
        "DATATYPE": TYPE,
        "BUNIT": "detected electron",
        "DATALVL": "CAL",
        "ARRTYPE": keywords.MODES[0],
        "B_O": _finite(maps.bias_offset, 0.0),
        "B_O_ERR": _finite(maps.bias_offset_error, 0.0),
        "B_O_UNIT": "DN",
        **means,
        MEDIAN: _finite(maps.medians.get(MAPS[0]), UNKNOWN),
        "DRPNFILE": int(maps.n_frames),
    }


def _finite(value: float | None, otherwise: float) -> float:
    return float(value) if value is not None and math.isfinite(value) else otherwise


def _history(maps: NoiseMaps) -> list[Card]:
    """Say what the maps were made of: [time, gain, frames] of each stack, never cut by the end of a card."""
    lines = ["Noise maps of stacks of [exposure time (s), EM gain, frames]:"]
    for stack in maps.stacks:
        text = str([float(stack.time), float(stack.gain), float(stack.used)])
        if len(lines) == 1 or len(lines[-1]) + len(text) + 2 > _LINE:
            lines.append(text)
        else:
            lines[-1] += f", {text}"
    return [Card("HISTORY", line) for line in lines] if maps.stacks else []


def _own_planes(maps: NoiseMaps, dq: NDArray[Any]) -> Iterator[tuple[str, NDArray[Any]]]:
    """Yield the planes that the pipeline does not have, where they say something."""
    unclipped = maps.unclipped
    if unclipped is not None and not all(_same(getattr(unclipped, key), getattr(maps, key)) for key in MAPS):
        yield "unclipped", np.stack([getattr(unclipped, key) for key in MAPS])
    for key in PLANES:
        plane = getattr(maps, key)
        if plane is not None:
            yield key, plane.astype(np.uint8) if plane.dtype == np.bool_ else plane
    if not np.array_equal(flags_of(dq), np.asarray(maps.flags)):
        yield "pixel_flags", np.asarray(maps.flags)


def _same(one: NDArray[Any], other: NDArray[Any]) -> bool:
    return one is other or (one.dtype == other.dtype and np.array_equal(one, other, equal_nan=True))
