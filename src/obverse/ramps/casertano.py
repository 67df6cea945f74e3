r"""Weighted least squares on uneven resultants, with its own jump search (``"casertano"``)."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from obverse.kernels._rule import POWER, READ_ONLY
from obverse.pattern import ReadPattern
from obverse.ramps.likelihood import constants
from obverse.ramps.ordinary import FIXSEN
from obverse.ramps.weights import Weighting, line_weights, times_of

__all__ = ["SIGMA_AT_ONE", "casertano"]

SIGMA_AT_ONE = 5.5
"""Significance of a jump at 1 electron/s; it falls by 1/3 with each decade, to 4.17 at 10^4: Casertano 2022."""


@lru_cache(32)
def casertano(pattern: ReadPattern) -> Weighting:
    r"""Weigh resultants by their reads and the signal, and segments by their read noise.

    .. math::

        S = \frac{s}{\sqrt{\sigma^2 + s}}, \qquad
        w_k = \frac{(1 + P) N_k}{1 + P N_k} \left|\frac{\bar t_k - c}{h}\right|^{P(S)}, \qquad
        W = \left[\sigma^2 \sum_k K_k^2 / N_k \right]^{-1}

    A jump may lie between the reads of a resultant: both resultants beside it are lost, and the rest is fitted
    and searched again.

    Notes
    -----
    Limits: the exponent is chosen by the ends of the ramp, whose noise the rate shares. Near the limits between
    exponents the rate is biased, by up to 0.091 of its error (Roman's tables 3, 4 and 9 at about 0.1 to 1 electron/s),
    and its error is up to 1.043 of the smallest one. The search takes both resultants beside a jump, so that of seven
    resultants at 2000 electron/s 3 % of hit ramps keep no two neighbours, and no rate.
    Reference: Casertano 2022, Determining the best-fitting slope and its uncertainty for up-the-ramp sampled
    images with unevenly distributed resultants, Roman-STScI-000394; S there has the last resultant alone for s.

    Examples
    --------
    >>> casertano(ReadPattern([[1], [2], [3, 4]], read_time=1.0)).nodes[0].round(3)
    array([-0.333, -0.111,  0.444])
    """
    times = times_of(pattern, reads=pattern.n_reads, noise=np.ones(len(pattern)))
    return Weighting((POWER, 0, READ_ONLY), times, constants(pattern), FIXSEN, line_weights(times, FIXSEN[1]))
