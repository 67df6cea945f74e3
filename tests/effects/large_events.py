"""Gates of events that many pixels share: what a step leaves of their bias, and what it costs."""

from __future__ import annotations

from typing import Any

import numpy as np

from obverse import Detector, Exposure, ReadPattern
from obverse.testing import require

Biased = tuple[int, int]


def crowded(name: str, step: str, times: float, **changes: Any) -> Detector:
    """A part of a detector without cosmic rays, where the events of a step are many times as frequent."""
    detector = Detector.load(name).resized((256, 256))
    effect = detector.effect(step)
    detector = detector.with_effect(effect.replace(flux=times * effect.flux, **changes))
    return detector.with_effect(detector.effect("cosmic_rays").replace(flux=0.0))


def biased(detector: Detector, step: str, pattern: ReadPattern, light: float, seed: int) -> Biased:
    """Struck pixels with a rate more than five errors from the truth: calibrated without the step, and with it."""
    exposure = Exposure("crowded", pattern=pattern)
    stages = list(detector.stages(light, exposure, seed=seed))
    counted, hit = (np.array([pixels for name, pixels in stages if name == which]) for which in ("photons", step))
    struck = (hit > counted).any(axis=0) & detector.geometry.sensitive
    raw = detector.expose(light, exposure, seed=seed)
    without, done = detector.recipe().without(step).run(raw), detector.calibrate(raw)
    return _off(without, light, struck), _off(done, light, struck)


def _off(image: Any, light: float, struck: Any) -> int:
    good = struck & ~image.unusable() & np.isfinite(image.error)
    require(good.sum() >= 0.9 * struck.sum(), f"only {good.sum()} of {struck.sum()} struck pixels have a rate")
    return int((np.abs(image.data[good] - light) > 5 * image.error[good]).sum())


def check_bias_falls(found: list[Biased], least: int, factor: float) -> None:
    """Require enough biased pixels without the step, and so many times fewer with it."""
    without, done = np.sum(found, axis=0)
    require(without >= least, f"only {without} biased pixels: nothing to compare")
    require(done * factor <= without, f"{without} biased pixels became {done}, not {factor} times fewer")
