r"""What a measurement finds of a star: its flux at a known place, and whether a blind search would have seen it.

The star and an even background are fitted to a stamp of the image by least squares without weights, so that bright
stars are not pulled down by weights that share their noise:

.. math:: \hat F = \sum_i c_i d_i, \qquad c = \frac{P - \bar P}{\sum_i (P_i - \bar P)^2}, \qquad
          \sigma^2 = \sum_i c_i^2 \sigma_i^2

The search takes the same sum around every pixel, with the star in its middle: the matched filter of an even background.
A star is found where a peak of :math:`\hat F / \sigma` above the limit lies within `MATCH` pixels.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from obverse.frame import Frame
from obverse.injection.light import spots
from obverse.scene import Sources
from obverse.scene.star import Star

__all__ = ["MATCH", "Image", "found", "measured"]

Array = NDArray[Any]

MATCH = 1.5
"""How far from its place a star may be found [pixel]."""


@dataclass(frozen=True, eq=False)
class Image:
    """An image to measure stars in.

    Parameters
    ----------
    data, variance
        (row, column) [electron/s] and its square; NaN where a pixel is not usable.
    """

    data: Array
    variance: Array

    @classmethod
    def of(cls, frame: Frame, unit: Any) -> Image:
        """Take a calibrated frame; `unit` is what one of its numbers is [electron/s]."""
        variance = frame.variance
        bad = frame.unusable()
        none = np.zeros(frame.shape) if variance is None else variance.astype(np.float64)
        data, spread = frame.data.astype(np.float64) * unit, none * np.square(unit)
        return cls(np.where(bad, np.nan, data), np.where(bad, np.nan, spread))

    def stamp(self, where: tuple[slice, slice]) -> Image:
        """Return a part of it."""
        return Image(self.data[where], self.variance[where])


def measured(image: Image, stars: Sources, psf: Star, half: int) -> tuple[Array, Array]:
    """Return the flux of each star at its place and its error [electron/s]; NaN where there are too few pixels.

    Parameters
    ----------
    image
        The image.
    stars
        In pixels of it.
    psf
        Light of a star.
    half
        Half the side of the stamps [pixel].
    """
    flux, error = np.full((2, len(stars)), np.nan)
    for spot in spots(stars.replace(flux=np.ones(len(stars))), psf, image.data.shape):
        where = _middle(spot.where, stars.row[spot.number], stars.column[spot.number], half)
        light = spot.rate[
            tuple(slice(w.start - s.start, w.stop - s.start) for w, s in zip(where, spot.where, strict=True))
        ]
        stamp = image.stamp(where)
        good = np.isfinite(stamp.data) & np.isfinite(stamp.variance)
        if good.sum() > light.size // 2:
            c = _sum_weights(light, good)
            flux[spot.number] = (c * stamp.data)[good].sum()
            error[spot.number] = np.sqrt((c**2 * stamp.variance)[good].sum())
    return flux, error


def _middle(where: tuple[slice, slice], row: float, column: float, half: int) -> tuple[slice, slice]:
    """Return the part of a box that lies up to `half` pixels around a star."""
    return tuple(
        slice(max(side.start, int(np.rint(at)) - half), max(side.start, min(side.stop, int(np.rint(at)) + half + 1)))
        for side, at in zip(where, (row, column), strict=True)
    )  # type: ignore[return-value]


def _sum_weights(light: Array, good: NDArray[np.bool_]) -> Array:
    """Return the weights c of the good pixels; zero at the others."""
    excess = np.where(good, light - light[good].mean(), 0.0)
    return np.asarray(excess / (excess**2).sum())


def found(image: Image, stars: Sources, psf: Star, half: int, sigma: float) -> NDArray[np.bool_]:
    """Return which stars a blind search finds.

    Parameters
    ----------
    image, stars, psf, half
        As in `measured`.
    sigma
        Limit of the search.
    """
    middle = psf.at(*(n / 2 for n in image.data.shape))  # a blind search knows one star for all places
    (spot,) = spots(Sources(*np.array([[half], [half], [1.0]])), middle, (2 * half + 1, 2 * half + 1))
    c = _sum_weights(spot.rate, np.ones(spot.rate.shape, np.bool_))
    reach = int(np.ceil(MATCH)) + 1
    return np.array(
        [_is_found(image, c, at, reach, sigma) for at in zip(stars.row, stars.column, strict=True)], np.bool_
    )


def _is_found(image: Image, c: Array, at: tuple[float, float], reach: int, sigma: float) -> bool:
    """Look for a peak above the limit around a place."""
    half = c.shape[0] // 2
    centre = [int(np.rint(x)) for x in at]
    box = tuple(slice(max(x - reach - half, 0), max(x + reach + half + 1, 0)) for x in centre)
    stamp = image.stamp(box)  # type: ignore[arg-type]
    if min(stamp.data.shape, default=0) < 2 * half + 3:
        return False
    ratio = _filtered(stamp, c)
    peak = ratio[1:-1, 1:-1]
    around = np.max([np.roll(ratio, (i, j), (0, 1))[1:-1, 1:-1] for i in (-1, 0, 1) for j in (-1, 0, 1)], axis=0)
    rows, columns = np.nonzero((peak >= around) & (peak > sigma))
    off = np.hypot(rows + box[0].start + half + 1 - at[0], columns + box[1].start + half + 1 - at[1])
    return bool((off <= MATCH).any())


def _filtered(stamp: Image, c: Array) -> Array:
    """Return the matched filter in units of its error, where the whole of it is on the stamp."""
    bad = ~np.isfinite(stamp.data) | ~np.isfinite(stamp.variance)
    level = np.median(stamp.data[~bad]) if not bad.all() else 0.0
    windows = np.lib.stride_tricks.sliding_window_view
    data, variance = (
        windows(np.where(bad, fill, plane), c.shape) for plane, fill in ((stamp.data, level), (stamp.variance, 0.0))
    )
    with np.errstate(invalid="ignore", divide="ignore"):
        ratio = np.einsum("ijkl,kl->ij", data, c) / np.sqrt(np.einsum("ijkl,kl->ij", variance, c**2))
    return np.nan_to_num(ratio, nan=-np.inf, posinf=-np.inf)
