"""A patch of sky with stars and galaxies, drawn on pixels at any pointing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["Field", "random_field"]

_STAMP = 24
"""Half the side of the box in which a source is drawn [pixel]."""


@dataclass(frozen=True)
class Field:
    """Sources on an even sky.

    Parameters
    ----------
    stars
        Table with columns ``row``, ``column`` [pixel] and ``flux`` [photon/s].
    galaxies
        The same, with ``radius`` (half light) [pixel], ``index`` (Sersic), ``axis_ratio`` and ``angle`` [radian].
    sky
        Light between them [photon/s/pixel].
    fwhm
        Width of a star [pixel].
    """

    stars: NDArray[Any]
    galaxies: NDArray[Any]
    sky: float
    fwhm: float = 2.2

    def rate(self, shape: tuple[int, int], offset: tuple[float, float] = (0.0, 0.0)) -> NDArray[np.float32]:
        """Draw the field, moved by `offset` (rows, columns), at pixel centres [photon/s/pixel].

        Examples
        --------
        >>> field = random_field((64, 64), stars=3, galaxies=1, seed=1)
        >>> field.rate((64, 64)).shape
        (64, 64)
        """
        image = np.full(shape, self.sky, np.float64)
        for star in self.stars:
            self._add(image, self._star(star), star, offset)
        for galaxy in self.galaxies:
            self._add(image, self._galaxy(galaxy), galaxy, offset)
        return image.astype(np.float32)

    def _star(self, star: Any) -> Any:
        """Return a Moffat profile of unit flux, beta = 3."""
        from astropy.modeling.functional_models import Moffat2D

        width = self.fwhm / (2.0 * np.sqrt(2.0 ** (1 / 3.0) - 1.0))
        return Moffat2D(amplitude=2.0 / (np.pi * width**2), gamma=width, alpha=3.0)

    def _galaxy(self, galaxy: Any) -> Any:
        from astropy.modeling.functional_models import Sersic2D

        radius = np.hypot(float(galaxy["radius"]), 0.5 * self.fwhm)
        return Sersic2D(
            amplitude=1.0,
            r_eff=radius,
            n=float(galaxy["index"]),
            ellip=1.0 - float(galaxy["axis_ratio"]),
            theta=float(galaxy["angle"]),
        )

    def _add(self, image: NDArray[np.float64], profile: Any, source: Any, offset: tuple[float, float]) -> None:
        """Add one source inside its box; the box holds all of its flux."""
        row, column = float(source["row"]) + offset[0], float(source["column"]) + offset[1]
        rows = np.arange(int(row) - _STAMP, int(row) + _STAMP + 1)
        columns = np.arange(int(column) - _STAMP, int(column) + _STAMP + 1)
        light = profile(columns[None, :] - column, rows[:, None] - row)
        light *= float(source["flux"]) / light.sum()
        inside = np.ix_((rows >= 0) & (rows < image.shape[0]), (columns >= 0) & (columns < image.shape[1]))
        r, c = rows[(rows >= 0) & (rows < image.shape[0])], columns[(columns >= 0) & (columns < image.shape[1])]
        image[np.ix_(r, c)] += light[inside]


_STAR = [("row", "f8"), ("column", "f8"), ("flux", "f8")]
_GALAXY = [*_STAR, ("radius", "f8"), ("index", "f8"), ("axis_ratio", "f8"), ("angle", "f8")]


def random_field(
    shape: tuple[int, int], *, stars: int, galaxies: int, seed: int, sky: float = 0.5, brightest: float = 2e4
) -> Field:
    """Draw a field with fluxes even in the logarithm from 10 photon/s to `brightest`.

    Parameters
    ----------
    shape
        Rows and columns over which the sources are strewn.
    stars, galaxies
        How many.
    seed
        Of the positions and fluxes.
    sky
        Light between the sources [photon/s/pixel].
    brightest
        Flux of the brightest star [photon/s].
    """
    random = np.random.Generator(np.random.Philox(seed))

    def sources(n: int, dtype: list[tuple[str, str]], top: float) -> NDArray[Any]:
        table = np.zeros(n, dtype)
        table["row"], table["column"] = random.uniform(0, shape[0], n), random.uniform(0, shape[1], n)
        table["flux"] = 10.0 ** random.uniform(1.0, np.log10(top), n)
        return table

    drawn = sources(galaxies, _GALAXY, brightest)
    drawn["radius"], drawn["index"] = random.uniform(2.0, 7.0, galaxies), random.choice([1.0, 2.5, 4.0], galaxies)
    drawn["axis_ratio"], drawn["angle"] = random.uniform(0.3, 1.0, galaxies), random.uniform(0.0, np.pi, galaxies)
    return Field(sources(stars, _STAR, brightest), drawn, sky)
