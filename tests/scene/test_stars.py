"""Stars on pixels: their light, their places, and that nothing depends on how the work was shared out."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.special import erf

from obverse.errors import UsageError
from obverse.scene import FieldPsf, Psf, Sources, airy, draw, drawing, gaussian, moffat
from obverse.scene.phases import PHASES
from tests import naive

PHASE = np.random.default_rng(1).uniform(-0.5, 0.5, (12, 2))


def test_a_gaussian_star_is_the_error_function_at_any_phase() -> None:
    sigma = 2.0 / np.sqrt(8 * np.log(2))
    x = np.arange(41) - 20
    for row, column in PHASE:
        image = draw(Sources([20 + row], [20 + column], [1.0]), gaussian(2.0), (41, 41))
        line = [
            0.5 * (erf((x - f + 0.5) / sigma / 2**0.5) - erf((x - f - 0.5) / sigma / 2**0.5)) for f in (row, column)
        ]
        assert_allclose(image, np.outer(*line), atol=1.5e-4 * image.max())


@pytest.mark.parametrize("psf", [gaussian(2.0), moffat(2.2, 3.0), airy(2.5, obscuration=0.3, half=30)])
def test_light_place_and_aperture_do_not_depend_on_the_phase(psf: Psf) -> None:
    rows, columns = np.mgrid[:131, :131]
    apertures = []
    for f, g in PHASE:
        row, column = 65 + f, 65 + g
        image = draw(Sources([row], [column], [1.0]), psf, (131, 131))
        assert image.sum() == pytest.approx(1.0, abs=1e-5)
        assert (image * rows).sum() == pytest.approx(row, abs=1e-3)
        assert (image * columns).sum() == pytest.approx(column, abs=1e-3)
        soft = 1 / (1 + np.exp(2 * (np.hypot(rows - row, columns - column) - 8)))  # an edge that pixels can follow
        apertures.append((image * soft).sum())
    assert np.ptp(apertures) < 1e-3 * np.mean(apertures)


def test_what_falls_off_the_image_is_lost_and_the_rest_stays() -> None:
    star = Sources([0.3], [30.0], [10.0])
    whole = draw(star.moved(40), moffat(2.2), (101, 61))
    part = draw(star, moffat(2.2), (61, 61))
    assert_allclose(part, whole[40:], atol=1e-12)
    assert 0 < part.sum() < 10
    nothing = draw(Sources([-300.0, 20.0], [5.0, 1e6], [1e6, 1e6]), moffat(2.2), (40, 40))
    assert not nothing.any()


def test_the_kernel_is_the_oracle() -> None:
    psf = moffat(2.0, half=3)
    sources = Sources([3.2, 9.51, -0.7, 5.5, 6.0], [2.9, 11.49, 4.0, 12.3, 6.0], [1.0, 2.0, 3.0, 4.0, 5.0])
    image = np.zeros((12, 13))
    for row, column, flux in zip(sources.row, sources.column, sources.flux, strict=True):
        image += naive.star(image.shape, row, column, flux, psf.stamps.table, PHASES)
    assert_allclose(draw(sources, psf, image.shape), np.maximum(image, 0), atol=1e-13)


def crowd(n: int, shape: tuple[int, int], brightest: float) -> Sources:
    random = np.random.default_rng(5)
    place = random.uniform(-20, np.array(shape)[:, None] + 20, (2, n))
    return Sources(*place, 10 ** random.uniform(-1, np.log10(brightest), n))


@pytest.mark.parametrize("n", [300, 40_000])
def test_threads_change_no_bit(n: int) -> None:
    sources = crowd(n, (150, 140), 1e3)
    one, two, seven = (draw(sources, moffat(2.2), (150, 140), threads=threads) for threads in (1, 2, 7))
    assert one.tobytes() == two.tobytes() == seven.tobytes()


def test_drawing_is_linear() -> None:
    sources = crowd(200, (70, 60), 1e4)
    parts = sum(draw(sources[i::3], moffat(2.2), (70, 60)) for i in range(3))
    assert_allclose(draw(sources, moffat(2.2), (70, 60)), parts, rtol=1e-12)


@pytest.mark.parametrize(("psf", "bound"), [(moffat(2.2), 1e-3), (airy(2.0, obscuration=0.3, half=30), 1e-2)])
def test_a_crowd_is_what_its_stars_are_one_by_one(monkeypatch: pytest.MonkeyPatch, psf: Psf, bound: float) -> None:
    shape = (150, 140)
    sources = crowd(60_000, shape, 300.0)
    quick = draw(sources, psf, shape)
    monkeypatch.setattr(drawing, "_is_crowd", lambda *_: False)
    exact = draw(sources, psf, shape)
    assert np.abs(quick - exact).max() > 0  # two ways
    assert_allclose(quick, exact, rtol=0, atol=bound)
    assert quick.sum() == pytest.approx(exact.sum(), rel=1e-6)


def test_a_bright_star_in_a_crowd_keeps_its_wings(monkeypatch: pytest.MonkeyPatch) -> None:
    shape = (150, 140)
    faint = crowd(40_000, shape, 1.0)
    bright = Sources([75.2], [70.4], [1e6])
    both = Sources(*(np.append(getattr(faint, name), getattr(bright, name)) for name in ("row", "column", "flux")))
    psf = moffat(2.2, half=40)
    with_it, without = draw(both, psf, shape), draw(faint, psf, shape)
    assert_allclose(with_it - without, draw(bright, psf, shape), atol=1e-9 * 1e6)


def test_a_field_of_psfs_is_linear_between_its_places() -> None:
    made = [[gaussian(w, half=8).cells for w in line] for line in ((2.0, 2.4), (2.8, 3.2))]
    psf = FieldPsf([0.0, 80.0], [0.0, 100.0], made, 8)
    star = Sources([20.0], [25.0], [3.0])
    corners = [draw(star, Psf(made[i][j], 8), (80, 100)) for i in (0, 1) for j in (0, 1)]
    expected = sum(w * image for w, image in zip((0.5625, 0.1875, 0.1875, 0.0625), corners, strict=True))
    assert_allclose(draw(star, psf, (80, 100)), expected, atol=1e-12)
    assert_allclose(draw(star, psf.at(20.0, 25.0), (80, 100)), expected, atol=1e-12)
    outside = Sources([-3.0, 50.0], [40.0, 104.0], [1.0, 1.0])
    assert draw(outside, psf, (200, 200)).sum() == pytest.approx(
        draw(outside, Psf(made[0][0], 8), (200, 200)).sum(), abs=0.1
    )


def test_places_of_a_field_must_rise_and_fit() -> None:
    cells = np.ones((8, 8))
    with pytest.raises(UsageError, match="rows must be places that rise"):
        FieldPsf([1.0, 0.0], [0.0], [[cells], [cells]], 4)
    with pytest.raises(UsageError, match=r"places ask for \(2, 1, row, column\)"):
        FieldPsf([0.0, 1.0], [0.0], [[cells]], 4)


@pytest.mark.parametrize(
    ("what", "match"),
    [
        ({"flux": [-1.0]}, "flux of source 0 is -1, it must be 0 or more"),
        ({"row": [np.nan]}, "row of source 0 is nan"),
        ({"flux": [1.0, 2.0]}, "1 rows, but flux has shape"),
        ({"radius": [2.0], "index": [9.0]}, "index of source 0 is 9, it must be 0.5 to 6"),
        ({"flux": ["a"]}, "flux holds what is no number"),
    ],
)
def test_no_source_is_what_none_can_be(what: dict[str, list[object]], match: str) -> None:
    with pytest.raises(UsageError, match=match):
        Sources(**({"row": [1.0], "column": [1.0], "flux": [1.0]} | what))  # type: ignore[arg-type]


def test_no_sources_are_no_light() -> None:
    assert not draw(Sources([], [], []), moffat(2.2), (20, 30)).any()
