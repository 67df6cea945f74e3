"""Persistence: charge that earlier light left in traps comes out later."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from obverse.contract import Averages, Flags, Subtracts
from obverse.effects._after_saturation import after_saturation
from obverse.effects._effect import Effect, site
from obverse.errors import UsageError
from obverse.exposure import Exposure
from obverse.flags import Flag
from obverse.frame import Frame
from obverse.history import History, utc_seconds
from obverse.moment import Moment
from obverse.params import param

__all__ = ["Persistence"]

_AHEAD = 30.0
"""Seconds ahead for which an entry must matter to be kept: the time to the next exposure, as romanisim takes it."""


@dataclass(frozen=True, eq=False, kw_only=True)
class Persistence(Effect):
    r"""Traps that light has filled release their charge at a rate that falls with time.

    .. math::

        r(x, t) = A \left(\frac{x}{x_0}\right)^\alpha \left(\frac{t}{1000\,\mathrm{s}}\right)^{-\gamma}
                  \frac{1}{1 + e^{-(x - x_0)/\Delta x}}, \qquad
        r(x, t) = r(h, t)\, \frac{x}{h} \quad (x < h), \qquad
        q' = q + \sum \int r\, dt

    :math:`x` is the charge that an earlier exposure left in the pixel, :math:`t` the time since it was reset. All
    earlier exposures add up. What they were stands in `Moment.history`, an `obverse.history.History`.

    Parameters
    ----------
    amplitude
        :math:`A`, the rate after 1000 s [electron/s].
    knee, width
        :math:`x_0` and :math:`\Delta x`, where and how steeply the traps fill [electron].
    index
        :math:`\alpha`, how the rate of full traps still grows.
    decay
        :math:`\gamma`.
    half_well
        :math:`h`, the charge below which the rate is proportional to it [electron].
    faintest
        Rate from which on a pixel is flagged, and is remembered at all [electron/s].
    window
        Time for which a pixel is flagged from the first saturated resultant of a ramp on [s].

    Notes
    -----
    Limits: traps fill at once, and an exposure's own charge does not persist into its later integrations: for those
    there is `window`. Integrations follow each other without pause. Subtracted from a ramp the released charge has the
    right shape, and the fit counts its photon noise as that of a steady rate; subtracted from a rate [electron/s],
    only the noise has.
    Reference: Sanchez et al. 2023, Roman-STScI-000480 (after Long et al. 2015, WFC3 ISR 2015-15); the defaults are
    those of the simulator romanisim 0.15. Flags: STScI, JWST pipeline documentation, step `persistence`.

    Examples
    --------
    >>> round(float(Persistence().rate(1e5, 1000.0)), 5)
    0.012
    """

    name = "persistence"
    contracts = (Subtracts(), Averages(), Flags(Flag.PERSISTENCE))
    acts_on = "expected"
    pointwise = True

    amplitude: float = param("rate after 1000 s", default=0.017, unit="electron/s", minimum=0.0, shape="scalar")
    knee: float = param("charge that half fills the traps", default=6e4, unit="electron", above=0.0, shape="scalar")
    width: float = param("width of that step", default=5e4, unit="electron", above=0.0, shape="scalar")
    index: float = param("how the rate of full traps grows", default=0.045, minimum=0.0, shape="scalar")
    decay: float = param("how it falls with time", default=1.0, minimum=0.0, maximum=4.0, shape="scalar")
    half_well: float = param("charge below which it is linear", default=5e4, unit="electron", above=0.0, shape="scalar")
    faintest: float = param("rate that is still flagged", default=0.01, unit="electron/s", above=0.0, shape="scalar")
    window: float = param("time flagged after saturation", default=0.0, unit="s", minimum=0.0, shape="scalar")
    site: str = site("charge")

    # -- the traps ---------------------------------------------------------------------------------------------

    def rate(self, charge: ArrayLike, seconds: ArrayLike) -> NDArray[np.float64]:
        """Return the rate of release [electron/s] from pixels that held `charge` [electron] `seconds` ago."""
        return self._traps(charge) * (np.asarray(seconds, np.float64) / 1e3) ** -self.decay

    def released(self, charge: ArrayLike, since: ArrayLike, until: ArrayLike) -> NDArray[np.float64]:
        """Return what comes out from `since` to `until` seconds after `charge` was reset: the rate's integral."""
        a, b = (np.asarray(time, np.float64) / 1e3 for time in (since, until))
        power = 1.0 - self.decay
        return self._traps(charge) * 1e3 * (np.log(b / a) if power == 0.0 else (b**power - a**power) / power)

    def _traps(self, charge: ArrayLike) -> NDArray[np.float64]:
        """Return the rate after 1000 s."""
        x = np.asarray(charge, np.float64)
        full = np.maximum(x, self.half_well)
        filled = 1.0 / (1.0 + np.exp(-(full - self.knee) / self.width))
        return self.amplitude * (full / self.knee) ** self.index * filled * np.clip(x / self.half_well, 0.0, 1.0)

    # -- what is remembered ------------------------------------------------------------------------------------

    def remember(self, charge: ArrayLike, exposure: Exposure, before: History | None = None) -> History:
        """Return the history behind an exposure that left `charge` (row, column) [electron] when it ended."""
        if exposure.start is None:
            raise UsageError(f"Exposure {exposure.id!r} has no start: persistence must know when it ended")
        end = utc_seconds(exposure.start) + exposure.integrations * exposure.seconds
        plane = np.asarray(charge)
        new = History.of(np.where(plane < self._least, 0, plane), end)  # an exposure fills nearly all pixels a little
        return self.forget(new if before is None else before.then(new), end)

    @property
    def _least(self) -> float:
        """Charge below which a pixel cannot be worth remembering [electron]."""
        share = self.faintest / max(float(self.rate(self.half_well, _AHEAD)), 1e-300)
        return 0.999 * self.half_well * min(share, 1.0)

    def forget(self, history: History, now: str | float) -> History:
        """Return the entries whose rate 30 s from `now` (ISO, or s of UTC since 1970) is still `faintest`."""
        seconds = utc_seconds(now) if isinstance(now, str) else now
        return history.only(self.rate(history.charge, seconds + _AHEAD - history.emptied) >= self.faintest)

    # -- both faces --------------------------------------------------------------------------------------------

    def imprint(self, charge: NDArray[Any], at: Moment) -> NDArray[Any]:
        """Add the mean that is released in the interval to the expected charge (row, column) [electron]."""
        start = at.integration * at.exposure.seconds
        return charge + self._image(at, start + at.interval[0], start + at.interval[1])

    def correct(self, frame: Frame, at: Moment) -> Frame:
        """Subtract the mean that was released from ramps or images, and flag where it matters."""
        if frame.unit not in ("electron", "electron/s") or "amplifier" in frame.axes:
            raise UsageError(
                f"persistence: the frame is in {frame.unit!r} with axes {frame.axes}, it must be in electrons on the "
                "sensor: put it behind 'gain' and 'assemble'"
            )
        if at.history is not None:
            history = at.history.of_rows(at.rows)
            traced = history.image(self.rate(history.charge, history.ages(at.exposure))) >= self.faintest
            frame = self._subtracted(frame, at).flagged(traced, Flag.PERSISTENCE)
        if self.window == 0.0 or "resultant" not in frame.axes:
            return frame
        return frame.flagged(after_saturation(frame, self.window), Flag.PERSISTENCE)

    def _subtracted(self, frame: Frame, at: Moment) -> Frame:
        """Subtract the mean; of ramps, add it to what the fit is told to count as noise, ``dark_rate``."""
        less = frame.replace(data=frame.data - self._mean(frame, at))
        if "resultant" not in frame.axes:
            return less
        seconds = at.exposure.seconds * at.exposure.integrations
        rate = np.broadcast_to(self._image(at, 0.0, seconds) / np.float32(seconds), frame.shape[-2:])
        before = frame.companions.get("dark_rate")
        total = rate if before is None else before.data + rate
        told = Frame(total, "electron/s", exposure=frame.exposure)
        return less.replace(companions={**frame.companions, "dark_rate": told})

    def variance(self, charge: NDArray[Any], at: Moment) -> NDArray[Any]:
        """Return the Poisson variance of what is released in the interval [electron squared]."""
        return self._image(at, *at.interval)

    def _image(self, at: Moment, since: float, until: float) -> NDArray[np.float32]:
        """Return what is released from `since` to `until` seconds after the start of the exposure (row, column)."""
        history = None if at.history is None else at.history.of_rows(at.rows)
        if not history:
            return np.zeros((), np.float32)
        ages = history.ages(at.exposure)
        return history.image(self.released(history.charge, ages + since, ages + until)).astype(np.float32)

    def _mean(self, frame: Frame, at: Moment) -> NDArray[np.float32]:
        """Return the mean of what the traps add to each element of a frame."""
        seconds = at.exposure.seconds
        if "resultant" not in frame.axes:
            return self._image(at, 0.0, seconds) / np.float32(seconds if frame.unit.endswith("/s") else 1.0)
        if frame.exposure.pattern is None:
            raise UsageError("persistence: a ramp needs a read pattern, which tells when it was read")
        n = frame.shape[0] if "integration" in frame.axes else 1
        groups = frame.exposure.pattern.times
        ramps = [[self._resultant(at, i * seconds, group) for group in groups] for i in range(n)]
        return np.array(ramps).reshape(*frame.shape[:-3], len(groups), *frame.shape[-2:])

    def _resultant(self, at: Moment, start: float, times: tuple[float, ...]) -> NDArray[np.float32]:
        """Return the mean over reads of what has gathered since the reset at `start`."""
        return np.mean([self._image(at, start, start + time) for time in times], axis=0, dtype=np.float32)
