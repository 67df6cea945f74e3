"""A small piece of a detector, on which everything is quick."""

from __future__ import annotations

from obverse.detector import Detector
from obverse.errors import UsageError
from obverse.geometry import Section
from obverse.window import windowed

__all__ = ["small"]


def small(shape: tuple[int, int], *detectors: Detector) -> tuple[Detector, ...]:
    """Return detectors with fewer pixels, all cut alike.

    Without maps they are resized and keep their amplifiers and border. One that has maps cannot be: then all are the
    corner at (0, 0) of what they were, with the reference pixels that lie there.

    Parameters
    ----------
    shape
        Rows and columns.
    detectors
        Truth and belief, say.

    Examples
    --------
    >>> small((32, 32), Detector.load("generic_h2rg"))[0].geometry.shape
    (32, 32)
    """
    try:
        return tuple(each.resized(shape) for each in detectors)
    except UsageError:  # a map, which belongs to its pixels
        return tuple(_corner(each, shape) for each in detectors)


def _corner(detector: Detector, shape: tuple[int, int]) -> Detector:
    rows, columns = (min(ask, have) for ask, have in zip(shape, detector.geometry.shape, strict=True))
    return windowed(detector, Section((0, rows), (0, columns)))
