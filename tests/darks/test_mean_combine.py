"""Cases A: the masked mean."""

from __future__ import annotations

import numpy as np
import pytest

import obverse as ob
from obverse.darks import mean_combine


@pytest.fixture
def three():
    images = [np.full((10, 10), value) for value in (1.0, 0.0, 4.0)]
    masks = [np.zeros((10, 10), int) for _ in range(3)]
    for mask in masks:
        mask[0, 0] = 1
    masks[0][0, 1] = 1
    return images, masks


def test_mean_without_masked_pixels(three):
    mean, mask, number, enough = mean_combine(*three)
    expected = np.full((10, 10), 5 / 3)
    expected[0, 0], expected[0, 1] = 0.0, 2.0
    np.testing.assert_allclose(mean, expected, rtol=0, atol=1e-13)
    assert mask[0, 0] == 1
    assert mask.sum() == 1
    assert number[0, 1] == 2
    assert not enough


def test_root_mean_square_of_errors(three):
    error, *_ = mean_combine(*three, err=True)
    expected = np.full((10, 10), np.sqrt(17 / 3))
    expected[0, 0], expected[0, 1] = 0.0, np.sqrt(8)
    np.testing.assert_allclose(error, expected, rtol=0, atol=1e-13)


def test_one_masked_pixel_leaves_enough(three):
    images, masks = three
    for mask in masks:
        mask[0, 0] = 0
    _, mask, number, enough = mean_combine(images, masks)
    assert mask.sum() == 0
    assert number.mean() == 2.99
    assert enough


@pytest.mark.parametrize(("masked", "enough"), [(2, True), (3, False)])
def test_half_is_enough(masked, enough):
    masks = [np.full((1, 1), int(k < masked)) for k in range(4)]
    assert mean_combine([np.ones((1, 1))] * 4, masks)[3] is enough


def test_single_images_and_stacks(three):
    assert (mean_combine(three[0][2], three[1][1])[0][1:] == 4).all()
    for mine, theirs in zip(mean_combine(np.stack(three[0]), np.stack(three[1])), mean_combine(*three), strict=True):
        np.testing.assert_array_equal(mine, theirs)


FOUR, THREE = np.ones((4, 4)), np.ones((3, 3))
NONE = np.zeros((4, 4), int)


@pytest.mark.parametrize(
    "bad", ["txt", None, 1j, 0, (5,), (FOUR, FOUR), [FOUR] * 3, [FOUR], [FOUR, THREE], [np.ones((2, 4, 4))] * 2, []]
)
def test_images_that_are_none(bad):
    with pytest.raises(TypeError):
        mean_combine(bad, [NONE, NONE])


@pytest.mark.parametrize(
    "bad",
    [
        *("txt", None, 1j, 0, (5,), (NONE, NONE), [NONE] * 3, [NONE], [NONE, THREE.astype(int)]),
        *([np.zeros((2, 4, 4), int)] * 2, [], [NONE.astype(float)] * 2, [NONE - 1] * 2, [NONE + 2] * 2),
    ],
)
def test_masks_that_are_none(bad):
    with pytest.raises(TypeError):
        mean_combine([FOUR, FOUR], bad)


def test_nothing_is_no_mean():
    with pytest.raises(ob.UsageError):
        mean_combine([], [])


def test_frames_bring_their_masks_and_errors(three):
    images, masks = three
    frames = [
        ob.Frame(image, "electron", flags=mask.astype(np.uint8) * 4, variances={"read": image**2})
        for image, mask in zip(images, masks, strict=True)
    ]
    for err in (False, True):
        for mine, theirs in zip(mean_combine(frames, err=err), mean_combine(images, masks, err), strict=True):
            np.testing.assert_allclose(mine, theirs, rtol=1e-6)


def test_inputs_stay_as_they_were(three):
    before = [image.copy() for image in (*three[0], *three[1])]
    mean_combine(*three)
    for old, new in zip(before, (*three[0], *three[1]), strict=True):
        np.testing.assert_array_equal(old, new)
