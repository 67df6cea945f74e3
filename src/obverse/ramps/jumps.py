"""Cosmic rays in ramps: how significant a jump must be, and where jumps are."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray

from obverse.errors import UsageError
from obverse.pattern import ReadPattern
from obverse.ramps.inputs import Counts, Cube
from obverse.ramps.likelihood import fit

__all__ = ["find_jumps", "limits_of"]


def find_jumps(
    counts: Counts,
    pattern: ReadPattern | None = None,
    *,
    gain: ArrayLike,
    read_noise: ArrayLike,
    flags: ArrayLike | None = None,
    method: str = "likelihood",
    sigma: float = 4.5,
    threads: int | None = None,
) -> NDArray[np.uint8]:
    r"""Flag the resultants at which the charge of a pixel jumps.

    With :math:`P = V^{-1} - x x^T/s` and :math:`q = V^{-1} y - a x` (the letters of `fit_ramps`), leaving out
    difference :math:`i` lowers chi-square by :math:`q_i^2 / P_{ii}`, and leaving out :math:`i` and
    :math:`i+1` by

    .. math::

        (q_i, q_{i+1})\, H^{-1} (q_i, q_{i+1})^T, \qquad H = \text{the } 2 \times 2 \text{ block of } P .

    What lowers it most beyond its limit is left out, and the rest is searched again while more than three
    differences remain. A pair is tried where its shared resultant averages several reads: a hit between them
    spoils both differences.

    Parameters
    ----------
    counts, pattern, gain, read_noise, flags, threads
        As in `fit_ramps`.
    method
        ``"likelihood"``; ``"two_point"`` comes in a later release.
    sigma
        Significance: the limits are the chi-square of one and of two degrees of freedom that noise exceeds as
        rarely.

    Returns
    -------
    The flags given, the shape of the counts, uint8, with JUMP_DET added on the later resultant of each
    difference.

    Raises
    ------
    UsageError
        As in `fit_ramps`, or if `sigma` is not a positive number.

    Notes
    -----
    Limits: a ramp of fewer than four usable differences is not searched; each integration is searched alone.
    The covariance comes from the mean difference without the highest and the lowest one, so that a second hit
    on the same ramp is searched at full strength once the first is out.

    Reference: Brandt 2024, PASP 136 045005.

    Examples
    --------
    >>> ramp = np.array([0.0, 10.0, 20.0, 530.0, 540.0, 550.0])
    >>> find_jumps(ramp, ReadPattern.even(6, frame_time=10.0), gain=1.0, read_noise=10.0)
    array([0, 0, 0, 4, 0, 0], dtype=uint8)
    """
    if method != "likelihood":
        raise UsageError(f"find_jumps: method {method!r} is not in this release, which has 'likelihood'")
    limits = limits_of(sigma)
    cube = Cube.of(counts, pattern, gain, read_noise, flags)
    found = [fit(cube.integration(i), limits, threads).resultant_flags for i in range(cube.counts.shape[0])]
    return np.concatenate(found).reshape(cube.shape)


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
    if not (np.isfinite(sigma) and sigma > 0):
        raise UsageError(f"jump sigma is {sigma}, it must be a positive number")
    chance = math.erfc(sigma / math.sqrt(2))
    # chi-square of two degrees of freedom is exponential; beyond 38 sigma its chance is below the smallest
    # float
    return sigma**2, -2 * math.log(chance) if chance > 0 else sigma**2 + 10
