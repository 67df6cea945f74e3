"""What noise maps say, in rows of texts: for a terminal, and for a page."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from obverse.darks.model import TERMS
from obverse.darks.noise_maps import NoiseMaps
from obverse.darks.verdicts import StackReport
from obverse.flags import Flag
from obverse.frame import Frame

__all__ = [
    "MAP_HEADER",
    "STACK_HEADER",
    "HotPixel",
    "fact_rows",
    "hot_pixels",
    "map_rows",
    "stack_rows",
    "weighted_by_noise",
]

Array = NDArray[np.float64]

MAP_HEADER = ("map, image area", "unit", "mean", "median", "scatter", "error of a pixel")
STACK_HEADER = ("time [s]", "EM gain", "frames", "used", "noise of a frame [electron]", "chi-square", "level [sigma]",
                "verdict")  # fmt: skip

_FIT = "fits"


def map_rows(maps: NoiseMaps) -> list[tuple[str, ...]]:
    """Return a row for each map, of the image area: its level as fitted, not clipped, and what one pixel is worth."""
    image = maps.image
    rows = []
    for term in TERMS:
        values, error = getattr(image.unclipped, term.key), getattr(image, f"{term.key}_error")
        numbers = np.nanmean(values), np.nanmedian(values), np.nanstd(values), np.nanmedian(error)
        rows.append((f"{term.letter}, {term.name}", term.unit, *(_number(number) for number in numbers)))
    return rows


def stack_rows(maps: NoiseMaps) -> list[tuple[str, ...]]:
    """Return a row for each stack: what it was, how noisy a frame of it is, and how it fits."""
    return [_stack_row(stack) for stack in maps.stacks]


def _stack_row(stack: StackReport) -> tuple[str, ...]:
    return (
        f"{stack.time:g}",
        f"{stack.gain:g}",
        f"{stack.frames}",
        f"{stack.used:.2f}",
        _number(float(np.sqrt(stack.variance))),
        _told(stack.chi_square, ".3f"),
        _told(stack.significance, "+.1f"),
        stack.verdict,
    )


def fact_rows(maps: NoiseMaps) -> list[tuple[str, str]]:
    """Return what is one number for the whole detector: name and value with unit."""
    offset = "not known: no prescan, or nobody says a k gain"
    if np.isfinite(maps.bias_offset):
        low, up = maps.bias_offset_low, maps.bias_offset_up
        offset = f"{maps.bias_offset:+.3f} DN, {low:+.3f} to {up:+.3f} by the errors of the maps"
    noise = f"{maps.read_noise:.4g} electron" if np.isfinite(maps.read_noise) else "cannot be told from these stacks"
    chi = maps.image.chi_square
    known = f"{np.nanmean(chi):.4f}" if chi is not None and weighted_by_noise(maps) else "-"
    return [
        ("bias offset", offset),
        ("read noise of a frame", noise),
        ("chi-square a degree of freedom", known),
        ("stacks that fit", f"{sum(stack.verdict == _FIT for stack in maps.stacks)} of {len(maps.stacks)}"),
        ("frames in the mean pixel", f"{maps.n_frames} of {sum(stack.frames for stack in maps.stacks)}"),
    ]


def weighted_by_noise(maps: NoiseMaps) -> bool:
    """Whether the fit knew the noise of the stacks: else chi-square is in no unit, and errors are those of corgidrp."""
    return any(np.isfinite(stack.chi_square) for stack in maps.stacks)


@dataclass(frozen=True)
class HotPixel:
    """A pixel of high dark current, at a row and column of the calibrated image, both from 0 [electron/s]."""

    row: int
    column: int
    dark_current: float
    error: float


def hot_pixels(maps: NoiseMaps) -> list[HotPixel]:
    r"""Return the hot pixels of the image area, the hottest first.

    .. math:: \hat D - \mathrm{median}(\hat D) > 10\, s \quad \text{and} \quad > 5\, \sigma_D

    :math:`s` is the robust scatter of the map (`obverse.defects.dark_defects`), :math:`\sigma_D` the pixel's own error.

    Examples
    --------
    >>> dark = np.random.default_rng(1).normal(0.001, 1e-4, (16, 16))
    >>> dark[2, 3] = 0.5
    >>> maps = NoiseMaps(dark, dark, dark, dark_current_error=np.full((16, 16), 1e-4))
    >>> [(pixel.row, pixel.column) for pixel in hot_pixels(maps)]
    [(2, 3)]
    """
    from obverse.defects import dark_defects  # filters of scipy, for a report alone

    image = maps.image
    dark, error = np.asarray(image.unclipped.dark_current), np.asarray(image.dark_current_error)
    if not np.nanstd(dark) > 0:
        return []
    flags = dark_defects(Frame(dark, "electron/s", variances={"dark": np.square(error)} if error.any() else None))
    stands = dark - np.nanmedian(dark) > 5.0 * error
    where = np.argwhere(((flags & Flag.HOT) != 0) & stands)
    down, across = (0, 0) if maps.geometry is None else (side.start for side in maps.geometry.lit)
    found = [HotPixel(int(i) + down, int(j) + across, float(dark[i, j]), float(error[i, j])) for i, j in where]
    return sorted(found, key=lambda pixel: -pixel.dark_current)


def _number(value: float) -> str:
    return _told(value, ".4g")


def _told(value: float, how: str) -> str:
    """Return a number, or a dash for what is not known."""
    return format(float(value), how) if np.isfinite(value) else "-"
