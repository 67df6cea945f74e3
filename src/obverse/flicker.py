"""1/f noise along the read-out of an amplifier: how it is made, and what row medians can take out of it."""

from __future__ import annotations

from functools import cache
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

__all__ = ["Shares", "coloured", "row_medians", "shares", "smooth"]


def coloured(white: NDArray[np.float32]) -> NDArray[np.float32]:
    r"""Turn unit normals in time order (..., sample) into noise with the power of one electron squared an e-fold.

    .. math:: \tilde x_k = \tilde w_k \sqrt{M / 2k}, \qquad S(f)\, df = df / f
    """
    from scipy import fft

    n = white.shape[-1]
    spectrum = fft.rfft(white, axis=-1)
    spectrum[..., 0] = 0.0
    spectrum[..., 1:] *= np.sqrt(0.5 * n / np.arange(1, n // 2 + 1), dtype=np.float32)
    return np.asarray(fft.irfft(spectrum, n, axis=-1), np.float32)


class Shares(NamedTuple):
    """Parts of the variance of unit 1/f noise: within rows, between rows, and what cleaning by rows leaves."""

    within: float
    between: float
    left: float


@cache
def shares(samples: int, period: int, rows: int, columns: int, window: int) -> Shares:
    r"""Return how the variance of unit 1/f noise divides among and within the rows of an amplifier.

    .. math::

        V = \sum_{k=1}^{M/2} \frac{1}{k} \left(1 - D_k^2 (1 - B_k^2)\right), \qquad
        D_k = \frac{\sin \pi k n / M}{n \sin \pi k / M}

    :math:`D` is the response of the mean of a row, and :math:`B` that of the mean of `window` rows.

    Parameters
    ----------
    samples
        Samples after which the noise repeats itself (M).
    period
        Samples from the start of a row to the start of the next.
    rows, columns
        Rows of the amplifier that count, and columns of each (n).
    window
        Rows of the running mean that is kept.
    """
    k = np.arange(1, samples // 2 + 1)
    power = np.where(k == samples // 2, 0.5, 1.0) / k
    row, frame, kept = (
        _response(k / samples, m, step) ** 2 for m, step in ((columns, 1), (rows, period), (window, period))
    )
    sample = rows / (rows - 1.0)  # of a variance about the mean of the rows themselves
    within, between, left = 1.0 - row, row * (1.0 - frame) * sample, 1.0 - row * (1.0 - kept)
    return Shares(*(float((power * part).sum()) for part in (within, between, left)))


def _response(frequency: NDArray[np.float64], n: int, step: int) -> NDArray[np.float64]:
    """Return the response of the mean of n samples `step` apart."""
    angle = np.pi * frequency * step
    below = n * np.sin(angle)
    flat = np.abs(below) < 1e-9 * n
    return np.where(flat, 1.0, np.sin(n * angle) / np.where(flat, 1.0, below))


def row_medians(image: NDArray[np.float32], good: NDArray[np.bool_], fewest: int) -> NDArray[np.float32]:
    """Return the median of the good pixels of each row, (row,), NaN where they are fewer than `fewest`.

    Examples
    --------
    >>> row_medians(np.array([[1.0, 5.0, 900.0], [2.0, 4.0, 6.0]], "f4"), np.array([[1, 1, 0], [1, 1, 1]], bool), 2)
    array([3., 4.], dtype=float32)
    """
    ordered = np.sort(np.where(good, image, np.float32(np.nan)), axis=-1)  # NaN stands last
    n = np.isfinite(ordered).sum(axis=-1)
    row, low, high = np.arange(len(n)), np.maximum(n - 1, 0) // 2, np.minimum(n // 2, image.shape[-1] - 1)
    middle = 0.5 * (ordered[row, low] + ordered[row, high])
    return np.where(n >= fewest, middle, np.float32(np.nan)).astype(np.float32)


def smooth(values: NDArray[Any], window: int) -> NDArray[Any]:
    """Return the straight line through `window` neighbours at each of (row,), or the mean where it is 0.

    NaN counts as nothing.

    In the middle this is the running mean; at the ends, where all neighbours stand on one side, a mean would bend.

    Examples
    --------
    >>> smooth(np.array([1.0, 2.0, np.nan, 4.0, 5.0]), 3)
    array([1., 2., 3., 4., 5.])
    >>> smooth(np.array([1.0, 2.0, np.nan, 6.0]), 0)
    array([3., 3., 3., 3.])
    """
    known = np.isfinite(values)
    if window == 0 or not known.any():
        return np.full(len(values), values[known].mean() if known.any() else np.nan)
    half = min(window, 2 * len(values) - 1) // 2
    # np.convolve turns the kernel round: what stands u rows ahead meets -u
    u = -np.arange(-half, half + 1.0)
    near = [[_around(part, u**k) for k in (0, 1, 2)] for part in (known * 1.0, np.where(known, values, 0.0))]
    (n, s1, s2), (t0, t1, _) = near
    spread = n * s2 - s1**2
    line = np.divide(s2 * t0 - s1 * t1, spread, out=np.full(len(values), np.nan), where=spread > 0.5)
    alone = np.divide(t0, n, out=np.full(len(values), np.nan), where=n > 0.5)
    return np.where(spread > 0.5, line, alone)


def _around(values: NDArray[Any], kernel: NDArray[Any]) -> NDArray[Any]:
    return np.convolve(values, kernel)[len(kernel) // 2 :][: len(values)]
