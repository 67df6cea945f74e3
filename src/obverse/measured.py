"""From calibration exposures to a belief: the third verb, for whole detectors."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from obverse.belief import Block
from obverse.detector import Detector
from obverse.errors import UsageError
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
    >>> belief.effect("gain").gain.round(1)
    array([2.5, 2.4])
    """
    if not (bias or dark or flat or ramps):
        raise UsageError("measured: no exposures given: bias=, dark=, flat= or ramps=")
    belief = nominal.replace(covariance=())
    is_ramp = nominal.readout.name == "ramp"
    unlit = dark if is_ramp else bias
    lit = ramps or (flat if is_ramp else ())
    belief = _with(belief, "bias", unlit)
    for _ in range(_ROUNDS):
        belief = _with(belief, "nonlinearity", lit)
        belief = _with_gain(belief, flat, unlit)
    belief = _with(belief, "dark_current", dark)
    return _with(belief, "flat", flat)


def _with(belief: Detector, name: str, frames: Sequence[Frame]) -> Detector:
    """Return the belief with one effect measured, where the detector has it and there are frames."""
    if not frames or not belief.has(name):
        return belief
    recipe = belief.recipe().before(name)
    ready = [recipe.run(frame) for frame in frames]
    layout = "clocked" if "amplifier" in ready[0].axes else "sensor"
    effect, block = belief.effect(name).measure(ready, Moment(ready[0].exposure, belief.geometry, layout))
    return _remember(belief.with_effect(effect), block)


def _remember(belief: Detector, block: Block) -> Detector:
    """Return the belief with this block in place of older ones of the same names."""
    kept = tuple(b for b in belief.covariance if b.names != block.names)
    return belief.replace(covariance=(*kept, block))


def _with_gain(belief: Detector, flat: Sequence[Frame], unlit: Sequence[Frame]) -> Detector:
    """Return the belief with gain and read noise from photon transfer on corrected pairs.

    The pairs are in electrons of the gain believed so far, so photon transfer measures the factor that is missing.
    """
    if len(flat) < 2 or len(unlit) < 2 or not belief.has("gain"):
        return belief
    lit, dark = _planes(belief, flat), _planes(belief, unlit)
    found = photon_transfer(_pairs(lit), [p for pair in _pairs(dark) for p in pair], border=_border(belief))
    reads = _reads_in_a_plane(belief)
    old = np.broadcast_to(belief.effect("gain").gain, found.gain.shape)
    gain = old * found.gain
    sigma = found.read_noise / np.sqrt(reads)
    scale = np.stack([old, np.broadcast_to(1.0 / np.sqrt(reads), old.shape)])
    covariance = found.covariance * scale[:, None] * scale[None, :]
    better = belief.with_effect(belief.effect("gain").replace(gain=gain))
    if belief.has("read_noise"):
        better = better.with_effect(belief.effect("read_noise").replace(sigma=sigma, includes_quantisation="yes"))
    return _remember(better, Block(("gain.gain", "read_noise.sigma"), covariance))


def _planes(belief: Detector, frames: Sequence[Frame]) -> list[NDArray[np.float64]]:
    """Return images in read-out order (amplifier, row, column) whose light and noise are known: reads, or differences of reads."""
    recipe = belief.recipe()
    stop = next(name for name in recipe.names if name in ("assemble", "cosmic_rays", "estimate"))
    return [plane for frame in frames for plane in _planes_of(belief, recipe.before(stop).run(frame))]


def _planes_of(belief: Detector, frame: Frame) -> list[NDArray[np.float64]]:
    data = np.asarray(frame.data, np.float64)
    bad = np.zeros(data.shape, bool) if frame.flags is None else (frame.flags & (UNUSABLE | Flag.JUMP_DET)) != 0
    geometry = belief.geometry
    if "resultant" not in frame.axes:
        return [np.where(bad, np.nan, data)[..., geometry.image_columns]]
    if frame.exposure.pattern is None or (frame.exposure.pattern.n_reads != 1).any():
        raise UsageError(f"measured: ramp {frame.exposure.id!r} averages reads; calibration ramps must store every read")
    data = np.where(bad | ~geometry.sensitive, np.nan, data)
    steps = np.diff(data, axis=1).reshape(-1, *data.shape[-2:])
    return [geometry.pad(step) for step in steps]


def _pairs(planes: list[NDArray[np.float64]]) -> list[tuple[Any, Any]]:
    """Pair the first half with the second: equal steps of two ramps, or neighbouring exposures."""
    half = len(planes) // 2
    if half == 1:
        return [(planes[0], planes[1])]
    return list(zip(planes[:half], planes[half : 2 * half], strict=True))


def _reads_in_a_plane(belief: Detector) -> float:
    """Return the variance of a plane in units of that of a single read."""
    amplified = float(np.prod([effect.amplification() for effect in belief.effects]))
    return amplified * (2.0 if belief.readout.name == "ramp" else 1.0)


def _border(belief: Detector) -> int:
    """Return the pixels to leave out along the edges of an amplifier: those of a small test array count."""
    return min(30, min(belief.geometry.image_shape) // 8) if belief.readout.name != "ramp" else 0
