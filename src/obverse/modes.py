"""Read-out modes: the same sensor and electronics, another part of it read, or through another amplifier."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, cast

from obverse.errors import UsageError, nearest
from obverse.geometry import Geometry
from obverse.params import declared

if TYPE_CHECKING:
    from obverse.detector import Detector
    from obverse.effects import Effect
    from obverse.frame import Frame

__all__ = ["Mode", "in_mode", "mode_of", "modes_from_table", "modes_table"]


@dataclass(frozen=True)
class Mode:
    """What differs from the default mode of a detector.

    Parameters
    ----------
    name
        As the observatory calls it: ``"ENG_EM"``.
    geometry
        What is read; checked like any geometry when the file is loaded.
    effects
        Parameters that differ, by effect: ``{"bias_drift": {"seen_in": "overscan"}}``.
    """

    name: str
    geometry: Geometry
    effects: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    def changed(self, effect: Effect) -> Effect:
        """Return an effect as it is in this mode; refuses parameters that it has not."""
        values, known = self.effects[effect.name], declared(type(effect))
        for key in values:
            if key not in known:
                raise UsageError(f"modes.{self.name}: {effect.name}: unknown key {key!r}, {nearest(key, known)}")
        return cast("Effect", effect.replace(**values))

    def without(self, *names: str) -> Mode:
        """Return the mode of a detector without some effects."""
        return replace(self, effects={name: values for name, values in self.effects.items() if name not in names})


def in_mode(detector: Detector, name: str) -> Detector:
    """Return the detector in one of its modes; it has no other modes then: load it again for another."""
    if name == detector.mode:
        return detector
    for mode in detector.modes:
        if mode.name == name:
            return _switched(detector, mode)
    known = [m for m in (detector.mode, *(mode.name for mode in detector.modes)) if m]
    raise UsageError(f"detector {detector.name!r} has no mode {name!r}, {nearest(name, known)}")


def mode_of(detector: Detector, frame: Frame) -> Detector:
    """Return the detector in the mode that a frame names; else in the only mode whose files have its size.

    A camera with modes has files of a few sizes: one of another size is a simulation of a smaller sensor, and so is the
    detector then.
    """
    several = "amplifier" in frame.axes and frame.shape[-3] > 1  # one in read-out order is as large as its file
    if not detector.modes or several or "assemble" in frame.undone:
        return detector
    found = in_mode(detector, frame.exposure.mode) if frame.exposure.mode else _of_size(detector, frame)
    rows, columns = frame.shape[-2:]
    if found.geometry.file_shape == (rows, columns):
        return found
    return found.resized(found.geometry.of_file((rows, columns)).shape)


def _of_size(detector: Detector, frame: Frame) -> Detector:
    shape = frame.shape[-2:]
    if shape == detector.geometry.file_shape:
        return detector
    fitting = [mode.name for mode in detector.modes if mode.geometry.file_shape == shape]
    if len(fitting) > 1:
        raise UsageError(
            f"{frame.exposure.id}: {shape[0]} x {shape[1]} pixels fit the modes {', '.join(fitting)} of detector "
            f"{detector.name!r}, and the file names none: choose one, --detector {detector.name}:{fitting[0]}"
        )
    return in_mode(detector, fitting[0]) if fitting else detector


def _switched(detector: Detector, mode: Mode) -> Detector:
    changed = detector.replace(geometry=mode.geometry, mode=mode.name, modes=())
    for name in mode.effects:
        changed = changed.with_effect(mode.changed(changed.effect(name)))
    return changed


def modes_from_table(table: Mapping[str, Any]) -> tuple[Mode, ...]:
    """Build from the ``[modes]`` tables of a detector file."""
    return tuple(_mode(name, entry) for name, entry in table.items())


def modes_table(modes: tuple[Mode, ...]) -> dict[str, Any]:
    """Write the ``[modes]`` tables of a detector file."""
    return {mode.name: _told(mode) for mode in modes}


def _told(mode: Mode) -> dict[str, Any]:
    effects = {name: dict(values) for name, values in mode.effects.items()}
    return {"geometry": mode.geometry.to_table()} | ({"effects": effects} if effects else {})


def _mode(name: str, entry: Mapping[str, Any]) -> Mode:
    for key in entry:
        if key not in ("geometry", "effects"):
            raise UsageError(f"modes.{name}: unknown key {key!r}, {nearest(key, ('geometry', 'effects'))}")
    if "geometry" not in entry:
        raise UsageError(f"modes.{name}: 'geometry' is missing")
    try:
        return Mode(name, Geometry.from_table(entry["geometry"]), entry.get("effects", {}))
    except UsageError as problem:
        raise UsageError(f"modes.{name}: {problem}") from None
