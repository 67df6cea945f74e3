"""Light into a raw file."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from obverse import io
from obverse.detector import Detector
from obverse.errors import DataError, UsageError
from obverse.exposure import Exposure
from obverse.frame import Frame
from obverse.history import utc_seconds
from obverse.io.history import read_history, write_history
from obverse.jobs._provenance import provenance
from obverse.named_patterns import pattern_for
from obverse.readout import UpTheRamp
from obverse.sequence import expose_next

__all__ = ["Ramps", "Stars", "even_light", "exposure_of", "light_in", "light_of", "simulate"]


@dataclass(frozen=True)
class Ramps:
    """How to read up the ramp: groups, the name of the pattern (`obverse.named_patterns`), and how many ramps."""

    groups: int | None = None
    pattern: str | None = None
    integrations: int = 1


@dataclass(frozen=True)
class Stars:
    """How a catalogue is read, and its sources are drawn: see `obverse.scene.read_catalogue`.

    Parameters
    ----------
    psf, wcs
        Words of the command line, see `obverse.jobs.scenes`.
    band
        Column of fluxes.
    zero_point
        AB magnitude of 1 electron/s.
    pixel_scale
        Size of a pixel [arcsec].
    """

    psf: str | None = None
    band: str | None = None
    wcs: str | None = None
    zero_point: float | None = None
    pixel_scale: float | None = None


_WRITTEN = {"roman_wfi": "WFI/WFI01"}
"""Descriptions that hold for several detectors, and the one that a simulated file is of: zero points differ."""

_TABLES = (".ecsv", ".csv", ".parquet", ".pq")


def exposure_of(
    detector: Detector,
    name: str,
    kind: str,
    seconds: float | None,
    ramps: Ramps,
    *,
    band: str | None = None,
    start: str | None = None,
) -> Exposure:
    """Return the exposure that a detector can take: seconds for a single read, groups for a ramp."""
    if start is not None:
        utc_seconds(start)  # refuses what is no time, before the work
    readout, named = detector.readout, _WRITTEN.get(detector.name.removesuffix("-measured"))
    if not isinstance(readout, UpTheRamp):
        if ramps != Ramps():
            raise UsageError(
                f"detector {detector.name!r} is read once: it takes --time, not --groups, --pattern or --integrations"
            )
        return Exposure(name, seconds, kind=kind, filter=band, start=start, detector=named)
    if seconds is not None:
        raise UsageError(f"detector {detector.name!r} reads every {readout.read_time} s: it takes --groups, not --time")
    pattern = pattern_for(readout, ramps.pattern, ramps.groups)
    return Exposure(
        name,
        kind=kind,
        pattern=pattern,
        integrations=ramps.integrations,
        filter=band,
        start=start,
        detector=named,
    )


def even_light(electrons: float) -> Any:
    """Return a rate that enters behind the quantum efficiency [electron/s]."""
    from astropy.units import Quantity

    return Quantity(electrons, "electron/s")


def light_of(
    detector: Detector,
    path: Path | None,
    even: float | None,
    stars: Stars,
    sky: float = 0.0,
    *,
    named: str | None = None,
) -> Any:
    """Return what falls on a detector: an image, even light, or the sources of a catalogue.

    `named` is the detector that the file will be of: magnitudes take its zero point.

    Raises
    ------
    UsageError
        If it is none of them, or more than one.
    """
    if (path is None) == (even is None):
        raise UsageError("simulate: give either a SCENE file or --flat RATE")
    if stars.psf is not None and path is not None:
        from obverse.jobs.scenes import scene_of

        return scene_of(path, stars, detector, named, sky)
    if path is not None and path.suffix.lower() in _TABLES:
        raise UsageError(f"simulate: {path.name} is a catalogue: give the light of a star, --psf moffat:FWHM [pixel]")
    if stars != Stars() or sky:
        raise UsageError("simulate: --psf, --band, --wcs and --sky are for a catalogue: give a CATALOGUE and --psf")
    return even_light(even or 0.0) if path is None else light_in(path)


def light_in(path: Path) -> NDArray[Any]:
    """Return the image of a scene file: one of ours, or the first image of any FITS file [photon/s]."""
    images = [hdu.data for hdu in io.open_fits(path) if hdu.data is not None and hdu.data.dtype.names is None]
    if not images or images[0].ndim != 2:
        raise DataError(f"{path.name}: scene: no image (row, column) in it, give photon rates as a FITS image")
    return images[0]


def simulate(
    detector: Detector,
    scene: object,
    exposure: Exposure,
    *,
    seed: int,
    out: Path,
    history: Path | None = None,
    overwrite: bool = False,
) -> Frame:
    """Write the raw file that a detector makes of a scene.

    Parameters
    ----------
    detector, scene, exposure, seed
        See `Detector.expose`.
    out
        File to write.
    history
        File of what earlier exposures left behind: read, if it is there, and written anew.
    overwrite
        Allow another raw file of this name to be replaced.
    """
    io.refuse_targets([out], overwrite=overwrite)
    if history is None:
        raw, left = detector.expose(scene, exposure, seed=seed), None
    else:
        before = read_history(history, shape=detector.geometry.shape) if history.exists() else None
        raw, left = expose_next(detector, scene, exposure, seed=seed, history=before)
    io.write(raw, out, provenance=provenance(detector, {"SEED": str(seed)}), overwrite=overwrite)
    if left is not None and history is not None:
        write_history(left, history)
    return raw
