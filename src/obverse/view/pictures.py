"""Pictures of frames and of statistics, as matplotlib figures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from obverse.flags import Flag

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["coverage_plot", "flag_image", "images", "pull_histograms"]

_FLAG_COLOURS = {
    Flag.JUMP_DET: "#e07b39",
    Flag.SATURATED: "#c0272d",
    Flag.NO_FLAT_FIELD: "#7b5ea7",
    Flag.REFERENCE_PIXEL: "#8a949c",
}


def images(panels: Mapping[str, tuple[NDArray[Any], str]], columns: int = 3) -> Figure:
    """Show images side by side, each with its own stretch and a bar in its unit.

    Parameters
    ----------
    panels
        Title to (image (row, column), unit).
    columns
        Panels in a line.
    """
    from matplotlib.figure import Figure

    lines = -(-len(panels) // columns)
    figure = Figure(figsize=(4.6 * columns, 4.3 * lines), layout="constrained")
    for axes, (title, (image, unit)) in zip(
        figure.subplots(lines, columns, squeeze=False).flat, panels.items(), strict=False
    ):
        norm = _stretch(image)
        drawn = axes.imshow(image, origin="lower", cmap="magma", norm=norm, interpolation="nearest")
        axes.set_title(title, fontsize=12, loc="left")
        axes.tick_params(labelsize=8)
        bar = figure.colorbar(drawn, ax=axes, shrink=0.85, pad=0.02, ticks=norm.inverse(np.linspace(0.02, 0.98, 5)))
        bar.ax.set_yticklabels([f"{tick:.3g}" for tick in bar.get_ticks()])
        bar.ax.tick_params(labelsize=8)
        bar.minorticks_off()
        bar.set_label(unit, fontsize=9)
    for axes in figure.axes[len(panels) : lines * columns]:
        axes.set_visible(False)
    return figure


def flag_image(flags: NDArray[np.uint32], title: str) -> Figure:
    """Show which pixels carry which flag; the legend counts them."""
    from matplotlib.colors import to_rgb
    from matplotlib.figure import Figure
    from matplotlib.patches import Patch

    colours = np.ones((*flags.shape, 3))
    patches = []
    for flag, colour in _FLAG_COLOURS.items():
        where = (flags & np.uint32(flag)) != 0
        if where.any():
            colours[where] = to_rgb(colour)
            patches.append(Patch(color=colour, label=f"{flag.name}: {where.sum()}"))
    figure = Figure(figsize=(6.2, 5.0), layout="constrained")
    axes = figure.subplots()
    axes.imshow(colours, origin="lower", interpolation="nearest")
    axes.set_title(title, fontsize=12, loc="left")
    axes.tick_params(labelsize=8)
    figure.legend(handles=patches, loc="outside right upper", frameon=False, fontsize=9)
    return figure


def pull_histograms(pulls: Mapping[str, NDArray[Any]]) -> Figure:
    """Show histograms of (measured - true) / error on a logarithmic scale, with the unit normal that they should be."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(4.4 * len(pulls), 3.6), layout="constrained")
    edges = np.linspace(-6.0, 6.0, 61)
    centre = 0.5 * (edges[1:] + edges[:-1])
    normal = np.exp(-0.5 * centre**2) / np.sqrt(2.0 * np.pi)
    for axes, (title, pull) in zip(figure.subplots(1, len(pulls), squeeze=False).flat, pulls.items(), strict=True):
        counts, _ = np.histogram(pull, edges)
        axes.stairs(counts, edges, fill=True, color="#9db8cf")
        axes.plot(centre, normal * pull.size * (edges[1] - edges[0]), color="#1d2733", lw=1.3, label="unit normal")
        axes.set(yscale="log", ylim=(0.5, None), xlim=(-6, 6), xlabel="(rate - truth) / error", ylabel="pixels")
        axes.set_title(f"{title}\nscatter {pull.std():.3f}", fontsize=11, loc="left")
        axes.legend(frameon=False, fontsize=8, loc="lower center")
    return figure


def coverage_plot(
    flux: Sequence[float], pixels: Sequence[int], coverage: Sequence[float], pull_std: Sequence[float]
) -> Figure:
    """Show coverage of one error bar, and the scatter of the pulls, against flux; bars are counting errors."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(10.0, 3.4), layout="constrained")
    left, right = figure.subplots(1, 2)
    n = np.asarray(pixels)
    left.axhline(0.6827, color="#1d2733", lw=1.0)
    left.errorbar(flux, coverage, yerr=np.sqrt(0.6827 * 0.3173 / n), fmt="o", color="#2f6690", ms=5, capsize=2)
    left.set(xscale="log", ylim=(0.6, 0.76), xlabel="true rate [photon/s]", ylabel="truth within one error bar")
    left.set_title("Coverage; the line is 68.27 %", fontsize=11, loc="left")
    right.axhline(1.0, color="#1d2733", lw=1.0)
    right.errorbar(flux, pull_std, yerr=1.0 / np.sqrt(2.0 * n), fmt="o", color="#2f6690", ms=5, capsize=2)
    right.set(xscale="log", ylim=(0.9, 1.1), xlabel="true rate [photon/s]", ylabel="scatter of the pulls")
    right.set_title("Scatter of the pulls; the line is one", fontsize=11, loc="left")
    return figure


def _stretch(image: NDArray[Any]) -> Any:
    """Return an arcsinh stretch about the median: linear through the noise, logarithmic above it."""
    from matplotlib.colors import FuncNorm, Normalize

    good = image[np.isfinite(image)]
    low, middle, high = np.percentile(good, [0.3, 50.0, 99.9]) if good.size else (0.0, 0.5, 1.0)
    if high <= low:
        return Normalize(low - 0.5, low + 0.5)
    noise = max(middle - low, 1e-3 * (high - low))
    return FuncNorm((lambda x: np.arcsinh((x - middle) / noise), lambda y: middle + noise * np.sinh(y)), low, high)
