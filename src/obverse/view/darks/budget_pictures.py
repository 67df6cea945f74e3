"""Pictures of what darks add to the error of an observation, and what more of them would bring."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from obverse.darks.budget import Budget

__all__ = ["BudgetCut", "BudgetPlane", "ScienceLevel", "budget_plot", "worth_plot"]

Array = NDArray[Any]

_INK, _NOW = "#1d2733", "#c0272d"
_PARTS = (
    ("pattern", "fixed pattern, F / g", "#2f6690"),
    ("cic", "clock-induced charge, C", "#e07b39"),
    ("dark_current", "dark current, t D", "#3a7d44"),
)
_SHADES = ("#7b5ea7", "#2f6690", "#3a7d44", "#e07b39", "#8c6d31")


@dataclass(frozen=True, eq=False)
class BudgetCut:
    """The budget along one axis, the noise of one frame (case,) [electron], and the values that were taken."""

    budget: Budget
    along: str
    title: str
    one_frame: Array | None
    taken: Sequence[float]


@dataclass(frozen=True, eq=False)
class BudgetPlane:
    """Error of the dark [electron] over gains and times (time, gain), and where stacks were taken."""

    gains: Array
    times: Array
    errors: Array
    taken: Sequence[tuple[float, float]]


@dataclass(frozen=True)
class ScienceLevel:
    """Noise of a mean of some science frames [electron], and the dark frames with which darks make a tenth of it."""

    frames: int
    error: float
    enough: float


def budget_plot(cuts: Sequence[BudgetCut], plane: BudgetPlane) -> Figure:
    """Show the parts of the error along gain and along time, and the whole of it over both."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(14.0, 5.0), layout="constrained")
    figure.get_layout_engine().set(w_pad=0.12)  # type: ignore[union-attr,call-arg] # a ConstrainedLayoutEngine
    panels = figure.subplots(1, len(cuts) + 1, width_ratios=(*(1.0 for _ in cuts), 1.15))
    for axes, cut in zip(panels, cuts, strict=False):
        _cut(axes, cut)
    lines, labels = panels[0].get_legend_handles_labels()
    figure.legend(lines, labels, loc="outside upper left", ncols=3, frameon=False, fontsize=10)
    _plane(panels[-1], plane)
    return figure


def _cut(axes: Axes, cut: BudgetCut) -> None:
    x = getattr(cut.budget, cut.along)
    for name, label, colour in _PARTS:
        axes.plot(x, getattr(cut.budget, name), color=colour, lw=1.6, label=label)
    axes.plot(x, cut.budget.total, color=_INK, lw=2.6, label="error of the dark, with covariance")
    axes.plot(x, cut.budget.independent, color=_INK, lw=1.2, ls=":", label="were the three independent")
    if cut.one_frame is not None:
        axes.plot(x, cut.one_frame, color="#8a949c", lw=1.4, ls="--", label="noise of one science frame")
    low = np.nanmin(cut.budget.total)
    axes.set(xscale="log", yscale="log", xlim=(x.min(), x.max()))
    tops = [np.nanmax(cut.budget.independent), *([] if cut.one_frame is None else [np.nanmax(cut.one_frame)])]
    axes.set_ylim(0.2 * low, 1.5 * max(tops))
    inside = [value for value in cut.taken if x.min() <= value <= x.max()]
    at_foot: Any = axes.get_xaxis_transform()
    axes.plot(inside, np.zeros(len(inside)), "^", transform=at_foot, color=_NOW, ms=7, clip_on=False, zorder=5)
    _plain_ticks(axes)
    axes.set_xlabel("EM gain" if cut.along == "gains" else "exposure time [s]")
    axes.set_ylabel("error of a pixel [electron]")
    axes.set_title(cut.title, fontsize=11, loc="left")
    axes.grid(alpha=0.25)


def _plain_ticks(axes: Axes) -> None:
    """Write numbers as 0.2 and 5,000, at 1, 2 and 5 of each decade where it is few decades."""
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    for axis, (low, high) in ((axes.xaxis, axes.get_xlim()), (axes.yaxis, axes.get_ylim())):
        axis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0) if high < 300.0 * low else (1.0,)))
        axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.10g}"))
        axis.set_minor_formatter(NullFormatter())


def _plane(axes: Axes, plane: BudgetPlane) -> None:
    from matplotlib.colors import LogNorm

    norm = LogNorm(float(np.nanmin(plane.errors)), float(np.nanmax(plane.errors)))
    levels = np.geomspace(norm.vmin or 1e-3, norm.vmax or 1.0, 25)
    drawn = axes.contourf(plane.gains, plane.times, plane.errors, levels=levels, cmap="YlOrBr", norm=norm, alpha=0.85)
    ticks = [level for level in _one_two_five() if levels[0] <= level <= levels[-1]]
    lines = axes.contour(plane.gains, plane.times, plane.errors, levels=ticks, colors=_INK, linewidths=0.8)
    bar = axes.figure.colorbar(drawn, ax=axes, pad=0.02, ticks=ticks, format="%g")
    bar.add_lines(lines)
    bar.minorticks_off()
    bar.set_label("error of the dark [electron]")
    gains, times = zip(*plane.taken, strict=True)
    axes.plot(gains, times, "o", mfc="white", mec=_INK, ms=5, clip_on=False, label="stacks", ls="")
    axes.set(xscale="log", yscale="log", xlabel="EM gain", ylabel="exposure time [s]")
    axes.set_title("Over both; circles: stacks", fontsize=11, loc="left")
    _plain_ticks(axes)


def _one_two_five() -> list[float]:
    return [digit * 10.0**power for power in range(-6, 4) for digit in (1.0, 2.0, 5.0)]


def worth_plot(frames: float, error: float, levels: Sequence[ScienceLevel], title: str) -> Figure:
    """Show the error of the dark against the number of dark frames, and the noise of observations that it meets.

    Parameters
    ----------
    frames, error
        Dark frames that there are, and the error of the dark from them [electron].
    levels
        Observations of so many frames.
    title
        What stands above it.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(10.5, 5.0), layout="constrained")
    axes = figure.subplots()
    reach = max([level.enough for level in levels if np.isfinite(level.enough)] + [10.0 * frames])
    x = np.geomspace(0.2 * min([frames, *(level.enough for level in levels)]), 5.0 * reach, 200)
    axes.plot(x, error * np.sqrt(frames / x), color=_INK, lw=2.4, label="error of the dark")
    for level, shade in zip(levels, _SHADES, strict=False):
        name = f"{level.frames:,} science frame{'s' if level.frames > 1 else ''}"
        axes.axhline(level.error, color=shade, lw=1.4)
        axes.text(
            x[-1] * 0.93, level.error * 1.06, f"noise of {name}", color=shade, fontsize=9, ha="right", va="bottom"
        )
        axes.plot([level.enough], [error * np.sqrt(frames / level.enough)], "o", color=shade, ms=8, zorder=3)
    axes.plot([frames], [error], "D", color=_NOW, ms=9, zorder=4, label=f"now: {frames:,.0f} dark frames")
    axes.plot([], [], "o", color="#8a949c", ms=8, label="darks make a tenth of the variance")
    top, low = max(error * np.sqrt(frames / x[0]), levels[0].error), error * np.sqrt(frames / x[-1])
    axes.set(xscale="log", yscale="log", xlim=(x[0], x[-1]), ylim=(0.8 * low, 2.2 * top))
    _plain_ticks(axes)
    axes.set(xlabel="dark frames, spread as now", ylabel="error of a pixel [electron]")
    axes.set_title(title, fontsize=11, loc="left")
    axes.legend(frameon=False, fontsize=9, loc="lower left")
    axes.grid(alpha=0.25)
    return figure
