"""The bias of each row from its prescan: which columns, how sure, rows that stand out, and a known offset."""

from __future__ import annotations

import numpy as np
import pytest

from obverse import Exposure, Frame, Geometry, Moment, UsageError
from obverse.dark_pixels import dark_pixels
from obverse.effects.bias_drift import BiasDrift

SCI = Geometry((1037, 1056), prescan=1088, overscan=56, parallel_overscan=163, shielded=(13, 0, 0, 32))
ENG = Geometry((1037, 1056), prescan=1088, overscan=56, parallel_overscan=1163, shielded=(13, 0, 0, 32))
CONVENTIONAL = Geometry((2070, 1056), prescan=16, overscan=1128, parallel_overscan=130, shielded=(13, 9, 32, 0))
SMALL = Geometry((106, 107), prescan=108, overscan=5, parallel_overscan=14, shielded=(2, 0, 0, 2))
ROWS = BiasDrift(seen_in="prescan", settle=800, width=200, span="row", row_clip=5.0)
FEW = ROWS.replace(settle=8, width=90)
AXES = ("amplifier", "row", "column")


def corrected(effect, pixels, geometry):
    where = Moment(Exposure("a", 1.0), geometry, "clocked")
    return effect.correct(Frame(pixels, "DN", AXES), where).data[0]


def biases(effect, pixels, geometry):
    """What was taken from each row: the image is zero."""
    pixels[:, :, geometry.image_columns] = 0.0
    return -corrected(effect, pixels, geometry)[:, geometry.image_columns.start]


def noise(geometry, seed=12346):
    return np.random.default_rng(seed).normal(100.0, 1.0, geometry.clocked_shape).astype("f4")


@pytest.mark.parametrize("geometry", [SCI, ENG], ids=["SCI", "ENG"])
@pytest.mark.parametrize("level", [0.0, 1500.0])
def test_an_even_frame_becomes_zero_and_costs_nothing(geometry, level):
    done = corrected(ROWS, np.full(geometry.clocked_shape, level, "f4"), geometry)
    assert done.shape == geometry.file_shape
    assert (done == 0.0).all()
    assert (
        ROWS.variance(done, Moment(Exposure("a", 1.0), geometry, "clocked", read_noise=np.float32(0.0))) == 0.0
    ).all()


@pytest.mark.parametrize(
    ("geometry", "effect", "columns"),
    [
        (SCI, ROWS, range(800, 1000)),
        (CONVENTIONAL, BiasDrift(seen_in="overscan", skip=128, width=200, span="row"), range(1200, 1400)),
    ],
    ids=["SCI", "ENG_CONV"],
)
def test_the_columns_are_those_of_the_camera(geometry, effect, columns):
    used = dark_pixels(geometry, "clocked", effect.seen_in, settle=effect.settle, skip=effect.skip, width=effect.width)
    assert used.shape == geometry.clocked_shape
    assert np.flatnonzero(used[0, -1]).tolist() == list(columns)
    assert effect.pixels(geometry).tolist() == [200]


def test_wide_columns_stop_at_the_image():
    used = dark_pixels(SMALL, "clocked", "both", settle=100, skip=3, width=50)
    assert np.flatnonzero(used[0, 0]).tolist() == [*range(100, 108), 218, 219]


def test_each_row_has_its_bias_and_the_error_of_a_mean():
    level = biases(ROWS, noise(SCI), SCI)
    assert np.abs(level - 100.0).max() < 1.0
    told = float(ROWS.variance(level, Moment(Exposure("a", 1.0), SCI, "clocked", read_noise=np.float32(1.0))).item())
    assert np.sqrt(told) == pytest.approx(1.0 / np.sqrt(200.0), rel=1e-6)
    # 1200 rows tell the scatter to 2 %
    assert abs(level.std(ddof=1) / np.sqrt(told) - 1.0) + 3.0 / np.sqrt(2 * 1200) < 0.1


def test_columns_that_are_not_reliable_do_not_count():
    random = np.random.default_rng(12346)
    pixels = noise(SCI) + (random.exponential(10.0, SCI.clocked_shape) - 10.0).astype("f4")
    pixels[..., :800] = 500.0
    assert np.abs(biases(ROWS, pixels, SCI) - 100.0).max() < 6.0
    everything = ROWS.replace(settle=0, width=0)
    assert np.abs(biases(everything, pixels, SCI) - 100.0).max() > 100.0


def test_a_known_offset_of_the_prescan_leaves_the_image_as_it_is():
    pixels = np.rint(noise(SMALL))
    lifted = pixels.copy()
    lifted[..., : SMALL.prescan] += 10.0
    image = SMALL.image_columns
    known = corrected(FEW.replace(offset=10.0), lifted, SMALL)[:, image]
    np.testing.assert_array_equal(known, corrected(FEW, pixels, SMALL)[:, image])
    assert np.abs(known - corrected(FEW, lifted, SMALL)[:, image] - 10.0).max() < 1e-4


def test_both_faces_know_the_offset():
    where = Moment(Exposure("a", 1.0), SMALL, "clocked")
    lifted = FEW.replace(offset=10.0).imprint(np.zeros(SMALL.clocked_shape, "f4"), where)
    assert (lifted[..., : SMALL.prescan] == 10.0).all()
    assert (lifted[..., SMALL.prescan :] == 0.0).all()
    in_frame = BiasDrift(seen_in="prescan", offset=10.0)
    assert (corrected(in_frame, lifted, SMALL)[:, SMALL.image_columns] == 0.0).all()


def check_outlier(effect):
    """The gate that a struck row must pass: the median of all rows stands for it, exactly."""
    pixels = noise(SMALL)
    pixels[0, 40, : SMALL.prescan] += 5.0
    level = biases(effect, pixels, SMALL)
    measured = biases(effect.replace(row_clip=0.0), pixels, SMALL)
    assert level[40] == pytest.approx(np.median(measured), abs=1e-5)
    np.testing.assert_array_equal(np.delete(level, 40), np.delete(measured, 40))


def test_a_row_that_stands_out_gets_the_level_of_the_frame():
    check_outlier(FEW)


def test_without_the_limit_that_row_loses_what_struck_it():
    with pytest.raises(AssertionError):
        check_outlier(FEW.replace(row_clip=100.0))
    pixels = noise(SMALL)
    pixels[0, 40, : SMALL.prescan] += 5.0
    believed, struck = (biases(FEW.replace(row_clip=k), pixels.copy(), SMALL)[40] for k in (5.0, 100.0))
    assert struck - believed == pytest.approx(5.0, abs=0.5)


def test_rows_of_the_parallel_overscan_have_their_own_bias_too():
    pixels = np.zeros(SMALL.clocked_shape, "f4") + np.arange(120, dtype="f4")[:, None]
    assert (corrected(FEW.replace(row_clip=0.0), pixels, SMALL) == 0.0).all()


def test_by_default_every_row_is_believed():
    pixels = noise(SMALL)
    pixels[0, 40, : SMALL.prescan] += 500.0
    plain = BiasDrift(seen_in="prescan", settle=8, span="row")
    assert biases(plain, pixels, SMALL)[40] == pytest.approx(600.0, abs=1.0)


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"seen_in": "reference", "width": 3}, "clocked without light"),
        ({"seen_in": "reference_rows", "offset": 3.0}, "clocked without light"),
        ({"row_clip": 5.0}, "say span = 'row'"),
        ({"offset": 5.0, "relative_to": "first_resultant"}, "leave it out"),
    ],
)
def test_what_does_not_fit_together_is_refused(wrong, said):
    with pytest.raises(UsageError, match=said):
        BiasDrift(**wrong)
