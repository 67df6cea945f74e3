"""Saturation: a full pixel holds no more."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from obverse.contract import Flags
from obverse.effects._effect import Effect, site
from obverse.effects._hidden_saturation import hidden, reach
from obverse.effects._neighbours import grown, until_the_end
from obverse.errors import UsageError
from obverse.flags import Flag
from obverse.frame import Frame
from obverse.moment import Moment
from obverse.params import param
from obverse.scaling import add_pixel_flag

__all__ = ["Saturation"]


@dataclass(frozen=True, eq=False, kw_only=True)
class Saturation(Effect):
    r"""Charge above the full well is lost; reads near it are flagged, and all later reads with them.

    .. math:: q' = \min(q, W), \qquad \text{flag where } (r - r_0)\, t_{last}/\bar t \geq (1 - m)\,(r_W - r_0)

    :math:`r_W` and :math:`r_0` are the raw values to which a full and an empty pixel respond through the rest
    of the chain: flags are set on raw values, before anything is undone. A resultant that averages reads is
    judged by where its last read would lie on a straight ramp (:math:`t_{last}/\bar t`).

    Parameters
    ----------
    full_well
        :math:`W`, a scalar, one an amplifier, or a map (row, column) [electron]. Where a map says NaN nothing is
        known: the pixel is never full, and NO_SAT_CHECK tells so. That pixel flag of a frame is heeded alike.
    margin
        :math:`m`, the fraction below full well from which on a read is flagged. It must cover the noise and
        what a saturated pixel loses to its neighbours (interpixel capacitance).
    grow
        Pixels on each side of a saturated one that are flagged with it: a box of :math:`(2n + 1)^2`.
    judged_by
        What tells that the last reads of a resultant were full. ``"last_read"``: the straight ramp, and it is
        SATURATED. ``"next_resultant"``, the rule of the missions: its own mean makes it SATURATED; DO_NOT_USE if the
        straight ramp says full and the next resultant is saturated, or if a particle must have filled the pixel within
        the second.

    Notes
    -----
    Limits: the charge above full well is lost here, not spread (bleeding is an effect of its own). False alarms
    are the pixels that truly lie in the margin, the box that `grow` asks for, and, judged by ``"last_read"``, averaged
    resultants behind a jump, which are taken for a steep straight ramp. Numbers at the floor of the
    converter are flagged by `adc`, which made them. A companion ``zero_frame`` is 0 and SATURATED where it is full.
    Reference: STScI, JWST pipeline documentation, step `saturation` (flags that stay to the end of the ramp).

    Examples
    --------
    >>> from obverse import Exposure, Geometry, Moment
    >>> at = Moment(Exposure("a", 1.0), Geometry((1, 3)))
    >>> Saturation(full_well=100.0).imprint(np.array([[50.0, 100.0, 900.0]], "f4"), at)
    array([[ 50., 100., 100.]], dtype=float32)
    """

    name = "saturation"
    contracts = (Flags(Flag.SATURATED),)
    pointwise = True

    full_well: float | NDArray[np.float64] = param("charge that a pixel can hold", unit="electron", above=0.0)
    margin: float = param(
        "fraction below full well that is flagged", default=0.02, minimum=0.0, maximum=0.5, shape="scalar"
    )
    grow: int = param("pixels around that are flagged too", default=0, minimum=0, maximum=16, shape="whole")
    judged_by: str = param(
        "what tells that the last reads of a mean were full",
        default="last_read",
        shape="text",
        choices=("last_read", "next_resultant"),
    )
    site: str = site("pixel")

    @property
    def halo(self) -> int:  # type: ignore[override] # of this growth, not of all
        """Rows on each side that the flags come from: a grown mean may lean on a grown next resultant."""
        return 2 * self.grow

    def imprint(self, charge: NDArray[Any], at: Moment) -> NDArray[Any]:
        """Clip the charge (row, column) [electron] at full well, where that is known."""
        well = at.plane(self.full_well)
        return np.minimum(charge, np.where(np.isnan(well), np.float32(np.inf), well))

    def correct(self, frame: Frame, at: Moment) -> Frame:
        """Flag SATURATED from the first read near full well to the end of the ramp."""
        if self.grow and "amplifier" in frame.axes:
            raise UsageError(
                "saturation.grow: in read-out order amplifiers have no neighbours: put it behind 'assemble'"
            )
        empty, full = self._levels(frame, at)
        height = frame.data - empty
        seen = height * reach(frame) if self.judged_by == "last_read" else height
        saturated = until_the_end((seen >= full) & _is_pixel(full), frame.axes)
        if frame.flags is not None:  # the converter may end below full well: `adc` has said so
            saturated = saturated | ((frame.flags & np.uint8(Flag.SATURATED)) != 0)
        saturated = grown(saturated, self.grow)
        done = frame.flagged(saturated, Flag.SATURATED)
        if self.judged_by == "next_resultant":
            done = done.flagged(hidden(frame, height, full, saturated, self.grow), Flag.DO_NOT_USE)
        return self._unchecked(self._with_zero_frame(done, empty, full), at)

    def _levels(self, frame: Frame, at: Moment) -> tuple[NDArray[Any], NDArray[Any]]:
        """Return the value of an empty pixel, and how far above it a read counts as full [unit of the frame]."""
        if frame.unit != "DN" or at.respond is None:
            empty, top = np.zeros((), np.float32), at.plane(self.full_well)
        else:
            empty, top = at.respond(0.0), at.respond(self._known_well)
            top = np.where(np.isnan(at.plane(self.full_well)), np.float32(np.nan), top)
        full = (1.0 - np.float32(self.margin)) * (top - empty)
        if frame.pixel_flags is not None:
            full = np.where((frame.pixel_flags & np.uint32(Flag.NO_SAT_CHECK)) != 0, np.float32(np.nan), full)
        return empty, full

    @cached_property
    def _known_well(self) -> Any:
        """Full well without holes: one NaN would spread over its neighbours on the way through the chain."""
        holes = np.isnan(self.full_well)
        return np.where(holes, np.nanmax(self.full_well), self.full_well) if holes.any() else self.full_well

    def _with_zero_frame(self, frame: Frame, empty: Any, full: Any) -> Frame:
        zero = frame.companions.get("zero_frame")
        if zero is None:
            return frame
        bad = grown((zero.data - empty >= full) & _is_pixel(full), self.grow)
        cleared = zero.replace(data=np.where(bad, zero.data.dtype.type(0), zero.data)).flagged(bad, Flag.SATURATED)
        return frame.replace(companions={**frame.companions, "zero_frame": cleared})

    def _unchecked(self, frame: Frame, at: Moment) -> Frame:
        holes = np.isnan(self.full_well)
        if not holes.any() or "amplifier" in frame.axes:  # what is raw and has scans has no pixel flags yet
            return frame
        return add_pixel_flag(frame, np.isnan(at.plane(self.full_well)), Flag.NO_SAT_CHECK)


def _is_pixel(full: NDArray[Any]) -> NDArray[np.bool_]:
    """Tell pixels from scans, behind whose numbers no pixel lies: full wells move these by a trail at most."""
    return np.asarray(full > 0.1 * np.nanmax(full, initial=0.0))
