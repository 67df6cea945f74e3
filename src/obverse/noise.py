"""The noise of one read, added up along the chain in the unit of the electron."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from obverse.effects import Effect
from obverse.moment import Moment

__all__ = ["read_noise"]

_NOISY_SITES = ("node", "readout", "digital")


def read_noise(effects: Sequence[Effect], at: Moment, *, cancels: tuple[str, ...] = ()) -> NDArray[Any]:
    r"""Return the standard deviation of one read without light, after all corrections [electron].

    .. math:: \sigma^2 = \sum_e A_e\, g_e^2\, \sigma_e^2

    :math:`g_e` is the gain where the effect acts behind it (its variance is in DN squared), and :math:`A_e` what
    the corrections of the effects before it multiply white noise by.

    Parameters
    ----------
    effects
        The chain.
    at
        The pixels in hand.
    cancels
        Cadences that cancel in this read-out (``"integration"`` in a ramp).
    """
    total: Any = np.zeros((), np.float32)
    seen: Any = np.zeros((), np.float32)  # before any correction has amplified it: what an effect finds on its pixels
    unit: Any = np.ones((), np.float32)
    amplified = 1.0
    quantised = any(getattr(e, "includes_quantisation", "no") == "yes" for e in effects)
    for effect in effects:
        if effect.site == "transfer":  # what multiplies electrons in the register; its own scatter is `excess`
            amplified *= effect.amplification(at.exposure)
        if effect.site not in _NOISY_SITES or effect.cadence in cancels or (quantised and effect.site == "digital"):
            continue
        here = at.replace(read_noise=np.sqrt(seen) / unit)
        added = unit**2 * effect.variance(np.zeros((), np.float32), here)
        seen, total = seen + added, total + amplified * added
        amplified *= effect.amplification(at.exposure)
        if effect.name == "gain":
            unit = at.plane(getattr(effect, "gain"))  # noqa: B009 (the class is found by name, not imported)
    return np.sqrt(total)
