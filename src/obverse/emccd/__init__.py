"""Electron-multiplying CCDs: photons counted one by one, and how the gains of their registers are measured.

The public names are loaded when first used; the law of the register itself is in `obverse.register`.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from obverse.emccd.counted_darks import photon_counting_dark, subtract_photon_counting_dark
    from obverse.emccd.gain_curve import calibrate_em_gain
    from obverse.emccd.gain_of_frames import em_gain_of, with_gain
    from obverse.emccd.k_gain import calibrate_k_gain
    from obverse.emccd.level_without_electrons import zero_level
    from obverse.emccd.nonlinearity_of_frames import calibrate_level_nonlinearity
    from obverse.emccd.photon_counting import count_photons, count_photons_in_bins
    from obverse.emccd.shot_noise import add_shot_noise
    from obverse.register.excess_noise import excess_noise_factor
    from obverse.register.plateaus import find_plateaus

_HOME = {
    "add_shot_noise": ".shot_noise",
    "calibrate_em_gain": ".gain_curve",
    "calibrate_k_gain": ".k_gain",
    "calibrate_level_nonlinearity": ".nonlinearity_of_frames",
    "count_photons": ".photon_counting",
    "count_photons_in_bins": ".photon_counting",
    "em_gain_of": ".gain_of_frames",
    "excess_noise_factor": "obverse.register.excess_noise",
    "find_plateaus": "obverse.register.plateaus",
    "photon_counting_dark": ".counted_darks",
    "subtract_photon_counting_dark": ".counted_darks",
    "with_gain": ".gain_of_frames",
    "zero_level": ".level_without_electrons",
}

__all__ = [
    "add_shot_noise",
    "calibrate_em_gain",
    "calibrate_k_gain",
    "calibrate_level_nonlinearity",
    "count_photons",
    "count_photons_in_bins",
    "em_gain_of",
    "excess_noise_factor",
    "find_plateaus",
    "photon_counting_dark",
    "subtract_photon_counting_dark",
    "with_gain",
    "zero_level",
]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'obverse.emccd' has no attribute {name!r}")
    return getattr(importlib.import_module(_HOME[name], "obverse.emccd"), name)


def __dir__() -> list[str]:
    return __all__
