"""From single stars to curves: bias and completeness by flux and distance."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from astropy.table import Table

__all__ = ["curves"]


def curves(stars: Table, distance_edges: Sequence[float] | None = None) -> Table:
    r"""Sum up what a grid of stars has shown, by flux and distance to neighbours.

    .. math:: b = \left\langle \frac{\hat F}{F} - 1 \right\rangle, \qquad
              \sigma_b = \frac{\mathrm{std}(\hat F / F)}{\sqrt n}, \qquad
              \sigma_c = \frac{\sqrt{n c (1 - c) + 1/4}}{n + 1}

    Parameters
    ----------
    stars
        Of `obverse.injection.grid`.
    distance_edges
        Limits of bins of distance [pixel]; None takes the distances that were asked for, or one bin for all.

    Returns
    -------
    Table
        One row a flux and distance: ``flux`` [electron/s], ``magnitude`` where it is known, ``distance`` (mean, to
        the nearest neighbour) [pixel], ``n`` with a recovered flux, ``bias`` (relative) and ``bias_error``,
        ``median`` and ``median_error``, which a few bright neighbours do not move, ``scatter`` (relative) and
        ``stated``, the mean of the stated errors, ``completeness`` of all stars and ``completeness_error``.

    Notes
    -----
    Limits: a star without a recovered flux counts as not found, and is left out of the bias.
    Reference: Wilson 1927, Journal of the American Statistical Association 22, 209 (error of a fraction that may be 0
    or 1, at one sigma).

    Examples
    --------
    >>> from astropy.table import Table
    >>> two = {"flux": [10.0, 10.0], "distance": [9.0, 8.0], "recovered": [11.0, 10.0]}
    >>> stars = Table(two | {"error": [1.0, 1.0], "found": [True, False]})
    >>> row = curves(stars)[0]
    >>> round(float(row["bias"]), 3), float(row["completeness"])
    (0.05, 0.5)
    """
    from astropy.table import Table

    places = _bins(stars, distance_edges)
    rows = [
        _summed(stars, (stars["flux"] == flux) & (places == place))
        for place in np.unique(places)
        for flux in np.unique(stars["flux"])
    ]
    return Table([row for row in rows if row], meta=dict(stars.meta))


def _bins(stars: Table, edges: Sequence[float] | None) -> NDArray[Any]:
    """Return which bin of distance each star is in."""
    if edges is not None:
        return np.digitize(np.asarray(stars["distance"]), edges)
    if "wanted" in stars.colnames:
        return np.asarray(stars["wanted"])
    return np.zeros(len(stars))


def _summed(stars: Table, these: Any) -> dict[str, float]:
    """Return one row of the curves; empty where there is no star."""
    part = stars[np.asarray(these, np.bool_)]
    if not len(part):
        return {}
    known = np.isfinite(part["recovered"])
    ratio = np.asarray(part["recovered"][known] / part["flux"][known])
    n, total = len(ratio), len(part)
    found = float(np.mean(part["found"] & known))
    row = {"flux": float(part["flux"][0])}
    if "magnitude" in part.colnames:
        row["magnitude"] = float(part["magnitude"][0])
    return row | {
        "distance": float(np.mean(part["distance"])),
        "n": n,
        "bias": float(ratio.mean() - 1) if n else np.nan,
        "bias_error": float(ratio.std(ddof=1) / np.sqrt(n)) if n > 1 else np.nan,
        **_middle(ratio - 1),
        "scatter": float(ratio.std(ddof=1)) if n > 1 else np.nan,
        "stated": float(np.mean(part["error"][known] / part["flux"][known])) if n else np.nan,
        "completeness": found,
        "completeness_error": float(np.sqrt(total * found * (1 - found) + 0.25) / (total + 1)),
    }


def _middle(off: NDArray[Any]) -> dict[str, float]:
    """Return the median and its error, of the spread of the middle half as in a normal distribution."""
    if off.size < 2:
        return {"median": float(off[0]) if off.size else np.nan, "median_error": np.nan}
    low, middle, high = np.percentile(off, (25, 50, 75))
    return {"median": float(middle), "median_error": float(np.sqrt(np.pi / 2 / off.size) * (high - low) / 1.349)}
