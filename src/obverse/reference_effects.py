"""Reference files into effects: DN become electrons, and every number finds its parameter."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from obverse.effects import SITES, Effect
from obverse.effects.bad_pixels import BadPixels
from obverse.effects.bias import Bias
from obverse.effects.dark_current import DarkCurrent
from obverse.effects.dark_decay import DarkDecay
from obverse.effects.dark_ramp import DarkRamp
from obverse.effects.flat import Flat
from obverse.effects.gain import Gain
from obverse.effects.gain_scale import GainScale
from obverse.effects.integral_nonlinearity import IntegralNonlinearity
from obverse.effects.nonlinearity import Nonlinearity
from obverse.effects.read_noise import ReadNoise
from obverse.effects.saturation import Saturation
from obverse.errors import DataError, UsageError
from obverse.exposure import Exposure
from obverse.flags import Flag
from obverse.frame import Frame
from obverse.moment import Moment
from obverse.references import Reference, Setup, fitted, read_references

if TYPE_CHECKING:
    from obverse.detector import Detector

__all__ = ["above", "with_references"]

_TOP = 65535.0

_BEHIND: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "bad_pixels": (),
        "saturation": ("adc", "bad_pixels"),
        "integral_nonlinearity": ("adc", "bad_pixels", "saturation"),
        "bias": ("adc", "bad_pixels", "saturation", "integral_nonlinearity"),
        "dark_decay": ("bias", "bias_drift"),
        "nonlinearity": ("gain",),
        "dark_ramp": ("gain", "nonlinearity"),
        "dark_current": ("estimate",),
        "flat": ("estimate", "dark_current"),
    }
)
"""Where the step of an effect goes that a detector did not have: behind the last of these."""


def with_references(
    detector: Detector, given: Iterable[Reference | str | os.PathLike[str]], setup: Setup | None = None
) -> Detector:
    """Return the detector with the values of reference files in place of its own; see `Detector.with_references`."""
    where = setup or Setup()
    references = {each.kind: fitted(each, where, detector.geometry.shape) for each in read_references(given)}
    _refuse_mixed(references.values())
    for kind, make in _MAKERS.items():
        if kind in references:
            detector = make(detector, references[kind], references)
    detector = _rescaled(detector, references.get("gain"), where)
    flags = _flags_of(references.values())
    return (
        _placed(detector, BadPixels(flags=flags, source=_source(references.values())))
        if flags is not None
        else detector
    )


def _refuse_mixed(references: Iterable[Reference]) -> None:
    for what in ("instrument", "detector"):
        said = {getattr(each, what): each.path for each in references if getattr(each, what)}
        if len(said) > 1:
            (one, first), (other, second) = list(said.items())[:2]
            raise DataError(f"{first} and {second}: {what}: are for {one!r} and {other!r}, give those of one {what}")


def _flags_of(references: Iterable[Reference]) -> NDArray[np.uint32] | None:
    """Return what all the references together say of each pixel."""
    known = [each.planes["flags"] for each in references if "flags" in each.planes]
    flags = np.bitwise_or.reduce(known) if known else None
    return flags if flags is not None and flags.any() else None


def _source(references: Iterable[Reference]) -> str:
    return ", ".join(os.path.basename(each.path) for each in references if "flags" in each.planes)  # noqa: PTH119


def _placed(detector: Detector, effect: Effect) -> Detector:
    """Return the detector with this effect in place of its own, or put where it belongs in chain and recipe."""
    if detector.has(effect.name):
        return detector.with_effect(effect)
    rank = SITES.index(effect.site)
    at = sum(SITES.index(other.site) <= rank for other in detector.effects)
    steps = list(detector.steps)
    behind = [steps.index(name) + 1 for name in _BEHIND[effect.name] if name in steps]
    steps.insert(max(behind, default=0), effect.name)
    return detector.replace(effects=(*detector.effects[:at], effect, *detector.effects[at:]), steps=tuple(steps))


def _given(detector: Detector, effect: type[Effect], reference: Reference, **values: Any) -> Detector:
    """Return the detector with some parameters of an effect from a reference."""
    told = {**values, "source": os.path.basename(reference.path)}  # noqa: PTH119
    made = detector.effect(effect.name).replace(**told) if detector.has(effect.name) else effect(**told)
    return _placed(detector, made)


def _rescaled(detector: Detector, gain: Reference | None, setup: Setup) -> Detector:
    r"""Split the gain of a second setting into the usual one and the factor between them.

    .. math:: \hat q = g\, r' = (g / f)\, (f\, r')

    Everything that references say in DN is of this setting and has met :math:`g` by now. Products in DN divide
    electrons by :math:`g / f`: their rates are :math:`f` times as many DN, as the mission's step `gain_scale` has it.
    A gain that nobody gave is that of the usual setting already, one that was measured is left as it is.
    """
    factor = (gain.gain_factor if gain is not None else None) or setup.gain_factor
    measured_names = {name.partition(".")[0] for block in detector.covariance for name in block.names}
    if factor == 1.0 or detector.has("gain_scale") or (gain is None and "gain" in measured_names):
        return detector
    effects, steps = list(detector.effects), list(detector.steps)
    at = [effect.name for effect in effects].index("gain")
    if gain is not None:
        effects[at] = effects[at].replace(gain=detector.effect("gain").gain / factor)
    effects.insert(at + 1, GainScale(factor=factor, source="GAINFACT"))
    steps.insert(steps.index("gain"), "gain_scale")
    return detector.replace(effects=tuple(effects), steps=tuple(steps))


def _plane(detector: Detector, name: str, parameter: str, missing: float) -> NDArray[np.float64]:
    """Return a parameter for every pixel of the sensor."""
    at = Moment(Exposure(), detector.geometry)
    value = getattr(detector.effect(name), parameter) if detector.has(name) else missing
    return np.broadcast_to(at.plane(value).astype(np.float64), detector.geometry.shape)


def _superbias(detector: Detector, reference: Reference, _: Mapping[str, Reference]) -> Detector:
    return _given(detector, Bias, reference, level=reference.planes["level"])


def _gain(detector: Detector, reference: Reference, _: Mapping[str, Reference]) -> Detector:
    gain = np.asarray(reference.planes["gain"], np.float64)
    return _given(detector, Gain, reference, gain=np.where(gain > 0, gain, np.nan))


def _readnoise(detector: Detector, reference: Reference, _: Mapping[str, Reference]) -> Detector:
    r"""Noise of a single read: :math:`\sigma = g\, \sigma_{CDS} / \sqrt 2`."""
    planes = reference.planes
    single = planes["single"] if "single" in planes else planes["cds"] / np.sqrt(2.0)
    sigma = np.where(single >= 0, single, np.nan) * _plane(detector, "gain", "gain", 1.0)
    return _given(detector, ReadNoise, reference, sigma=sigma, includes_quantisation="yes")


def _linearity(detector: Detector, reference: Reference, others: Mapping[str, Reference]) -> Detector:
    gain, level = _plane(detector, "gain", "gain", 1.0), _level(detector)
    given = np.asarray(reference.planes["coefficients"])
    unknown = ~np.isfinite(given).all(axis=0) | (given[1] == 0)
    flags = reference.planes.get("flags")
    if flags is not None:
        unknown = unknown | ((flags & np.uint32(Flag.NO_LIN_CORR)) != 0)
    if reference.of_counts:
        detector = _with_first_level(detector)
    coefficients = above(given, level) if reference.of_counts else given.astype(np.result_type(given, np.float32))
    coefficients[:, unknown] = np.nan
    reads = detector.effect("nonlinearity").averages if detector.has("nonlinearity") else "ignore"
    made = Nonlinearity.from_counts(
        coefficients,
        gain,
        maximum=_highest(detector, others, gain, level),
        averages=reads,
        source=os.path.basename(reference.path),  # noqa: PTH119
    )
    return _placed(detector, made)


def _level(detector: Detector) -> NDArray[np.float64]:
    """Return the level that is subtracted from each pixel [DN]."""
    level = _plane(detector, "bias", "level", 0.0)
    return np.where(np.isnan(level), np.nanmedian(level), level)


def _highest(
    detector: Detector, others: Mapping[str, Reference], gain: NDArray[np.float64], level: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return up to which signal above the level a polynomial must hold [DN]: saturation."""
    top = others["saturation"].planes["level"] if "saturation" in others else np.nan
    own = _plane(detector, "saturation", "full_well", np.nan) / gain
    highest = np.where(np.isfinite(top), top - level, own)
    return np.where((highest > 0) & (highest < _TOP), highest, _TOP)


def above(coefficients: NDArray[Any], level: ArrayLike) -> NDArray[np.float64]:
    r"""Turn polynomials of the counts as they are into those of the signal above a level.

    .. math:: Q(y) = P(y + b) - P(b) = \sum_{j \ge 1} y^j \sum_{k \ge j} \binom{k}{j}\, c_k\, b^{k - j}

    Parameters
    ----------
    coefficients
        :math:`c_k` of the powers 0, 1, 2 ..., (order, row, column) [DN^(1-k)].
    level
        :math:`b`, a number or (row, column) [DN].

    Returns
    -------
    ndarray
        Those of :math:`Q`, of the same shape; no signal stays no signal.

    Examples
    --------
    >>> above(np.array([5.0, 1.0, 1e-6]).reshape(3, 1, 1), 1000.0).ravel().tolist()  # 1 + 2 b c2 is the new slope
    [0.0, 1.002, 1e-06]
    """
    shifted, b = np.array(coefficients, np.float64), np.asarray(level, np.float64)
    for first in range(len(shifted) - 1):  # Horner's rule again and again, in place: maps are large
        for j in range(len(shifted) - 2, first - 1, -1):
            shifted[j] += b * shifted[j + 1]
    shifted[0] = 0.0
    return shifted


def _with_first_level(detector: Detector) -> Detector:
    """Return the detector whose dark pixels tell the drift since the first resultant.

    A polynomial of the raw counts must meet them: the level that all pixels of a ramp begin with stays in.
    """
    if not detector.has("bias_drift"):
        return detector
    return detector.with_effect(detector.effect("bias_drift").replace(relative_to="first_resultant"))


def _saturation(detector: Detector, reference: Reference, _: Mapping[str, Reference]) -> Detector:
    """Full well whose response is the threshold of the reference: the flags are set at the value it says."""
    gain, bias = _plane(detector, "gain", "gain", 1.0), _plane(detector, "bias", "level", 0.0)
    level = np.asarray(reference.planes["level"], np.float64)
    measured = (level - np.nan_to_num(bias)) * gain
    known = np.isfinite(measured) & (measured > 0)
    full = np.where(known, measured, 1.0)
    if detector.has("nonlinearity"):
        at = Moment(Exposure(), detector.geometry)
        full = detector.effect("nonlinearity").correct(Frame(full, "electron"), at).data
    return _given(detector, Saturation, reference, full_well=np.where(known, full, np.nan), margin=0.0)


def _dark(detector: Detector, reference: Reference, _: Mapping[str, Reference]) -> Detector:
    """Dark counts by group, or a rate, in electrons; a ramp takes the place of the constant rate."""
    gain, planes = _plane(detector, "gain", "gain", 1.0), reference.planes
    if "rate" in planes:
        error = planes["error"] * gain if "error" in planes else None
        return _given(detector, DarkCurrent, reference, rate=planes["rate"] * gain, error=error)
    reads = reference.reads
    if reads is None:
        raise DataError(f"{reference.path}: TFRAME: missing, so nobody knows when its groups were read, add it")
    bare = detector.without("dark_current") if detector.has("dark_current") else detector
    return _given(bare, DarkRamp, reference, ramp=planes["ramp"] * gain, **asdict(reads))


def _flat(detector: Detector, reference: Reference, _: Mapping[str, Reference]) -> Detector:
    response = np.asarray(reference.planes["response"], np.float64)
    flags = reference.planes.get("flags")
    bad = ~(response > 0) if flags is None else ~(response > 0) | ((flags & np.uint32(Flag.NO_FLAT_FIELD)) != 0)
    error = reference.planes.get("error")
    known = None if error is None or not np.nan_to_num(error).any() else np.where(error >= 0, error, np.nan)
    return _given(detector, Flat, reference, response=np.where(bad, np.nan, response), error=known)


def _dark_decay(detector: Detector, reference: Reference, _: Mapping[str, Reference]) -> Detector:
    """Amplitude and time constant of the one detector that is left in the table."""
    ((amplitude, time_constant),) = reference.tables.values()
    times = {"time_constant": float(time_constant), "frame_time": float(getattr(detector.readout, "read_time", 1.0))}
    return _given(detector, DarkDecay, reference, amplitude=float(amplitude), **times)


def _integral(detector: Detector, reference: Reference, _: Mapping[str, Reference]) -> Detector:
    try:
        return _given(detector, IntegralNonlinearity, reference, **reference.tables)
    except UsageError as problem:
        raise DataError(f"{reference.path}: {problem}") from None


def _mask(detector: Detector, reference: Reference, _: Mapping[str, Reference]) -> Detector:
    return detector  # its flags are added with those of all the others


_MAKERS: Mapping[str, Callable[[Detector, Reference, Mapping[str, Reference]], Detector]] = {
    "mask": _mask,
    "superbias": _superbias,
    "gain": _gain,
    "readnoise": _readnoise,
    "linearity": _linearity,
    "saturation": _saturation,
    "dark": _dark,
    "flat": _flat,
    "darkdecaysignal": _dark_decay,
    "integralnonlinearity": _integral,
}
"""In this order: what comes later needs the gain, the level and the straightening before it."""
