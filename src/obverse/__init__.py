"""Obverse: both faces of a detector, photons into raw reads and raw reads back into photons with honest errors.

The public names are loaded when first used, so that ``import obverse`` costs nothing.
"""

from __future__ import annotations

import importlib
from typing import Any

_HOME = {
    "AXES": "frame",
    "Amplifier": "geometry",
    "Approximate": "contract",
    "Averages": "contract",
    "DataError": "errors",
    "Detector": "detector",
    "Exact": "contract",
    "Exposure": "exposure",
    "Flag": "flags",
    "Flags": "contract",
    "Frame": "frame",
    "Geometry": "geometry",
    "Lost": "contract",
    "Moment": "moment",
    "ObverseError": "errors",
    "ObverseWarning": "errors",
    "ReadPattern": "pattern",
    "Recipe": "recipe",
    "Scales": "contract",
    "Subtracts": "contract",
    "UsageError": "errors",
    "find_jumps": "ramps",
    "fit_photon_transfer": "ptc",
    "fit_ramps": "ramps",
    "inject_sources": "injection",
    "param": "params",
    "photon_transfer": "ptc",
    "read": "io",
    "simulate_l1": "level1",
    "spread": "belief",
    "write": "io",
}

__all__ = list(_HOME)


_PACKAGES = ("darks", "defects", "design", "emccd", "injection", "scene")
"""Parts of the package whose own names are public too."""


def __getattr__(name: str) -> Any:
    if name in _PACKAGES:
        return importlib.import_module(f"obverse.{name}")
    if name not in _HOME:
        raise AttributeError(f"module 'obverse' has no attribute {name!r}")
    return getattr(importlib.import_module(f"obverse.{_HOME[name]}"), name)


def __dir__() -> list[str]:
    return [*__all__, *_PACKAGES]
