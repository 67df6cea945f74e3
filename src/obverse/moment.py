"""The moment at which an effect acts: all that it may know besides the pixels."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from obverse.errors import UsageError
from obverse.exposure import Exposure
from obverse.frame import Frame
from obverse.geometry import Geometry
from obverse.history import History
from obverse.seeds import SILENT, Silence, Stream

__all__ = ["Moment"]


@dataclass(frozen=True)
class Moment:
    """When, where and with which random numbers an effect acts.

    Parameters
    ----------
    exposure
        Exposure time, gain, pattern.
    geometry
        Where the amplifiers are.
    layout
        Layout of the pixels in hand: ``"sensor"`` or ``"clocked"``.
    interval
        Start and end of the time that this call covers, since the reset [s].
    times
        When the pixels in hand were read since the reset: one time, or those of the reads that they are the mean of
        [s].
    rng
        This effect's own random stream.
    history
        What earlier exposures left behind, an `obverse.history.History`.
    reference
        The read that is subtracted on board, in the layout and at the rows in hand [DN]; only when digitising.
    integration
        Which ramp of the exposure is simulated, counted from 0: its reset comes that many exposure times later.
    rows
        Rows of the layout that are in hand, where they are not all.
    respond
        The raw value that an electron charge ends as, at the rows in hand; only when calibrating.
    read_noise
        Noise of a single read, at the rows in hand [electron]; only when calibrating.
    excess
        What multiplication in a register makes of the variance of the electrons that entered it; only when calibrating.
    threads
        Worker threads that a step may start, None for one a processor: those of the recipe for a step that has the
        whole frame, else 1, because the tiles run in parallel.
    """

    exposure: Exposure
    geometry: Geometry
    layout: str = "sensor"
    interval: tuple[float, float] = (0.0, 0.0)
    times: tuple[float, ...] = ()
    rng: Stream | Silence = SILENT
    history: History | None = None
    reference: NDArray[Any] | None = None
    integration: int = 0
    rows: slice = field(default_factory=lambda: slice(None))
    respond: Callable[[ArrayLike], NDArray[Any]] | None = None
    read_noise: Any = 0.0
    excess: float = 1.0
    threads: int | None = 1

    @classmethod
    def of(cls, frame: Frame, geometry: Geometry | None = None) -> Moment:
        """Return the moment of a whole frame, for one correction on its own; one amplifier where nobody says more.

        Examples
        --------
        >>> from obverse import Frame
        >>> Moment.of(Frame(np.zeros((4, 6)), "DN")).geometry.shape
        (4, 6)
        """
        rows, columns = frame.shape[-2:]
        layout = "clocked" if "amplifier" in frame.axes else "sensor"
        end = frame.exposure.exposure_time or 0.0
        return cls(frame.exposure, geometry or Geometry((rows, columns)), layout, (0.0, end))

    @property
    def seconds(self) -> float:
        """Length of the interval [s]."""
        return self.interval[1] - self.interval[0]

    @property
    def reads(self) -> int:
        """How many reads the pixels in hand are the mean of: noise that is new in each read averages."""
        return max(len(self.times), 1)

    def replace(self, **changes: Any) -> Moment:
        """Return a moment with some fields changed."""
        return replace(self, **changes)

    def plane(self, value: ArrayLike) -> NDArray[np.float32]:
        """Spread a parameter over the pixels in hand.

        Parameters
        ----------
        value
            A scalar, one value an amplifier (amplifier,), or a map in sensor or file layout (row, column).

        Returns
        -------
        ndarray
            Something that broadcasts against (row, column) or (amplifier, row, column), float32.

        Raises
        ------
        UsageError
            If the number of values or the shape of the map does not fit the geometry.

        Examples
        --------
        >>> at = Moment(Exposure("a", 1.0), Geometry((2, 2)), layout="clocked")
        >>> at.plane([7.0]).shape
        (1, 1, 1)
        """
        number = np.asarray(value)
        if number.ndim >= 2 and self.layout == "sensor" and number.shape[-2:] == self.geometry.shape:
            return np.asarray(number[..., self.rows, :], np.float32)  # cut first: a tile pays for its own rows only
        number = number.astype(np.float32, copy=False)
        if number.ndim == 0:
            return number
        return self._per_amplifier(number) if number.ndim == 1 else self._map(number)

    def _per_amplifier(self, values: NDArray[np.float32]) -> NDArray[np.float32]:
        n = len(self.geometry.amplifiers)
        if values.size not in (1, n):
            raise UsageError(f"{values.size} values given, this detector has {n} amplifiers")
        if self.layout == "clocked" or values.size == 1:
            return values[:, None, None] if self.layout == "clocked" else values.reshape(())
        return values[self.geometry.amplifier_map[self.rows]]

    def _padded(self, values: NDArray[np.float32]) -> NDArray[np.float32]:
        """Bring a sensor map into read-out order; prescan and overscan get the mean of their amplifier, not zero."""
        clocked = self.geometry.pad(values)
        rows, columns = self.geometry.image_rows, self.geometry.image_columns
        mean = np.nanmean(clocked[..., rows, columns], axis=(-2, -1), keepdims=True)
        clocked[..., : columns.start] = mean
        clocked[..., columns.stop :] = mean
        clocked[..., rows.stop :, :] = mean
        return clocked

    def _map(self, values: NDArray[np.float32]) -> NDArray[np.float32]:
        geometry = self.geometry
        if values.shape[-2:] == geometry.shape and geometry.by_rows:
            here = values[..., geometry.clocked_rows(self.rows), :]  # cut first: a strip pays for its own rows only
            return geometry.strip(here.shape[-2]).pad(here)
        if values.shape[-2:] == geometry.shape:
            return self._padded(values)[..., self.rows, :]
        if values.shape[-2:] == geometry.file_shape and self.layout == "clocked":
            return geometry.clock(values)[..., self.rows, :]
        raise UsageError(
            f"a map of {values.shape} fits neither a sensor of {geometry.shape} nor a file of {geometry.file_shape}"
        )
