"""Design of read patterns: what a pattern measures, by theory and in trials, and which one to take."""

from obverse.design.candidates import Candidate, candidates
from obverse.design.expectation import expected, fluxes
from obverse.design.limits import Limits, saturation_limits
from obverse.design.sensor import Sensor
from obverse.design.suggestion import suggest
from obverse.design.trials import SHAPE, trial
from obverse.design.validation import validate

__all__ = [
    "SHAPE",
    "Candidate",
    "Limits",
    "Sensor",
    "candidates",
    "expected",
    "fluxes",
    "saturation_limits",
    "suggest",
    "trial",
    "validate",
]
