"""What belongs to a pixel: gain, read variance, dark rate and flags, in the first fields of `lane`."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from obverse.kernels._jit import jit
from obverse.kernels._lanes import LANES, take_plane

__all__ = ["DARK", "DO_NOT_USE", "GAIN", "GOOD", "JUMP", "PROPAGATED", "READ", "UNUSABLE", "prepare", "unite"]

Array = NDArray[Any]

# The first fields of a kernel's `lane`; its own come behind.
GAIN, READ, DARK, GOOD = (i * LANES for i in range(4))

READ_FLOOR = 1e-6  # electron^2: keeps a noiseless detector without light from dividing by zero

JUMP, UNUSABLE = 4, 1 | 2 | 8 | 64 | 128
PROPAGATED = 2 | 4 | 32  # flags of a read that its pixel inherits: saturated, jump, persistence
DO_NOT_USE, NO_GAIN = 1, 1 << 19


@jit
def _judge_pixels(lane: Array, known: Array, n: int) -> None:
    """Replace the read noise by the read variance, and mark the pixels whose parameters make sense."""
    zero, one, floor = lane.dtype.type(0), lane.dtype.type(1), lane.dtype.type(READ_FLOOR)
    do_not_use = np.uint32(DO_NOT_USE)
    for j in range(n):
        gain, noise, dark = lane[GAIN + j], lane[READ + j], lane[DARK + j]
        good = (gain > 0) & (gain - gain == 0) & (noise - noise == 0) & (dark - dark == 0)
        good = good & ((known[j] & do_not_use) == 0)
        variance = noise * noise if noise * noise > floor else floor
        lane[GOOD + j] = one if good else zero
        lane[GAIN + j] = gain if good else zero
        lane[READ + j] = variance if good else one
        lane[DARK + j] = dark if good else zero


@jit
def prepare(pixels: Any, row: int, columns: Array, lane: Array, known: Array, n: int) -> None:
    """Take what belongs to each pixel; `known` gets its flags."""
    gain, read_noise, dark, pixel_flags = pixels
    take_plane(gain, row, columns, n, lane, GAIN)
    take_plane(read_noise, row, columns, n, lane, READ)
    take_plane(dark, row, columns, n, lane, DARK)
    take_plane(pixel_flags, row, columns, n, known, 0)
    nothing, no_gain = np.uint32(0), np.uint32(NO_GAIN)
    for j in range(n):
        known[j] |= nothing if (lane[GAIN + j] > 0) & (lane[GAIN + j] < np.inf) else no_gain
    _judge_pixels(lane, known, n)


@jit
def unite(marks: Array, seen: Array, n: int) -> None:
    for j in range(n):
        seen[j] |= marks[j]
