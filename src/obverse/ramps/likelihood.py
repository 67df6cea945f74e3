"""The likelihood fit: constants of a read pattern, and the kernel run over strips of rows."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from obverse.flags import UNUSABLE, Flag
from obverse.kernels.likelihood import fit_rows
from obverse.pattern import ReadPattern
from obverse.ramps.inputs import Cube
from obverse.ramps.result import RampFit
from obverse.tiles import run_rows

__all__ = ["NO_SEARCH", "constants", "fit"]

Array = NDArray[Any]

NO_SEARCH = (np.inf, np.inf)

_NOTHING = np.zeros((0, 0, 0), np.uint8)


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


def fit(cube: Cube, limits: tuple[float, float] = NO_SEARCH, threads: int | None = None) -> RampFit:
    """Fit all integrations of `cube` with one common rate.

    Parameters
    ----------
    cube
        Checked arguments.
    limits
        By how much chi-square must fall for a difference, and for a pair, to be taken for a jump.
    threads
        Worker threads.
    """
    integrations, resultants, n_rows, n_columns = cube.counts.shape
    shape = (integrations * resultants, n_rows, n_columns)
    dtype = cube.gain.dtype
    counts = _still(cube.counts.reshape(shape))
    flags = _still(_NOTHING if cube.flags is None else cube.flags.reshape(shape))
    found = np.zeros(shape, np.uint8) if np.isfinite(min(limits)) else _NOTHING
    maps = (cube.gain, cube.read_noise, cube.dark_rate, cube.pixel_flags)
    pixels = tuple(_still(plane) for plane in maps)
    numbers = constants(cube.pattern, integrations).astype(dtype)
    tbar = np.tile(cube.pattern.tbar, integrations).astype(dtype)
    out = np.empty((5, n_rows, n_columns), dtype)
    out_flags = np.empty((n_rows, n_columns), np.uint32)
    not_numbers: list[slice] = []

    def work(start: int, stop: int) -> None:
        if found.size and flags.size:
            found[:, start:stop] = flags[:, start:stop]
        lost = fit_rows(counts, flags, pixels, numbers, tbar, np.array(limits), found, out, out_flags, start, stop)
        if lost:
            not_numbers.append(slice(start, stop))

    with np.errstate(all="ignore"):  # NaN is the answer where nothing is left; only an uncompiled kernel warns
        run_rows(n_rows, work, threads)
    marked = found if found.size else flags if flags.size else np.zeros(shape, np.uint8)
    if not_numbers:
        marked = _mark_not_numbers(marked, counts, not_numbers)
    rate, var_poisson, var_read, chi2, pedestal = out
    return RampFit(rate, var_poisson, var_read, chi2, out_flags, marked.reshape(cube.counts.shape), pedestal)


def _still(array: Array) -> Array:
    """Read-only view: the kernel is then compiled once, for the arrays of a frame and for writable ones."""
    view = array.view()
    view.flags.writeable = False
    return view


def _mark_not_numbers(flags: NDArray[np.uint8], counts: Array, strips: list[slice]) -> NDArray[np.uint8]:
    """Flag what is NaN or infinite and was not flagged; never in the array that the caller gave."""
    made = flags.copy()
    for rows in strips:
        lost = ~np.isfinite(counts[:, rows]) & ((flags[:, rows] & UNUSABLE) == 0)
        made[:, rows] |= np.where(lost, np.uint8(Flag.DO_NOT_USE), np.uint8(0))
    return made
