"""The curves of a grid of stars as a picture."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from obverse.injection.binned import curves

if TYPE_CHECKING:
    from astropy.table import Table
    from matplotlib.figure import Figure

__all__ = ["drawn", "picture"]

Look = dict[str, Any]

_COLOURS = ("#1b5e8c", "#c2551d", "#3a7d44", "#7a4fa3", "#8c6d1f", "#5f6b73")


def picture(stars: Table, path: str | os.PathLike[str]) -> Path:
    """Draw completeness, bias and scatter against flux, a line a distance, and the bias of each star as a dot.

    Parameters
    ----------
    stars
        Of `obverse.injection.grid`.
    path
        Name of the picture; its ending says the format (``.png``, ``.pdf``, ``.svg``).

    Examples
    --------
    >>> import tempfile
    >>> from astropy.table import Table
    >>> stars = Table({"flux": [9.0, 9.0], "distance": [9.0, 8.0], "recovered": [9.5, 9.0], "error": [1.0, 1.0]})
    >>> stars["found"] = [True, False]
    >>> picture(stars, Path(tempfile.mkdtemp()) / "curves.png").name
    'curves.png'
    """
    made = Path(path)
    drawn(stars).savefig(made, dpi=140)
    return made


def drawn(stars: Table) -> Figure:
    """Return that picture as a figure."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7.5, 8.5), layout="constrained")
    panels = figure.subplots(3, 1, sharex=True, height_ratios=(2, 3, 2))
    summed = curves(stars)
    groups = _groups(stars, summed)
    for place, (name, part, own) in enumerate(groups):
        look = {"color": _COLOURS[place % len(_COLOURS)], "marker": "o", "ms": 4, "lw": 1.5}
        aside = 1.0 + 0.05 * (place - (len(groups) - 1) / 2)  # so that error bars of several distances do not overlap
        _completeness(panels[0], part, part["flux"] * aside, look, name)
        _bias(panels[1], part, own, aside, look)
        _scatter(panels[2], part, part["flux"] * aside, look)
    _stretched(panels[1], summed)
    _labelled(panels, stars, len(groups))
    return figure


def _groups(stars: Table, summed: Table) -> list[tuple[str, Table, Table]]:
    """Return the name of each distance, its curves and its stars."""
    if "wanted" not in stars.colnames:
        return [("", summed, stars)]
    size = len(np.unique(stars["flux"]))
    return [
        (f"{wanted:g} pixels from a source", summed[i * size : (i + 1) * size], stars[stars["wanted"] == wanted])
        for i, wanted in enumerate(np.unique(stars["wanted"]))
    ]


def _completeness(axes: Any, part: Table, x: Any, look: Look, name: str) -> None:
    axes.errorbar(x, part["completeness"], part["completeness_error"], label=name, **look)


def _bias(axes: Any, part: Table, stars: Table, aside: float, look: Look) -> None:
    """Draw the median, and every star as a dot."""
    off = 100 * (stars["recovered"] / stars["flux"] - 1)
    x = stars["flux"] * aside * np.random.default_rng(0).uniform(0.985, 1.015, len(stars))
    axes.plot(x, off, ".", color=look["color"], ms=2.5, alpha=0.3, zorder=0, rasterized=True)
    axes.errorbar(part["flux"] * aside, 100 * part["median"], 100 * part["median_error"], **look)


def _scatter(axes: Any, part: Table, x: Any, look: Look) -> None:
    axes.plot(x, 100 * part["scatter"], "o", color=look["color"], ms=4)
    axes.plot(x, 100 * part["stated"], "-", color=look["color"], lw=1.2)


def _stretched(axes: Any, summed: Table) -> None:
    """Let the axis be even around zero, as far as most curves reach, and logarithmic beyond."""
    reach = np.nanpercentile(100 * (np.abs(summed["median"]) + summed["median_error"]), 40)
    axes.set_yscale("symlog", linthresh=max(2 * float(np.nan_to_num(reach)), 0.1), linscale=1.5)


def _labelled(panels: Any, stars: Table, groups: int) -> None:
    top, middle, bottom = panels
    top.set_ylim(-0.04, 1.06)
    top.axhline(1.0, color="#c8ced2", lw=0.8, zorder=0)
    top.set_ylabel(f"completeness ({stars.meta.get('sigma', 5):g} sigma)")
    top.set_title(f"{len(stars)} stars injected into {stars.meta.get('exposure', 'a frame')}", loc="left", fontsize=11)
    if groups > 1:
        top.legend(frameon=False, fontsize=8, loc="lower right")
    middle.axhline(0.0, color="#c8ced2", lw=0.8, zorder=0)
    middle.set_ylabel("recovered / true - 1, median  [%]")
    bottom.set_ylabel("scatter [%]")
    bottom.set_xscale("log")
    bottom.set_yscale("log")
    bottom.text(0.98, 0.9, "dots: measured, line: stated error", transform=bottom.transAxes, ha="right", fontsize=9)
    bottom.set_xlabel("flux  [electron/s]")
    for axes in panels:
        axes.spines[["top", "right"]].set_visible(False)
        axes.grid(axis="x", color="#eceff1", lw=0.6)
