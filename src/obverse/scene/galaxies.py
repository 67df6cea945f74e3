"""Sersic galaxies through the telescope, drawn from their transforms."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from obverse.kernels.galaxies import fold_galaxy
from obverse.scene.psf import Psf
from obverse.scene.sersic import FARTHEST, Radial, radial_transform
from obverse.scene.sources import Sources
from obverse.tiles import run_each

__all__ = ["add_galaxies"]

Array = NDArray[np.float64]
Transfer = NDArray[np.complex128]

SIZES = (32, 48, 64, 96, 128, 192, 256, 384, 512, 768, 1024)
"""Sides of the squares in which galaxies are drawn [pixel]."""

_BATCH_BYTES = 2**26
"""Size of the squares that are drawn before they are added, in their order; one square may be larger."""


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
    shapes = zip(galaxies.index, half_axes(galaxies)[0], strict=True)
    sides = np.array([_side(float(index), float(major), psf.half) for index, major in shapes], np.int64)
    lit = (galaxies.flux > 0) & _reaches(galaxies.row, sides, image.shape[0])
    lit &= _reaches(galaxies.column, sides, image.shape[1])
    for side in np.unique(sides[lit]):
        _add_squares(image, galaxies[lit & (sides == side)], psf, int(side), threads)


def half_axes(galaxies: Sources) -> tuple[Array, Array]:
    """Return the half-light radii along major and minor axis [pixel], whose product is the radius squared."""
    root = np.sqrt(galaxies.axis_ratio)
    return galaxies.radius / root, galaxies.radius * root


def _add_squares(image: Array, galaxies: Sources, psf: Psf, side: int, threads: int | None) -> None:
    """Add galaxies that are drawn in squares of one side, in their order, so that threads change no bit."""
    transfer = psf.transfer(side)  # by itself, before threads ask for it, and gone when the side is done
    at_once = max(_BATCH_BYTES // (8 * side * side), 1)
    for first in range(0, len(galaxies), at_once):
        batch = galaxies[first : first + at_once]
        for i, square in enumerate(_squares(batch, transfer, psf.half, side, threads)):
            _put(image, square, int(np.floor(batch.row[i] + 0.5)), int(np.floor(batch.column[i] + 0.5)))


def _squares(batch: Sources, transfer: Transfer, half: int, side: int, threads: int | None) -> list[Array]:
    squares = [np.empty(0)] * len(batch)

    def one(i: int) -> None:
        squares[i] = _drawn(batch, i, transfer, half, side)

    run_each(len(batch), one, threads)
    return squares


def _reaches(place: Array, side: NDArray[np.int_], n: int) -> NDArray[np.bool_]:
    """Whether a square may lie on pixels 0 to n of an axis."""
    return (place > -side) & (place < n + side)


def _side(index: float, major: float, half: int) -> int:
    """Return the side of the square that holds a galaxy through a telescope whose light reaches `half` pixels."""
    reach = min(_radial(index, major, half).reach * major, _room(half))
    return next(size for size in SIZES if size / 2 >= reach + half + 1)


def _radial(index: float, major: float, half: int) -> Radial:
    return radial_transform(index, min(FARTHEST, _room(half) / major))


def _room(half: int) -> float:
    """Return how far a galaxy may reach before the telescope spreads it [pixel]."""
    return SIZES[-1] / 2 - half - 1


def _drawn(galaxies: Sources, i: int, transfer: Transfer, half: int, side: int) -> Array:
    """Return one galaxy in a square with its nearest pixel in the middle."""
    from scipy.fft import fftshift, irfft2

    radial = _radial(float(galaxies.index[i]), float(half_axes(galaxies)[0][i]), half)
    out = np.empty((side, side // 2 + 1), np.complex128)
    along, across = (_shift(float(x - np.floor(x + 0.5)), side) for x in (galaxies.row[i], galaxies.column[i]))
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
