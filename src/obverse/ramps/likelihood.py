"""The likelihood fit: constants of a read pattern, and the kernel run over strips of rows."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from obverse.kernels.likelihood import fit_rows
from obverse.pattern import ReadPattern
from obverse.ramps.inputs import Cube
from obverse.ramps.pedestal import Prior, fit_strips, with_prior
from obverse.ramps.result import RampFit
from obverse.ramps.sweep import sweep

__all__ = ["NO_SEARCH", "constants", "fit"]

Array = NDArray[Any]

NO_SEARCH = (np.inf, np.inf)


def constants(pattern: ReadPattern, integrations: int = 1) -> NDArray[np.float64]:
    r"""Numbers of the differences of neighbouring resultants that depend on the read pattern alone.

    The difference :math:`y_i = R_{i+1} - R_i` has the mean :math:`a D_i` and the covariance :math:`\sigma^2 A
    + a B`:

    .. math::

        D_i &= \bar t_{i+1} - \bar t_i \\
        A_{ii} &= 1/N_i + 1/N_{i+1}, \quad A_{i-1,i} = -1/N_i \\
        B_{ii} &= \tau_i + \tau_{i+1} - 2 \bar t_i, \quad B_{i-1,i} = \bar t_i - \tau_i

    Parameters
    ----------
    pattern
        The read pattern.
    integrations
        Ramps that follow one another; the "difference" between two of them has no duration and never counts.

    Returns
    -------
    (6, integration * resultant - 1): D, the diagonals of A and B, their couplings to the difference before,
    and 1 where a difference and the one before share a resultant of several reads.

    Notes
    -----
    Reference: Brandt 2024, PASP 136 045004 (the tridiagonal covariance of differences).

    Examples
    --------
    >>> constants(ReadPattern.even(3, frame_time=2.0))[0]
    array([2., 2.])
    """
    t, tau, n = pattern.tbar, pattern.tau, pattern.n_reads
    one = np.zeros((6, len(pattern)))  # the last column stands between two integrations
    one[1] = 1.0
    one[0, :-1] = np.diff(t)
    one[1, :-1] = 1 / n[:-1] + 1 / n[1:]
    one[2, :-1] = tau[:-1] + tau[1:] - 2 * t[:-1]
    one[3, 1:-1] = -1 / n[1:-1]
    one[4, 1:-1] = t[1:-1] - tau[1:-1]
    one[5, 1:-1] = n[1:-1] > 1
    return np.tile(one, integrations)[:, :-1]


def fit(
    cube: Cube,
    limits: tuple[float, float] = NO_SEARCH,
    threads: int | None = None,
    prior: Prior | None = None,
) -> RampFit:
    """Fit all integrations of `cube` with one common rate.

    Parameters
    ----------
    cube
        Checked arguments.
    limits
        By how much chi-square must fall for a difference, and for a pair, to be taken for a jump.
    threads
        Worker threads.
    prior
        What is known of the pedestal; for a single integration.
    """
    integrations, dtype = cube.counts.shape[0], cube.gain.dtype
    numbers = constants(cube.pattern, integrations).astype(dtype)
    tbar = np.tile(cube.pattern.tbar, integrations).astype(dtype)
    limit = np.array(limits)

    def kernel(counts: Array, flags: Array, pixels: Any, *rest: Any) -> float:
        return fit_rows(counts, flags, pixels, numbers, tbar, limit, *rest)

    def swept(one: Cube, workers: int | None) -> tuple[RampFit, Array]:
        done = sweep(one, 5 if prior is None else 11, kernel, bool(np.isfinite(min(limits))), workers)
        rate, var_poisson, var_read, chi2, pedestal = done.planes[:5]
        made = RampFit(rate, var_poisson, var_read, done.flags, done.resultant_flags, pedestal, chi2)
        return made, done.planes[5:]

    if prior is None:
        return swept(cube, threads)[0]
    return fit_strips(cube, lambda one, rows: with_prior(*swept(one, 1), one, prior.rows(rows)), threads)
