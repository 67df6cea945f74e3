"""Commanded and actual gain of the register, over the whole range of gains."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import groupby
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from obverse.emccd.frames import Frames, loaded
from obverse.emccd.gain_of_frames import RegisterGain, em_gain_of
from obverse.errors import UsageError
from obverse.frame import Frame
from obverse.register.excess_noise import STAGES

__all__ = ["GainCurve", "calibrate_em_gain", "fit_gain_curve"]

Array = NDArray[Any]


@dataclass(frozen=True)
class GainCurve:
    r"""Actual gain as a function of the commanded one.

    .. math:: \ln g = \sum_k a_k (\ln c)^k

    Parameters
    ----------
    commanded, actual, error
        What was measured, (gain,).
    coefficients
        :math:`a`, (k,), lowest first.
    covariance
        Of the coefficients, (k, k).
    chi_square
        Of the fit, for a degree of freedom; NaN without any left.

    Examples
    --------
    >>> curve = fit_gain_curve([10.0, 100.0, 1000.0], [9.0, 90.0, 900.0], [0.1, 1.0, 10.0])
    >>> float(curve.ratio(300.0)), float(curve.actual_gain(300.0))
    (0.9, 270.0)
    """

    commanded: NDArray[np.float64]
    actual: NDArray[np.float64]
    error: NDArray[np.float64]
    coefficients: NDArray[np.float64]
    covariance: NDArray[np.float64]
    chi_square: float

    def actual_gain(self, commanded: ArrayLike) -> Array:
        """Return the gain that the register has when `commanded` is asked for."""
        return np.exp(self._powers(commanded) @ self.coefficients)

    def ratio(self, commanded: ArrayLike) -> Array:
        """Return actual over commanded gain, the parameter of the effect `em_gain`."""
        return self.actual_gain(commanded) / np.asarray(commanded, np.float64)

    def actual_error(self, commanded: ArrayLike) -> Array:
        """Return the standard deviation of `actual_gain`, from the errors of the points alone."""
        powers = self._powers(commanded)
        relative = np.sqrt(np.einsum("...i,ij,...j->...", powers, self.covariance, powers))
        return self.actual_gain(commanded) * relative

    def _powers(self, commanded: ArrayLike) -> Array:
        return _powers(commanded, len(self.coefficients))


def fit_gain_curve(commanded: ArrayLike, actual: ArrayLike, error: ArrayLike, degree: int = 1) -> GainCurve:
    """Fit a polynomial in the logarithms to measured gains, each weighted by its error.

    Parameters
    ----------
    commanded, actual, error
        (gain,); a commanded gain may come more than once.
    degree
        Of the polynomial: 1 is a power law.

    Raises
    ------
    UsageError
        If there are fewer different gains than coefficients, or a number is not above zero.

    Examples
    --------
    >>> fit_gain_curve([1.0, 10.0], [1.0, 9.0], [0.1, 0.1]).coefficients.round(4)
    array([0.    , 0.9542])
    """
    c, g, e = (np.asarray(x, np.float64).ravel() for x in (commanded, actual, error))
    if not (c.shape == g.shape == e.shape and all((x > 0).all() and np.isfinite(x).all() for x in (c, g, e))):
        raise UsageError("gain curve: commanded and actual gains and their errors must be as many, and above zero")
    if len(np.unique(c)) <= degree:
        raise UsageError(f"gain curve: {len(np.unique(c))} different gains for degree {degree}: give more")
    design = _powers(c, degree + 1) * (g / e)[:, None]
    covariance: Array = np.linalg.inv(design.T @ design)
    goal = np.log(g) * g / e
    coefficients = covariance @ design.T @ goal
    left = len(c) - degree - 1
    chi_square = float(((goal - design @ coefficients) ** 2).sum() / left) if left else float("nan")
    return GainCurve(c, g, e, coefficients, covariance, chi_square)


def calibrate_em_gain(
    frames: Frames,
    *,
    degree: int = 1,
    where: ArrayLike | None = None,
    stages: int = STAGES,
    partial: float = 0.0,
    highest: float = 80000.0,
) -> tuple[GainCurve, list[RegisterGain]]:
    """Measure the gain at each commanded gain, and fit the curve through them.

    Parameters
    ----------
    frames
        As `em_gain_of` takes them, those of one gain and time behind each other; both may come back later.
    degree
        As in `fit_gain_curve`.
    where, stages, partial, highest
        As in `em_gain_of`.

    Returns
    -------
    curve, gains
        The curve, and what the frames of each gain have told.

    Raises
    ------
    UsageError
        If there are fewer different gains than coefficients.
    DataError
        As `em_gain_of`.

    Notes
    -----
    Limits: an actual gain that exposures know already is not used, but helps to begin the search.

    Examples
    --------
    >>> from obverse import Exposure
    >>> random, frames = np.random.default_rng(1), []
    >>> for g in (1000.0, 4000.0):
    ...     values = random.exponential(0.9 * g, (300, 300)) * (random.random((300, 300)) < 0.05)
    ...     data = values + random.normal(0.0, 50.0, (300, 300))
    ...     frames.append(Frame(data, "electron", exposure=Exposure("a", 1.0, em_gain=g)))
    >>> curve, _ = calibrate_em_gain(frames)
    >>> bool(abs(curve.ratio(2000.0) - 0.9) < 0.05)
    True
    """
    settings: dict[str, Any] = {"where": where, "stages": stages, "partial": partial, "highest": highest}
    gains = [em_gain_of(run, **settings) for run in _runs(frames)]
    if not gains:
        raise UsageError("calibrate_em_gain: no frames were given")
    curve = fit_gain_curve(
        [each.commanded for each in gains],
        [each.gain for each in gains],
        [each.gain_error for each in gains],
        degree,
    )
    return curve, gains


def _runs(frames: Frames) -> Iterator[Iterable[Frame]]:
    """Split frames where the commanded gain or the time changes."""
    for _, run in groupby(
        loaded("calibrate_em_gain", frames), key=lambda f: (f.exposure.em_gain, f.exposure.exposure_time)
    ):
        yield run


def _powers(commanded: ArrayLike, n: int) -> Array:
    return np.log(np.asarray(commanded, np.float64))[..., None] ** np.arange(n)
