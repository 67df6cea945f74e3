"""Photon counting: a pixel either passed the threshold or not, and the fraction of frames tells the electrons."""

from __future__ import annotations

from itertools import chain, islice

import numpy as np

from obverse.emccd.counting_law import CountingLaw
from obverse.emccd.electrons_of_counts import image_of
from obverse.emccd.frames import Frames, amplified_frames
from obverse.emccd.tallies import tally
from obverse.errors import UsageError
from obverse.frame import Frame
from obverse.register.excess_noise import STAGES

__all__ = ["count_photons", "count_photons_in_bins"]

SIGMAS = 5.0
"""The usual threshold in units of the read noise."""

BRIGHTEST = 0.25
"""Electrons in a pixel and frame above which counting is no way to measure."""


def count_photons(
    frames: Frames,
    *,
    threshold: float | None = None,
    read_noise: float | None = None,
    em_gain: float | None = None,
    stages: int = STAGES,
    partial: float = 0.0,
    brightest: float = BRIGHTEST,
) -> Frame:
    r"""Return the mean electrons of a frame from how often each pixel passed the threshold.

    .. math::

        \hat L = \sum_{i=N-k+1}^{N} \frac{1}{i}, \qquad V = \sum_{i=N-k+1}^{N} \frac{1}{i^2}, \qquad
        \hat\lambda = \lambda(\hat L) - \frac{V}{2} \frac{d^2\lambda}{dL^2}, \qquad
        \mathrm{Var} = V \left(\frac{d\lambda}{dL}\right)^2

    :math:`\hat L` estimates :math:`L = -\ln(1 - P)` from k counts in N frames, and its mean is
    :math:`\sum_{j \le N} P^j / j`, while the logarithm of a fraction, which is usually taken, is too high by a part
    of 1 / (2 N). :math:`\lambda(L)` is the exact inverse of `CountingLaw`.

    Parameters
    ----------
    frames
        Two or more of one setting, in electrons behind the register, or their files, in any iterable: one is in
        memory at a time. A pixel that is flagged in a frame is left out of that frame, as `obverse.hiding` says.
    threshold
        T [electron behind the register]; five times the read noise where it is left out.
    read_noise
        :math:`\sigma` [electron behind the register]; a fifth of the threshold where it is left out.
    em_gain
        Of the register; without it that of the exposures, the actual one where it is known.
    stages, partial
        Of the register: its length, and its partial clock-induced charge, as in `CountingLaw`.
    brightest
        Pixels with more electrons in a frame are flagged NONLINEAR, and keep their value.

    Returns
    -------
    Frame
        Mean electrons of one frame, before the register, with variance ``poisson``; companions ``counts`` (k),
        ``frames`` (N) and ``threshold``. NaN and DO_NOT_USE, with the flags that hid it, where no frame saw the pixel.

    Raises
    ------
    UsageError
        If a frame is not in electrons behind the register, the settings or shapes differ, there is one frame only, or
        the threshold does not suit.
    DataError
        If a file cannot be read.

    Notes
    -----
    Limits: up to 0.1 electron a frame the mean of many pixels is right within 0.1 % from 3 frames on where the
    threshold is below a sixth of the gain, and from 10 frames on where it is below 0.4 of it; beyond, few frames say
    too little (1 % at 0.8 and 10 frames). The mean
    variance of pixels is their scatter, from 4 counts on; a pixel's own error is that of the counts it happened to
    see, so that pulls scatter by 1.04 at 27 counts and 1.28 at 4. Where no frame counted the error is that of one
    count, never zero, and too large for a sum over many such pixels. Nothing is clipped.
    Reference: Nemati 2020, Proc. SPIE 11443, 114435F; Harding et al. 2015, JATIS 2, 011007.

    Examples
    --------
    >>> from obverse import Exposure
    >>> at = Exposure("a", 1.0, em_gain=5000.0)
    >>> frames = [Frame(np.array([[4000.0 * (i < 10), 0.0]]), "electron", exposure=at) for i in range(100)]
    >>> counted = count_photons(frames, read_noise=100.0)
    >>> counted.data.round(3) + 0, counted.error.round(3)
    (array([[0.115, 0.   ]], dtype=float32), array([[0.036, 0.011]], dtype=float32))
    """
    stream = amplified_frames("count_photons", frames)
    first = next(stream, None)
    if first is None:
        raise UsageError("count_photons: no frames were given")
    law = _law(first, threshold, read_noise, em_gain, stages, partial)
    return image_of(tally(chain([first], stream), law.threshold), law, brightest)


def count_photons_in_bins(
    frames: Frames,
    bin_size: int,
    *,
    threshold: float | None = None,
    read_noise: float | None = None,
    em_gain: float | None = None,
    stages: int = STAGES,
    partial: float = 0.0,
    brightest: float = BRIGHTEST,
) -> list[Frame]:
    """Count photons in runs of `bin_size` frames each, in the order given; a shorter run at the end is left out.

    Parameters
    ----------
    frames, threshold, read_noise, em_gain, stages, partial, brightest
        As in `count_photons`.
    bin_size
        Frames in each run, two or more.

    Returns
    -------
    list of Frame
        One for each whole run.

    Raises
    ------
    UsageError
        As `count_photons`, and if there is no whole run.

    Examples
    --------
    >>> from obverse import Exposure
    >>> dark = Frame(np.zeros((1, 2)), "electron", exposure=Exposure("a", 1.0, em_gain=5000.0))
    >>> len(count_photons_in_bins([dark] * 161, 40, read_noise=100.0))
    4
    """
    if not isinstance(bin_size, int | np.integer) or bin_size < 2:
        raise UsageError(f"count_photons_in_bins: bin_size is {bin_size}, it must be a whole number, 2 or more")
    stream = amplified_frames("count_photons_in_bins", frames)
    made: list[Frame] = []
    while run := list(islice(stream, 1)):
        law = _law(run[0], threshold, read_noise, em_gain, stages, partial)
        counted = tally(chain(run, islice(stream, bin_size - 1)), law.threshold)
        if counted.length == bin_size:
            made.append(image_of(counted, law, brightest))
    if not made:
        raise UsageError(f"count_photons_in_bins: fewer frames than one run of {bin_size}")
    return made


def _law(
    frame: Frame,
    threshold: float | None,
    read_noise: float | None,
    em_gain: float | None,
    stages: int,
    partial: float,
) -> CountingLaw:
    if read_noise is None:
        if threshold is None:
            raise UsageError("photon counting: give the read noise (electron behind the register) or the threshold")
        read_noise = threshold / SIGMAS
    threshold = SIGMAS * read_noise if threshold is None else threshold
    gain = frame.exposure.applied_em_gain if em_gain is None else em_gain
    return CountingLaw(threshold, gain, read_noise, stages, partial)
