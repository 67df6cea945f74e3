"""The synthesized dark: noise maps put together for any EM gain and exposure time."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from obverse.darks.areas import Areas, geometry_of, resolved
from obverse.darks.dataset import Dataset
from obverse.darks.model import leverage
from obverse.darks.noise_maps import NoiseMaps
from obverse.darks.reading import Reading
from obverse.darks.refusals import WrongArgumentError
from obverse.darks.settings import Setting, sorted_stacks
from obverse.errors import UsageError
from obverse.exposure import Exposure
from obverse.frame import Frame

__all__ = ["build_synthesized_dark"]

_WHO = "build_synthesized_dark"


def build_synthesized_dark(
    dataset: Any, noise_maps: NoiseMaps, detector: Any = None, full_frame: bool = False
) -> Frame:
    r"""Return the dark of an exposure, put together from noise maps.

    .. math:: d = \frac{F}{g} + C + t D, \qquad
        \mathrm{Var}(d) = J^T \Sigma J, \quad J = \left(\frac{1}{g}, 1, t\right)

    :math:`\Sigma` is the covariance of F, C and D in the pixel: in one fit they are far from independent.

    Parameters
    ----------
    dataset
        What the dark is for: frames, or paths, of one EM gain and exposure time; only their exposures are read. Or
        one `Exposure`.
    noise_maps
        Of the whole file, or of the image area.
    detector
        A Detector, its name or TOML file, a Geometry, or None: that of the maps, or the whole frame is image area.
    full_frame
        Keep prescan and overscan, and the shielded border.

    Returns
    -------
    Frame
        [electron, divided by the EM gain], with the variance ``dark``, which all frames share that use these maps.

    Raises
    ------
    UsageError
        If the dataset has more than one EM gain, exposure time and k gain.
    WrongArgumentError
        If a map has not the size of the file or of the image area, C or D is negative, or the gain below 1. It is a
        TypeError too.

    Notes
    -----
    Limits: the clipped maps are used, as in corgidrp; clipping raises the mean dark by a part of the maps' errors.
    `NoiseMaps.into` subtracts the unclipped ones. Reference: corgidrp.darks.build_synthesized_dark.

    Examples
    --------
    >>> from obverse import Exposure
    >>> maps = NoiseMaps(np.full((1, 1), 5.0), np.ones((1, 1)), np.full((1, 1), 1 / 7), cic_error=np.full((1, 1), 0.1))
    >>> dark = build_synthesized_dark(Exposure("science", 7.0, em_gain=5.0), maps)
    >>> dark.data, dark.error
    (array([[3.]]), array([[0.1]]))
    """
    chosen = resolved(_WHO, detector)
    exposure = _exposure_of(dataset, chosen)
    _refuse_other(noise_maps)
    maps = _fitting(noise_maps, geometry_of(chosen), full_frame)
    gain, time = exposure.applied_em_gain, exposure.seconds
    _refuse_negative(maps, gain)
    return Frame(
        maps.fpn / gain + time * maps.dark_current + maps.cic,
        "electron",
        flags=maps.flags.astype(np.uint8) if maps.flags is not None else None,
        pixel_flags=maps.flags,
        variances={"dark": maps.variance_of(leverage(gain, time))},
        exposure=replace(exposure, id=f"dark of {time:g} s at EM gain {gain:g}", kind="dark"),
        undone=("bias", "gain", "em_gain"),
        shared={"dark": noise_maps.digest()},
    )


def _exposure_of(dataset: Any, detector: Any) -> Exposure:
    if isinstance(dataset, Exposure):
        return dataset
    data = Dataset.of(_WHO, dataset, reading=Reading(detector))
    settings: list[Setting] = list(sorted_stacks(data))
    if len(settings) != 1:
        raise UsageError(
            f"{_WHO}: frames of {len(settings)} settings ({'; '.join(map(str, settings[:2]))} ...): one dark has one "
            "EM gain, exposure time and k gain, call it for each"
        )
    return data.entries[0].exposure


def _refuse_other(maps: Any) -> None:
    if not isinstance(maps, NoiseMaps):
        raise WrongArgumentError(
            f"{_WHO}: noise_maps is a {type(maps).__name__}: give NoiseMaps; obverse.io.read_noise_maps reads a file"
        )


def _fitting(maps: NoiseMaps, geometry: Any, full_frame: bool) -> NoiseMaps:
    """Return the maps of the part that is asked for."""
    if geometry is not None:
        whole = geometry.file_shape
        lit = Areas(whole, geometry).image
        image = tuple(len(range(*part.indices(size))) for part, size in zip(lit, whole, strict=True))
        if maps.shape == image and not full_frame:
            return maps
        if maps.shape != whole:
            parts = "" if full_frame else f" or {image[0]}x{image[1]}, the image area"
            raise WrongArgumentError(f"{_WHO}: F, C and D must be {whole[0]}x{whole[1]}{parts}, they are {maps.shape}")
        maps = replace(maps, geometry=geometry)
    return maps if full_frame else maps.image


def _refuse_negative(maps: NoiseMaps, gain: float) -> None:
    for name, plane in (("D", maps.dark_current), ("C", maps.cic)):
        if (plane < 0).any():
            raise WrongArgumentError(f"{_WHO}: {name} is negative in {int((plane < 0).sum())} pixels: clip it at 0")
    if not gain >= 1:
        raise WrongArgumentError(f"{_WHO}: EM gain {gain:g}, it must be 1 or more")
