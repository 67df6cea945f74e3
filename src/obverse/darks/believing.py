"""Noise maps as the belief of a detector."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from obverse.belief import Block
from obverse.darks.model import TERMS
from obverse.darks.noise_maps import NoiseMaps
from obverse.errors import UsageError
from obverse.geometry import Geometry

if TYPE_CHECKING:
    from obverse.detector import Detector

__all__ = ["believing", "refuse_without_effects"]

Array = NDArray[Any]

_PARAMETERS = tuple(term.parameter for term in TERMS)


def believing(maps: NoiseMaps, detector: Detector) -> Detector:
    """Return a detector that has measured fixed pattern, clock-induced charge and dark current.

    Parameters
    ----------
    maps
        Of the whole file.
    detector
        With the effects ``fixed_pattern``, ``clock_induced_charge`` and ``dark_current``; all else stays.

    Returns
    -------
    Detector
        Whose three effects hold the maps as fitted, not clipped: subtracting what was clipped would bias faint
        images. All are in the layout of the sensor, which every step of a recipe takes, so that they share one
        covariance block; what the maps say of prescan and overscan, which calibration trims, is left behind.

    Raises
    ------
    UsageError
        If an effect is missing, or the maps are not of this detector's files.

    Examples
    --------
    >>> from obverse import Detector
    >>> maps = NoiseMaps(np.zeros((4, 4)), np.zeros((4, 4)), np.zeros((4, 4)))
    >>> believing(maps, Detector.load("generic_ccd").resized((4, 4)))
    Traceback (most recent call last):
    obverse.errors.UsageError: noise maps: detector 'generic_ccd' has no fixed_pattern, clock_induced_charge: ...
    """
    _refuse_unlike(maps, detector)
    geometry = detector.geometry

    def on_sensor(plane: Array) -> Array:
        return geometry.assemble(geometry.clock(plane))

    source, made = f"{maps.n_frames} darks", _made_by_register(detector)
    parallel = _parallel(maps.unclipped.cic, geometry)
    told: dict[str, dict[str, Any]] = {
        # without what the register made of nothing, c (g - 1): `em_gain` takes that away
        "fixed_pattern": {"pattern": on_sensor(maps.unclipped.fpn) + made},
        "clock_induced_charge": {"level": on_sensor(maps.unclipped.cic) - made - parallel, "parallel": parallel},
        "dark_current": {"rate": on_sensor(maps.unclipped.dark_current)},
    }
    for effect, values in told.items():  # their errors are those of the block: the effects hold none of their own
        detector = detector.with_effect(detector.effect(effect).replace(**values, error=None, source=source))
    # a pixel that was not fitted has no value that could be drawn
    block = Block(_PARAMETERS, np.nan_to_num(on_sensor(maps.covariance)))
    kept = (other for other in detector.covariance if not set(other.names) & set(_PARAMETERS))
    return detector.replace(covariance=(*kept, block))


def _parallel(cic: Array, geometry: Geometry) -> float:
    """Return how much more clock-induced charge the sensor has than the prescan, which only serial clocks move.

    So the level of the scans is theirs: `zero_level` goes by it where the gain is low.
    """
    prescan, sensor = (cic[geometry.in_file(part)] for part in ("prescan", "sensor"))
    return float(np.nanmean(sensor) - np.nanmean(prescan)) if np.isfinite(prescan).any() else 0.0


def _made_by_register(detector: Detector) -> float:
    """Return the electrons, before the register, whose mean `em_gain` takes away."""
    return float(detector.effect("em_gain").partial) if detector.has("em_gain") else 0.0


def refuse_without_effects(detector: Detector) -> None:
    """Refuse a detector that has no place for the maps; asked beforehand, it spares the reading of a campaign.

    Raises
    ------
    UsageError
        With the effects that it lacks.
    """
    missing = [effect for effect, _ in (name.split(".") for name in _PARAMETERS) if not detector.has(effect)]
    if missing:
        raise UsageError(
            f"noise maps: detector {detector.name!r} has no {', '.join(missing)}: add it to the detector file"
        )


def _refuse_unlike(maps: NoiseMaps, detector: Detector) -> None:
    refuse_without_effects(detector)
    if maps.shape != detector.geometry.file_shape:
        raise UsageError(
            f"noise maps of {maps.shape} for files of {detector.geometry.file_shape}: give the maps of the whole file"
        )
