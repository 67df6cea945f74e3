"""Stacks whose cosmic-ray threshold has cut the tail of their own dark electrons."""

from __future__ import annotations

from collections.abc import Mapping
from numbers import Real
from typing import Any, TypeVar

import numpy as np

from obverse.darks.profile import amplified
from obverse.darks.refusals import WrongArgumentError
from obverse.darks.settings import Setting
from obverse.darks.telling import warn

__all__ = ["Threshold", "refuse_bad_threshold", "without_cut_tails"]

_FIDUCIAL_PATTERN, _FIDUCIAL_CIC, _FIDUCIAL_DARK = 4.9, 0.0088, 0.001
_TAIL = 4.0

Entries = TypeVar("Entries")
Threshold = float | Mapping[tuple[float, float], float]
"""One level for all stacks, or by (time, EM gain)."""


def refuse_bad_threshold(threshold: Any) -> None:
    """Refuse a threshold that is no number, or a table of others than numbers by (time, EM gain)."""
    given = threshold if isinstance(threshold, Mapping) else {(0.0, 1.0): 0.0 if threshold is None else threshold}
    for setting, level in given.items():
        pair = isinstance(setting, tuple) and len(setting) == 2
        if not pair or isinstance(level, bool) or not isinstance(level, Real) or np.isnan(float(level)):
            raise WrongArgumentError(
                f"calibrate_darks_lsq: cr_threshold is {threshold!r}: give electrons behind the register, or a table "
                "of them by (time, EM gain)"
            )


def without_cut_tails(
    stacks: Mapping[Setting, Entries], threshold: Threshold | None, stages: int
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
        warn(
            f"calibrate_darks_lsq: the stack of {setting} was left out: its threshold for cosmic rays, "
            f"{_threshold(threshold, setting):g} electron, cuts their tail, {_reach(setting, stages):.0f}"
        )
    return {s: entries for s, entries in stacks.items() if s not in cut}, cut


def _threshold(given: Threshold, setting: Setting) -> float:
    return given.get((setting.time, setting.gain), np.inf) if isinstance(given, Mapping) else given


def _reach(setting: Setting, stages: int) -> float:
    electrons = _FIDUCIAL_CIC + setting.time * _FIDUCIAL_DARK
    spread = np.sqrt(float(amplified(setting.gain, stages)) * electrons)
    return float(_FIDUCIAL_PATTERN + setting.gain * electrons + _TAIL * spread)
