"""Recipes: the visible, ordered list of calibration steps, run over tiles of rows."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cache
from importlib.metadata import entry_points
from threading import Lock
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from obverse.effects import WHOLE
from obverse.errors import UsageError, nearest
from obverse.first_read import with_first_read
from obverse.flags import Flag
from obverse.frame import Frame
from obverse.geometry import Geometry
from obverse.history import History
from obverse.joint import with_joint_variance
from obverse.moment import Moment
from obverse.noise import read_noise
from obverse.scaling import add_pixel_flag
from obverse.tiles import run_tiled

if TYPE_CHECKING:
    from obverse.detector import Detector

__all__ = ["LEARNING", "Recipe", "Step", "extra_steps"]

LEARNING: Mapping[str, tuple[str, ...]] = MappingProxyType({"zero_level": ("bias_drift", "em_gain", "gain")})
"""Steps that undo no effect of their own, and the effects that they learn from."""


@dataclass(frozen=True)
class Step:
    """One calibration step.

    Parameters
    ----------
    name
        The effect that it undoes, or ``"assemble"``, ``"estimate"``.
    work
        What it does to a frame, or to a tile of one.
    halo
        Rows on each side that it needs; `WHOLE` makes it a barrier.
    """

    name: str
    work: Callable[[Frame, Moment], Frame]
    halo: int = 0

    def __call__(self, frame: Frame, at: Moment) -> Frame:
        """Do it, and note that it was done."""
        if self.name in frame.undone:
            raise UsageError(f"recipe: {self.name!r} has been undone already; undone are {frame.undone}")
        done = with_first_read(self.name, self.work, frame, self.work(frame, at), at)
        if "estimate" in frame.undone and "integrations" in frame.companions:  # what follows the fit is for them too
            apart = frame.companions["integrations"]
            each = self.work(apart.replace(undone=frame.undone), at).replace(undone=apart.undone)
            done = done.replace(companions={**done.companions, "integrations": each})
        return done.replace(undone=(*frame.undone, self.name))


@dataclass(frozen=True)
class Recipe:
    """An ordered list of steps for one detector.

    Examples
    --------
    >>> from obverse import Detector
    >>> Detector.load("generic_h2rg").recipe().until("gain").names
    ('adc', 'saturation', 'bias', 'bias_drift', 'gain')
    """

    detector: Detector
    steps: tuple[Step, ...]

    @classmethod
    def of(cls, detector: Detector) -> Recipe:
        """Make the recipe that a detector's ``[recipe]`` lists."""
        return cls(detector, tuple(_step(detector, name) for name in detector.steps))

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the steps, in order."""
        return tuple(step.name for step in self.steps)

    def until(self, name: str) -> Recipe:
        """Return the recipe that stops behind the step `name`."""
        if name not in self.names:
            raise UsageError(f"recipe: no step {name!r}, {nearest(name, self.names)}")
        return replace(self, steps=self.steps[: self.names.index(name) + 1])

    def before(self, name: str) -> Recipe:
        """Return the recipe that stops in front of the step `name`."""
        return replace(self, steps=self.until(name).steps[:-1])

    def without(self, *names: str) -> Recipe:
        """Return the recipe without some steps."""
        for name in names:
            self.until(name)
        return replace(self, steps=tuple(step for step in self.steps if step.name not in names))

    def run(
        self,
        raw: Frame,
        *,
        history: History | None = None,
        threads: int | None = None,
        tile_rows: int | None = None,
        progress: Callable[[str, float], None] | None = None,
    ) -> Frame:
        """Carry out the steps that the frame has not had yet.

        Parameters
        ----------
        raw
            A frame in file layout, or one that stopped in the middle.
        history
            What earlier exposures left behind, for `persistence`.
        threads
            Worker threads; the result does not depend on them.
        tile_rows
            Height of a tile, a multiple of 16; the result does not depend on it.
        progress
            Called with the name of the last step of each pass and the fraction done.

        Raises
        ------
        UsageError
            If the frame does not fit the detector.
        """
        frame = self._begin(raw)
        todo = [step for step in self.steps if step.name not in raw.undone]
        response: _Response | None = None
        for i, steps in _passes(todo):
            whole = Moment.of(frame, self.detector.geometry).replace(history=history)
            if response is None or not response.holds(whole):
                response = _Response(self.detector, whole)
            frame = self._pass(frame, steps, whole, response, threads, tile_rows)
            if progress is not None:
                progress(steps[-1].name, (i + len(steps)) / len(todo))
        return frame

    def _begin(self, raw: Frame) -> Frame:
        """Bring a file into the layout in which calibration starts."""
        geometry = self.detector.geometry
        if "amplifier" in raw.axes or "assemble" in raw.undone:
            return raw
        if raw.shape[-2:] != geometry.file_shape:
            raise UsageError(
                f"{raw.exposure.id}: the frame has {raw.shape[-2:]} pixels (row, column), "
                f"detector {self.detector.name!r} writes files of {geometry.file_shape}: "
                f"give one of the frame's size, --detector TOML, as Detector.resized((rows, columns)).save() writes"
            )
        return _with_reference_pixels(raw, geometry) if geometry.is_plain else clocked(raw, geometry)

    def _pass(
        self,
        frame: Frame,
        steps: list[Step],
        whole: Moment,
        response: _Response,
        threads: int | None,
        tile_rows: int | None,
    ) -> Frame:
        """Run steps that touch the same tile, one tile after the other."""
        barrier = steps[0].halo == WHOLE
        whole = whole.replace(threads=threads if barrier else 1)  # the tile runner owns the threads

        def work(tile: Frame, rows: slice) -> Frame:
            at = whole.replace(rows=rows, respond=response.at(rows))
            at = at.replace(read_noise=self._noise(at), excess=self._excess(at))
            for step in steps:
                tile = step(tile, at)
            return tile

        if barrier:
            return work(frame, slice(None))
        return run_tiled(frame, work, halo=sum(step.halo for step in steps), threads=threads, height=tile_rows)

    def _excess(self, at: Moment) -> float:
        return math.prod(effect.excess(at.exposure) for effect in self.detector.effects)

    def _noise(self, at: Moment) -> NDArray[Any]:
        detector = self.detector
        cancels = ("integration",) if detector.readout.name == "ramp" else ()
        return read_noise(detector.effects, at, cancels=cancels)


def _with_reference_pixels(frame: Frame, geometry: Geometry) -> Frame:
    """Mark the pixels that see no light: they have no rate."""
    if geometry.sensitive.all():
        return frame
    return add_pixel_flag(frame, ~geometry.sensitive, Flag.REFERENCE_PIXEL | Flag.DO_NOT_USE)


def clocked(frame: Frame, geometry: Geometry) -> Frame:
    """Turn a frame from file layout into read-out order."""
    flags = None if frame.flags is None else geometry.clock(frame.flags)
    axes = (*frame.axes[:-2], "amplifier", "row", "column")
    if frame.pixel_flags is not None and len(geometry.amplifiers) > 1:
        raise UsageError("a raw frame with scans cannot have pixel flags yet: give them to the assembled image")
    pixel_flags = None if frame.pixel_flags is None else geometry.clock(frame.pixel_flags)[0]
    known = frame.variances and {name: geometry.clock(plane) for name, plane in frame.variances.items()}
    data = geometry.clock(frame.data)
    return frame.replace(data=data, axes=axes, flags=flags, pixel_flags=pixel_flags, variances=known)


def assembled(frame: Frame, at: Moment) -> Frame:
    """Trim the scans and put the amplifiers together: what they held is lost."""
    flags = None if frame.flags is None else at.geometry.assemble(frame.flags)
    pixel_flags = None if frame.pixel_flags is None else at.geometry.assemble(frame.pixel_flags[None])
    axes = tuple(axis for axis in frame.axes if axis != "amplifier")
    known = {name: at.geometry.assemble(plane) for name, plane in (frame.variances or {}).items()} or None
    image = frame.replace(
        data=at.geometry.assemble(frame.data), axes=axes, flags=flags, pixel_flags=pixel_flags, variances=known
    )
    covered = at.geometry.sensitive & ~at.geometry.sees_light
    return add_pixel_flag(image, covered, Flag.NON_SCIENCE | Flag.DO_NOT_USE) if covered.any() else image


class _Response:
    """What charges end as in an exposure, computed once for the whole detector and cut to the rows in hand."""

    def __init__(self, detector: Detector, at: Moment) -> None:
        self._detector, self._at = detector, at
        self._known: dict[float | tuple[int], tuple[ArrayLike, NDArray[Any]]] = {}
        self._lock = Lock()  # one thread computes, the others wait: the whole chain runs once

    def holds(self, at: Moment) -> bool:
        """Say whether it is the same at another moment: passes of one layout share it."""
        return (at.layout, at.exposure) == (self._at.layout, self._at.exposure)

    def at(self, rows: slice) -> Callable[[ArrayLike], NDArray[Any]]:
        """Return the response at some rows."""
        return lambda charge: self._whole(charge)[..., rows, :]

    def _whole(self, charge: ArrayLike) -> NDArray[Any]:
        # a number is known by its value; a map by its id, and kept beside its response, so that no other takes that
        key = float(charge) if np.ndim(charge) == 0 else (id(charge),)  # type: ignore[arg-type]
        with self._lock:
            if key not in self._known:
                self._known[key] = charge, self._computed(charge)
            return self._known[key][1]

    def _computed(self, charge: ArrayLike) -> NDArray[Any]:
        geometry = self._detector.geometry
        plane = np.broadcast_to(self._at.replace(layout="sensor").plane(charge), geometry.shape)
        raw = self._detector.respond(plane, self._at.exposure)
        return geometry.clock(raw) if self._at.layout == "clocked" else raw


@cache
def extra_steps() -> Mapping[str, Callable[[Frame, Moment], Frame]]:
    """Return the steps of third parties, by name: entry points ``obverse.recipes``, functions of (frame, at)."""
    return MappingProxyType({point.name: point.load() for point in entry_points(group="obverse.recipes")})


def _step(detector: Detector, name: str) -> Step:
    if name in extra_steps():
        return Step(name, extra_steps()[name], WHOLE)
    if name == "zero_level":
        from obverse.emccd.zeroing import Zeroing  # late: other detectors need nothing of registers

        return Step(name, Zeroing(detector), WHOLE)
    if name == "assemble":
        return Step(name, assembled, WHOLE)
    if name == "estimate":
        return Step(name, with_joint_variance(detector, name, detector.readout.estimate), detector.readout.halo)
    effect = detector.effect(name)
    return Step(name, with_joint_variance(detector, name, effect.correct), effect.halo)


def _passes(steps: list[Step]) -> Iterator[tuple[int, list[Step]]]:
    """Split at barriers: a step that needs the whole frame stands alone."""
    start = 0
    for i, step in enumerate(steps):
        if step.halo == WHOLE:
            if i > start:
                yield start, steps[start:i]
            yield i, [step]
            start = i + 1
    if start < len(steps):
        yield start, steps[start:]
