"""Histograms of level 1 against the exact probability of every stored code, on both roads in.

The mean of cumulative Poisson reads has a law on a grid, found by carrying charge and sum from read to read; Gaussian
noise, rounding and clipping follow. Nothing is approximated, so that a chi-square of all codes is the gate.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import pytest
from scipy import stats

from obverse import Exposure, ReadPattern
from obverse.chain import Run
from obverse.effects.adc import Adc
from obverse.effects.read_noise import ReadNoise
from obverse.effects.reset_noise import ResetNoise
from obverse.effects.saturation import Saturation
from obverse.seeds import Stream
from tests import naive
from tests.laws.gates import rejects
from tests.level1.gates import check_cells
from tests.level1.simple import bare, electrons, level1, told

PATTERN = ReadPattern([[1], [2, 3], [5, 6, 7]], 3.0)  # with a gap
PARTS = [np.array(group) / PATTERN.times[-1][-1] for group in PATTERN.times]
LEVELS = [0.0, 0.5, 3.0, 50.0]
SHAPE = (256, 256)

QUIET = told(bare("read_noise", "reset_noise", bias=20.0, shape=SHAPE), read_noise={"sigma": 0.3},
             reset_noise={"sigma": 0.2})  # fmt: skip
ROMAN = told(bare("read_noise", "reset_noise", gain=2.0, bias=5000.0, shape=SHAPE), read_noise={"sigma": 10.0},
             reset_noise={"sigma": 8.0})  # fmt: skip
FLOORED = told(ROMAN, bias={"level": 0.0})
WELLS = told(bare("saturation", "read_noise", "reset_noise", bias=20.0, shape=SHAPE), saturation={"full_well": 40.0},
             read_noise={"sigma": 0.3}, reset_noise={"sigma": 0.2})  # fmt: skip
DETECTORS = {"quiet": QUIET, "roman": ROMAN, "floored": FLOORED}


def simulated(road: str, detector: Any, mean: float, pattern: ReadPattern = PATTERN, seed: int = 7) -> Any:
    """Stored codes, where `mean` electrons are expected until the last read."""
    if road == "expose":
        rate = mean / pattern.times[-1][-1]
        return detector.expose(rate, Exposure("a", pattern=pattern), seed=seed).data[0]
    return level1(electrons(mean, SHAPE, seed), pattern, detector, seed=seed).astype(int)


def noise(detector: Any, reads: int) -> float:
    """Gaussian noise of a mean of reads [electron]."""
    return float(np.hypot(detector.effect("reset_noise").sigma, detector.effect("read_noise").sigma / np.sqrt(reads)))


@cache
def signal(mean: float, parts: tuple[float, ...], full: int | None = None) -> Any:
    """Values that the mean of reads may have [electron], and their probabilities."""
    law = naive.sum_of_reads(mean, parts, full)
    return np.arange(len(law)) / len(parts), law


def check_codes(what: str, codes: Any, law: Any) -> None:
    check_cells(what, np.bincount(codes.ravel(), minlength=len(law)).astype(float), codes.size * law)


def check_detector(detector: Any, mean: float, road: str, full: int | None = None) -> None:
    """All resultants of a detector with a gain, a bias and two noises."""
    gain, bias = float(detector.effect("gain").gain), float(detector.effect("bias").level)
    for codes, parts in zip(simulated(road, detector, mean), PARTS, strict=True):
        law = naive.code_law(*signal(mean, tuple(parts), full), noise(detector, len(parts)), gain, bias)
        check_codes(f"{mean} electrons, {len(parts)} reads", codes, law)


@pytest.mark.parametrize("road", ["expose", "simulate_l1"])
@pytest.mark.parametrize("mean", LEVELS)
@pytest.mark.parametrize("detector", DETECTORS.values(), ids=DETECTORS)
def test_codes_have_the_probabilities_of_theory(detector, mean, road):
    check_detector(detector, mean, road)


@pytest.mark.parametrize("road", ["expose", "simulate_l1"])
def test_codes_near_a_low_full_well(road):
    """The charge is clipped in each read, before the noise; the mean of clipped reads is not a clipped mean."""
    check_detector(WELLS, 50.0, road, full=40)


@pytest.mark.parametrize("road", ["expose", "simulate_l1"])
@pytest.mark.parametrize("bias", [5000.0, 12200.0])
def test_codes_near_saturation(road, bias):
    """Full well of Roman and where the converter ends: half of the pixels are full, or at its top."""
    full = 106850.2
    detector = told(bare("saturation", "read_noise", "reset_noise", gain=2.0, bias=bias, shape=SHAPE),
                    saturation={"full_well": full}, read_noise={"sigma": 10.0}, reset_noise={"sigma": 8.0})  # fmt: skip
    mean = 106700.0
    values = np.arange(mean - 4000, mean + 4000)
    weights = stats.poisson.pmf(values, mean)
    law = naive.code_law(np.minimum(values, np.float32(full)), weights, np.hypot(10.0, 8.0), 2.0, bias)
    codes = simulated(road, detector, mean, ReadPattern([[1], [2]], 3.0))[-1]
    check_codes("near saturation", codes, law)


@pytest.mark.parametrize("road", ["expose", "simulate_l1"])
def test_codes_of_a_bent_response(road):
    bent = told(bare("nonlinearity", "read_noise", bias=20.0, shape=SHAPE), read_noise={"sigma": 0.3},
                nonlinearity={"coefficients": [-0.003], "maximum": 82.0})  # fmt: skip
    codes = simulated(road, bent, 50.0)
    grid, law = signal(50.0, (1 / 7,))
    check_codes("first read", codes[0],
                naive.code_law(*signal_of_one(50.0 / 7, lambda q: q - 0.003 * q**2), 0.3, 1.0, 20.0))  # fmt: skip
    straight = naive.code_law(grid, law, 0.3, 1.0, 20.0)
    assert rejects(lambda: check_codes("straight", codes[0], straight))


def signal_of_one(mean: float, response: Any) -> Any:
    """Values of a single read behind a response."""
    values = np.arange(200.0)
    return response(values), stats.poisson.pmf(values, mean)


@pytest.mark.validate
@pytest.mark.parametrize("road", ["expose", "simulate_l1"])
@pytest.mark.parametrize("mean", LEVELS)
def test_codes_of_two_million_pixels_have_the_probabilities_of_theory(mean, road):
    for detector in DETECTORS.values():
        many = np.concatenate([simulated(road, detector, mean, seed=seed) for seed in range(32)], axis=1)
        gain, bias = float(detector.effect("gain").gain), float(detector.effect("bias").level)
        for codes, parts in zip(many, PARTS, strict=True):
            law = naive.code_law(*signal(mean, tuple(parts)), noise(detector, len(parts)), gain, bias)
            check_codes(f"{mean} electrons, {len(parts)} reads", codes, law)


@pytest.mark.parametrize("mean", LEVELS[1:])
def test_the_oracle_of_sums_agrees_with_drawn_reads(mean):
    random = np.random.default_rng(2)
    parts = tuple(PARTS[2])
    steps = random.poisson(mean * np.diff([0.0, *parts])[:, None], (3, 200_000))
    for full in (None, 40):
        reads = np.minimum(np.cumsum(steps, axis=0), np.inf if full is None else full)
        law = signal(mean, parts, full)[1]
        assert law.sum() == pytest.approx(1.0, abs=1e-9)
        check_cells("sums", np.bincount(reads.sum(axis=0).astype(int), minlength=len(law)).astype(float), 200_000 * law)


# -- mistakes ------------------------------------------------------------------------------------------------------


def floored(self, charge, at):
    return np.clip(np.floor(charge), 0, 65535).astype(np.uint16)


def noise_of_one_read(self, charge, at):
    return charge + at.plane(self.sigma) * at.rng.normal(charge.shape)


def a_new_reset(self, charge, at):
    return charge + at.plane(self.sigma) / np.float32(np.sqrt(2)) * at.rng.normal(charge.shape)


def electrons_at_even_times(self, counts, shares):
    edges = np.rint(np.multiply.outer(np.cumsum(shares.parts), counts))
    return np.diff(edges, axis=0, prepend=0)


def not_counted(self, rate, seconds, *, integration=0):
    return np.rint(rate * np.float32(seconds))


def counted_twice(self, rate, seconds, *, integration=0):
    stream = self.stream("photons", "integration", integration)
    return stream.poisson(self.stream("more photons", "integration", integration).poisson(rate * seconds))


def nearly_normal(self, mean):
    lam = np.asarray(mean)
    return np.maximum(np.rint(lam + np.sqrt(lam) * self.normal(lam.shape)), 0).astype(np.float32)


MISTAKES = [
    (Adc, "imprint", floored), (ReadNoise, "imprint", noise_of_one_read), (ResetNoise, "imprint", a_new_reset),
    (Stream, "apportion", electrons_at_even_times), (Run, "counted", not_counted), (Run, "counted", counted_twice),
    (Stream, "poisson", nearly_normal),
]  # fmt: skip


@pytest.mark.parametrize(("where", "name", "mistake"), MISTAKES, ids=[m[2].__name__ for m in MISTAKES])
def test_a_mistake_fails_the_histogram(monkeypatch, where, name, mistake):
    check_detector(QUIET, 3.0, "expose")
    monkeypatch.setattr(where, name, mistake)
    assert rejects(lambda: check_detector(QUIET, 3.0, "expose"))


def test_a_mean_that_is_clipped_instead_of_its_reads_is_found_out(monkeypatch):
    monkeypatch.setattr(Saturation, "affine", True)
    monkeypatch.setattr(Saturation, "site", "node")
    late = told(WELLS, saturation={"site": "node"})
    assert rejects(lambda: check_detector(late, 50.0, "expose", full=40))
