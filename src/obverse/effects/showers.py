"""Showers: faint extended flashes in mid-infrared arrays, below the noise of a pixel but not of a region."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from obverse.contract import Flags
from obverse.effects._effect import WHOLE, site
from obverse.effects._events import FAINTEST, Events, Fallen, centres, cloud
from obverse.effects._searched import searched
from obverse.flags import Flag
from obverse.frame import Frame
from obverse.moment import Moment
from obverse.params import param

__all__ = ["Showers"]


@dataclass(frozen=True, eq=False, kw_only=True)
class Showers(Events):
    r"""Elongated clouds of little charge in many pixels.

    .. math::

        N \sim \mathrm{Poisson}(\Phi A \Delta t), \quad
        \ln Q \sim \mathrm{U}(\ln Q_1, \ln Q_2), \quad
        w \sim \mathrm{U}(w_1, w_2), \quad
        q \sim \mathrm{Poisson}\left(Q\, e^{-(u^2 / \epsilon^2 + v^2) / 2 w^2}\right)

    :math:`u` and :math:`v` are the distances of a pixel from the centre along and across a random direction. Back:
    `flag_showers`, which takes its parameters from here.

    Parameters
    ----------
    flux
        :math:`\Phi` [1/(cm2 s)].
    pixel_pitch
        Size of a pixel [micron].
    faintest, brightest
        :math:`Q_1` and :math:`Q_2`, mean charge of the brightest pixel [electron].
    narrowest, broadest
        :math:`w_1` and :math:`w_2`, standard deviation across [micron].
    elongation
        :math:`\epsilon`.
    ratio
        Mean of the absolute ratio in a ring beyond which there is light; pure noise has 0.80 [standard deviations].
    area
        Smallest region of such pixels, holes included [pixel].
    inner, outer
        Radii of the ring [pixel].
    growth
        The minor axis of a region is multiplied by it, and the major axis lengthened by as much.
    widest
        Longest axis of anything grown [pixel].
    after
        How long the flags last [s].
    largest_change
        Change of a pixel's mean rate beyond which it is no shower, and the flags of the pixel are undone [electron/s].
    least_differences
        Fewer differences, over all integrations, are not searched.

    Notes
    -----
    It stands behind `cosmic_rays`, whose flags are left out of the rings; where that has not been undone, it searches
    jumps itself.

    Contract: false alarms are ramps that are flagged and got no electron. On a sensor of 96 x 64 pixels so crowded that
    a sixth of its ramps is struck they are 9e-3, around showers; in 1024 x 1032 pixels of MIRI without showers,
    but with cosmic rays, there is none.

    Limits: only the rate and the order of the size are published; the shape is a simple one. All charge arrives at
    once: the glow that real ones keep for tens of seconds is not simulated, but flagged (`after`).
    Reference: half as many as snowballs, so one in 40 s on a detector of 1024 x 1032 pixels of 25 micron: JWST User
    Documentation, Shower and Snowball Artifacts; Regan 2023, JWST-STScI-008545. The search has the defaults of the
    JWST pipeline for MIRI.

    Examples
    --------
    >>> from obverse.seeds import Address, Stream
    >>> from obverse import Exposure, Geometry, Moment
    >>> stream = Stream(Address(1, "showers", "a"))
    >>> at = Moment(Exposure("a", 100.0), Geometry((512, 512)), interval=(0.0, 100.0), rng=stream)
    >>> hit = Showers(flux=0.02).imprint(np.zeros((512, 512), "f4"), at)
    >>> int((hit > 100).sum()), int((hit > 10).sum()), float(hit.max())
    (538, 9094, 159.0)
    """

    name = "showers"
    contracts = (Flags(Flag.JUMP_DET, false_alarms=1e-2),)
    halo = WHOLE

    flux: float = param("showers on the detector", default=0.0038, unit="1/(cm2 s)", minimum=0.0, shape="scalar")
    pixel_pitch: float = param("size of a pixel", default=25.0, unit="micron", above=0.0, shape="scalar")
    faintest: float = param("peak of the faintest", default=30.0, unit="electron", above=0.0, shape="scalar")
    brightest: float = param("peak of the brightest", default=300.0, unit="electron", above=0.0, shape="scalar")
    narrowest: float = param("width of the narrowest", default=75.0, unit="micron", above=0.0, shape="scalar")
    broadest: float = param("width of the broadest", default=300.0, unit="micron", above=0.0, shape="scalar")
    elongation: float = param("length over width", default=2.0, minimum=1.0, maximum=100.0, shape="scalar")
    ratio: float = param("mean ratio that is light", default=1.2, unit="sigma", minimum=0.0, shape="scalar")
    area: float = param("smallest region of light", default=90.0, unit="pixel", minimum=0.0, shape="scalar")
    inner: float = param("inner radius of the ring", default=1.0, unit="pixel", minimum=0.0, shape="scalar")
    outer: float = param("outer radius of the ring", default=3.6, unit="pixel", minimum=0.0, shape="scalar")
    growth: float = param("factor by which a region grows", default=1.1, minimum=0.0, shape="scalar")
    widest: float = param("longest axis of anything grown", default=200.0, unit="pixel", minimum=0.0, shape="scalar")
    after: float = param("how long the flags last", default=15.0, unit="s", minimum=0.0, shape="scalar")
    largest_change: float = param(
        "largest change of a pixel's rate", default=4.0, unit="electron/s", minimum=0.0, shape="scalar"
    )
    least_differences: int = param("fewer are not searched", default=10, minimum=0, shape="whole")
    site: str = site("charge")

    def events(self, at: Moment) -> Fallen:
        """Draw the showers that fall in the interval."""
        shape = at.geometry.shape
        return Fallen.of(shape[1], self._clouds(shape, at.rng.scalars(), at.seconds))

    def _clouds(self, shape: tuple[int, int], random: np.random.Generator, seconds: float) -> Iterator[Any]:
        reach = self.elongation * np.sqrt(2.0 * np.log(max(self.brightest / FAINTEST, 1.0)))  # in widths
        margin = reach * max(self.narrowest, self.broadest) / self.pixel_pitch
        for centre in centres(random, shape, self.flux * seconds, self.pixel_pitch, margin):
            peak = self.faintest * (self.brightest / self.faintest) ** random.uniform()
            width = (self.narrowest + random.uniform() * (self.broadest - self.narrowest)) / self.pixel_pitch
            mean = partial(self._mean, peak, width, random.uniform(0.0, np.pi))
            yield cloud(shape, centre, reach * width, mean, random)

    def correct(self, frame: Frame, at: Moment) -> Frame:
        """Flag JUMP_DET where and while there are showers, in ramps [electron]."""
        from obverse.ramps.showers import flag_showers

        flags, pattern = searched(self.name, frame, at)
        known = {"gain": 1.0, "read_noise": at.read_noise, "pixel_flags": frame.pixel_flags, "threads": at.threads}
        return frame.replace(flags=flag_showers(frame.data, pattern, flags=flags, showers=self, **known))

    def _mean(self, peak: float, width: float, angle: float, down: Any, right: Any) -> NDArray[np.float64]:
        """Return the mean charge of a shower at distances from its centre [pixel]."""
        along = (down * np.cos(angle) + right * np.sin(angle)) / self.elongation
        across = right * np.cos(angle) - down * np.sin(angle)
        mean: NDArray[np.float64] = peak * np.exp(-0.5 * (along**2 + across**2) / width**2)
        return mean
