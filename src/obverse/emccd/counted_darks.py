"""Photon-counted darks: the electrons that come without light, counted at the same threshold."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from obverse.emccd.frames import Frames
from obverse.emccd.photon_counting import BRIGHTEST, count_photons
from obverse.errors import UsageError
from obverse.flags import Flag
from obverse.frame import Frame
from obverse.register.excess_noise import STAGES
from obverse.scaling import add_pixel_flag

__all__ = ["photon_counting_dark", "subtract_photon_counting_dark"]


def photon_counting_dark(
    frames: Frames,
    *,
    threshold: float | None = None,
    read_noise: float | None = None,
    em_gain: float | None = None,
    stages: int = STAGES,
    partial: float = 0.0,
    brightest: float = BRIGHTEST,
) -> Frame:
    """Return the mean electrons of a dark frame, counted; its companion ``threshold`` says at which threshold.

    Parameters
    ----------
    frames, threshold, read_noise, em_gain, stages, partial, brightest
        As in `count_photons`: take all darks there are, they need not be as many as the exposures.

    Returns
    -------
    Frame
        As `count_photons` returns, of kind ``"dark"``.

    Raises
    ------
    UsageError, DataError
        As `count_photons`.

    Examples
    --------
    >>> from obverse import Exposure
    >>> at = Exposure("a", 1.0, em_gain=5000.0)
    >>> frames = [Frame(np.full((1, 1), 4000.0 * (i < 5)), "electron", exposure=at) for i in range(100)]
    >>> dark = photon_counting_dark(frames, read_noise=100.0)
    >>> dark.exposure.kind, float(dark.companions["threshold"].data[0, 0])
    ('dark', 500.0)
    """
    counted = count_photons(
        frames,
        threshold=threshold,
        read_noise=read_noise,
        em_gain=em_gain,
        stages=stages,
        partial=partial,
        brightest=brightest,
    )
    return counted.replace(exposure=replace(counted.exposure, kind="dark"))


def subtract_photon_counting_dark(counted: Frame, dark: Frame) -> Frame:
    r"""Subtract the electrons of a counted dark from counted electrons; Poisson means add, so this is exact.

    .. math:: \lambda - \lambda_d, \qquad \mathrm{Var} = \mathrm{Var}(\lambda) + \mathrm{Var}(\lambda_d)

    Parameters
    ----------
    counted
        Of `count_photons`.
    dark
        Of `photon_counting_dark`, counted at the same threshold from frames of the same time and gain.

    Returns
    -------
    Frame
        May be negative where its noise is; the variance of the dark, ``dark``, is shared by all that it is taken from.

    Raises
    ------
    UsageError
        If one of the two was not counted, or threshold, time, gain or shape differ.

    Examples
    --------
    >>> from obverse import Exposure
    >>> at = Exposure("a", 1.0, em_gain=5000.0)
    >>> def frames(n):
    ...     return [Frame(np.full((1, 1), 4000.0 * (i < n)), "electron", exposure=at) for i in range(100)]
    >>> dark = photon_counting_dark(frames(5), read_noise=100.0)
    >>> subtract_photon_counting_dark(count_photons(frames(10), read_noise=100.0), dark).data.round(3)
    array([[0.059]], dtype=float32)
    """
    _refuse_unlike(counted, dark)
    missing = ~np.isfinite(dark.data)
    done = counted.replace(
        data=counted.data - dark.data,
        variances={**(counted.variances or {}), "dark": dark.variance},
        shared={**counted.shared, "dark": dark.digest()},
    )
    return add_pixel_flag(done, missing, Flag.UNRELIABLE_DARK | Flag.DO_NOT_USE) if missing.any() else done


def _refuse_unlike(counted: Frame, dark: Frame) -> None:
    said = [_said(frame) for frame in (counted, dark)]
    if said[0] != said[1] or counted.shape != dark.shape:
        raise UsageError(
            f"photon counting: {counted.exposure.id!r} {counted.shape} {said[0]} and dark {dark.exposure.id!r} "
            f"{dark.shape} {said[1]} differ (threshold, time, EM gain): count a dark for this setting"
        )


def _said(frame: Frame) -> tuple[float, float | None, float]:
    if "threshold" not in frame.companions:
        raise UsageError(f"photon counting: frame {frame.exposure.id!r} was not counted: no threshold travels with it")
    exposure = frame.exposure
    return (
        float(frame.companions["threshold"].data.flat[0]),
        exposure.exposure_time,
        exposure.applied_em_gain,
    )
