"""Point-spread functions from FITS files, as STPSF and others write them."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np

from obverse import io
from obverse.errors import DataError
from obverse.io import Hdu
from obverse.scene.psf import Psf

__all__ = ["read_psf"]

_ORDER = ("OVERDIST", "OVERSAMP", "DET_DIST", "DET_SAMP")
"""Extensions of STPSF, from the one that is taken first: with distortion, and finer than a pixel, before others."""


def read_psf(
    path: str | os.PathLike[str],
    *,
    extension: str | None = None,
    oversampling: int | None = None,
    pixel_scale: float | None = None,
) -> Psf:
    """Read a point-spread function from a FITS image.

    Parameters
    ----------
    path
        FITS file, of STPSF (WebbPSF), poppy, or any other with one image.
    extension
        Its name or number; None takes OVERDIST, else OVERSAMP, DET_DIST, DET_SAMP, else the first image.
    oversampling
        Cells to a pixel; None takes DET_SAMP (1 in units DET_*), else OVERSAMP.
    pixel_scale
        Of the detector [arcsec]; with it and PIXELSCL, the scale after oversampling, the oversampling is checked, or
        found where no keyword says it.

    Raises
    ------
    DataError
        If there is no such image, nothing says how fine it is, or two keywords contradict each other.

    Limits
    ------
    OVERDIST of STPSF holds the diffusion of charge, and that of JWST also interpixel capacitance: leave that effect out
    of the detector then, or take ``extension="OVERSAMP"``.

    Reference
    ---------
    poppy documentation, FITS headers: PIXELSCL, OVERSAMP, DET_SAMP.

    Examples
    --------
    >>> import tempfile, pathlib
    >>> from obverse.io import Hdu, Header, write_fits
    >>> from obverse.io.cards import Card
    >>> path = pathlib.Path(tempfile.mkdtemp()) / "psf.fits"
    >>> write_fits(path, [Hdu(0, "PRIMARY", 1, Header([Card("DET_SAMP", 4)]), np.ones((8, 8)))])
    >>> read_psf(path).oversampling
    4
    """
    hdu = _chosen(io.open_fits(path), Path(path).name, extension)
    data = np.asarray(hdu.data, np.float64)
    if data.ndim != 2 or not np.isfinite(data).all() or not data.sum() > 0:
        raise hdu.header.error("DATA", f"no finite image (row, column) with light in it, {data.shape}", "take another")
    return Psf(data, oversampling or _oversampling(hdu, pixel_scale))


def _chosen(hdus: tuple[Hdu, ...], file: str, extension: str | None) -> Hdu:
    images = {hdu.name: hdu for hdu in reversed(hdus) if hdu.data is not None and hdu.data.dtype.names is None}
    by_number = {str(hdu.index): hdu for hdu in images.values()}
    wanted = _ORDER if extension is None else (str(extension).upper(),)
    for name in wanted:
        if name in images or name in by_number:
            return images.get(name) or by_number[name]
    if extension is None and images:
        return list(images.values())[-1]
    held = ", ".join(sorted(images)) or "none"
    raise DataError(f"{file}: {extension or 'PSF'}: no such image in it, there are: {held}")


def _oversampling(hdu: Hdu, pixel_scale: float | None) -> int:
    """Return the cells to a pixel that the header says."""
    header = hdu.header
    key = "DET_SAMP" if "DET_SAMP" in header else "OVERSAMP"
    said = 1 if hdu.name.startswith("DET_") else header.integer(key, None, least=1)
    if pixel_scale is not None and "PIXELSCL" in header:
        ratio = pixel_scale / header.number("PIXELSCL", positive=True)
        cells = round(ratio)
        if cells < 1 or abs(ratio - cells) > 0.02 * ratio or (said is not None and said != cells):
            what = f"{pixel_scale / ratio:g}, pixels of {pixel_scale:g} arcsec are {ratio:.2f} of that; {key} is {said}"
            raise header.error("PIXELSCL", what, "give oversampling=")
        return cells
    if said is None:
        raise header.error("DET_SAMP", "missing, as is OVERSAMP", "give oversampling=, the cells to a pixel")
    return int(said)
