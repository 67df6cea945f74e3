"""Ramps: from reads to rates with errors, and the jumps that cosmic rays leave in them."""

from obverse.ramps.fit import fit_ramps
from obverse.ramps.jumps import find_jumps
from obverse.ramps.result import RampFit

__all__ = ["RampFit", "find_jumps", "fit_ramps"]
