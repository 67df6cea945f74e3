"""Point-spread functions: formulas, images and files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits
from numpy.testing import assert_allclose

from obverse.errors import DataError, UsageError
from obverse.scene import Psf, Sources, airy, draw, gaussian, moffat, read_psf
from obverse.scene.phases import PHASES

MIDDLE = PHASES // 2 + 1


@pytest.mark.parametrize("psf", [gaussian(2.5), moffat(2.5, 2.5), airy(2.0, obscuration=0.3, half=20)])
def test_stamps_hold_all_light_at_every_phase(psf: Psf) -> None:
    assert_allclose(psf.stamps.table.sum(axis=(2, 3)), 1.0, rtol=1e-12)
    assert psf.half == psf.stamps.half


@pytest.mark.parametrize("make", [gaussian, moffat])
def test_the_width_is_the_width_at_half_maximum(make: type) -> None:
    cells = make(3.0).cells
    line = cells[cells.shape[0] // 2]
    place = (np.arange(line.size) - (line.size - 1) / 2) / 8
    width = 2 * np.interp(-0.5 * line.max(), -line[line.size // 2 :], place[line.size // 2 :])
    assert width == pytest.approx(3.0, abs=0.02)


def test_the_first_dark_ring_of_a_disk() -> None:
    """83.8 % of the light of an Airy pattern is inside its first dark ring (Born & Wolf, section 8.5.2)."""
    psf = airy(6.0, half=200)
    away = np.hypot(*np.ogrid[tuple(slice(-(n - 1) / 2, n / 2) for n in psf.cells.shape)]) / psf.oversampling
    # behind 200 pixels, 33 ring radii, lies 2 / (pi v) = 0.5 % of the light
    assert psf.cells[away < 6.0].sum() * (1 - 2 / (np.pi * 3.8317 * 200 / 6)) == pytest.approx(0.838, abs=2e-3)


@pytest.mark.parametrize(("oversampling", "side"), [(4, 96), (4, 97), (3, 75), (8, 192), (5, 120)])
def test_an_image_of_any_sampling_gives_the_same_star(oversampling: int, side: int) -> None:
    sigma = 2.0 / np.sqrt(8 * np.log(2))
    x = (np.arange(side) - (side - 1) / 2) / oversampling
    line = np.exp(-0.5 * (x / sigma) ** 2)
    star = Sources([20.31], [19.77], [1.0])
    found = draw(star, Psf(np.outer(line, line), oversampling), (41, 41))
    expected = draw(star, gaussian(2.0), (41, 41))
    # point samples of a coarse image are not its light in cells: sampled wider by 1 / 24 of a cell squared
    assert_allclose(found, expected, atol=(0.15 / oversampling**2 + 2e-4) * expected.max())
    rows, columns = np.mgrid[:41, :41]
    assert (found * rows).sum() == pytest.approx(20.31, abs=1e-3)
    assert (found * columns).sum() == pytest.approx(19.77, abs=1e-3)


def test_an_image_of_pixels_is_drawn_as_it_is() -> None:
    image = np.arange(25.0).reshape(5, 5)
    found = draw(Sources([10.0], [12.0], [300.0]), Psf(image, 1), (20, 20))
    assert_allclose(found[8:13, 10:15], image, atol=1e-9)


def stpsf(path: Path, names: tuple[str, ...] = ("OVERSAMP", "DET_SAMP", "OVERDIST", "DET_DIST")) -> Path:
    """A file as STPSF writes it: four cells to a pixel, then pixels, without and with distortion."""
    hdus = []
    for i, name in enumerate(names):
        fine = name.startswith("OVER")
        image = np.zeros((16, 16) if fine else (4, 4))
        image[1, i] = 1.0
        header = fits.Header({"DET_SAMP": 4, "OVERSAMP": 4, "PIXELSCL": 0.0275 if fine else 0.11})
        hdus.append((fits.PrimaryHDU if not hdus else fits.ImageHDU)(image, header))
        hdus[-1].name = name
    fits.HDUList(hdus).writeto(path)
    return path


def test_files_of_stpsf(tmp_path: Path) -> None:
    path = stpsf(tmp_path / "psf.fits")
    assert read_psf(path).cells[1, 2] == 1.0  # OVERDIST
    assert read_psf(path, pixel_scale=0.11).oversampling == 4
    assert read_psf(path, extension="oversamp").cells[1, 0] == 1.0
    pixels = read_psf(path, extension="DET_SAMP")
    assert (pixels.oversampling, pixels.cells.shape) == (1, (4, 4))
    assert read_psf(stpsf(tmp_path / "b.fits", ("DET_SAMP", "OVERSAMP"))).oversampling == 4


def test_files_that_cannot_be_taken(tmp_path: Path) -> None:
    path = stpsf(tmp_path / "psf.fits")
    with pytest.raises(DataError, match=r"PIXELSCL: 0\.0275, pixels of 0\.05 arcsec are 1\.82 of that"):
        read_psf(path, pixel_scale=0.05)
    with pytest.raises(DataError, match=r"psf\.fits: SCI: no such image in it, there are: DET_DIST"):
        read_psf(path, extension="SCI")
    fits.PrimaryHDU(np.ones((8, 8))).writeto(tmp_path / "bare.fits")
    with pytest.raises(DataError, match="PRIMARY/DET_SAMP: missing, as is OVERSAMP, give oversampling="):
        read_psf(tmp_path / "bare.fits")
    assert read_psf(tmp_path / "bare.fits", oversampling=2).oversampling == 2
    fits.PrimaryHDU(np.full((8, 8), np.nan)).writeto(tmp_path / "nan.fits")
    with pytest.raises(DataError, match="no finite image"):
        read_psf(tmp_path / "nan.fits", oversampling=2)


@pytest.mark.parametrize(
    ("make", "match"),
    [
        (lambda: gaussian(0.0), "a width of 0.0 pixel"),
        (lambda: moffat(2.0, 1.0), "beta is 1.0, it must be above 1"),
        (lambda: airy(2.0, obscuration=1.0), "obscuration is 1.0"),
        (lambda: Psf(np.zeros((4, 4)), 2), "with light in it"),
        (lambda: Psf(np.ones((4, 4)), 0), "oversampling is 0"),
    ],
)
def test_no_psf_is_what_none_can_be(make: object, match: str) -> None:
    with pytest.raises(UsageError, match=match):
        make()  # type: ignore[operator]
