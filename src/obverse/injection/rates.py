r"""An image of rates, as the electrons that its pixels had gathered: the flat and the dark put on again.

.. math:: a = g f\, d + a_{dark}, \qquad d = \frac{a - a_{dark}}{g f}

d is what the image says [electron/s, DN/s or photon/s], f the response that it was divided by, g the gain where it is
in DN, and the dark rate counts where it was subtracted from the image.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from obverse.detector import Detector
from obverse.errors import UsageError
from obverse.frame import Frame
from obverse.moment import Moment
from obverse.noise import read_noise

__all__ = ["Rates", "flux_unit", "response"]

Array = NDArray[Any]


@dataclass(frozen=True, eq=False)
class Rates:
    """What lies between the numbers of an image of rates and electrons, (row, column) each.

    Parameters
    ----------
    scale
        :math:`g f` [electron/s for one unit of the image].
    dark
        Dark rate that was subtracted from the image [electron/s].
    dark_before
        Dark rate that was subtracted from the ramps, and counts in the variance alone [electron/s].
    noise
        Noise of a single read [electron].
    full
        Charge from which on a read is saturated [electron]; infinite where nothing is known of it.
    """

    scale: Array
    dark: Array
    dark_before: Array
    noise: Array
    full: Array

    @classmethod
    def of(cls, frame: Frame, detector: Detector) -> Rates:
        """Take them from the detector, as far as the frame says that its effects were undone."""
        at, shape = Moment.of(frame, detector.geometry), frame.shape[-2:]

        def plane(value: Any) -> Array:
            return np.broadcast_to(np.asarray(value, np.float64), shape)

        dark = detector.effect("dark_current").rate if "dark_current" in _undone(frame, detector) else 0.0
        before = frame.companions.get("dark_rate")
        noise = read_noise(detector.effects, at, cancels=("integration",))
        return cls(
            scale=plane(_unit(frame, detector, at) * _divisor(response(detector, at, _undone(frame, detector)))),
            dark=plane(np.nan_to_num(at.plane(dark))),
            dark_before=plane(0.0 if before is None else np.maximum(before.data, 0)),
            noise=plane(noise),
            full=plane(_full(detector, at)),
        )

    def electrons(self, data: Array, where: Any) -> Array:
        """Return the rate of all electrons behind some pixels [electron/s]."""
        return np.asarray(data, np.float64) * self.scale[where] + self.dark[where]

    def image(self, rate: Array, where: Any) -> Array:
        """Return what the image says of a rate of all electrons."""
        return (rate - self.dark[where]) / self.scale[where]


def _undone(frame: Frame, detector: Detector) -> tuple[str, ...]:
    return tuple(name for name in frame.undone if detector.has(name))


def _unit(frame: Frame, detector: Detector, at: Moment) -> Any:
    """Return what the unit of the image holds of the gain [electron/DN]."""
    if frame.unit == "DN/s":
        return np.asarray(at.plane(detector.effect("gain").gain), np.float64)
    if frame.unit in ("electron/s", "photon/s", "electron", "photon"):
        return 1.0
    raise UsageError(
        f"inject_sources: {frame.exposure.id}: an image in {frame.unit!r}, it must be in electron/s, DN/s or photon/s, "
        "or a raw frame in DN"
    )


def response(detector: Detector, at: Moment, names: tuple[str, ...]) -> Array:
    """Return the product of the responses to light of some effects, (row, column); 1 where it is not known.

    Examples
    --------
    >>> from obverse import Exposure
    >>> ccd = Detector.load("generic_ccd").resized((4, 4))
    >>> float(response(ccd, Moment(Exposure("a", 1.0), ccd.geometry), ("flat",))[0, 0])
    1.0
    """
    light = np.ones(detector.geometry.shape, np.float32)
    for effect in detector.chain.at("light"):
        if effect.name in names:
            light = effect.imprint(light, at)
    return np.where(np.isnan(light), 1.0, np.maximum(light, 0.0)).astype(np.float64)


def _divisor(light: Array) -> Array:
    """Return what an image was divided by: nothing, where a pixel is dead."""
    return np.where(light > 0, light, 1.0)


def _full(detector: Detector, at: Moment) -> Any:
    if not detector.has("saturation"):
        return np.inf
    effect = detector.effect("saturation")
    well = np.asarray(at.plane(effect.full_well), np.float64) * (1.0 - effect.margin)
    return np.where(np.isnan(well), np.inf, well)


def flux_unit(frame: Frame, detector: Detector) -> Array:
    """Return what one number of a calibrated image is of light behind the quantum efficiency [electron/s].

    Examples
    --------
    >>> from obverse import Exposure
    >>> ccd = Detector.load("generic_ccd").resized((4, 4))
    >>> image = Frame(np.ones((4, 4), "f4"), "electron", exposure=Exposure("a", 10.0))
    >>> float(flux_unit(image, ccd)[0, 0])
    0.1
    """
    at = Moment.of(frame, detector.geometry)
    efficient = tuple(name for name in _undone(frame, detector) if name == "quantum_efficiency")
    unit = _unit(frame, detector, at) * _divisor(response(detector, at, efficient))
    return unit if frame.unit.endswith("/s") else unit / frame.exposure.seconds
