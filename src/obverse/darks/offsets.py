"""What the fit leaves in the prescan, in DN: the bias that rows of the image have over what the prescan tells."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from obverse.darks.gathered import Gathered
from obverse.darks.telling import warn

__all__ = ["bias_offset"]

Array = NDArray[np.float64]

_PROBE = 4096
"""Values whose median is known to 0.8 % of all: a tenth of all then holds the median for sure."""


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
        warn(
            "calibrate_darks_lsq: no k gain is known, the bias offset in DN is NaN: give frames whose exposures say "
            "k_gain, or a detector with a gain"
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
    return np.array([_median(left), _median(left - reach), _median(left + reach)])


def _median(values: Array) -> float:
    """Return the median, none of the values being NaN: only those near the median of some are put in order."""
    middle = (len(values) - 1) // 2
    probe = np.sort(values[:: max(len(values) // _PROBE, 1)])
    low, high = probe[int(0.45 * len(probe))], probe[int(0.55 * len(probe))]
    near, below = values[(values >= low) & (values <= high)], int(np.count_nonzero(values < low))
    if not 0 <= middle - below < len(near) - 1:  # the probe was no likeness of the whole, or the values are few
        near, below = values.copy(), 0
    near.partition(middle - below)
    ordered = near[middle - below :]
    above = ordered[0] if len(values) % 2 else ordered[1:].min()
    return float(0.5 * (ordered[0] + above))
