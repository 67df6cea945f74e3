"""Catalogues of stars and galaxies into sources on an image."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from obverse.errors import UsageError
from obverse.scene import bands
from obverse.scene.columns import Columns
from obverse.scene.ellipses import ellipses
from obverse.scene.good_rows import good_rows
from obverse.scene.placement import on_pixels
from obverse.scene.sources import Sources
from obverse.scene.table_files import read_table

__all__ = ["read_catalogue"]

Array = NDArray[np.float64]


def read_catalogue(
    catalogue: Any,
    *,
    band: str | None = None,
    wcs: Any = None,
    zero_point: float | None = None,
    detector: str | None = None,
    pixel_scale: float | None = None,
    shape: tuple[int, int] | None = None,
    unit: str | None = None,
    quantum_efficiency: float | None = None,
) -> Sources:
    """Read stars and Sersic galaxies from a table or a file.

    | column | meaning | unit, where it has none |
    |---|---|---|
    | ``row``, ``column`` | place on the image | pixel |
    | ``ra``, ``dec`` | place on the sky, with `wcs`; counts where there is no ``row`` | degree |
    | ``flux``, or the name of the band | brightness | asked for; maggies in tables of romanisim |
    | ``half_light_radius`` | of a galaxy, sqrt(a b); 0 is a star | arcsec |
    | ``radius`` | the same | pixel |
    | ``n`` or ``index`` | Sersic index | |
    | ``ba`` or ``axis_ratio`` | minor over major axis | |
    | ``pa`` | of the major axis, from north to east, with `wcs` | degree |
    | ``angle`` | the same, from +column towards +row | radian |
    | ``type`` | PSF (a star, whatever else it says) or SER | |
    | ``id`` | name; else the number of the row | |

    Parameters
    ----------
    catalogue
        astropy Table, or the path of an ECSV, FITS or Parquet file.
    band
        Column of the fluxes; also the filter whose zero point counts. None takes ``flux``.
    wcs
        Where the sky lies on the image (APE 14, as `astropy.wcs.WCS`).
    zero_point
        AB magnitude of 1 electron/s; None takes that of the Roman filter `band` on `detector`
        (`obverse.scene.bands`).
    detector
        Name of the Roman detector, as WFI01 or WFI/WFI01. Where none is known, None or a name that is none of these,
        the zero point is the mean of the 18; in F158 fluxes are then wrong by up to 8 %.
    pixel_scale
        Size of a pixel [arcsec], for radii in arcsec where there is no `wcs`.
    shape
        Rows and columns of the image: sources that cannot light it are left out. None keeps all.
    unit
        Of the fluxes, where their column has none.
    quantum_efficiency
        Electrons a photon, for fluxes in photon/s.

    Returns
    -------
    Sources
        Of the good rows. What is left out is said in one warning for each reason.

    Raises
    ------
    DataError
        If a column is missing, a unit is unknown, there are no rows, or none is good.
    UsageError
        If something must be given to make sense of the columns.

    Reference
    ---------
    Columns and the meaning of radius and position angle: romanisim 0.15, ``catalog.table_to_catalog``.

    Examples
    --------
    >>> from astropy.table import Table
    >>> table = Table({"row": [10.0], "column": [20.0], "F158": [20.0]}, units={"F158": "mag(AB)"})
    >>> read_catalogue(table, band="F158").flux
    array([355.3])
    """
    if zero_point is None and band in bands.ROMAN:
        zero_point = bands.zero_point(band, detector)
    table, file = _table(catalogue)
    columns = Columns(table, file)
    if not len(columns):
        raise columns.error("catalogue", "has no rows, there is nothing to draw")
    row, column = _places(columns, wcs)
    values = {"row": row, "column": column, "flux": _fluxes(columns, band, zero_point, unit, quantum_efficiency)}
    values |= ellipses(columns, wcs, pixel_scale, (row, column))
    good = good_rows(columns, values, band or "flux", shape)
    names = columns.words("id") if "id" in columns else np.arange(len(columns))
    return Sources(**{name: value[good] for name, value in values.items()}, id=names[good])


def _table(catalogue: Any) -> tuple[Any, str]:
    if isinstance(catalogue, str | os.PathLike):
        path = Path(catalogue)
        return read_table(path), path.name
    if not hasattr(catalogue, "colnames"):
        raise UsageError(f"catalogue: an astropy Table or the path of one is wanted, got {type(catalogue).__name__}")
    return catalogue, "catalogue"


def _places(columns: Columns, wcs: Any) -> tuple[Array, Array]:
    if "row" in columns and "column" in columns:
        return columns.numbers("row", "pix"), columns.numbers("column", "pix")
    if "ra" not in columns and "dec" not in columns:
        raise columns.missing("column" if "row" in columns else "row")
    if wcs is None:
        raise UsageError(f"{columns.file}: ra: places on the sky need wcs= (--wcs), the coordinates of the image")
    return on_pixels(wcs, columns.numbers("ra", "deg"), columns.numbers("dec", "deg"))


def _fluxes(
    columns: Columns, band: str | None, zero_point: float | None, unit: str | None, efficiency: float | None
) -> Array:
    name = band or "flux"
    if name not in columns:
        held = [known for known in bands.ROMAN if known in columns]
        if band is None and held:
            raise UsageError(f"{columns.file}: flux: no such column, say which with band=: {', '.join(held)}")
        raise columns.missing(name)
    romanisim = all(each in columns for each in ("type", "n", "half_light_radius", "pa", "ba"))
    return columns.rates(name, unit or ("mgy" if romanisim else None), zero_point, efficiency)
