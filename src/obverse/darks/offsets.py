"""What the fit leaves in the prescan, in DN: the bias that rows of the image have over what the prescan tells."""

from __future__ import annotations

import warnings

import numpy as np
from numpy.typing import NDArray

from obverse.darks.gathered import Gathered
from obverse.errors import ObverseWarning

__all__ = ["bias_offset"]

Array = NDArray[np.float64]


def bias_offset(
    stacks: Gathered, maps: Array, errors: NDArray[np.float32], weights: Array, gain: float | None
) -> tuple[float, float, float]:
    r"""Return the bias offset and its lower and upper bound [DN].

    .. math:: B = \Bigl\langle \frac{1}{k_i}\,
        \mathrm{median}_\mathrm{prescan}(y_i - F - g_i C - g_i t_i D) \Bigr\rangle_i

    weighted as the stacks are in the fit: the register's tail draws the median of a stack at high gain below its mean.
    The bounds come of maps that are one error larger, and smaller.

    Parameters
    ----------
    stacks
        Mean frames.
    maps, errors
        F, C and D as fitted, not clipped, and their errors, (3, row, column).
    weights
        Of the stacks (stack,).
    gain
        k gain for frames that do not say theirs [electron/DN].

    Returns
    -------
    offset, low, up
        NaN where there is no prescan, or where nobody says a k gain (that warns).
    """
    prescan = stacks.areas.mask("prescan")
    k_gains = np.array([setting.k_gain or gain or np.nan for setting in stacks.settings])
    if not prescan.any():
        return np.nan, np.nan, np.nan
    if np.isnan(k_gains).any():
        warnings.warn(
            "calibrate_darks_lsq: no k gain is known, the bias offset in DN is NaN: give frames whose exposures say "
            "k_gain, or a detector with a gain",
            ObverseWarning,
            stacklevel=4,
        )
        return np.nan, np.nan, np.nan
    known = prescan & np.isfinite(maps[0])
    if not known.any():
        return np.nan, np.nan, np.nan
    here, around = maps[:, known], errors[:, known]
    found = []  # one stack after the other: two at once would take the memory of two
    for i, (x, k) in enumerate(zip(stacks.design, k_gains, strict=True)):
        left = stacks.means.plane(i)[known]
        left -= x @ here
        found.append(_medians(left, x.astype(np.float32) @ around) / k)
    offset, low, up = np.average(found, axis=0, weights=weights)
    return float(offset), float(low), float(up)


def _medians(left: Array, reach: NDArray[np.float32]) -> Array:
    """Return the medians of what is left, and of it less and plus its reach."""
    return np.array([_median(left.copy()), _median(left - reach), _median(left + reach)])


def _median(values: Array) -> float:
    """Return the median, in a third of numpy's time; the values, none of them NaN, lose their order."""
    middle = (len(values) - 1) // 2
    values.partition(middle)
    above = values[middle] if len(values) % 2 else values[middle + 1 :].min()
    return float(0.5 * (values[middle] + above))
