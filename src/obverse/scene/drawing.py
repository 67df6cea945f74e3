"""Sources onto pixels."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from obverse.kernels.stamps import add_stars
from obverse.scene.galaxies import add_galaxies
from obverse.scene.phases import PHASES, Stamps
from obverse.scene.psf import Psf
from obverse.scene.sources import Sources
from obverse.scene.star import Star
from obverse.scene.wings import CORE, Split, points, split
from obverse.tiles import run_rows

__all__ = ["draw"]

Array = NDArray[np.float64]

_STRIP = 512
"""Rows that are convolved at a time; a fixed number, for the last bits depend on it."""


def draw(sources: Sources, psf: Star, shape: tuple[int, int], *, threads: int | None = None) -> Array:
    """Return the expected rate of the sources alone (row, column) [electron/s].

    Every source adds its flux, spread by optics and pixels, less what falls off the image.

    Parameters
    ----------
    sources
        Where, how bright and of which shape.
    psf
        Light of a star, the same everywhere or not.
    shape
        Rows and columns of the image.
    threads
        Worker threads, None for one a processor; they change no bit.

    Limits
    ------
    In a crowd of faint stars (more than 100 stamps over each pixel) the wings of a star beyond 5 pixels are right to
    0.001 electron/s/pixel, in the sum of all of them to far less of its own; otherwise to 1e-3 of the star's peak.

    This is the mean of what arrives. Counting it with one Poisson draw a pixel, as `Detector.expose` does, is exact
    for any number of sources: a sum of Poisson counts is a Poisson count, whose mean is the sum of the means.

    Examples
    --------
    >>> from obverse.scene import Sources, moffat
    >>> image = draw(Sources(row=[31.3], column=[32.8], flux=[1e4]), moffat(2.2), (65, 65))
    >>> round(float(image.sum()), 3)
    10000.0
    """
    image = np.zeros(shape)
    for some, one in psf.parts(sources):
        star = some.radius == 0
        _add_stars(image, np.stack([some.row[star], some.column[star], some.flux[star]]), one, threads)
        add_galaxies(image, some[~star], one, threads)
    return np.maximum(image, 0.0, out=image)  # interpolation may leave -1e-9 of a star at the edge of its stamp


def _add_stars(image: Array, stars: Array, psf: Psf, threads: int | None) -> None:
    """Add stars (row, column and flux; star), all of them whole unless the faint ones are a crowd."""
    if not stars.size:
        return  # without making stamps, 17 MB for a star that reaches 64 pixels
    stars = stars[:, np.argsort(stars[0], kind="stable")]  # a strip of the image needs only some of them
    if _is_crowd(image, stars, psf):
        parts = split(psf)
        faint = stars[2] < parts.faint
        if _is_crowd(image, stars[:, faint], psf):
            _add_crowd(image, stars[:, faint], parts, threads)
            stars = stars[:, ~faint]
    _stamp(image, stars, psf.stamps, threads)


def _is_crowd(image: Array, stars: Array, psf: Psf) -> bool:
    """Whether stamps would touch each pixel so often that a convolution is quicker."""
    return psf.half > 2 * CORE and stars.shape[1] * psf.stamps.table[0, 0].size > 100 * image.size


def _add_crowd(image: Array, stars: Array, parts: Split, threads: int | None) -> None:
    """Add the cores of stars, and their wings in one convolution."""
    from scipy.signal import oaconvolve

    _stamp(image, stars, parts.core, threads)
    margin = parts.wings.shape[0] // 2
    mesh = np.zeros((image.shape[0] + 2 * margin, image.shape[1] + 2 * margin))
    _stamp(mesh, np.add(stars, [[margin], [margin], [0.0]]), points(), threads)

    def strip(top: int, bottom: int) -> None:
        image[top:bottom] += oaconvolve(mesh[top : bottom + 2 * margin], parts.wings, mode="valid")

    run_rows(image.shape[0], strip, threads, _STRIP)


def _stamp(image: Array, stars: Array, stamps: Stamps, threads: int | None) -> None:
    table = stamps.flat

    def strip(top: int, bottom: int) -> None:
        first, last = np.searchsorted(stars[0], [top - stamps.half - 1.0, bottom + stamps.half + 1.0])
        row, column, flux = stars[:, first:last]
        add_stars(image, top, bottom, row, column, flux, table, PHASES)

    run_rows(image.shape[0], strip, threads)
