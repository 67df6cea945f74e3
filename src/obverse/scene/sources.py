"""What shines: where each source is on the image, how bright, and of which shape."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from obverse.errors import UsageError

__all__ = ["AXIS_RATIO", "INDEX", "Sources", "limits", "within"]

INDEX = (0.5, 6.0)
"""Smallest and largest Sersic index."""

AXIS_RATIO = (0.05, 1.0)
"""Smallest and largest ratio of minor to major axis."""

_DEFAULTS = {"radius": 0.0, "index": 1.0, "axis_ratio": 1.0, "angle": 0.0}


@dataclass(frozen=True, eq=False)
class Sources:
    """Stars and Sersic galaxies in pixels of the image that is drawn.

    Parameters
    ----------
    row, column
        Centre (source,) [pixel], from 0; a whole number is the centre of a pixel.
    flux
        (source,) [electron/s], behind the quantum efficiency.
    radius
        Half-light radius (source,) [pixel], the geometric mean of the half-light ellipse's axes; 0 is a star.
    index
        Sersic index (source,), 0.5 to 6.
    axis_ratio
        Minor over major axis (source,), 0.05 to 1.
    angle
        Of the major axis (source,) [radian], from +column towards +row.
    id
        Name or number (source,); None numbers them from 0.

    Raises
    ------
    UsageError
        If lengths differ, or a value is none that a source can have.

    Examples
    --------
    >>> sources = Sources(row=[10.0, 20.5], column=[3.0, 4.0], flux=[100.0, 5.0])
    >>> len(sources), float(sources[sources.flux > 50].row[0])
    (2, 10.0)
    """

    row: NDArray[Any]
    column: NDArray[Any]
    flux: NDArray[Any]
    radius: NDArray[Any] = None  # type: ignore[assignment]
    index: NDArray[Any] = None  # type: ignore[assignment]
    axis_ratio: NDArray[Any] = None  # type: ignore[assignment]
    angle: NDArray[Any] = None  # type: ignore[assignment]
    id: NDArray[Any] = None  # type: ignore[assignment]

    def __post_init__(self) -> None:
        n = np.size(self.row)
        for name in ("row", "column", "flux", *_DEFAULTS):
            self._keep(name, _numbers(name, getattr(self, name), _DEFAULTS.get(name, 0.0), n))
        self._keep("id", np.arange(n) if self.id is None else np.atleast_1d(np.asarray(self.id)))
        for field in fields(self):
            if getattr(self, field.name).shape != (n,):
                raise UsageError(f"sources: {n} rows, but {field.name} has shape {getattr(self, field.name).shape}")
        self._check()

    def _keep(self, name: str, value: NDArray[Any]) -> None:
        value.setflags(write=False)
        object.__setattr__(self, name, value)

    def _check(self) -> None:
        """Refuse what no source is."""
        galaxy = self.radius > 0
        _require("row", self.row, np.isfinite(self.row), "finite")
        _require("column", self.column, np.isfinite(self.column), "finite")
        _require("flux", self.flux, np.isfinite(self.flux) & (self.flux >= 0), "0 or more electron/s")
        _require("radius", self.radius, np.isfinite(self.radius) & (self.radius >= 0), "0 (a star) or more pixels")
        _require("index", self.index, ~galaxy | within(self.index, INDEX), limits(INDEX))
        _require("axis_ratio", self.axis_ratio, ~galaxy | within(self.axis_ratio, AXIS_RATIO), limits(AXIS_RATIO))
        _require("angle", self.angle, ~galaxy | np.isfinite(self.angle), "finite")

    def __len__(self) -> int:
        return int(self.row.size)

    def __getitem__(self, which: Any) -> Sources:
        """Return some of the sources: a mask, numbers or a slice."""
        return Sources(**{field.name: np.atleast_1d(getattr(self, field.name)[which]) for field in fields(self)})

    def moved(self, rows: float = 0.0, columns: float = 0.0) -> Sources:
        """Return them at another pointing.

        Examples
        --------
        >>> float(Sources([1.0], [2.0], [3.0]).moved(0.5).row[0])
        1.5
        """
        return self.replace(row=self.row + rows, column=self.column + columns)

    def replace(self, **changes: Any) -> Sources:
        """Return a copy with some columns changed.

        Examples
        --------
        >>> Sources([1.0], [2.0], [3.0]).replace(flux=[6.0]).flux
        array([6.])
        """
        return Sources(**{field.name: getattr(self, field.name) for field in fields(self)} | changes)


def within(values: NDArray[Any], bounds: tuple[float, float]) -> NDArray[np.bool_]:
    """Whether values lie between two bounds or on them.

    Examples
    --------
    >>> within(np.array([0.4, 0.5, 6.0]), INDEX)
    array([False,  True,  True])
    """
    return (values >= bounds[0]) & (values <= bounds[1])


def limits(bounds: tuple[float, float]) -> str:
    """Return two bounds in words.

    Examples
    --------
    >>> limits(AXIS_RATIO)
    '0.05 to 1'
    """
    return f"{bounds[0]:g} to {bounds[1]:g}"


def _numbers(name: str, value: Any, default: float, n: int) -> NDArray[np.float64]:
    """Return a column as float64 of its own."""
    if value is None:
        return np.full(n, default)
    try:
        return np.array(np.atleast_1d(value), np.float64)
    except (TypeError, ValueError) as error:
        raise UsageError(f"sources: {name} holds what is no number ({error})") from error


def _require(name: str, values: NDArray[Any], good: NDArray[np.bool_], what: str) -> None:
    if not good.all():
        at = int(np.argmin(good))
        raise UsageError(f"sources: {name} of source {at} is {values[at]:g}, it must be {what}")
