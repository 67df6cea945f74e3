"""The container: frozen, read-only, and strict about what fits together."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from obverse import AXES, Exposure, Flag, Frame, UsageError


@pytest.fixture
def frame():
    data = np.arange(12.0, dtype=np.float32).reshape(3, 4)
    variances = {"poisson": data + 1, "read": np.full((3, 4), 9.0, np.float32)}
    return Frame(data, "electron", variances=variances, exposure=Exposure("a", 5.0))


def test_fields_cannot_be_set(frame):
    with pytest.raises(dataclasses.FrozenInstanceError):
        frame.unit = "DN"


def test_no_array_can_be_written(frame):
    flagged = frame.flagged(frame.data > 3, Flag.JUMP_DET).replace(pixel_flags=np.zeros((3, 4), np.uint32))
    for name, array in flagged.planes().items():
        with pytest.raises(ValueError, match="read-only"):
            array[0, 0] = 1
        assert not array.flags.writeable, name


def test_the_array_that_was_given_stays_writable():
    mine = np.zeros((2, 2), np.float32)
    Frame(mine, "DN")
    mine[0, 0] = 1.0


def test_mappings_cannot_be_changed(frame):
    with pytest.raises(TypeError):
        frame.variances["more"] = frame.data
    with pytest.raises(TypeError):
        frame.companions["more"] = frame


@pytest.mark.parametrize("axes", [("column", "row"), ("row",), ("resultant", "row"), ("row", "column", "resultant")])
def test_axes_stand_in_one_order_and_end_in_row_and_column(axes):
    with pytest.raises(UsageError, match="in this order"):
        Frame(np.zeros([2] * len(axes)), "DN", axes)


def test_as_many_axes_as_dimensions():
    with pytest.raises(UsageError, match="do not fit data of shape"):
        Frame(np.zeros((2, 2, 2)), "DN", ("row", "column"))
    assert Frame(np.zeros([1] * len(AXES)), "DN", AXES).shape == (1,) * len(AXES)


def test_the_variance_is_the_sum_of_its_components(frame):
    np.testing.assert_allclose(frame.variance, frame.data + 10.0)
    np.testing.assert_allclose(frame.error**2, frame.data + 10.0, rtol=1e-6)


def test_a_frame_without_estimate_has_no_variance():
    raw = Frame(np.zeros((2, 2)), "DN")
    assert raw.variance is None
    assert raw.error is None


@pytest.mark.parametrize("shape", [(), (4,), (1, 4), (3, 1)])
def test_one_variance_is_not_spread_over_many_pixels(frame, shape):
    with pytest.raises(UsageError, match="hides their correlation"):
        frame.replace(variances={"read": np.ones(shape, np.float32)})


def test_flags_have_the_shape_of_the_data_and_pixel_flags_that_of_an_image():
    cube = np.zeros((2, 3, 4), np.float32)
    axes = ("resultant", "row", "column")
    with pytest.raises(UsageError, match="flags has shape"):
        Frame(cube, "DN", axes, np.zeros((3, 4), np.uint8))
    with pytest.raises(UsageError, match="pixel_flags has shape"):
        Frame(cube, "DN", axes, pixel_flags=np.zeros((2, 3, 4), np.uint32))


def test_flags_add_up(frame):
    twice = frame.flagged(frame.data > 5, Flag.SATURATED).flagged(frame.data > 7, Flag.JUMP_DET)
    assert twice.flags.dtype == np.uint8
    assert twice.flags.ravel().tolist() == [0] * 6 + [2, 2] + [6] * 4
    assert frame.flags is None


def test_unusable_is_what_must_not_be_used_or_is_no_number(frame):
    data = frame.data.copy()
    data[0, 0] = np.nan
    bad = frame.replace(data=data).flagged(frame.data == 5, Flag.DO_NOT_USE).flagged(frame.data == 6, Flag.SATURATED)
    bad = bad.replace(pixel_flags=np.where(frame.data == 7, np.uint32(1), np.uint32(0)))
    assert np.flatnonzero(bad.unusable()).tolist() == [0, 5, 6, 7]


def test_equal_frames_are_equal_and_hash_alike(frame):
    again = Frame(
        frame.data.copy(), "electron", variances=dict(frame.variances), exposure=Exposure("a", 5.0), cargo="other"
    )
    assert again == frame
    assert hash(again) == hash(frame)
    assert frame != "frame"


@pytest.mark.parametrize(
    "change",
    [
        {"unit": "DN"},
        {"undone": ("gain",)},
        {"exposure": Exposure("b", 5.0)},
        {"shared": {"flat": "1"}},
        {"variances": None},
        {"flags": np.zeros((3, 4), np.uint8)},
        {"pixel_flags": np.zeros((3, 4), np.uint32)},
        {"companions": {"chi2": Frame(np.zeros((3, 4)), "")}},
        {"data": np.zeros((3, 4), np.float32)},
        {"data": np.arange(12.0).reshape(3, 4)},
    ],
)
def test_any_difference_that_matters_changes_the_digest(frame, change):
    assert frame.replace(**change) != frame


def test_a_digest_does_not_depend_on_the_layout_in_memory(frame):
    assert frame.replace(data=np.asfortranarray(frame.data)) == frame


def test_rows_cut_everything_alike(frame):
    whole = frame.flagged(frame.data > 3, Flag.JUMP_DET).replace(
        companions={"chi2": Frame(frame.data * 2, "")}, pixel_flags=np.ones((3, 4), np.uint32)
    )
    part = whole.rows(1, 3)
    for name, array in part.planes().items():
        np.testing.assert_array_equal(array, whole.planes()[name][1:3])
    np.testing.assert_array_equal(part.companions["chi2"].data, frame.data[1:3] * 2)
    assert part.unit == whole.unit


def test_planes_go_out_and_come_back(frame):
    assert frame.with_planes(frame.planes()) == frame
