"""Grids of stars: what is put in, how it is placed, and what is found of it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import obverse as ob
from obverse import Detector, Exposure, Frame
from obverse.injection import curves, grid, inject_sources, picture
from obverse.injection.places import beside, nearest_distance, strewn
from obverse.injection.recovered import Image, found, measured
from obverse.scene import Sources, draw, gaussian
from tests.injection.simple import EVEN, fitted, plain_array, ramps, rate_image

PSF = gaussian(2.5)
SHAPE = (200, 240)


@pytest.fixture(scope="module")
def sky() -> Frame:
    """An image of rates of an even sky."""
    return rate_image(fitted(ramps(EVEN, 1.0, SHAPE, 1), EVEN), EVEN)


def test_stars_stand_as_far_apart_as_asked() -> None:
    random = np.random.default_rng(1)
    places = strewn(50, SHAPE, 15.0, 6.0, random)
    assert places.shape[1] > 30
    assert nearest_distance(places, places, same=True).min() >= 15.0
    assert (places >= 6).all()
    assert (places < np.array(SHAPE)[:, None] - 6).all()
    known = random.uniform(0, 200, (2, 60))
    new, which = beside(known, np.array([2.0, 5.0] * 10), 15.0, random)
    apart = np.hypot(*(new[:, :, None] - known[:, None])).T
    wanted = np.array([2.0, 5.0] * 10)[which]
    assert (np.abs(apart - wanted).min(axis=0) < 1e-9).all()
    assert nearest_distance(new, new, same=True).min() >= 15.0


def test_a_star_without_noise_is_measured_exactly_on_any_even_background() -> None:
    stars = Sources([30.3, 100.0, 150.7], [40.6, 90.0, 200.1], [50.0, 3.0, 700.0])
    data = draw(stars, PSF, SHAPE) + 17.0
    data[100, 91] = np.nan  # a bad pixel beside the second
    image = Image(data, np.ones(SHAPE))
    flux, error = measured(image, stars, PSF, 5)
    np.testing.assert_allclose(flux, stars.flux, rtol=1e-6)
    light = draw(Sources([50.0], [50.0], [1.0]), PSF, (101, 101))[45:56, 45:56]
    np.testing.assert_allclose(error[0], 1 / np.sqrt(np.square(light - light.mean()).sum()), rtol=0.03)


def test_the_search_finds_what_is_there_and_nothing_else() -> None:
    random = np.random.default_rng(2)
    stars = Sources([60.0, 100.0], [60.0, 100.0], [60.0, 600.0])  # 6 and 60 sigma, where the filter has 10 electrons
    data = draw(stars, PSF, SHAPE) + random.normal(0, 2.0, SHAPE)
    image = Image(data, np.full(SHAPE, 4.0))
    assert found(image, stars, PSF, 5, 4.0).tolist() == [True, True]
    assert not found(image, stars.moved(0.0, 20.0), PSF, 5, 5.0).any()
    assert not found(image, Sources([2.0], [2.0], [1.0]), PSF, 5, 5.0).any()  # too near to the edge to say


def test_flux_is_recovered_without_bias_and_with_its_error(sky: Frame) -> None:
    stars = grid(sky, psf=PSF, seed=3, fluxes=[3.0, 300.0], per_flux=200, spacing=14.0, detector=plain_array(SHAPE))
    assert len(stars) == 400
    table = curves(stars)
    assert (np.abs(table["bias"]) < 4 * table["bias_error"]).all()
    assert table["bias_error"][1] < 0.003
    np.testing.assert_allclose(table["scatter"], table["stated"], rtol=0.2)  # 400 stars tell a scatter to 5 %
    assert table["completeness"][0] < 0.9 < table["completeness"][1]


def test_a_neighbour_pulls_the_flux_and_hides_the_star(sky: Frame) -> None:
    detector = plain_array(SHAPE, saturation={"full_well": 1e9})
    known = Sources(*np.array([[r, c, 2000.0] for r in range(20, 190, 30) for c in range(20, 230, 30)]).T)
    field, _ = inject_sources(sky, known, seed=5, psf=PSF, detector=detector)
    how = {"beside": known, "distances": [2.0, 14.0], "per_flux": 20, "detector": detector, "spacing": 12.0}
    stars = grid(field, psf=PSF, seed=3, fluxes=[30.0], **how)
    near, far = curves(stars)
    assert near["distance"] < 2.1
    assert near["bias"] > 1.0 > 0.05 > abs(far["bias"])
    assert far["completeness"] > 0.9 > near["completeness"]
    assert curves(stars, distance_edges=[5.0])["n"].tolist() == [20, 20]


def test_a_raw_frame_is_calibrated_after_each_injection(tmp_path: Path) -> None:
    detector = Detector.load("roman_wfi").resized((128, 128)).without("cosmic_rays", "snowballs")
    raw = detector.expose(1.0, Exposure("field", pattern=EVEN, detector="roman_wfi"), seed=1)
    stars = grid(raw, psf=PSF, seed=3, magnitudes=[20.0, 18.0], zero_point=24.25, per_flux=5, detector=detector)
    assert stars.meta["level"] == "L1"
    assert stars["row"].min() >= 0
    assert stars["row"].max() < 120  # in pixels of the image without its border
    table = curves(stars)
    np.testing.assert_allclose(table["flux"], 10 ** (0.4 * np.array([4.25, 6.25])), rtol=1e-3)
    assert (np.abs(table["bias"]) < 5 * table["bias_error"] + 0.005).all()
    assert picture(stars, tmp_path / "curves.png").stat().st_size > 20_000


def test_one_seed_gives_the_same_stars(sky: Frame) -> None:
    how = {"psf": PSF, "fluxes": [20.0], "per_flux": 10, "detector": plain_array(SHAPE)}
    one, same, other = (grid(sky, seed=seed, **how) for seed in (3, 3, 4))
    assert one["recovered"].tolist() == same["recovered"].tolist()
    assert one["recovered"].tolist() != other["recovered"].tolist()


def test_what_cannot_be_planned_is_said_in_a_line(sky: Frame) -> None:
    how = {"psf": PSF, "seed": 3, "detector": plain_array(SHAPE)}
    for more, said in (
        ({}, "give either fluxes"),
        ({"magnitudes": [20.0]}, "zero_point"),
        ({"fluxes": [0.0]}, "above 0"),
        ({"fluxes": [5.0], "distances": [3.0]}, "need beside"),
    ):
        with pytest.raises(ob.UsageError, match=said):
            grid(sky, **how, **more)
