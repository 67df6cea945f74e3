"""The public door to every estimator of a ramp."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from obverse.pattern import ReadPattern
from obverse.ramps.estimators import estimate
from obverse.ramps.inputs import Counts, Cube, zero_frames
from obverse.ramps.pedestal import Prior
from obverse.ramps.result import RampFit
from obverse.ramps.wish import Wish

__all__ = ["fit_ramps"]


def fit_ramps(
    counts: Counts,
    pattern: ReadPattern | None = None,
    *,
    gain: ArrayLike,
    read_noise: ArrayLike,
    flags: ArrayLike | None = None,
    pixel_flags: ArrayLike | None = None,
    estimator: str = "likelihood",
    find_jumps: bool = True,
    jump_sigma: float | None = None,
    variance: str = "exact",
    combination: str = "read_noise",
    pedestal_prior: tuple[ArrayLike, ArrayLike] | None = None,
    dark_rate: ArrayLike = 0.0,
    zero_frame: ArrayLike | None = None,
    suppress_one_group: bool = True,
    save_segments: bool = False,
    threads: int | None = None,
) -> RampFit:
    r"""Fit the count rate of each pixel to its reads, with the exact covariance of their differences.

    The differences :math:`y_i = g (R_{i+1} - R_i)` of neighbouring resultants have the mean :math:`a D_i` and
    a tridiagonal covariance :math:`V = \sigma^2 A + (a^+ + a_{dark}) B`
    (`obverse.ramps.likelihood.constants`):

    .. math::

        x = V^{-1} D, \qquad s = D \cdot x, \qquad a = \frac{x \cdot y}{s}, \qquad
        \chi^2 = y \cdot V^{-1} y - a^2 s

        \mathrm{var}(a) = \frac1s = \frac{(a^+ + a_{dark})\, x^T B x}{s^2} + \frac{\sigma^2\, x^T A x}{s^2}

    The first pass takes :math:`a^+ = \max(a, 0)` from the mean difference without the highest and the lowest
    one, the second pass takes it from the first.

    Parameters
    ----------
    counts
        Resultants, (integration, resultant, row, column), leading axes optional; also (resultant, column) and
        (resultant,) [DN]. uint16, float32 and float64 of native bytes are fitted as they are, without a copy.
        A `Frame` brings its pattern and flags along.
    pattern
        When the resultants were read.
    gain
        Number or (row, column) [electron/DN].
    read_noise
        Of a single read, number or (row, column) [electron]: CDS noise in DN, times gain, over the root of 2.
    flags
        What is wrong with each resultant, the shape of `counts`. A bit of `UNUSABLE` takes out both
        differences that touch the resultant, JUMP_DET only the one that leads to it; other bits are ignored.
    pixel_flags
        What is wrong with each pixel, (row, column); DO_NOT_USE makes its rate NaN.
    estimator
        ``"likelihood"`` (above), ``"ols"`` (`obverse.ramps.ordinary.ordinary`, what JWST does), ``"casertano"``
        (`obverse.ramps.casertano.casertano`, for uneven resultants) or ``"covariance"``
        (`obverse.ramps.covariance.covariance`, the optimal weights interpolated).
    find_jumps
        Look for cosmic rays and leave out what they hit: the likelihood and Casertano's fit each search in their
        own way, before the others stands the two-point search (`find_jumps`).
    jump_sigma
        Significance of a jump; None: the estimator's own. Likelihood: chi-square must fall by 20.25 for one
        difference and by 23.8 for two. Two-point: 4. Casertano: 5.5 at 1 electron/s, 4.17 at 10^4.
    variance
        ``"exact"``, the variance of the weighted sum that the rate is, or ``"jwst"``, the formulas of that pipeline
        (`obverse.ramps.mission`), for ``"ols"`` and even patterns.
    combination
        How ``"ols"`` averages segments: by ``"read_noise"``, or by ``"total_variance"``, the rule of JWST until
        2025, which is biased.
    pedestal_prior
        Mean and standard deviation of the charge at time zero [electron], if something is known of it
        (`obverse.ramps.pedestal`); for the likelihood fit.
    dark_rate
        Rate of electrons that has been subtracted from the counts, number or (row, column) [electron/s];
        it enters the variance alone.
    zero_frame
        First read of each ramp, (integration, row, column) [DN]; the likelihood fit takes it for a resultant of its
        own, the others, with ``suppress_one_group=False``, where a ramp has nothing else.
    suppress_one_group
        False gives a pixel with a single good resultant its charge over its time; right only behind a good bias
        subtraction. A pattern of one group gives ``"ols"`` such rates in any case.
    save_segments
        Keep what each segment was fitted with in `RampFit.segments`; of the likelihood fit, the runs between the
        differences that were left out, whose mean by variance at the common rate it is.
    threads
        Worker threads, None for one a processor; the result does not depend on it.

    Returns
    -------
    Planes in electron and second: float64 for float64 counts, else float32. Several integrations are fitted
    with one common rate, so that photon noise cannot pull their weights; `RampFit.integrations` has each on
    its own.

    Raises
    ------
    UsageError
        If the arguments do not fit together, or ask for what this release has not.

    Notes
    -----
    Limits: reads must share no noise but that of averaging (no 1/f noise, no quantisation beyond the read
    noise). A resultant that is NaN or infinite is flagged DO_NOT_USE and left out. Where the photon noise per
    difference is like the read noise and few reads are left, errors follow the estimated rate: their pulls
    scatter by up to 1.07. Read noise below 0.001 electron counts as 0.001.

    Reference: Brandt 2024, PASP 136 045004 (optimal fit), and PASP 136 045005 for jumps; solved here by
    elimination.

    Examples
    --------
    >>> pattern = ReadPattern.even(5, frame_time=10.0)
    >>> fit = fit_ramps(np.array([10.0, 35.0, 55.0, 80.0, 105.0]), pattern, gain=2.0, read_noise=10.0)
    >>> print(f"{fit.rate:.2f} +- {fit.error:.2f} electron/s")
    4.71 +- 0.47 electron/s
    """
    cube = Cube.of(counts, pattern, gain, read_noise, flags, pixel_flags, dark_rate)
    wish = Wish(
        estimator=estimator,
        find_jumps=find_jumps,
        jump_sigma=jump_sigma,
        variance=variance,
        combination=combination,
        one_group=not suppress_one_group,
        save_segments=save_segments,
        threads=threads,
        prior=Prior.of(pedestal_prior, cube.counts.shape[2:]),
    )
    parts, whole = estimate(cube, wish, zero_frames(zero_frame, cube))
    return _shaped(whole, cube, (), _shaped(_stacked(parts), cube, (len(parts),)))


def _stacked(parts: list[RampFit]) -> RampFit:
    """Give the fits of integrations a leading axis; views, where there is one: it costs no memory."""
    if len(parts) == 1:
        return parts[0].map_planes(lambda plane: plane[None])
    planes: dict[str, Any] = {name: np.stack([part.planes()[name] for part in parts]) for name in parts[0].planes()}
    return RampFit(**planes, resultant_flags=np.concatenate([part.resultant_flags for part in parts]))


def _shaped(fit: RampFit, cube: Cube, leading: tuple[int, ...], integrations: RampFit | None = None) -> RampFit:
    """Give the planes the axes in which the counts came."""
    shape = leading + cube.image_shape
    marks = fit.resultant_flags.reshape(cube.shape)
    return fit.map_planes(lambda plane: plane.reshape(shape), resultant_flags=marks, integrations=integrations)
