"""Which rows of a catalogue can be drawn, and one warning for each reason why others cannot."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping

import numpy as np
from numpy.typing import NDArray

from obverse.errors import ObverseWarning
from obverse.scene.columns import Columns
from obverse.scene.sources import AXIS_RATIO, INDEX, limits, within

__all__ = ["good_rows"]

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]

MARGIN = 100.0
"""How far outside the image a source may lie and still light it [pixel], besides 20 of its radii."""


def good_rows(columns: Columns, values: Mapping[str, Array], flux: str, shape: tuple[int, int] | None) -> Mask:
    """Return the rows to use (source,).

    Parameters
    ----------
    columns
        The catalogue, for its name.
    values
        What `obverse.scene.Sources` takes.
    flux
        Column of the flux.
    shape
        Rows and columns of the image, or None.

    Raises
    ------
    DataError
        If no row is left.

    Examples
    --------
    >>> from astropy.table import Table
    >>> values = {name: np.ones(2) for name in ("row", "column", "flux")}
    >>> good_rows(Columns(Table({"flux": [1.0, 1.0]}), "stars.ecsv"), values, "flux", None)
    array([ True,  True])
    """
    good = np.ones(len(columns), bool)
    reasons = []
    for name, why, bad in _reasons(values, flux, shape):
        left_out = good & bad
        if left_out.any():
            first = int(np.argmax(left_out))
            reasons.append(
                (name, f"{left_out.sum()} of {good.size} rows are left out, {why} (the first is row {first})")
            )
            good &= ~bad
    if not good.any():
        said = "; ".join(f"{name}: {what}" for name, what in reasons)
        raise columns.error("catalogue", f"no row can be used: {said}")
    for name, what in reasons:
        warnings.warn(f"{columns.file}: {name}: {what}", ObverseWarning, stacklevel=3)
    return good


def _reasons(values: Mapping[str, Array], flux: str, shape: tuple[int, int] | None) -> Iterator[tuple[str, str, Mask]]:
    """Yield column, reason and the rows that it hits; earlier reasons count before later ones."""
    row, column, rate = values["row"], values["column"], values["flux"]
    yield "position", "no number or off the sky of the image", ~np.isfinite(row + column)
    yield flux, "no number", ~np.isfinite(rate)
    yield flux, "negative", rate < 0
    radius = values.get("radius", np.zeros(row.size))
    if "radius" in values:
        galaxy = radius != 0
        shapeless = ~np.isfinite(radius + values["index"] + values["axis_ratio"] + values["angle"])
        yield "shape", "no number", shapeless
        yield "half_light_radius", "negative", radius < 0
        yield "n", f"outside {limits(INDEX)}", galaxy & ~within(values["index"], INDEX)
        yield "ba", f"outside {limits(AXIS_RATIO)}", galaxy & ~within(values["axis_ratio"], AXIS_RATIO)
    if shape is not None:
        reach = MARGIN + 20.0 * np.nan_to_num(radius)
        off = (row < -reach) | (row > shape[0] + reach) | (column < -reach) | (column > shape[1] + reach)
        yield "position", f"off the image of {shape[0]} x {shape[1]} pixels (row, column)", off
