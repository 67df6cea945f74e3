"""Sersic galaxies through the telescope, drawn from their transforms."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from obverse.kernels.galaxies import fold_galaxy
from obverse.scene.psf import Psf
from obverse.scene.sersic import FARTHEST, radial_transform
from obverse.scene.sources import Sources
from obverse.tiles import run_rows

__all__ = ["add_galaxies"]

Array = NDArray[np.float64]

SIZES = (32, 48, 64, 96, 128, 192, 256, 384, 512, 768, 1024)
"""Sides of the squares in which galaxies are drawn [pixel]."""

_BATCH = 64
"""Galaxies that are drawn before they are added, in their order."""


def add_galaxies(image: Array, galaxies: Sources, psf: Psf, threads: int | None = None) -> None:
    """Add galaxies to an image (row, column) in place.

    Each is the transform of its profile times that of telescope and pixel, summed over the frequencies that pixels
    cannot tell apart, and transformed back: exact at any place in the pixel, and as sharp as the telescope lets it.

    Parameters
    ----------
    image
        What is added to [electron/s].
    galaxies
        Sources with a radius above zero.
    psf
        Light of a star.
    threads
        Worker threads; they change no bit.

    Limits
    ------
    Light ends where `obverse.scene.sersic.radial_transform` says, or where a square of 1024 pixels ends. Frequencies
    above 1.5 cycles per pixel are left out.

    Examples
    --------
    >>> from obverse.scene import gaussian
    >>> image = np.zeros((64, 64))
    >>> add_galaxies(image, Sources([30.0], [31.5], [100.0], radius=[2.0]), gaussian(2.0))
    >>> round(float(image.sum()), 2)
    100.0
    """
    for first in range(0, len(galaxies), _BATCH):
        batch = galaxies[first : first + _BATCH]
        done: dict[int, Array] = {}

        def some(start: int, stop: int, batch: Sources = batch, done: dict[int, Array] = done) -> None:
            done.update({i: _drawn(batch, i, psf, image.shape) for i in range(start, stop)})

        run_rows(len(batch), some, threads, height=16)
        for i in range(len(batch)):
            _put(image, done[i], int(np.floor(batch.row[i] + 0.5)), int(np.floor(batch.column[i] + 0.5)))


def half_axes(galaxies: Sources) -> tuple[Array, Array]:
    """Return the half-light radii along major and minor axis [pixel], whose product is the radius squared."""
    root = np.sqrt(galaxies.axis_ratio)
    return galaxies.radius / root, galaxies.radius * root


def _drawn(galaxies: Sources, i: int, psf: Psf, shape: tuple[int, ...]) -> Array:
    """Return one galaxy in a square with its nearest pixel in the middle; nothing where none of it is on the image."""
    from scipy.fft import fftshift, irfft2

    major = float(half_axes(galaxies)[0][i])
    room = SIZES[-1] / 2 - psf.half - 1
    radial = radial_transform(float(galaxies.index[i]), float(min(FARTHEST, room / major)))
    side = next(size for size in SIZES if size / 2 >= min(radial.reach * major, room) + psf.half + 1)
    place = float(galaxies.row[i]), float(galaxies.column[i])
    if galaxies.flux[i] == 0 or any(not -side < x < n + side for x, n in zip(place, shape, strict=True)):
        return np.zeros((0, 0))
    out = np.empty((side, side // 2 + 1), np.complex128)
    along, across = (_shift(x - np.floor(x + 0.5), side) for x in place)
    transfer = psf.transfer(side)
    fold_galaxy(out, transfer, radial.values, radial.first, radial.step, _ellipse(galaxies, i), along, across)
    light = np.maximum(fftshift(irfft2(out, s=(side, side), workers=1)), 0.0)
    return light * (galaxies.flux[i] / light.sum())


def _ellipse(galaxies: Sources, i: int) -> Array:
    """Return the half-light ellipse as a matrix: rows are major and minor axis, columns are row and column."""
    major, minor = half_axes(galaxies)
    sin, cos = np.sin(galaxies.angle[i]), np.cos(galaxies.angle[i])
    return np.array([[major[i] * sin, major[i] * cos], [minor[i] * cos, -minor[i] * sin]])


def _shift(fraction: float, side: int) -> NDArray[np.complex128]:
    k = np.arange(-3 * side // 2, 3 * side // 2 + 1) / side
    return np.exp(-2j * np.pi * k * fraction)


def _put(image: Array, light: Array, row: int, column: int) -> None:
    """Add a square whose middle lies on a pixel, and lose what falls off the image."""
    side = light.shape[0]
    top, left = row - side // 2, column - side // 2
    rows = slice(max(top, 0), max(min(top + side, image.shape[0]), 0))
    columns = slice(max(left, 0), max(min(left + side, image.shape[1]), 0))
    part = light[max(-top, 0) : max(rows.stop - top, 0), max(-left, 0) : max(columns.stop - left, 0)]
    if part.size:
        image[rows, columns] += part
