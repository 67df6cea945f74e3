"""What becomes of few electrons in a register, tabulated: exact, and drawn with two or three random numbers."""

from __future__ import annotations

from functools import lru_cache
from math import comb
from typing import Any

import numpy as np
from numpy.typing import NDArray

from obverse.register.excess_noise import stage_probability

__all__ = ["few_electrons"]


@lru_cache(maxsize=16)  # of 5 MB each in 604 stages
def few_electrons(gain: float, stages: int, fewer_than: int) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any]]:
    r"""Tabulate the branching process while it has fewer than :math:`K` electrons.

    .. math:: P_{k+1} = P_k P_1, \qquad (P_1)_{ij} = \binom{i}{j - i}\, p^{\,j - i} (1 - p)^{2i - j}

    Parameters
    ----------
    gain
        Of all stages together.
    stages
        How many.
    fewer_than
        :math:`K`; 0 makes empty tables.

    Returns
    -------
    doubled
        Probability that of `i` electrons so many double in a stage, (i, K).
    at_most
        Probability that of `i` electrons so many or fewer have become after each stage, (i, stages + 1, K).
    below
        Probability that they are still fewer than K, (i, stages + 1).

    Notes
    -----
    Reference: Harris 1963, The Theory of Branching Processes, Springer, ch. I.

    Examples
    --------
    >>> _, at_most, _ = few_electrons(4.0, 2, 5)
    >>> at_most[1, 2]  # two stages that always double make four of one
    array([0., 0., 0., 0., 1.])
    """
    p, size = stage_probability(gain, stages), fewer_than
    doubled, onward = np.zeros((size, size)), np.zeros((size, size))
    for i in range(size):
        doubled[i, : i + 1] = [comb(i, b) * p**b * (1.0 - p) ** (i - b) for b in range(i + 1)]
        onward[i, i : 2 * i + 1] = doubled[i, : min(i + 1, size - i)]
    after = np.empty((stages + 1, size, size))
    after[0] = np.eye(size)
    for stage in range(stages):
        np.matmul(after[stage], onward, out=after[stage + 1])
    at_most = np.cumsum(after, axis=2).transpose(1, 0, 2).copy()
    below = at_most[:, :, -1].copy() if size else np.empty((0, stages + 1))
    return doubled, at_most, below
