"""Read patterns in a picture: error, cosmic rays and trials against flux, with the saturation limits."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from astropy.table import Table
from numpy.typing import NDArray

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["draw"]

Array = NDArray[Any]

_COLOURS = ("#2f6690", "#e07b39", "#3a7d44", "#7b5ea7", "#c0272d", "#8c6d31", "#16a0a0", "#d16ba5")
_INK = "#1d2733"
_FEW = 0.5
"""With a smaller share of pixels that have a rate, a trial is about the ramps that escaped the flags."""


def draw(curves: Mapping[str, Table], trials: Table | None, title: str) -> Figure:
    """Draw the theory of read patterns, and what trials have found.

    Four panels against flux: the error, the error over that of the same photons alone, what cosmic rays take and how
    many are missed, and how well the stated errors describe the trials. A bar marks the flux from which on a pattern
    loses its last resultants, a cross the one from which on it has no rate.

    Parameters
    ----------
    curves
        Tables of `obverse.design.expected` by the name of their pattern, at fluxes close enough for a line.
    trials
        Table of `obverse.design.validate` of the same patterns; None: theory alone.
    title
        What stands above it.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(12.0, 9.2), layout="constrained")
    panels = figure.subplots(2, 2, sharex=True)
    colours = dict(zip(curves, np.resize(np.array(_COLOURS), len(curves)), strict=True))
    for name, curve in curves.items():
        part = None if trials is None else trials[trials["pattern"] == name]
        colour = str(colours[name])
        _errors(panels[0, 0], curve, part, colour)
        _ratios(panels[0, 1], curve, part, colour)
        _rays(panels[1, 0], curve, colour)
        if part is not None:
            _pulls(panels[1, 1], part, colour)
    _finish(panels, curves)
    _legend(figure, title, {_label(name, curve): str(colours[name]) for name, curve in curves.items()})
    return figure


def _label(name: str, curve: Table) -> str:
    return f"{name}: {curve.meta['exposure_time']:.0f} s, {curve.meta['dynamic_range']:.1f} mag"


def _photons(curve: Table) -> Array:
    """Return the error of the photons alone that fall in the time of one ramp [electron/s]."""
    return np.sqrt(np.asarray(curve["flux"]) / curve.meta["exposure_time"])


def _errors(axes: Axes, curve: Table, part: Table | None, colour: str) -> None:
    axes.plot(curve["flux"], curve["error"], color=colour, lw=1.8)
    axes.plot(curve["flux"], _photons(curve), color=colour, lw=0.9, ls=":")
    _mark(axes, curve, np.asarray(curve["error"]), colour)
    if part is not None:
        known = _known(part)
        _dots(axes, part["flux"][known], part["scatter"][known], colour)


def _ratios(axes: Axes, curve: Table, part: Table | None, colour: str) -> None:
    ratio = np.asarray(curve["error"]) / _photons(curve)
    axes.plot(curve["flux"], ratio, color=colour, lw=1.8)
    _mark(axes, curve, ratio, colour)
    if part is not None:
        known = _known(part)
        flux, scatter = np.asarray(part["flux"])[known], np.asarray(part["scatter"])[known]
        _dots(axes, flux, scatter / np.sqrt(flux / curve.meta["exposure_time"]), colour)


def _known(part: Table) -> NDArray[np.bool_]:
    return np.asarray(part["rates"]) > _FEW


def _dots(axes: Axes, x: Any, y: Any, colour: str) -> None:
    axes.plot(x, y, "o", color=colour, ms=5, mfc="white", mew=1.3, zorder=3)


def _mark(axes: Axes, curve: Table, y: Array, colour: str) -> None:
    """Mark the saturation limits on a line; the second ends it."""
    known = np.isfinite(y)
    flux = np.asarray(curve["flux"])[known]
    for limit, marker, size in (("saturation_last_read", "|", 15), ("saturation_rate", "x", 8)):
        at = curve.meta[limit]
        if flux[0] <= at <= 1.2 * flux[-1]:
            here = np.exp(np.interp(np.log(at * 0.999), np.log(flux), np.log(y[known])))
            axes.plot([at], [here], marker, color=colour, ms=size, mew=2.2, zorder=4)


def _rays(axes: Axes, curve: Table, colour: str) -> None:
    axes.plot(curve["flux"], 100 * curve["hit_loss"], color=colour, lw=1.8)
    axes.plot(curve["flux"], 100 * curve["hit"] * curve["hit_missed"], color=colour, lw=1.3, ls="--")


def _pulls(axes: Axes, part: Table, colour: str) -> None:
    known = _known(part)
    flux, n = np.asarray(part["flux"])[known], np.asarray(part["pixels"])[known]
    pull, bias = np.asarray(part["pull_std"])[known], np.asarray(part["bias"] / part["stated"])[known]
    axes.errorbar(flux, pull, yerr=1 / np.sqrt(2 * n), fmt="o", ms=5, color=colour, lw=1.0)
    bias_error = np.asarray(part["bias_error"] / part["stated"])[known]
    axes.errorbar(flux, bias, yerr=bias_error, fmt="s", ms=4.5, mfc="white", color=colour, lw=1.0)


def _finish(panels: Any, curves: Mapping[str, Table]) -> None:
    from matplotlib.ticker import LogLocator, NullFormatter

    errors, ratios, rays, pulls = panels.flat
    for axes in (errors, ratios, rays):
        axes.set_yscale("log")
    errors.set(ylabel="error [electron/s]")
    errors.set_title("Error of the rate; dotted: photons alone", fontsize=11, loc="left")
    ratios.set(ylabel="error / error of photons alone")
    ratios.yaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
    for axes in (ratios, rays):
        axes.yaxis.set_major_formatter("{x:g}")
        axes.yaxis.set_minor_formatter(NullFormatter())
    ratios.axhline(1.0, color=_INK, lw=0.8)
    ratios.set_title("How far from photon noise", fontsize=11, loc="left")
    rays.set(xlabel="flux [electron/s]", ylabel="%")
    rays.set_title("Cosmic rays; line: information lost, dashed: ramps with a missed hit", fontsize=11, loc="left")
    pulls.set(xlabel="flux [electron/s]", ylim=(-0.3, max(1.3, pulls.get_ylim()[1])))
    pulls.set_title("Trials; dots: scatter of the pulls, squares: bias / error", fontsize=11, loc="left")
    for level in (0.0, 1.0):
        pulls.axhline(level, color=_INK, lw=0.8)
    first = next(iter(curves.values()))["flux"]
    for axes in panels.flat:
        axes.set(xscale="log", xlim=(min(first), 1.5 * max(first)))
        axes.grid(alpha=0.25)
        axes.tick_params(labelbottom=True, labelsize=9)


def _legend(figure: Figure, title: str, names: Mapping[str, str]) -> None:
    from matplotlib.font_manager import FontProperties
    from matplotlib.lines import Line2D

    signs = {"scatter in trials": "o", "last resultants saturate from here": "|", "no rate from here": "x"}
    lines = [Line2D([], [], color=colour, lw=1.8, label=name) for name, colour in names.items()]
    marks = [
        Line2D([], [], color=_INK, ls="", marker=sign, mfc="white", mew=1.8, ms=8, label=name)
        for name, sign in signs.items()
    ]
    legend = figure.legend(handles=[*lines, *marks], loc="outside upper left", ncols=3, frameon=False, fontsize=10)
    legend.set_title(title, prop=FontProperties(size=15))
    legend.set_alignment("left")
