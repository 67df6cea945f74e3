"""Raw files into products, one by one: a bad one fails alone."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from obverse import io
from obverse.chosen import detector_of, fitting, informed, of_this_kind, referred, tuned
from obverse.detector import Detector
from obverse.errors import DataError, ObverseError, ObverseWarning
from obverse.frame import Frame
from obverse.io.history import read_history
from obverse.jobs._lines import line, lines
from obverse.jobs._output import output_directory
from obverse.jobs._provenance import provenance, sha256
from obverse.jobs.reading import Reading
from obverse.jobs.twins import refuse_twins
from obverse.readout import UpTheRamp
from obverse.references import Reference, read_references

__all__ = ["Outcome", "calibrate"]


@dataclass(frozen=True)
class Outcome:
    """How one file ended: with a product (and `others` beside it), or with one line on why not."""

    path: Path
    product: Path | None
    problem: str = ""
    warnings: tuple[str, ...] = ()
    others: tuple[Path, ...] = ()


def calibrate(
    paths: Sequence[Path],
    out: Path,
    *,
    detector: str | Path | None = None,
    reading: Reading | None = None,
    references: Sequence[Path] = (),
    fit: Mapping[str, str] | None = None,
    until: str | None = None,
    history: Path | None = None,
    threads: int | None = None,
    overwrite: bool = False,
    fits: bool = False,
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
    history
        File of what earlier exposures left behind, for `persistence`; it is not changed.
    threads
        Worker threads.
    overwrite
        Allow older products to be replaced.
    fits
        Write ``<name>_cal.fits`` in our own format, whatever the observatory writes.

    Yields
    ------
    Outcome
        One for each file, in order.

    Raises
    ------
    UsageError
        Before any work, if two files would write one product or the detector is not known.
    """
    refuse_twins(paths, own=fits or until is not None)
    reading = reading or Reading()
    chosen = None if detector is None else Detector.load(detector)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", ObverseWarning)
        known = read_references(references, ignore_checksum=reading.ignore_checksum)
    of_references = lines(None, caught)
    how = _How(chosen, known, dict(fit or {}), reading, until, history, threads, overwrite, fits)
    with output_directory(out):
        for path in paths:
            outcome = _one(path, out, how)
            yield replace(outcome, warnings=(*of_references, *outcome.warnings))
            of_references = ()  # said once


@dataclass(frozen=True)
class _How:
    """What all files of one run share."""

    chosen: Detector | None
    references: Sequence[Reference]
    fit: Mapping[str, str]
    reading: Reading
    until: str | None
    history: Path | None
    threads: int | None
    overwrite: bool
    fits: bool


def _one(path: Path, out: Path, how: _How) -> Outcome:
    """Calibrate one file; whatever is wrong with it, or with its disk, stays its own problem."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", ObverseWarning)
        try:
            product, *others = _calibrated(path, out, how)
        except (ObverseError, OSError, MemoryError) as problem:
            return Outcome(path, None, line(path, problem), lines(path, caught))
    return Outcome(path, product, "", lines(path, caught), tuple(others))


def _calibrated(path: Path, out: Path, how: _How) -> list[Path]:
    """Calibrate one file and return its products; names that cannot be had are refused before the work."""
    frame = how.reading(path, how.chosen)
    if "estimate" in frame.undone:
        done = ", ".join(frame.undone)
        raise DataError(f"{path.name}: LEVEL: has been calibrated already (undone: {done}), give the raw file")
    detector = _detector(frame, path, how)
    recipe = detector.recipe() if how.until is None else detector.recipe().until(how.until)
    writer = io.OWN if how.fits else io.product_writer(frame, recipe.names)
    stem = io.product_writer(frame).stem(path)
    names = writer.product_names(stem, segments=_keeps_segments(detector))
    io.refuse_targets([out / name for name in names], overwrite=how.overwrite, inputs=[path])
    before = None if how.history is None else read_history(how.history, shape=detector.geometry.shape)
    made = recipe.run(frame, history=before, threads=how.threads)
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
    return provenance(detector, {"INPUT": path.name, "INSHA": sha256(path), **earlier})
