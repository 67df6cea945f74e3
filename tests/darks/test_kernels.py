"""The kernels of the darks against slow, obvious twins."""

from __future__ import annotations

import numpy as np
import pytest

from obverse.darks.stack import Stack
from obverse.kernels.noise_maps import FIELDS, fit_rows
from tests import naive


@pytest.fixture
def frames():
    rng = np.random.default_rng(5)
    data = rng.normal(100.0, 10.0, (7, 20, 9))
    masks = np.where(rng.random(data.shape) < 0.3, rng.integers(1, 9, data.shape), 0).astype(np.uint32)
    data[2, 3, 4] = np.nan
    masks[:, 0, 0] = 4
    return data, masks


@pytest.mark.parametrize("dtype", ["f4", "f8"])
@pytest.mark.parametrize("threads", [1, 3])
def test_a_stack_is_that_of_the_oracle(frames, dtype, threads):
    data, masks = frames[0].astype(dtype), frames[1]
    stack = Stack(data.shape[1:], threads)
    for image, mask in zip(data, masks, strict=True):
        stack.add(image, mask)
    number, mean, squares, seen = naive.stack_of(data, masks)
    np.testing.assert_array_equal(stack.n, number)
    np.testing.assert_allclose(stack.mean, mean, rtol=1e-13)
    np.testing.assert_allclose(stack.squares, squares, rtol=1e-11, atol=1e-9)
    np.testing.assert_array_equal(stack.lost(), np.where(number == 0, seen, 0))


def test_frames_without_scatter_have_none():
    stack = Stack((1, 1))
    for _ in range(1000):
        stack.add(np.full((1, 1), 0.1 + 1e9), np.zeros((1, 1), np.uint32))
    assert stack.mean[0, 0] == 0.1 + 1e9
    assert stack.squares[0, 0] == 0.0


@pytest.mark.parametrize("power", [0, 1, 2])
def test_the_fit_is_that_of_the_oracle(power):
    rng = np.random.default_rng(8)
    design = np.array([(1.0, g, g * t) for g in (2.0, 300.0, 5000.0) for t in (2.0, 40.0, 100.0)])
    means = 20 + rng.normal(0.02, 0.005, (3, 5)) * design[:, 1, None, None] + rng.normal(0, 9, (9, 3, 5))
    frames = rng.integers(0, 30, means.shape).astype(np.uint16)
    labels = rng.integers(1, 3, (3, 5)).astype(np.uint8)
    table = rng.uniform(1e-6, 1e-4, (9, 4))
    maps, inverses = np.empty((3, 3, 5)), np.empty((6, 3, 5), "f4")
    quality, statistics = np.empty((3, 3, 5), "f4"), np.zeros((3, 9, 3, FIELDS))
    fit_rows(means, frames, labels, table, power, design, maps, inverses, quality, statistics, 0)
    for r, c in np.ndindex(3, 5):
        n = frames[:, r, c].astype(float)
        weights = table[:, labels[r, c]] * (np.minimum(n, 1), n, n**2)[power]
        one = naive.noise_map(means[:, r, c], weights, design)
        np.testing.assert_allclose(maps[:, r, c], one["maps"], rtol=1e-8)
        np.testing.assert_allclose(
            inverses[:, r, c], one["covariance"][[0, 1, 2, 0, 0, 1], [0, 1, 2, 1, 2, 2]], rtol=1e-5
        )
        found = [one["chi_square"], one["residual"], one["r_squared"]]
        np.testing.assert_allclose(quality[:, r, c], found, rtol=1e-5, atol=1e-6)


def test_three_stacks_tell_nothing():
    design = np.array([(1.0, 2.0, 4.0), (1.0, 9.0, 18.0), (1.0, 2.0, 40.0)])
    maps, inverses, quality = np.empty((3, 1, 1)), np.empty((6, 1, 1), "f4"), np.empty((3, 1, 1), "f4")
    given = np.ones((3, 1, 1)), np.ones((3, 1, 1), "u2"), np.ones((1, 1), "u1"), np.ones((3, 2))
    fit_rows(*given, 1, design, maps, inverses, quality, np.zeros((1, 3, 2, FIELDS)), 0)
    assert np.isnan(maps).all()
    assert np.isnan(inverses).all()
    assert np.isnan(quality).all()
