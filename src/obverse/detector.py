"""A detector is data: geometry, effects, a read-out, a recipe, and where it was measured, a covariance."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from obverse import readout as readouts
from obverse.belief import Block, draw_effects
from obverse.chain import Chain, Run, refuse_wrong_order, refuse_wrong_unit
from obverse.effects import Effect, find
from obverse.errors import UsageError, nearest
from obverse.exposure import Exposure
from obverse.frame import Frame
from obverse.geometry import Geometry
from obverse.modes import Mode, in_mode, modes_from_table, modes_table
from obverse.readout import Readout
from obverse.recipe import LEARNING, Recipe, extra_steps

if TYPE_CHECKING:
    import os

    from obverse.io.ccd import Keywords
    from obverse.references import Reference, Setup

__all__ = ["SCHEMA", "Detector"]

SCHEMA = 1
"""Version of the detector file format."""

_TABLES = (
    "schema",
    "name",
    "summary",
    "geometry",
    "readout",
    "effects",
    "recipe",
    "file",
    "covariance",
    "mode",
    "modes",
)
_EXTRA_STEPS = ("assemble", "estimate")


@dataclass(frozen=True, eq=False)
class Detector:
    """Everything that is said of one detector, true or believed.

    Parameters
    ----------
    name
        Short name.
    geometry
        Sensor, amplifiers, scans.
    effects
        In the order in which they act.
    readout
        `SingleRead` or `UpTheRamp`.
    steps
        Names of the calibration steps, in order: effects, ``"assemble"`` and ``"estimate"``.
    summary
        One line on what it is and where its values come from.
    covariance
        What was measured together, and how well.
    file
        Keywords of its raw files.
    mode
        Name of the read-out mode that it is in, where it has several.
    modes
        The other modes.

    Raises
    ------
    UsageError
        If the sites of the effects are out of order, or the recipe leaves out or repeats an effect.

    Examples
    --------
    >>> detector = Detector.load("generic_ccd")
    >>> raw = detector.expose(2.0, Exposure("flat1", 10.0), seed=1)
    >>> detector.calibrate(raw).unit
    'photon'
    """

    name: str
    geometry: Geometry
    effects: tuple[Effect, ...]
    readout: Readout
    steps: tuple[str, ...]
    summary: str = ""
    covariance: tuple[Block, ...] = ()
    file: Keywords | None = field(default=None)
    mode: str = ""
    modes: tuple[Mode, ...] = ()

    def __post_init__(self) -> None:
        for mode in self.modes:
            for name in mode.effects:
                mode.changed(self.effect(name))
        refuse_wrong_order(self.effects)
        refuse_wrong_unit(self.effects)
        _refuse_bad_recipe(self)

    # -- both faces --------------------------------------------------------------------------------------------

    def expose(
        self,
        scene: Any,
        exposure: Exposure | None = None,
        *,
        seed: int,
        history: Any = None,
        threads: int | None = None,
        left: NDArray[Any] | None = None,
    ) -> Frame:
        """Turn light into a raw frame.

        Parameters
        ----------
        scene
            Rate of photons at the detector, a number or (row, column) [photon/s], or something that draws one
            (`obverse.scene.Scene`). A Quantity in electron/s enters behind the quantum efficiency.
        exposure
            What is set before the shutter opens; an up-the-ramp detector has a default.
        seed
            The same seed and exposure id give the same bytes.
        history
            What earlier exposures left behind.
        threads
            Worker threads; they change nothing but the time.
        left
            An array (row, column) that takes the charge which stands in the pixels at the end [electron]: what
            persistence will remember.

        Returns
        -------
        Frame
            Raw numbers in file layout [DN].
        """
        return self.readout.expose(*self._run_of(scene, exposure, seed, history=history, threads=threads, left=left))

    def respond(self, charge: Any, exposure: Exposure | None = None) -> NDArray[Any]:
        """Return what the chain without noise makes of a charge.

        Parameters
        ----------
        charge
            Charge in the pixels, a number or (row, column) [electron].
        exposure
            Sets what depends on it.

        Returns
        -------
        ndarray
            Raw values in file layout, neither rounded nor clipped [DN].
        """
        run = Run(self.chain, self._exposure(exposure), None)
        plane = np.broadcast_to(np.asarray(charge, np.float32), self.geometry.shape)
        return self.readout.respond(run, plane)

    def stages(self, scene: Any, exposure: Exposure | None = None, *, seed: int) -> list[tuple[str, NDArray[Any]]]:
        """Return the pixels behind each effect in turn, as often as it acted: to see why, and to debug."""
        seen: list[tuple[str, NDArray[Any]]] = []
        self.readout.expose(
            *self._run_of(scene, exposure, seed, watch=lambda name, pixels: seen.append((name, pixels.copy())))
        )
        return seen

    def calibrate(self, raw: Frame, **how: Any) -> Frame:
        """Turn a raw frame back into light, with errors and flags, by this detector's recipe."""
        return self.recipe().run(raw, **how)

    def recipe(self) -> Recipe:
        """Return the calibration steps."""
        return Recipe.of(self)

    def measured(
        self,
        *,
        bias: Iterable[Frame] = (),
        dark: Iterable[Frame] = (),
        flat: Iterable[Frame] = (),
        ramps: Iterable[Frame] = (),
        only: Iterable[str] = (),
        lags: int = 0,
        name: str | None = None,
    ) -> Detector:
        """Return a belief: this detector with its parameters measured from calibration exposures.

        See `obverse.measured.measured` for what each kind of exposure tells.
        """
        from obverse.measured import measured

        exposures = {"bias": tuple(bias), "dark": tuple(dark), "flat": tuple(flat), "ramps": tuple(ramps)}
        belief = measured(self, **exposures, only=tuple(only), lags=lags)
        return belief.replace(name=name or f"{self.name}-measured")

    def draw(self, seed: int) -> Detector:
        """Return the detector with its measured parameters drawn from their covariance."""
        return draw_effects(self, seed)

    def with_references(
        self, references: Iterable[Reference | str | os.PathLike[str]], setup: Setup | None = None
    ) -> Detector:
        """Return the detector with the values of reference files in place of its own.

        Parameters
        ----------
        references
            Files, directories of files, or what has been read of them; one of each kind at most.
        setup
            Instrument, detector and subarray that they must fit; None is the whole sensor of whatever they are for.

        Returns
        -------
        Detector
            Gain, read noise, levels, straightening, full well, flat and flags as maps, in electrons. An effect that
            it did not have takes its place in chain and recipe.

        Raises
        ------
        DataError
            If a file is no reference, is for another instrument, detector or read-out, or covers too little.

        Examples
        --------
        >>> from obverse.geometry import Section
        >>> from obverse.references import Reference
        >>> noise = Reference("readnoise", "", "", Section((0, 16), (0, 16)), {"cds": np.full((16, 16), 8.0)})
        >>> belief = Detector.load("jwst_nircam").resized((16, 16)).with_references([noise])
        >>> float(belief.effect("read_noise").sigma[0, 0])  # 8 DN over the root of two, times 2.05 electron/DN
        11.59
        """
        from obverse.reference_effects import with_references

        return with_references(self, references, setup)

    # -- parts -------------------------------------------------------------------------------------------------

    @cached_property
    def chain(self) -> Chain:
        """The forward chain."""
        return Chain(self.effects, self.geometry)

    def effect(self, name: str) -> Any:
        """Return one effect by name."""
        for effect in self.effects:
            if effect.name == name:
                return effect
        raise UsageError(
            f"detector {self.name!r} has no effect {name!r}, {nearest(name, [e.name for e in self.effects])}"
        )

    def has(self, name: str) -> bool:
        """Whether the detector has this effect."""
        return any(effect.name == name for effect in self.effects)

    def replace(self, **changes: Any) -> Detector:
        """Return a copy with some fields changed."""
        return replace(self, **changes)

    def with_effect(self, effect: Effect) -> Detector:
        """Return a copy in which this effect takes the place of the one with its name."""
        self.effect(effect.name)
        return self.replace(effects=tuple(effect if e.name == effect.name else e for e in self.effects))

    def without(self, *names: str) -> Detector:
        """Return a copy without some effects, in chain and recipe."""
        for name in names:
            self.effect(name)
        kept = tuple(e for e in self.effects if e.name not in names)
        modes = tuple(mode.without(*names) for mode in self.modes)
        return self.replace(effects=kept, steps=tuple(s for s in self.steps if s not in names), modes=modes)

    def resized(self, shape: tuple[int, int]) -> Detector:
        """Return the same detector with another sensor size (rows, columns), or its centred subarray.

        Examples
        --------
        >>> Detector.load("hst_wfc3_ir").resized((266, 266)).geometry.file_shape
        (266, 266)
        """
        if shape == self.geometry.shape:
            return self
        for effect in self.effects:
            for name, value in effect.to_table().items():
                if isinstance(value, np.ndarray) and value.shape[-2:] == self.geometry.shape:
                    raise UsageError(
                        f"detector {self.name!r}: {effect.name}.{name} is a map of {value.shape}, it cannot be resized"
                    )
        return self.replace(geometry=self.geometry.resized(shape), modes=())

    def in_mode(self, name: str) -> Detector:
        """Return the detector in another of its read-out modes.

        Examples
        --------
        >>> Detector.load("corgi_excam").in_mode("ENG_EM").geometry.file_shape
        (2200, 2200)
        """
        return in_mode(self, name)

    def with_covariance(self, *blocks: Block) -> Detector:
        """Return a copy with more covariance blocks."""
        return self.replace(covariance=(*self.covariance, *blocks))

    def _run_of(self, scene: Any, exposure: Exposure | None, seed: int, **how: Any) -> tuple[Run, NDArray[Any]]:
        chain, rate = self._entry(scene)
        return Run(chain, self._exposure(exposure), seed, **how), rate

    def _exposure(self, exposure: Exposure | None) -> Exposure:
        given = exposure or Exposure(detector=self.name)
        if self.readout.name == "ramp" and given.pattern is None:
            given = replace(given, pattern=self.readout.pattern(None), exposure_time=None)  # type: ignore[attr-defined]
        return replace(
            given,
            detector=given.detector or self.name,
            mode=given.mode or self.mode or None,
            k_gain=self._k_gain() if given.k_gain is None else given.k_gain,
        )

    def _k_gain(self) -> float | None:
        """Return the gain behind the register of an EMCCD, where it is one number."""
        if not (self.has("em_gain") and self.has("gain")):
            return None
        gain = np.asarray(self.effect("gain").gain)
        return float(gain.flat[0]) if gain.size == 1 else None

    def _entry(self, scene: Any) -> tuple[Chain, NDArray[np.float32]]:
        """Return the chain from where the scene enters, and the scene as a map."""
        chain, value = self.chain, scene.rate(self.geometry.shape) if hasattr(scene, "rate") else scene
        if hasattr(value, "unit"):
            if str(value.unit.physical_type) == "unknown" and value.unit.is_equivalent("electron/s"):
                chain = Chain(tuple(e for e in self.effects if e.name != "quantum_efficiency"), self.geometry)
                value = value.to_value("electron/s")
            else:
                value = value.to_value("photon/s")
        rate = np.asarray(value, np.float32)
        if not np.isfinite(rate).all() or (rate < 0).any():
            raise UsageError("expose: the scene holds rates that are negative or no numbers; light cannot be that")
        if rate.ndim == 0:
            return chain, np.broadcast_to(rate, self.geometry.shape)
        try:
            return chain, self.geometry.on_sensor(rate)
        except UsageError as problem:
            raise UsageError(f"expose: the scene: {problem}") from None

    # -- TOML --------------------------------------------------------------------------------------------------

    @classmethod
    def load(cls, what: str | Path | Mapping[str, Any]) -> Detector:
        """Load a detector.

        Parameters
        ----------
        what
            The name of a built-in detector, with a mode where it has several (``"corgi_excam:ENG_EM"``), the path of
            a TOML file, TOML text, or a table.

        Examples
        --------
        >>> Detector.load("generic_h2rg").readout.name
        'ramp'
        """
        from obverse.detector_file import load

        return load(what)

    @classmethod
    def from_table(cls, table: Mapping[str, Any]) -> Detector:
        """Build from the tables of a detector file; what is unknown or missing is refused with the nearest name."""
        for key in table:
            if key not in _TABLES:
                raise UsageError(f"detector: unknown key {key!r}, {nearest(key, _TABLES)}")
        for key in ("schema", "name", "geometry", "readout", "effects", "recipe"):
            if key not in table:
                raise UsageError(f"detector: {key!r} is missing")
        if table["schema"] != SCHEMA:
            raise UsageError(f"detector: schema is {table['schema']!r}, this version reads schema {SCHEMA}")
        return cls(
            name=table["name"],
            geometry=Geometry.from_table(table["geometry"]),
            effects=tuple(find(name).from_table(entry) for name, entry in table["effects"].items()),
            readout=readouts.from_table(table["readout"]),
            steps=_steps_of(table["recipe"]),
            summary=table.get("summary", ""),
            covariance=tuple(Block(tuple(b["names"]), np.asarray(b["matrix"])) for b in table.get("covariance", ())),
            file=_keywords_of(table.get("file")),
            mode=table.get("mode", ""),
            modes=modes_from_table(table.get("modes", {})),
        )

    def to_table(self) -> dict[str, Any]:
        """Return the tables of a detector file; maps stay arrays."""
        table: dict[str, Any] = {"schema": SCHEMA, "name": self.name}
        if self.summary:
            table["summary"] = self.summary
        table["geometry"] = self.geometry.to_table()
        table["readout"] = {"kind": self.readout.name, **self.readout.to_table()}
        table["effects"] = {effect.name: _told(effect) for effect in self.effects}
        table["recipe"] = {"steps": list(self.steps)}
        if self.file is not None:
            table["file"] = _keywords_table(self.file)
        if self.mode:
            table["mode"] = self.mode
        if self.modes:
            table["modes"] = modes_table(self.modes)
        if self.covariance:
            table["covariance"] = [{"names": list(b.names), "matrix": b.matrix} for b in self.covariance]
        return table

    def to_toml(self) -> str:
        """Write the detector as TOML text; a detector with maps must be saved with `save`."""
        from obverse.detector_file import to_toml

        return to_toml(self)

    def save(self, path: str | Path, *, overwrite: bool = False) -> None:
        """Write a TOML file, with maps in a FITS file beside it, bound to it by hash."""
        from obverse.detector_file import save

        save(self, Path(path), overwrite=overwrite)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Detector):
            return NotImplemented
        fields = ("name", "geometry", "effects", "readout", "steps", "summary", "covariance", "file", "mode", "modes")
        return all(getattr(self, f) == getattr(other, f) for f in fields)

    def __hash__(self) -> int:
        return hash((self.name, self.geometry, self.steps))

    def digest(self) -> str:
        """Hash of everything that is said of the detector, equal for equal detectors."""
        from obverse.detector_file import digest

        return digest(self)


def _told(effect: Effect) -> dict[str, Any]:
    """Leave out what a file need not say: the usual site, and empty words."""
    table = effect.to_table()
    default = type(effect).__dataclass_fields__["site"].default
    return {
        k: v for k, v in table.items() if not (k == "site" and v == default) and not (isinstance(v, str) and v == "")
    }


def _steps_of(table: Mapping[str, Any]) -> tuple[str, ...]:
    for key in table:
        if key != "steps":
            raise UsageError(f"recipe: unknown key {key!r}, {nearest(key, ['steps'])}")
    return tuple(table.get("steps", ()))


def _keywords_of(table: Mapping[str, Any] | None) -> Keywords | None:
    """Build the keywords of the ``[file]`` table; gain and noise are the detector's own unless it names keywords."""
    if table is None:
        return None
    from obverse.io.ccd import Keywords

    known = [f.name for f in fields(Keywords)]
    for key in table:
        if key not in known:
            raise UsageError(f"file: unknown key {key!r}, {nearest(key, known)}")
    return Keywords(**{"gain": None, "read_noise": None, **table})


def _keywords_table(keywords: Keywords) -> dict[str, Any]:
    """Return the ``[file]`` table: what differs from saying nothing."""
    silent = type(keywords)(gain=None, read_noise=None)
    told = {f.name: getattr(keywords, f.name) for f in fields(keywords)}
    return {k: v for k, v in told.items() if v is not None and v != getattr(silent, k)}


def _refuse_bad_recipe(detector: Detector) -> None:
    """Refuse a recipe with an unknown or repeated step, or without an effect that can be undone."""
    undone = [e.name for e in detector.effects if e.is_undone]
    learning = [step for step, effects in LEARNING.items() if all(detector.has(name) for name in effects)]
    known = [*undone, *_EXTRA_STEPS, *learning, *extra_steps()]
    for step in detector.steps:
        if step not in known:
            raise UsageError(f"recipe: unknown step {step!r}, {nearest(step, known)}")
        if detector.steps.count(step) > 1:
            raise UsageError(f"recipe: step {step!r} stands there {detector.steps.count(step)} times, once is enough")
    needed = [*undone, "estimate"] if detector.geometry.is_plain else [*undone, *_EXTRA_STEPS]
    for name in needed:
        if name not in detector.steps:
            raise UsageError(f"recipe: {name!r} is missing; the recipe is {' -> '.join(detector.steps)}")
