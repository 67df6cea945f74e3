"""Nonlinearity of the last amplifier from exposures of many lengths to one lamp."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from obverse.effects.level_nonlinearity import LevelNonlinearity
from obverse.emccd.frames import Frames, loaded, shown
from obverse.emccd.local_lines import local_lines, relative_noise
from obverse.errors import DataError, UsageError
from obverse.frame import Frame

__all__ = ["LampExposure", "calibrate_level_nonlinearity", "lamp_exposure", "lamp_exposures_to_table"]

Array = NDArray[Any]


@dataclass(frozen=True)
class LampExposure:
    """What one exposure to the lamp says.

    Parameters
    ----------
    gain
        Of the register.
    time
        [s].
    level
        Mean signal above the bias [DN].
    """

    gain: float
    time: float
    level: float


def calibrate_level_nonlinearity(
    frames: Frames,
    *,
    where: ArrayLike | None = None,
    norm_level: float = 3000.0,
    lowest: float = 800.0,
    highest: float = 10000.0,
    step: float = 20.0,
    smoothing: float = 0.1,
) -> tuple[LevelNonlinearity, NDArray[np.float64]]:
    r"""Measure how much less, or more, than in proportion to the light a level is.

    .. math:: f(y) = \frac{t\, L / y}{(t\, L / y)_{y_0}}

    y is the mean level of an exposure of time t, and L the lamp in units of that at the beginning, by straight lines
    between repeats of one exposure time. The table is that of `LevelNonlinearity`, 1 at :math:`y_0`.

    Parameters
    ----------
    frames
        In the order in which they were taken, bias subtracted, in DN; any number of gains, each with its own repeats.
    where
        Pixels to take the mean of, a mask; all without it. Their levels should not differ much.
    norm_level
        :math:`y_0` [DN].
    lowest, highest, step
        Levels of the table [DN].
    smoothing
        Part of the exposures, one gain's, that decides on each level, four at least.

    Returns
    -------
    effect, error
        The effect, and the standard error of its table (level, gain); NaN where it is not known.

    Raises
    ------
    UsageError
        If the levels asked for are none, or frames are not in DN.
    DataError
        If the exposures of a gain are too few, or do not reach `norm_level`.

    Notes
    -----
    Limits: no time, no signal: a shutter that opens late bends the low end. Levels beyond the ones that were exposed
    have the factor of the last one. A straight line is fitted around each level, by weights (1 - u^3)^3 of the
    distance: a spline would want a smoothness that nobody knows, and one global polynomial bends where it has no data.
    Reference: Cleveland 1979, JASA 74, 829 (local lines).

    Examples
    --------
    >>> from obverse import Exposure
    >>> def flat(seconds):
    ...     return Frame(np.full((4, 4), 500.0 * seconds), "DN", exposure=Exposure("a", seconds))
    >>> effect, _ = calibrate_level_nonlinearity([flat(t) for t in np.arange(1.0, 25.0)])
    >>> effect.table.shape, float(abs(effect.table - 1).max()) < 1e-6
    ((461, 1), True)
    """
    seen = [lamp_exposure(frame, where) for frame in loaded("calibrate_level_nonlinearity", frames)]
    return lamp_exposures_to_table(
        seen, norm_level=norm_level, lowest=lowest, highest=highest, step=step, smoothing=smoothing
    )


def lamp_exposure(frame: Frame, where: ArrayLike | None = None) -> LampExposure:
    """Return gain, time and mean level of a frame in DN.

    Examples
    --------
    >>> from obverse import Exposure
    >>> lamp_exposure(Frame(np.full((2, 2), 7.0), "DN", exposure=Exposure("a", 3.0)))
    LampExposure(gain=1.0, time=3.0, level=7.0)
    """
    if frame.unit != "DN":
        raise UsageError(f"frame {frame.exposure.id!r} is in {frame.unit}: nonlinearity is measured in DN, before gain")
    values = shown("lamp_exposure", frame, where)
    level = float(values.mean()) if values.size else np.nan
    return LampExposure(frame.exposure.applied_em_gain, frame.exposure.seconds, level)


def lamp_exposures_to_table(
    exposures: Iterable[LampExposure],
    *,
    norm_level: float = 3000.0,
    lowest: float = 800.0,
    highest: float = 10000.0,
    step: float = 20.0,
    smoothing: float = 0.1,
) -> tuple[LevelNonlinearity, NDArray[np.float64]]:
    """Make the table of `calibrate_level_nonlinearity` from mean levels, in the order in which they were taken.

    Parameters
    ----------
    exposures
        Of all gains.
    norm_level, lowest, highest, step, smoothing
        As there.

    Examples
    --------
    >>> seen = [LampExposure(1.0, t, 500.0 * t * (1 + 0.001 * t)) for t in np.arange(1.0, 25.0)]
    >>> effect, _ = lamp_exposures_to_table(seen, norm_level=800.0)
    >>> float(effect.table[-1, 0])
    0.983
    """
    if not (0 < lowest < highest and step > 0 and lowest <= norm_level <= highest):
        raise UsageError(
            f"levels {lowest:g} to {highest:g} in steps of {step:g} DN, 1 at {norm_level:g}: they must rise from above "
            "zero, and hold the level of 1"
        )
    levels = np.arange(lowest, highest + 0.5 * step, step)
    by_gain: dict[float, list[LampExposure]] = {}
    for each in exposures:
        if np.isfinite(each.level) and each.level > 0:
            by_gain.setdefault(each.gain, []).append(each)
    if not by_gain:
        raise DataError("nonlinearity: no exposure has any signal")
    gains = np.array(sorted(by_gain))
    columns = [_factors(by_gain[g], levels, norm_level, smoothing) for g in gains]
    table, error = (np.stack([column[i] for column in columns], axis=1) for i in range(2))
    return LevelNonlinearity(levels=levels, gains=gains, table=table), error


def _factors(exposures: list[LampExposure], levels: Array, norm_level: float, smoothing: float) -> tuple[Array, Array]:
    """Return the factor at each level and its error, at one gain."""
    time, level = (np.array([getattr(each, name) for each in exposures]) for name in ("time", "level"))
    if len(np.unique(time)) < 4 or not level.min() <= norm_level <= level.max():
        raise DataError(
            f"nonlinearity at gain {exposures[0].gain:g}: {len(np.unique(time))} exposure times with levels from "
            f"{level.min():.4g} to {level.max():.4g} DN: at least 4 are needed, on both sides of {norm_level:g} DN"
        )
    times, which = np.unique(time, return_inverse=True)
    alike = (which == np.arange(len(times))[:, None]).astype(np.float64)
    mean = alike / alike.sum(axis=1, keepdims=True)  # repeats are one point: lines through clusters swing
    # all is linear in the logarithms, and so is the noise
    share = mean @ (_lamp(time) - np.eye(len(time)))
    factor, place = np.log(times) + share @ np.log(level), mean @ level
    line = local_lines(place, np.append(levels, norm_level), smoothing)
    line = line[:-1] - line[-1]
    value = np.exp(line @ factor)
    noise = relative_noise(place, factor, share, smoothing)
    return value, value * noise * np.sqrt(((line @ share) ** 2).sum(axis=1))


def _lamp(time: Array) -> Array:
    """Return what each level has to say on the lamp at each exposure, in logarithms, (exposure, exposure).

    The exposure time that came most often tells it, by straight lines between its repeats, relative to the first.
    """
    places = np.arange(len(time))
    times, n = np.unique(time, return_counts=True)
    repeats = np.flatnonzero(time == times[n.argmax()])
    says = np.zeros((len(time), len(time)))
    if len(repeats) > 1:
        for k, unit in zip(repeats, np.eye(len(repeats)), strict=True):
            says[:, k] = np.interp(places, repeats, unit)
        says[:, repeats[0]] -= 1.0
    return says
