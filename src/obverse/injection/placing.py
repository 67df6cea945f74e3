"""Where sources fall on the pixels of a frame.

Catalogues and celestial coordinates count pixels as the calibrated image of an observatory does. For most that is the
sensor. Roman's level 2 leaves out the border of reference pixels, so that its pixel (0, 0) is (4, 4) of the sensor,
and of a raw frame.
"""

from __future__ import annotations

import os
import warnings
from pathlib import Path
from typing import Any, cast

import numpy as np

from obverse import io
from obverse.chosen import detector_of, fitting, informed, of_this_kind
from obverse.detector import Detector
from obverse.detector_file import aliases, built_in
from obverse.errors import ObverseWarning, UsageError
from obverse.frame import Frame
from obverse.geometry import Section
from obverse.scene import Sources
from obverse.scene.star import Star
from obverse.window import windowed

__all__ = [
    "chosen_detector",
    "frame_of",
    "image_of",
    "mean_efficiency",
    "on_frame",
    "origin_of",
    "star_of",
    "warn_of_another",
]

_TRIMMED = ("roman_wfi",)
"""Detectors whose calibrated files come without their border."""


def frame_of(frame: Frame | str | os.PathLike[str], detector: Detector | str | None) -> Frame:
    """Return a frame, read where it is a path."""
    return frame if isinstance(frame, Frame) else io.read(frame, detector=_loaded(detector))


def _loaded(detector: Detector | str | None) -> Detector | None:
    return Detector.load(detector) if isinstance(detector, str) else detector


def star_of(psf: Any) -> Star:
    """Return the light of a star; there is no default, because everything that is measured depends on it."""
    if not hasattr(psf, "parts"):
        said = "missing" if psf is None else repr(psf)
        raise UsageError(
            f"inject_sources: psf is {said}: give the light of a star, as obverse.scene.moffat(2.2) or "
            "obverse.scene.read_psf(PATH)"
        )
    return cast("Star", psf)


def chosen_detector(
    frame: Frame, detector: Detector | str | None, source: Frame | str | os.PathLike[str] | None = None
) -> Detector:
    """Return the detector of a frame cut to its pixels: the one given, or the one that it names."""
    known = _loaded(detector)
    found = known or _named(frame)
    if "estimate" not in frame.undone:
        of_this_kind(found, frame)
    fits = _fitting(found, frame)
    path = Path(frame.exposure.id if source is None or isinstance(source, Frame) else source)
    return informed(fits, frame, path) if known is None else fits


def warn_of_another(detector: Detector, frame: Frame) -> None:
    """Warn where a file names one built-in detector, and another was given."""
    said = frame.exposure.detector or ""
    theirs, ours = aliases().get(said, said), detector.name.removesuffix("-measured")
    if theirs != ours and {theirs, ours} <= set(built_in()):
        what = f"{frame.exposure.id}: its detector is {said!r}, that of {theirs!r}"
        warnings.warn(f"{what}: the response of {ours!r} is used, as was asked for", ObverseWarning, stacklevel=2)


def _named(frame: Frame) -> Detector:
    try:
        return detector_of(frame)
    except UsageError as problem:
        raise UsageError(f"inject_sources: {frame.exposure.id}: {problem}") from None


def _fitting(detector: Detector, frame: Frame) -> Detector:
    """Return the detector of the frame's pixels: a subarray, or the part within the border."""
    rows, columns = frame.shape[-2:]
    bottom, top, left, right = detector.geometry.reference
    if "estimate" not in frame.undone or not _is_trimmed(detector, frame):
        return fitting(detector, frame)
    whole = _sized(detector, (rows + bottom + top, columns + left + right))
    return windowed(whole, Section((bottom, bottom + rows), (left, left + columns)))


def _sized(detector: Detector, shape: tuple[int, int]) -> Detector:
    """Return the detector in another size, if it is not of that already."""
    return detector if detector.geometry.shape == shape else detector.resized(shape)


def _is_trimmed(detector: Detector, frame: Frame) -> bool:
    """Whether a calibrated frame has lost its border: it came from a file, or the detector says its size."""
    bottom, top, left, right = detector.geometry.reference
    rows, columns = frame.shape[-2:]
    fits = detector.geometry.shape == (rows + bottom + top, columns + left + right)
    return (
        _writes_trimmed(detector, frame.exposure.detector)
        and (fits or frame.unit == "DN/s")
        and detector.geometry.shape != (rows, columns)
    )


def _writes_trimmed(detector: Detector, said: str | None) -> bool:
    """Whether a detector, or the one that a file says it is of, is one whose images come without their border."""
    return any(name in _TRIMMED for name in (detector.name, aliases().get(said or "", said)))


def origin_of(frame: Frame, detector: Detector) -> tuple[int, int]:
    """Return the pixel of the sensor that is (0, 0) of the observatory's calibrated image.

    Parameters
    ----------
    frame
        Raw or calibrated.
    detector
        Cut to its pixels.
    """
    return _corner(detector) if _writes_trimmed(detector, frame.exposure.detector) else (0, 0)


def image_of(detector: Detector) -> Section:
    """Return the part of a whole sensor that the observatory's calibrated image shows.

    Examples
    --------
    >>> image_of(Detector.load("roman_wfi").resized((64, 64))).rows
    (4, 60)
    """
    rows, columns = detector.geometry.shape
    bottom, top, left, right = detector.geometry.reference if _writes_trimmed(detector, None) else (0, 0, 0, 0)
    return Section((bottom, rows - top), (left, columns - right))


def _corner(detector: Detector) -> tuple[int, int]:
    bottom, _, left, _ = detector.geometry.reference
    return bottom, left


def on_frame(sources: Any, origin: tuple[int, int], **how: Any) -> Sources:
    """Return sources in pixels of the sensor; catalogues are read.

    Parameters
    ----------
    sources
        Sources, a table, or the path of one.
    origin
        The pixel of the sensor from which positions count.
    **how
        Options of `obverse.scene.read_catalogue`.
    """
    if not isinstance(sources, Sources):
        from obverse.scene.catalogue import read_catalogue

        sources = read_catalogue(sources, **how)
    return sources.moved(*origin)


def mean_efficiency(detector: Detector) -> float | None:
    """Return the electrons that a photon frees in the mean, for catalogues in photon/s; None where nothing says it."""
    if not detector.has("quantum_efficiency"):
        return None
    return float(np.nanmean(detector.effect("quantum_efficiency").efficiency))
