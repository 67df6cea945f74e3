"""Linear estimators made wrong on purpose: each must fail a gate or the dense oracle, and the right ones pass both."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_allclose

import obverse as ob
from obverse import ReadPattern
from obverse.ramps import estimators, linear, weights
from obverse.ramps.casertano import casertano
from obverse.ramps.covariance import covariance
from obverse.ramps.inputs import Cube
from obverse.ramps.ordinary import FIXSEN, line_weights, ordinary
from obverse.ramps.weights import Weighting
from tests import naive
from tests.ramps.gates import PATTERNS, Array, judged, simulate, verdict

Make = Callable[[Weighting, ReadPattern], Weighting]

RIGHT = {"ols": ordinary, "casertano": casertano, "covariance": covariance}
N = 100_000


def install(patch: pytest.MonkeyPatch, estimator: str, change: Make) -> None:
    """Have `fit_ramps` take a changed weighting."""
    right = RIGHT[estimator]

    def wrong(pattern: ReadPattern, *more: Any) -> Weighting:
        return change(right(pattern, *more), pattern)

    patch.setattr(estimators, "ordinary" if estimator == "ols" else estimator, wrong)


def row(weighting: Weighting, index: int, values: Any) -> Weighting:
    times = weighting.times.copy()
    times[index] = values
    return replace(weighting, times=times)


def without_reads(w: Weighting, pattern: ReadPattern) -> Weighting:
    made = row(w, 3, 1.0)
    return replace(made, nodes=line_weights(made.times, FIXSEN[1]))


def earliest(w: Weighting, pattern: ReadPattern) -> Weighting:
    """Weights of the times of the first reads, not of the mean times."""
    wrong = w.times.copy()
    wrong[0] = [group[0] for group in pattern.times]
    return replace(w, nodes=line_weights(wrong, FIXSEN[1]))


WEIGHTINGS: dict[str, tuple[str, str, float, Make]] = {
    "mean time for tau": ("ols", "5 groups of 8", 30.0, lambda w, p: row(w, 1, w.times[0])),
    "reads not counted in the weights": ("casertano", "uneven groups", 0.1, without_reads),
    "every resultant a single read": ("covariance", "uneven groups", 0.1, lambda w, p: row(w, 2, 1.0)),
    "classes one too high": (
        "ols",
        "20 single reads",
        0.1,
        lambda w, p: replace(w, nodes=np.roll(w.nodes, -1, axis=0), signal=w.signal),
    ),
    "always the weights of faint ramps": (
        "ols",
        "20 single reads",
        1000.0,
        lambda w, p: replace(w, nodes=np.tile(w.nodes[:1], (len(w.nodes), 1))),
    ),
    "first reads for mean times": ("casertano", "uneven groups", 10.0, earliest),
    "weights and variances at the wrong node": (
        "covariance",
        "20 single reads",
        1.0,
        lambda w, p: replace(w, nodes=np.roll(w.nodes, -24, axis=0)),
    ),
    "weights that do not add up to zero": (
        "covariance",
        "20 single reads",
        100.0,
        lambda w, p: replace(w, nodes=w.nodes * 1.001),
    ),
}


@pytest.mark.parametrize("mutant", WEIGHTINGS)
def test_the_gates_reject_wrong_weights(mutant: str, monkeypatch: pytest.MonkeyPatch) -> None:
    estimator, name, rate, change = WEIGHTINGS[mutant]
    assert judged(name, rate, N, estimator=estimator) == []
    install(monkeypatch, estimator, change)
    assert judged(name, rate, N, estimator=estimator) != []


@pytest.mark.parametrize("estimator", RIGHT)
def test_the_gates_reject_variances_without_the_cross_term(estimator: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(weights, "photon_form", lambda times: np.diag(times[1]))
    install(monkeypatch, estimator, lambda w, p: replace(w))  # a new one, of which no tables are kept
    assert judged("20 single reads", 1000.0, N, estimator=estimator) != []


@pytest.mark.parametrize("estimator", RIGHT)
@pytest.mark.parametrize(
    ("rate", "wrong"),
    [(0.1, {"read_noise": 15.0 * 2**0.5}), (0.1, {"read_noise": 15.0 * 0.95}), (1000.0, {"gain": 1.001})],
)
def test_the_gates_reject_wrong_numbers_of_the_detector(estimator: str, rate: float, wrong: dict[str, float]) -> None:
    assert judged("20 single reads", rate, N, estimator=estimator, **wrong) != []


def first_pass_only(counts: Array, pattern: ReadPattern, noise: float) -> Any:
    """The optimal weights at the mean rate of the ramp, which is not the best that is known of it."""
    cube = Cube.of(counts, pattern, 1.0, noise)
    mean = np.maximum((counts[-1] - counts[0]) / (pattern.tbar[-1] - pattern.tbar[0]), 0)
    return linear.fit(cube, covariance(pattern), given=mean).fit


def test_the_gates_reject_a_single_pass() -> None:
    name, rate = "uneven groups, low noise", 0.1
    counts = simulate(*PATTERNS[name], rate, N, 7)
    assert verdict(first_pass_only(counts, *PATTERNS[name]), counts, name, rate, "covariance") != []


# -- with a hit -----------------------------------------------------------------------------------------------------


def hit_ramps(name: str, rate: float, at: int) -> tuple[Array, Array, tuple[int, ...]]:
    counts = simulate(*PATTERNS[name], rate, N, 8)
    counts[at:] += 500.0
    flags = np.zeros(counts.shape, np.uint8)
    flags[at] = ob.Flag.JUMP_DET
    return counts, flags, tuple(int(k == at) for k in range(len(counts)))


def own_light(fit: Any) -> Any:
    """Average segments by 1 / (read variance + photon variance at the segment's own rate)."""
    seg = fit.segments
    own = np.maximum(seg.rate, 0) / np.maximum(fit.rate, 1e-3)
    with np.errstate(divide="ignore", invalid="ignore"):
        weight = np.where(seg.var_read > 0, 1 / (seg.var_read + seg.var_poisson * own), 0)
    return replace(fit, rate=(weight * seg.rate).sum(axis=(0, 1)) / weight.sum(axis=(0, 1)))


@pytest.mark.parametrize("estimator", RIGHT)
def test_the_gates_reject_segments_joined_across_a_jump(estimator: str) -> None:
    counts, flags, states = hit_ramps("20 single reads", 10.0, 7)
    options = {"gain": 1.0, "read_noise": 15.0, "find_jumps": False, "estimator": estimator}
    for marks, passed in ((flags, True), (np.zeros_like(flags), False)):
        fit = ob.fit_ramps(counts, PATTERNS["20 single reads"][0], flags=marks, **options)
        assert (verdict(fit, counts, "20 single reads", 10.0, estimator, states=states) == []) == passed


@pytest.mark.parametrize("estimator", RIGHT)
def test_the_gates_reject_segments_weighted_by_their_own_light(estimator: str) -> None:
    """Segments that are low by chance get more weight: jwst #1687, #7911."""
    name, rate = "20 single reads", 3.0
    counts, flags, states = hit_ramps(name, rate, 7)
    options = {"gain": 1.0, "read_noise": 15.0, "find_jumps": False, "estimator": estimator}
    fit = ob.fit_ramps(counts, PATTERNS[name][0], flags=flags, save_segments=True, **options)
    assert verdict(fit, counts, name, rate, estimator, states=states) == []
    failed = verdict(own_light(fit), counts, name, rate, estimator, states=states)
    assert any(gate.startswith("bias") for gate in failed)


def joining(w: Weighting, pattern: ReadPattern) -> Weighting:
    kind, _, combine = w.rule
    return replace(w, rule=(kind, 1, combine))


def test_the_gates_reject_a_resultant_kept_that_a_hit_has_spoiled(monkeypatch: pytest.MonkeyPatch) -> None:
    """A hit between the reads of a resultant spoils its mean: Casertano's fit leaves it out, a mutant does not."""
    name, rate, at = "uneven groups", 10.0, 4
    pattern, noise = PATTERNS[name]
    counts, flags, states = hit_ramps(name, rate, at)
    counts[at] -= 250.0  # half of its reads came before

    def failed() -> list[str]:
        options = {"gain": 1.0, "read_noise": noise, "find_jumps": False, "estimator": "casertano"}
        fit = ob.fit_ramps(counts, pattern, flags=flags, **options)
        return verdict(fit, counts, name, rate, "casertano", states=states)

    assert failed() == []
    install(monkeypatch, "casertano", joining)
    assert failed() != []


# -- what is second order in every statistic, the oracle sees -------------------------------------------------------


def off_by_one_node(w: Weighting, pattern: ReadPattern) -> Weighting:
    return replace(w, nodes=np.roll(w.nodes, -1, axis=0))


def noise_of_a_read(w: Weighting, pattern: ReadPattern) -> Weighting:
    return row(w, 4, 1.0)


@pytest.mark.parametrize(("estimator", "change"), [("covariance", off_by_one_node), ("ols", noise_of_a_read)])
def test_the_oracle_rejects_what_costs_no_efficiency(
    estimator: str, change: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    pattern, noise = ReadPattern.even(8, frames=4, frame_time=3.0), 9.0
    rng = np.random.default_rng(1)
    counts = pattern.tbar[:, None] * 10 ** rng.uniform(-1, 3, 200) + rng.normal(0, noise / 2, (8, 200))
    wanted = [naive.linear_rate(ramp, [0] * 8, pattern.times, noise, estimator) for ramp in counts.T]
    rate, read, light = np.array(wanted).T
    sigma = np.sqrt(read + light)

    def largest() -> float:
        fit = ob.fit_ramps(counts, pattern, gain=1.0, read_noise=noise, estimator=estimator, find_jumps=False)
        return float((abs(fit.rate - rate) / sigma).max())

    assert largest() < 2e-3
    install(monkeypatch, estimator, change)
    assert largest() > 5e-3


def test_the_right_weightings_are_installed_by_the_same_door(monkeypatch: pytest.MonkeyPatch) -> None:
    """An unchanged one gives the same numbers, so that what the gates reject is the change."""
    counts = simulate(*PATTERNS["uneven groups"], 10.0, 500, 3)
    options = {"gain": 1.0, "read_noise": 15.0, "find_jumps": False}
    for estimator in RIGHT:
        before = ob.fit_ramps(counts, PATTERNS["uneven groups"][0], estimator=estimator, **options)
        install(monkeypatch, estimator, lambda w, p: w)
        after = ob.fit_ramps(counts, PATTERNS["uneven groups"][0], estimator=estimator, **options)
        assert_allclose(after.rate, before.rate, rtol=0)
