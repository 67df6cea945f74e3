"""A patch of sky strewn with stars and galaxies, for demonstrations and tests."""

from __future__ import annotations

import numpy as np

from obverse.scene.profiles import moffat
from obverse.scene.scene import Scene
from obverse.scene.sources import Sources

__all__ = ["random_field"]


def random_field(
    shape: tuple[int, int],
    *,
    stars: int,
    galaxies: int,
    seed: int,
    sky: float = 0.5,
    brightest: float = 2e4,
    fwhm: float = 2.2,
) -> Scene:
    """Return a scene with fluxes even in the logarithm from 10 electron/s to `brightest`.

    Parameters
    ----------
    shape
        Rows and columns over which the sources are strewn.
    stars, galaxies
        How many.
    seed
        Of the positions, fluxes and shapes.
    sky
        Light between the sources [electron/s/pixel].
    brightest
        Flux of the brightest [electron/s].
    fwhm
        Width of a star, a Moffat profile [pixel].

    Examples
    --------
    >>> scene = random_field((64, 64), stars=3, galaxies=1, seed=1)
    >>> len(scene.sources), scene.rate((64, 64)).shape
    (4, (64, 64))
    """
    random = np.random.Generator(np.random.Philox(seed))
    n = stars + galaxies
    galaxy = np.arange(n) >= stars
    return Scene(
        Sources(
            row=random.uniform(0, shape[0], n),
            column=random.uniform(0, shape[1], n),
            flux=10.0 ** random.uniform(1.0, np.log10(brightest), n),
            radius=np.where(galaxy, random.uniform(2.0, 7.0, n), 0.0),
            index=random.choice([1.0, 2.5, 4.0], n),
            axis_ratio=random.uniform(0.3, 1.0, n),
            angle=random.uniform(0.0, np.pi, n),
        ),
        moffat(fwhm),
        sky=sky,
    )
