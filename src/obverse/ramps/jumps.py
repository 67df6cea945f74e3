"""Cosmic rays in ramps: how significant a jump must be, and where jumps are."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from obverse.errors import UsageError
from obverse.flags import UNUSABLE, Flag
from obverse.pattern import ReadPattern
from obverse.ramps.inputs import Counts, Cube
from obverse.ramps.likelihood import fit
from obverse.ramps.two_point import TwoPoint, search
from obverse.ramps.wish import refuse_bad_sigma

__all__ = ["find_jumps", "limits_of", "with_short_ramps_searched"]


def find_jumps(
    counts: Counts,
    pattern: ReadPattern | None = None,
    *,
    gain: ArrayLike,
    read_noise: ArrayLike,
    flags: ArrayLike | None = None,
    pixel_flags: ArrayLike | None = None,
    dark_rate: ArrayLike = 0.0,
    method: str = "two_point",
    sigma: float | None = None,
    options: TwoPoint | None = None,
    threads: int | None = None,
) -> NDArray[np.uint8]:
    r"""Flag the resultants at which the charge of a pixel jumps.

    **Two-point differences** (``"two_point"``). With the differences :math:`y_i = g (R_{i+1} - R_i)`, their times
    :math:`D_i`, and :math:`m`, the median of :math:`y_i / D_i` over a pixel's resultants and integrations, a jump is
    where

    .. math::

        \frac{|y_i - m D_i|}{\sqrt{\sigma^2 (1/N_i + 1/N_{i+1}) + |m|\, (\tau_i + \tau_{i+1} - 2 \bar t_i)}}

    exceeds its limit: `sigma` from four usable differences on, more with three and with two. From ten usable
    differences on (`TwoPoint.single_pass_from`) one pass over all of them is enough. With fewer, the search goes in
    rounds, on the absolute :math:`y_i`: the median is that without the largest one (of three: the median of all, of
    two: the smaller one), what exceeds its limit most is flagged and left out, and the rest is searched again. From
    100 integrations on (`TwoPoint.clip_from`), even patterns are searched by sigma clipping instead: what lies
    further from the median of the same difference of all integrations than `sigma` times their scatter, in at most
    five rounds. Jumps of 10 to 1000 of their noise take their four neighbours along.

    **Likelihood** (``"likelihood"``). With :math:`P = V^{-1} - x x^T/s` and :math:`q = V^{-1} y - a x` (the letters of
    `fit_ramps`), leaving out difference :math:`i` lowers chi-square by :math:`q_i^2 / P_{ii}`, and leaving out
    :math:`i` and :math:`i+1` by

    .. math::

        (q_i, q_{i+1})\, H^{-1} (q_i, q_{i+1})^T, \qquad H = \text{the } 2 \times 2 \text{ block of } P .

    What lowers it most beyond its limit is left out, and the rest is searched again while more than three
    differences remain. A pair is tried where its shared resultant averages several reads: a hit between them
    spoils both differences. Where one difference alone passes its limit, the second must be worth as much again:
    else every tenth hit would take a difference along that is only noisy, and errors would be too small.
    Ramps with two or three usable differences are searched by two-point differences.

    Parameters
    ----------
    counts, pattern, gain, read_noise, flags, pixel_flags, dark_rate, threads
        As in `fit_ramps`. `read_noise` is of a single read [electron], that of tables over the root of 2.
    method
        ``"two_point"`` or ``"likelihood"``.
    sigma
        Significance. None: 4 for two-point differences, with 5 for three differences and 6 for two; 4.5 for the
        likelihood, whose limits are the chi-square of one and of two degrees of freedom that noise exceeds as rarely.
    options
        All else that the two-point search may be told; `sigma` goes before its own.

    Returns
    -------
    The flags given, the shape of the counts, uint8, with JUMP_DET added on the later resultant of each
    difference.

    Raises
    ------
    UsageError
        As in `fit_ramps`, if there is no such method, if `sigma` is not a positive number, or if `options` are given
        to the likelihood.

    Notes
    -----
    Limits of two-point differences: a jump that is spread over two differences by averaging is compared with each
    alone; a pixel needs two usable differences. The median has noise of its own, so that of clean ramps of 20 reads
    2.2e-3 are flagged at 4 sigma and 2.9e-4 at 4.5, twice what a Gaussian would do; of 8, 4 and 3 groups at the
    default limits at most 3.2e-3, 5e-4 and 9e-4, where a difference has a few tens of photons. A jump of k sigma in
    20 reads is found with the chance of a Gaussian above `sigma` - k, less up to 0.045. In rounds, faint jumps look
    smaller by up to 0.7 of the noise, the median of its absolute value. Where the results differ from stcal's:
    `docs/differences.md`.

    On clean ramps of averaged reads it flags up to 8e-3 (Poisson noise is skewed, averaged read noise is small).

    Limits of the likelihood: each integration is searched alone. Clean ramps flagged: 4e-5 to 1.4e-4 of 20 single
    reads, up to 4e-4 of averaged reads. The covariance comes from the mean difference without the highest and the
    lowest one, so that a
    second hit on the same ramp is searched at full strength once the first is out.

    Read noise below 0.001 electron counts as 0.001.

    Reference: Anderson & Gordon 2011, PASP 123, 1237 (two-point differences); Brandt 2024, PASP 136 045005.

    Examples
    --------
    >>> ramp = np.array([0.0, 10.0, 20.0, 530.0, 540.0, 550.0])
    >>> find_jumps(ramp, ReadPattern.even(6, frame_time=10.0), gain=1.0, read_noise=10.0)
    array([0, 0, 0, 4, 0, 0], dtype=uint8)
    """
    if method not in ("two_point", "likelihood"):
        raise UsageError(f"find_jumps: method is {method!r}, it must be 'two_point' or 'likelihood'")
    cube = Cube.of(counts, pattern, gain, read_noise, flags, pixel_flags, dark_rate)
    if method == "two_point":
        return search(cube, _options(options, sigma), threads).reshape(cube.shape)
    if options is not None:
        raise UsageError("find_jumps: options are for method 'two_point', the likelihood has only sigma")
    limits = limits_of(sigma)
    cube = with_short_ramps_searched(cube, sigma, threads)
    found = [fit(cube.integration(i), limits, threads).resultant_flags for i in range(cube.counts.shape[0])]
    return np.concatenate(found).reshape(cube.shape)


def with_short_ramps_searched(cube: Cube, sigma: float | None, threads: int | None) -> Cube:
    """Flag jumps in ramps of two and three usable differences, too few for a chi-square, by two-point differences."""
    marks = cube.marks
    lost = (marks & np.uint8(UNUSABLE)) != 0
    usable = ~(lost[:, :-1] | lost[:, 1:] | ((marks[:, 1:] & np.uint8(Flag.JUMP_DET)) != 0))
    count = usable.sum(axis=1, dtype=np.int16)
    short = (count == 2) | (count == 3)
    if not short.any():
        return cube
    found = search(cube, replace(TwoPoint.of(sigma), neighbours=None, minimum_groups=3), threads)
    return replace(cube, flags=np.where(short[:, None], found, marks))


def _options(options: TwoPoint | None, sigma: float | None) -> TwoPoint:
    if options is None or sigma is None:
        return options or TwoPoint.of(sigma)
    return replace(options, sigma=sigma)


def limits_of(sigma: float | None) -> tuple[float, float]:
    """How far chi-square must fall for one difference and for a pair to be as improbable as `sigma`.

    Examples
    --------
    >>> limits_of(None)
    (20.25, 23.8)
    >>> limits_of(4.5)
    (20.25, 23.79...)
    """
    if sigma is None:
        return 20.25, 23.8
    refuse_bad_sigma(sigma)
    chance = math.erfc(sigma / math.sqrt(2))
    # chi-square of two degrees of freedom is exponential; beyond 38 sigma its chance is below the smallest
    # float
    return sigma**2, -2 * math.log(chance) if chance > 0 else sigma**2 + 10
