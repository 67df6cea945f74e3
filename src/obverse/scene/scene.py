"""All the light that reaches the pixels: sources, sky and the warmth of the telescope."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from obverse.errors import UsageError
from obverse.quantities import plain
from obverse.scene.drawing import draw
from obverse.scene.sources import Sources
from obverse.scene.star import Star

__all__ = ["Scene"]


@dataclass(frozen=True, eq=False)
class Scene:
    """Sources through a point-spread function, on a background.

    rate = vignetting * (sources + sky) + thermal

    Coordinates are counted on the image that is drawn. `Detector.expose` draws the whole sensor, reference pixels
    included: coordinates of a trimmed Roman image are moved by (4, 4) for it, ``scene.moved(4, 4)``.
    `obverse.inject_sources` counts on the observatory's calibrated image.

    Parameters
    ----------
    sources
        Stars and galaxies.
    psf
        Light of a star, the same everywhere or not.
    sky
        Zodiacal and other light from the sky (row, column) or the same for all [electron/s/pixel].
    thermal
        Light of the telescope itself, the same [electron/s/pixel].
    vignetting
        Relative throughput (row, column) or 1.

    Examples
    --------
    >>> from obverse.scene import moffat
    >>> scene = Scene(Sources([31.0], [31.0], [1e4]), moffat(2.2), sky=0.5)
    >>> scene.rate((64, 64))[0, 0].unit
    Unit("electron / s")
    """

    sources: Sources
    psf: Star
    sky: Any = 0.0
    thermal: Any = 0.0
    vignetting: Any = 1.0

    def rate(self, shape: tuple[int, int], *, threads: int | None = None) -> Any:
        """Return the expected rate as a Quantity (row, column) [electron/s]."""
        from astropy import units

        light = draw(self.sources, self.psf, shape, threads=threads)
        light += self._map("sky", shape)
        light *= self._map("vignetting", shape)
        light += self._map("thermal", shape)
        return units.Quantity(light, "electron/s", copy=False)

    def moved(self, rows: float = 0.0, columns: float = 0.0) -> Scene:
        """Return the scene at another pointing; what belongs to the telescope stays."""
        return Scene(self.sources.moved(rows, columns), self.psf, self.sky, self.thermal, self.vignetting)

    def _map(self, name: str, shape: tuple[int, int]) -> NDArray[np.float64]:
        value = np.asarray(plain(name, getattr(self, name), "" if name == "vignetting" else "electron/s"), np.float64)
        if value.shape not in ((), shape):
            raise UsageError(f"scene: {name} has shape {value.shape}, the image {shape} (row, column)")
        if not np.isfinite(value).all() or (value < 0).any():
            raise UsageError(f"scene: {name} holds values that are negative or no numbers")
        return value
