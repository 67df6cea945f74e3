"""The inverse of a factor that depends on the level itself, by straight lines between levels."""

from __future__ import annotations

from typing import Any

from numpy.typing import NDArray

from obverse.kernels._jit import jit

__all__ = ["divide_by_factor"]

Array = NDArray[Any]


@jit
def divide_by_factor(values: Array, levels: Array, factors: Array, first: Array) -> None:
    """Replace values q (value,) by the levels y of which y f(y) = q; beyond the table the factors at its ends hold.

    Parameters
    ----------
    values
        Float32.
    levels, factors
        Where (rising, from 0 or more) and f there, (entry,), such that their product rises everywhere.
    first
        `obverse.kernels.tables.cells` of the product.
    """
    n = levels.shape[0]
    low, high = levels[0] * factors[0], levels[n - 1] * factors[n - 1]
    scale = n / (high - low)
    for i in range(values.shape[0]):
        q = values[i]
        if q <= low:
            values[i] = q / factors[0]
        elif q >= high:
            values[i] = q / factors[n - 1]
        elif q == q:
            k = first[min(int((q - low) * scale), n - 1)]
            while k > 0 and levels[k] * factors[k] > q:
                k -= 1
            while levels[k + 1] * factors[k + 1] < q:
                k += 1
            slope = (factors[k + 1] - factors[k]) / (levels[k + 1] - levels[k])
            flat = factors[k] - slope * levels[k]
            # the root of slope y^2 + flat y = q that stays where the slope is zero
            values[i] = 2.0 * q / (flat + (flat * flat + 4.0 * slope * q) ** 0.5)
