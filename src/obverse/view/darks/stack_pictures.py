"""Pictures of the stacks of a campaign of darks, by EM gain and exposure time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["StackPoint", "stack_grids"]

_MOST = 14
"""Stacks in a line up to which each cell has room for its number."""

_INK, _FRAME = "#1d2733", "#1fb36b"


@dataclass(frozen=True)
class StackPoint:
    """A stack: exposure time [s], EM gain, how far its level is off [sigma], its chi-square, whether it fits."""

    time: float
    gain: float
    level: float
    chi_square: float
    fits: bool


@dataclass(frozen=True)
class _Colours:
    """From which colour to which: centre, half width, name of the map, and what it is."""

    centre: float
    reach: float
    name: str
    label: str


def stack_grids(stacks: Sequence[StackPoint]) -> Figure:
    """Show how far the level of each stack lies from what the others say, and its chi-square.

    One cell a stack; a frame marks those that break the one noise profile. Cells without a stack are blank.
    """
    from matplotlib.figure import Figure

    gains = {s.gain for s in stacks}
    figure = Figure(figsize=(12.0, 1.8 + 0.44 * min(max(len(gains), 3), 24)), layout="constrained")
    chi_known = any(np.isfinite(s.chi_square) for s in stacks)
    panels = figure.subplots(1, 2 if chi_known else 1, sharey=True, squeeze=False)[0]
    levels = [abs(s.level) for s in stacks if np.isfinite(s.level)]
    chi_squares = [abs(s.chi_square - 1.0) for s in stacks if np.isfinite(s.chi_square)]
    off = _Colours(0.0, max([3.0, *levels]), "RdBu_r", "off the others [sigma]")
    rough = _Colours(1.0, max([0.05, *chi_squares]), "PuOr_r", "chi-square a pixel")
    _grid(panels[0], stacks, [s.level for s in stacks], off, "{:+.1f}")
    panels[0].set_title("Level of each stack", fontsize=11, loc="left")
    panels[0].set_ylabel("EM gain")
    if chi_known:
        _grid(panels[1], stacks, [s.chi_square for s in stacks], rough, "{:.2f}")
        panels[1].set_title("Pattern of each stack", fontsize=11, loc="left")
    return figure


def _grid(axes: Axes, stacks: Sequence[StackPoint], values: Sequence[float], colours: _Colours, text: str) -> None:
    times, gains = sorted({s.time for s in stacks}), sorted({s.gain for s in stacks})
    cells = np.full((len(gains), len(times)), np.nan)
    for stack, value in zip(stacks, values, strict=True):
        cells[gains.index(stack.gain), times.index(stack.time)] = value
    low, high = colours.centre - colours.reach, colours.centre + colours.reach
    drawn = axes.imshow(cells, origin="lower", cmap=colours.name, vmin=low, vmax=high, aspect="auto")
    axes.figure.colorbar(drawn, ax=axes, pad=0.02).set_label(colours.label)
    if max(cells.shape) <= _MOST:
        for (row, column), value in np.ndenumerate(cells):
            if np.isfinite(value):
                dark = abs(value - colours.centre) > 0.55 * colours.reach
                axes.text(column, row, text.format(value), ha="center", va="center", fontsize=9,
                          color="white" if dark else _INK)  # fmt: skip
    _frames(axes, [(times.index(s.time), gains.index(s.gain)) for s in stacks if not s.fits])
    _ticks(axes, times, gains)


def _frames(axes: Axes, places: Sequence[tuple[int, int]]) -> None:
    from matplotlib.patches import Rectangle

    for column, row in places:
        axes.add_patch(Rectangle((column - 0.46, row - 0.44), 0.92, 0.88, fill=False, edgecolor=_FRAME, lw=2.6))


def _ticks(axes: Axes, times: Sequence[float], gains: Sequence[float]) -> None:
    across, up = _some(len(times)), _some(len(gains))
    axes.set_xticks(across, [f"{times[i]:.4g}" for i in across])
    axes.set_yticks(up, [f"{gains[i]:.4g}" for i in up])
    axes.set_xlabel("exposure time [s]")
    axes.tick_params(labelsize=9, length=0)


def _some(n: int) -> Any:
    """Return places of at most `_MOST` ticks among n."""
    return np.arange(0, n, -(-n // _MOST))
