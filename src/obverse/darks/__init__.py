"""Darks of EMCCDs: master darks, and noise maps with errors that can be trusted.

A dark frame behind the register is ``y = F + g C + g t D``: fixed pattern, clock-induced charge and dark current, at
EM gain g and exposure time t. `calibrate_darks_lsq` fits the three maps to stacks of darks, `build_synthesized_dark`
puts the dark of any exposure together from them, `build_trad_dark` averages darks of one setting, and `mean_combine` is
the masked mean under all of them.
"""

from obverse.darks.averaging import mean_combine
from obverse.darks.lsq import calibrate_darks_lsq
from obverse.darks.noise_maps import Maps, NoiseMaps
from obverse.darks.refusals import CalDarksLSQException, WrongArgumentError
from obverse.darks.synthesized import build_synthesized_dark
from obverse.darks.traditional import build_trad_dark

__all__ = [
    "CalDarksLSQException",
    "Maps",
    "NoiseMaps",
    "WrongArgumentError",
    "build_synthesized_dark",
    "build_trad_dark",
    "calibrate_darks_lsq",
    "mean_combine",
]
