"""The reference output: an amplifier that reads no pixels of the sensor, in parallel with those that do."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from obverse.chain import Run
from obverse.effects import Effect
from obverse.geometry import Geometry
from obverse.moment import Moment
from obverse.params import declared
from obverse.pattern import ReadPattern

__all__ = ["reference_output"]


def reference_output(run: Run, pattern: ReadPattern, columns: int) -> NDArray[np.uint16]:
    """Simulate the output that reads reference pixels of its own, such as amplifier 33 of Roman.

    It goes through the read-out of a typical amplifier: level, its drift, gain, noise, converter.

    Parameters
    ----------
    run
        The exposure on its way.
    pattern
        Its reads.
    columns
        Columns of the output; it has the rows of an amplifier.

    Returns
    -------
    ndarray
        (integration, resultant, row, column) [DN].

    Notes
    -----
    Limits: its 1/f noise and drift are its own, since the effects draw none that is common to all amplifiers: what
    it is read for, to take out common noise, cannot be tried on it. Effects act on the mean of the reads. No reset
    noise, no charge.
    Reference: romancal documentation, science products (amp33: reference pixels that stand apart from the array).

    Examples
    --------
    >>> from obverse import Detector, Exposure
    >>> pattern = ReadPattern.even(2, frame_time=10.0)
    >>> chain = Detector.load("generic_h2rg").resized((64, 64)).chain
    >>> reference_output(Run(chain, Exposure("a", pattern=pattern), 1), pattern, 8).shape
    (1, 2, 64, 8)
    """
    rows = run.chain.geometry.image_shape[0]
    geometry = Geometry((rows, columns), reference=(rows, 0, 0, 0))  # none of its pixels sees light
    effects = [_typical(effect) for effect in run.chain.at("readout", "digital")]
    return np.array(
        [
            [_resultant(run, effects, geometry, i, k, times) for k, times in enumerate(pattern.times)]
            for i in range(run.exposure.integrations)
        ]
    )


def _resultant(
    run: Run, effects: list[Effect], geometry: Geometry, integration: int, k: int, times: tuple[float, ...]
) -> NDArray[Any]:
    pixels: NDArray[Any] = np.zeros(geometry.clocked_shape, np.float32)
    at = Moment(run.exposure, geometry, "clocked", times=times, integration=integration)
    for effect in effects:
        own = run.stream(f"reference_output.{effect.name}", effect.cadence, integration, k)
        pixels = effect.imprint(pixels, at.replace(rng=own))
    return geometry.unclock(pixels)


def _typical(effect: Effect) -> Effect:
    """Return an effect with the means of its parameters over amplifiers or pixels."""
    means = {}
    for name, info in declared(type(effect)).items():
        value = getattr(effect, name)
        if isinstance(value, np.ndarray) and info.shape == "any":
            means[name] = float(np.nanmean(value))
        elif isinstance(value, np.ndarray) and info.shape == "list" and value.ndim == 2:
            means[name] = np.nanmean(value, axis=0)
    return effect.replace(**means) if means else effect
