"""Photon transfer: gain and read noise from the variance that light brings with it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from obverse.errors import UsageError, nearest
from obverse.frame import Frame
from obverse.jackknife import block_sums, jackknife

if TYPE_CHECKING:
    from obverse.detector import Detector

__all__ = ["PhotonTransfer", "fit_photon_transfer", "photon_transfer"]

MODELS = ("linear",)

Pair = tuple[Any, Any]

_CLIP = 5.5
"""A clip at 3 sigma biases a variance by -2.7 %, and by more where the light is uneven; at 5.5 sigma by nothing."""


@dataclass(frozen=True)
class PhotonTransfer:
    """Gain and read noise, an amplifier an element.

    Parameters
    ----------
    gain
        (amplifier,) [electron/DN].
    read_noise
        Of a single read, (amplifier,) [electron].
    covariance
        Of gain and read noise, (2, 2, amplifier).
    mean, variance
        The points that were fitted: signal [DN] and variance of one frame [DN squared], (amplifier, level).
    a00
        Brighter-fatter coefficient [1/electron]; NaN where the model has none.
    turnoff
        Signal at which the variance turns over [DN]; NaN where the model has none.
    """

    gain: NDArray[np.float64]
    read_noise: NDArray[np.float64]
    covariance: NDArray[np.float64]
    mean: NDArray[np.float64]
    variance: NDArray[np.float64]
    a00: NDArray[np.float64]
    turnoff: NDArray[np.float64]

    @property
    def gain_error(self) -> NDArray[np.float64]:
        """Standard deviation of the gain, (amplifier,) [electron/DN]."""
        return np.sqrt(self.covariance[0, 0])

    @property
    def read_noise_error(self) -> NDArray[np.float64]:
        """Standard deviation of the read noise, (amplifier,) [electron]."""
        return np.sqrt(self.covariance[1, 1])


def photon_transfer(
    flat_pairs: Sequence[Pair],
    biases: Sequence[Any] | None = None,
    detector: Detector | None = None,
    lags: int = 0,
    model: str = "linear",
    border: int = 30,
    reads: ArrayLike = 1.0,
) -> PhotonTransfer:
    r"""Measure gain and read noise from pairs of flats and pairs of biases (or of darks, short against their current).

    .. math::

        V(\mu) = \frac{\mu}{g} + n\,\frac{\sigma^2}{g^2}, \qquad
        V = \sum_{|i|, |j| \leq lags} \frac{\langle D_{rc} D_{r+i, c+j} \rangle}{2}, \qquad
        D = \frac{I_1 m_2 - I_2 m_1}{(m_1 + m_2)/2}

    Brighter-fatter and interpixel capacitance move variance into the covariances of neighbours: the sum over
    ``lags=1`` brings it back, at the price of an error about three times as large.

    Parameters
    ----------
    flat_pairs
        Pairs of exposures to the same light: frames, or bias-subtracted arrays (amplifier, row, column) or
        (row, column) [DN].
    biases
        An even number of bias exposures, as frames or arrays; without them flats of two levels are needed.
    detector
        Takes raw frames to bias-subtracted read-out order; needed for frames.
    lags
        Neighbouring covariances to sum, on each side.
    model
        ``"linear"``.
    border
        Pixels left out along every edge of an amplifier's image.
    reads
        :math:`n`, the number of single reads whose noise one frame holds: 1 for a CCD, 2 for a difference of
        reads, more where a correction has amplified the noise; one number, or one a pair, biases first.

    Raises
    ------
    UsageError
        If the pairs or the model cannot tell a gain.

    Notes
    -----
    Limits: linear model, so lags=0 takes brighter-fatter for gain: one pair at 30 ke reads 6 % high for
    a00 = -2e-6 per electron, a line through levels up to 30 ke 4 %.
    Errors are by the jackknife over blocks of 16 rows, so they hold for correlated noise too.
    Reference: Janesick 2007, Photon Transfer, SPIE Press, ch. 5; Astier et al. 2019, A&A 629, A36 (covariances).

    Examples
    --------
    >>> random = np.random.default_rng(1)
    >>> flat = [random.poisson(20000, (256, 256)) / 1.5 for _ in range(2)]
    >>> bias = [random.normal(0.0, 5.0 / 1.5, (256, 256)) for _ in range(2)]
    >>> found = photon_transfer([tuple(flat)], bias, border=0)
    >>> abs(found.gain - 1.5) < 4 * found.gain_error
    array([ True])
    """
    if model not in MODELS:
        raise UsageError(f"photon_transfer: model {model!r}, {nearest(model, MODELS)}")
    biases = list(biases or ())
    if not flat_pairs or len(biases) % 2 or any(len(pair) != 2 for pair in flat_pairs):
        raise UsageError(
            f"photon_transfer: {len(flat_pairs)} flat pairs and {len(biases)} biases given, it needs pairs of each"
        )
    dark_pairs = [(biases[i], biases[i + 1]) for i in range(0, len(biases), 2)]
    pairs = [_images(pair, detector, border) for pair in (*dark_pairs, *flat_pairs)]
    sums = np.stack([_pair_sums(first, second, lags) for first, second in pairs], axis=1)
    n = np.broadcast_to(np.asarray(reads, np.float64), len(pairs))[:, None]
    values, covariance = jackknife(sums, lambda total: _gain_and_noise(total, n))
    mean, variance = _points(sums.sum(axis=0), lags)
    unknown = np.full(len(values[0]), np.nan)
    return PhotonTransfer(values[0], values[1], covariance, mean.T, variance.T, unknown, unknown)


def fit_photon_transfer(
    mean: ArrayLike, variance: ArrayLike, model: str = "linear", covariances: ArrayLike | None = None
) -> PhotonTransfer:
    r"""Fit gain and read noise to points of a photon transfer curve.

    .. math:: V = \mu / g + \sigma^2 / g^2

    Parameters
    ----------
    mean
        Signal above the bias, (level,) [DN].
    variance
        Variance of one frame, (level,) [DN squared].
    model
        ``"linear"``.
    covariances
        Sum of the covariances of the neighbours, (level,), added to the variance [DN squared].

    Returns
    -------
    PhotonTransfer
        With scalars; the errors come from the scatter about the line.

    Examples
    --------
    >>> mean = np.array([100.0, 1000.0, 10000.0])
    >>> fitted = fit_photon_transfer(mean, mean / 2.0 + 9.0)
    >>> float(fitted.gain), float(fitted.read_noise)
    (2.0, 6.0)
    """
    if model not in MODELS:
        raise UsageError(f"fit_photon_transfer: model {model!r}, {nearest(model, MODELS)}")
    mu, v = np.asarray(mean, np.float64), np.asarray(variance, np.float64)
    v = v if covariances is None else v + np.asarray(covariances, np.float64)
    good = np.isfinite(mu) & np.isfinite(v) & (v > 0)
    if mu.ndim != 1 or mu.shape != v.shape or good.sum() < 2:
        raise UsageError(
            f"fit_photon_transfer: mean {mu.shape} and variance {v.shape} must hold two or more good points"
        )
    mu, v = mu[good], v[good]
    gain, noise = (float(x[0]) for x in _linear(mu[:, None], v[:, None], np.ones((len(mu), 1))))
    covariance = _scatter_covariance(mu, v, gain, noise)
    nan = np.array(np.nan)
    return PhotonTransfer(np.array(gain), np.array(noise), covariance, mu, v, nan, nan)


def _scatter_covariance(mu: NDArray[Any], v: NDArray[Any], gain: float, noise: float) -> NDArray[np.float64]:
    """Return the covariance of gain and read noise from the relative scatter of the points about the line."""
    if len(mu) < 3:
        return np.full((2, 2), np.nan)
    design = np.stack([mu, np.ones_like(mu)], axis=1) / v[:, None]
    residual = (v - (mu / gain + noise**2 / gain**2)) / v
    line = np.linalg.inv(design.T @ design) * (residual @ residual) / (len(mu) - 2)
    # (slope, floor) -> (gain, noise): g = 1/slope, sigma = sqrt(floor)/slope
    to_gain = np.array([[-(gain**2), 0.0], [-noise * gain, gain**2 / (2.0 * max(noise, 1e-12))]])
    return to_gain @ line @ to_gain.T


def _images(pair: Pair, detector: Detector | None, border: int) -> tuple[NDArray[Any], NDArray[Any]]:
    first, second = (_image(item, detector) for item in pair)
    if first.shape != second.shape:
        raise UsageError(f"photon_transfer: the frames of a pair have shapes {first.shape} and {second.shape}")
    if np.array_equal(first, second, equal_nan=True):
        raise UsageError("photon_transfer: the two frames of a pair are the same exposure: give two of the same light")
    if 2 * border >= min(first.shape[1:]):
        raise UsageError(
            f"photon_transfer: border={border} leaves nothing of {first.shape[1:]} pixels: make it smaller"
        )
    inner = slice(border, -border or None)
    return first[:, inner, inner], second[:, inner, inner]


def _image(item: Any, detector: Detector | None) -> NDArray[np.float64]:
    """Return the bias-subtracted image part in read-out order, (amplifier, row, column) [DN]."""
    if isinstance(item, Frame):
        if detector is None:
            raise UsageError("photon_transfer: raw frames need a detector that says where bias and image are")
        done = detector.recipe().before("gain").run(item)
        data = done.data if "amplifier" in done.axes else detector.geometry.pad(done.data)
        bad = np.zeros(data.shape, bool) if done.flags is None or "amplifier" not in done.axes else done.flags != 0
        part = detector.geometry.image_rows, detector.geometry.image_columns
        return np.where(bad, np.nan, data)[..., *part].astype(np.float64)
    array = np.asarray(item, np.float64)
    return array if array.ndim == 3 else array[None]


_COLUMNS = 4
"""Pixels, light, pixels of the difference and its square; two more for each neighbouring lag."""


def _pair_sums(first: NDArray[Any], second: NDArray[Any], lags: int) -> NDArray[np.float64]:
    """Return what a block contributes: pixels, light, and products of the difference, (block, column, amplifier)."""
    m1, m2 = (np.nanmean(image, axis=(1, 2), keepdims=True) for image in (first, second))
    mu = 0.5 * (m1 + m2)
    bright = np.abs(mu) > 3.0 * np.nanstd(first - second, axis=(1, 2), keepdims=True)
    scaled = np.where(bright, (first * m2 - second * m1) / np.where(bright, mu, 1.0), first - second)
    difference = _clipped(scaled - np.nanmean(scaled, axis=(1, 2), keepdims=True))
    seen = np.isfinite(difference)
    columns = [seen, np.where(seen, 0.5 * (first + second), 0.0)]
    for i, j in _half_plane(lags):
        product = difference * _shifted(difference, i, j)
        columns += [np.isfinite(product), product]
    return np.stack([block_sums(column.astype(np.float64)) for column in columns], axis=1)


def _half_plane(lags: int) -> list[tuple[int, int]]:
    """Return the lags of half a plane, zero first: covariances are even."""
    half = [(0, j) for j in range(1, lags + 1)] + [(i, j) for i in range(1, lags + 1) for j in range(-lags, lags + 1)]
    return [(0, 0), *half]


def _shifted(image: NDArray[Any], i: int, j: int) -> NDArray[Any]:
    """Return image[r + i, c + j], NaN outside."""
    out = np.full_like(image, np.nan)
    rows, columns = image.shape[-2:]
    left, right = max(0, -j), columns - max(0, j)
    out[..., : rows - i, left:right] = image[..., i:, left + j : right + j]
    return out


def _clipped(difference: NDArray[Any]) -> NDArray[Any]:
    """Leave out what lies further out than noise goes: cosmic rays, flickering pixels."""
    for _ in range(3):
        sigma = np.nanstd(difference, axis=(1, 2), keepdims=True)
        difference = np.where(np.abs(difference) < _CLIP * sigma, difference, np.nan)
    return difference


def _gain_and_noise(total: NDArray[np.float64], reads: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return gain and read noise; the noise of a pixel is in its variance alone, whatever its neighbours do."""
    gain, noise = _linear(*_points(total, 0), reads)
    if total.shape[1] == _COLUMNS:
        return np.stack([gain, noise])
    summed, _ = _linear(*_points(total, None), reads)
    return np.stack([summed, noise / gain * summed])


def _points(total: NDArray[np.float64], lags: int | None) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return mean and variance of each pair, (pair, amplifier), neighbours' covariances added unless `lags` is 0."""
    products = total[:, 3::2] / total[:, 2::2]
    neighbours = 0.0 if lags == 0 else 2.0 * products[:, 1:].sum(axis=1)
    return total[:, 1] / total[:, 0], 0.5 * (products[:, 0] + neighbours)


def _linear(
    mean: NDArray[np.float64], variance: NDArray[np.float64], reads: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return gain and read noise of V = mean/g + reads*floor through points (level, amplifier), weighted by 1/V^2."""
    weight = 1.0 / variance**2
    nn, nx, ny = (weight * reads**2).sum(0), (weight * reads * mean).sum(0), (weight * reads * variance).sum(0)
    xx, xy = (weight * mean**2).sum(0), (weight * mean * variance).sum(0)
    determinant = nn * xx - nx**2
    if (determinant <= 1e-12 * nn * xx).any():
        raise UsageError("photon transfer: all points have one light level: give biases, or flats of another level")
    slope, floor = (nn * xy - nx * ny) / determinant, (xx * ny - nx * xy) / determinant
    if (slope <= 0).any():
        raise UsageError(
            f"photon transfer: the variance does not rise with the light (slope {slope.min():.3g}): are the flats lit, "
            "and do both frames of a pair show the same light?"
        )
    return 1.0 / slope, np.sqrt(np.maximum(floor, 0.0)) / slope
