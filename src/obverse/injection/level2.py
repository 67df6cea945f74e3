r"""Sources into an image of rates: a ramp that could have been there, the sources on it, and the fit again.

Of every pixel that gets electrons a ramp is made whose fit gives the rate of the image exactly,

.. math:: R_k = \hat a\, \bar t_k + n'_k + \langle S(t_{kj}) \rangle_j

with noise n' as the pixel may have had it (`obverse.injection.ramp_noise`) and the electrons S of the sources that have
come at each read. The same estimator fits it, so that the error is that of the sum. All other pixels stay as they are,
bit by bit.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from obverse.detector import Detector
from obverse.errors import UsageError
from obverse.flags import Flag
from obverse.frame import Frame
from obverse.injection.arrivals import Arrivals
from obverse.injection.cuts import Cut, best_cuts, cuts_for
from obverse.injection.ramp_noise import RampNoise
from obverse.injection.rates import Rates
from obverse.injection.weighing import weights_of
from obverse.pattern import ReadPattern
from obverse.ramps import RampFit, fit_ramps
from obverse.seeds import Address
from obverse.tiles import QUANTUM, run_rows

__all__ = ["inject_rates"]

Array = NDArray[Any]
Cuts = list[tuple[Cut, NDArray[np.bool_]]]

_KEPT = ("dark_rate", "reference_output")
"""Companions that injected light does not change; of the others only chi2 can be told again."""


def inject_rates(frame: Frame, arrivals: Arrivals, detector: Detector, *, threads: int | None = None) -> Frame:
    """Return the image of rates with the electrons in it.

    Parameters
    ----------
    frame
        Rates (row, column) [electron/s, DN/s or photon/s] with the variances ``poisson`` and ``read``.
    arrivals
        Electrons behind quantum efficiency and flat.
    detector
        Cut to the pixels of the frame.
    threads
        Worker threads; they change no bit.

    Raises
    ------
    UsageError
        If the frame has no variances or no read pattern.
    """
    work = _Work(frame, arrivals, detector)
    planes = {name: np.array(plane) for name, plane in work.start().planes().items()}
    if "chi2" in frame.companions:
        planes["chi2"] = np.array(frame.companions["chi2"].data)
    rows = frame.shape[0]

    def block(start: int, stop: int) -> None:
        for first in range(start, stop, QUANTUM):
            work.fill(slice(first, min(first + QUANTUM, stop)), planes)

    run_rows(rows, block, threads)
    chi2 = planes.pop("chi2", None)
    done = work.start().with_planes(planes)
    return done if chi2 is None else done.replace(companions={**done.companions, "chi2": work.chi2(chi2)})


@dataclass(frozen=True, eq=False)
class _Pixels:
    """Those pixels of a block that get electrons."""

    where: tuple[NDArray[np.intp], NDArray[np.intp]]
    rate: Array
    noise: RampNoise
    cuts: Cuts


class _Work:
    """What all blocks of rows share."""

    def __init__(self, frame: Frame, arrivals: Arrivals, detector: Detector) -> None:
        self.frame, self.arrivals = frame, arrivals
        self.pattern = _pattern(frame)
        self.estimator = str(getattr(detector.readout, "estimator", "likelihood"))
        self.rates = Rates.of(frame, detector)
        self.bad = frame.unusable()

    def start(self) -> Frame:
        """Return the frame with the companions that stay, and flags to write on."""
        flags = self.frame.pixel_flags
        flags = np.zeros(self.frame.shape, np.uint32) if flags is None else flags
        kept = {k: v for k, v in self.frame.companions.items() if k in _KEPT}
        return self.frame.replace(pixel_flags=flags, companions=kept)

    def chi2(self, plane: Array) -> Frame:
        """Return the companion of chi-squares."""
        return self.frame.companions["chi2"].replace(data=plane)

    def fill(self, rows: slice, planes: dict[str, Array]) -> None:
        """Inject into a block of rows of the planes."""
        touched = (self.arrivals.counts[:, rows] > 0).any(axis=0) & ~self.bad[rows]
        if not touched.any():
            return
        pixels = self._pixels(rows, np.nonzero(touched))
        random = Address(self.arrivals.seed, "virtual ramp", self.arrivals.exposure).generator(rows.start // QUANTUM)
        ramps = self._ramps(rows, pixels, random)
        fit = self._fit(*ramps, pixels)
        self._write(pixels, fit, planes)

    def _pixels(self, rows: slice, inside: tuple[Any, ...]) -> _Pixels:
        where = (inside[0] + rows.start, inside[1])
        rate = self.rates.electrons(self.frame.data[where], where)
        photons = np.maximum(rate, 0) + self.rates.dark_before[where]
        noise = RampNoise(self.pattern, len(self.arrivals.counts), self.rates.noise[where] ** 2, photons)
        said = tuple(self._said(name, where) for name in ("poisson", "read"))
        cuts = self._cuts(where, noise, said, rate)
        return _Pixels(where, rate, self._tuned(noise, cuts, said[1], rate), cuts)

    def _said(self, name: str, where: Any) -> Array:
        """Return a variance of the image [electron^2/s^2]; zero where it says none."""
        found = (self.frame.variances or {}).get(name)
        return (
            np.zeros(len(where[0])) if found is None else found[where].astype(np.float64) * self.rates.scale[where] ** 2
        )

    def _cuts(self, where: Any, noise: RampNoise, said: Any, rate: Array) -> Cuts:
        """Return the parts of ramps that were fitted, and which pixels had each."""
        bits = self.frame.pixel_flags
        flags = np.zeros(len(rate), np.uint32) if bits is None else bits[where] & np.uint32(6)
        chosen: dict[Cut, NDArray[np.bool_]] = {}
        for value in np.unique(flags):
            these = flags == value
            cuts = list(cuts_for(len(self.pattern), noise.integrations, int(value)))
            own = _part(noise, these)

            def variances(cut: Cut, own: RampNoise = own, these: Array = these) -> Any:
                return own.variances(weights_of(self.estimator, own, cut, rate[these]))

            best = (
                best_cuts(cuts, variances, *(v[these] for v in said)) if len(cuts) > 1 else np.zeros(these.sum(), int)
            )
            for i in np.unique(best):
                mask = chosen.setdefault(cuts[i], np.zeros(len(rate), np.bool_))
                mask[np.flatnonzero(these)[best == i]] = True
        return list(chosen.items())

    def _tuned(self, noise: RampNoise, cuts: Cuts, said: Array, rate: Array) -> RampNoise:
        """Return the read noise that the image's own variance tells of; the weights that it tunes hardly feel it."""
        read = noise.read.copy()
        for cut, these in cuts:
            own = _part(noise, these)
            would = own.variances(weights_of(self.estimator, own, cut, rate[these]))[1]
            ratio = said[these] / would
            read[these] *= np.where((ratio > 0) & np.isfinite(ratio), ratio, 1.0)
        return RampNoise(noise.pattern, noise.integrations, read, noise.photons)

    def _ramps(self, rows: slice, pixels: _Pixels, random: np.random.Generator) -> tuple[Array, NDArray[np.uint8]]:
        """Return ramps (integration, resultant, pixel) [electron] and what is wrong with their resultants."""
        inside = (pixels.where[0] - rows.start, pixels.where[1])
        shape = (pixels.noise.integrations, len(self.pattern), len(pixels.rate))
        ramps, flags = np.zeros(shape), np.zeros(shape, np.uint8)
        for cut, these in pixels.cuts:
            own = _part(pixels.noise, these)
            ramps[..., these] = own.pinned(weights_of(self.estimator, own, cut, pixels.rate[these]), random)
            flags[..., these] = cut.flags()[..., None]
        ends = np.array([times[-1] for times in self.pattern.times])[:, None]
        for i in range(shape[0]):
            mean, last = self.arrivals.resultants(i, rows, inside)
            full = pixels.rate * ends + last >= self.rates.full[pixels.where]
            flags[i][np.logical_or.accumulate(full, axis=0)] |= np.uint8(Flag.SATURATED)
            ramps[i] += pixels.rate * self.pattern.tbar[:, None] + mean
        return ramps, flags

    def _fit(self, ramps: Array, flags: NDArray[np.uint8], pixels: _Pixels) -> RampFit:
        return fit_ramps(
            ramps[:, :, None, :],
            self.pattern,
            gain=1.0,
            read_noise=np.sqrt(pixels.noise.read)[None],
            flags=flags[:, :, None, :],
            estimator=self.estimator,
            find_jumps=False,
            dark_rate=self.rates.dark_before[pixels.where][None],
            threads=1,
        )

    def _write(self, pixels: _Pixels, fit: RampFit, planes: dict[str, Array]) -> None:
        where, scale = pixels.where, self.rates.scale[pixels.where]
        old, new = planes["data"][where], self.rates.image(fit.rate[0], where)
        planes["data"][where] = new
        for name, plane in (("poisson", fit.var_poisson), ("read", fit.var_read)):
            if f"variance {name}" in planes:
                planes[f"variance {name}"][where] = plane[0] / scale**2
        if "variance flat" in planes:
            planes["variance flat"][where] *= _squared_ratio(new, old)
        planes["pixel_flags"][where] |= fit.flags[0]
        if "chi2" in planes and fit.chi2 is not None:
            planes["chi2"][where] = fit.chi2[0]


def _squared_ratio(new: Array, old: Array) -> Array:
    r"""Return by what a relative error of the flat grows: :math:`\sigma^2 = d^2 (\sigma_f / f)^2`."""
    with np.errstate(invalid="ignore", divide="ignore"):
        ratio = np.square(new / old)
    return np.where(np.isfinite(ratio), ratio, 1.0)


def _part(noise: RampNoise, these: NDArray[np.bool_]) -> RampNoise:
    """Return the noise of some of the pixels."""
    return RampNoise(noise.pattern, noise.integrations, noise.read[these], noise.photons[these])


def _pattern(frame: Frame) -> ReadPattern:
    pattern = frame.exposure.pattern
    if pattern is None or len(pattern) < 2:
        raise UsageError(
            f"inject_sources: {frame.exposure.id}: an image of rates needs the read pattern of its ramps, of two "
            "resultants or more: give it with pattern="
        )
    if frame.variances is None or "poisson" not in frame.variances:
        raise UsageError(
            f"inject_sources: {frame.exposure.id}: the image has no variance 'poisson': inject into the raw frame, "
            "or into an image of rates with its errors"
        )
    return pattern
