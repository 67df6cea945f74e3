"""From calibration exposures to a belief: the third verb, for whole detectors."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from obverse.belief import Block
from obverse.detector import Detector
from obverse.errors import UsageError
from obverse.exposure import Exposure
from obverse.flags import UNUSABLE, Flag
from obverse.frame import Frame
from obverse.moment import Moment
from obverse.ptc import photon_transfer

__all__ = ["measured"]

_ROUNDS = 2
"""Gain and nonlinearity each need the other; the second round changes them by the square of the first error."""


def measured(
    nominal: Detector,
    *,
    bias: Sequence[Frame] = (),
    dark: Sequence[Frame] = (),
    flat: Sequence[Frame] = (),
    ramps: Sequence[Frame] = (),
    only: Sequence[str] = (),
    lags: int = 0,
) -> Detector:
    """Measure what the exposures tell, and keep the rest of the nominal detector.

    Parameters
    ----------
    nominal
        Starting values, and everything that cannot be measured this way (quantum efficiency, full well, coupling).
    bias
        Exposures without light or time: bias level and, in pairs, read noise.
    dark
        Dark exposures: dark current. Dark ramps also tell the bias level and the read noise.
    flat
        Evenly lit exposures, in pairs: gain, flat field; ramps also tell the nonlinearity.
    ramps
        Exposures under steady light to high signal, ramps or a series of exposure times, for the nonlinearity;
        flat ramps serve where none are given.
    only
        Names of the effects to measure; empty measures all that the exposures tell.
    lags
        Neighbouring covariances that photon transfer sums, see `obverse.photon_transfer`.

    Returns
    -------
    Detector
        A belief, with one covariance block for each group of parameters that was measured together.

    Raises
    ------
    UsageError
        If nothing is given, or frames do not fit the detector.

    Examples
    --------
    >>> from obverse import Detector, Exposure
    >>> truth = Detector.load("generic_ccd")
    >>> flats = [truth.expose(3000.0, Exposure(f"flat{i}", 10.0), seed=i) for i in (1, 2)]
    >>> biases = [truth.expose(0.0, Exposure(f"bias{i}", 0.0), seed=i) for i in (3, 4)]
    >>> belief = measured(truth, bias=biases, flat=flats)
    >>> abs(belief.effect("gain").gain / truth.effect("gain").gain - 1) < 0.05
    array([ True,  True])
    """
    if not (bias or dark or flat or ramps):
        raise UsageError("measured: no exposures given: bias=, dark=, flat= or ramps=")
    for name in only:
        nominal.effect(name)
    wanted = set(only) or {effect.name for effect in nominal.effects}
    belief = nominal.replace(covariance=())
    is_ramp = nominal.readout.name == "ramp"
    unlit = dark if is_ramp else bias
    lit = ramps or (flat if is_ramp else ())
    belief = _with(belief, "bias", unlit, wanted)
    for _ in range(_ROUNDS):
        belief = _with(belief, "nonlinearity", lit, wanted)
        if wanted & {"gain", "read_noise"}:
            belief = _with_gain(belief, flat, unlit, lags)
    belief = _with(belief, "dark_current", dark, wanted)
    belief = _with(belief, "flat", flat, wanted)
    belief = belief.replace(covariance=tuple(_with_gain_error(belief, block) for block in belief.covariance))
    _refuse_nothing(belief, only or ("anything",), len(flat), len(unlit), "dark" if is_ramp else "bias")
    return belief


_POWER = {"dark_current.rate": 1, "nonlinearity.coefficients": -1}
"""How what is measured in electrons scales with the gain: a rate as g, the coefficient of y^k as g^(1-k)."""


def _with_gain_error(belief: Detector, block: Block) -> Block:
    """Return a block with the error that the measured gain brings into numbers that all amplifiers share."""
    gains = [b for b in belief.covariance if "gain.gain" in b.names]
    scales = [_scale(belief, name) for name in block.names]
    if not gains or any(scale is None for scale in scales) or block.matrix.ndim > 2:
        return block
    relative = gains[0].error("gain.gain") / np.asarray(belief.effect("gain").gain)
    factor = float(np.sum(relative**2)) / relative.size**2  # of the mean gain of all amplifiers
    moved = np.array(scales, np.float64)
    return Block(block.names, block.matrix + factor * np.outer(moved, moved))


def _scale(belief: Detector, name: str) -> float | None:
    """Return by how much a parameter moves when the gain grows by its own size, or None where it does not."""
    effect, parameter, *index = name.split(".")
    power = _POWER.get(f"{effect}.{parameter}")
    if power is None:
        return None
    value = np.asarray(getattr(belief.effect(effect), parameter))
    k = int(index[0]) if index else 0
    one = value[k] if index else value
    return float(power * (k + 1) * one) if one.ndim == 0 else None


def _refuse_nothing(belief: Detector, asked: Sequence[str], flats: int, unlit: int, kind: str) -> None:
    """Refuse to call a belief what was not measured."""
    found = {name.split(".")[0] for block in belief.covariance for name in block.names}
    missing = sorted(set(asked) - found - ({"anything"} if found else set()))
    if missing:
        raise UsageError(
            f"measured: {flats} flat and {unlit} {kind} exposures cannot tell {', '.join(missing)}: gain and read "
            f"noise need two flats and two {kind} exposures, everything else its own kind"
        )


def _with(belief: Detector, name: str, frames: Sequence[Frame], wanted: set[str]) -> Detector:
    """Return the belief with one effect measured, where the detector has it and there are frames."""
    if not frames or not belief.has(name) or name not in wanted:
        return belief
    recipe = belief.recipe().before(name)
    ready = [recipe.run(frame) for frame in frames]
    layout = "clocked" if "amplifier" in ready[0].axes else "sensor"
    effect, block = belief.effect(name).measure(ready, Moment(ready[0].exposure, belief.geometry, layout))
    return _remember(belief.with_effect(effect.replace(source=_named(frames))), block)


def _named(*groups: Sequence[Frame]) -> str:
    """Say which exposures a value was measured from."""
    return "measured from " + ", ".join(frame.exposure.id for group in groups for frame in group)


def _remember(belief: Detector, block: Block) -> Detector:
    """Return the belief with this block in place of older ones of the same names."""
    kept = tuple(b for b in belief.covariance if b.names != block.names)
    return belief.replace(covariance=(*kept, block))


def _with_gain(belief: Detector, flat: Sequence[Frame], unlit: Sequence[Frame], lags: int) -> Detector:
    """Return the belief with gain and read noise from photon transfer on corrected pairs.

    The pairs are in electrons of the gain believed so far, so photon transfer measures the factor that is missing.
    """
    if len(flat) < 2 or len(unlit) < 2 or not belief.has("gain"):
        return belief
    dark, lit = _pairs(belief, unlit), _pairs(belief, flat)
    found = photon_transfer(
        [(a.pixels, b.pixels) for a, b in lit],
        [plane.pixels for pair in dark for plane in pair],
        lags=lags,
        border=_border(belief),
        reads=[a.reads for a, _ in (*dark, *lit)],
    )
    if np.ndim(belief.effect("gain").gain) == 2:
        raise UsageError(
            "measured: the nominal gain is a map, pairs of flats tell one gain an amplifier: give it those"
        )
    old = np.broadcast_to(belief.effect("gain").gain, found.gain.shape)
    scale = np.stack([old, np.ones_like(old)])
    source = _named(flat, unlit)
    better = belief.with_effect(belief.effect("gain").replace(gain=old * found.gain, source=source))
    if belief.has("read_noise"):
        noise = belief.effect("read_noise").replace(sigma=found.read_noise, includes_quantisation="yes", source=source)
        better = better.with_effect(noise)
    return _remember(
        better, Block(("gain.gain", "read_noise.sigma"), found.covariance * scale[:, None] * scale[None, :])
    )


@dataclass(frozen=True)
class _Plane:
    """An image in read-out order (amplifier, row, column), and the number of single reads whose noise it holds."""

    pixels: NDArray[np.float64]
    reads: float


def _pairs(belief: Detector, frames: Sequence[Frame]) -> list[tuple[_Plane, _Plane]]:
    """Pair the planes of the first frame with those of the second, of the third with the fourth, and so on."""
    recipe = belief.recipe()
    ready = recipe.before(next(name for name in recipe.names if name in ("assemble", "estimate")))
    planes = [_planes_of(belief, ready.run(frame)) for frame in frames]
    return [pair for i in range(1, len(planes), 2) for pair in zip(planes[i - 1], planes[i], strict=True)]


def _planes_of(belief: Detector, frame: Frame) -> list[_Plane]:
    geometry = belief.geometry
    if "resultant" not in frame.axes:
        good = np.where(_bad(frame, UNUSABLE), np.nan, frame.data)
        pixels = good[..., geometry.image_rows, geometry.image_columns].astype(np.float64)
        return [_Plane(pixels, _amplified(belief, float(np.nanmedian(pixels)), frame.exposure))]
    if frame.exposure.pattern is None or (frame.exposure.pattern.n_reads != 1).any():
        raise UsageError(
            f"measured: ramp {frame.exposure.id!r} averages reads; calibration ramps must store every read"
        )
    data = np.where(_bad(frame, UNUSABLE) | ~geometry.sensitive, np.nan, frame.data).astype(np.float64)
    steps = np.diff(np.where(_bad(frame, Flag.JUMP_DET), np.nan, data), axis=1)
    reads = [_amplified(belief, float(np.nanmedian(level)), frame.exposure) for level in np.moveaxis(data, 1, 0)]
    return [
        _Plane(geometry.pad(steps[i, k]), reads[k] + reads[k + 1])
        for i in range(len(steps))
        for k in range(steps.shape[1])
    ]


def _bad(frame: Frame, flags: Flag) -> NDArray[np.bool_]:
    return np.zeros(frame.shape, bool) if frame.flags is None else (frame.flags & flags) != 0


def _amplified(belief: Detector, signal: float, exposure: Exposure) -> float:
    """Return the factor by which corrections have multiplied the variance of the read noise at this signal."""
    steepness = belief.effect("nonlinearity").steepness(signal) if belief.has("nonlinearity") else 1.0
    return float(steepness**2 * np.prod([effect.amplification(exposure) for effect in belief.effects]))


def _border(belief: Detector) -> int:
    """Return the pixels to leave out along the edges of an amplifier: those of a small test array count."""
    return min(30, min(belief.geometry.image_shape) // 8) if belief.readout.name != "ramp" else 0
