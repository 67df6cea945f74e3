"""Statistical gates of the likelihood fit, and proof that they reject estimators that are wrong."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

import obverse as ob
from obverse import ReadPattern
from tests.ramps.gates import PATTERNS, judged, perfect, simulate

FLUXES = [0.01, 0.1, 0.3, 1.0, 3.0, 10.0, 30.0, 100.0, 300.0, 1000.0]


@pytest.mark.parametrize("name", PATTERNS)
@pytest.mark.parametrize("rate", [0.1, 10.0, 1000.0])
def test_the_fit_passes_every_gate(name: str, rate: float) -> None:
    assert judged(name, rate, 100_000) == []


@pytest.mark.validate
@pytest.mark.parametrize("name", PATTERNS)
@pytest.mark.parametrize("rate", FLUXES)
def test_the_fit_passes_every_gate_at_full_size(name: str, rate: float) -> None:
    assert judged(name, rate, 1_000_000, loose=1.0) == []


def wrong_tau(pattern: ReadPattern) -> Any:
    """A pattern that takes the mean time for the time that sets the photon variance."""
    made = ReadPattern(pattern.reads, pattern.read_time)
    made.__dict__["tau"] = pattern.tbar
    return made


def scaled_error(factor: float) -> Any:
    def fit(counts: Any, pattern: ReadPattern, noise: float) -> Any:
        good = ob.fit_ramps(counts, pattern, gain=1.0, read_noise=noise, find_jumps=False)
        return replace(good, var_poisson=good.var_poisson * factor**2, var_read=good.var_read * factor**2)

    return fit


def one_pass(counts: Any, pattern: ReadPattern, noise: float) -> Any:
    """Weights from the mean rate alone, the textbook way to a bias at low counts."""
    from tests import naive

    good = ob.fit_ramps(counts, pattern, gain=1.0, read_noise=noise, find_jumps=False)
    photons, reading = naive.read_covariances(pattern.times)
    y, d = np.diff(counts[:, 0].astype(float), axis=0), np.diff(pattern.tbar)
    mean = np.maximum(y.sum(0) / d.sum(), 0)
    x = np.linalg.solve(noise**2 * reading + mean[:, None, None] * photons, np.broadcast_to(d, y.T.shape)[..., None])
    return replace(good, rate=((x[..., 0] * y.T).sum(1) / (x[..., 0] @ d))[None])


def clipped(counts: Any, pattern: ReadPattern, noise: float) -> Any:
    good = ob.fit_ramps(counts, pattern, gain=1.0, read_noise=noise, find_jumps=False)
    return replace(good, rate=np.maximum(good.rate, 0))


MUTANTS: dict[str, tuple[str, float, dict[str, Any]]] = {
    "CDS noise taken for the noise of a read": ("20 single reads", 0.1, {"read_noise": 15.0 * 2**0.5}),
    "read noise 5 % low": ("20 single reads", 0.1, {"read_noise": 15.0 * 0.95}),
    "gain 1 % high": ("20 single reads", 1000.0, {"gain": 1.01}),
    "gain 0.1 % high": ("20 single reads", 1000.0, {"gain": 1.001}),
    "frame time 0.5 % long": (
        "20 single reads",
        1000.0,
        {"pattern": ReadPattern.even(20, frame_time=2.73 * 1.005)},
    ),
    "mean time for tau": ("uneven groups", 1000.0, {"pattern": wrong_tau(PATTERNS["uneven groups"][0])}),
    "dark counted twice": ("20 single reads", 10.0, {"dark_rate": 10.0}),
    "no photon noise": ("20 single reads", 1000.0, {"gain": 1e-4}),
    "errors 2 % large": ("20 single reads", 1000.0, {"fit": scaled_error(1.02)}),
    "one pass": ("uneven groups, low noise", 0.1, {"fit": one_pass}),
    "negative rates clipped": ("20 single reads", 0.1, {"fit": clipped}),
    "wrong sign": (
        "20 single reads",
        10.0,
        {"fit": lambda c, p, s: ob.fit_ramps(-c, p, gain=1.0, read_noise=s)},
    ),
}


@pytest.mark.parametrize("mutant", MUTANTS)
def test_the_gates_reject(mutant: str) -> None:
    name, rate, changes = MUTANTS[mutant]
    assert judged(name, rate, 100_000, **changes) != []


def test_the_gates_reject_a_small_sample() -> None:
    assert judged("20 single reads", 10.0, 200) != []


def test_a_search_does_not_trim_noise() -> None:
    pattern, noise = PATTERNS["20 single reads"]
    counts = simulate(pattern, noise, 3.0, 100_000, seed=9)
    plain, searched = (ob.fit_ramps(counts, pattern, gain=1.0, read_noise=noise, find_jumps=s) for s in (False, True))
    spread = [((fit.rate - 3.0) / fit.error).std() for fit in (plain, searched)]
    assert abs(spread[0] - spread[1]) < 0.005
    assert abs((searched.rate - plain.rate).mean() / plain.error.mean()) < 0.01
    assert (searched.flags & 4 != 0).mean() < 2e-4


@pytest.mark.parametrize(
    ("rate", "size", "share"),
    [(0.1, 5.0, 0.99), (10.0, 6.0, 0.998), (10.0, 8.0, 0.9999), (100.0, 8.0, 0.9995)],
)
def test_jumps_are_found_and_leave_no_bias(rate: float, size: float, share: float) -> None:
    pattern, noise = PATTERNS["20 single reads"]
    counts = simulate(pattern, noise, rate, 50_000, seed=10)
    counts[10:] += size * np.sqrt(2 * noise**2 + rate * 2.73)
    fit = ob.fit_ramps(counts, pattern, gain=1.0, read_noise=noise)
    found = fit.resultant_flags[10] & 4 != 0
    assert found.mean() >= share
    if size == 8.0:
        truth = perfect(counts, pattern, noise, rate)
        assert abs((fit.rate.mean(dtype=float) - rate) / truth.sigma) < 0.015


@pytest.mark.parametrize("rate", [900.0, 3000.0])
def test_saturated_ramps_keep_rate_and_pulls(rate: float) -> None:
    pattern, noise = PATTERNS["20 single reads"]
    counts = simulate(pattern, noise, rate, 50_000, seed=11)
    flags = np.where(np.logical_or.accumulate(counts >= 40_000, axis=0), 2, 0).astype(np.uint8)
    fit = ob.fit_ramps(counts, pattern, gain=1.0, read_noise=noise, flags=flags)
    pull = (fit.rate - rate) / fit.error
    assert abs(fit.rate.mean(dtype=float) / rate - 1) < 2e-4
    assert abs(pull.std() - 1) < 0.015
    assert (fit.flags & 2 != 0).mean() > 0.9


@pytest.mark.parametrize("hit", [False, True])
def test_several_integrations_are_weighted_with_one_rate(hit: bool) -> None:
    pattern, noise, rate = ReadPattern.even(6, frame_time=10.0), 5.0, 1.0
    counts = np.stack([simulate(pattern, noise, rate, 100_000, seed=20 + i) for i in range(4)])
    if hit:
        counts[1, 3:] += 2000.0
    fit = ob.fit_ramps(counts, pattern, gain=1.0, read_noise=noise)
    pull = (fit.rate - rate) / fit.error
    assert abs((fit.rate.mean(dtype=float) - rate) / fit.error.mean()) < 0.015
    assert abs(pull.std() - 1) < 0.015
    assert abs(fit.chi2.mean() / (4 * 5 - 1 - hit) - 1) < 0.03
