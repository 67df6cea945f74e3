"""Dark ramp: what gathers in the dark, resultant by resultant, where no constant rate describes it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from obverse.contract import Averages, Subtracts
from obverse.effects._effect import Effect, site
from obverse.errors import UsageError
from obverse.flags import Flag
from obverse.frame import Frame
from obverse.moment import Moment
from obverse.params import param
from obverse.pattern import ReadPattern
from obverse.scaling import add_pixel_flag

__all__ = ["DarkRamp"]


@dataclass(frozen=True, eq=False, kw_only=True)
class DarkRamp(Effect):
    r"""The mean of many dark ramps, averaged as the exposure averages its reads.

    .. math::

        \langle q(t) \rangle \to \langle q(t) \rangle + D(t), \qquad
        \hat R_k = R_k - \frac{1}{N_k} \sum_j D(t_{kj}), \qquad \mathrm{Var} = D(t_2) - D(t_1)

    :math:`D` is a straight line from read to read of the reference, starts at zero at the reset, and goes on with its
    last difference where the exposure is longer.

    Parameters
    ----------
    ramp
        :math:`D`, (resultant, row, column), or (integration, resultant, row, column) where the first integrations
        differ: the last one serves all that follow [electron]. NaN counts as zero, and the pixel is flagged
        UNRELIABLE_DARK.
    frame_time
        Time of one read of the reference [s].
    frames, gap
        Reads averaged in each of its resultants, and reads left out behind it (NFRAMES, GROUPGAP). A reference that
        averages or leaves out reads serves only exposures that do so alike.

    Notes
    -----
    Limits: the error of the reference is not carried on; the Poisson noise of the dark charge stays, and the read-out
    has counted it, since it counts all electrons alike.
    Reference: STScI, JWST pipeline documentation, step `dark_current` (averaging of the reference to the pattern).

    Examples
    --------
    >>> from obverse import Exposure, Geometry
    >>> dark = DarkRamp(ramp=np.arange(1.0, 9.0).reshape(8, 1, 1), frame_time=10.0)
    >>> here = Exposure("a", pattern=ReadPattern.even(2, frames=2, gap=1, frame_time=10.0))
    >>> raw = Frame(
    ...     np.zeros((1, 2, 1, 1), "f4"), "electron", ("integration", "resultant", "row", "column"), exposure=here
    ... )
    >>> dark.correct(raw, Moment.of(raw)).data.ravel()
    array([-1.5, -4.5], dtype=float32)
    """

    name = "dark_ramp"
    contracts = (Subtracts(), Averages())
    pointwise = True
    acts_on = "expected"

    ramp: NDArray[np.float64] = param("dark signal of each resultant", unit="electron", shape="ramp")
    frame_time: float = param("time of one read of the reference", unit="s", above=0.0, shape="scalar")
    frames: int = param("reads averaged in each resultant", default=1, minimum=1, shape="whole")
    gap: int = param("reads left out behind each resultant", default=0, minimum=0, shape="whole")
    site: str = site("charge")

    @cached_property
    def _pattern(self) -> ReadPattern:
        """The read pattern of the reference."""
        return ReadPattern.even(self.ramp.shape[-3], self.frames, self.gap, self.frame_time)

    def imprint(self, charge: NDArray[Any], at: Moment) -> NDArray[Any]:
        """Add the mean that gathers in the interval to the expected charge (row, column) [electron]."""
        return charge + self._gathered(at)

    def variance(self, charge: NDArray[Any], at: Moment) -> NDArray[Any]:
        """Return the Poisson variance of what gathers in the interval [electron squared]."""
        return self._gathered(at)

    def _gathered(self, at: Moment) -> NDArray[np.float32]:
        """Return the mean that gathers in the interval [electron]."""
        before, after = _interpolation(self._pattern.tbar, np.asarray(at.interval))
        signal = self._signal((after - before)[None], at)
        return np.asarray(signal[min(at.integration, len(signal) - 1), 0])

    def correct(self, frame: Frame, at: Moment) -> Frame:
        """Subtract the mean from ramps, or from an image of one exposure [electron]."""
        if frame.unit != "electron":
            raise UsageError(f"dark_ramp: the frame is in {frame.unit!r}, it must be in 'electron'")
        signal = self._signal(self._weights(frame), at)
        which = np.minimum(np.arange(frame.shape[0]), len(signal) - 1) if len(signal) > 1 else slice(None)
        dark = signal[which] if "resultant" in frame.axes else signal[0, 0]
        done = frame.replace(data=np.asarray(frame.data, np.float32) - dark)
        pattern = frame.exposure.pattern
        if "resultant" in frame.axes and pattern is not None:
            rate = Frame(_mean_rate(signal, pattern), "electron/s", exposure=frame.exposure)
            done = done.replace(companions={**frame.companions, "dark_rate": rate})
        holes = np.isnan(at.plane(self.ramp)).reshape(-1, *signal.shape[-2:]).any(axis=0)
        return add_pixel_flag(done, np.asarray(holes), Flag.UNRELIABLE_DARK) if holes.any() else done

    def _weights(self, frame: Frame) -> NDArray[np.float32]:
        """Return what each resultant takes of each of the reference's, (resultant, resultant of the reference)."""
        own, pattern = self._pattern, frame.exposure.pattern
        if "resultant" not in frame.axes:
            return _interpolation(own.tbar, np.array([frame.exposure.seconds]))
        if pattern is None:
            raise UsageError(f"dark_ramp: {frame.exposure.id!r} has no read pattern to average the reference to")
        if self.frames == 1 and self.gap == 0:
            return np.stack([_interpolation(own.tbar, np.asarray(group)).mean(axis=0) for group in pattern.times])
        if not _alike(own, pattern):
            raise UsageError(
                f"dark_ramp: the reference averages {self.frames} reads and leaves out {self.gap}, "
                f"{frame.exposure.id!r} otherwise: give a reference of every read, or one that was averaged alike"
            )
        return _interpolation(own.tbar, pattern.tbar)

    def _signal(self, weights: NDArray[np.float32], at: Moment) -> NDArray[np.float32]:
        """Return the dark signal (integration, resultant, row, column) [electron]."""
        known = np.nan_to_num(at.plane(self.ramp))
        known = known.reshape(-1, *known.shape[-3:])
        return np.stack([np.tensordot(weights, one, axes=1) for one in known])


def _mean_rate(signal: NDArray[np.float32], pattern: ReadPattern) -> NDArray[np.float32]:
    """Return the rate that has been subtracted: its photon-like noise stays in the ramp, and the fit must know."""
    first, time = (0.0, pattern.tbar[-1]) if len(pattern) == 1 else (signal[:, 0], np.ptp(pattern.tbar))
    return np.maximum(((signal[:, -1] - first) / time).mean(axis=0), 0).astype(np.float32)


def _alike(own: ReadPattern, other: ReadPattern) -> bool:
    """Whether two patterns average the same reads, as far as both go."""
    return all(len(a) == len(b) and np.allclose(a, b) for a, b in zip(own.times, other.times, strict=False))


def _interpolation(knots: NDArray[np.float64], times: NDArray[np.float64]) -> NDArray[np.float32]:
    """Return weights (time, knot) of a line through zero at zero and the knots, with its last slope behind them."""
    every = np.concatenate([[0.0], knots])
    i = np.clip(np.searchsorted(every, times, side="left") - 1, 0, len(every) - 2)
    fraction = (times - every[i]) / (every[i + 1] - every[i])
    weights = np.zeros((len(times), len(every)))
    rows = np.arange(len(times))
    weights[rows, i], weights[rows, i + 1] = 1.0 - fraction, fraction
    return weights[:, 1:].astype(np.float32)
