"""What a ramp fit returns."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["RampFit", "Segments"]

Plane = NDArray[Any]


@dataclass(frozen=True, eq=False)
class Segments:
    """What was fitted to each run of usable resultants, packed to the front; zero where there is none.

    Parameters
    ----------
    rate, var_poisson, var_read
        Rate of each segment and its variances, (integration, segment, row, column) [electron/s,
        electron^2/s^2].
    error
        Error of the rate [electron/s]: the root of the variances' sum; with ``variance="jwst"`` the formal error
        of the weighted line.
    intercept, intercept_error
        The line at the time of the first resultant of the ramp, and its error [electron].
    weight
        1 / var_read.
    first, last
        Where the segment begins and ends, counted from 0; -1 where there is none.
    jumps
        Rise of the counts at each resultant flagged JUMP_DET, in order of time, (integration, jump, row, column)
        [electron].
    """

    rate: Plane
    var_poisson: Plane
    var_read: Plane
    error: Plane
    intercept: Plane
    intercept_error: Plane
    weight: Plane
    first: NDArray[np.int16]
    last: NDArray[np.int16]
    jumps: Plane

    def __repr__(self) -> str:
        return f"<Segments of shape {self.rate.shape}, {int((self.first >= 0).sum())} in use>"


@dataclass(frozen=True, eq=False)
class RampFit:
    """Rates with their errors; NaN, never 0 +- 0, where no difference was left to fit.

    Parameters
    ----------
    rate
        Count rate, (row, column) [electron/s]; divided by the gain it is in DN/s.
    var_poisson, var_read
        Its variances from photons and from reading, (row, column) [electron^2/s^2].
    flags
        What is wrong with each pixel, (row, column) uint32 `Flag`.
    resultant_flags
        What is wrong with each resultant, the shape of the counts, uint8; found jumps stand on the later
        resultant.
    pedestal
        Charge at time zero, (row, column) [electron]; with several integrations, the mean of theirs.
    chi2
        Chi-square of the fit, (row, column); its degrees of freedom are the differences used, less one. None
        where the estimator is no likelihood fit.
    stated_error
        Error of the rate where it is not the root of the variances' sum: the mission's own formula, with
        ``variance="jwst"``.
    integrations
        The same, each integration on its own, with a leading axis (integration,); None inside itself.
    segments
        What was fitted to each segment, where ``save_segments`` asked for it.

    Examples
    --------
    >>> one = np.ones((1, 1), "f4")
    >>> RampFit(one, 3 * one, one, one.astype("u4"), one.astype("u1"), one).error
    array([[2.]], dtype=float32)
    """

    rate: Plane
    var_poisson: Plane
    var_read: Plane
    flags: NDArray[np.uint32]
    resultant_flags: NDArray[np.uint8]
    pedestal: Plane
    chi2: Plane | None = None
    stated_error: Plane | None = None
    integrations: RampFit | None = None
    segments: Segments | None = None

    @property
    def error(self) -> Plane:
        """One standard deviation of the rate, (row, column) [electron/s]."""
        return np.sqrt(self.var_poisson + self.var_read) if self.stated_error is None else self.stated_error

    def __repr__(self) -> str:
        known = np.isfinite(self.rate)
        middle = f"median rate {np.median(self.rate[known]):.4g}" if known.any() else "no rate"
        more = [name for name in ("chi2", "integrations", "segments") if getattr(self, name) is not None]
        shape = " x ".join(str(n) for n in self.rate.shape) or "one"
        return f"<RampFit of {shape} ramps, {middle} electron/s, {known.mean():.1%} known, with {', '.join(more)}>"

    def planes(self) -> dict[str, Plane]:
        """Return what has one value a pixel, by name."""
        held = {field.name: getattr(self, field.name) for field in fields(self)}
        return {name: held[name] for name in held if name not in _NO_PLANES and held[name] is not None}

    def map_planes(self, change: Callable[[Plane], Plane], **more: Any) -> RampFit:
        """Return a fit whose planes have been changed, all in one way."""
        kept = {"resultant_flags": self.resultant_flags, "integrations": self.integrations, "segments": self.segments}
        return RampFit(**{**kept, **{name: change(plane) for name, plane in self.planes().items()}, **more})


_NO_PLANES = ("resultant_flags", "integrations", "segments")
