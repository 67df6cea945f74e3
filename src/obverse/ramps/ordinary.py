r"""Ordinary least squares with weights that follow the signal, as JWST fits its ramps (``"ols"``)."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from obverse.errors import UsageError, nearest
from obverse.kernels._rule import FORMAL, FORMAL_TOTAL, POWER
from obverse.pattern import ReadPattern
from obverse.ramps.likelihood import constants
from obverse.ramps.weights import Weighting, line_weights, times_of

__all__ = ["COMBINATIONS", "FIXSEN", "ordinary"]

FIXSEN = np.array([[0.0, 5.0, 10.0, 20.0, 50.0, 100.0], [0.0, 0.4, 1.0, 3.0, 6.0, 10.0]])
"""Signal-to-noise ratios from which each exponent holds, and the exponents: Fixsen et al. 2000, Table 1."""

COMBINATIONS = {"read_noise": FORMAL, "total_variance": FORMAL_TOTAL}
"""How the rates of segments are averaged, by name."""


@lru_cache(32)
def ordinary(pattern: ReadPattern, combination: str = "read_noise") -> Weighting:
    r"""Weigh resultants as Fixsen et al. do, and segments by their read noise.

    .. math::

        S = \frac{s}{\sqrt{\rho^2 + s}}, \quad s = R_b - R_a, \qquad
        w_k = \frac{(1 + P) n_k}{1 + P n_k} \left|\frac{\bar t_k - c}{h}\right|^{P(S)}, \qquad
        W = \left[\sigma^2 \sum_k K_k^2(P=0) / N_k \right]^{-1}

    with :math:`\rho^2 = \sigma^2/N_b`, c the middle and h half the length of a segment. The reads of a resultant count
    as :math:`n_k = N_k / N_{max}`, which is 1 in the even patterns of the mission (Casertano 2022 for the others). W is
    the read variance of an unweighted line, whatever the exponent: it does not depend on the data.

    Parameters
    ----------
    pattern
        The read pattern.
    combination
        ``"read_noise"``, or ``"total_variance"``, which adds the photon variance
        :math:`f / (\bar t_b - \bar t_a)` of the median rate f to :math:`1/W`; that rate shares its noise with
        the segments, so that the mean is biased: it is there to compare with older products.

    Notes
    -----
    Limits: the exponent is chosen by the ends of the ramp, whose noise the rate shares. Near the limits between
    exponents the rate is biased, by up to 0.026 of its error for 20 single reads and 0.039 for Roman's table 3, and its
    variance is up to 4 % above the smallest one. `covariance` and the likelihood have neither.
    Reference: Fixsen et al. 2000, PASP 112 1350; Regan 2007, JWST-STScI-001212.

    Examples
    --------
    >>> ordinary(ReadPattern.even(3, frame_time=10.0)).nodes[0]
    array([-0.05,  0.  ,  0.05])
    """
    if combination not in COMBINATIONS:
        raise UsageError(f"fit_ramps: no combination {combination!r}, {nearest(combination, COMBINATIONS)}")
    times = times_of(pattern, reads=pattern.n_reads / pattern.n_reads.max())
    rule = (POWER, 1, COMBINATIONS[combination])
    return Weighting(rule, times, constants(pattern), FIXSEN, line_weights(times, FIXSEN[1]))
