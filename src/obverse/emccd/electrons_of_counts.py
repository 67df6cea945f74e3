"""Electrons of a pixel from the number of frames in which it counted."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import digamma, polygamma

from obverse.emccd.counting_law import CountingLaw
from obverse.emccd.tallies import Tally
from obverse.errors import UsageError
from obverse.flags import Flag
from obverse.frame import Frame

__all__ = ["estimate", "image_of"]

Array = NDArray[Any]


def image_of(seen: Tally, law: CountingLaw, brightest: float) -> Frame:
    """Return the image that `count_photons` promises, from the counts."""
    if seen.length < 2:
        raise UsageError("photon counting: one frame says nothing of the fraction of frames that count, give 2 or more")
    electrons, variance = _electrons(seen, law)
    data = electrons.astype(np.float32)
    flags = _flags(seen, electrons, brightest)
    return Frame(
        data,
        "electron",
        seen.first.axes,
        pixel_flags=flags,
        variances={"poisson": variance.astype(np.float32)},
        exposure=seen.first.exposure,
        undone=(*seen.first.undone, "em_gain"),
        companions={
            name: Frame(plane, unit, seen.first.axes)
            for name, plane, unit in [
                ("counts", seen.counts, "1"),
                ("frames", seen.frames, "1"),
                ("threshold", np.full(data.shape, law.threshold, np.float32), "electron"),
            ]
        },
        cargo=seen.first.cargo,
    )


def _electrons(seen: Tally, law: CountingLaw) -> tuple[Array, Array]:
    """Return electrons and variance of each pixel; equal pairs of k and N are solved once."""
    pairs, which = np.unique(seen.counts.astype(np.uint64) << 32 | seen.frames, return_inverse=True)
    k, n = (pairs >> 32).astype(np.float64), (pairs & 0xFFFFFFFF).astype(np.float64)
    solved = np.where(n > 0, estimate(law, k, n), np.nan)
    electrons, variance = solved[:, which].reshape(2, *seen.counts.shape)
    return electrons, variance


def estimate(law: CountingLaw, k: Array, n: Array) -> tuple[Array, Array]:
    r"""Return :math:`\hat\lambda` and its variance for k of n frames that counted."""
    depth, scatter = digamma(n + 1.0) - digamma(n - k + 1.0), _scatter(k, n)
    electrons = law.electrons(depth)
    _, slope, bend = law.depth(electrons)
    # no count at all has the error of one, never 0 +- 0
    return electrons + 0.5 * scatter * bend / slope**3, _scatter(np.maximum(k, 1.0), n) / slope**2


def _scatter(k: Array, n: Array) -> Array:
    return polygamma(1, n - k + 1.0) - polygamma(1, n + 1.0)


def _flags(seen: Tally, electrons: Array, brightest: float) -> NDArray[np.uint32]:
    """Flag what is too bright, and what nobody can tell, with the flags that hid it."""
    missing = seen.frames == 0
    flags = np.where((electrons > brightest) | (seen.counts == seen.frames), np.uint32(Flag.NONLINEAR), np.uint32(0))
    flags = np.where(missing, seen.seen | np.uint32(Flag.DO_NOT_USE), flags)
    return np.bitwise_or.reduce(flags.reshape(-1, *flags.shape[-2:]), axis=0)
