"""Pictures of noise maps: how they scatter, and how well they fit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["MapPanel", "chi_square_plot", "error_images", "map_histograms"]

Array = NDArray[Any]

_INK, _FILL = "#1d2733", "#9db8cf"


@dataclass(frozen=True)
class MapPanel:
    """One map for a histogram: its values and errors, any shape, in `unit`."""

    title: str
    unit: str
    values: Array
    errors: Array


def error_images(panels: Sequence[MapPanel]) -> Figure:
    """Show the errors of maps side by side, from the smallest to all but the largest thousandth."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(4.6 * len(panels), 4.0), layout="constrained")
    for axes, panel in zip(figure.subplots(1, len(panels), squeeze=False).flat, panels, strict=True):
        known = panel.errors[np.isfinite(panel.errors)]
        low, high = np.percentile(known, [0.0, 99.9]) if known.size else (0.0, 1.0)
        high = high if high > low else 1.01 * low + 1e-30
        drawn = axes.imshow(panel.errors, origin="lower", cmap="viridis", vmin=low, vmax=high)
        axes.set_title(f"error of {panel.title}", fontsize=12, loc="left")
        axes.tick_params(labelsize=8)
        bar = figure.colorbar(drawn, ax=axes, shrink=0.85, pad=0.02, extend="max")
        bar.formatter.set_useOffset(False)  # type: ignore[attr-defined] # a ScalarFormatter
        bar.ax.tick_params(labelsize=8)
        bar.set_label(panel.unit, fontsize=9)
    return figure


def map_histograms(panels: Sequence[MapPanel]) -> Figure:
    """Show how the values of maps scatter, and how they would if there were nothing but the errors of the fit.

    The line is a normal law about the median, of the errors that the pixels claim. A map that is wider has a structure
    of its own, which the fit has seen; a longer right wing is few electrons' long tail, and hot pixels.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(4.7 * len(panels), 3.9), layout="constrained")
    for axes, panel in zip(figure.subplots(1, len(panels), squeeze=False).flat, panels, strict=True):
        _histogram(axes, panel)
    return figure


def _histogram(axes: Axes, panel: MapPanel) -> None:
    known = np.isfinite(panel.values) & np.isfinite(panel.errors)
    values, errors = panel.values[known].astype(np.float64), panel.errors[known].astype(np.float64)
    if not values.size:
        return
    middle, typical = np.median(values), np.median(errors)
    half = 6.0 * max(_robust(values - middle), typical) or 1.0
    edges = np.linspace(middle - half, middle + half, 73)
    counts, _ = np.histogram(values, edges)
    axes.stairs(np.maximum(counts, 1e-9), edges, fill=True, color=_FILL, label="pixels")
    if typical > 0:
        x = 0.5 * (edges[1:] + edges[:-1])
        law = np.exp(-0.5 * ((x - middle) / typical) ** 2) / (np.sqrt(2.0 * np.pi) * typical)
        axes.plot(x, law * values.size * (edges[1] - edges[0]), color=_INK, lw=1.4, label="errors alone")
    axes.set(yscale="log", ylim=(0.5, 3.0 * max(counts.max(), 1)), xlim=(edges[0], edges[-1]), ylabel="pixels")
    axes.set_xlabel(f"{panel.title.split(',')[0]} [{panel.unit}]")
    scatter = f"error {typical:.3g}; scatter {values.std():.3g}, robust {_robust(values - middle):.3g}"
    axes.set_title(f"{panel.title}\n{scatter}", fontsize=11, loc="left")
    beyond = int(((values < edges[0]) | (values > edges[-1])).sum())
    if beyond:
        axes.text(0.02, 0.97, f"{beyond:,} beyond the ends", transform=axes.transAxes, fontsize=9, va="top")
    axes.legend(frameon=False, fontsize=9, loc="upper right")
    axes.grid(alpha=0.2)


def _robust(deviations: Array) -> float:
    """Return the standard deviation of a normal law with this median absolute deviation."""
    return 1.4826 * float(np.median(np.abs(deviations)))


def chi_square_plot(chi_square: Array, freedom: int) -> Figure:
    """Show chi-square a degree of freedom of each pixel, as an image and against the law that it should follow."""
    from matplotlib.figure import Figure
    from scipy.stats import chi2

    figure = Figure(figsize=(12.0, 4.4), layout="constrained")
    left, right = figure.subplots(1, 2)
    known = chi_square[np.isfinite(chi_square)].astype(np.float64)
    top = max(float(chi2.ppf(0.9999, freedom) / freedom), 2.0)
    drawn = left.imshow(chi_square, origin="lower", cmap="magma", vmin=0.0, vmax=top)
    left.set(xlabel="column", ylabel="row")
    left.set_title("Chi-square a degree of freedom", fontsize=11, loc="left")
    figure.colorbar(drawn, ax=left, shrink=0.85, pad=0.02, extend="max").set_label("chi-square / freedom")
    edges = np.linspace(0.0, 1.6 * top, 81)
    counts, _ = np.histogram(np.minimum(known, edges[-1] * (1 - 1e-9)), edges)
    right.stairs(np.maximum(counts, 1e-9), edges, fill=True, color=_FILL, label="pixels (the last bin: all beyond)")
    law = np.diff(chi2.cdf(edges * freedom, freedom)) * known.size
    right.plot(0.5 * (edges[1:] + edges[:-1]), law, color=_INK, lw=1.4, label=f"normal noise, {freedom} degrees")
    right.set(yscale="log", ylim=(0.5, 3.0 * max(counts.max(), 1)), xlim=(0.0, edges[-1]))
    right.set(xlabel="chi-square / freedom", ylabel="pixels")
    right.set_title(f"Mean {known.mean() if known.size else np.nan:.3f}, one expected", fontsize=11, loc="left")
    right.legend(frameon=False, fontsize=9, loc="upper right")
    right.grid(alpha=0.2)
    return figure
