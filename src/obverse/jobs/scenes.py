"""What the command line says of light: stars' images, places on the sky, scenes of catalogues."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from obverse import io
from obverse.detector import Detector
from obverse.errors import DataError, UsageError
from obverse.injection.placing import image_of, mean_efficiency
from obverse.io.cards import fits_header, quiet
from obverse.jobs.simulating import Stars
from obverse.scene import Psf, Scene, Sources, airy, gaussian, moffat, read_catalogue, read_psf
from obverse.scene.bands import zero_point

__all__ = [
    "distances_of",
    "needed_psf",
    "psf_of",
    "scene_of",
    "sources_of",
    "steps_of",
    "wcs_of",
    "zero_point_of",
]

_KINDS: dict[str, tuple[Callable[..., Psf], tuple[str, ...]]] = {
    "gaussian": (gaussian, ("fwhm",)),
    "moffat": (moffat, ("fwhm", "beta")),
    "airy": (airy, ("first_zero", "obscuration")),
}
"""Analytic point-spread functions, and what their numbers mean, in order."""


def psf_of(words: str) -> Psf:
    """Return the light of a star, as the command line says it.

    ``moffat:2.2``, ``moffat:2.2,3``, or a FITS image (`obverse.scene.psf_files.read_psf`); ``psf.fits:4`` has 4 cells
    to a pixel, whatever its header says.

    Raises
    ------
    UsageError
        If there is no such kind, or its numbers do not fit.

    Examples
    --------
    >>> psf_of("moffat:2.2").oversampling
    8
    """
    kind, _, rest = words.partition(":")
    if kind in _KINDS:
        make, names = _KINDS[kind]
        numbers = _numbers(rest)
        if not 1 <= len(numbers) <= len(names):
            raise UsageError(f"--psf {words}: must look like {kind}:{','.join(name.upper() for name in names)} [pixel]")
        return make(**dict(zip(names, numbers, strict=False)))
    path, _, cells = words.rpartition(":")
    if not (path and cells.isdecimal()):
        path, cells = words, ""
    if not Path(path).exists():
        known = ", ".join(f"{name}:{','.join(n.upper() for n in names)}" for name, (_, names) in _KINDS.items())
        raise UsageError(f"--psf {words}: neither one of {known} [pixel], nor a FITS image (FILE or FILE:CELLS)")
    return read_psf(path, oversampling=int(cells) if cells else None)


def _numbers(text: str) -> list[float]:
    try:
        return [float(each) for each in text.split(",")]
    except ValueError:
        return []


def steps_of(words: str, option: str, *, logarithmic: bool) -> NDArray[np.float64]:
    """Return numbers from START:STOP:COUNT, evenly spaced, in their logarithm where that is wanted.

    Examples
    --------
    >>> steps_of("10:1000:3", "--fluxes", logarithmic=True), steps_of("20:22:3", "--magnitudes", logarithmic=False)
    (array([  10.,  100., 1000.]), array([20., 21., 22.]))
    """
    numbers = _numbers(words.replace(":", ","))
    whole = len(numbers) == 3 and np.isfinite(numbers).all() and numbers[2].is_integer() and numbers[2] >= 1
    if not whole or (logarithmic and min(numbers[:2]) <= 0):
        raise UsageError(
            f"{option} {words}: must look like {'10:1e5:9' if logarithmic else '20:28:9'}, START:STOP:COUNT"
        )
    make = np.geomspace if logarithmic else np.linspace
    return np.asarray(make(numbers[0], numbers[1], int(numbers[2])))


def distances_of(words: str) -> list[float]:
    """Return numbers with commas between them.

    Examples
    --------
    >>> distances_of("2,4.5")
    [2.0, 4.5]
    """
    numbers = _numbers(words)
    if not numbers or not all(0 < each < np.inf for each in numbers):
        raise UsageError(f"--distances {words}: must look like 2,4,8 [pixel]")
    return numbers


def zero_point_of(stars: Stars, named: str | None = None) -> float | None:
    """Return the AB magnitude of 1 electron/s, given or that of a band of Roman; None where nothing says it.

    That of the detector a file names, as WFI/WFI01; else that of the mean detector.

    Examples
    --------
    >>> round(zero_point_of(Stars(band="F158")), 2)
    26.38
    """
    if stars.zero_point is not None or stars.band is None:
        return stars.zero_point
    return zero_point(stars.band, named)


def wcs_of(words: str) -> Any:
    """Return the celestial coordinates of a FITS header: FILE, or FILE:EXTENSION; the first that has some.

    Raises
    ------
    DataError
        If no header has any.
    """
    from astropy.wcs import WCS

    path, _, name = words.rpartition(":")
    if not path or Path(words).exists():
        path, name = words, ""
    for hdu in io.open_fits(Path(path), pixels=False):
        if name and name.upper() not in (hdu.name, str(hdu.index)):
            continue
        with quiet():
            found = WCS(fits_header(hdu.header.cards))
        if found.has_celestial:
            return found.celestial
    raise DataError(f"{Path(path).name}: WCS: no header{f' {name!r}' if name else ''} with celestial coordinates in it")


def sources_of(
    catalogue: Path, stars: Stars, detector: Detector, named: str | None, shape: tuple[int, int] | None = None
) -> Sources:
    """Return the sources of a catalogue on the detector that a file names.

    `shape` leaves out those that cannot light an image.
    """
    return read_catalogue(
        catalogue,
        band=stars.band,
        wcs=None if stars.wcs is None else wcs_of(stars.wcs),
        zero_point=stars.zero_point,
        pixel_scale=stars.pixel_scale,
        shape=shape,
        detector=named,
        quantum_efficiency=mean_efficiency(detector),
    )


def scene_of(catalogue: Path, stars: Stars, detector: Detector, named: str | None, sky: float = 0.0) -> Scene:
    """Return the scene that a catalogue describes, on an even sky [electron/s/pixel].

    Positions count pixels as the observatory's calibrated image does; that of Roman comes without its border.
    """
    star, image = needed_psf(stars), image_of(detector)
    corner = (image.rows[0], image.columns[0])
    return Scene(sources_of(catalogue, stars, detector, named, image.shape), star, sky=sky).moved(*corner)


def needed_psf(stars: Stars) -> Psf:
    """Return the light of a star, or refuse to guess it."""
    if stars.psf is None:
        raise UsageError("give the light of a star, --psf moffat:FWHM or a FITS image: what is measured depends on it")
    return psf_of(stars.psf)
