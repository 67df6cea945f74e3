"""Flicker noise: the amplifier drifts while it reads, on all time scales, and draws stripes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from obverse.belief import Block
from obverse.contract import Averages, Subtracts
from obverse.dark_pixels import blocks
from obverse.effects._effect import WHOLE, Effect, site
from obverse.errors import UsageError
from obverse.flags import UNUSABLE, Flag
from obverse.flicker import Shares, coloured, row_medians, shares, smooth
from obverse.frame import Frame
from obverse.geometry import Geometry
from obverse.moment import Moment
from obverse.params import param
from obverse.side_pixels import median_variance, running_median

__all__ = ["FlickerNoise"]

_FEWEST = 8
"""Pixels without a source that a row must have to tell its stripe."""


@dataclass(frozen=True, eq=False, kw_only=True)
class FlickerNoise(Effect):
    r"""Noise whose power falls as 1/f along the read-out of each amplifier, new in every read.

    .. math::

        S(f) = A^2 / f, \qquad
        \hat r_{ij} = r_{ij} - \mathrm{med}_{j'} r_{ij'} + \langle \mathrm{med}_{j'} r_{i'j'} \rangle_{|i'-i| \le h/2}

    Every e-fold of frequency holds the variance :math:`A^2`, from twice the time of a read-out up to half the rate of
    pixels. The correction takes out what is slower than a row and faster than h rows: of ramps, from each resultant
    with respect to the first.

    Parameters
    ----------
    amplitude
        :math:`A`, a scalar or one an amplifier [electron].
    overhead
        Pixel times from the end of a row to the start of the next.
    background_rows
        :math:`h`, rows over which the sky is kept: stripes are told from their mean. 0 takes all rows.
    clip
        Robust sigmas from which on a pixel counts as source, in the difference of last and first resultant.
    sources
        Pixels that are not to be used, a map (row, column) of zeros and ones, where they are known better.

    Notes
    -----
    Limits: what is common to the amplifiers is not drawn as such; noise slower than one read-out is `bias_drift`. Sky
    that changes from row to row over less than h rows is taken for stripes, and so are sources too faint to be
    clipped that fill half a row of an amplifier. What is left of the noise is in the variance; it is correlated along
    the row.
    Reference: Press 1978, Comments on Astrophysics 7, 103 (equal power in each octave); Rauscher 2015, PASP 127, 1144
    (synthesis for H2RG arrays).

    Examples
    --------
    >>> from obverse import Exposure, Geometry, Moment
    >>> at = Moment(Exposure("a", 1.0), Geometry((64, 64)))
    >>> striped = np.zeros((64, 64), "f4") + np.arange(64, dtype="f4")[:, None] % 2
    >>> FlickerNoise(amplitude=1.0).correct(Frame(striped, "electron"), at).data.std().round(3)
    np.float32(0.0)
    """

    name = "flicker_noise"
    in_electrons = True
    contracts = (Subtracts(), Averages())
    affine = True
    halo = WHOLE

    amplitude: float | NDArray[np.float64] = param("root of the variance of an e-fold", unit="electron", minimum=0.0)
    overhead: int = param("pixel times between rows", default=12, minimum=0, shape="whole")
    background_rows: int = param("rows over which the sky is kept", default=0, minimum=0, shape="whole")
    clip: float = param("robust sigmas of a source", default=4.0, minimum=1.0, shape="scalar")
    sources: NDArray[np.float64] | None = param("pixels not to be used", default=None, shape="map")
    site: str = site("readout")

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.background_rows and (self.background_rows < 3 or self.background_rows % 2 == 0):
            raise UsageError(f"flicker_noise: background_rows is {self.background_rows}, it must be odd and 3 or more")

    @classmethod
    def from_knee(cls, knee: float, read_noise: float, pixel_time: float, **more: Any) -> FlickerNoise:
        r"""Take the frequency at which it equals white noise: :math:`A^2 = 2 \sigma^2 \Delta t f_{knee}`.

        Parameters
        ----------
        knee
            :math:`f_{knee}` [Hz].
        read_noise
            :math:`\sigma`, white noise of a read [electron].
        pixel_time
            :math:`\Delta t` [s].
        **more
            Other parameters of the effect.

        Examples
        --------
        >>> FlickerNoise.from_knee(1000.0, 10.0, 1e-5).amplitude.__round__(3)
        1.414
        """
        return cls(amplitude=float(read_noise * np.sqrt(2.0 * pixel_time * knee)), **more)

    # -- forward -----------------------------------------------------------------------------------------------

    def imprint(self, charge: NDArray[Any], at: Moment) -> NDArray[Any]:
        """Add the noise of this read, or of a mean of `at.reads`, to (amplifier, row, column) [electron]."""
        amplifiers, rows, columns = charge.shape
        period = columns + self.overhead
        # twice as long as a read-out, so that its end knows nothing of its start
        white = at.rng.normal((amplifiers, 2 * rows, period)).reshape(amplifiers, -1)
        noise = coloured(white)[:, : rows * period].reshape(amplifiers, rows, period)
        return charge + at.plane(self.amplitude) / np.float32(np.sqrt(at.reads)) * noise[..., :columns]

    def variance(self, charge: NDArray[Any], at: Moment) -> NDArray[Any]:
        """Return the variance of what the correction leaves, its own noise included [electron squared]."""
        n = _lit(at.geometry)[1]
        parts = [self._shares(at.geometry, int(columns)) for columns in n]
        left, within = (np.array([getattr(part, name) for part in parts]) for name in ("left", "within"))
        white = median_variance(n) * (1.0 - 1.0 / self._window(at.geometry))
        own = at.plane(self.amplitude) ** 2 * at.plane(left + within * (median_variance(n) - 1.0 / n))
        return own + np.asarray(at.read_noise, np.float32) ** 2 * at.plane(white)

    def _window(self, geometry: Geometry) -> int:
        rows = _lit(geometry)[0]
        return min(self.background_rows, rows) if self.background_rows else rows

    def _shares(self, geometry: Geometry, columns: int) -> Shares:
        _, rows, width = geometry.clocked_shape
        period = width + self.overhead
        return shares(2 * rows * period, period, _lit(geometry)[0], columns, self._window(geometry))

    # -- backward ----------------------------------------------------------------------------------------------

    def correct(self, frame: Frame, at: Moment) -> Frame:
        """Subtract the stripes [electron]: of an image, or of each resultant with respect to the first."""
        if frame.unit != "electron":
            raise UsageError(f"flicker_noise: the frame is in {frame.unit!r}, it must be in 'electron'")
        data = np.array(frame.data, np.float32)
        usable = self._usable(frame, at)
        for block, good in zip(*(blocks(a, at.geometry, at.layout) for a in (data, usable)), strict=True):
            good = good & self._quiet(_difference(block, frame.axes), good)
            for image, first in _planes(block, frame.axes):
                image -= self._stripes(image - first, good)[:, None]
        return frame.replace(data=data)

    def _usable(self, frame: Frame, at: Moment) -> NDArray[np.bool_]:
        """Return the pixels that see light and that no flag and no map speaks against, in the layout."""
        geometry = at.geometry
        known = geometry.sensitive if self.sources is None else geometry.sensitive & (self.sources == 0)
        good = geometry.pad(known) if at.layout == "clocked" else known
        if frame.flags is not None:
            bad = (frame.flags & np.uint8(UNUSABLE)) != 0
            good = good & ~bad.any(axis=tuple(range(bad.ndim - good.ndim)))
        if frame.pixel_flags is not None and at.layout != "clocked":
            good = good & ((frame.pixel_flags & np.uint32(Flag.DO_NOT_USE)) == 0)
        return good

    def _quiet(self, image: NDArray[np.float32], good: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """Return the pixels that stand out of the sky by less than the clip."""
        level = row_medians(image, good, 1)
        known = np.isfinite(level)
        if not known.any():
            return known[:, None]
        # the median of many rows, not of its own: a source may fill more than half of a row
        level[known] = running_median(level[known, None], self.background_rows or 2 * len(level) + 1)
        off = np.abs(image - level[:, None])
        sigma = 1.4826 * np.median(off[good & np.isfinite(off)])
        return np.asarray(off <= max(self.clip * sigma, 1e-3))

    def _stripes(self, image: NDArray[np.float32], good: NDArray[np.bool_]) -> NDArray[np.float32]:
        """Return what each row of one amplifier stands above its surroundings, (row,); zero where nothing tells."""
        level = row_medians(image, good, _FEWEST)
        around = smooth(level, self.background_rows)
        return np.nan_to_num(level - around).astype(np.float32)

    # -- measured ----------------------------------------------------------------------------------------------

    def measure(self, frames: Sequence[Frame], at: Moment) -> tuple[FlickerNoise, Block]:
        """Measure the amplitude from dark ramps: from how much more the rows differ than white noise would have them.

        Parameters
        ----------
        frames
            Dark ramps with two or more resultants of single reads, undone up to this step [electron].
        at
            The geometry.

        Returns
        -------
        effect, block
            With one amplitude for all amplifiers, and its error from the scatter between differences of resultants.
        """
        found = np.array([power for frame in frames for power in self._powers(frame, at)])
        if len(found) < 3:
            raise UsageError(
                f"flicker_noise: {len(found)} differences of dark resultants do not tell an error: give more"
            )
        power, error = max(float(found.mean()), 0.0), float(found.std(ddof=1) / np.sqrt(len(found)))
        amplitude = float(np.sqrt(power))
        variance = error**2 / (4.0 * max(power, error))
        return self.replace(amplitude=amplitude), Block(("flicker_noise.amplitude",), np.array([[variance]]))

    def _powers(self, frame: Frame, at: Moment) -> list[float]:
        """Return the square of the amplitude in each difference of two resultants and each amplifier."""
        if "resultant" not in frame.axes:
            raise UsageError(
                f"flicker_noise: {frame.exposure.id!r} is no ramp: differences of its resultants are needed"
            )
        usable, found = self._usable(frame, at), []
        parts = zip(
            *(blocks(a, at.geometry, at.layout) for a in (frame.data, usable)), _lit(at.geometry)[1], strict=True
        )
        for block, good, n in parts:
            part = self._shares(at.geometry, int(n))
            mixed = np.array([[part.between, 1.0 / n], [part.within, 1.0 - 1.0 / n]])
            for ramp in block:
                for low, high in zip(ramp[:-1:2], ramp[1::2], strict=False):
                    step = (high - low).astype(np.float64)
                    quiet = good & self.replace(clip=5.0)._quiet(step.astype(np.float32), good)
                    rows = np.where(quiet, step, np.nan)[good.any(axis=1)]
                    seen = np.nanmean(rows, axis=1).var(ddof=1), np.nanvar(rows, axis=1).mean()
                    found.append(float(np.linalg.solve(mixed, 0.5 * np.array(seen))[0]))
        return found


@lru_cache(maxsize=16)
def _lit(geometry: Geometry) -> tuple[int, NDArray[np.int64]]:
    """Return how many rows of an amplifier see light, of the one that has most, and the lit columns of each."""
    lit = blocks(geometry.sensitive, geometry, "sensor")
    rows, columns = (np.array([block.any(axis=axis).sum() for block in lit]) for axis in (1, 0))
    return int(max(rows.max(), 2)), np.maximum(columns, 1)


def _difference(block: NDArray[np.float32], axes: tuple[str, ...]) -> NDArray[np.float32]:
    """Return the mean of last minus first resultant, or the image itself."""
    return (block[:, -1] - block[:, 0]).mean(axis=0) if "resultant" in axes else block


def _planes(block: NDArray[np.float32], axes: tuple[str, ...]) -> list[tuple[NDArray[np.float32], Any]]:
    """Return views of the planes to clean, each with what is to be taken out before stripes are looked for."""
    if "resultant" not in axes:
        return [(block, np.float32(0.0))]
    return [(image, ramp[0]) for ramp in block for image in ramp[1:]]
