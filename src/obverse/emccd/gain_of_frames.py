"""The gain that a register really has, from the pixels of one frame or of several."""

from __future__ import annotations

import warnings
from collections.abc import Iterable
from dataclasses import dataclass, replace
from itertools import chain
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from obverse.emccd.frames import Frames, amplified_frames, shown
from obverse.emccd.gain_likelihood import Histogram, RegisterModel, fit_histogram, reduced_chi_square
from obverse.errors import DataError, ObverseWarning, UsageError
from obverse.frame import Frame
from obverse.register.excess_noise import STAGES

__all__ = ["RegisterGain", "em_gain_of", "with_gain"]

Array = NDArray[Any]

_FINEST = 3.0
"""Bins in a standard deviation of the read noise: waves that do not fit between them carry nothing."""

_MOST_BINS = 16384

_POOR = 2.0
"""Chi-square for a degree of freedom from which on the gain deserves a look."""

_SURE = 5.0
"""And of the sigmas that this is off: few bins scatter."""

_NEEDED = 100
"""Fewer pixels make no histogram."""


@dataclass(frozen=True)
class RegisterGain:
    """What the pixels of frames of one setting tell of the register.

    Parameters
    ----------
    gain, gain_error
        Of the register.
    electrons, electrons_error
        Mean electrons of a pixel and frame, before the register.
    read_noise, read_noise_error
        [electron behind the register].
    offset, offset_error
        What is left of the bias [electron behind the register].
    contamination
        Part of the pixels that could have any value (remains of cosmic rays).
    chi_square
        Of the histogram, for a degree of freedom: 1 where the model holds.
    commanded
        The gain that was asked for.
    pixels
        How many were used.
    """

    gain: float
    gain_error: float
    electrons: float
    electrons_error: float
    read_noise: float
    read_noise_error: float
    offset: float
    offset_error: float
    contamination: float
    chi_square: float
    commanded: float
    pixels: int


def em_gain_of(
    frames: Frame | Frames,
    *,
    where: ArrayLike | None = None,
    stages: int = STAGES,
    partial: float = 0.0,
    highest: float = 80000.0,
) -> RegisterGain:
    r"""Measure the gain of the register from the values of pixels: the law of a few electrons, multiplied, with noise.

    The likelihood of the histogram is that of `RegisterModel`: Poisson electrons through M stages, with read noise.
    One frame is enough where some ten thousand pixels have caught an electron: the relative error of the gain is
    about the root of their number.

    Parameters
    ----------
    frames
        One frame, or frames or files of one setting, in electrons behind the register (`recipe.until("gain")`), fixed
        pattern subtracted where there is one. Flagged pixels are left out.
    where
        Pixels to use, a mask of the shape of a frame; all without it. Their light should be even.
    stages, partial
        Of the register, as in `CountingLaw`.
    highest
        Values above are not looked at [electron behind the register]: stay below the full well.

    Returns
    -------
    RegisterGain
        The gain with its error, and electrons, read noise and offset that go with it.

    Raises
    ------
    UsageError
        If the settings differ, the commanded gain is 1, or the mask does not fit.
    DataError
        If there are too few pixels, or nothing that was multiplied.

    Warns
    -----
    ObverseWarning
        Where the histogram does not follow the law: the gain is then not to be trusted, whatever its error.

    Notes
    -----
    Limits: partial charge must be known: a fortieth that is left out makes a gain of 5000 read 3900, with a
    chi-square of 11. One mean for all pixels: where half of them have 0.02 electrons and half 0.1 the gain comes out
    1.4 % too high; stars do worse, so leave them out with `where`. What stays of cosmic rays may be at any level,
    evenly: their tails should be flagged. The gain must be well above the read noise.
    Reference: Basden, Haniff & Mackay 2003, MNRAS 345, 985; Daigle et al. 2009, PASP 121, 866 (gain from histograms).

    Examples
    --------
    >>> from obverse import Exposure
    >>> random = np.random.default_rng(1)
    >>> values = random.exponential(3000.0, (256, 256)) * (random.random((256, 256)) < 0.05)
    >>> data = values + random.normal(0.0, 100.0, (256, 256))
    >>> found = em_gain_of(Frame(data, "electron", exposure=Exposure("a", 1.0, em_gain=2500.0)))
    >>> abs(found.gain - 3000.0) < 4 * found.gain_error, found.gain_error < 100.0
    (True, True)
    """
    stream = amplified_frames("em_gain_of", frames)
    first = next(stream, None)
    if first is None:
        raise UsageError("em_gain_of: no frames were given")
    gain = first.exposure.applied_em_gain
    if not gain > 1.0:
        raise UsageError(
            f"em_gain_of: frame {first.exposure.id!r} has an EM gain of {gain:g}: where "
            "nothing is multiplied there is no gain to measure"
        )
    model, start = _prepared(shown("em_gain_of", first, where), gain, highest, stages, partial)
    histogram = _histogram(model, (shown("em_gain_of", frame, where) for frame in chain([first], stream)))
    found, covariance, chances = fit_histogram(histogram, model, start)
    g, electrons, noise = (float(x) for x in np.exp(found[:3]))
    error = np.sqrt(np.diag(covariance))
    if not g - 1.0 > g * error[0]:
        raise DataError(
            f"EM gain of {first.exposure.id!r}: {g:.4g} +- {g * error[0]:.2g}: the pixels show nothing that was "
            "multiplied, give more frames, or more light"
        )
    fit, off = reduced_chi_square(histogram.counts, chances, len(found))
    if fit > _POOR and off > _SURE:
        warnings.warn(
            f"EM gain of {first.exposure.id!r}: the histogram does not follow the law (chi-square {fit:.1f} for a "
            "degree of freedom): is the register's partial charge known, the light even, the bias subtracted?",
            ObverseWarning,
            stacklevel=2,
        )
    return RegisterGain(
        gain=g,
        gain_error=g * float(error[0]),
        electrons=electrons,
        electrons_error=electrons * float(error[1]),
        read_noise=noise,
        read_noise_error=noise * float(error[2]),
        offset=float(found[3]),
        offset_error=float(error[3]),
        contamination=float(found[4]),
        chi_square=fit,
        commanded=first.exposure.em_gain,
        pixels=int(histogram.counts.sum()),
    )


def with_gain(frame: Frame, gain: RegisterGain | float) -> Frame:
    """Return a frame whose exposure knows the actual gain of its register.

    Examples
    --------
    >>> with_gain(Frame(np.ones((1, 1)), "electron"), 4870.0).exposure.applied_em_gain
    4870.0
    """
    value = gain.gain if isinstance(gain, RegisterGain) else gain
    return frame.replace(exposure=replace(frame.exposure, em_gain_actual=value))


def _prepared(values: Array, gain: float, highest: float, stages: int, partial: float) -> tuple[RegisterModel, Array]:
    """Choose bins for the first frame's values, and parameters to begin with."""
    if values.size < _NEEDED:
        raise DataError(f"EM gain: {values.size} usable pixels, at least {_NEEDED} are needed")
    offset, noise = _zero_peak(values)
    electrons = max(float(np.minimum(values, highest).mean() - offset) / gain, 1e-4)
    top = min(offset + 7.0 * noise + 10.0 * gain * (1.0 + electrons), highest)
    lowest = offset - 7.0 * noise
    width = noise / _FINEST
    bins = int((top - lowest) / width) if width > 0 else 0
    if not 0 < bins <= _MOST_BINS:
        raise DataError(
            f"EM gain: read noise of {noise:.3g} and gain of about {gain:.3g} electron: no histogram shows both, "
            "are the frames in electrons behind the register?"
        )
    start = np.array([np.log(gain), np.log(electrons), np.log(noise), offset, 1e-5])
    return RegisterModel(bins, lowest, width, stages, partial, room=2 * bins), start


def _zero_peak(values: Array) -> tuple[float, float]:
    """Return place and width of the peak of pixels without electrons: the densest part, and what lies below it."""
    ordered = np.sort(values)
    few = max(values.size // 20, 10)
    densest = int(np.argmin(ordered[few:] - ordered[:-few]))
    offset = float(ordered[densest + few // 2])
    below = ordered[: np.searchsorted(ordered, offset)]
    return offset, 1.4826 * float(np.median(offset - below)) if below.size else 0.0


def _histogram(model: RegisterModel, planes: Iterable[Array]) -> Histogram:
    counts = np.zeros(model.bins)
    for values in planes:
        bins = np.floor((values - model.lowest) / model.width)
        inside = (bins >= 0) & (bins < model.bins)
        counts += np.bincount(bins[inside].astype(np.intp), minlength=model.bins)
    return Histogram(counts, model.lowest, model.width)
