"""How many more dark frames are worth taking."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from obverse.darks.areas import Areas
from obverse.darks.model import leverage
from obverse.darks.noise_maps import NoiseMaps
from obverse.errors import UsageError

__all__ = ["Worth", "worth_of"]

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Worth:
    r"""What the darks contribute to the error of an observation, for campaigns of different length.

    .. math:: \mathrm{Var} = \frac{v(g, t)}{n\, g^2} + \frac{1}{1 + m} \mathrm{Var}(d)

    Parameters
    ----------
    frames
        Dark frames in all, with :math:`m` times as many more, (case,); the first are those that there are.
    dark_variance
        Of the synthesized dark, the median pixel of the sensor, (case,) [electron^2].
    science_variance
        Of the mean of n unlit frames, which no dark can reduce [electron^2].

    Examples
    --------
    >>> worth = Worth(np.array([100.0, 200.0]), np.array([1.0, 0.5]), 3.0)
    >>> worth.error, worth.irreducible
    (array([2.   , 1.871]), array([0.75 , 0.857]))
    """

    frames: Array
    dark_variance: Array
    science_variance: float

    @property
    def error(self) -> Array:
        """Error of a pixel of the mean science frame after the dark is subtracted [electron]."""
        return np.sqrt(self.dark_variance + self.science_variance)

    @property
    def irreducible(self) -> Array:
        """Part of its variance that no number of darks takes away."""
        return self.science_variance / (self.dark_variance + self.science_variance)

    def frames_for(self, share: float) -> float:
        """Return how many dark frames in all bring the darks' part of the variance down to `share`.

        Examples
        --------
        >>> round(Worth(np.array([100.0]), np.array([1.0]), 3.0).frames_for(0.1), 6)
        300.0
        """
        allowed = self.science_variance * share / (1.0 - share)
        return float(self.frames[0] * self.dark_variance[0] / allowed)


def worth_of(maps: NoiseMaps, gain: float, time: float, frames: int, more: ArrayLike = (0.5, 1, 2, 4, 8)) -> Worth:
    """Return what more darks, spread over the stacks as those that there are, would bring.

    Parameters
    ----------
    maps
        From a fit with inverse variances.
    gain, time
        EM gain and exposure time of a science frame [s].
    frames
        How many of them are averaged.
    more
        How many times as many darks more (case,).

    Raises
    ------
    UsageError
        If the maps do not know the noise of a frame: too few stacks, or no fit made them. If the gain is below 1,
        the time negative, or there is no science frame.

    Notes
    -----
    Limits: without light in the science frames, whose photons would only add to what no dark reduces; the unknown
    error of gains and a drift of the detector between campaigns do not average down and are not in it.
    """
    if maps.profile is None or not maps.n_frames:
        raise UsageError("worth: these noise maps know no noise of a frame: make them with calibrate_darks_lsq")
    _refuse_no_observation(gain, time, frames)
    times = 1.0 + np.concatenate([[0.0], np.ravel(more)])
    sensor = Areas(maps.shape, maps.geometry).mask("sensor")
    now = float(np.nanmedian(maps.variance_of(leverage(gain, time))[sensor]))
    one = float(maps.profile.variance(gain, time)) / gain**2
    return Worth(maps.n_frames * times, now / times, one / frames)


def _refuse_no_observation(gain: float, time: float, frames: int) -> None:
    for name, value, least in (("EM gain", gain, 1), ("exposure time", time, 0), ("frames", frames, 1)):
        if not least <= value < np.inf:
            raise UsageError(f"worth: {name} of the science frames is {value}: it must be {least} or more")
