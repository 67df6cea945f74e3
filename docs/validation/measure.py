"""What the validation page shows: simulated ramps, fitted by every estimator, and their statistics."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

import obverse as ob
from tests.ramps.gates import ESTIMATORS, PATTERNS, outcomes, perfect, perfect_error, shifts, simulate

Array = NDArray[Any]

RAMPS = 400_000
RATES = tuple(float(f"{rate:.4g}") for rate in np.geomspace(0.01, 1000, 21))
DECADES = (0.01, 0.1, 1.0, 10.0, 100.0, 1000.0)
SHOWN = ("20 single reads", "5 groups of 8", "uneven groups", "uneven groups, low noise")

HIT_RAMPS = 100_000
CLEAN_RAMPS = 1_000_000
HIT_RATES = (0.1, 10.0, 100.0)
SIZES = (2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 10.0)
AT = 10
SEARCHES: dict[str, dict[str, Any]] = {
    "likelihood": {"estimator": "likelihood"},
    "two-point, 4 sigma": {"estimator": "ols"},
    "two-point, 4.5 sigma": {"estimator": "ols", "jump_sigma": 4.5},
    "casertano": {"estimator": "casertano"},
}


@dataclass(frozen=True)
class Point:
    """Statistics of one estimator at one rate, and what they are expected to be beyond those of perfect weights."""

    pattern: str
    rate: float
    estimator: str
    got: dict[str, float]
    shift: dict[str, float]


@dataclass(frozen=True)
class Found:
    """One search at one rate: hits taken out and bias left by size, and false alarms by clean ramp."""

    search: str
    rate: float
    share: tuple[float, ...]
    left: tuple[float, ...]
    alarms: float


def fitted(counts: Array, name: str, **options: Any) -> Any:
    pattern, noise = PATTERNS[name]
    return ob.fit_ramps(counts, pattern, gain=1.0, read_noise=noise, **options)


def points(name: str, rates: tuple[float, ...] = RATES) -> list[Point]:
    """All estimators at some rates, and ``variance="jwst"`` where the pattern is even; the same ramps for all."""
    pattern, noise = PATTERNS[name]
    made = []
    for seed, rate in enumerate(rates):
        counts = simulate(pattern, noise, rate, RAMPS, 100 + seed)
        truth = perfect(counts, pattern, noise, rate)
        fits = {e: fitted(counts, name, estimator=e, find_jumps=False) for e in ESTIMATORS}
        if "uneven" not in name:
            fits["mission"] = fitted(counts, name, estimator="ols", find_jumps=False, variance="jwst")
        for estimator, fit in fits.items():
            got = outcomes(fit, truth, rate, len(pattern) - 1)
            made.append(Point(name, rate, estimator, got, shifts(pattern, noise, rate, estimator)))
    return made


def searched(rate: float) -> list[Found]:
    """All searches at one rate, with hits in the middle of 20 reads."""
    name = "20 single reads"
    pattern, noise = PATTERNS[name]
    clean = simulate(pattern, noise, rate, CLEAN_RAMPS, 200)
    alarms = {s: fitted(clean, name, **options).flags & ob.Flag.JUMP_DET != 0 for s, options in SEARCHES.items()}
    clean = clean[..., :HIT_RAMPS]
    sigma, step = perfect_error(pattern, noise, rate), np.sqrt(2 * noise**2 + rate * pattern.read_time)
    made = []
    for search, options in SEARCHES.items():
        base = fitted(clean, name, **{**options, "find_jumps": False}).rate.mean(dtype=float)
        share, left = [], []
        for size in SIZES:
            counts = clean.copy()
            counts[AT:] += size * step
            fit = fitted(counts, name, **options)
            marks = fit.resultant_flags & ob.Flag.JUMP_DET != 0
            out = marks[AT] | marks[AT - 1] if search == "casertano" else marks[AT]
            share.append(float(out.mean()))
            left.append(float((fit.rate.mean(dtype=float) - base) / sigma))
        made.append(Found(search, rate, tuple(share), tuple(left), float(alarms[search].mean())))
    return made


def combined() -> dict[tuple[str, float], tuple[float, float]]:
    """Bias in sigma and its error of means of two segments, 6 reads hit before the third, by rule and rate."""
    pattern, noise = ob.ReadPattern.even(6, frame_time=10.0), 5.0
    used = np.arange(5) != 1
    flags = np.zeros((6, 1, RAMPS), np.uint8)
    flags[2] = ob.Flag.JUMP_DET
    made = {}
    for rate in (0.1, 0.3, 1.0, 3.0, 10.0):
        counts = simulate(pattern, noise, rate, RAMPS, 300)
        counts[2:] += 500.0
        truth = perfect(counts, pattern, noise, rate, used=used)
        options = {"gain": 1.0, "read_noise": noise, "flags": flags, "find_jumps": False}
        for rule in ("read_noise", "total_variance", "own light"):
            kept = "read_noise" if rule == "own light" else rule
            fit = ob.fit_ramps(
                counts, pattern, estimator="ols", combination=kept, save_segments=rule == "own light", **options
            )
            rates = own_light(fit) if rule == "own light" else fit.rate
            off = (rates - truth.rate) / truth.sigma
            made[rule, rate] = float(off.mean()), float(off.std() / np.sqrt(off.size))
    return made


def own_light(fit: Any) -> Array:
    """Average segments by 1 / (read variance + photon variance at the rate of each): what nobody should."""
    seg = fit.segments
    light = seg.var_poisson * np.maximum(seg.rate, 0) / np.maximum(fit.rate, 1e-3)
    with np.errstate(divide="ignore"):
        weight = np.where(seg.var_read > 0, 1 / (seg.var_read + light), 0)
    rates: Array = (weight * seg.rate).sum(axis=(0, 1)) / weight.sum(axis=(0, 1))
    return rates


def mission_pulls() -> dict[tuple[str, float], float]:
    """Pull scatter with ``variance="jwst"`` and with exact variances; of 20 reads any one is hit and flagged."""
    name, made = "20 single reads", {}
    for rate in DECADES:
        counts = simulate(*PATTERNS[name], rate, HIT_RAMPS, 400)
        behind = np.arange(20)[:, None] >= np.random.default_rng(400).integers(1, 20, HIT_RAMPS)
        counts[:, 0] += 500.0 * behind
        flags = (np.diff(behind, axis=0, prepend=False) * ob.Flag.JUMP_DET).astype(np.uint8)[:, None]
        for variance in ("jwst", "exact"):
            fit = fitted(counts, name, estimator="ols", find_jumps=False, flags=flags, variance=variance)
            made[variance, rate] = float(((fit.rate - rate) / fit.error).std(dtype=float))
    return made
