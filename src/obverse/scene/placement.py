"""Places and shapes on the sky, as the pixels of a world coordinate system see them."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["on_pixels", "on_sky", "scales", "shapes", "sizes"]

Array = NDArray[np.float64]

_STEP = 1.0
"""Distance over which the scale is measured [arcsec]; large against rounding, small against any distortion."""

_CLOSE = 0.1
"""How well a place must come back [pixel]; where polynomials of distortion are not meant to be used, it does not."""


def on_pixels(wcs: Any, ra: Array, dec: Array) -> tuple[Array, Array]:
    """Return rows and columns [pixel] of places on the sky [degree], NaN where the coordinates do not reach.

    Parameters
    ----------
    wcs
        `astropy.wcs.WCS`, gwcs, or what else has ``world_to_pixel_values`` and ``pixel_to_world_values`` (APE 14).
    ra, dec
        Right ascension and declination (source,), in the frame of the coordinates [degree].

    Limits
    ------
    A place must come back from its pixel to a tenth of a pixel. Coordinates with distortion turn places far outside
    into any pixel, even one on the image.

    Reference
    ---------
    APE 14, a shared Python interface for world coordinate systems.

    Examples
    --------
    >>> from astropy.wcs import WCS
    >>> wcs = WCS(
    ...     {
    ...         "CTYPE1": "RA---TAN",
    ...         "CTYPE2": "DEC--TAN",
    ...         "CRVAL1": 5.0,
    ...         "CRVAL2": 0.0,
    ...         "CRPIX1": 11.0,
    ...         "CRPIX2": 21.0,
    ...         "CDELT1": -3e-5,
    ...         "CDELT2": 3e-5,
    ...     }
    ... )
    >>> row, column = on_pixels(wcs, np.array([5.0]), np.array([0.0]))
    >>> float(row[0]), float(column[0])
    (20.0, 10.0)
    """
    column, row = _quietly(wcs.world_to_pixel_values, ra, dec)
    back = on_sky(wcs, row, column)
    size = sizes(scales(wcs, ra, dec))
    away = ((back[0] - ra + 180.0) % 360.0 - 180.0) * np.cos(np.radians(dec))
    with np.errstate(invalid="ignore"):
        lost = ~(np.hypot(away, back[1] - dec) * 3600.0 * size < _CLOSE)
    return np.where(lost, np.nan, row), np.where(lost, np.nan, column)


def on_sky(wcs: Any, row: Array, column: Array) -> tuple[Array, Array]:
    """Return right ascension and declination (source,) [degree] of pixels.

    Examples
    --------
    >>> from astropy.wcs import WCS
    >>> wcs = WCS({"CTYPE1": "RA---TAN", "CTYPE2": "DEC--TAN", "CRVAL1": 5.0, "CRPIX1": 11.0, "CRPIX2": 21.0})
    >>> float(on_sky(wcs, np.array([20.0]), np.array([10.0]))[0][0])
    5.0
    """
    return _quietly(wcs.pixel_to_world_values, column, row)


def scales(wcs: Any, ra: Array, dec: Array) -> Array:
    """Return how pixels run over the sky: d(row, column) / d(east, north), (source, 2, 2) [pixel/arcsec].

    Examples
    --------
    >>> from astropy.wcs import WCS
    >>> wcs = WCS({"CTYPE1": "RA---TAN", "CTYPE2": "DEC--TAN", "CDELT1": -1 / 36000, "CDELT2": 1 / 36000})
    >>> scales(wcs, np.zeros(1), np.zeros(1)).round(3)  # a tenth of an arcsec, east to the left
    array([[[  0.,  10.], [-10.,   0.]]])
    """
    half = _STEP / 3600.0 / 2.0
    east = half / np.maximum(np.cos(np.radians(dec)), 1e-6)
    steps = []
    for a, d in ((east, 0.0), (0.0, half)):
        high = _quietly(wcs.world_to_pixel_values, ra + a, dec + d)
        low = _quietly(wcs.world_to_pixel_values, ra - a, dec - d)
        steps.append(np.stack([high[1] - low[1], high[0] - low[0]], axis=-1) / _STEP)
    return np.stack(steps, axis=-1)


def sizes(scale: Array) -> Array:
    """Return pixels to an arcsecond, sqrt |det J| (source,), NaN where J is none.

    Examples
    --------
    >>> sizes(np.array([[[0.0, 10.0], [-10.0, 0.0]]]))
    array([10.])
    """
    return np.sqrt(np.abs(scale[:, 0, 0] * scale[:, 1, 1] - scale[:, 0, 1] * scale[:, 1, 0]))


def shapes(scale: Array, radius: Array, axis_ratio: Array, position_angle: Array) -> tuple[Array, Array, Array]:
    """Return ellipses on the sky as ellipses on pixels: radius [pixel], axis ratio, angle [radian].

    The ellipse M u, u on the unit circle, M = (east, north; major, minor), becomes J M u, and its axes are the
    singular values of J M.

    Parameters
    ----------
    scale
        J of `scales`.
    radius
        Geometric mean of the half-light axes (source,) [arcsec].
    axis_ratio
        Minor over major axis (source,).
    position_angle
        Of the major axis (source,), from north to east [radian].

    Examples
    --------
    >>> north_up = np.array([[[0.0, 10.0], [-10.0, 0.0]]])  # 0.1 arcsec/pixel, east to the left
    >>> one = np.ones(1)
    >>> radius, ratio, angle = shapes(north_up, one, 0.5 * one, 0.0 * one)
    >>> float(radius[0]), float(ratio[0]), float(abs(angle[0]))  # north is along rows
    (10.0, 0.5, 1.57)
    """
    sin, cos, root = np.sin(position_angle), np.cos(position_angle), np.sqrt(axis_ratio)
    major, minor = radius / root, radius * root
    ellipse = np.stack([np.stack([major * sin, -minor * cos], -1), np.stack([major * cos, minor * sin], -1)], -2)
    directions, axes, _ = np.linalg.svd(scale @ ellipse)
    angle = np.arctan2(directions[:, 0, 0], directions[:, 1, 0])
    return np.sqrt(axes[:, 0] * axes[:, 1]), axes[:, 1] / axes[:, 0], angle


def _quietly(convert: Any, first: Array, second: Array) -> tuple[Array, Array]:
    """Convert; places that a projection does not know come back as NaN, and need no warning of their own."""
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        one, two = convert(first, second)
    return np.asarray(one, np.float64), np.asarray(two, np.float64)
