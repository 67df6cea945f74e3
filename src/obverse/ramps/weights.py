r"""Weights of a linear estimator: the rate is :math:`\sum_k K_k R_k`, and K follows the signal.

What a fit of whole ramps needs of them is small: the weights at a few signals lie in a space of few dimensions,

.. math::

    K_k(c) = e_{0k} + \sum_b \varphi_b(c)\, e_{bk},

and every mixture of weights with :math:`\sum_k K_k = 0`, :math:`\sum_k K_k \bar t_k = 1` has these properties again:
interpolated weights cost efficiency of second order, and never bias.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from obverse.pattern import ReadPattern

__all__ = ["Weighting", "photon_form", "times_of"]

Array = NDArray[Any]

_SMALL = {np.dtype(np.float32): 1e-6, np.dtype(np.float64): 1e-15}


@dataclass(frozen=True, eq=False)
class Weighting:
    """Rule by which an estimator weighs resultants, and its weights on a whole ramp.

    Parameters
    ----------
    rule
        (kind of weights, whether a hit resultant joins the next segment, how segments are combined), numbers of
        `obverse.kernels.linear`.
    times
        (5, resultant): mean time and tau [s], 1/N, N or 1 in the weights, noise share in the signal.
    differences
        Constants of the differences, `obverse.ramps.likelihood.constants`.
    signal
        Where the nodes stand: limits and exponents, or origin and steps of the root of the signal.
    nodes
        Weights of a whole ramp at each node, (node, resultant) [1/s].
    """

    rule: tuple[int, int, int]
    times: NDArray[np.float64]
    differences: NDArray[np.float64]
    signal: NDArray[np.float64]
    nodes: NDArray[np.float64]

    def tables(self, dtype: np.dtype[Any]) -> tuple[Array, ...]:
        """Return the arrays that the kernel reads, in the type in which it computes."""
        return _tables(self, dtype)

    def basis(self, small: float) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return the vectors e (1 + b, resultant) and the coordinates phi (b, node) of the weights in them."""
        middle = self.nodes[len(self.nodes) // 2]
        left, size, right = np.linalg.svd(self.nodes - middle, full_matrices=False)
        kept = size > small * np.abs(self.nodes).max()
        return np.vstack([middle, right[kept]]), _closed((left * size)[:, kept].T)

    def forms(self) -> NDArray[np.float64]:
        """Return K'AK and K'BK of each node, (2, node)."""
        matrices = np.diag(self.times[2]), photon_form(self.times)
        return _closed(np.array([np.einsum("ci,ij,cj->c", self.nodes, m, self.nodes) for m in matrices]))


@lru_cache(64)
def _tables(weighting: Weighting, dtype: np.dtype[Any]) -> tuple[Array, ...]:
    basis, phi = weighting.basis(_SMALL[dtype])
    pairs, folded = _folded(basis)
    times = weighting.times
    own = (times, weighting.differences, weighting.signal, folded, phi, weighting.forms(), _formal(times))
    return (*(np.ascontiguousarray(table, dtype) for table in own), pairs)


def _closed(rows: NDArray[np.float64]) -> NDArray[np.float64]:
    """Repeat the last node, so that every node has a next one."""
    return np.concatenate([rows, rows[:, -1:]], axis=1)


def _formal(times: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the read variance of an unweighted line from each resultant to each later one, for one electron^2 [1/s2].

    It is 1/N over the sum of squares of the times about their mean.
    """
    t, share = times[0] - times[0].mean(), times[2]
    n = np.arange(len(t))
    sums = [np.concatenate([[0.0], np.cumsum(t**power)]) for power in range(3)]
    count, first, second = (s[None, 1:] - s[:-1, None] for s in sums)
    later = n[:, None] < n[None]
    squares = np.where(later, second - first**2 / np.where(later, count, 1), 1.0)
    return np.where(later, share[None] / squares, 0.0)


def _folded(basis: NDArray[np.float64]) -> tuple[NDArray[np.intp], NDArray[np.float64]]:
    """Pair resultants, so that the weights act on differences; the last pair is the whole ramp.

    Weights that sum to zero act on the rise since the first resultant. Those of an even pattern are antisymmetric
    as well, and then half as many differences do.
    """
    n = basis.shape[1]
    if np.allclose(basis, -basis[:, ::-1], rtol=0, atol=1e-9 * np.abs(basis).max()):
        low = np.arange((n - 1) // 2, -1, -1)
        high = np.where(low == n - 1 - low, (low + 1) % n, n - 1 - low)  # the middle one has weight zero
        return np.array([low, high]), np.where(low == n - 1 - low, 0.0, basis[:, n - 1 - low])
    high = np.arange(1, n)
    return np.array([0 * high, high]), basis[:, 1:]


def times_of(pattern: ReadPattern, reads: Array | None = None, noise: Array | None = None) -> NDArray[np.float64]:
    """Return what the kernel must know of each resultant, (5, resultant).

    Parameters
    ----------
    pattern
        The read pattern.
    reads
        N in the weights; None: 1.
    noise
        Share of the variance of one read that stands in the signal-to-noise ratio; None: 1/N.
    """
    share = 1 / pattern.n_reads
    one = np.ones(len(pattern))
    return np.array(
        [pattern.tbar, pattern.tau, share, one if reads is None else reads, share if noise is None else noise]
    )


def photon_form(times: NDArray[np.float64]) -> NDArray[np.float64]:
    r"""Return the covariance of resultants for one electron/s: :math:`\tau_k`, and the earlier mean time of two."""
    form = np.minimum.outer(times[0], times[0])
    np.fill_diagonal(form, times[1])
    return form
