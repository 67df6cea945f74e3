"""What earlier exposures left behind: how full each pixel was, and when."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np
from numpy.typing import ArrayLike, NDArray

from obverse.errors import UsageError
from obverse.exposure import Exposure

__all__ = ["History", "utc_seconds"]


@dataclass(frozen=True, eq=False)
class History:
    """A list of pixels that held charge before: sparse, since few of them are remembered for long.

    Parameters
    ----------
    shape
        Rows and columns of the sensor.
    charge
        What the pixel held at last, (entry,) [electron].
    emptied
        When it was reset, (entry,) [s of UTC since 1970].
    pixel
        Which one, counted along the rows from (0, 0), (entry,). A pixel may stand there more than once; entries are
        put in the order of the pixels.

    Examples
    --------
    >>> before = History.of(np.array([[0.0, 5e4], [9e4, 0.0]]), "2027-05-01T00:00:00")
    >>> len(before), before.pixel.tolist()
    (2, [1, 2])
    """

    shape: tuple[int, int]
    charge: NDArray[np.float64]
    emptied: NDArray[np.float64]
    pixel: NDArray[np.intp]

    def __post_init__(self) -> None:
        if (np.diff(self.pixel) < 0).any():  # in order, a strip of rows is a slice
            order = np.argsort(self.pixel, kind="stable")
            for name in ("charge", "emptied", "pixel"):
                object.__setattr__(self, name, getattr(self, name)[order])

    @classmethod
    def of(cls, charge: ArrayLike, emptied: str | float) -> History:
        """Make the history of one exposure from its charges (row, column) [electron], reset at one time."""
        plane = np.asarray(charge, np.float64)
        if plane.ndim != 2 or not np.isfinite(plane).all():
            raise UsageError(f"History: charge has shape {plane.shape}, it must be finite numbers (row, column)")
        pixel = np.flatnonzero(plane > 0)
        seconds = utc_seconds(emptied) if isinstance(emptied, str) else float(emptied)
        return cls((plane.shape[0], plane.shape[1]), plane.ravel()[pixel], np.full(pixel.size, seconds), pixel)

    def then(self, later: History) -> History:
        """Return both histories as one."""
        if later.shape != self.shape:
            raise UsageError(f"History: sensors of {self.shape} and {later.shape} pixels (row, column) are not one")
        pairs = ((self.charge, later.charge), (self.emptied, later.emptied), (self.pixel, later.pixel))
        return History(self.shape, *(np.concatenate(pair) for pair in pairs))  # type: ignore[arg-type]

    def only(self, keep: NDArray[np.bool_]) -> History:
        """Return the entries where `keep` (entry,) is true."""
        return History(self.shape, self.charge[keep], self.emptied[keep], self.pixel[keep])

    def of_rows(self, rows: slice) -> History:
        """Return the entries of some rows, as those of a sensor that has no others."""
        start, stop, _ = rows.indices(self.shape[0])
        columns = self.shape[1]
        part = slice(*np.searchsorted(self.pixel, (start * columns, stop * columns)))
        return History(
            (stop - start, columns), self.charge[part], self.emptied[part], self.pixel[part] - start * columns
        )

    def ages(self, exposure: Exposure) -> NDArray[np.float64]:
        """Return how long before the start of an exposure each pixel was emptied, (entry,) [s]."""
        if exposure.start is None:
            raise UsageError(f"Exposure {exposure.id!r} has no start: what came before it needs one (UTC, ISO format)")
        ages = utc_seconds(exposure.start) - self.emptied
        if (ages <= 0).any():
            raise UsageError(
                f"Exposure {exposure.id!r} starts {-ages.min():g} s before the end of one that its history holds: "
                "give it a later start, or an earlier history"
            )
        return ages

    def image(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the sum over each pixel's entries of `values` (entry,), as (row, column)."""
        size = self.shape[0] * self.shape[1]
        return np.asarray(np.bincount(self.pixel, values, size), np.float64).reshape(self.shape)

    def digest(self) -> str:
        """Hash of the entries and of the size of the sensor, equal for equal histories."""
        state = hashlib.sha256(repr(self.shape).encode())
        for entries, kind in ((self.charge, "<f8"), (self.emptied, "<f8"), (self.pixel, "<i8")):
            state.update(np.ascontiguousarray(entries, kind).tobytes())
        return state.hexdigest()

    def __eq__(self, other: object) -> bool:
        return self.digest() == other.digest() if isinstance(other, History) else NotImplemented

    def __hash__(self) -> int:
        return hash(self.digest())

    def __len__(self) -> int:
        return self.charge.size


def utc_seconds(text: str) -> float:
    """Return the seconds since 1970 of a UTC time in ISO format.

    Examples
    --------
    >>> utc_seconds("1970-01-02T00:00:00.5")
    86400.5
    """
    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        raise UsageError(f"{text!r} is no time in ISO format, such as '2027-05-01T12:00:00'") from None
    return (time if time.tzinfo else time.replace(tzinfo=UTC)).timestamp()
