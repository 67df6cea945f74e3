"""What the command line does with files: one function a verb, each product whole or absent."""

from __future__ import annotations

import hashlib
import os
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
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

__all__ = [
    "Outcome",
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


def exposure_of(detector: Detector, name: str, kind: str, seconds: float | None, reads: int | None) -> Exposure:
    """Return the exposure that a detector can take: seconds for a single read, reads for a ramp."""
    readout = detector.readout
    if not isinstance(readout, UpTheRamp):
        if reads is not None:
            raise UsageError(f"detector {detector.name!r} is read once: it takes --time, not --reads")
        return Exposure(name, seconds, kind=kind)
    if seconds is not None:
        raise UsageError(f"detector {detector.name!r} reads every {readout.read_time} s: it takes --reads, not --time")
    pattern = None if reads is None else ReadPattern.even(reads, frame_time=readout.read_time)
    return Exposure(name, kind=kind, pattern=pattern)


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
    _refuse_twins(paths, [out / f"{_observation(path)}_cal.fits" for path in paths])
    chosen = None if detector is None else Detector.load(detector)
    known = read_references(references)
    how = _How(chosen, known, dict(fit or {}), reading or Reading(), until, threads, overwrite)
    with _directory(out):
        for path in paths:
            yield _one(path, out, how)


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
            done, used, before = _calibrated(path, how)
            earlier = {io.DONE_BEFORE: ", ".join(before)} if before else {}
            record = _provenance(used, {"INPUT": path.name, "INSHA": _sha256(path), **earlier})
            product, *others = _written(done, path, out, used, record, how.overwrite)
        except (ObverseError, OSError, MemoryError) as problem:
            return Outcome(path, None, _line(path, problem), _lines(path, caught))
    return Outcome(path, product, "", _lines(path, caught), tuple(others))


def _written(
    done: Frame, path: Path, out: Path, used: Detector, record: Mapping[str, str], overwrite: bool
) -> list[Path]:
    """Write the products of the observatory where its dialect has any, else our own."""
    writer = io.product_writer(done)
    if writer is not None and "estimate" in done.undone:
        return writer.write_products(
            done, out, _observation(path), detector=used, provenance=record, overwrite=overwrite
        )
    product = out / f"{_stem(path)}_cal.fits"
    io.write(done, product, provenance=record, overwrite=overwrite)
    return [product]


def cores(word: str) -> int:
    """Return the threads that ``none``, ``quarter``, ``half``, ``all`` or a number of processors stands for.

    Examples
    --------
    >>> cores("none"), cores("3")
    (1, 3)
    """
    have = os.cpu_count() or 1
    named = {"none": 1, "quarter": max(have // 4, 1), "half": max(have // 2, 1), "all": have}
    if word in named:
        return named[word]
    if not (word.isdigit() and int(word) > 0):
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


def _calibrated(path: Path, how: _How) -> tuple[Frame, Detector, tuple[str, ...]]:
    """Return the frame, the detector, and the steps that had been done before."""
    frame = how.reading(path, how.chosen)
    if "estimate" in frame.undone:
        done = ", ".join(frame.undone)
        raise DataError(f"{path.name}: LEVEL: has been calibrated already (undone: {done}), give the raw file")
    chosen = of_this_kind(how.chosen or detector_of(frame), frame)
    detector = informed(fitting(chosen, frame), frame, path)
    detector = tuned(referred(detector, how.references, frame), how.fit)
    recipe = detector.recipe() if how.until is None else detector.recipe().until(how.until)
    return recipe.run(frame, threads=how.threads), detector, frame.undone


def _kind(said: str, frame: Frame, path: Path) -> str:
    kind = said or frame.exposure.kind
    if kind not in ("bias", "dark", "flat", "ramps"):
        raise UsageError(
            f"{path.name}: is a {kind!r} exposure by its header: say what it is, --bias, --dark, --flat or --ramp FILE"
        )
    return kind


def _refuse_twins(paths: Sequence[Path], products: Sequence[Path]) -> None:
    if not paths:
        raise UsageError("no files to calibrate: name at least one")
    seen: dict[str, Path] = {}
    for path, product in zip(paths, products, strict=True):
        other = seen.setdefault(product.name.lower(), path)
        if other is not path:
            raise UsageError(
                f"{other} and {path} would both write {product.name}: calibrate them into different directories"
            )


def _stem(path: Path) -> str:
    name = path.name.removesuffix(".gz")
    for ending in (".fits", ".fit", ".fts", ".asdf", "_raw", "_cal"):
        name = name.removesuffix(ending)
    return name


def _observation(path: Path) -> str:
    """Return the name without what says how far it had got: the observatory's products have endings of their own."""
    return _stem(path).removesuffix("_uncal").removesuffix("_ramp")


def _provenance(detector: Detector, more: Mapping[str, str]) -> dict[str, str]:
    return {"DETNAME": detector.name, "DETSHA": detector.digest(), **more}


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _line(path: Path, problem: BaseException | str) -> str:
    """Return one line that names the file."""
    text = " ".join(str(problem).split()) or type(problem).__name__
    return text if path.name in text else f"{path.name}: {text}"


def _lines(path: Path, caught: Sequence[warnings.WarningMessage]) -> tuple[str, ...]:
    return tuple(_line(path, str(w.message)) for w in caught if issubclass(w.category, ObverseWarning))
