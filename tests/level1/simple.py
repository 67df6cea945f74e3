"""Detectors of a few effects, and counts for them."""

from __future__ import annotations

from typing import Any

import numpy as np

import obverse as ob
from obverse import Detector, Frame, Geometry
from obverse.chain import Run

ROMAN = Detector.load("roman_wfi")


def roman(*kept: str, shape: tuple[int, int] = (64, 64), border: bool = False) -> Detector:
    """The Roman detector with these effects alone (all of them if none is named), without its border by default."""
    known = [effect.name for effect in ROMAN.effects]
    left_out = [name for name in known if kept and name not in {*kept, "gain", "bias", "adc"}]
    detector = ROMAN.without(*left_out)
    return detector.resized(shape) if border else detector.replace(geometry=Geometry(shape))


def told(detector: Detector, **values: dict[str, Any]) -> Detector:
    """The detector with other values of some effects."""
    for name, change in values.items():
        detector = detector.with_effect(detector.effect(name).replace(**change))
    return detector


def bare(*kept: str, gain: float = 1.0, bias: float = 0.0, **how: Any) -> Detector:
    """A detector whose digital numbers are electrons, with no more effects than are named."""
    return told(roman(*(kept or ("adc",)), **how), gain={"gain": gain}, bias={"level": bias})


def electrons(mean: float, shape: tuple[int, int], seed: int = 1) -> Any:
    """Poisson numbers of a mean."""
    return np.random.default_rng(seed).poisson(mean, shape)


def not_by_rows(monkeypatch: Any) -> None:
    """Simulate all rows at once, as where somebody watches or reads need neighbours."""
    monkeypatch.setattr(Run, "is_unwatched", False)


def last(frame: Frame) -> Any:
    """The last resultant in float64."""
    return frame.data[0, -1].astype(float)


def level1(counts: Any, pattern: Any, detector: Detector, **how: Any) -> Any:
    """Resultants (resultant, row, column) in float64 [DN]."""
    return ob.simulate_l1(counts, pattern, detector=detector, **{"seed": 1, **how}).data[0].astype(float)
