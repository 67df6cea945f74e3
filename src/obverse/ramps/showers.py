"""Showers: faint extended flashes in mid-infrared arrays, below the noise of a pixel but not of a region."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import signal

from obverse.effects.showers import Showers
from obverse.flags import UNUSABLE, Flag
from obverse.pattern import ReadPattern
from obverse.ramps.ellipses import Ellipse, draw, ellipses
from obverse.ramps.inputs import Counts, Cube
from obverse.ramps.likelihood import constants
from obverse.ramps.two_point import median_rates

__all__ = ["flag_showers", "ring"]

Array = NDArray[Any]


def flag_showers(
    counts: Counts,
    pattern: ReadPattern | None = None,
    *,
    gain: ArrayLike,
    read_noise: ArrayLike,
    flags: ArrayLike | None = None,
    pixel_flags: ArrayLike | None = None,
    showers: Showers | None = None,
    threads: int | None = None,
) -> NDArray[np.uint8]:
    r"""Flag showers, in which many neighbouring pixels are a little too bright.

    The ratio of a difference, as in `find_jumps`, is averaged in absolute value over a ring around each pixel,

    .. math:: \bar r_p = \sum_q w_{pq} |r_q| \Big/ \sum_q w_{pq}, \quad w_{pq} = 1 \text{ for } r_1 \le |p - q| \le r_2

    without the pixels that are flagged. Connected regions of large :math:`\bar r`, larger than an area, are showers:
    their ellipses are grown and flagged JUMP_DET, in that resultant and in those that follow within a time. A pixel
    whose mean rate changes too much by that, or which has nothing left, gets its flags back.

    Parameters
    ----------
    counts, pattern, gain, read_noise, pixel_flags, threads
        As in `fit_ramps`.
    flags
        Flags after the jump search.
    showers
        What is a shower; None for the defaults, which are those of MIRI.

    Returns
    -------
    The flags with more of them set, uint8, the shape of the counts.

    Raises
    ------
    UsageError
        As in `fit_ramps`.

    Notes
    -----
    Contract: `Flags` JUMP_DET. On clean ramps no region of the default area reaches the default ratio: under 1e-6 of
    all resultants of clean pixels are flagged, as long as the noise is known to 10 %. Noise that is a third larger
    than stated makes a shower of the whole image.

    Limits: single differences only; what arrives slowly, over many resultants, is not seen. In the peer
    `largest_change` is read in DN but compared with electrons a group; here it is in electron/s.

    Reference: Regan 2023, JWST-STScI-008545.

    Examples
    --------
    >>> rng = np.random.default_rng(1)
    >>> counts = np.cumsum(rng.normal(0, 10, (12, 60, 60)), axis=0)
    >>> counts[6:, 20:40, 20:40] += 15
    >>> found = flag_showers(counts, ReadPattern.even(12), gain=1.0, read_noise=10 / 2**0.5)
    >>> found.any(axis=(1, 2)).nonzero()[0]
    array([6, 7])
    """
    what = Showers() if showers is None else showers
    cube = Cube.of(counts, pattern, gain, read_noise, flags, pixel_flags)
    before = np.zeros(cube.counts.shape, np.uint8) if cube.flags is None else cube.flags
    integrations, resultants = before.shape[:2]
    if integrations * (resultants - 1) < what.least_differences:
        return before.copy().reshape(cube.shape)
    made = before.copy()
    middle = median_rates(cube, threads)
    tbar = cube.pattern.tbar
    for i in range(integrations):
        for k in range(1, resultants):
            found = _showers(_ratio(cube, before, middle, i, k), what)
            later = (np.arange(resultants) >= k) & (tbar - tbar[k] <= what.after * (1 + 1e-9))
            _flag(made[i], found, later, what)
        _undo(made[i], before[i], cube, i, what.largest_change)
    return made.reshape(cube.shape)


def ring(inner: float, outer: float) -> NDArray[np.float64]:
    """Ones at distances from `inner` to `outer` [pixel], else zeros, (row, column), odd.

    Examples
    --------
    >>> ring(1.0, 1.0).astype(int)
    array([[0, 1, 0],
           [1, 0, 1],
           [0, 1, 0]])
    """
    reach = int(outer)
    distance = np.hypot(*np.ogrid[-reach : reach + 1, -reach : reach + 1])
    return ((distance >= inner) & (distance <= outer)).astype(float)


def _ratio(cube: Cube, flags: NDArray[np.uint8], middle: Array, i: int, k: int) -> Array:
    """Absolute ratio of the difference that leads to resultant `k`, NaN where it does not count."""
    d, a, b = constants(cube.pattern)[:3, k - 1]
    step = cube.gain * (cube.counts[i, k].astype(float) - cube.counts[i, k - 1])
    with np.errstate(invalid="ignore", divide="ignore"):
        ratio = np.abs(step - middle * d) / np.sqrt(
            cube.read_noise.astype(float) ** 2 * a + (np.abs(middle) + cube.dark_rate) * b
        )
    known = ((flags[i, k] & (UNUSABLE | Flag.JUMP_DET)) | (flags[i, k - 1] & UNUSABLE)) == 0
    known &= ((cube.pixel_flags & Flag.DO_NOT_USE) == 0) & np.isfinite(ratio)
    return np.where(known, ratio, np.nan)


def _showers(ratio: Array, what: Showers) -> list[Ellipse]:
    known = np.isfinite(ratio)
    weights = ring(what.inner, what.outer)
    total = signal.oaconvolve(np.where(known, ratio, 0.0), weights, mode="same")
    count = signal.oaconvolve(known.astype(float), weights, mode="same")
    light = known & (total > what.ratio * count) & (count > 0.5)
    return ellipses(light, what.area) if light.sum() >= what.area / 4 else []


def _flag(ramp: NDArray[np.uint8], found: list[Ellipse], later: NDArray[np.bool_], what: Showers) -> None:
    if not found:
        return
    grown = np.zeros(ramp.shape[1:], bool)
    for shower in found:
        draw(grown, shower.grown((what.growth - 1) * shower.width, what.widest))
    target = later[:, None, None] & grown & ((ramp & Flag.SATURATED) == 0)
    ramp[target] |= np.uint8(Flag.JUMP_DET)


def _undo(made: NDArray[np.uint8], before: NDArray[np.uint8], cube: Cube, i: int, largest: float) -> None:
    """Give back the flags of pixels whose mean rate they change too much."""
    row, column = np.nonzero((made != before).any(axis=0))
    if not row.size:
        return
    counts = cube.counts[i][:, row, column].astype(float)
    gain = np.broadcast_to(cube.gain, made.shape[1:])[row, column]
    rates = [_mean_rate(counts, flags[:, row, column], cube.pattern.tbar) for flags in (made, before)]
    kept = np.abs(gain * (rates[0] - rates[1])) <= largest  # NaN, where nothing is left, is not kept
    made[:, row[~kept], column[~kept]] = before[:, row[~kept], column[~kept]]


def _mean_rate(counts: Array, flags: NDArray[np.uint8], tbar: Array) -> Array:
    """Sum of the usable differences over their time, (pixel,) [DN/s]."""
    bad = (flags & UNUSABLE) != 0
    used = ~(bad[1:] | bad[:-1] | ((flags[1:] & Flag.JUMP_DET) != 0)) & np.isfinite(np.diff(counts, axis=0))
    time = (used * np.diff(tbar)[:, None]).sum(axis=0)
    with np.errstate(invalid="ignore"):
        return np.where(used, np.diff(counts, axis=0), 0.0).sum(axis=0) / time
