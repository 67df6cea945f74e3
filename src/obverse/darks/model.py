"""The model of a dark, y = F + g C + g t D: what its three maps are called, and where they stand in a covariance."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = ["CROSS", "NAMES", "ORDER", "TERMS", "Term", "leverage"]


@dataclass(frozen=True)
class Term:
    """One map: its attribute, letter, name and unit, and the parameter of an effect that it measures."""

    key: str
    letter: str
    name: str
    unit: str
    parameter: str


TERMS = (
    Term("fpn", "F", "fixed pattern", "electron behind the register", "fixed_pattern.pattern"),
    Term("cic", "C", "clock-induced charge", "electron", "clock_induced_charge.level"),
    Term("dark_current", "D", "dark current", "electron/s", "dark_current.rate"),
)
"""F, C and D."""

NAMES = tuple(term.key for term in TERMS)

ORDER = ((0, 0), (1, 1), (2, 2), (0, 1), (0, 2), (1, 2))
"""Places of F, C and D in the six planes of a symmetric matrix: variances, then what they have in common."""

CROSS = ORDER[3:]
"""Places of the covariances."""


def leverage(gains: ArrayLike, times: ArrayLike) -> NDArray[np.float64]:
    r"""Return :math:`J = (1/g, 1, t)` of the dark :math:`d = J \cdot (F, C, D)` before the register, (3, case).

    Examples
    --------
    >>> leverage(2.0, 40.0)
    array([ 0.5,  1. , 40. ])
    """
    g, t = np.broadcast_arrays(np.asarray(gains, np.float64), np.asarray(times, np.float64))
    return np.stack([1.0 / g, np.ones_like(g), t])
