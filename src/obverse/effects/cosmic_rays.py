"""Cosmic rays: charged particles leave tracks of electrons."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from obverse.contract import Flags
from obverse.effects._effect import WHOLE, site
from obverse.effects._events import Events, Fallen
from obverse.effects._plateaus import Plateaus
from obverse.errors import UsageError
from obverse.flags import Flag
from obverse.frame import Frame
from obverse.kernels.tracks import tracks
from obverse.moment import Moment
from obverse.params import param

__all__ = ["CosmicRays"]

_INDEX = 4.33
"""How steeply the number of tracks falls with their length."""


@dataclass(frozen=True, eq=False, kw_only=True)
class CosmicRays(Plateaus, Events):
    r"""Straight tracks through the sensitive layer, in random directions, with random energy loss.

    .. math::

        N \sim \mathrm{Poisson}(\Phi A \Delta t), \quad
        p(\ell) \propto \ell^{-4.33}, \quad
        \frac{dE}{dx} \sim \mathrm{Moyal}(\mu, s), \quad
        q_i \sim \mathrm{Poisson}\left(\frac{dE}{dx}\, \frac{\sqrt{\ell^2 + h^2}}{w}\, \frac{\ell_i}{\ell}\right)

    :math:`\ell` is the length of the track in the plane of the detector, :math:`\ell_i` its part in pixel
    :math:`i`: the charges add up to the energy lost, over the path through the thickness :math:`h`.

    Parameters
    ----------
    flux
        :math:`\Phi` [1/(cm2 s)].
    pixel_pitch, thickness
        Size of a pixel and :math:`h` [micron].
    loss, loss_scatter
        :math:`\mu` and :math:`s` of the Moyal distribution [eV/micron].
    pair_energy
        :math:`w`, energy that frees one electron [eV].
    secondaries
        Part of the particles that were set free in the shield by others, and lose half as much:
        :math:`1 - e^{-s / \lambda}` for a shield of thickness s and a mean free path :math:`\lambda`.
    shortest, longest
        Range of :math:`\ell` [micron].
    search, significance
        How `correct` looks for hits: in ramps by ``"likelihood"`` or ``"two_point"`` (`obverse.find_jumps`), and at how
        many sigma; 0 is the search's own limit. In single reads of an electron-multiplying register by ``"plateau"``:
        runs of full pixels (`obverse.register.plateaus.find_plateaus`), by what the detector makes of a full pixel at
        the gain of the frame.
    saturated, plateau, filter, box
        Of the search for plateaus: the part of full well that they reach, and that at which they end; pixels flagged
        behind the head, and on each side of it, in rows too.
    crowded
        Part of full pixels from which such a frame is not searched, but DO_NOT_USE as a whole, with a warning.

    Notes
    -----
    Limits: no delta rays, no diffusion; snowballs and showers are effects of their own. In the image
    of a single read no ramp tells a hit from a star: `correct` needs a ramp, or plateaus, which only hits that fill the
    register make (what trails behind them is of `register_trail`). At gains that fill no register they stay in
    single frames; stacks of darks tell them by their rarity (`obverse.darks`).
    The defaults are empirical, those of the simulator romanisim 0.15; of loss and pair energy only the ratio,
    240 electrons a micron, matters.
    Reference: Robberto 2009, JWST-STScI-001928 (rates); Miles et al. 2021, ApJ 918, 86 (lengths, from HST CCDs);
    false alarms of the likelihood search under 2e-4 a ramp of single reads: Brandt 2024, PASP 136, 045005;
    of averaged reads up to 4e-4, and of the two-point search more (`obverse.find_jumps`).

    Examples
    --------
    >>> from obverse.seeds import Address, Stream
    >>> from obverse import Exposure, Geometry, Moment
    >>> at = Moment(
    ...     Exposure("a", 100.0), Geometry((64, 64)), interval=(0.0, 100.0), rng=Stream(Address(1, "cosmic_rays", "a"))
    ... )
    >>> hit = CosmicRays().imprint(np.zeros((64, 64), "f4"), at)
    >>> int((hit > 0).sum())
    6
    """

    name = "cosmic_rays"
    contracts = (Flags(Flag.JUMP_DET, false_alarms=2e-4),)

    flux: float = param("particles through the detector", default=8.0, unit="1/(cm2 s)", minimum=0.0, shape="scalar")
    pixel_pitch: float = param("size of a pixel", default=10.0, unit="micron", above=0.0, shape="scalar")
    thickness: float = param("thickness of the sensitive layer", default=5.0, unit="micron", above=0.0, shape="scalar")
    loss: float = param("typical energy loss", default=120.0, unit="eV/micron", above=0.0, shape="scalar")
    loss_scatter: float = param(
        "width of the loss distribution", default=50.0, unit="eV/micron", above=0.0, shape="scalar"
    )
    pair_energy: float = param("energy that frees one electron", default=0.5, unit="eV", above=0.0, shape="scalar")
    secondaries: float = param(
        "part of them that the shield set free", default=0.0, minimum=0.0, maximum=1.0, shape="scalar"
    )
    shortest: float = param("shortest track", default=10.0, unit="micron", above=0.0, shape="scalar")
    longest: float = param("longest track", default=2000.0, unit="micron", above=0.0, shape="scalar")
    search: str = param(
        "jump search, or plateaus", default="likelihood", shape="text", choices=("likelihood", "two_point", "plateau")
    )
    significance: float = param("its limit, 0 for its own", default=0.0, unit="sigma", minimum=0.0, shape="scalar")
    box: int = param("pixels flagged around the head of a plateau", default=0, minimum=0, shape="whole")
    site: str = site("charge")

    @property
    def halo(self) -> int:  # type: ignore[override] # of this search, not of all
        """Rows on each side that the search needs: of plateaus all, because they may be too many for the frame."""
        return WHOLE if self.search == "plateau" else 0

    @property
    def mean_length(self) -> float:
        r"""Mean of :math:`\ell` [micron], from one end of its range to the other."""
        k = _INDEX - 1.0
        low, high = self.shortest, self.longest
        return k / (k - 1.0) * (low ** (1.0 - k) - high ** (1.0 - k)) / (low**-k - high**-k)

    def events(self, at: Moment) -> Fallen:
        """Draw the tracks that fall on the sensor in the interval."""
        shape, random = at.geometry.shape, at.rng.scalars()
        area = shape[0] * shape[1] * (self.pixel_pitch * 1e-4) ** 2
        n = random.poisson(self.flux * area * at.seconds)
        start = random.uniform(0.0, shape, (n, 2))
        length = self._lengths(random.uniform(size=n))
        angle = random.uniform(0.0, 2.0 * np.pi, n)
        electrons = self._losses(random, n) * np.hypot(length, self.thickness) / self.pair_energy
        step = (length / self.pixel_pitch)[:, None] * np.stack([np.sin(angle), np.cos(angle)], axis=1)
        state = random.integers(0, 2**64, 4, np.uint64)
        if self.secondaries:  # drawn last: without them all other numbers are as they were
            electrons = np.where(random.uniform(size=n) < self.secondaries, 0.5 * electrons, electrons)
        return Fallen.of(shape[1], [tracks(start, step, electrons, shape[0], shape[1], state)])

    def correct(self, frame: Frame, at: Moment) -> Frame:
        """Flag JUMP_DET on the first read after a hit, by the jump search of the ramp fit, or on plateaus."""
        if self.search == "plateau":
            return self.flag_plateaus(frame, at, box=self.box)
        if "resultant" not in frame.axes or frame.exposure.pattern is None:
            raise UsageError("cosmic_rays: hits are found in ramps; this frame has no resultants")
        from obverse.ramps import find_jumps

        pattern, noise = frame.exposure.pattern, at.read_noise
        # one thread: the tile runner owns the threads
        known: dict[str, Any] = {"gain": 1.0, "read_noise": noise, "flags": frame.flags}
        if "dark_rate" in frame.companions:  # its electrons were subtracted, their noise was not
            known["dark_rate"] = frame.companions["dark_rate"].data
        found = find_jumps(frame.data, pattern, method=self.search, sigma=self.significance or None, threads=1, **known)
        return frame.replace(flags=found)

    def _lengths(self, u: NDArray[np.float64]) -> NDArray[np.float64]:
        """Draw lengths [micron] from a power law between `shortest` and `longest`."""
        p = 1.0 - _INDEX
        low, high = self.shortest**p, self.longest**p
        lengths: NDArray[np.float64] = (low + u * (high - low)) ** (1.0 / p)
        return lengths

    def _losses(self, random: np.random.Generator, n: int) -> NDArray[np.float64]:
        """Draw energy losses [eV/micron]: a Moyal variate is minus the log of a squared normal."""
        moyal = -np.log(random.standard_normal(n) ** 2)
        return np.clip(self.loss + self.loss_scatter * moyal, 10.0, 1e4)
