"""What the command line does with files: one function a verb, each product whole or absent."""

from __future__ import annotations

import hashlib
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from obverse import io
from obverse.chosen import detector_of, fitting, informed, of_this_kind, referred, tuned
from obverse.detector import Detector
from obverse.errors import DataError, ObverseError, ObverseWarning, UsageError
from obverse.exposure import Exposure
from obverse.frame import Frame
from obverse.pattern import ReadPattern
from obverse.readout import UpTheRamp
from obverse.references import Reference, read_references
from obverse.tiles import processors

__all__ = [
    "Outcome",
    "Ramps",
    "Reading",
    "calibrate",
    "cores",
    "even_light",
    "exposure_of",
    "light_in",
    "measure",
    "measured_table",
    "simulate",
]

WHAT: Mapping[str, tuple[str, ...]] = {
    "all": (),
    "gain": ("gain",),
    "bias": ("bias",),
    "dark": ("dark_current",),
    "flat": ("flat",),
    "linearity": ("nonlinearity",),
}
"""What can be measured, and the effects that it asks for."""


@dataclass(frozen=True)
class Outcome:
    """How one file ended: with a product (and `others` beside it), or with one line on why not."""

    path: Path
    product: Path | None
    problem: str = ""
    warnings: tuple[str, ...] = ()
    others: tuple[Path, ...] = ()


@dataclass(frozen=True)
class Reading:
    """How to read files: keywords to set, and whether a wrong checksum is only worth a warning."""

    overrides: Mapping[str, str] = field(default_factory=dict)
    ignore_checksum: bool = False

    def __call__(self, path: Path, detector: Detector | None, level: str | None = None) -> Frame:
        """Read one file."""
        return io.read(
            path, detector=detector, overrides=self.overrides, ignore_checksum=self.ignore_checksum, level=level
        )


@dataclass(frozen=True)
class Ramps:
    """How to read up the ramp: groups, frames in each and left out behind it (`pattern`), and how many ramps."""

    groups: int | None = None
    pattern: tuple[int, int] | None = None
    integrations: int = 1


def exposure_of(
    detector: Detector, name: str, kind: str, seconds: float | None, ramps: Ramps, band: str | None = None
) -> Exposure:
    """Return the exposure that a detector can take: seconds for a single read, groups for a ramp."""
    readout = detector.readout
    if not isinstance(readout, UpTheRamp):
        if ramps != Ramps():
            raise UsageError(
                f"detector {detector.name!r} is read once: it takes --time, not --groups, --pattern or --integrations"
            )
        return Exposure(name, seconds, kind=kind, filter=band)
    if seconds is not None:
        raise UsageError(f"detector {detector.name!r} reads every {readout.read_time} s: it takes --groups, not --time")
    frames, gap = ramps.pattern or (1, 0)
    pattern = ReadPattern.even(ramps.groups or readout.reads, frames, gap, readout.read_time)
    return Exposure(name, kind=kind, pattern=pattern, integrations=ramps.integrations, filter=band)


def even_light(electrons: float) -> Any:
    """Return a rate that enters behind the quantum efficiency [electron/s]."""
    from astropy.units import Quantity

    return Quantity(electrons, "electron/s")


def light_in(path: Path) -> NDArray[Any]:
    """Return the image of a scene file: one of ours, or the first image of any FITS file [photon/s]."""
    images = [hdu.data for hdu in io.open_fits(path) if hdu.data is not None and hdu.data.dtype.names is None]
    if not images or images[0].ndim != 2:
        raise DataError(f"{path.name}: scene: no image (row, column) in it, give photon rates as a FITS image")
    return images[0]


def simulate(
    detector: Detector, scene: object, exposure: Exposure, *, seed: int, out: Path, overwrite: bool = False
) -> Frame:
    """Write the raw file that a detector makes of a scene."""
    raw = detector.expose(scene, exposure, seed=seed)
    io.write(raw, out, provenance=_provenance(detector, {"SEED": str(seed)}), overwrite=overwrite)
    return raw


def calibrate(
    paths: Sequence[Path],
    out: Path,
    *,
    detector: str | Path | None = None,
    reading: Reading | None = None,
    references: Sequence[Path] = (),
    fit: Mapping[str, str] | None = None,
    until: str | None = None,
    threads: int | None = None,
    overwrite: bool = False,
) -> Iterator[Outcome]:
    """Calibrate files one by one; a bad one fails alone.

    Parameters
    ----------
    paths
        Raw files; no two may have one name.
    out
        Directory of the products: ``<name>_cal.fits``, or those of the observatory where its dialect writes them
        (``<name>_rate.fits`` and ``<name>_rateints.fits`` of JWST).
    detector
        Name or TOML file; without one each file must say its detector.
    reading
        How to read them.
    references
        Reference files, or directories of them, whose values take the place of the detector's.
    fit
        Parameters of the read-out to change: ``estimator``, ``save_segments``, ``suppress_one_group``.
    until
        Last step of the recipe to carry out.
    threads
        Worker threads.
    overwrite
        Allow older products to be replaced.

    Yields
    ------
    Outcome
        One for each file, in order.

    Raises
    ------
    UsageError
        Before any work, if two files would write one product or the detector is not known.
    """
    _refuse_twins(paths, until)
    reading = reading or Reading()
    chosen = None if detector is None else Detector.load(detector)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", ObverseWarning)
        known = read_references(references, ignore_checksum=reading.ignore_checksum)
    of_references = _lines(None, caught)
    how = _How(chosen, known, dict(fit or {}), reading, until, threads, overwrite)
    with _directory(out):
        for path in paths:
            outcome = _one(path, out, how)
            yield replace(outcome, warnings=(*of_references, *outcome.warnings))
            of_references = ()  # said once


@contextmanager
def _directory(out: Path) -> Iterator[None]:
    """Make the output directory, and take away again what has stayed empty of what was made."""
    missing = [each for each in (out, *out.parents) if not each.exists()]
    io.prepare_directory(out)
    try:
        yield
    finally:
        with suppress(OSError):  # not empty: so are none above it
            for each in missing:
                each.rmdir()


@dataclass(frozen=True)
class _How:
    """What all files of one run share."""

    chosen: Detector | None
    references: Sequence[Reference]
    fit: Mapping[str, str]
    reading: Reading
    until: str | None
    threads: int | None
    overwrite: bool


def _one(path: Path, out: Path, how: _How) -> Outcome:
    """Calibrate one file; whatever is wrong with it, or with its disk, stays its own problem."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", ObverseWarning)
        try:
            product, *others = _calibrated(path, out, how)
        except (ObverseError, OSError, MemoryError) as problem:
            return Outcome(path, None, _line(path, problem), _lines(path, caught))
    return Outcome(path, product, "", _lines(path, caught), tuple(others))


def cores(word: str) -> int:
    """Return the threads that ``none``, ``quarter``, ``half``, ``all`` or a number of processors stands for.

    Examples
    --------
    >>> cores("none"), cores("3")
    (1, 3)
    """
    have = processors()
    named = {"none": 1, "quarter": max(have // 4, 1), "half": max(have // 2, 1), "all": have}
    if word in named:
        return named[word]
    if not (word.isdecimal() and int(word) > 0):
        raise UsageError(f"--maximum-cores {word}: must be none, quarter, half, all or a whole number from 1")
    return int(word)


def measure(
    what: str,
    exposures: Mapping[str, Sequence[Path]],
    *,
    detector: str | Path,
    out: Path | None,
    lags: int = 0,
    reading: Reading | None = None,
    overwrite: bool = False,
    progress: Callable[[str], None] = lambda name: None,
) -> Detector:
    """Measure a detector from calibration files, and write the belief as a detector file.

    Parameters
    ----------
    what
        One of `WHAT`.
    exposures
        Files by kind: ``bias``, ``dark``, ``flat``, ``ramps``; files under ``""`` say their kind themselves.
    detector
        Nominal detector.
    out
        Directory of ``<name>-measured.toml`` and its maps; None writes nothing.
    lags
        Neighbouring covariances that photon transfer sums.
    reading
        How to read them.
    overwrite
        Allow an older belief to be replaced.
    progress
        Called with the name of each file that is read.
    """
    nominal = Detector.load(detector)
    if out is not None:
        io.prepare_directory(out)
    frames: dict[str, list[Frame]] = {"bias": [], "dark": [], "flat": [], "ramps": []}
    for kind, path in ((kind, path) for kind, paths in exposures.items() for path in paths):
        progress(path.name)
        frame = (reading or Reading())(path, nominal, "raw")
        frames[_kind(kind, frame, path)].append(frame)
    nominal = fitting(nominal, next((f for kind in frames.values() for f in kind), None))
    belief = nominal.measured(**frames, only=WHAT[what], lags=lags)  # type: ignore[arg-type]
    if out is not None:
        belief.save(out / f"{belief.name}.toml", overwrite=overwrite)
    return belief


def measured_table(belief: Detector) -> list[tuple[str, str, float, float]]:
    """Return parameter, amplifier, value and error of all that was measured; of maps, mean and median error."""
    from obverse.belief import summary

    return [row for block in belief.covariance for row in summary(belief, block)]


def _calibrated(path: Path, out: Path, how: _How) -> list[Path]:
    """Calibrate one file and return its products; names that cannot be had are refused before the work."""
    frame = how.reading(path, how.chosen)
    if "estimate" in frame.undone:
        done = ", ".join(frame.undone)
        raise DataError(f"{path.name}: LEVEL: has been calibrated already (undone: {done}), give the raw file")
    detector = _detector(frame, path, how)
    recipe = detector.recipe() if how.until is None else detector.recipe().until(how.until)
    writer = io.product_writer(frame, recipe.names)
    stem = io.product_writer(frame).stem(path)
    names = writer.product_names(stem, segments=_keeps_segments(detector))
    io.refuse_targets([out / name for name in names], overwrite=how.overwrite, inputs=[path])
    made = recipe.run(frame, threads=how.threads)
    record = _record(path, detector, frame)
    return writer.write_products(made, out, stem, detector=detector, provenance=record, overwrite=how.overwrite)


def _detector(frame: Frame, path: Path, how: _How) -> Detector:
    """Return the detector that a file is calibrated with."""
    chosen = of_this_kind(how.chosen or detector_of(frame), frame)
    detector = informed(fitting(chosen, frame), frame, path)
    return tuned(referred(detector, how.references, frame), how.fit)


def _keeps_segments(detector: Detector) -> bool:
    return isinstance(detector.readout, UpTheRamp) and detector.readout.save_segments == "yes"


def _record(path: Path, detector: Detector, frame: Frame) -> dict[str, str]:
    """Return how a product was made: detector, input, and the steps that had been done before."""
    earlier = {io.DONE_BEFORE: ", ".join(frame.undone)} if frame.undone else {}
    return _provenance(detector, {"INPUT": path.name, "INSHA": _sha256(path), **earlier})


def _kind(said: str, frame: Frame, path: Path) -> str:
    kind = said or frame.exposure.kind
    if kind not in ("bias", "dark", "flat", "ramps"):
        raise UsageError(
            f"{path.name}: is a {kind!r} exposure by its header: say what it is, --bias, --dark, --flat or --ramp FILE"
        )
    return kind


def _refuse_twins(paths: Sequence[Path], until: str | None) -> None:
    """Refuse two files that would write one product, by their names and the headers of those that look alike."""
    if not paths:
        raise UsageError("no files to calibrate: name at least one")
    alike: dict[str, list[Path]] = {}
    for path in paths:
        alike.setdefault(io.bare_name(path).lower(), []).append(path)
    for group in alike.values():
        if len(group) > 1:
            _refuse_one_product(group, until)


def _refuse_one_product(group: Sequence[Path], until: str | None) -> None:
    seen: dict[str, Path] = {}
    for path, name in [(each, name) for each in group for name in _products(each, until)]:
        other = seen.setdefault(name.lower(), path)
        if other is not path:
            raise UsageError(f"{other} and {path} would both write {name}: calibrate them into different directories")


def _products(path: Path, until: str | None) -> list[str]:
    """Return what a file may be made into; one that is not calibrated to the end may become a file of ours."""
    dialect = io.dialect_of(path)
    writers = [dialect, *([] if until is None else [io.OWN])]
    return [name for writer in writers for name in writer.product_names(dialect.stem(path))]


def _provenance(detector: Detector, more: Mapping[str, str]) -> dict[str, str]:
    return {"DETNAME": detector.name, "DETSHA": detector.digest(), **more}


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _line(path: Path | None, problem: BaseException | str) -> str:
    """Return one line that names the file, if it is about one."""
    text = " ".join(str(problem).split()) or type(problem).__name__
    return text if path is None or path.name in text else f"{path.name}: {text}"


def _lines(path: Path | None, caught: Sequence[warnings.WarningMessage]) -> tuple[str, ...]:
    return tuple(_line(path, str(w.message)) for w in caught if issubclass(w.category, ObverseWarning))
