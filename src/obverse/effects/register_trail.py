"""Trails: a full register leaves charge in the pixels clocked behind it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from obverse.contract import Flags
from obverse.dark_pixels import in_read_order
from obverse.effects._effect import WHOLE, site
from obverse.effects._plateaus import Plateaus
from obverse.errors import UsageError
from obverse.flags import Flag
from obverse.frame import Frame
from obverse.kernels.register_trail import add_trails
from obverse.moment import Moment
from obverse.params import param

__all__ = ["RegisterTrail"]


@dataclass(frozen=True, eq=False, kw_only=True)
class RegisterTrail(Plateaus):
    r"""Behind a plateau of full pixels of the electron-multiplying register, charge falls exponentially.

    .. math::

        y'_{j+k} = \min(y_{j+k} + f W d^k,\ W), \quad d^n = \frac{y_{min}}{f W}, \qquad
        k = 1 \dots n, \quad n = \mathrm{round}(\ell g)

    Pixel :math:`j` is the last of the plateau. The trail goes on in the next row, in the order in which pixels are
    clocked. `correct` flags JUMP_DET from the second pixel of each plateau to n pixels behind its end; `cosmic_rays`
    flags the head.

    Parameters
    ----------
    length
        :math:`\ell`, pixels of the trail for each unit of the gain :math:`g` of the register.
    fraction
        :math:`f`, where it starts, as a part of full well.
    full_well
        :math:`W`, what the register holds [electron behind it].
    faintest
        :math:`y_{min}`, where it ends [electron behind the register].
    saturated, plateau, filter, crowded
        The search (`obverse.register.plateaus.find_plateaus`), and the part of full pixels from which a frame is bad.

    Notes
    -----
    Limits: `fraction` is a round number, no measurement: make it fit your detector before you trust the brightness of
    simulated trails. The trail ends at `faintest`: what is fainter is neither made nor flagged. A lone full pixel, or
    half of `filter` in turn, is taken for a hot one and leaves none. In a plateau of two pixels the trail is
    flagged one pixel too far. Images in electrons are judged by `full_well`, those in DN by what the detector makes
    of a full pixel: put it before `level_nonlinearity` in the recipe.
    Reference: corgidrp 5.1, detection of cosmic rays (40 pixels at a gain of 1000, full well of 105 000 electrons).

    Examples
    --------
    >>> from obverse import Exposure, Geometry, Moment
    >>> at = Moment(Exposure("a", 1.0, em_gain=100.0), Geometry((1, 8)))
    >>> row = np.array([[0.0, 8000.0, 8000.0, 0.0, 0.0, 0.0, 0.0, 0.0]], "f4")
    >>> RegisterTrail(full_well=8000.0, fraction=0.5, faintest=250.0).imprint(row, at)
    array([[   0., 8000., 8000., 2000., 1000.,  500.,  250.,    0.]], dtype=float32)
    """

    name = "register_trail"
    contracts = (Flags(Flag.JUMP_DET, false_alarms=0.05),)
    halo = WHOLE
    in_electrons = True

    length: float = param(
        "pixels of a trail for each unit of gain", default=0.04, unit="pixel", minimum=0.0, shape="scalar"
    )
    fraction: float = param(
        "where it starts, as a part of full well", default=0.2, above=0.0, maximum=0.8, shape="scalar"
    )
    full_well: float = param("what the register holds", default=105000.0, unit="electron", above=0.0, shape="scalar")
    faintest: float = param("where a trail ends", default=165.0, unit="electron", above=0.0, shape="scalar")
    site: str = site("transfer")

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.faintest >= self.fraction * self.full_well:
            raise UsageError(
                f"register_trail: a trail from {self.fraction * self.full_well:g} electron cannot end at faintest = "
                f"{self.faintest:g}"
            )

    def pixels(self, at: Moment) -> int:
        """Return the number of pixels of a trail at the gain of this exposure."""
        return round(self.length * at.exposure.applied_em_gain)

    def imprint(self, charge: NDArray[Any], at: Moment) -> NDArray[Any]:
        """Add the trails to (row, column) or (amplifier, row, column) [electron behind the register]."""
        trailed, n = np.array(charge, np.float32), self.pixels(at)
        start, least = self.fraction * self.full_well, (self.filter + 2) // 2
        for image in in_read_order(trailed, at.geometry, at.layout) if n else ():
            add_trails(image, self.full_well, least, start, (self.faintest / start) ** (1.0 / n), n)
        return trailed

    def correct(self, frame: Frame, at: Moment) -> Frame:
        """Flag JUMP_DET behind plateaus; without gain there are no trails."""
        n = self.pixels(at)
        return self.flag_plateaus(frame, at, behind=1, tail=n, spill=True) if n else frame

    def height(self, frame: Frame, at: Moment) -> tuple[NDArray[Any], NDArray[Any]]:
        """Return how far pixels stand above empty ones, and full ones [unit of the frame]."""
        if frame.unit == "electron":
            return frame.data, np.array(self.full_well, np.float32)
        return super().height(frame, at)
