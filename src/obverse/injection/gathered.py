r"""The charge behind raw numbers, read by read: what a detector's response to more charge starts from.

.. math:: q_{kj} = q_k + s\,(t_{kj} - \bar t_k), \qquad s = \frac{q_b - q_a}{\bar t_b - \bar t_a}

:math:`q_k` is the resultant, undone up to the charge; a and b are the first and the last that are usable. Behind b the
line goes on from there: such a pixel is full, and the response says so.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from obverse.detector import Detector
from obverse.effects import WHOLE
from obverse.flags import UNUSABLE
from obverse.frame import Frame
from obverse.recipe import Recipe, Step

__all__ = ["Gathered", "charge_of"]

Array = NDArray[Any]


def charge_of(raw: Frame, detector: Detector, *, whole: bool) -> Frame:
    """Return the raw frame as charge in the pixels (..., row, column) [electron].

    Parameters
    ----------
    raw
        In file layout [DN].
    detector
        Of just these pixels.
    whole
        Whether they are the whole sensor. In a part of it, steps that need all pixels are left out: an offset of a
        few electrons changes the response to more charge by next to nothing.
    """
    detector = _by_resultant(detector)
    recipe = detector.recipe()
    kept = tuple(step for step in _before_estimate(recipe) if _leads_to_charge(step, detector, whole))
    return replace(recipe, steps=kept).run(raw, threads=1)


def _by_resultant(detector: Detector) -> Detector:
    """Return the detector as it straightens means and not their reads: that moves a response by next to nothing."""
    if not detector.has("nonlinearity"):
        return detector
    return detector.with_effect(detector.effect("nonlinearity").replace(averages="ignore"))


def _before_estimate(recipe: Recipe) -> tuple[Step, ...]:
    return recipe.before("estimate").steps if "estimate" in recipe.names else recipe.steps


def _leads_to_charge(step: Step, detector: Detector, whole: bool) -> bool:
    if step.name == "assemble":
        return True
    on_charge = detector.has(step.name) and detector.effect(step.name).site not in ("light", "charge")
    return on_charge and (whole or step.halo != WHOLE)


@dataclass(frozen=True, eq=False)
class Gathered:
    """Charge of one integration at its reads.

    Parameters
    ----------
    level
        Charge of each resultant, (resultant, row, column) [electron].
    slope
        How fast it gathers, (row, column) [electron/s].
    tbar
        Mean time of each resultant [s].
    """

    level: Array
    slope: Array
    tbar: NDArray[np.float64]

    @classmethod
    def of(cls, charge: Frame, integration: int, tbar: NDArray[np.float64]) -> Gathered:
        """Take it from a frame of charge; a single read has no slope."""
        if "resultant" not in charge.axes:
            return cls(charge.data[None], np.zeros(charge.shape, np.float32), tbar)
        level = np.array(charge.data[integration], np.float32)
        flags = np.zeros(level.shape, np.uint8) if charge.flags is None else charge.flags[integration]
        usable = np.isfinite(level) & ((flags & np.uint8(UNUSABLE)) == 0)
        slope = _slope(level, usable, tbar)
        return cls(_continued(level, usable, slope, tbar), slope, tbar)

    def part(self, pick: Callable[[Array], Array]) -> Gathered:
        """Return it of some pixels, which `pick` takes out of planes (..., row, column)."""
        return Gathered(pick(self.level), pick(self.slope), self.tbar)

    def at(self, resultant: int, times: ArrayLike) -> Array:
        """Return the charge of reads at some times, (read, row, column) [electron]; 0 where nothing is known."""
        after = (np.asarray(times) - self.tbar[resultant]).astype(np.float32)
        return np.nan_to_num(np.asarray(self.level[resultant] + self.slope * after[:, None, None], np.float32))


def _slope(level: Array, usable: NDArray[np.bool_], tbar: NDArray[np.float64]) -> Array:
    """Return the slope between the first and the last usable resultant; from the reset where there is one alone."""
    n = len(level)
    first, last = usable.argmax(axis=0), n - 1 - usable[::-1].argmax(axis=0)
    low, high = (np.take_along_axis(level, at[None], 0)[0] for at in (first, last))
    alone = last <= first
    span = np.where(alone, tbar[last], tbar[last] - tbar[first])
    rise = np.where(alone, high, high - low)
    with np.errstate(invalid="ignore", divide="ignore"):
        slope = rise / span
    return np.where(usable.any(axis=0) & np.isfinite(slope), slope, 0.0).astype(np.float32)


def _continued(level: Array, usable: NDArray[np.bool_], slope: Array, tbar: NDArray[np.float64]) -> Array:
    """Go on with the slope behind the last usable resultant, where light would have filled the pixel."""
    last = len(level) - 1 - usable[::-1].argmax(axis=0)
    end = np.take_along_axis(level, last[None], 0)[0]
    onward = end + slope * (tbar[:, None, None] - tbar[last]).astype(np.float32)
    behind = (np.arange(len(level))[:, None, None] > last) & usable.any(axis=0)
    return np.where(behind, np.maximum(onward, level), level)
