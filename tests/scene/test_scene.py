"""Scenes: what they hold, and what a detector makes of them."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
from astropy import units as u
from numpy.testing import assert_allclose

from obverse import Detector, Exposure, UsageError
from obverse.scene import FieldPsf, Psf, Scene, Sources, Star, draw, gaussian, moffat, random_field

SHAPE = (64, 64)
STAR = Sources([30.2], [31.7], [5e3])


def test_light_and_its_backgrounds() -> None:
    shade = np.linspace(0.5, 1.0, 64)[None, :] * np.ones((64, 1))
    scene = Scene(STAR, moffat(2.2), sky=0.4 * u.electron / u.s, thermal=0.1, vignetting=shade)
    rate = scene.rate(SHAPE)
    assert rate.unit == u.electron / u.s
    assert_allclose(rate.value, shade * (draw(STAR, moffat(2.2), SHAPE) + 0.4) + 0.1, rtol=1e-12)


def test_moving_moves_the_sky_and_not_the_telescope() -> None:
    scene = Scene(STAR, moffat(2.2), sky=0.4, thermal=0.1)
    moved = scene.moved(3.0, -2.0)
    assert (moved.sources.row[0], moved.sources.column[0]) == (33.2, 29.7)
    assert (moved.sky, moved.thermal) == (0.4, 0.1)


class _Doubled:
    """A light of stars that is no class of ours: every star comes with a ghost of itself, half of the light."""

    half = 24

    def __init__(self, psf: Psf) -> None:
        self.psf = psf

    def at(self, row: float, column: float) -> Psf:
        return self.psf

    def moved(self, rows: float = 0.0, columns: float = 0.0) -> _Doubled:
        return self

    def parts(self, sources: Sources) -> Iterator[tuple[Sources, Psf]]:
        halved = sources.replace(flux=0.5 * sources.flux)
        yield halved, self.psf
        yield halved.moved(10.0), self.psf


def test_whatever_is_a_star_draws() -> None:
    psf = moffat(2.2, half=24)
    kinds: list[Star] = [psf, FieldPsf([0.0], [0.0], [[psf.cells]], 8), _Doubled(psf)]
    plain, field, doubled = (Scene(STAR, star).rate(SHAPE).value for star in kinds)
    assert_allclose(field, plain, rtol=1e-12)
    assert_allclose(doubled, 0.5 * (plain + draw(STAR.moved(10.0), psf, SHAPE)), rtol=1e-12)


def test_coordinates_are_counted_on_the_image_that_is_drawn() -> None:
    """A star on a trimmed Roman image lies 4 pixels further on the sensor, which is drawn with its border."""
    camera = Detector.load("roman_wfi").resized(SHAPE)
    scene = Scene(STAR, gaussian(1.0))
    seen = camera.calibrate(camera.expose(scene.moved(4, 4), Exposure("a"), seed=1)).data
    assert seen.shape == SHAPE
    assert np.unravel_index(np.nanargmax(seen[4:-4, 4:-4]), (56, 56)) == (30, 32)


@pytest.mark.parametrize(
    ("what", "match"),
    [
        ({"sky": -0.1}, "sky holds values that are negative"),
        ({"thermal": np.ones((3, 3))}, r"thermal has shape \(3, 3\), the image \(64, 64\)"),
        ({"sky": 1.0 * u.m}, "sky is in 'm', it must be in 'electron/s'"),
        ({"vignetting": np.nan}, "vignetting holds values that are negative or no numbers"),
    ],
)
def test_what_cannot_be(what: dict[str, object], match: str) -> None:
    with pytest.raises(UsageError, match=match):
        Scene(STAR, gaussian(2.0), **what).rate(SHAPE)  # type: ignore[arg-type]


def test_a_detector_takes_a_scene_behind_the_quantum_efficiency() -> None:
    camera = Detector.load("generic_h2rg").resized(SHAPE)
    scene = Scene(STAR, moffat(2.2), sky=0.5)
    exposure = Exposure("a")
    whole, as_rate = camera.expose(scene, exposure, seed=1), camera.expose(scene.rate(SHAPE), exposure, seed=1)
    assert np.array_equal(whole.data, as_rate.data)


def test_a_random_field_is_the_same_again() -> None:
    one, two = (random_field(SHAPE, stars=20, galaxies=5, seed=3) for _ in range(2))
    assert np.array_equal(one.rate(SHAPE).value, two.rate(SHAPE).value)
    assert (one.sources.radius > 0).sum() == 5
