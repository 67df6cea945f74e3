"""Stacks whose cosmic-ray threshold has cut the tail of their own dark electrons."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import TypeVar

import numpy as np

from obverse.darks.campaign import Setting
from obverse.darks.profile import amplified
from obverse.errors import ObverseWarning

__all__ = ["without_cut_tails"]

_FIDUCIAL_PATTERN, _FIDUCIAL_CIC, _FIDUCIAL_DARK = 4.9, 0.0088, 0.001
_TAIL = 4.0

Entries = TypeVar("Entries")


def without_cut_tails(
    stacks: Mapping[Setting, Entries], threshold: float | Mapping[tuple[float, float], float] | None, stages: int
) -> tuple[dict[Setting, Entries], list[Setting]]:
    r"""Return the stacks whose dark electrons stay below the threshold, and the others.

    .. math:: T > F + g\,(C + t D) + 4\, \mathrm{ENF}\, g \sqrt{C + t D}

    with the fiducial F = 4.9, C = 0.0088 electron and D = 0.001 electron/s of corgidrp 5 (whose mean forgets the g). A
    threshold below would flag dark electrons as cosmic rays, and bias the stack.
    """
    if threshold is None:
        return dict(stacks), []
    cut = [s for s in stacks if not _threshold(threshold, s) > _reach(s, stages)]
    for setting in cut:
        warnings.warn(
            f"calibrate_darks_lsq: the stack of {setting} was left out: its threshold for cosmic rays, "
            f"{_threshold(threshold, setting):g} electron, cuts their tail, {_reach(setting, stages):.0f}",
            ObverseWarning,
            stacklevel=3,
        )
    return {s: entries for s, entries in stacks.items() if s not in cut}, cut


def _threshold(given: float | Mapping[tuple[float, float], float], setting: Setting) -> float:
    return given.get((setting.time, setting.gain), np.inf) if isinstance(given, Mapping) else given


def _reach(setting: Setting, stages: int) -> float:
    electrons = _FIDUCIAL_CIC + setting.time * _FIDUCIAL_DARK
    spread = np.sqrt(float(amplified(setting.gain, stages)) * electrons)
    return float(_FIDUCIAL_PATTERN + setting.gain * electrons + _TAIL * spread)
