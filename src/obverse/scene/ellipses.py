"""Shapes of the galaxies of a catalogue, as pixels see them."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from obverse.errors import UsageError
from obverse.scene.columns import Columns
from obverse.scene.placement import on_sky, scales, shapes, sizes

__all__ = ["ellipses"]

Array = NDArray[np.float64]


def ellipses(columns: Columns, wcs: Any, pixel_scale: float | None, at: tuple[Array, Array]) -> dict[str, Array]:
    """Return radius [pixel], index, axis ratio and angle [radian] of all rows; nothing where all are stars.

    Parameters
    ----------
    columns
        The catalogue.
    wcs
        Where the sky lies on the image, or None.
    pixel_scale
        Size of a pixel [arcsec], for radii in arcsec without `wcs`.
    at
        Rows and columns (source,) [pixel].

    Examples
    --------
    >>> from astropy.table import Table
    >>> table = Columns(Table({"half_light_radius": [0.2, 0.0], "n": [1.0, -1.0]}), "stars.ecsv")
    >>> made = ellipses(table, None, 0.1, (np.zeros(2), np.zeros(2)))
    >>> made["radius"], made["index"]
    (array([2., 0.]), array([1., 1.]))
    """
    size = columns.first("half_light_radius", "radius")
    if size is None:
        return {}
    unit = str(columns.unit(size) or ("pix" if size == "radius" else "arcsec"))
    pixels = unit in ("pix", "pixel")
    radius = np.where(_stars(columns), 0.0, columns.numbers(size, "pix" if pixels else "arcsec"))
    galaxy = radius != 0  # a negative one is refused later
    index, ratio = (np.where(galaxy, _either(columns, *names), 1.0) for names in (("n", "index"), ("ba", "axis_ratio")))
    angle = np.zeros(len(columns))
    scale = _scales(wcs, galaxy, at)
    if not pixels and galaxy.any():
        radius = radius * (np.nan_to_num(sizes(scale)) if wcs is not None else _given(columns, size, pixel_scale))
    if "angle" in columns:
        angle = np.where(galaxy, columns.numbers("angle", "rad"), 0.0)
    elif "pa" in columns and (galaxy & (ratio != 1)).any():
        if wcs is None:
            raise UsageError(f"{columns.file}: pa: angles on the sky need wcs=, the coordinates of the image")
        radius, ratio, angle = _seen(scale, radius, ratio, np.where(galaxy, columns.numbers("pa", "rad", "deg"), 0.0))
    return {"radius": radius, "index": index, "axis_ratio": ratio, "angle": angle}


def _stars(columns: Columns) -> NDArray[np.bool_]:
    """Return which rows say that they are stars."""
    if "type" not in columns:
        return np.zeros(len(columns), bool)
    kinds = np.char.upper(columns.words("type"))
    strange = ~np.isin(kinds, ["PSF", "SER"])
    if strange.any():
        row = int(np.argmax(strange))
        raise columns.error("type", f"{str(kinds[row])!r} in row {row}, it must be PSF or SER")
    return np.asarray(kinds == "PSF")


def _either(columns: Columns, first: str, second: str) -> Array:
    name = columns.first(first, second)
    return np.ones(len(columns)) if name is None else columns.numbers(name)


def _scales(wcs: Any, galaxy: NDArray[np.bool_], at: tuple[Array, Array]) -> Array:
    """Return d(row, column) / d(east, north) of the galaxies (source,) [pixel/arcsec], NaN for stars."""
    made = np.full((galaxy.size, 2, 2), np.nan)
    galaxy = galaxy & np.isfinite(at[0] + at[1])
    if wcs is not None and galaxy.any():
        made[galaxy] = scales(wcs, *on_sky(wcs, at[0][galaxy], at[1][galaxy]))
    return made


def _given(columns: Columns, name: str, pixel_scale: float | None) -> float:
    if pixel_scale is None:
        raise UsageError(f"{columns.file}: {name}: is in arcsec, give wcs= or pixel_scale=, the size of a pixel")
    return 1.0 / pixel_scale


def _seen(scale: Array, radius: Array, ratio: Array, angle: Array) -> tuple[Array, Array, Array]:
    """Return shapes on pixels; rows that are no shape stay what they are, and are left out later."""
    known = np.isfinite(radius + ratio + angle) & (radius > 0) & (ratio > 0) & np.isfinite(scale).all(axis=(1, 2))
    seen = shapes(scale[known], (radius / sizes(scale))[known], ratio[known], angle[known])
    for values, new in zip((radius, ratio, angle), seen, strict=True):
        values[known] = new
    return radius, ratio, angle
