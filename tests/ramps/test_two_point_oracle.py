"""The compiled two-point search against an obvious one, and the same bits for any split."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import obverse as ob
from obverse import ReadPattern
from obverse.kernels._sorting import network
from obverse.ramps.inputs import Cube
from obverse.ramps.two_point import TwoPoint, median_rates
from tests import naive
from tests.ramps.gates import ROMAN

PATTERNS = {
    "3 groups": ReadPattern.even(3, frame_time=10.0),
    "4 groups": ReadPattern.even(4, frame_time=10.0),
    "7 averaged groups": ReadPattern.even(7, frames=4, gap=1, frame_time=2.0),
    "15 groups": ReadPattern.even(15, frame_time=10.0),
    "uneven": ReadPattern(ROMAN, 3.16),
}
ROOT = Path(__file__).parents[2]
ALONE = TwoPoint(neighbours=None)


def ramps(pattern: ReadPattern, integrations: int, columns: int, seed: int) -> tuple[Any, Any]:
    """Noisy ramps with many jumps, flags and NaN, (integration, resultant, 1, column)."""
    rng = np.random.default_rng(seed)
    shape = (integrations, len(pattern), 1, columns)
    rate = 10 ** rng.uniform(-1, 2, columns)
    steps = rng.normal(rate * np.diff(pattern.tbar, prepend=0)[:, None, None], 20.0, shape)
    steps += (rng.random(shape) < 0.1) * rng.normal(0, 400, shape)
    counts = np.cumsum(steps, axis=1) / 1.7
    flags = ((rng.random(shape) < 0.08) * rng.choice([1, 2, 4, 8, 32, 64, 128], shape)).astype("u1")
    counts[rng.random(shape) < 0.02] = np.nan
    return counts, flags


@pytest.mark.parametrize("integrations", [1, 3])
@pytest.mark.parametrize("name", PATTERNS)
@pytest.mark.parametrize("dtype", ["f8", "f4"])
def test_the_search_is_the_obvious_one(name: str, integrations: int, dtype: str) -> None:
    pattern = PATTERNS[name]
    counts, flags = ramps(pattern, integrations, 700, seed=len(name))
    counts = counts.astype(dtype)
    got = ob.find_jumps(counts, pattern, gain=1.7, read_noise=9.0, flags=flags, options=ALONE)
    different = 0
    for j in range(counts.shape[-1]):
        want = naive.two_point_jumps(counts[..., 0, j], pattern.times, 1.7, 9.0, flags[..., 0, j])
        different += (got[..., 0, j] != want).any()
    # float32 rounds differences of a few thousand DN to 1e-4: one in 1e5 is at its limit
    assert different <= (0 if dtype == "f8" else 1)
    assert (got & 4).sum() > (flags & 4).sum() + 50


def test_without_flags_it_is_the_same_as_with_none_set() -> None:
    counts, flags = ramps(PATTERNS["15 groups"], 1, 600, seed=2)
    one, other = (
        ob.find_jumps(counts, PATTERNS["15 groups"], gain=1.7, read_noise=9.0, flags=given)
        for given in (None, np.zeros_like(flags))
    )
    assert one.tobytes() == other.tobytes()


@pytest.mark.parametrize("threads", [2, 3])
@pytest.mark.parametrize("integrations", [1, 2, 100])
def test_threads_do_not_change_a_bit(threads: int, integrations: int) -> None:
    pattern = PATTERNS["7 averaged groups"]
    counts, flags = (a.reshape(integrations, 7, 70, 10) for a in ramps(pattern, integrations, 700, seed=3))
    one, many = (ob.find_jumps(counts, pattern, gain=1.7, read_noise=9.0, flags=flags, threads=n) for n in (1, threads))
    assert one.tobytes() == many.tobytes()


def test_columns_in_any_company_do_not_change_a_bit() -> None:
    pattern = PATTERNS["uneven"]
    counts, flags = ramps(pattern, 1, 1100, seed=4)
    whole = ob.find_jumps(counts, pattern, gain=1.7, read_noise=9.0, flags=flags, options=ALONE)
    part = ob.find_jumps(
        counts[..., 500:901], pattern, gain=1.7, read_noise=9.0, flags=flags[..., 500:901], options=ALONE
    )
    assert np.array_equal(whole[..., 500:901], part)


@pytest.mark.parametrize("n", [1, 2, 3, 7, 9, 16, 33])
def test_the_network_sorts_zeros_and_ones_and_hence_all(n: int) -> None:
    # the 0-1 principle (Knuth 3, 5.3.4, theorem Z): what sorts all rows of zeros and ones sorts all numbers
    rows = np.random.default_rng(n).integers(0, 2, (4000, n))
    rows = np.array([[(i >> k) & 1 for k in range(n)] for i in range(2**n)]) if n < 12 else rows
    for a, b in network(n):
        rows[:, [a, b]] = np.sort(rows[:, [a, b]], axis=1)
    assert (np.diff(rows, axis=1) >= 0).all()


def test_median_rates_are_medians() -> None:
    pattern = PATTERNS["uneven"]
    counts, flags = ramps(pattern, 2, 300, seed=5)
    got = median_rates(Cube.of(counts, pattern, 1.7, 9.0, flags))
    for j in range(300):
        rates = [
            1.7 * np.diff(ramp)[used] / np.diff(pattern.tbar)[used]
            for ramp, used in (
                (c, naive.usable_differences(c, f)) for c, f in zip(counts[..., 0, j], flags[..., 0, j], strict=True)
            )
        ]
        np.testing.assert_allclose(got[0, j], np.median(np.concatenate(rates)), rtol=1e-9)


SEARCH = """
import numpy as np, obverse as ob, sys
from tests.ramps.test_two_point_oracle import PATTERNS, ramps
found = []
for name, integrations in (("uneven", 1), ("15 groups", 2), ("4 groups", 100)):
    counts, flags = ramps(PATTERNS[name], integrations, 20, seed=6)
    found.append(ob.find_jumps(counts, PATTERNS[name], gain=1.7, read_noise=9.0, flags=flags, threads=1).ravel())
np.save(sys.argv[1], np.concatenate(found))
"""


def test_uncompiled_code_gives_the_same(tmp_path: Path) -> None:
    made = []
    for switch in ("0", "1"):
        out = tmp_path / f"{switch}.npy"
        environment = {**os.environ, "NUMBA_DISABLE_JIT": switch}
        subprocess.run([sys.executable, "-c", SEARCH, str(out)], check=True, env=environment, cwd=ROOT)
        made.append(np.load(out))
    assert np.array_equal(*made)
    assert (made[0] & 4).sum() > 100
