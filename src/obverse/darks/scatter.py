"""The read noise that the scatter of the quietest stack tells."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from obverse.darks.profile import amplified
from obverse.darks.telling import warn

__all__ = ["read_noise_of"]

_MOSTLY_DARK = 0.9
"""Part of the scatter that dark electrons may make before what they leave is no longer to be trusted."""


def read_noise_of(
    variances: NDArray[np.float64], design: NDArray[np.float64], means: dict[str, float], stages: int
) -> float:
    r"""Return the read noise of one frame [electron], NaN with a warning where it cannot be trusted.

    .. math:: \sigma^2 = v_l - \mathrm{ENF}^2 g_l^2 (\bar C + t_l \bar D)

    of the stack :math:`l` with the least :math:`g t`: there the electrons of the dark matter least.

    Parameters
    ----------
    variances
        Of a sensor pixel of one frame of each stack [electron^2].
    design
        1, g, g t of each stack.
    means
        Mean C and D of the sensor.
    stages
        Stages of the register.
    """
    quietest = int(np.lexsort((design[:, 1], design[:, 2]))[0])
    gain, time = design[quietest, 1], design[quietest, 2] / design[quietest, 1]
    of_electrons = float(amplified(gain, stages)) * (means["cic"] + time * means["dark_current"])
    if variances[quietest] > 0 and not of_electrons <= _MOSTLY_DARK * variances[quietest]:
        warn(
            f"calibrate_darks_lsq: read_noise is NaN: even at EM gain {gain:g} and {time:g} s the scatter is that of "
            "dark electrons, take darks at a lower gain to know it"
        )
        return float("nan")
    return float(np.sqrt(max(variances[quietest] - max(of_electrons, 0.0), 0.0)))
