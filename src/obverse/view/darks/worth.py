"""What darks add to the error of an observation, and how many more are worth taking: parts of the report."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from obverse.darks.budget import error_budget
from obverse.darks.noise_maps import NoiseMaps
from obverse.darks.worth import Worth
from obverse.view import page as html
from obverse.view.darks import budget_pictures

__all__ = ["WORTH_HEADER", "budget_parts", "worth_parts", "worth_rows"]

Array = NDArray[Any]

_SCIENCE = (1, 10, 100, 1000)
"""Frames of the observations that are looked at."""

_SHARE = 0.1
"""Part of the variance that darks may make before they matter: it is 5 % of the error."""

WORTH_HEADER = (
    "science frames averaged", "own noise [electron]", "error of the dark", "darks' part of the variance",
    "darks for a tenth", "more to take",
)  # fmt: skip

_CAPTION = (
    "Error of a pixel of the dark against the number of dark frames, and the noise of means of so many science frames "
    "without light. Beyond its circle, more darks bring an observation less than 5 %."
)
_LIMITS = (
    "Light in the science frames only adds noise that no dark takes away, so that fewer darks are enough. The more "
    "frames are taken to be spread over the stacks as those that there are; errors of the gains and a drift of the "
    "detector do not average down."
)

_BUDGET = (
    "The dark of an exposure is F / g + C + t D. In one fit the three errors cancel in part where darks were taken, so "
    "that the whole is less than its parts, and they grow where darks have never been."
)
_CUTS = (
    "Error of a pixel of the synthesized dark, median of the image area, before the register. Red marks on the axis, "
    "and circles, are the gains and times of the stacks."
)


def budget_parts(maps: NoiseMaps) -> list[str]:
    """Return the section on the parts of the error; nothing where no error is known."""
    gains, times = (np.array(sorted({getattr(s, key) for s in maps.stacks})) for key in ("gain", "time"))
    seconds = times[times > 0]
    shortest = seconds[0] if len(seconds) > 1 else seconds[0] / 100.0
    g, t = np.geomspace(gains[0], gains[-1], 61), np.geomspace(shortest, seconds[-1], 61)
    top, longest = float(gains[-1]), float(times[-1])
    cuts = [
        _cut(maps, g, longest, "gains", f"Against EM gain, at {longest:g} s", gains),
        _cut(maps, top, t, "times", f"Against time, at EM gain {top:g}", times),
    ]
    mesh = np.meshgrid(g[::2], t[::2])
    errors = error_budget(maps, mesh[0].ravel(), mesh[1].ravel()).total.reshape(mesh[0].shape)
    if not (np.isfinite(errors).all() and errors.min() < errors.max()):
        return []
    taken = [(s.gain, s.time) for s in maps.stacks if s.time > 0]
    plane = budget_pictures.BudgetPlane(g[::2], t[::2], errors, taken)
    return [
        html.section("What the darks add to the error of an observation"),
        html.paragraph(_BUDGET),
        html.figure(budget_pictures.budget_plot(cuts, plane), _CUTS),
    ]


def _cut(maps: NoiseMaps, gains: Any, times: Any, along: str, title: str, taken: Array) -> budget_pictures.BudgetCut:
    budget = error_budget(maps, gains, times)
    one = None if maps.profile is None else np.sqrt(maps.profile.variance(budget.gains, budget.times)) / budget.gains
    return budget_pictures.BudgetCut(budget, along, title, one, [float(value) for value in taken])


def worth_parts(maps: NoiseMaps) -> list[str]:
    """Return the section, with its table and picture; nothing where the noise of a frame is not known."""
    if maps.profile is None or not maps.n_frames:
        return []
    gain, time = max(s.gain for s in maps.stacks), max(s.time for s in maps.stacks)
    cases = {n: maps.worth(gain, time, n) for n in _SCIENCE}
    first = cases[_SCIENCE[0]]
    error = float(np.sqrt(first.dark_variance[0]))
    if not (error > 0 and first.science_variance > 0):
        return []
    levels = [
        budget_pictures.ScienceLevel(n, float(np.sqrt(w.science_variance)), w.frames_for(_SHARE))
        for n, w in cases.items()
    ]
    setting = f"{time:g} s at EM gain {gain:g}"
    return [
        html.section("How many more darks are worth taking?"),
        html.paragraph(_sentence(cases, setting)),
        html.figure(budget_pictures.worth_plot(maps.n_frames, error, levels, f"Science frames of {setting}"), _CAPTION),
        html.table(WORTH_HEADER, worth_rows(cases)),
        html.paragraph(_LIMITS),
    ]


def worth_rows(cases: dict[int, Worth]) -> list[tuple[str, ...]]:
    """Return a row for each number of science frames."""
    rows: list[tuple[str, ...]] = []
    for n, worth in cases.items():
        enough = worth.frames_for(_SHARE)
        rows.append(
            (
                f"{n:,}",
                f"{np.sqrt(worth.science_variance):.3g}",
                f"{np.sqrt(worth.dark_variance[0]):.3g}",
                f"{100 * (1 - worth.irreducible[0]):.1f} %",
                f"{np.ceil(enough):,.0f}",
                f"{max(np.ceil(enough - worth.frames[0]), 0):,.0f}" if enough > worth.frames[0] else "none",
            )
        )
    return rows


def _sentence(cases: dict[int, Worth], setting: str) -> str:
    """Say up to how many science frames the darks are good, and what the next case would need."""
    good = [n for n, worth in cases.items() if 1 - worth.irreducible[0] <= _SHARE]
    short = [n for n in cases if n not in good]
    told = f"For science frames of {setting}: "
    if good:
        told += f"with {_counted(good[-1])} averaged, the darks make less than a tenth of the variance. "
    if short:
        n, worth = short[0], cases[short[0]]
        share = f"{100 * (1 - worth.irreducible[0]):.0f} %"
        told += (
            f"With {_counted(n)} they make {share} of it"
            if good
            else f"with {_counted(n)} darks make {share} of the variance"
        )
        more = np.ceil(worth.frames_for(_SHARE) - worth.frames[0])
        told += (
            f", and {more:,.0f} more dark frames, beside the {worth.frames[0]:,.0f} that there are, would bring "
            "that to a tenth."
        )
    return told + ("" if short else "More darks are not worth taking for any of these.")


def _counted(n: int) -> str:
    return "one frame" if n == 1 else f"{n:,} frames"
