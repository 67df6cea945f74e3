"""Print how far means and medians of the dark columns of an EMCCD are drawn up by the electrons that some have caught.

Run it with ``.venv/bin/python docs/validation/zero_level.py``; it takes half a minute. Decision 17 rests on its table.
"""

from __future__ import annotations

import numpy as np

from obverse.emccd import zero_level
from obverse.register.law import Register
from obverse.robust import clipped_mean
from obverse.seeds import Address, Stream

GAINS = (1.5, 20.0, 60.0, 100.0, 200.0, 300.0, 600.0, 1000.0, 2000.0, 5000.0)
CAUGHT, PARTIAL, NOISE, SHAPE, FRAMES = 0.035, 0.025, 165.0, (1200, 200), 12


def main() -> None:
    print(f"{'EM gain':>8}{'clipped mean':>14}{'median':>9}{'zero_level':>16}   [electron behind the register]")
    for gain in GAINS:
        told = np.array([levels(gain, seed) for seed in range(FRAMES)])
        clipped, median, zero = told.mean(axis=0)
        print(f"{gain:8g}{clipped:+14.1f}{median:+9.1f}{zero:+10.2f} ± {told[:, 2].std():.2f}")


def levels(gain: float, seed: int) -> tuple[float, float, float]:
    """Return what a clipped mean, a median and `zero_level` say of a prescan whose level is zero."""
    stream = Stream(Address(seed, "prescan", "a"))
    caught = stream.poisson(np.full(SHAPE, CAUGHT))
    noise = np.random.default_rng(seed).normal(0.0, NOISE, SHAPE)
    values = stream.drawn(caught, Register(gain, 604, PARTIAL)) + noise
    level = zero_level(values.ravel(), gain, electrons=CAUGHT + PARTIAL, partial=PARTIAL)
    return float(clipped_mean(values, 5.0, shared_scale=True).mean()), float(np.median(values)), level


if __name__ == "__main__":
    main()
