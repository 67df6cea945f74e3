"""A campaign of darks: frames in stacks of one exposure time, EM gain and k gain, and what makes it usable."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from obverse.darks.dataset import Dataset, Entry
from obverse.darks.refusals import CalDarksLSQException
from obverse.exposure import Exposure

__all__ = ["FEWEST", "Setting", "design_of", "refuse_bad_exposure", "refuse_bad_settings", "sorted_stacks"]

FEWEST = 4
"""Stacks that are needed to fit three maps and to tell how well they fit."""


@dataclass(frozen=True)
class Setting:
    """What the frames of one stack have in common: time [s], EM gain (commanded) and k gain [electron/DN]."""

    time: float
    gain: float
    k_gain: float | None

    @classmethod
    def of(cls, exposure: Exposure) -> Setting:
        """Return the setting of one exposure."""
        return cls(exposure.seconds, exposure.em_gain, exposure.k_gain)

    def __str__(self) -> str:
        k = "" if self.k_gain is None else f", k gain {self.k_gain:g}"
        return f"{self.time:g} s, EM gain {self.gain:g}{k}"


def sorted_stacks(dataset: Dataset) -> dict[Setting, list[Entry]]:
    """Sort the frames into stacks, by exact equality of their settings."""
    stacks: dict[Setting, list[Entry]] = {}
    for entry in dataset.entries:
        stacks.setdefault(Setting.of(entry.exposure), []).append(entry)
    return dict(sorted(stacks.items(), key=lambda item: (item[0].time, item[0].gain, item[0].k_gain or 0.0)))


def design_of(settings: Sequence[Setting], gains: Sequence[float]) -> NDArray[np.float64]:
    """Return the design (stack, 3) of y = F + g C + g t D, with the gains that the register really had."""
    g = np.asarray(gains, np.float64)
    return np.stack([np.ones_like(g), g, g * [s.time for s in settings]], axis=1)


def refuse_bad_settings(settings: Sequence[Setting]) -> None:
    """Refuse a campaign that cannot tell three maps apart.

    Raises
    ------
    CalDarksLSQException
        With the condition named.

    Examples
    --------
    >>> refuse_bad_settings([Setting(t, 2.0, 8.7) for t in (1.0, 2.0, 3.0, 4.0)])
    Traceback (most recent call last):
    obverse.darks.refusals.CalDarksLSQException: calibrate_darks_lsq: one EM gain, 2, in all stacks: ...
    """
    if len(settings) < FEWEST:
        raise CalDarksLSQException(
            f"calibrate_darks_lsq: {len(settings)} stacks, more than 3 are needed to fit three maps: take darks at "
            "more EM gains and exposure times"
        )
    gains, times = {s.gain for s in settings}, {s.time for s in settings}
    if len(gains) < 2:
        raise CalDarksLSQException(f"calibrate_darks_lsq: one EM gain, {min(gains):g}, in all stacks: 2 are needed")
    if len(times) < 2:
        raise CalDarksLSQException(f"calibrate_darks_lsq: one exposure time, {min(times):g} s: 2 are needed")
    _refuse_two_k(settings)


def refuse_bad_exposure(exposure: Exposure) -> None:
    """Refuse a frame whose gains or time cannot be, whatever the others are.

    Raises
    ------
    CalDarksLSQException
        With the number named.

    Examples
    --------
    >>> refuse_bad_exposure(Exposure("d", 2.0, em_gain=0.5))
    Traceback (most recent call last):
    obverse.darks.refusals.CalDarksLSQException: calibrate_darks_lsq: EM gain 0.5: each must be 1 or more
    """
    setting, applied = Setting.of(exposure), exposure.applied_em_gain
    if not 1 <= setting.gain < np.inf:
        raise CalDarksLSQException(f"calibrate_darks_lsq: EM gain {setting.gain:g}: each must be 1 or more")
    if not 0 < applied < np.inf:
        raise CalDarksLSQException(f"calibrate_darks_lsq: measured EM gain {applied:g}: each must be above 0")
    if not 0 <= setting.time < np.inf:
        raise CalDarksLSQException(f"calibrate_darks_lsq: exposure time {setting.time:g} s: none can be negative")
    if setting.k_gain is not None and not setting.k_gain > 0:
        raise CalDarksLSQException(f"calibrate_darks_lsq: k gain {setting.k_gain:g}: each must be above 0")


def _refuse_two_k(settings: Sequence[Setting]) -> None:
    (time, gain), times = Counter((s.time, s.gain) for s in settings).most_common(1)[0]
    if times > 1:
        raise CalDarksLSQException(
            f"calibrate_darks_lsq: {times} stacks of {time:g} s at EM gain {gain:g}, of different k gains: "
            "each time and gain may come once"
        )
