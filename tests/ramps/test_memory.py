"""What a ramp fit takes beside its arguments and its results: little, whatever was asked for."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable, Iterator
from dataclasses import fields
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import obverse as ob
from obverse.ramps import RampFit, strips

Array = NDArray[Any]

N, ROWS, COLUMNS = 10, 1024, 256
PIXELS = ROWS * COLUMNS
PATTERN = ob.ReadPattern.even(N, frame_time=10.0)

MARGIN = 25  # bytes a pixel: 105 MB for 2048 x 2048
ANY = {"gain": 1.5, "read_noise": 12.0, "threads": 1}
ASKED: dict[str, dict[str, Any]] = {
    "likelihood": {},
    "likelihood, segments": {"save_segments": True},
    "likelihood, prior": {"pedestal_prior": (0.0, 10.0)},
    "ols": {"estimator": "ols"},
    "ols, segments": {"estimator": "ols", "save_segments": True},
    "ols, total variance": {"estimator": "ols", "combination": "total_variance"},
    "ols, jwst": {"estimator": "ols", "variance": "jwst"},
    "ols, jwst, segments": {"estimator": "ols", "variance": "jwst", "save_segments": True},
    "casertano, segments": {"estimator": "casertano", "save_segments": True},
    "covariance, segments": {"estimator": "covariance", "save_segments": True},
}


def ramps(integrations: int = 1, shape: tuple[int, int] = (ROWS, COLUMNS)) -> Array:
    """Ramps of 20 electrons a read, every hundredth resultant hit by a cosmic ray."""
    random = np.random.default_rng(6)
    whole = (integrations, N, *shape)
    steps = random.poisson(20, whole) + 500 * (random.random(whole) < 0.01)
    return np.cumsum(steps, axis=1).astype(np.uint16)


def arrays_of(fit: Any) -> Iterator[Array]:
    for field in fields(fit):
        value = getattr(fit, field.name)
        if isinstance(value, np.ndarray):
            yield value
        elif value is not None:
            yield from arrays_of(value)


def size_of(fit: RampFit) -> int:
    """Bytes of the results; an array that two names stand for counts once."""
    return sum({a.__array_interface__["data"][0]: a.nbytes for a in arrays_of(fit)}.values())


def excess(work: Callable[[], RampFit]) -> float:
    """Bytes a pixel by which the highest point of `work` stands above its results."""
    tracemalloc.start()
    try:
        fit = work()
        return float(tracemalloc.get_traced_memory()[1] - size_of(fit)) / PIXELS
    finally:
        tracemalloc.stop()


def excess_of(counts: Array, **asked: Any) -> float:
    ob.fit_ramps(np.ascontiguousarray(counts[..., :16, :]), PATTERN, **ANY, **asked)  # compiles, and makes its tables
    return excess(lambda: ob.fit_ramps(counts, PATTERN, **ANY, **asked))


@pytest.fixture(scope="module")
def counts() -> Array:
    return ramps()


@pytest.mark.parametrize("name", ASKED)
def test_a_fit_takes_little_beside_its_results(name: str, counts: Array) -> None:
    assert excess_of(counts, **ASKED[name]) < MARGIN


@pytest.mark.parametrize("name", ["likelihood", "likelihood, prior", "ols"])
def test_numbers_that_are_none_cost_little(name: str, counts: Array) -> None:
    spoiled = counts.astype(np.float32)
    spoiled[0, 3, :: ROWS // 4, 7] = np.nan
    assert excess_of(spoiled, **ASKED[name]) < MARGIN


@pytest.mark.parametrize("name", ["likelihood, segments", "ols, segments", "ols, jwst", "ols, jwst, segments"])
def test_what_is_kept_of_several_integrations_costs_little_more_than_their_fit(name: str) -> None:
    """The fits of integrations live beside the arrays in which they end; that is so without segments too."""
    integrations = 3
    counts = ramps(integrations, (ROWS // 2, COLUMNS))  # `excess` divides by twice these pixels
    asked = ASKED[name]
    plain = excess_of(counts, estimator=asked.get("estimator", "likelihood"))
    assert excess_of(counts, **asked) - plain < MARGIN / 2 * integrations


def test_a_copy_of_the_cube_in_float64_would_fail(counts: Array) -> None:
    def wasteful() -> RampFit:
        copy = counts.astype(np.float64)
        fit = ob.fit_ramps(counts, PATTERN, **ANY)
        assert copy.nbytes == 8 * N * PIXELS
        return fit

    assert excess(wasteful) > 2 * MARGIN


@pytest.mark.parametrize("name", ["likelihood, prior", "ols, total variance", "ols, jwst", "ols, jwst, segments"])
def test_one_strip_for_all_rows_would_fail(name: str, counts: Array, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(strips, "QUANTUM", ROWS)
    assert excess_of(counts, **ASKED[name]) > 2 * MARGIN


@pytest.mark.parametrize("name", ASKED)
def test_strips_and_threads_change_nothing(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of pixels with jumps, saturation, charge migration and lone resultants, in integrations of unequal length."""
    counts, random = ramps(2, (40, 33)), np.random.default_rng(7)
    flags = np.zeros(counts.shape, np.uint8)
    last = random.integers(0, 3 * N, (2, 1, 40, 33))
    flags[np.arange(N)[:, None, None] > last] = 2
    flags[random.random(counts.shape) < 0.03] |= 4
    flags[:, N // 2 :, :20][random.random((2, N - N // 2, 20, 33)) < 0.05] |= 128 | 1  # in the first two strips alone
    asked = {**ASKED[name], "flags": flags, "gain": 1.5, "read_noise": 12.0, "suppress_one_group": False}
    once = ob.fit_ramps(counts, PATTERN, threads=2, **asked)
    monkeypatch.setattr(strips, "QUANTUM", 48)
    whole = ob.fit_ramps(counts, PATTERN, threads=1, **asked)
    for ours, theirs in zip(arrays_of(once), arrays_of(whole), strict=True):
        np.testing.assert_array_equal(ours, theirs)
