"""Galaxies: light, sizes and angles against what a Sersic profile is."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.special import gammainc, gammaincinv, j0

from obverse.scene import FieldPsf, Psf, Sources, draw, galaxies, gaussian, moffat
from obverse.scene.sersic import radial_transform
from tests import naive

SHAPE = (301, 301)
ROWS, COLUMNS = np.mgrid[: SHAPE[0], : SHAPE[1]]


def galaxy(
    index: float, radius: float, ratio: float = 1.0, angle: float = 0.0, at: tuple[float, float] = (150.3, 149.6)
) -> Sources:
    return Sources([at[0]], [at[1]], [1.0], [radius], [index], [ratio], [angle])


@pytest.mark.parametrize("index", [0.5, 1.0, 2.5, 4.0, 6.0])
@pytest.mark.parametrize("ratio", [0.3, 1.0])
def test_light_and_place(index: float, ratio: float) -> None:
    image = draw(galaxy(index, 3.0, ratio, 0.4), moffat(2.2), SHAPE)
    assert image.sum() == pytest.approx(1.0, abs=1e-4)
    assert (image * ROWS).sum() / image.sum() == pytest.approx(150.3, abs=1e-3)
    assert (image * COLUMNS).sum() / image.sum() == pytest.approx(149.6, abs=1e-3)


@pytest.mark.parametrize("index", [0.5, 1.0, 2.5, 4.0])
def test_half_the_light_is_inside_the_half_light_radius(index: float) -> None:
    image = draw(galaxy(index, 12.0, at=(150.0, 150.0)), gaussian(0.8), SHAPE)
    away = np.hypot(ROWS - 150.0, COLUMNS - 150.0)
    # pixels across the circle count by the part of them that is inside
    inside = (image * np.clip(12.5 - away, 0, 1)).sum()
    assert inside == pytest.approx(0.5, abs=5e-3)


def test_moments_are_those_of_the_profile_and_of_the_star() -> None:
    """Second moment of an exponential: 3 h^2 along an axis, h = r_e / 1.6783; that of pixel and Gaussian add."""
    sigma = 2.0 / np.sqrt(8 * np.log(2))
    ratio, radius = 0.5, 4.0
    image = draw(galaxy(1.0, radius, ratio, 0.0), gaussian(2.0), SHAPE)
    scale = radius / 1.67834699
    for axis, x, centre in ((scale / ratio**0.5, COLUMNS, 149.6), (scale * ratio**0.5, ROWS, 150.3)):
        assert (image * (x - centre) ** 2).sum() == pytest.approx(3 * axis**2 + sigma**2 + 1 / 12, rel=3e-3)


@pytest.mark.parametrize("angle", [0.3, 1.2, -0.7])
def test_the_angle_runs_from_columns_to_rows(angle: float) -> None:
    image = draw(galaxy(1.0, 4.0, 0.4, angle), moffat(2.2), SHAPE)
    y, x = ROWS - 150.3, COLUMNS - 149.6
    found = 0.5 * np.arctan2(2 * (image * x * y).sum(), (image * (x**2 - y**2)).sum())
    assert found == pytest.approx(angle, abs=1e-3)


@pytest.mark.parametrize("index", [0.5, 1.0, 3.3, 5.9])
def test_the_transform_is_the_hankel_integral(index: float) -> None:
    made = radial_transform(index)
    b = gammaincinv(2 * index, 0.5)
    end = min((gammaincinv(2 * index, 1 - 1e-5) / b) ** index, 20.0)
    t = (np.arange(400_000) + 0.5) / 400_000
    r = end * t**index  # makes the cusp smooth
    cut = 0.5 * (1 + np.cos(np.pi * np.clip((r / end - 0.75) / 0.25, 0, 1)))
    light = cut * np.exp(-b * r ** (1 / index)) * r * t ** (index - 1)
    half = r[np.searchsorted(np.cumsum(light), 0.5 * light.sum())]
    for k in (0.02, 0.5, 2.0, 8.0, 40.0):
        expected = (light * j0(k * r / half)).sum() / light.sum()
        found = np.interp(np.log(k), made.first + made.step * np.arange(made.values.size), made.values)
        assert found == pytest.approx(expected, abs=3e-4)


@pytest.mark.parametrize(("index", "outside"), [(1.0, 1e-5), (3.0, 2.13e-3), (4.0, 8.77e-3), (6.0, 3.12e-2)])
def test_the_truncation_is_the_stated_one(index: float, outside: float) -> None:
    b = gammaincinv(2 * index, 0.5)
    end = min((gammaincinv(2 * index, 1 - 1e-5) / b) ** index, 20.0)
    assert 1 - gammainc(2 * index, b * end ** (1 / index)) == pytest.approx(outside, rel=0.02)


def test_a_galaxy_without_size_is_a_star() -> None:
    star = draw(Sources([30.3], [29.8], [1.0]), moffat(2.2), (61, 61))
    dot = draw(galaxy(1.0, 1e-4, at=(30.3, 29.8)), moffat(2.2), (61, 61))
    assert_allclose(dot, star, atol=1e-4 * star.max())


def test_the_kernel_is_the_oracle() -> None:
    psf = gaussian(1.6)
    made = radial_transform(1.0)
    grid = made.first + made.step * np.arange(made.values.size)
    angle, major, minor = 0.6, 2.0 / 0.5**0.5, 2.0 * 0.5**0.5

    def transform(row: naive.Array, column: naive.Array) -> naive.Array:
        u = major * (row * np.sin(angle) + column * np.cos(angle))
        v = minor * (row * np.cos(angle) - column * np.sin(angle))
        return np.interp(np.log(np.maximum(2 * np.pi * np.hypot(u, v), 1e-300)), grid, made.values, left=1.0)

    expected = naive.galaxy((40, 44), (20.2, 21.7), transform, psf.cells, psf.oversampling)
    found = draw(galaxy(1.0, 2.0, 0.5, angle, (20.2, 21.7)), psf, (40, 44))
    assert_allclose(found, expected, atol=1e-5 * expected.max())


def test_threads_change_no_bit_and_halves_fall_off() -> None:
    random = np.random.default_rng(2)
    n = 70
    many = Sources(
        random.uniform(-10, 110, n), random.uniform(-10, 110, n), random.uniform(1, 9, n),
        random.uniform(0.3, 3, n), random.uniform(0.5, 2, n), random.uniform(0.2, 1, n), random.uniform(0, 3, n),
    )  # fmt: skip
    one, seven = (draw(many, moffat(2.2), (100, 100), threads=threads) for threads in (1, 7))
    assert one.tobytes() == seven.tobytes()
    large = draw(many.moved(50, 50), moffat(2.2), (200, 200))
    assert_allclose(one, large[50:150, 50:150], atol=1e-12)


def strewn(n: int, radius: tuple[float, float], shape: tuple[int, int] = (120, 100)) -> Sources:
    random = np.random.default_rng(3)
    place = random.uniform(0, shape[0], n), random.uniform(0, shape[1], n)
    return Sources(*place, random.uniform(1, 9, n), random.uniform(*radius, n))


def test_batches_change_no_bit(monkeypatch: pytest.MonkeyPatch) -> None:
    many = strewn(20, (0.5, 6.0))
    whole = draw(many, gaussian(2.0), (120, 100))
    monkeypatch.setattr(galaxies, "_BATCH_BYTES", 1)
    assert draw(many, gaussian(2.0), (120, 100)).tobytes() == whole.tobytes()


def test_the_transform_of_a_star_is_made_once_for_each_side(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[int] = []
    plain = Psf.transfer
    monkeypatch.setattr(Psf, "transfer", lambda psf, side: made.append(side) or plain(psf, side))  # type: ignore[func-returns-value]
    draw(strewn(40, (0.5, 6.0)), gaussian(2.0), (120, 100), threads=4)
    assert len(made) > 2
    assert sorted(made) == sorted(set(made))
    draw(galaxy(1.0, 2.0, at=(-500.0, 5.0)), gaussian(2.0), (50, 50))
    draw(galaxy(1.0, 2.0).replace(flux=[0.0]), gaussian(2.0), (50, 50))
    assert sorted(made) == sorted(set(made))  # nor for what sheds no light on the image


def test_nothing_stays_of_drawing_and_squares_at_once_are_few() -> None:
    """Squares of 512 pixels take 2 MB each, the transform of a star 19 MB."""
    many, shape = strewn(64, (23.0, 24.0), (64, 64)), (64, 64)
    cells = gaussian(2.0).cells
    psf = FieldPsf([0.0], [1e3, 2e3], [[cells, cells]], 8)  # all of them are drawn by the first place
    draw(many[:1], psf, shape)
    tracemalloc.start()
    try:
        draw(many, psf, shape, threads=1)
        stays, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert 2**26 < most < 1.1e8  # all at once would take 134 MB
    assert stays < 1e6
    held = {name for line in psf.corners for each in line for name in vars(each)}
    assert held == {"cells", "oversampling"}  # no stars, no stamps


def test_a_galaxy_larger_than_the_largest_square_keeps_its_light() -> None:
    image = draw(Sources([600.0], [600.0], [1.0], [150.0], [4.0], [0.5], [0.2]), moffat(2.2), (1200, 1200))
    assert image.sum() == pytest.approx(1.0, abs=1e-3)
    assert image.min() >= 0
