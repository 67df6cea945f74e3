"""Bad pixels from a dark and a flat, and what is made of them in a frame."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.ndimage import uniform_filter

from obverse.effects.bad_pixels import BadPixels
from obverse.errors import DataError, UsageError
from obverse.flags import Flag
from obverse.frame import Frame

__all__ = ["correct_bad_pixels", "dark_defects", "find_bad_pixels", "flat_defects"]

_TO_SIGMA = 1.482602218505602
"""Standard deviation of a normal law in units of its median absolute deviation."""

_BLIND = 1e-12
"""Weights of a box below this are rounding errors of running sums."""

Map = Frame | ArrayLike


def find_bad_pixels(
    dark: Map | None = None,
    flat: Map | None = None,
    *,
    warm: float = 5.0,
    hot: float = 10.0,
    low: float = 0.8,
    dead: float = 0.5,
    box: int = 32,
) -> BadPixels:
    """Find hot, warm, weak and dead pixels in a dark, in a flat, or in both.

    Parameters
    ----------
    dark
        Mean dark, a frame or a map (row, column), in any unit; not clipped at zero.
    flat
        Mean flat, a frame or a map (row, column).
    warm, hot
        Robust standard deviations above the median, see `dark_defects`.
    low, dead, box
        Parts of the mean of a box of pixels, see `flat_defects`.

    Returns
    -------
    BadPixels
        The effect whose map flags them: HOT, WARM, LOW_QE, DEAD, and what a map does not tell.

    Raises
    ------
    UsageError
        If there is neither dark nor flat, or their shapes differ.
    DataError
        If the dark has no scatter to measure by.

    Examples
    --------
    >>> dark = np.random.default_rng(1).normal(0.0, 1.0, (64, 64))
    >>> dark[3, 4] = 50.0
    >>> flat = np.ones((64, 64))
    >>> flat[5, 6] = 0.3
    >>> flags = find_bad_pixels(dark, flat).flags
    >>> [Flag(int(flag)).name for flag in flags[flags != 0]]
    ['HOT', 'DEAD']
    """
    found = [dark_defects(dark, warm=warm, hot=hot)] if dark is not None else []
    found += [flat_defects(flat, low=low, dead=dead, box=box)] if flat is not None else []
    if not found or found[0].shape != found[-1].shape:
        raise UsageError(f"find_bad_pixels: maps of shapes {[f.shape for f in found]}: give a dark or a flat, or both")
    return BadPixels(flags=np.bitwise_or.reduce(found))


def dark_defects(dark: Map, *, warm: float = 5.0, hot: float = 10.0) -> NDArray[np.uint32]:
    r"""Flag pixels with more dark signal than noise explains: WARM above `warm` sigmas, HOT above `hot`.

    .. math:: z = \frac{x - m}{s}, \qquad m = \mathrm{median}(x), \qquad
              s = 1.4826\, \mathrm{median}|x - m|\, \frac{e}{\mathrm{median}(e)}

    Median and absolute deviation do not care for hot pixels, nor for NaN. Where the frame has errors :math:`e`, a
    pixel of few frames needs as much more to be flagged.

    Parameters
    ----------
    dark
        A frame or a map (row, column).
    warm, hot
        Limits of z.

    Returns
    -------
    ndarray
        uint32 `Flag`; UNRELIABLE_DARK and DO_NOT_USE where the dark is missing.

    Raises
    ------
    DataError
        If half of the pixels are equal, as in a map that was clipped at zero.

    Notes
    -----
    Limits: false alarms are 2.9e-7 of the pixels at 5 sigmas (0.3 in 1024 x 1024) where the noise is normal and the
    median tells the level everywhere: take glow and amplifiers apart. Mean and standard deviation instead of
    median and deviation would hide warm pixels behind hot ones, and one NaN all of them.

    Examples
    --------
    >>> dark = np.tile([0.0, 1.0, 2.0, 3.0], (4, 4))
    >>> dark[0, 0], dark[1, 1] = 200.0, np.nan
    >>> dark_defects(dark)[:2, :2]
    array([[   2048,       0],
           [      0, 8388609]], dtype=uint32)
    """
    if not 0 < warm <= hot:
        raise UsageError(f"dark_defects: warm={warm} and hot={hot} sigmas: they must be above zero, warm not above hot")
    data, weight = _values(dark)
    known = np.isfinite(data)
    offset = data - np.median(data[known]) if known.any() else data
    scale = _TO_SIGMA * np.median(np.abs(offset[known])) if known.any() else np.nan
    if not scale > 0:
        raise DataError(
            "dark: half of its pixels are equal or NaN, so it has no scatter to measure by: give a dark, or the map of "
            "a fit, that is not clipped at zero (`unclipped`)"
        )
    z = offset / (scale * weight)
    return _flags([(~known, Flag.UNRELIABLE_DARK | Flag.DO_NOT_USE), (z > hot, Flag.HOT), (z > warm, Flag.WARM)])


def flat_defects(flat: Map, *, low: float = 0.8, dead: float = 0.5, box: int = 32) -> NDArray[np.uint32]:
    r"""Flag pixels that answer less to light than their neighbours: LOW_QE below `low`, DEAD below `dead`.

    .. math:: \rho = x \Big/ \frac{1}{n} \sum_{\text{box}} x

    Parameters
    ----------
    flat
        A frame or a map (row, column).
    low, dead
        Limits of :math:`\rho`.
    box
        Side of the box; that of an even one reaches from r - box/2 to r + box/2 - 1, and at the edges a box is what
        is left of it. NaN do not count.

    Returns
    -------
    ndarray
        uint32 `Flag`; UNRELIABLE_FLAT and DO_NOT_USE where the flat is missing.

    Notes
    -----
    Limits: noise of a flat, relative s, makes a part :math:`\Phi(-(1 - low) / s)` of the pixels weak: 3e-7 at 4 %.
    A box that holds mostly dead pixels knows no better.
    Reference: corgidrp 5.1, bad pixel calibration (0.8 of the mean of a box of 32 pixels).

    Examples
    --------
    >>> flat = np.ones((8, 8))
    >>> flat[2, 3], flat[4, 4] = 0.3, np.nan
    >>> [Flag(int(f)) for f in flat_defects(flat)[[2, 4], [3, 4]]]
    [<Flag.DEAD: 1024>, <Flag.DO_NOT_USE|UNRELIABLE_FLAT: 33554433>]
    """
    if not (0 <= dead <= low and box >= 2):
        raise UsageError(f"flat_defects: dead={dead}, low={low}, box={box}: 0 <= dead <= low and a box of 2 or more")
    data, _ = _values(flat)
    known = np.isfinite(data)
    light, n = (
        uniform_filter(plane, box, output=np.float64, mode="constant")
        for plane in (np.where(known, data, 0.0), known.astype(np.float64))
    )
    response = data * n / np.where(n > _BLIND, light, np.nan)
    missing = Flag.UNRELIABLE_FLAT | Flag.DO_NOT_USE
    return _flags([(~known, missing), (response < dead, Flag.DEAD), (response < low, Flag.LOW_QE)])


def correct_bad_pixels(frame: Frame, bad: BadPixels | None = None) -> Frame:
    """Take out every pixel with any flag: NaN, DO_NOT_USE, its other flags kept.

    Parameters
    ----------
    frame
        An image (row, column).
    bad
        What is known of each pixel, beside the frame's own flags.

    Examples
    --------
    >>> frame = Frame(np.ones((1, 3)), "electron").flagged([[True, False, False]], Flag.JUMP_DET)
    >>> done = correct_bad_pixels(frame, BadPixels(flags=np.array([[0, Flag.HOT, 0]])))
    >>> done.data, done.pixel_flags
    (array([[nan, nan,  1.]]), array([[   1, 2049,    0]], dtype=uint32))
    """
    known = np.zeros(frame.shape[-2:], np.uint32) if bad is None else bad.flags
    if known.shape != frame.shape:
        raise UsageError(f"correct_bad_pixels: flags {known.shape} for an image {frame.shape}: they must fit")
    flags = known if frame.pixel_flags is None else frame.pixel_flags | known
    wrong = flags != 0 if frame.flags is None else (flags != 0) | (frame.flags != 0)
    planes = {name: np.where(wrong, np.nan, plane) for name, plane in (frame.variances or {}).items()}
    return frame.replace(
        data=np.where(wrong, np.nan, frame.data),
        variances=planes if frame.variances is not None else None,
        pixel_flags=flags | np.where(wrong, np.uint32(Flag.DO_NOT_USE), np.uint32(0)),
    )


def _flags(cases: list[tuple[NDArray[np.bool_], Flag]]) -> NDArray[np.uint32]:
    """Give each pixel the flag of the first case that is true for it."""
    return np.select([where for where, _ in cases], [np.uint32(flag) for _, flag in cases], np.uint32(0))


def _values(image: Map) -> tuple[NDArray[np.float64], Any]:
    """Return the pixels, NaN where unusable, and their errors in units of the typical one."""
    if not isinstance(image, Frame):
        return np.asarray(image, np.float64), 1.0
    data = np.where(image.unusable(), np.nan, image.data).astype(np.float64)
    if image.error is None:
        return data, 1.0
    typical = np.nanmedian(np.where(np.isfinite(data), image.error, np.nan))
    return data, image.error / typical if typical > 0 else 1.0
