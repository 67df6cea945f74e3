"""Pictures of the validation page: what was measured, with the gates drawn as bands."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure

from docs.validation.measure import HIT_RATES, SIZES, Found, Point
from tests.ramps.gates import PATTERNS, shifts, tolerances

# Okabe and Ito: told apart by all eyes; markers and dashes tell them apart without colour
STYLE = {
    "likelihood": {"color": "#0072B2", "marker": "o", "label": "likelihood"},
    "covariance": {"color": "#56B4E9", "marker": "x", "label": "covariance"},
    "ols": {"color": "#D55E00", "marker": "s", "label": "ols"},
    "casertano": {"color": "#009E73", "marker": "^", "label": "casertano"},
    "mission": {"color": "#333333", "marker": "D", "label": "ols, variance='jwst'"},
}
SEARCH_STYLE = {
    "likelihood": {"color": "#0072B2", "marker": "o", "ls": "-"},
    "two-point, 4 sigma": {"color": "#D55E00", "marker": "s", "ls": "-"},
    "two-point, 4.5 sigma": {"color": "#CC79A7", "marker": "D", "ls": "--"},
    "casertano": {"color": "#009E73", "marker": "^", "ls": "-"},
}
GATE = {"color": "#bbbbbb", "alpha": 0.45, "lw": 0}
SETTINGS = {
    "font.size": 10,
    "axes.titlesize": 10.5,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.color": "#e4e4e4",
    "grid.linewidth": 0.6,
    "lines.markersize": 4.5,
    "lines.linewidth": 1.3,
    "legend.frameon": False,
    "svg.hashsalt": "obverse",
}
PANELS = ("20 single reads", "5 groups of 8", "uneven groups", "uneven groups, low noise")


def panels(n: int, across: int, title: str, xlabel: str, ylabel: str) -> tuple[Figure, Any]:
    """Return a figure with n panels that share their axes."""
    down = -(-n // across)
    figure = Figure(figsize=(8.6, 2.5 * down + 1.2), layout="constrained")
    axes = figure.subplots(down, across, sharex=True, sharey=True, squeeze=False)
    figure.suptitle(title, fontsize=12, x=0.01, ha="left", fontweight="bold")
    for axis in axes[-1]:
        axis.set_xlabel(xlabel)
    figure.supylabel(ylabel, fontsize=10)
    return figure, axes.ravel()


def finish(figure: Figure, axis: Any, path: Path, columns: int = 4) -> None:
    handles, labels = axis.get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=columns)
    figure.savefig(path, dpi=110, metadata={"Software": None})


OWN = {"pull_std": "pull_over_own", "cover_68": "cover_68_over_own", "cover_95": "cover_95_over_own"}


def band(axis: Any, here: list[Point], metric: str) -> Any:
    """Draw the gate, around the ideal or around what perfect weights that do not know the rate have; return that."""
    rates = np.array([p.rate for p in here])
    n = len(PATTERNS[here[0].pattern][0]) - 1
    if metric in OWN:
        middle = np.array([p.got[f"own_{metric}"] for p in here])
        tolerance = np.array([tolerances(rate, n)[OWN[metric]][1] for rate in rates])
    else:
        low = "low noise" in here[0].pattern
        middle, tolerance = np.array([tolerances(rate, n, low and rate < 10)[metric] for rate in rates]).T
    axis.fill_between(rates, middle - tolerance, middle + tolerance, **GATE, label="gate")
    return middle


FINE = np.geomspace(0.01, 1000, 121)


def calculated(name: str, estimator: str, metric: str) -> Any:
    """What the choice of a class adds to a metric at fine steps of the rate."""
    return np.array([shifts(*PATTERNS[name], rate, estimator)[metric] for rate in FINE])


def against_rate(
    points: Iterable[Point], metric: str, path: Path, title: str, ylabel: str, limits: tuple[float, float], **more: Any
) -> None:
    """Draw a metric of every estimator against the rate, with the gate, and with what is calculated as lines."""
    figure, axes = panels(len(PANELS), 2, title, "rate [electron/s]", ylabel)
    for axis, name in zip(axes, PANELS, strict=True):
        of_name = [p for p in points if p.pattern == name]
        middle = band(axis, [p for p in of_name if p.estimator == "likelihood"], metric)
        for estimator in more.get("estimators", ("likelihood", "covariance", "ols", "casertano")):
            here = [p for p in of_name if p.estimator == estimator]
            if not here:
                continue
            rate = [p.rate for p in here]
            axis.plot(rate, [p.got[metric] for p in here], **STYLE[estimator], ls="", mfc="none")
            if here[0].shift:
                line = np.interp(np.log(FINE), np.log(rate), middle) + calculated(name, estimator, metric)
                axis.plot(FINE, line, color=STYLE[estimator]["color"], lw=0.9)
        axis.set(xscale="log", ylim=limits, title=f"{name}: {PATTERNS[name][1]:g} electrons of noise")
    finish(figure, axes[0], path, 6)


def against_size(found: Iterable[Found], field: str, path: Path, title: str, ylabel: str) -> None:
    """Draw what a search finds, or leaves, against the size of the hit."""
    figure, axes = panels(len(HIT_RATES), 3, title, "hit [sigma of a difference]", ylabel)
    for axis, rate in zip(axes, HIT_RATES, strict=True):
        for one in found:
            if one.rate == rate:
                axis.plot(SIZES, getattr(one, field), **SEARCH_STYLE[one.search], label=one.search, mfc="none")
        axis.set_title(f"{rate:g} electron/s")
    finish(figure, axes[0], path)


def alarms(found: list[Found], n: int, path: Path) -> None:
    """Draw false alarms, three standard errors wide."""
    title = "False alarms: clean ramps of 20 reads in which a search flags something"
    figure, (axis,) = panels(1, 1, title, "rate [electron/s]", "share of ramps")
    figure.set_figheight(4.2)
    axis.axhspan(0, 2e-4, **GATE, label="gate, likelihood and casertano")
    axis.axhline(2.7e-3, color="#888888", lw=1, ls=":", label="gate, two-point at 4 sigma")
    for search, style in SEARCH_STYLE.items():
        here = [f for f in found if f.search == search]
        shares = np.array([f.alarms for f in here])
        error = 3 * np.sqrt(np.maximum(shares, 1 / n) / n)
        where = np.array([f.rate for f in here]) * 1.07 ** (list(SEARCH_STYLE).index(search) - 1.5)
        axis.errorbar(
            where,
            np.maximum(shares, 3e-7),
            np.minimum(error, shares * 0.99),
            **style,
            label=search,
            mfc="none",
            capsize=3,
        )
    axis.set(xscale="log", yscale="log", ylim=(3e-7, 1e-2))
    finish(figure, axis, path, 3)


def combinations(made: dict[tuple[str, float], tuple[float, float]], path: Path) -> None:
    """Draw the bias of a mean of two segments by its rule."""
    title = "Bias of a mean of two segments, by what weighs them: 6 reads, hit before the third"
    figure, (axis,) = panels(1, 1, title, "rate [electron/s]", "bias / sigma")
    figure.set_figheight(4.4)
    axis.axhspan(-0.02, 0.02, **GATE, label="gate")
    styles = {
        "read_noise": ("#D55E00", "s", "their read noise (ours)"),
        "total_variance": ("#CC79A7", "D", "and photon noise at the median rate (combination='total_variance')"),
        "own light": ("#333333", "v", "and photon noise at the rate of each (a mutant)"),
    }
    for rule, (color, marker, label) in styles.items():
        rates = [rate for r, rate in made if r == rule]
        bias, error = np.array([made[rule, rate] for rate in rates]).T
        axis.errorbar(rates, bias, 3 * error, color=color, marker=marker, label=label, mfc="none", capsize=3)
    axis.set(xscale="log")
    finish(figure, axis, path, 1)


def draw(points: list[Point], found: list[Found], made: Any, n: int, folder: Path) -> None:
    """Make every picture."""
    with mpl.rc_context(SETTINGS):
        lines = " (lines: calculated, not fitted)"
        against_rate(points, "bias", folder / "bias.png", "Bias" + lines, "bias / sigma", (-0.025, 0.08))
        against_rate(
            points,
            "pull_std",
            folder / "pulls.png",
            "Scatter of (rate − truth) / error" + lines,
            "standard deviation of the pulls",
            (0.90, 1.11),
            estimators=tuple(STYLE),
        )
        for metric, level in (("cover_68", "68.27"), ("cover_95", "95")):
            title = f"Share of rates within the {level} % interval" + lines
            span = (0.63, 0.73) if metric == "cover_68" else (0.925, 0.975)
            against_rate(points, metric, folder / f"{metric}.png", title, "share", span)
        against_rate(
            points,
            "rms_error",
            folder / "errors.png",
            "Root mean square of the stated errors" + lines,
            "stated / error of the perfect weights",
            (0.93, 1.07),
        )
        against_rate(
            points,
            "efficiency",
            folder / "efficiency.png",
            "Variance of the rate" + lines,
            "variance / that of the perfect weights",
            (0.97, 1.08),
        )
        against_size(
            found, "share", folder / "detection.png", "Hits in the middle of 20 reads that are left out", "share"
        )
        against_size(found, "left", folder / "left.png", "Bias that hits leave behind", "bias / sigma")
        alarms(found, n, folder / "alarms.png")
        combinations(made, folder / "combination.png")
