"""What cosmic rays do to one pixel: how often they touch it, and how much charge they leave."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from obverse.detector import Detector
from obverse.effects.cosmic_rays import CosmicRays
from obverse.exposure import Exposure
from obverse.geometry import Geometry
from obverse.moment import Moment
from obverse.seeds import Address, Stream

__all__ = ["Rays", "pixels_touched"]

_TRACKS = 2000
_SIZE = 512


@dataclass(frozen=True, eq=False)
class Rays:
    """Hits of a pixel.

    Parameters
    ----------
    rate
        How often the pixel is touched [1/s].
    charges
        A sample of what is left in it (hit,) [electron].
    significance
        Limit of the search for hits, in sigma; None: the search's own.

    Examples
    --------
    >>> rays = Rays.of(Detector.load("roman_wfi"))
    >>> f"{rays.rate:.2e}"
    '2.26e-05'
    """

    rate: float = 0.0
    charges: NDArray[np.float64] = field(default_factory=lambda: np.zeros(0))
    significance: float | None = None

    @classmethod
    def of(cls, detector: Detector) -> Rays:
        """Return those of a detector's cosmic rays; none where it has none."""
        if not detector.has("cosmic_rays") or detector.effect("cosmic_rays").flux == 0:
            return cls()
        effect = detector.effect("cosmic_rays")
        area = (effect.pixel_pitch * 1e-4) ** 2
        return cls(effect.flux * area * pixels_touched(effect), _charges(effect), effect.significance or None)


def pixels_touched(effect: CosmicRays) -> float:
    r"""Return the mean number of pixels that a track touches.

    .. math:: \bar n = 1 + \frac{4}{\pi}\, \frac{\langle \ell \rangle}{p}

    A track of length :math:`\ell` crosses :math:`\ell |\cos\theta| / p` borders of columns and
    :math:`\ell |\sin\theta| / p` borders of rows on average, and either mean is :math:`2/\pi`.

    Examples
    --------
    >>> round(pixels_touched(CosmicRays(pixel_pitch=10.0)), 3)
    2.82
    """
    return 1 + 4 / np.pi * effect.mean_length / effect.pixel_pitch


def _charges(effect: CosmicRays) -> NDArray[np.float64]:
    """Return what about 2000 tracks leave in each pixel that they touch, by the effect itself [electron]."""
    seconds = _TRACKS / (effect.flux * (_SIZE * effect.pixel_pitch * 1e-4) ** 2)
    stream = Stream(Address(1, effect.name, "design"))
    at = Moment(Exposure("design", seconds), Geometry((_SIZE, _SIZE)), interval=(0.0, seconds), rng=stream)
    hit = effect.imprint(np.zeros((_SIZE, _SIZE), np.float32), at)
    return np.asarray(hit[hit > 0], np.float64)
