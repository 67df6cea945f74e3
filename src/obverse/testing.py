r"""The laws of the contracts, as functions: what an effect promises is checked, not believed.

``check_effect(effect, geometry)`` carries out every law that the effect's contracts name. A law fails when it found
nothing to check, and a statistical one passes only where an error of five standard errors would still be
inside its tolerance: a sample that is too small fails instead of passing.

Examples
--------
>>> from obverse import Geometry
>>> from obverse.effects.gain import Gain
>>> check_effect(Gain(gain=2.0), Geometry((96, 64)))
('contracts', 'table', 'documented', 'imprint', 'modest', 'tiles', 'exact')
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import count
from typing import Any

import numpy as np
from numpy.typing import NDArray

from obverse.contract import Approximate, Averages, Contract, Exact, Flags, Lost, Scales, Subtracts
from obverse.effects import WHOLE, Effect
from obverse.errors import UsageError
from obverse.exposure import Exposure
from obverse.flags import Flag
from obverse.frame import Frame
from obverse.geometry import Geometry
from obverse.history import History
from obverse.moment import Moment
from obverse.pattern import ReadPattern
from obverse.readout import SingleRead, UpTheRamp
from obverse.seeds import SILENT, Address, Silence, Stream
from obverse.tiles import run_tiled

__all__ = [
    "Stand",
    "check_approximate",
    "check_averages",
    "check_contracts",
    "check_documented",
    "check_effect",
    "check_equivalent",
    "check_exact",
    "check_flags",
    "check_imprint",
    "check_lost",
    "check_modest",
    "check_refused",
    "check_scales",
    "check_subtracts",
    "check_table",
    "check_tiles",
    "require",
]

Array = NDArray[Any]

SIGMAS = 5.0
"""Five sigma: with some hundred checks a run, one false alarm in ten thousand runs."""

TOLERANCE = 0.02
"""A variance must be right to 2 %, a mean to 2 % of the scatter: half of it is 5 sigma of 500 000 values."""

TOLERANCE_OF_FEW = 0.1
"""What many pixels share has few independent values in a realisation: half of it is 5 sigma of 20 000 of them."""

_MOST_REALISATIONS = 20_000
_FEW = 100
_NOISE = 5.0
_LIGHT = 1000.0


def require(condition: object, message: str) -> None:
    """Raise AssertionError unless the condition holds; unlike ``assert`` it also does so under ``python -O``."""
    if not condition:
        raise AssertionError(message)


def check_equivalent(
    what: str, value: Any, target: float, error: Any, tolerance: float, sigmas: float = SIGMAS
) -> None:
    """Pass only if `value` lies so near to `target` that `sigmas` of its `error` more stay within `tolerance`.

    Examples
    --------
    >>> check_equivalent("mean", 0.001, 0.0, error=0.001, tolerance=0.02)
    >>> check_equivalent("mean", 0.001, 0.0, error=0.1, tolerance=0.02)
    Traceback (most recent call last):
    ...
    AssertionError: mean is 0.001 +- 0.1, that is not 0 within 0.02 at 5 sigma
    """
    off = np.abs(np.asarray(value, np.float64) - target) + sigmas * np.asarray(error, np.float64)
    require(off.size and np.isfinite(off).all(), f"{what}: nothing was measured: {value} +- {error}")
    require(
        (off < tolerance).all(),
        f"{what} is {value} +- {error}, that is not {target:g} within {tolerance:g} at {sigmas:g} sigma",
    )


# -- the stand on which an effect is tried ----------------------------------------------------------------------


@dataclass(frozen=True)
class Stand:
    """An effect, a geometry, and what lies between the pixels of a simulation and those of a calibration.

    Pixels are here in the layout in which calibration sees them: (row, column), or (amplifier, row, column) where the
    geometry has scans and they are not trimmed yet.
    """

    effect: Effect
    geometry: Geometry
    seed: int = 0
    exposure: Exposure = field(
        default_factory=lambda: Exposure("law", 100.0, em_gain=20.0, start="2027-05-01T12:00:00")
    )

    @cached_property
    def clocked(self) -> bool:
        """Whether calibration has the pixels in read-out order when it comes to this effect."""
        return not self.geometry.is_plain and self.effect.site not in ("light", "charge")

    @cached_property
    def shape(self) -> tuple[int, ...]:
        """Shape of the pixels."""
        return self.geometry.clocked_shape if self.clocked else self.geometry.shape

    @property
    def axes(self) -> tuple[str, ...]:
        """Axes of the pixels."""
        return ("amplifier", "row", "column") if self.clocked else ("row", "column")

    @cached_property
    def lit(self) -> NDArray[np.bool_]:
        """Pixels that see light."""
        return self.geometry.pad(self.geometry.sees_light) if self.clocked else self.geometry.sees_light

    @cached_property
    def history(self) -> History:
        """What lay there 100 s before: every fifth column full, some light elsewhere."""
        charge = np.full(self.geometry.shape, 1e3)
        charge[:, ::5] = 2e5
        return History.of(charge, "2027-05-01T11:58:20")

    @cached_property
    def reference(self) -> NDArray[np.uint16]:
        """A read behind the reset, where one is subtracted on board."""
        return np.random.default_rng(self.seed).integers(4500, 5500, self.shape).astype(np.uint16)

    def at(self, **more: Any) -> Moment:
        """Return the moment at which it is corrected."""
        layout = "clocked" if self.clocked else "sensor"
        whole = Moment(self.exposure, self.geometry, layout, self._interval, history=self.history)
        return whole.replace(**{"read_noise": np.float32(_NOISE), **more})

    @property
    def _interval(self) -> tuple[float, float]:
        return 0.0, self.exposure.seconds

    def stream(self, name: str, index: int) -> Stream:
        """Return random numbers: those of the effect under its own name."""
        return Stream(Address(self.seed, name, "law", str(index)), threads=1)

    def imprint(self, pixels: Array, rng: Stream | Silence = SILENT, seconds: float | None = None) -> Array:
        """Imprint the effect where the chain does: layouts are changed there and back."""
        charge, at = self.forward(pixels, rng, seconds)
        marked = self.effect.imprint(charge, at)
        if charge.ndim == pixels.ndim:
            return marked
        return self.geometry.pad(marked) if self.clocked else self.geometry.unclock(marked)

    def forward(
        self, pixels: Array, rng: Stream | Silence = SILENT, seconds: float | None = None
    ) -> tuple[Array, Moment]:
        """Return the pixels as the chain hands them to the effect, and the moment at which it does."""
        readout = UpTheRamp if self.geometry.is_plain else SingleRead
        clocked = self.effect.site in (*readout.clocked_sites, "digital")
        interval = (0.0, self.exposure.seconds if seconds is None else seconds)
        layout = "clocked" if clocked else "sensor"
        at = Moment(self.exposure, self.geometry, layout, interval, rng=rng, history=self.history)

        def moved(planes: Array) -> Array:
            if clocked == self.clocked:
                return planes
            return self.geometry.clock(planes) if clocked else self.geometry.assemble(planes)

        return moved(pixels), at.replace(reference=moved(self.reference))

    def frame(self, pixels: Array, **planes: Any) -> Frame:
        """Return a frame in the unit that the effect corrects."""
        pattern_axes = ("resultant",) if pixels.ndim > len(self.axes) else ()
        axes = ("integration", *pattern_axes, *self.axes) if pattern_axes else self.axes
        data = pixels[None] if pattern_axes else pixels
        return Frame(data, self._unit, axes, **{"exposure": self.exposure, "companions": self._travelling, **planes})

    @cached_property
    def _travelling(self) -> dict[str, Frame]:
        """What a frame carries of a reference read, 4000 DN above it."""
        taken = self.reference.astype(np.int32) - np.int32(4000)
        return {"reference_read": Frame(taken, "DN", self.axes, exposure=self.exposure)}

    @cached_property
    def _unit(self) -> str:
        """The first unit in which the correction takes an image; rates where it takes none, for ramps "electron"."""
        image = np.ones(self.shape, np.float32)
        frames = [Frame(image, unit, self.axes, exposure=self.exposure) for unit in _UNITS]
        return next((frame.unit for frame in frames if self._accepts(frame)), _UNITS[0])

    def _accepts(self, frame: Frame) -> bool:
        try:
            self.effect.correct(frame, self.at())
        except UsageError:
            return False
        return True

    def correct(self, pixels: Array, **planes: Any) -> Frame:
        """Return the pixels with the effect undone."""
        return self.effect.correct(self.frame(pixels, **planes), self.at())

    def typical(self) -> Array:
        """Return an image of moderate signals, float32: some light, some noise, nothing near any limit."""
        values = np.random.default_rng(self.seed).uniform(10.0, _LIGHT, self.shape)
        return values.astype(np.float32)

    @property
    def draws_events(self) -> bool:
        """Whether it only draws events: a silent stream has none, and it refuses."""
        try:
            self.imprint(self.typical())
        except UsageError:
            return True
        return False

    @property
    def needs_a_ramp(self) -> bool:
        """Whether its correction refuses a single image."""
        return not self._accepts(self.frame(self.typical()))

    def with_ramp(self, resultants: int, seconds: float) -> Stand:
        """Return the stand for ramps of single reads `seconds` apart."""
        pattern = ReadPattern.even(resultants, frame_time=seconds)
        return replace(self, exposure=replace(self.exposure, pattern=pattern, exposure_time=None))

    def ready(self) -> tuple[Stand, Array]:
        """Return a stand and pixels that its correction takes: an image, or a ramp where it needs one."""
        if not self.needs_a_ramp:
            return self, self.typical()
        ramp = self.with_ramp(8, 10.0)
        return ramp, np.cumsum([self.typical() for _ in range(8)], axis=0, dtype=np.float32)


_UNITS = ("electron", "DN", "electron/s")


# -- laws that hold for every effect ----------------------------------------------------------------------------


def check_contracts(effect: Effect) -> None:
    """Require that the effect says what undoing it means."""
    require(effect.contracts, f"{effect.name} states no contract")
    for contract in effect.contracts:
        require(type(contract) in LAWS, f"{effect.name}: no law is known for the contract {contract}")


def check_table(effect: Effect) -> None:
    """Require that the parameters survive the way through a table."""
    again = type(effect).from_table(effect.to_table())
    require(
        again == effect and again.digest() == effect.digest(), f"{effect.name}: a table changed {effect} to {again}"
    )


def check_documented(effect: Effect) -> None:
    """Require an equation, limits, a reference and an example in the docstring."""
    text = type(effect).__doc__ or ""
    for part in (".. math::", "Limits:", "Reference:", ">>> "):
        require(part in text, f"{effect.name}: its docstring has no {part!r}")


def check_imprint(effect: Effect, geometry: Geometry, *, seed: int = 0) -> None:
    """Require float32 (whole numbers behind a converter), an input left alone, and the same bits without noise."""
    stand = Stand(effect, geometry, seed)
    pixels = stand.typical()
    charge, at = stand.forward(pixels, stand.stream(effect.name, 0))
    before = charge.copy()
    effect.imprint(charge, at)
    require(np.array_equal(charge, before), f"{effect.name}: imprint changed its input")
    marked = stand.imprint(pixels, stand.stream(effect.name, 0))
    wanted = np.uint16 if effect.site == "digital" else np.float32
    require(marked.dtype == wanted, f"{effect.name}: imprint made {marked.dtype} of float32, not {wanted.__name__}")
    again = stand.imprint(pixels, stand.stream(effect.name, 0))
    require(_same(marked, again), f"{effect.name}: the same stream gave other pixels")
    try:
        silent = [stand.imprint(pixels) for _ in range(2)]
    except UsageError:
        return  # it only draws events: without noise it is left out of the chain, and says so
    require(_same(*silent), f"{effect.name}: imprint without noise gave two answers")


def _same(a: Array, b: Array) -> bool:
    return np.array_equal(a, b, equal_nan=a.dtype.kind == "f")


def check_modest(effect: Effect, geometry: Geometry, *, seed: int = 0) -> None:
    """Require that `correct` changes flags only as a contract says, keeps float32, and leaves all else alone."""
    stand, pixels = Stand(effect, geometry, seed).ready()
    one = np.broadcast_to(np.float32(4.0), pixels.shape) if pixels.ndim == len(stand.shape) else None
    frame = stand.frame(
        pixels,
        flags=np.full(pixels[None].shape if one is None else pixels.shape, Flag.DROPOUT, np.uint8),
        pixel_flags=np.full(stand.shape[-2:], Flag.WARM, np.uint32),
        variances=None if one is None else {"poisson": one},
        cargo=object(),
    )
    done = effect.correct(frame, stand.at())
    for name in ("axes", "exposure", "undone", "companions"):
        require(getattr(done, name) == getattr(frame, name), f"{effect.name}: correct changed {name}")
    require(done.cargo is frame.cargo, f"{effect.name}: correct changed cargo")
    may = _stated(effect) | Flag.DO_NOT_USE  # where a parameter is unknown
    changed = _flags(done) ^ _flags(frame)
    require((changed & ~np.uint8(may & 0xFF) == 0).all(), f"{effect.name}: correct set flags beyond {may!r}")
    require((_pixel_flags(done) & np.uint32(Flag.WARM) != 0).all(), f"{effect.name}: correct took pixel flags away")
    for name, plane in done.planes().items():
        require(plane.dtype.itemsize <= 4, f"{effect.name}: correct made {name} {plane.dtype}")


def _stated(effect: Effect) -> Flag:
    """Return all flags that its contracts state."""
    flags = Flag(0)
    for contract in effect.contracts:
        flags |= contract.flag if isinstance(contract, Flags) else Flag(0)
    return flags


def _flags(frame: Frame) -> NDArray[np.uint8]:
    if frame.flags is None:
        raise AssertionError("correct lost the flags, or set none")
    return frame.flags


def _all_flags(frame: Frame) -> NDArray[np.uint32]:
    """Return what is said of each element, alone or with its pixel."""
    require(frame.flags is not None or frame.pixel_flags is not None, "correct set no flags")
    said = np.zeros(frame.shape, np.uint32)
    for flags in (frame.flags, frame.pixel_flags):
        said = said if flags is None else said | flags.astype(np.uint32)
    return said


def _pixel_flags(frame: Frame) -> NDArray[np.uint32]:
    if frame.pixel_flags is None:
        raise AssertionError("correct lost the pixel flags")
    return frame.pixel_flags


def check_tiles(effect: Effect, geometry: Geometry, *, seed: int = 0) -> None:
    """Require the same bits from tiles of any height and any number of threads, given the halo that it states."""
    stand, pixels = Stand(effect, geometry, seed).ready()
    require(stand.shape[-2] > 32, f"{effect.name}: {stand.shape[-2]} rows cut no three tiles: take a larger geometry")
    whole = stand.at()
    frame = stand.frame(pixels * np.linspace(0.1, 30.0, pixels.shape[-1], dtype=np.float32))

    def work(tile: Frame, rows: slice) -> Frame:
        return effect.correct(tile, whole.replace(rows=rows))

    at_once = work(frame, slice(None)).digest()
    for height, threads in ((16, 1), (16, 3), (32, 2)):
        tiled = run_tiled(frame, work, halo=effect.halo, threads=threads, height=height)
        require(
            tiled.digest() == at_once, f"{effect.name}: tiles of {height} rows gave other bits (halo {effect.halo})"
        )


def check_refused(effect: Effect, geometry: Geometry) -> None:
    """Require that `correct` refuses where no contract promises a correction."""
    stand = Stand(effect, geometry)
    for unit in _UNITS:
        try:
            effect.correct(Frame(stand.typical(), unit, stand.axes, exposure=stand.exposure), stand.at())
        except UsageError:
            continue
        raise AssertionError(
            f"{effect.name}: {effect.contracts} promise no correction, yet correct did one in {unit!r}"
        )


# -- one law for each contract ----------------------------------------------------------------------------------


def check_exact(effect: Effect, geometry: Geometry, contract: Exact, *, seed: int = 0) -> None:
    r"""Require both round trips over the domain, edges included, to the contract's tolerance.

    A float holds no more than `rtol` of the largest number that it meets on the way, so the tolerance is relative to
    the value or to where the effect puts zero, whichever is larger.
    """
    stand = Stand(effect, geometry, seed)
    low, high = (np.float32(edge) for edge in contract.edges(effect))
    ladder = np.linspace(low, high, int(np.prod(stand.shape)), dtype=np.float64)
    measured = np.random.default_rng(seed).permutation(ladder).astype(np.float32).clip(low, high).reshape(stand.shape)
    if effect.site == "digital":
        measured = np.rint(measured)  # only whole numbers are measured behind a converter
    require({low, high} <= {measured.min(), measured.max()}, f"{effect.name}: the edges of {contract} are not reached")
    straight = stand.correct(measured)
    good = np.broadcast_to(~_bad(straight) & stand.lit, measured.shape)
    require(good.sum() > stand.lit.sum() / 2, f"{effect.name}: most of the domain of {contract} is flagged")
    zero = np.zeros(stand.shape, np.float32)
    again = stand.imprint(straight.data)
    _require_close(effect, "imprint(correct(x))", again, measured, contract.rtol, stand.imprint(zero), good)
    twice = stand.correct(again).data
    _require_close(effect, "correct(imprint(x))", twice, straight.data, contract.rtol, stand.correct(zero).data, good)
    require((straight.data != measured)[good].any(), f"{effect.name}: it does nothing, so nothing was checked")


def _bad(frame: Frame) -> NDArray[np.bool_]:
    bad = ~np.isfinite(frame.data)
    for flags in (frame.flags, frame.pixel_flags):
        bad = bad if flags is None else bad | ((flags & Flag.DO_NOT_USE) != 0)
    return bad


def _require_close(effect: Effect, what: str, got: Array, want: Array, rtol: float, zero: Array, good: Array) -> None:
    scale = np.maximum(np.abs(want, dtype=np.float64), np.abs(zero, dtype=np.float64))
    off = np.abs(got.astype(np.float64) - want)[good] / np.maximum(scale, 1e-30)[good]
    require(off.max() <= rtol, f"{effect.name}: {what} is off by {off.max():.2g} of x, the contract says {rtol:.2g}")


def check_approximate(effect: Effect, geometry: Geometry, contract: Approximate, *, seed: int = 0) -> None:
    """Require a residual under the bound, in units of the contrast, for the hardest scenes, and the sum conserved."""
    stand = Stand(effect, geometry, seed)
    for name, scene in _scenes(stand):
        marked = stand.imprint(scene)
        contrast = float(np.ptp(scene))
        left = np.abs(stand.correct(marked).data - scene).max() / contrast
        require(
            left <= contract.bound, f"{effect.name}: correct leaves {left:.2g} of a {name}, not {contract.bound:.2g}"
        )
        made = np.abs(marked - scene).max() / contrast
        require(made > 10 * contract.bound, f"{effect.name}: it does nothing to a {name}, so nothing was checked")
        # float32: each pixel is rounded a few times, by 6e-8 of the brightest; rounding adds up as the root of n
        rounding = 6e-8 * contrast * 10 * np.sqrt(scene.size)
        lost = marked.sum(dtype=np.float64) - scene.sum(dtype=np.float64)
        require(abs(lost) <= rounding, f"{effect.name}: imprint changes the sum of a {name} by {lost:.3g}")


def _scenes(stand: Stand) -> Iterator[tuple[str, Array]]:
    row, column = np.indices(stand.shape)[-2:]
    random = np.random.default_rng(stand.seed)
    scenes = {
        "checkerboard": (row + column) % 2,  # the sharpest contrast there is
        "spot": (row == stand.shape[-2] // 2) & (column == stand.shape[-1] // 2),
        "edge": column >= stand.shape[-1] // 2,
        "star field": random.uniform(size=stand.shape) ** 20,
    }
    for name, scene in scenes.items():
        yield name, (1e4 * scene * stand.lit).astype(np.float32)


def check_scales(effect: Effect, geometry: Geometry, contract: Scales, *, seed: int = 0) -> None:
    """Require an even light restored where it fell on known pixels, and errors that scale as the data do."""
    stand = Stand(effect, geometry, seed)
    light = np.full(stand.shape, _LIGHT, np.float32)
    uneven = stand.imprint(light)
    sigma = np.sqrt(uneven)
    done = stand.correct(uneven, variances={"poisson": sigma**2})
    good = ~_bad(done) & stand.lit
    require(good.sum() > stand.lit.sum() / 2, f"{effect.name}: most pixels are flagged")
    require((uneven != light)[good].any(), f"{effect.name}: it does nothing, so nothing was checked")
    # one multiplication and one division in float32: 2 x 6e-8, three times as much allowed
    off = np.abs(done.data / light - 1.0)[good].max()
    require(off < 4e-7, f"{effect.name}: an even light comes back uneven by {off:.2g}")
    if done.variances is None:
        raise AssertionError(f"{effect.name}: correct lost the variances")
    relative = (np.sqrt(done.variances["poisson"]) / done.data / (sigma / uneven))[good]
    require(np.abs(relative - 1.0).max() < 1e-6, f"{effect.name}: errors do not scale as the data do")
    for name in set(done.variances) - {"poisson"}:
        require(name in done.shared, f"{effect.name}: the variance {name!r} of its map is common to all exposures")
    require(contract.limits, f"{effect.name}: a mean map gets something wrong: say what")


def check_subtracts(effect: Effect, geometry: Geometry, contract: Contract, *, seed: int = 0) -> None:
    """Require that nothing is left on average, and a scatter with the predicted variance."""
    _check_scatter(Stand(effect, geometry, seed), contract)


def check_averages(effect: Effect, geometry: Geometry, contract: Contract, *, seed: int = 0) -> None:
    """Require a scatter with the predicted variance about the right mean."""
    _check_scatter(Stand(effect, geometry, seed), contract)


def _check_scatter(stand: Stand, contract: Contract) -> None:
    """Compare mean and mean square of what is left with the prediction, until five standard errors are small enough."""
    name, undone = stand.effect.name, _is_taken_back(stand.effect)
    predicted = np.broadcast_to(_predicted(stand), stand.shape)[stand.lit].astype(np.float64)
    if undone:
        predicted = predicted * stand.effect.amplification(stand.exposure)
    require((predicted > 0).all(), f"{name}: {contract} predicts no variance, so nothing was checked")
    means, squares, tolerance = [], [], TOLERANCE
    for i in count():
        z = _left(stand, i, undone)[stand.lit] / np.sqrt(predicted)
        means.append(z.mean(dtype=np.float64))
        squares.append((z**2).mean(dtype=np.float64))
        if i == 31 and max(np.var(squares) / 2.0, np.var(means)) > 1.0 / _FEW:
            tolerance = TOLERANCE_OF_FEW
        if i >= 31 and i % 16 == 15 and _decided(means, squares, tolerance):
            break
        require(i < _MOST_REALISATIONS, f"{name}: {i} realisations do not tell its variance to {tolerance:.0%}")
    check_equivalent(f"{name}: {contract}: mean [sigma]", np.mean(means), 0.0, _error(means), tolerance)
    check_equivalent(f"{name}: {contract}: variance / predicted", np.mean(squares), 1.0, _error(squares), tolerance)


def _decided(means: list[Any], squares: list[Any], tolerance: float) -> bool:
    """Whether the errors are small enough, or the variance is so far off that more realisations cannot mend it."""
    off = abs(np.mean(squares) - 1.0) - SIGMAS * _error(squares)
    return bool(off > tolerance or SIGMAS * max(_error(means), _error(squares)) < 0.5 * tolerance)


def _error(values: list[Any]) -> float:
    return float(np.std(values, ddof=1) / np.sqrt(len(values)))


def _predicted(stand: Stand) -> Array:
    lit = np.float32(_LIGHT) * stand.lit
    charge = np.zeros_like(lit) if stand.effect.acts_on == "expected" else lit
    return np.asarray(stand.effect.variance(charge, stand.at(layout="clocked" if stand.clocked else "sensor")))


def _is_taken_back(effect: Effect) -> bool:
    """Whether its mean is gone after the correction, and its scatter alone is left."""
    return any(isinstance(contract, Subtracts | Exact) for contract in effect.contracts)


def _left(stand: Stand, i: int, undone: bool) -> Array:
    """Return what one realisation of the effect leaves after what its contracts undo."""
    effect = stand.effect
    rng, other = stand.stream(effect.name, i), stand.stream("before", i)
    if effect.acts_on == "expected":
        before: Array = np.zeros(stand.shape, np.float32)
        after = other.poisson(stand.imprint(before, rng))
    else:
        before = np.float32(_NOISE) * other.normal(stand.shape) + np.float32(_LIGHT) * stand.lit
        after = stand.imprint(before, rng).astype(np.float32)
    return (stand.correct(after).data if undone else after) - before


def check_flags(effect: Effect, geometry: Geometry, contract: Flags, *, seed: int = 0) -> None:
    """Require the flag on every element that the effect changes, and fewer false alarms than stated."""
    stand = Stand(effect, geometry, seed)
    if stand.draws_events:
        _check_flagged_hits(stand, contract)
    elif stand.needs_a_ramp:
        ramp = stand.with_ramp(_RESULTANTS, 10.0)
        _check_flagged_range(ramp, contract, _sparse_ramps(ramp))
    else:
        _check_flagged_range(stand, contract, _ladder_image(stand))


def _ladder_image(stand: Stand) -> Array:
    """Return signals of every size, side by side."""
    ladder = np.rint(np.concatenate([np.linspace(-1e5, 0.0, 101), np.geomspace(1.0, 1e7, 1001)]))
    return np.random.default_rng(stand.seed).choice(ladder, stand.shape).astype(np.float32) * stand.lit


def _sparse_ramps(stand: Stand) -> Array:
    """Return ramps (resultant, row, column) that rise to every size, one pixel in fifty and the others dark."""
    bright = np.random.default_rng(stand.seed).uniform(size=stand.shape) < 0.02
    shares = np.linspace(1.0 / _RESULTANTS, 1.0, _RESULTANTS).reshape(-1, *[1] * len(stand.shape))
    return np.rint(np.maximum(_ladder_image(stand), 0) * bright * shares).astype(np.float32)


def _check_flagged_range(stand: Stand, contract: Flags, signal: Array) -> None:
    """Check an effect with limits: signals beyond them change, signals a factor of two away do not."""
    effect = stand.effect
    own = np.uint32(_stated(effect))
    flags = _all_flags(stand.correct(stand.imprint(signal))).reshape(signal.shape)
    changed = _changed(stand, signal) & stand.lit
    near = changed | _changed(stand, 2 * signal) | _changed(stand, signal - 1)
    require(((flags & own) != 0)[changed].all(), f"{effect.name}: changed elements without any of {_stated(effect)!r}")
    told = (flags & np.uint32(contract.flag)) != 0
    require(told[changed].any(), f"{effect.name}: {contract.flag!r} was never needed")
    false = told[~near & stand.lit]
    require(false.size > 100 and false.mean() <= contract.false_alarms, f"{effect.name}: {false.sum()} false alarms")


def _changed(stand: Stand, signal: Array) -> NDArray[np.bool_]:
    return np.abs(stand.imprint(signal).astype(np.float32) - signal) > 0.5


_RESULTANTS = 8
_MANY_RAMPS = 500_000
"""At 1e-4 false alarms a ramp these give 50, and 5 sigma more are 85, that is 1.7e-4: under the usual 2e-4."""


def _check_flagged_hits(stand: Stand, contract: Flags) -> None:
    """Check an effect that adds charge at random: ramps with one hit of 8 sigma of a difference, and clean ones."""
    stand = stand.with_ramp(_RESULTANTS, _busy_seconds(stand))
    name, hits, missed, clean, false = stand.effect.name, 0, 0, 0, 0
    for i in count():
        ramps, deposits = _hit_ramps(stand, i)
        flagged = (_flags(stand.correct(ramps))[0] & np.uint8(contract.flag)) != 0
        struck = deposits > 0
        sigma = np.sqrt(2 * _NOISE**2 + 10.0 + deposits)
        once = (struck.sum(axis=0) == 1) & stand.lit & (deposits > 8 * sigma)[1:].any(axis=0)
        free = ~struck.any(axis=0) & stand.lit
        missed += int((once & ~(flagged & struck).any(axis=0)).sum())
        false += int((free & flagged.any(axis=0)).sum())
        hits, clean = hits + int(once.sum()), clean + int(free.sum())
        if hits > 2000 and clean > _MANY_RAMPS:
            break
        require(i < 1000, f"{name}: 1000 realisations gave {hits} hits and {clean} clean ramps")
    require(missed <= 1e-3 * hits, f"{name}: {missed} of {hits} hits of 8 sigma were not flagged")
    rate = (false + SIGMAS * np.sqrt(max(false, 1))) / clean
    require(rate < contract.false_alarms, f"{name}: {false} of {clean} clean ramps are flagged")


def _busy_seconds(stand: Stand) -> float:
    """Return an interval in which about one pixel in a hundred is hit."""
    for seconds in 10.0 * 2.0 ** np.arange(16):
        marked = stand.imprint(np.zeros(stand.shape, np.float32), stand.stream("busy", 0), seconds)
        if (marked != 0).mean() > 0.005:
            return float(seconds)
    raise AssertionError(f"{stand.effect.name}: it changed nothing in two days, so nothing was checked")


def _hit_ramps(stand: Stand, i: int) -> tuple[Array, Array]:
    """Return read ramps (resultant, row, column) and what the effect put into each."""
    charge = np.zeros(stand.shape, np.float32)
    reads, deposits = [], []
    seconds = stand.exposure.seconds / _RESULTANTS
    for k in range(_RESULTANTS):
        index = _RESULTANTS * i + k
        charge = charge + stand.stream("light", index).poisson(np.full(stand.shape, 10.0))
        struck = stand.imprint(charge, stand.stream(stand.effect.name, index), seconds)
        deposits.append(struck - charge)
        charge = struck
        reads.append(charge + np.float32(_NOISE) * stand.stream("read", index).normal(stand.shape))
    return np.stack(reads), np.stack(deposits)


def check_lost(effect: Effect, geometry: Geometry, contract: Lost, *, seed: int = 0) -> None:
    """Require that the effect says why nothing can be done."""
    require(contract.why.strip(), f"{effect.name}: it is lost, and does not say why")


LAWS: dict[type[Contract], Callable[..., None]] = {
    Exact: check_exact,
    Approximate: check_approximate,
    Scales: check_scales,
    Subtracts: check_subtracts,
    Averages: check_averages,
    Flags: check_flags,
    Lost: check_lost,
}
"""The law of each contract."""


def check_effect(effect: Effect, geometry: Geometry, *, seed: int = 0) -> tuple[str, ...]:
    """Check every law that concerns an effect.

    Parameters
    ----------
    effect
        With parameters that let it do something; without, a law has nothing to check, and fails.
    geometry
        Of a small sensor; every amplifier has at least 33 rows, so that there are tiles to cut.
    seed
        Of the random numbers.

    Returns
    -------
    tuple of str
        Names of the laws that were checked.

    Raises
    ------
    AssertionError
        If a law does not hold, with what was promised and what was found.
    """
    check_contracts(effect)
    check_table(effect)
    check_documented(effect)
    check_imprint(effect, geometry, seed=seed)
    checked = ["contracts", "table", "documented", "imprint"]
    if effect.is_undone:
        check_modest(effect, geometry, seed=seed)
        checked.append("modest")
        if effect.halo != WHOLE:
            check_tiles(effect, geometry, seed=seed)
            checked.append("tiles")
    else:
        check_refused(effect, geometry)
        checked.append("refused")
    for contract in effect.contracts:
        if not (isinstance(contract, Averages) and "subtracts" in checked):  # the law of the scatter is the same
            LAWS[type(contract)](effect, geometry, contract, seed=seed)
        checked.append(type(contract).__name__.lower())
    return tuple(checked)
