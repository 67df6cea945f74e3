"""Stars and galaxies against GalSim (Rowe et al. 2015, Astronomy and Computing 10, 121) on the same pixels."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest

from obverse.scene import Sources, airy, draw, gaussian, moffat

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # of the peer and of what it imports
    galsim = pytest.importorskip("galsim", reason="the peer is not installed")

FINE = galsim.GSParams(
    folding_threshold=1e-4, maxk_threshold=1e-5, maximum_fft_size=16384, kvalue_accuracy=1e-6, stepk_minimum_hlr=20
)
PHASE = np.random.default_rng(3).uniform(-0.5, 0.5, (6, 2))


def theirs(profile: Any, row: float, column: float, side: int) -> Any:
    image = galsim.ImageD(side, side)
    profile.drawImage(image, scale=1.0, center=galsim.PositionD(column + 1, row + 1))
    return image.array


@pytest.mark.parametrize(
    ("ours", "peer", "bound"),
    [
        (gaussian(2.0), galsim.Gaussian(fwhm=2.0), 2e-4),
        (gaussian(1.2), galsim.Gaussian(fwhm=1.2), 3e-4),
        (moffat(2.2), galsim.Moffat(3.0, fwhm=2.2, gsparams=FINE), 2e-4),
        # ours ends at 64 pixels, with the half of a percent of light inside that theirs has outside
        (airy(1.5, obscuration=0.31), galsim.Airy(lam_over_diam=1.5 / 1.21967, obscuration=0.31), 6e-3),
    ],
)
def test_stars(ours: Any, peer: Any, bound: float) -> None:
    for f, g in PHASE:
        row, column = 32 + f, 32 + g
        found, expected = draw(Sources([row], [column], [1.0]), ours, (65, 65)), theirs(peer, row, column, 65)
        assert np.abs(found - expected).max() < bound * expected.max()


@pytest.mark.parametrize(
    ("index", "bound"),
    # from n = 3 on what ours has not outside 20 half-light radii it has inside
    [(0.5, 3e-4), (1.0, 2e-4), (2.5, 8e-4), (4.0, 7e-3)],
)
@pytest.mark.parametrize(("radius", "ratio"), [(1.5, 1.0), (4.0, 0.4)])
def test_galaxies(index: float, bound: float, radius: float, ratio: float) -> None:
    row, column, angle = 128.3, 127.6, 0.7
    peer = galsim.Sersic(index, half_light_radius=radius, gsparams=FINE).shear(q=ratio, beta=angle * galsim.radians)
    expected = theirs(galsim.Convolve(galsim.Moffat(3.0, fwhm=2.2), peer, gsparams=FINE), row, column, 257)
    found = draw(Sources([row], [column], [1.0], [radius], [index], [ratio], [angle]), moffat(2.2), (257, 257))
    assert np.abs(found - expected).max() < bound * expected.max()
