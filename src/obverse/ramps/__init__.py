"""Ramps: from reads to rates with errors, and the jumps that cosmic rays leave in them."""

from obverse.ramps.fit import fit_ramps
from obverse.ramps.jumps import find_jumps
from obverse.ramps.large_events import expand_large_events
from obverse.ramps.result import RampFit, Segments
from obverse.ramps.showers import flag_showers
from obverse.ramps.two_point import TwoPoint

__all__ = ["RampFit", "Segments", "TwoPoint", "expand_large_events", "find_jumps", "fit_ramps", "flag_showers"]
