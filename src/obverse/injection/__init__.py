"""Known sources into real data, at any level: what a calibration and a measurement make of them is then known too."""

from __future__ import annotations

from obverse.injection.binned import curves
from obverse.injection.completeness import grid
from obverse.injection.drawn import picture
from obverse.injection.inject import inject_sources

__all__ = ["curves", "grid", "inject_sources", "picture"]
