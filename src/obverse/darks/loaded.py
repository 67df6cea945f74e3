"""One frame in the layout of its file, and which of its pixels count."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from obverse.errors import UsageError
from obverse.frame import Frame
from obverse.geometry import Geometry
from obverse.hiding import hiding

__all__ = ["Loaded", "in_file"]

Array = NDArray[Any]


@dataclass(frozen=True)
class Loaded:
    """The pixels of one frame in the layout of the file (row, column), and which bits take them out."""

    frame: Frame
    data: Array
    marks: NDArray[np.uint32]
    to_file: Callable[[Array], Array]

    @property
    def variance(self) -> Array:
        """The variance that came with the frame, zero where none did."""
        variance = self.frame.variance
        return np.zeros(self.data.shape) if variance is None else self.to_file(variance)


def in_file(frame: Frame, geometry: Geometry | None) -> Loaded:
    """Return a frame in the layout of the file; refuses what is no image, or clocked by another detector."""
    to_file = _file_layout(frame, geometry)
    return Loaded(frame, to_file(frame.data), to_file(hiding(frame)), to_file)


def _file_layout(frame: Frame, geometry: Geometry | None) -> Callable[[Array], Array]:
    """Return what brings a plane of this frame into the layout of the file."""
    if frame.axes == ("row", "column"):
        return lambda plane: plane
    if frame.axes == ("amplifier", "row", "column") and geometry is not None and frame.shape == geometry.clocked_shape:
        return geometry.unclock
    if frame.axes == ("amplifier", "row", "column") and geometry is None and frame.shape[0] == 1:
        return lambda plane: plane[0]
    raise UsageError(
        f"darks: frame {frame.exposure.id!r} is {frame.axes} of {frame.shape}: give images (row, column), or clocked "
        "ones and their detector"
    )
