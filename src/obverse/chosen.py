"""With which detector a file is calibrated: the one it names, cut to what it holds, told what is known of it."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from obverse import io
from obverse.detector import Detector
from obverse.detector_file import aliases, built_in
from obverse.errors import ObverseWarning, UsageError
from obverse.frame import Frame
from obverse.modes import mode_of
from obverse.params import declared
from obverse.references import KINDS, Reference, Setup, chosen_for
from obverse.window import windowed

__all__ = ["detector_of", "fitting", "informed", "of_this_kind", "referred", "tuned"]


def detector_of(frame: Frame) -> Detector:
    """Return the built-in detector that a file names, by its own name or one of those in its ``[file]`` table.

    Raises
    ------
    UsageError
        If none has that name. Not even another one of the same instrument is taken for it: a name with a slip in it
        would choose the wrong values.
    """
    said = frame.exposure.detector or "nothing"
    name = aliases().get(said, said)
    if name not in built_in():
        raise UsageError(
            f"its detector is {said!r}{_siblings(said)}: say which one to use, --detector {'|'.join(built_in())}, "
            "or write a TOML file of your own (CONVENTIONS.md, detector files)"
        )
    return Detector.load(name)


def _siblings(said: str) -> str:
    """Return the detectors that are known of the same instrument, in words."""
    instrument = said.partition("/")[0]
    known = sorted(alias for alias in aliases() if alias.partition("/")[0] == instrument)
    return f", known of {instrument} are {', '.join(alias.partition('/')[2] for alias in known)}" if known else ""


def of_this_kind(detector: Detector, frame: Frame) -> Detector:
    """Return the detector, or refuse one that is read once for a ramp, and the other way round."""
    is_ramp = "resultant" in frame.axes
    if is_ramp == _reads_ramps(detector):
        return detector
    others = "|".join(name for name in built_in() if _reads_ramps(Detector.load(name)) == is_ramp)
    what, how = ("a ramp", "is read once") if is_ramp else ("a single read", "reads up the ramp")
    raise UsageError(
        f"{frame.exposure.id}: holds {what}, detector {detector.name!r} {how}: choose another, --detector {others}, "
        "or a TOML file of your own"
    )


def _reads_ramps(detector: Detector) -> bool:
    return detector.readout.name == "ramp"


def fitting(detector: Detector, frame: Frame | None) -> Detector:
    """Return the detector, cut to the subarray that the file holds; to a centred one where it does not say which."""
    detector = detector if frame is None else mode_of(detector, frame)
    geometry = detector.geometry
    if frame is None or not geometry.is_plain or "amplifier" in frame.axes:
        return detector
    rows, columns = frame.shape[-2:]
    setup = io.setup_of(frame)
    if setup is not None and setup.section is not None and geometry.shape != (rows, columns):
        return windowed(detector, setup.section)
    return detector.resized((rows, columns))


def informed(detector: Detector, frame: Frame, path: Path) -> Detector:
    """Return the detector with the gain and noise that the header names, unless they have been measured."""
    measured_names = {name.split(".")[0] for block in detector.covariance for name in block.names}
    said = io.constants(frame)
    for name, parameter in (("gain", "gain"), ("read_noise", "sigma")):
        if name in said and name not in measured_names and detector.has(name):
            values = np.array(said[name]) if len(said[name]) > 1 else said[name][0]
            told = detector.effect(name).replace(**{parameter: values, "source": f"header of {path.name}"})
            detector = detector.with_effect(told)
    return detector


def referred(detector: Detector, references: Sequence[Reference], frame: Frame) -> Detector:
    """Return the detector with the values of the references; say which kinds nobody gave where the file needs them."""
    setup = io.setup_of(frame)
    if setup is not None:
        references = chosen_for(references, setup)
        _refuse_larger(references, frame, setup)
        _warn_of_typical_values(detector, references, frame, setup)
    return detector if setup is None and not references else detector.with_references(references, setup)


def _refuse_larger(references: Sequence[Reference], frame: Frame, setup: Setup) -> None:
    """Refuse references of the real sensor for a simulation of a smaller one: its pixels are no part of that."""
    rows, columns = frame.shape[-2:]
    for reference in references:
        covered = reference.subarray.shape
        if setup.section is None and (covered[0] > rows or covered[1] > columns):
            raise UsageError(
                f"{reference.path}: covers {reference.subarray.to_iraf()} of the sensor, {frame.exposure.id!r} "
                f"simulates a detector of {rows} x {columns}: give references of that size, or simulate without --shape"
            )


_OPTIONS: Mapping[str, str] = {
    "estimator": "--estimator",
    "save_segments": "--save-opt",
    "suppress_one_group": "--no-suppress-one-group",
}
"""Parameters of the read-out, by the options of the command line that set them."""


def tuned(detector: Detector, fit: Mapping[str, str]) -> Detector:
    """Return the detector with another ramp fit."""
    if not fit:
        return detector
    unknown = [_OPTIONS.get(name, name) for name in fit if name not in declared(type(detector.readout))]
    if unknown:
        raise UsageError(
            f"detector {detector.name!r} fits no ramps, so that {', '.join(unknown)} says nothing: leave it out, or "
            "choose another --detector"
        )
    return detector.replace(readout=detector.readout.replace(**fit))


def _warn_of_typical_values(detector: Detector, references: Sequence[Reference], frame: Frame, setup: Setup) -> None:
    given = {reference.kind for reference in references} | (set() if setup.has_superbias else {"superbias"})
    measured_names = {name.split(".")[0] for block in detector.covariance for name in block.names}
    known = measured_names | set(frame.undone)
    missing = [k for k, effect in KINDS.items() if k not in given and effect not in known and detector.has(effect)]
    if missing:
        what = f"no reference for {', '.join(missing)}: the typical values of detector {detector.name!r} are used"
        good_for = "good for a first look and for planning, not for photometry"
        warnings.warn(f"{what}, {good_for} (--reference FILE)", ObverseWarning, stacklevel=2)
