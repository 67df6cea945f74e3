"""What a ramp fit returns."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["PLANES", "RampFit"]

PLANES = ("rate", "var_poisson", "var_read", "chi2", "flags", "pedestal")
"""Names of the results that have one value a pixel."""

Plane = NDArray[Any]


@dataclass(frozen=True, eq=False)
class RampFit:
    """Rates with their errors; NaN, never 0 +- 0, where no difference was left to fit.

    Parameters
    ----------
    rate
        Count rate, (row, column) [electron/s]; divided by the gain it is in DN/s.
    var_poisson, var_read
        Its variances from photons and from reading, (row, column) [electron^2/s^2].
    chi2
        Chi-square of the fit, (row, column); its degrees of freedom are the differences used, less one.
    flags
        What is wrong with each pixel, (row, column) uint32 `Flag`.
    resultant_flags
        What is wrong with each resultant, the shape of the counts, uint8; found jumps stand on the later
        resultant.
    pedestal
        Charge at time zero, (row, column) [electron]; with several integrations, the mean of theirs.
    integrations
        The same, each integration on its own, with a leading axis (integration,); None inside itself.
    segments
        None: segments belong to estimators of a later release.

    Examples
    --------
    >>> one = np.ones((1, 1), "f4")
    >>> RampFit(one, 3 * one, one, one, one.astype("u4"), one.astype("u1"), one).error
    array([[2.]], dtype=float32)
    """

    rate: Plane
    var_poisson: Plane
    var_read: Plane
    chi2: Plane
    flags: NDArray[np.uint32]
    resultant_flags: NDArray[np.uint8]
    pedestal: Plane
    integrations: RampFit | None = None
    segments: None = None

    @property
    def error(self) -> Plane:
        """One standard deviation of the rate, (row, column) [electron/s]."""
        return np.sqrt(self.var_poisson + self.var_read)
