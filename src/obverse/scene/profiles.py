"""Round point-spread functions from a formula."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from obverse.errors import UsageError
from obverse.scene.psf import Psf

__all__ = ["airy", "gaussian", "moffat"]

Array = NDArray[np.float64]

CELLS = 8
"""Cells to a pixel of the analytic kinds."""

_NODES = np.array([-1.0, 1.0]) / (2.0 * np.sqrt(3.0))
"""Two points of Gauss and Legendre in a cell of width one."""


def gaussian(fwhm: float, *, half: int | None = None) -> Psf:
    """Return a normal distribution, exp(-r^2 / 2 sigma^2) with sigma = FWHM / 2.3548.

    Parameters
    ----------
    fwhm
        Full width at half maximum before the pixels [pixel].
    half
        How far it reaches along each axis [pixel]; None takes 6 sigma.

    Examples
    --------
    >>> gaussian(2.0).cells.shape[0] // 8
    12
    """
    sigma = _width(fwhm) / np.sqrt(8.0 * np.log(2.0))
    return _sampled(lambda r: np.exp(-0.5 * (r / sigma) ** 2), half or int(np.ceil(6.0 * sigma)))


def moffat(fwhm: float, beta: float = 3.0, *, half: int | None = None) -> Psf:
    """Return a Moffat profile, (1 + r^2 / alpha^2)^-beta with alpha = FWHM / 2 sqrt(2^(1 / beta) - 1).

    Parameters
    ----------
    fwhm
        Full width at half maximum before the pixels [pixel].
    beta
        How fast the wings fall, above 1.
    half
        How far it reaches along each axis [pixel]; None holds all but 1e-4 of the light, within 64 pixels.

    Reference
    ---------
    Moffat (1969), A&A 3, 455.

    Examples
    --------
    >>> moffat(2.2).oversampling
    8
    """
    if not beta > 1:
        raise UsageError(f"moffat: beta is {beta}, it must be above 1, or the light has no sum")
    alpha = _width(fwhm) / (2.0 * np.sqrt(2.0 ** (1.0 / beta) - 1.0))
    reach = alpha * np.sqrt(1e-4 ** (1.0 / (1.0 - beta)) - 1.0)
    return _sampled(lambda r: (1.0 + (r / alpha) ** 2) ** -beta, half or int(np.clip(np.ceil(reach), 8, 64)))


def airy(first_zero: float, *, obscuration: float = 0.0, half: int = 64) -> Psf:
    """Return the diffraction pattern of a circular aperture with a central hole.

    I = [2 J1(v) / v - e^2 2 J1(e v) / (e v)]^2 with v = 3.8317 r / first_zero and e the obscuration.

    Parameters
    ----------
    first_zero
        Radius of the first dark ring without a hole, 1.22 wavelength / diameter [pixel].
    obscuration
        Diameter of the hole over that of the aperture, 0 to below 1.
    half
        How far it reaches along each axis [pixel]. Its wings fall so slowly (light beyond r as 1 / r) that the sum
        of 1 over the stamp is a convention: 64 pixels leave about 1 % of the light of a telescope out.

    Reference
    ---------
    Born & Wolf, Principles of Optics, section 8.6.2.

    Examples
    --------
    >>> airy(1.5, obscuration=0.3, half=16).cells.shape
    (256, 256)
    """
    from scipy.special import j1

    if not 0 <= obscuration < 1:
        raise UsageError(f"airy: obscuration is {obscuration}, it must be 0 to below 1")
    scale = 3.8317059702075125 / _width(first_zero)

    def disk(v: Array) -> Array:
        v = np.maximum(v, 1e-9)
        return 2.0 * j1(v) / v

    def profile(r: Array) -> Array:
        hole = obscuration**2 * disk(obscuration * scale * r) if obscuration else 0.0
        return (disk(scale * r) - hole) ** 2

    return _sampled(profile, half)


def _width(width: float) -> float:
    if not (np.isfinite(width) and width > 0):
        raise UsageError(f"psf: a width of {width} pixel, it must be above 0")
    return float(width)


def _sampled(profile: Callable[[Array], Array], half: int) -> Psf:
    """Integrate a round profile over cells, with two points along each axis of a cell."""
    edges = (np.arange(half * CELLS) + 0.5)[:, None] + _NODES
    x = edges.ravel() / CELLS
    light = profile(np.hypot(x[:, None], x[None, :])).reshape(half * CELLS, 2, half * CELLS, 2).sum(axis=(1, 3))
    quarter = np.concatenate([light[::-1], light])
    return Psf(np.concatenate([quarter[:, ::-1], quarter], axis=1), CELLS)
