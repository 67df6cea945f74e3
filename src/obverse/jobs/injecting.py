"""Known sources into somebody's file, and how well they are found and measured there."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from obverse import io
from obverse.chosen import referred
from obverse.detector import Detector
from obverse.errors import DataError, UsageError
from obverse.frame import Frame
from obverse.injection import curves, grid, inject_sources
from obverse.injection.drawn import drawn as figure_of
from obverse.injection.placing import chosen_detector, warn_of_another
from obverse.injection.told import counted
from obverse.io.publish import publish_all
from obverse.jobs._output import drawn, output_directory, written
from obverse.jobs._provenance import provenance, sha256
from obverse.jobs.reading import Reading
from obverse.jobs.scenes import distances_of, needed_psf, sources_of, steps_of, zero_point_of
from obverse.jobs.simulating import Stars
from obverse.named_patterns import pattern_for
from obverse.pattern import ReadPattern
from obverse.readout import UpTheRamp
from obverse.references import read_references

if TYPE_CHECKING:
    from astropy.table import Table

__all__ = ["Target", "Wish", "inject", "injected_table", "inject_grid"]


@dataclass(frozen=True)
class Target:
    """A file that sources go into, and what is said of it.

    Parameters
    ----------
    path
        Raw or calibrated.
    detector
        Name or TOML file; None: the one that the file names.
    references
        Reference files, or directories of them.
    level
        L1 or L2: refuse the other.
    pattern, groups
        Read pattern of an image of rates that does not say it.
    reading
        How the file is read.
    """

    path: Path
    detector: str | None = None
    references: Sequence[Path] = ()
    level: str | None = None
    pattern: str | None = None
    groups: int | None = None
    reading: Reading = field(default_factory=Reading)

    def opened(self) -> tuple[Frame, dict[str, Any]]:
        """Return the frame, and how it is injected into."""
        named = None if self.detector is None else Detector.load(self.detector)
        frame = self.reading(self.path, named)
        found = chosen_detector(frame, named, self.path)
        warn_of_another(found, frame)
        known = read_references(self.references, ignore_checksum=self.reading.ignore_checksum)
        believed = referred(found, known, frame)
        return frame, {"detector": believed, "level": self.level, "pattern": self._pattern(believed)}

    def _pattern(self, detector: Detector) -> ReadPattern | None:
        if self.pattern is None and self.groups is None:
            return None
        if not isinstance(detector.readout, UpTheRamp):
            raise UsageError(f"detector {detector.name!r} is read once: it takes neither --pattern nor --groups")
        return pattern_for(detector.readout, self.pattern, self.groups)


def injected_table(out: Path) -> Path:
    """Return the name of the table that goes with an injected file.

    Examples
    --------
    >>> injected_table(Path("a/new.fits.gz")).name
    'new_injected.ecsv'
    """
    return out.with_name(out.name.split(".")[0] + "_injected.ecsv")


def inject(target: Target, catalogue: Path, out: Path, stars: Stars, *, seed: int, overwrite: bool = False) -> Table:
    """Write a file with the sources of a catalogue in it, and the table of what was put there beside it.

    Parameters
    ----------
    target
        What to inject into.
    catalogue
        ECSV, FITS or Parquet: see `obverse.scene.read_catalogue`.
    out
        File to write.
    stars
        How the catalogue is read, and the light of a star.
    seed
        Of the electrons.
    overwrite
        Allow older files to be replaced.
    """
    beside = injected_table(out)
    io.refuse_targets([out, beside], overwrite=overwrite, inputs=[target.path, catalogue])
    star = needed_psf(stars)
    frame, how = target.opened()
    sources = sources_of(catalogue, stars, how["detector"], frame.exposure.detector)
    new, table = inject_sources(frame, sources, seed=seed, psf=star, **how)
    if not (table["fraction"] > 0).any():
        raise DataError(
            f"{catalogue.name}: none of {counted(len(table))} lies on the image, nothing is written: are its "
            "positions, or --wcs, those of another?"
        )
    record = _record(target, how["detector"], seed)
    with output_directory(out.parent), TemporaryDirectory(prefix=".", suffix=".tmp", dir=out.parent) as folder:
        ready = Path(folder) / out.name  # the name chooses the format
        io.write(new, ready, provenance=record)
        publish_all({out: _pieces(ready), beside: [written(table, beside)]}, overwrite=overwrite)
    return table


def _pieces(path: Path) -> Iterator[bytes]:
    """Yield a file, a few Mbyte at a time."""
    with path.open("rb") as file:
        while piece := file.read(1 << 22):
            yield piece


@dataclass(frozen=True)
class Wish:
    """Which stars of known flux are wanted, in words of the command line: see `obverse.injection.grid`."""

    fluxes: str | None = None
    magnitudes: str | None = None
    per_flux: int = 64
    spacing: float | None = None
    beside: Path | None = None
    distances: str | None = None
    sigma: float = 5.0

    def told(self, stars: Stars, detector: Detector, named: str | None) -> dict[str, Any]:
        """Return the arguments of `obverse.injection.grid`; `named` is the detector that the file names."""
        fluxes, magnitudes = self.fluxes, self.magnitudes
        return {
            "fluxes": None if fluxes is None else steps_of(fluxes, "--fluxes", logarithmic=True),
            "magnitudes": None if magnitudes is None else steps_of(magnitudes, "--magnitudes", logarithmic=False),
            "zero_point": None if magnitudes is None else zero_point_of(stars, named),
            "per_flux": self.per_flux,
            "spacing": self.spacing,
            "beside": None if self.beside is None else sources_of(self.beside, stars, detector, named),
            "distances": None if self.distances is None else distances_of(self.distances),
            "sigma": self.sigma,
        }


def inject_grid(target: Target, out: Path, stars: Stars, wish: Wish, *, seed: int, overwrite: bool = False) -> Table:
    """Write what becomes of stars of known flux: ``stars.ecsv``, ``curves.ecsv`` and ``curves.png`` in a directory.

    Parameters
    ----------
    target
        What to inject into.
    out
        Directory.
    stars
        The light of a star, the zero point of magnitudes, and how the catalogue of neighbours is read.
    wish
        Fluxes and places.
    seed
        Of places and electrons.
    overwrite
        Allow older files to be replaced.

    Returns
    -------
    Table
        The curves, a row a flux and distance.
    """
    star = needed_psf(stars)
    frame, how = target.opened()
    told = wish.told(stars, how["detector"], frame.exposure.detector)
    stars_file, curves_file, picture = (out / name for name in ("stars.ecsv", "curves.ecsv", "curves.png"))
    with output_directory(out):
        io.refuse_targets([stars_file, curves_file, picture], overwrite=overwrite, inputs=[target.path])
        made = grid(frame, psf=star, seed=seed, **told, **how)
        summed = curves(made)
        files = {
            stars_file: [written(made, stars_file)],
            curves_file: [written(summed, curves_file)],
            picture: [drawn(figure_of(made))],
        }
        publish_all(files, overwrite=overwrite)
    return summed


def _record(target: Target, detector: Detector, seed: int) -> dict[str, str]:
    return provenance(detector, {"SEED": str(seed), "INPUT": target.path.name, "INSHA": sha256(target.path)})
