"""Dark current: electrons that no photon freed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from obverse.belief import Block
from obverse.contract import Averages, Subtracts
from obverse.effects._effect import Effect, site
from obverse.errors import UsageError
from obverse.exposure import Exposure
from obverse.flags import Flag
from obverse.frame import Frame
from obverse.jackknife import block_sums, jackknife
from obverse.moment import Moment
from obverse.params import param
from obverse.scaling import add_pixel_flag, add_shared_variance

__all__ = ["DarkCurrent"]


def _level(rates: NDArray[Any], mean: NDArray[Any], good: NDArray[np.bool_]) -> tuple[float, float]:
    """Return the mean rate of the good pixels and its variance."""
    sums = np.stack([block_sums(np.where(good, mean, 0.0)), block_sums(good)], axis=1)
    value, covariance = jackknife(sums, lambda total: total[:1] / total[1:])
    # offsets common to all rows of a frame (bias drift) show only between frames
    frames = np.nanmean(np.where(good, rates, np.nan), axis=(1, 2))
    between = frames.var(ddof=1) / len(frames) if len(frames) > 1 else 0.0
    return float(value[0]), max(float(covariance[0, 0]), float(between))


def _rate(frame: Frame) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return the rate and its variance in a second, NaN where unusable."""
    if frame.variance is None:
        raise UsageError(
            f"dark_current: frame {frame.exposure.id!r} has no variances yet: run the recipe up to here first"
        )
    seconds = 1.0 if frame.unit.endswith("/s") else frame.exposure.seconds
    rate = np.where(frame.unusable(), np.nan, frame.data).astype(np.float64) / seconds
    return rate, frame.variance.astype(np.float64) / seconds**2


@dataclass(frozen=True, eq=False, kw_only=True)
class DarkCurrent(Effect):
    r"""Thermal electrons, at a constant mean rate in each pixel.

    .. math:: \langle q \rangle \to \langle q \rangle + d\, \Delta t, \qquad \mathrm{Var} = d\, \Delta t

    Parameters
    ----------
    rate
        :math:`d`, a scalar, one an amplifier, or a map (row, column) [electron/s]. A measured map may be negative
        where its noise is: clipping it at zero would bias what is subtracted.
    error
        Its error, a map (row, column) [electron/s], where it was measured; *shared* by all exposures.

    Notes
    -----
    Limits: constant in time and temperature; one rate for many pixels is their mean, hot ones included: give a
    map where they matter; subtracting it leaves its Poisson noise, which the read-out has
    already counted, since it counts all electrons alike.
    Reference: Widenhorn et al. 2002, Proc. SPIE 4669, 193.

    Examples
    --------
    >>> from obverse import Exposure, Geometry, Moment
    >>> at = Moment(Exposure("a", 10.0), Geometry((1, 1)), interval=(0.0, 10.0))
    >>> DarkCurrent(rate=0.5).imprint(np.zeros((1, 1), "f4"), at)
    array([[5.]], dtype=float32)
    """

    name = "dark_current"
    contracts = (Subtracts(), Averages())
    steady = True
    pointwise = True
    acts_on = "expected"

    rate: float | NDArray[np.float64] = param("thermal electrons", unit="electron/s")
    error: NDArray[np.float64] | None = param("its error", default=None, unit="electron/s", minimum=0.0, shape="map")
    site: str = site("charge")

    def imprint(self, charge: NDArray[Any], at: Moment) -> NDArray[Any]:
        """Add the mean that gathers in the interval to the expected charge (row, column) [electron]."""
        return charge + np.nan_to_num(at.plane(self.rate)) * np.float32(at.seconds)

    def correct(self, frame: Frame, at: Moment) -> Frame:
        """Subtract the mean from a rate image [electron/s] or from an image of one exposure [electron]."""
        seconds = np.float32(1.0 if frame.unit.endswith("/s") else at.exposure.seconds)
        rate = at.plane(self.rate)
        darkened = frame.replace(data=frame.data - rate * seconds)
        if not np.isfinite(rate).all():
            darkened = add_pixel_flag(darkened, ~np.isfinite(rate), Flag.UNRELIABLE_DARK | Flag.DO_NOT_USE)
        if self.error is None:
            return darkened
        return add_shared_variance(darkened, "dark", (at.plane(self.error) * seconds) ** 2, self.digest())

    def measure(self, frames: Sequence[Frame], at: Moment) -> tuple[DarkCurrent, Block]:
        """Measure the rate from dark exposures that have been calibrated up to this step.

        Parameters
        ----------
        frames
            Estimates with variances (row, column) [electron/s], or [electron] with their exposure times.
        at
            The geometry.

        Returns
        -------
        effect, block
            With one rate where this effect has one, else one an amplifier, or a map with its error.
        """
        # a plain mean: weights from the data's own Poisson variance would favour the low ones
        rates, variances = (np.stack(planes) for planes in zip(*(_rate(frame) for frame in frames), strict=True))
        n = np.maximum(np.isfinite(rates).sum(axis=0), 1)
        mean = np.where(np.isfinite(rates).any(axis=0), np.nansum(rates, axis=0) / n, np.nan)
        if np.ndim(self.rate) == 2:
            error = np.sqrt(np.where(np.isfinite(rates), variances, 0.0).sum(axis=0)) / n
            return self.replace(rate=mean, error=error), Block(("dark_current.rate",), error[None, None] ** 2)
        good = np.isfinite(mean) & at.geometry.sensitive
        if np.ndim(self.rate) == 0:
            value, variance = _level(rates, mean, good)
            return self.replace(rate=value), Block(("dark_current.rate",), np.array([[variance]]))
        parts = [amplifier.section for amplifier in at.geometry.amplifiers]
        levels = np.array([_level(part.cut(rates), part.cut(mean), part.cut(good)) for part in parts])
        return self.replace(rate=levels[:, 0]), Block(("dark_current.rate",), levels[None, None, :, 1])

    def leverage(self, exposure: Exposure) -> float:
        """Return the seconds during which the rate gathered."""
        return exposure.seconds

    def variance(self, charge: NDArray[Any], at: Moment) -> NDArray[Any]:
        """Return the Poisson variance of what gathers in the interval [electron squared]."""
        return at.plane(self.rate) * np.float32(at.seconds)
