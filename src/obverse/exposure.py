"""What an observer sets before the shutter opens."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from obverse.errors import UsageError
from obverse.pattern import ReadPattern
from obverse.quantities import plain

__all__ = ["Exposure"]


@dataclass(frozen=True)
class Exposure:
    """One exposure: its name, how long, in which pattern, and what it is for.

    Parameters
    ----------
    id
        Name of the exposure; it addresses the random streams of a simulation and names products.
    exposure_time
        Time during which light falls on the detector [s]; a ramp may leave it out, its pattern says it.
    em_gain
        Commanded gain of the electron-multiplying register.
    em_gain_actual
        The gain that the register had, where it was measured or is calibrated.
    k_gain
        Gain of the last amplifier behind that register [electron/DN], where it is known.
    kind
        ``"science"``, ``"bias"``, ``"dark"``, ``"flat"`` ...
    start
        Start of the exposure, UTC in ISO format.
    pattern
        Read pattern of an up-the-ramp exposure.
    integrations
        Number of ramps in the exposure, with a reset before each.
    filter, detector
        Names, as the observatory writes them.
    mode
        Read-out mode, where a detector has several: which part of the sensor is read, and by which amplifier.

    Raises
    ------
    UsageError
        If the exposure time is negative or not a number, or fewer than one integration is asked for.

    Examples
    --------
    >>> Exposure("b21", 0.0, kind="bias").kind
    'bias'
    >>> Exposure("ramp1", pattern=ReadPattern.even(5, frame_time=10.0)).exposure_time
    50.0
    """

    id: str = "exposure"
    exposure_time: float | None = None
    em_gain: float = 1.0
    em_gain_actual: float | None = field(default=None, kw_only=True)
    k_gain: float | None = None
    kind: str = "science"
    start: str | None = None
    pattern: ReadPattern | None = None
    integrations: int = 1
    filter: str | None = None
    detector: str | None = None
    mode: str | None = None

    def __post_init__(self) -> None:
        if self.exposure_time is None and self.pattern is not None:
            object.__setattr__(self, "exposure_time", self.pattern.times[-1][-1])
        object.__setattr__(
            self, "exposure_time", plain(f"Exposure {self.id!r}: exposure_time", self.exposure_time, "s")
        )
        time = self.exposure_time
        if time is not None and not (np.isfinite(time) and time >= 0):
            raise UsageError(f"Exposure {self.id!r}: exposure_time is {time}, it must be zero or more seconds")
        if self.integrations < 1:
            raise UsageError(f"Exposure {self.id!r}: integrations is {self.integrations}, it must be 1 or more")

    @property
    def applied_em_gain(self) -> float:
        """The gain that electrons met in the register: the actual one where it is known, else the commanded one."""
        return self.em_gain if self.em_gain_actual is None else self.em_gain_actual

    @property
    def seconds(self) -> float:
        """The exposure time [s]; raises where nobody has said it."""
        if self.exposure_time is None:
            raise UsageError(
                f"Exposure {self.id!r} has no exposure_time: give it one (--time SECONDS), or a read pattern"
            )
        return self.exposure_time
