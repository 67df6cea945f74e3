"""Showers: faint extended light is found, single hits and noise are not, and no pixel loses its ramp."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

import obverse as ob
from obverse import Flag, ReadPattern, UsageError
from obverse.effects.showers import Showers
from obverse.ramps.showers import flag_showers, ring

JUMP = int(Flag.JUMP_DET)
PATTERN = ReadPattern.even(15, frame_time=2.77)
NOISE = 14.0
ANY_CHANGE = Showers(largest_change=100.0)  # without six differences the noise alone changes a rate by 2 electron/s


def ramps(seed: int = 1, size: int = 128, rate: float = 20.0, integrations: int = 1) -> Any:
    rng = np.random.default_rng(seed)
    shape = (integrations, len(PATTERN), size, size)
    charge = np.cumsum(rng.poisson(rate * 2.77, shape), axis=1)
    return (charge + rng.normal(0, NOISE, shape)).astype("f4")


def disc(size: int, row: float, column: float, radius: float) -> Any:
    return np.hypot(np.arange(size)[:, None] - row, np.arange(size) - column) < radius


def found(counts: Any, flags: Any = None, what: Showers | None = None) -> Any:
    flags = np.zeros(counts.shape, "u1") if flags is None else flags
    return flag_showers(counts, PATTERN, gain=1.0, read_noise=NOISE, flags=flags, showers=what)


def test_a_faint_shower_is_found_where_and_when_it_was() -> None:
    counts, where = ramps(), disc(128, 60, 70, 14)
    counts[:, 6:, where] += 2 * np.sqrt(2 * NOISE**2 + 55)  # half of what a jump search sees
    assert not (ob.find_jumps(counts, PATTERN, gain=1.0, read_noise=NOISE)[:, 6] & JUMP)[..., where].mean() > 0.1
    got = found(counts, what=ANY_CHANGE)[0] == JUMP
    assert got.any(axis=(1, 2)).nonzero()[0].tolist() == [6, 7, 8, 9, 10, 11]  # 15 s are five groups of 2.77 s
    assert got[6, where].mean() > 0.9
    assert got[6, ~disc(128, 60, 70, 20)].sum() == 0


def test_a_bright_single_hit_is_no_shower() -> None:
    counts = ramps()
    counts[:, 6:, 60, 60:64] += 1000
    flags = np.zeros(counts.shape, "u1")
    flags[:, 6, 60, 60:64] = JUMP
    assert (found(counts, flags) == flags).all()


def test_changes_of_the_rate_are_limited() -> None:
    counts, where = ramps(), disc(128, 60, 70, 14)
    counts[:, 6:, where] += 60
    assert (found(counts, what=replace(Showers(), largest_change=0.0)) == 0).all()
    # 60 electrons in one of 14 differences of 2.77 s, and noise
    assert found(counts, what=replace(Showers(), largest_change=5.0))[0, 6, where].mean() > 0.8 * JUMP


def test_pixels_with_nothing_left_get_their_flags_back() -> None:
    counts, where = ramps(), disc(128, 60, 70, 14)
    counts[:, 6:, where] += 60
    flags = np.zeros(counts.shape, "u1")
    flags[:, 7:, 58:62] = Flag.SATURATED
    flags[:, :5, 58:62] = Flag.DO_NOT_USE  # only the difference from 5 to 6 is left
    got = found(counts, flags)
    assert (got[:, :, 58:62] == flags[:, :, 58:62]).all()
    assert (got[0, 6, 62:66, 70] & JUMP).all()


def test_a_row_of_bad_pixels_and_the_edge_do_not_hide_a_shower() -> None:
    counts, where = ramps(), disc(128, 2, 70, 14)
    counts[:, 6:, where] += 45
    counts[:, :, 5] = np.nan
    got = found(counts, what=ANY_CHANGE)[0, 6] == JUMP
    assert got[where & (np.arange(128) != 5)[:, None]].mean() > 0.9


def test_too_few_differences_are_not_searched() -> None:
    counts = ramps()[:, :10]
    counts[:, 5:] += 60
    known: dict[str, Any] = {"gain": 1.0, "read_noise": NOISE}
    assert not flag_showers(counts, ReadPattern.even(10, frame_time=2.77), **known).any()


def test_the_ring_by_hand() -> None:
    # of the 49 pixels of 7 x 7 the four corners are at 3 sqrt 2 = 4.24, the next ones at sqrt 13 = 3.606, and the
    # centre is left out: 49 - 4 - 8 - 1
    assert ring(1.0, 3.6).sum() == 36
    assert ring(1.0, 3.6).shape == (7, 7)


def test_negative_numbers_are_refused() -> None:
    with pytest.raises(UsageError, match="area is -3"):
        Showers(area=-3)


@pytest.mark.parametrize("rate", [0.5, 20.0, 300.0])
def test_clean_ramps_have_no_showers(rate: float) -> None:
    # 14 differences of 2.6e5 pixels: with no event among 3.7e6 trials the share is below 3/3.7e6 (95 %)
    counts = ramps(seed=3, size=512, rate=rate)
    flags = ob.find_jumps(counts, PATTERN, gain=1.0, read_noise=NOISE)
    assert (found(counts, flags) == flags).all()


def test_noise_ten_percent_larger_than_stated_makes_no_shower() -> None:
    counts = ramps(seed=4, size=512)
    known: dict[str, Any] = {"gain": 1.0, "read_noise": NOISE / 1.1}
    flags = ob.find_jumps(counts, PATTERN, **known)
    assert (flag_showers(counts, PATTERN, flags=flags, **known) == flags).all()
