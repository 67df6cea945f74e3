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

from obverse.kernels._rule import POWER
from obverse.pattern import ReadPattern

__all__ = ["Weighting", "line_table", "line_weights", "photon_form", "times_of"]

Array = NDArray[Any]

_SMALL = {np.dtype(np.float32): 1e-6, np.dtype(np.float64): 1e-15}


@dataclass(frozen=True, eq=False)
class Weighting:
    """Rule by which an estimator weighs resultants, and its weights on a whole ramp.

    Parameters
    ----------
    rule
        (kind of weights, whether a hit resultant joins the next segment, how segments are combined), numbers of
        `obverse.kernels._rule`.
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
    rows, lines = line_table(times, weighting.signal[1]) if weighting.rule[0] == POWER else _NO_LINES
    # read variance of an unweighted line through each segment: it weighs segments, and does not depend on the data
    formal = lines[rows, 0, 0] if len(lines) else np.zeros((0, 0))
    own = (times, weighting.differences, weighting.signal, folded, phi, weighting.forms(), formal, lines)
    return (*(np.ascontiguousarray(table, dtype) for table in own), rows, pairs)


def _closed(rows: NDArray[np.float64]) -> NDArray[np.float64]:
    """Repeat the last node, so that every node has a next one."""
    return np.concatenate([rows, rows[:, -1:]], axis=1)


_NO_LINES = np.zeros((0, 0), np.int64), np.zeros((0, 0, 0))


def line_weights(times: NDArray[np.float64], exponents: NDArray[np.float64]) -> NDArray[np.float64]:
    r"""Weights of the slope of a straight line through all resultants, (exponent, resultant) [1/s].

    .. math::

        w_k = \frac{(1 + P) N_k}{1 + P N_k} \left|\frac{\bar t_k - c}{h}\right|^P, \qquad
        K_k = \frac{(F_0 t_k - F_1) w_k}{F_0 F_2 - F_1^2}, \quad F_i = \sum_k w_k t_k^i, \quad t_k = \bar t_k - c
    """
    tbar, N, P = times[0], times[3], exponents[:, None]
    t = tbar - (tbar[0] + tbar[-1]) / 2
    w = (1 + P) * N / (1 + P * N) * np.abs(t / t[-1]) ** P
    F0, F1, F2 = ((w * t**i).sum(axis=1, keepdims=True) for i in range(3))
    return (F0 * t - F1) * w / (F0 * F2 - F1**2)


def line_table(
    times: NDArray[np.float64], exponents: NDArray[np.float64]
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Return the weights of lines through every segment.

    Returns
    -------
    rows
        (first, last): the row of `lines`; segments of an even pattern that are equally long share one.
    lines
        (row, exponent, 2 + place): QR, QS, and the weights from the first resultant of the segment on.
    """
    n = times.shape[1]
    rows = np.zeros((n, n), np.int64)
    known: dict[bytes, int] = {}
    made: list[NDArray[np.float64]] = []
    for a in range(n):
        for b in range(a + 1, n):
            part = times[:, a : b + 1].copy()
            part[:2] -= part[0, 0]  # QR and QS of weights that sum to zero do not feel the origin
            key = np.round(part[:4] / times[0, -1], 9).tobytes()
            if key not in known:
                known[key] = len(made)
                made.append(_line_row(part, exponents, n))
            rows[a, b] = known[key]
    return rows, np.array(made)


def _line_row(part: NDArray[np.float64], exponents: NDArray[np.float64], n: int) -> NDArray[np.float64]:
    K = line_weights(part, exponents)
    form = photon_form(part)
    row = np.zeros((len(exponents), n + 2))
    row[:, 0], row[:, 1] = K**2 @ part[2], np.einsum("ci,ij,cj->c", K, form, K)
    row[:, 2 : 2 + K.shape[1]] = K
    return row


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
