"""What a ramp fit is asked for, beside the arguments that belong to pixels."""

from __future__ import annotations

from dataclasses import dataclass
from numbers import Real

import numpy as np

from obverse.errors import UsageError, nearest
from obverse.ramps.ordinary import COMBINATIONS
from obverse.ramps.pedestal import Prior

__all__ = ["NAMES", "Wish", "refuse_bad_sigma"]

NAMES = ("likelihood", "ols", "casertano", "covariance")
"""Names of the estimators."""

_VARIANCES = ("exact", "jwst")


def refuse_bad_sigma(sigma: float | None) -> None:
    """Refuse a significance that is no positive number."""
    if sigma is not None and not (isinstance(sigma, Real) and np.isfinite(sigma) and sigma > 0):
        raise UsageError(f"jump sigma is {sigma!r}, it must be a positive number")


@dataclass(frozen=True)
class Wish:
    """Options of `obverse.fit_ramps`, under the names that they have there.

    Raises
    ------
    UsageError
        If a name is unknown, or two do not go together.
    """

    estimator: str = "likelihood"
    find_jumps: bool = True
    jump_sigma: float | None = None
    variance: str = "exact"
    combination: str = "read_noise"
    one_group: bool = False
    save_segments: bool = False
    threads: int | None = None
    prior: Prior | None = None

    def __post_init__(self) -> None:
        for name, allowed in (("estimator", NAMES), ("variance", _VARIANCES), ("combination", tuple(COMBINATIONS))):
            value = getattr(self, name)
            if value not in allowed:
                raise UsageError(f"fit_ramps: no {name} {value!r}, {nearest(str(value), allowed)}")
        for name, usual in (("variance", "exact"), ("combination", "read_noise")):
            if getattr(self, name) != usual and self.estimator != "ols":
                raise UsageError(f"fit_ramps: {name}={getattr(self, name)!r} belongs to estimator='ols' alone")
        refuse_bad_sigma(self.jump_sigma)
        if self.prior is not None and self.estimator != "likelihood":
            raise UsageError(f"fit_ramps: pedestal_prior belongs to the likelihood fit, not to {self.estimator!r}")
