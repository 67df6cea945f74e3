"""Whether every stack tells of the same detector, and which one does not."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from obverse.darks.areas import REGIONS
from obverse.darks.settings import FEWEST, Setting
from obverse.darks.telling import warn
from obverse.darks.weights import ODD

__all__ = ["StackReport", "Suspect", "suspects", "warn_of"]

_RESIDUALS, _FRAMES, _SQUARES, _PIXELS = range(4)

_SIGNIFICANT = 5.0
_RELEVANT = 0.1
"""A level that is off by less than this part of one pixel's error is told, and harms no pixel."""

_TOO_ROUGH = 1.2
"""Chi-square from which the pattern of a stack, rather than its level, is another one."""

Array = NDArray[np.float64]


@dataclass(frozen=True)
class StackReport:
    """What one stack of a campaign was, and how it fits.

    Parameters
    ----------
    time, gain, k_gain
        Exposure time [s], EM gain that the frames had, k gain [electron/DN].
    frames, used
        How many frames there were, and how many count in the mean pixel.
    variance, expected_variance
        Of a sensor pixel of one frame, measured, and of the noise profile of all stacks together [electron^2].
    chi_square
        Of the mean frame's pixels about the fit, mean over the sensor; 1 where all is well.
    mean_residual, significance
        How far the level of the sensor lies from what the other stacks say [electron], and in its own errors.
    verdict
        ``"fits"``, or what differs.
    """

    time: float
    gain: float
    k_gain: float | None
    frames: int
    used: float
    variance: float
    expected_variance: float
    chi_square: float
    mean_residual: float
    significance: float
    verdict: str


@dataclass(frozen=True)
class Suspect:
    """How far the level of one region of a stack is from that of the others."""

    residual: float
    significance: float
    named: bool


def suspects(statistics: Array, variances: Array, design: Array) -> list[Suspect]:
    """Return a verdict on the level of each stack, from the residuals of one region.

    The stack with the largest studentised residual is left out while that is significant, so that one bad stack is
    named, and not those whose fit it has spoilt. With four stacks no single one can be named.

    Parameters
    ----------
    statistics
        Sums of the region, (stack, field).
    variances
        Of one frame (stack,) [electron^2].
    design
        1, g, g t (stack, 3).
    """
    pixels = np.maximum(statistics[:, _PIXELS], 1.0)
    level = statistics[:, _RESIDUALS] / pixels
    of_pixel = variances / np.maximum(statistics[:, _FRAMES] / pixels, 1e-9)
    kept = statistics[:, _PIXELS] > 0
    known = kept.copy()
    while True:
        off, error = _against_others(level, of_pixel / pixels, design, kept)
        score = np.where(kept, np.abs(off) / error, 0.0)
        worst = int(np.argmax(score))
        relevant = abs(off[worst]) > _RELEVANT * np.sqrt(of_pixel[worst])
        if kept.sum() <= FEWEST or not (score[worst] > _SIGNIFICANT and relevant):
            break
        kept[worst] = False
    return [
        Suspect(float(o), float(o / e), bool(k and not stays))
        for o, e, k, stays in zip(off, error, known, kept, strict=True)
    ]


def _against_others(level: Array, variance: Array, design: Array, kept: NDArray[np.bool_]) -> tuple[Array, Array]:
    """Return how far each level is from the fit of the other kept ones, and the error of that."""
    x = design / np.abs(design).max(axis=0)
    weights = np.where(kept, 1.0 / variance, 0.0)
    inverse = np.linalg.pinv((x * weights[:, None]).T @ x, hermitian=True)
    residual = level - x @ (inverse @ (x * weights[:, None]).T @ level)
    leverage = np.einsum("ij,jk,ik->i", x, inverse, x) / variance
    own = np.where(kept, np.maximum(1.0 - leverage, 1e-6), 1.0)  # how much of a kept stack's deviation it leaves
    spread = np.where(kept, variance / own, variance * (1.0 + leverage))
    return residual / own, np.sqrt(spread)


def warn_of(
    settings: Sequence[Setting], levels: Sequence[Sequence[Suspect]], chi_squares: Array, ratios: Array
) -> list[str]:
    """Return a verdict on each stack, and warn of those that break the one noise profile.

    Parameters
    ----------
    settings
        Of the stacks.
    levels
        For each region, in the order of `REGIONS` from the sensor on, its suspects, or nothing.
    chi_squares
        Of the sensor's pixels (stack,).
    ratios
        Variance of a frame over that of the noise profile (stack, region).
    """
    verdicts = [_of_level(i, levels) or _of_scatter(ratios[i]) or "fits" for i in range(len(settings))]
    rough = int(np.nanargmax(chi_squares)) if np.isfinite(chi_squares).any() else 0
    if set(verdicts) == {"fits"} and chi_squares[rough] > _TOO_ROUGH:
        verdicts[rough] = f"its pattern differs: chi-square {chi_squares[rough]:.2f} a pixel"
    for setting, verdict in zip(settings, verdicts, strict=True):
        if verdict != "fits":
            _warn(setting, verdict)
    return verdicts


def _of_level(i: int, levels: Sequence[Sequence[Suspect]]) -> str:
    off = [(part, s[i]) for part, s in zip(REGIONS[1:], levels, strict=True) if s and s[i].named]
    if not off:
        return ""
    part, worst = max(off, key=lambda each: abs(each[1].significance))
    return f"the level of its {part} is {worst.residual:+.3g} electron off, {worst.significance:+.1f} sigma"


def _of_scatter(ratios: Array) -> str:
    worst = int(np.argmax(np.abs(np.log(np.maximum(ratios, 1e-30)))))
    if 1 / ODD < ratios[worst] < ODD:
        return ""
    return f"the variance of its {REGIONS[1 + worst]} is {ratios[worst]:.2g} times what the others let expect"


def _warn(setting: Setting, verdict: str) -> None:
    warn(
        f"calibrate_darks_lsq: the stack of {setting} has another noise profile than the others: {verdict}; "
        "the maps hold its error, leave it out"
    )
