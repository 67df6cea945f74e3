"""Detectors and files in words."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from obverse.detector import Detector
from obverse.detector_file import built_in
from obverse.effects import Effect
from obverse.exposure import Exposure
from obverse.flags import Flag
from obverse.frame import Frame
from obverse.params import declared
from obverse.references import Reference

__all__ = ["describe"]


def describe(what: str | None = None, detector: str | None = None, overrides: Mapping[str, str] | None = None) -> str:
    """Describe a detector (built-in name or TOML file), or a file, which `detector` may help to read.

    Without `what`, or with ``"detectors"``, list the built-in detectors.

    Examples
    --------
    >>> describe("generic_ccd").splitlines()[0][:31]
    'generic_ccd: A deep-depletion C'
    """
    if what is None or what == "detectors":
        return "\n".join(_list())
    if what in built_in() or not Path(what).is_file() or what.endswith(".toml"):
        return "\n".join(_detector(Detector.load(what)))
    from obverse.io import open_fits, read, read_reference, scan_fits
    from obverse.io.jwst_fitopt import is_fitopt, planes

    units = () if what.lower().endswith(".asdf") else scan_fits(what)
    if units and "REFTYPE" in units[0].header:
        return "\n".join(_reference(read_reference(what)))
    if units and is_fitopt(units):
        return "\n".join(planes(open_fits(what), what))
    keywords = None if detector is None else Detector.load(detector)
    return "\n".join(_frame(read(what, detector=keywords, overrides=overrides)))


def _list() -> Iterator[str]:
    """Name the built-in detectors, with the first words of what each of them is."""
    yield "built-in detectors (obverse show NAME says all of one):"
    for name in built_in():
        yield f"  {name:18} {Detector.load(name).summary.partition(';')[0].partition(':')[0]}"


def _reference(reference: Reference) -> Iterator[str]:
    whom = f"{reference.instrument or 'any instrument'}, {reference.detector or 'any detector'}"
    yield f"{reference.path}: {reference.kind} reference of {whom}, {reference.subarray.to_iraf()} of its sensor"
    for name, plane in reference.planes.items():
        yield f"  {name} = {_value(plane)}"


def _detector(detector: Detector) -> Iterator[str]:
    geometry = detector.geometry
    yield f"{detector.name}: {detector.summary}"
    sensor, file = (" x ".join(map(str, shape)) for shape in (geometry.shape, geometry.file_shape))
    yield f"  sensor {sensor} (row, column), file {file}; read-out: {detector.readout.name}"
    yield f"  amplifiers: {', '.join(a.name for a in geometry.amplifiers)}"
    yield "chain, as a photon meets it:"
    for effect in detector.effects:
        yield f"  {effect.site:9} {effect.name:24} {_contracts(effect)}"
        yield from _parameters(effect)
    yield "recipe: " + " -> ".join(detector.steps)
    for block in detector.covariance:
        yield f"measured together: {', '.join(block.names)}"


def _contracts(effect: Effect) -> str:
    return ", ".join(type(contract).__name__ for contract in effect.contracts)


def _parameters(effect: Effect) -> Iterator[str]:
    for name, info in declared(type(effect)).items():
        value = getattr(effect, name)
        if name in ("site", "source") or value is None:
            continue
        yield f"              {name} = {_value(value)} {info.unit}".rstrip() + f"  ({info.doc})"
    if effect.source:
        yield f"              source: {effect.source}"


def _value(value: Any) -> str:
    if isinstance(value, np.ndarray) and value.size > 16:
        return f"map {value.shape}, mean {np.nanmean(value):.5g}, scatter {np.nanstd(value):.3g}"
    return str(value.tolist() if isinstance(value, np.ndarray) else value)


def _undone(frame: Frame) -> Iterator[str]:
    """Say what has been undone: here, by the run that made the file, and before, by whoever made its input."""
    from obverse.io import DONE_BEFORE, provenance_of

    recorded = provenance_of(frame)
    is_ours = "obverse version" in recorded
    before = recorded.get(DONE_BEFORE, "").split(", ") if is_ours else list(frame.undone)
    here = [name for name in frame.undone if name not in before]
    earlier = [name for name in frame.undone if name in before]
    if earlier:
        yield f"  undone before: {', '.join(earlier)}"
    if here or not earlier:
        yield f"  undone{' here' if here else ''}: {', '.join(here) or 'nothing'}"


def _more(exposure: Exposure) -> str:
    """Return filter, start and integrations, where they are told."""
    told = {"filter": exposure.filter, "started": exposure.start}
    said = [f"{word} {value}" for word, value in told.items() if value]
    said += [f"{exposure.integrations} integrations"] if exposure.integrations > 1 else []
    return "".join(f", {each}" for each in said)


def _frame(frame: Frame) -> Iterator[str]:
    exposure = frame.exposure
    seconds = "of unknown time" if exposure.exposure_time is None else f"{exposure.exposure_time:.7g} s"
    yield f"{exposure.id}: {exposure.kind} exposure, {seconds}, detector {exposure.detector}{_more(exposure)}"
    axes = ", ".join(f"{name} {n}" for name, n in zip(frame.axes, frame.shape, strict=True))
    yield f"  {frame.data.dtype} ({axes}) [{frame.unit}]"
    yield from _undone(frame)
    data = np.asarray(frame.data, np.float64)
    low, high, missing = np.nanmin(data), np.nanmax(data), np.isnan(data).mean()
    yield f"  data: median {np.nanmedian(data):.6g}, from {low:.6g} to {high:.6g}, {missing:.2%} NaN"
    for name, plane in (frame.variances or {}).items():
        kind = "shared" if name in frame.shared else "independent"
        yield f"  variance {name} ({kind}): median {np.nanmedian(plane):.6g}"
    for label, flags in (("flags", frame.flags), ("pixel flags", frame.pixel_flags)):
        if flags is not None:
            counts = [
                f"{flag.name} {np.count_nonzero(flags & flag)}" for flag in Flag if (flags & np.uint32(flag)).any()
            ]
            yield f"  {label}: {', '.join(counts) or 'none set'}"
    if frame.companions:
        yield f"  companions: {', '.join(frame.companions)}"
