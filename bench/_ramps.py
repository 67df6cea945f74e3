"""Ramps to time fits on: half a century of flux in one image, with cosmic rays where they are wanted."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import Any

import numpy as np

import obverse as ob

GAIN, NOISE = 2.0, 10.0

EVEN = "even"
ROMAN = "Roman-like"


def pattern_of(kind: str, groups: int) -> ob.ReadPattern:
    """Single reads 10 s apart, or averages of 1, 1, 2, 8, 8, 8 ... reads 3.04 s apart."""
    if kind == EVEN:
        return ob.ReadPattern.even(groups, frame_time=10.0)
    edges = np.cumsum([0, *([1, 1, 2] + [8] * groups)[:groups]])
    return ob.ReadPattern([list(range(a + 1, b + 1)) for a, b in itertools.pairwise(edges)], 3.04)


@dataclass
class Ramps:
    """Counts (resultant, row, column) float32 [DN], and what made them."""

    pattern: ob.ReadPattern
    counts: Any
    rate: Any
    jumps: Any

    @property
    def hit(self) -> Any:
        """Pixels that a cosmic ray hit."""
        return self.jumps.any(axis=0)

    def arguments(self, flagged: bool = False) -> dict[str, Any]:
        """What `ob.fit_ramps` needs; `flagged` hands the jumps over as flags."""
        return {
            "pattern": self.pattern,
            "gain": GAIN,
            "read_noise": np.full(self.counts.shape[1:], NOISE, np.float32),
            "flags": (4 * self.jumps if flagged else 0 * self.jumps).astype(np.uint8),
        }


def simulate(kind: str, size: int, groups: int, share: float, seed: int = 1) -> Ramps:
    """Draw ramps of 0.1 to 1000 electron/s; a share of the pixels has one cosmic ray, between two resultants."""
    rng = np.random.default_rng(seed)
    pattern = pattern_of(kind, groups)
    image = (size, size)
    rate = 10 ** rng.uniform(-1, 3, image).astype(np.float32)
    when = np.where(rng.random(image) < share, rng.integers(1, groups, image), groups)
    height = rng.uniform(500, 5000, image).astype(np.float32)
    charge, counts, before = np.zeros(image, np.float32), np.empty((groups, *image), np.float32), 0.0
    for k, times in enumerate(pattern.times):
        charge += height * (when == k)
        total = np.zeros(image, np.float32)
        for time in times:
            charge += rng.poisson(rate * (time - before))
            total += charge
            before = time
        counts[k] = total / len(times) + rng.standard_normal(image, np.float32) * (NOISE / len(times) ** 0.5)
    counts /= GAIN
    jumps = np.arange(groups)[:, None, None] == when
    return Ramps(pattern, counts, rate, jumps)
