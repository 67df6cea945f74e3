r"""The zero frame: the first read alone, kept beside a first group that averages several.

The likelihood fit takes it for a resultant of its own, and the first group for the reads that remain,

.. math::

    R'_0 = Z, \qquad R'_1 = \frac{N_0 R_0 - Z}{N_0 - 1},

so that a ramp that saturates behind its first group still has a difference.
"""

from __future__ import annotations

import logging
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from obverse.flags import Flag
from obverse.pattern import ReadPattern
from obverse.ramps.inputs import Cube
from obverse.ramps.result import RampFit

__all__ = ["known_zeros", "merged", "split_first", "tells_something", "united_first"]

Array = NDArray[Any]

_log = logging.getLogger("obverse")


def known_zeros(zero_frame: Array) -> NDArray[np.bool_]:
    """Where the zero frame is a number; zero stands for none, as in the mission's files."""
    known: NDArray[np.bool_] = np.isfinite(zero_frame) & (zero_frame != 0)
    return known


def tells_something(cube: Cube) -> bool:
    """Whether a zero frame adds to the first group, which must average several reads."""
    if cube.pattern.n_reads[0] > 1:
        return True
    _log.warning("fit_ramps: the first group is a single read, so that its zero frame tells nothing new")
    return False


def merged(split: RampFit, plain: RampFit, known: NDArray[np.bool_]) -> RampFit:
    """Take pixels whose zero frame is known from one fit, and the others from the fit without it."""
    planes: dict[str, Any] = {
        name: np.where(known, plane, plain.planes()[name]) for name, plane in split.planes().items()
    }
    marks = np.where(known[:, None] if known.ndim == 3 else known, split.resultant_flags, plain.resultant_flags)
    return RampFit(**planes, resultant_flags=marks)


def split_first(cube: Cube, zero_frame: Array) -> Cube:
    """Return the cube with the zero frame in front; where that is not known, neither it nor the first group is used."""
    reads, known = cube.pattern.n_reads[0], known_zeros(zero_frame)
    zero = np.where(known, zero_frame, 0)[:, None]
    rest = (reads * cube.counts[:, :1].astype(np.float64) - zero) / (reads - 1)
    counts = np.concatenate([zero, rest, cube.counts[:, 1:]], axis=1).astype(cube.gain.dtype)
    lost = np.where(known, np.uint8(0), np.uint8(Flag.DO_NOT_USE))[:, None]
    marks = np.concatenate([lost, cube.marks[:, :1] | lost, cube.marks[:, 1:]], axis=1)
    return replace(cube, counts=counts, flags=marks, pattern=_split(cube.pattern))


def _split(pattern: ReadPattern) -> ReadPattern:
    first, *rest = pattern.times
    return ReadPattern.from_times([first[:1], first[1:], *rest])


def united_first(fit: RampFit, cube: Cube) -> RampFit:
    """Return the fit with resultant flags for the groups that were given."""
    found = fit.resultant_flags[:, 1:].copy()
    found[:, 0] = cube.marks[:, 0] | (found[:, 0] & np.uint8(Flag.JUMP_DET))
    return replace(fit, resultant_flags=found)
