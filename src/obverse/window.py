"""A part of a detector: what a subarray reads."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from obverse.errors import UsageError
from obverse.geometry import Amplifier, Geometry, Section
from obverse.params import declared

if TYPE_CHECKING:
    from obverse.detector import Detector
    from obverse.effects import Effect

__all__ = ["picked", "windowed"]


def windowed(detector: Detector, section: Section) -> Detector:
    """Return the detector as a subarray sees it: its pixels, those of its reference pixels that lie inside, its maps.

    Parameters
    ----------
    detector
        The whole detector, whose file and sensor are the same pixels.
    section
        The part that is read, in rows and columns of the sensor.

    Returns
    -------
    Detector
        Its amplifiers are those of the whole where equal parts of them tile the section; else one amplifier reads
        all, and what differed between amplifiers becomes a map. Where an amplifier is left without reference
        pixels, `bias_drift` is left out if it needs them: the drift stays in the data.

    Raises
    ------
    UsageError
        If the section leaves the sensor, or the detector has scans.

    Examples
    --------
    >>> from obverse import Detector
    >>> corner = windowed(Detector.load("generic_h2rg"), Section((0, 64), (480, 544)))
    >>> corner.geometry.reference, [a.name for a in corner.geometry.amplifiers]
    ((4, 0, 0, 0), ['1', '2'])
    """
    whole = detector.geometry
    if section == Section((0, whole.shape[0]), (0, whole.shape[1])):
        return detector
    if not whole.is_plain or section.rows[1] > whole.shape[0] or section.columns[1] > whole.shape[1]:
        raise UsageError(
            f"detector {detector.name!r}: subarray {section.to_iraf()} is not a part of its sensor {whole.shape} "
            "(row, column): name the detector that the file comes from"
        )
    kept = _amplifiers(whole, section)
    geometry = Geometry(section.shape, tuple(kept.values()), reference=_reference(whole, section))
    effects = tuple(_cut(effect, whole, section, list(kept)) for effect in detector.effects)
    cut = detector.replace(geometry=geometry, effects=effects)
    return cut.without("bias_drift") if _is_blind(cut) else cut


def picked(effects: Sequence[Effect], geometry: Geometry, row: Any, column: Any) -> tuple[Effect, ...]:
    """Return effects of single pixels for some of them alone, in one line (1, pixel).

    Parameters
    ----------
    effects
        Without neighbours (`pointwise`), on the sensor.
    geometry
        Of the sensor that they are of.
    row, column
        The pixels, (pixel,).
    """
    return tuple(_changed(effect, geometry, lambda plane: plane[..., row, column][..., None, :]) for effect in effects)


def _is_blind(detector: Detector) -> bool:
    """Say whether the drift is to be seen in reference pixels of which an amplifier has none."""
    if not detector.has("bias_drift") or detector.effect("bias_drift").seen_in != "reference":
        return False
    blind = ~detector.geometry.sensitive
    return not all(amplifier.section.cut(blind).any() for amplifier in detector.geometry.amplifiers)


def _reference(whole: Geometry, section: Section) -> tuple[int, int, int, int]:
    """Return the reference pixels that are left: bottom, top, left, right."""
    bottom, top, left, right = whole.reference
    (first, last), (start, stop) = section.rows, section.columns
    rows, columns = whole.shape
    return (
        max(bottom - first, 0),
        max(last - (rows - top), 0),
        max(left - start, 0),
        max(stop - (columns - right), 0),
    )


def _amplifiers(whole: Geometry, section: Section) -> dict[int, Amplifier]:
    """Return the parts of the amplifiers by their number; empty where they are not all of one size."""
    parts = {i: _part(amplifier, section) for i, amplifier in enumerate(whole.amplifiers)}
    found = {i: part for i, part in parts.items() if min(part.section.shape) > 0}
    return found if len({part.section.shape for part in found.values()}) == 1 else {}


def _part(amplifier: Amplifier, section: Section) -> Amplifier:
    rows, columns = _overlap(amplifier.rows, section.rows), _overlap(amplifier.columns, section.columns)
    return replace(amplifier, rows=rows, columns=columns)


def _overlap(own: tuple[int, int], window: tuple[int, int]) -> tuple[int, int]:
    """Return the part of a range that lies in a window, counted from where the window starts."""
    start, stop = window
    return min(max(own[0] - start, 0), stop - start), min(max(own[1] - start, 0), stop - start)


def _cut(effect: Any, whole: Geometry, section: Section, kept: Sequence[int]) -> Any:
    """Cut the maps of an effect, and keep the values of the amplifiers that are left."""
    return _changed(effect, whole, section.cut, kept)


def _changed(effect: Any, whole: Geometry, cut: Callable[[Any], Any], kept: Sequence[int] = ()) -> Any:
    """Cut the maps of an effect; what differs between amplifiers becomes a map, unless some are `kept`."""
    changed = {}
    for name, info in declared(type(effect)).items():
        value = getattr(effect, name)
        if not isinstance(value, np.ndarray):
            continue
        if value.shape[-2:] == whole.shape:
            changed[name] = cut(value)
        elif value.shape[-1] == len(whole.amplifiers) > 1 and _is_by_amplifier(info.shape, value):
            changed[name] = value[..., kept] if kept else cut(value[..., whole.amplifier_map])
    return effect.replace(**changed) if changed else effect


def _is_by_amplifier(shape: str, value: NDArray[Any]) -> bool:
    return (shape == "any" and value.ndim == 1) or (shape == "coefficients" and value.ndim == 2)
