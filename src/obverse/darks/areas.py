"""Which pixels of a file are the sensor's, and which were clocked before, behind and after it."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from obverse.darks.refusals import WrongArgumentError
from obverse.errors import UsageError
from obverse.geometry import Geometry

if TYPE_CHECKING:
    from obverse.detector import Detector

__all__ = ["REGIONS", "Areas", "geometry_of", "resolved"]

REGIONS = ("telemetry", "sensor", "prescan", "overscan", "parallel_overscan")
"""Parts of a file, by label; pixels of one part share a noise profile. Telemetry is never used."""

Mask = NDArray[np.bool_]


def resolved(who: str, detector: Any) -> Detector | Geometry | None:
    """Return the Detector that somebody means: one by name or TOML file is loaded, a Geometry and None stay.

    Raises
    ------
    WrongArgumentError
        If it is anything else; it is a TypeError too.

    Examples
    --------
    >>> resolved("build_trad_dark", 3)
    Traceback (most recent call last):
    obverse.darks.refusals.WrongArgumentError: build_trad_dark: detector is a int: give a Detector, its name, ...
    """
    if detector is None or isinstance(detector, Geometry):
        return detector
    from obverse.detector import Detector  # a detector's file is read only where one is named

    if isinstance(detector, Detector):
        return detector
    if not isinstance(detector, str | os.PathLike):
        raise WrongArgumentError(
            f"{who}: detector is a {type(detector).__name__}: give a Detector, its name, a TOML file or a Geometry"
        )
    return Detector.load(detector if isinstance(detector, str) else Path(detector))


def geometry_of(detector: Detector | Geometry | None) -> Geometry | None:
    """Return where the pixels of a detector are; None where the whole frame is image area."""
    return detector if isinstance(detector, Geometry) or detector is None else detector.geometry


@dataclass(frozen=True)
class Areas:
    """The parts of a file.

    Parameters
    ----------
    shape
        Rows and columns of the file.
    geometry
        Where they are; None: all is sensor and sees light.

    Raises
    ------
    UsageError
        If the geometry's file has another shape.

    Examples
    --------
    >>> Areas((2, 3)).labels
    array([[1, 1, 1],
           [1, 1, 1]], dtype=uint8)
    """

    shape: tuple[int, ...]
    geometry: Geometry | None = None

    def __post_init__(self) -> None:
        if self.geometry is not None and self.geometry.file_shape != self.shape:
            raise UsageError(
                f"darks: frames of {self.shape} for a detector whose files have {self.geometry.file_shape} "
                "(row, column): give the detector of this read-out mode"
            )

    def mask(self, part: str) -> Mask:
        """Return the pixels of one part (row, column)."""
        if self.geometry is None:
            return np.full(self.shape, part in ("sensor", "lit"))
        telemetry = self.geometry.in_file("telemetry")
        return telemetry if part == "telemetry" else np.logical_and(self.geometry.in_file(part), ~telemetry)

    @property
    def labels(self) -> NDArray[np.uint8]:
        """Place in `REGIONS` of each pixel (row, column)."""
        labels = np.zeros(self.shape, np.uint8)
        for label, part in enumerate(REGIONS[1:], 1):
            labels[self.mask(part)] = label
        return labels

    @property
    def image(self) -> tuple[slice, slice]:
        """Rows and columns that see light."""
        lit = self.mask("lit")
        return _span(lit.any(axis=1)), _span(lit.any(axis=0))


def _span(any_there: Any) -> slice:
    where = np.flatnonzero(any_there)
    return slice(int(where[0]), int(where[-1]) + 1)
