"""What full pixels of a serial register leave in those clocked behind them."""

from __future__ import annotations

from typing import Any

from numpy.typing import NDArray

from obverse.kernels._jit import jit

__all__ = ["add_trails"]

Array = NDArray[Any]


@jit
def add_trails(pixels: Array, well: float, least: int, start: float, decay: float, length: int) -> None:
    """Add to pixels (row, column), in the order in which they are clocked, an exponential trail behind full ones.

    Parameters
    ----------
    pixels
        Changed in place, up to `well`.
    well, least
        What a full pixel holds, and how many of a row in turn leave a trail.
    start, decay, length
        The trail of a pixel k = 1 to `length` behind the last full one is start decay^k.
    """
    rows, columns = pixels.shape
    behind, trail = length, 0.0
    for i in range(rows):
        full = 0
        for j in range(columns):
            x = pixels[i, j]
            full = full + 1 if x >= well else 0
            if full >= least:
                behind, trail = 0, start
            elif behind < length:
                behind += 1
                trail *= decay
                if full == 0:
                    pixels[i, j] = min(x + trail, well)
