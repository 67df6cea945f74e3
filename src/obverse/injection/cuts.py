r"""Which resultants a rate had left, told from its variances.

A pixel that saturated, or was hit, has a rate from a part of its ramp, and an image of rates does not say which. But
its variances do: of all parts

.. math:: \left(\ln \frac{\sigma_R^2(part)}{\sigma_R^2(file)}\right)^2
          + \left(\ln \frac{\sigma_P^2(part)}{\sigma_P^2(file)}\right)^2

is smallest for the one that was fitted. Of two that are mirror images of each other, the first is taken: their rates
have the same law.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from obverse.flags import UNUSABLE, Flag

__all__ = ["Cut", "best_cuts", "cuts_for", "used_differences"]

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Cut:
    """A part of the ramps of a pixel.

    Parameters
    ----------
    resultants
        How many there are in a ramp.
    integrations
        How many ramps.
    good
        Leading resultants that are not saturated.
    hit
        Resultants of the first ramp to which a jump led.
    """

    resultants: int
    integrations: int
    good: int
    hit: tuple[int, ...] = ()

    def flags(self) -> NDArray[np.uint8]:
        """Return what is wrong with each resultant, (integration, resultant)."""
        flags = np.zeros((self.integrations, self.resultants), np.uint8)
        flags[:, self.good :] = Flag.SATURATED
        flags[0, list(self.hit)] |= np.uint8(Flag.JUMP_DET)
        return flags


def used_differences(flags: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Return which differences a fit takes, of flags (integration, resultant, ...); those between ramps never count.

    Examples
    --------
    >>> used_differences(np.array([[0, 4, 0], [0, 0, 2]], "u1"))
    array([False,  True, False,  True, False])
    """
    good = (flags & np.uint8(UNUSABLE)) == 0
    counts = good[:, 1:] & good[:, :-1] & ((flags[:, 1:] & np.uint8(Flag.JUMP_DET)) == 0)
    seams = np.zeros_like(counts[:, :1])
    return np.concatenate([counts, seams], axis=1).reshape(-1, *flags.shape[2:])[:-1]


def cuts_for(resultants: int, integrations: int, flags: int) -> Iterator[Cut]:
    """Yield the parts that a pixel with these flags may have had; the whole ramp is the first."""
    lengths = range(resultants, 1, -1) if flags & Flag.SATURATED else (resultants,)
    for good in lengths:
        hits = _hits(good) if flags & Flag.JUMP_DET else ((),)
        for hit in hits:
            yield Cut(resultants, integrations, good, hit)


def _hits(good: int) -> Iterator[tuple[int, ...]]:
    """Yield one jump, or one within an averaged resultant, which costs the differences on both sides."""
    yield ()
    yield from ((k,) for k in range(1, good))
    yield from ((k, k + 1) for k in range(1, good - 1))


def best_cuts(
    cuts: list[Cut], variances: Callable[[Cut], tuple[Array, Array]], poisson: Array, read: Array
) -> NDArray[np.intp]:
    """Return which of the cuts explains the variances of each pixel best.

    Parameters
    ----------
    cuts
        The candidates.
    variances
        Variances from photons and from reading that a cut would give, (pixel,) each.
    poisson, read
        What the file says; what is not above zero tells nothing.
    """
    misfits = []
    for cut in cuts:
        said = zip(variances(cut), (poisson, read), strict=True)
        misfits.append(sum(_misfit(would, file) for would, file in said))
    return np.argmin(np.nan_to_num(np.array(misfits), nan=np.inf), axis=0)


def _misfit(would: Array, file: Array) -> Array:
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where((file > 0) & np.isfinite(file), np.log(would / file) ** 2, 0.0)
