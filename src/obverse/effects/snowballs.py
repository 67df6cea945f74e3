"""Snowballs: large round events with a saturated core, of which a jump search sees only the bright part."""

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

__all__ = ["Snowballs"]


@dataclass(frozen=True, eq=False, kw_only=True)
class Snowballs(Events):
    r"""Round clouds of charge that fill a core of pixels and fade outwards.

    .. math::

        N \sim \mathrm{Poisson}(\Phi A \Delta t), \quad
        R \sim \mathrm{U}(R_1, R_2), \quad
        q(r) \sim \mathrm{Poisson}\left(Q \min\left[1, (R/r)^\alpha\right]\right)

    :math:`R` is the radius of a core, :math:`r` the distance of a pixel from the centre. Back: `expand_large_events`
    grows the flags of the jump search and of saturation. It takes its parameters from here.

    Parameters
    ----------
    flux
        :math:`\Phi` [1/(cm2 s)].
    pixel_pitch
        Size of a pixel [micron].
    smallest, largest
        :math:`R_1` and :math:`R_2` [micron].
    core_charge
        :math:`Q`, what a pixel of the core gets; above full well it saturates [electron].
    fall
        :math:`\alpha`, how steeply the charge falls outside the core.
    jump_area, core_area
        Smallest region of jumps, holes included, and of new saturation that makes a snowball [pixel].
    growth
        The minor axis of a region of jumps is multiplied by it, and the major axis lengthened by as much.
    core_width
        Saturated cores with a longer minor axis are grown [pixel].
    core_growth
        Added to both axes of such a core [pixel].
    widest
        Longest axis of anything grown [pixel].
    edge
        Nearer to an edge than this, regions of jumps need no core: it may lie outside [pixel].
    persistence
        Time of the next integration in which the core is left out [s].

    Notes
    -----
    It grows what earlier steps have flagged and stands behind `cosmic_rays`; where that has not been undone, it
    searches jumps itself. The defaults of the search are those of the JWST pipeline for near-infrared detectors:
    `min_jump_area` 5, `min_sat_area` 1, `expand_factor` 2.0, `min_sat_radius_extend` 2.5, `sat_expand` 2 on each side,
    `edge_size` 25, 4000 s. Those of Roman (romancal) are `jump_area` 6, `growth` 1.9, `core_width` 0.5, `edge` 0,
    `persistence` 0.

    Contract: false alarms are ramps that are flagged and got no electron. On a sensor of 96 x 64 pixels so crowded that
    half of its ramps are struck they are 1.7e-3, for most of it is near an edge; with `edge` 0 as many as the jump
    search has alone, 1e-4. In 1024 x 1024 pixels of NIRCam without snowballs one element in 1e7 is flagged.

    Limits: only the rate and the order of the size are published; the shape is a simple one, cut off where a pixel gets
    less than half an electron. All charge arrives at once: what is released slowly is not simulated.
    Reference: one in 20 s on each detector of 2048 x 2048 pixels of 18 micron, and hundreds of pixels each: JWST User
    Documentation, Shower and Snowball Artifacts; Regan 2023, JWST-STScI-008545.

    Examples
    --------
    >>> from obverse.seeds import Address, Stream
    >>> from obverse import Exposure, Geometry, Moment
    >>> stream = Stream(Address(4, "snowballs", "a"))
    >>> at = Moment(Exposure("a", 100.0), Geometry((512, 512)), interval=(0.0, 100.0), rng=stream)
    >>> hit = Snowballs().imprint(np.zeros((512, 512), "f4"), at)
    >>> int((hit > 1e5).sum()), int((hit > 100).sum()), int((hit > 10).sum())
    (37, 1223, 3725)
    """

    name = "snowballs"
    contracts = (Flags(Flag.JUMP_DET | Flag.SATURATED, false_alarms=3e-3),)
    halo = WHOLE

    flux: float = param("snowballs on the detector", default=0.0037, unit="1/(cm2 s)", minimum=0.0, shape="scalar")
    pixel_pitch: float = param("size of a pixel", default=18.0, unit="micron", above=0.0, shape="scalar")
    smallest: float = param("radius of the smallest core", default=10.0, unit="micron", above=0.0, shape="scalar")
    largest: float = param("radius of the largest core", default=60.0, unit="micron", above=0.0, shape="scalar")
    core_charge: float = param("charge of a core's pixel", default=2e5, unit="electron", minimum=1.0, shape="scalar")
    fall: float = param("power with which the halo falls", default=4.0, above=2.0, maximum=20.0, shape="scalar")
    jump_area: float = param("smallest region of jumps", default=5.0, unit="pixel", minimum=0.0, shape="scalar")
    core_area: float = param("smallest saturated core", default=1.0, unit="pixel", minimum=0.0, shape="scalar")
    growth: float = param("factor by which a region of jumps grows", default=2.0, minimum=0.0, shape="scalar")
    core_width: float = param("width from which a core grows", default=2.5, unit="pixel", minimum=0.0, shape="scalar")
    core_growth: float = param("by how much it grows", default=4.0, unit="pixel", minimum=0.0, shape="scalar")
    widest: float = param("longest axis of anything grown", default=200.0, unit="pixel", minimum=0.0, shape="scalar")
    edge: float = param("border in which no core is needed", default=25.0, unit="pixel", minimum=0.0, shape="scalar")
    persistence: float = param("how long a core stays flagged", default=4e3, unit="s", minimum=0.0, shape="scalar")
    site: str = site("charge")

    def events(self, at: Moment) -> Fallen:
        """Draw the snowballs that fall in the interval."""
        shape = at.geometry.shape
        return Fallen.of(shape[1], self._clouds(shape, at.rng.scalars(), at.seconds))

    def _clouds(self, shape: tuple[int, int], random: np.random.Generator, seconds: float) -> Iterator[Any]:
        reach = (self.core_charge / FAINTEST) ** (1.0 / self.fall)  # in radii of the core
        margin = reach * max(self.smallest, self.largest) / self.pixel_pitch
        for centre in centres(random, shape, self.flux * seconds, self.pixel_pitch, margin):
            core = (self.smallest + random.uniform() * (self.largest - self.smallest)) / self.pixel_pitch
            yield cloud(shape, centre, reach * core, partial(self._mean, core), random)

    def correct(self, frame: Frame, at: Moment) -> Frame:
        """Grow the flags JUMP_DET and SATURATED over what snowballs reach, in ramps [electron]."""
        from obverse.ramps.large_events import expand_large_events

        flags, pattern = searched(self.name, frame, at)
        return frame.replace(flags=expand_large_events(flags, pattern, self))

    def _mean(self, core: float, down: Any, right: Any) -> NDArray[np.float64]:
        """Return the mean charge around a core of that radius, at distances from its centre [pixel]."""
        mean: NDArray[np.float64] = self.core_charge * np.maximum(np.hypot(down, right) / core, 1.0) ** -self.fall
        return mean
