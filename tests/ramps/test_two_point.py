"""Two-point differences: known ramps with known answers, and what surrounds a jump."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

import obverse as ob
from obverse import Flag, ReadPattern, UsageError
from obverse.ramps.two_point import TwoPoint

NAN = np.nan
THREE = TwoPoint(sigma=3, sigma_four_groups=3, sigma_three_groups=3, neighbours=None)

# Hand-written ramps and what stcal 1.20.0 makes of them, its own test cases among them: CDS noise [electron], gain 1,
# all limits 3 sigma, groups, flags expected.
RAMPS: list[tuple[float, list[float], list[int]]] = [
    (8, [10, 20, 30, 530, 540], [0, 0, 0, 4, 0]),
    (8, [10, 20, 30, 530, NAN], [0, 0, 0, 4, 0]),
    (8, [10, 20, 530, NAN, NAN], [0, 0, 4, 0, 0]),
    (8, [10, 520, NAN, NAN, NAN], [0, 0, 0, 0, 0]),
    (10, [10, 10, 1000, 1000, 1000], [0, 0, 4, 0, 0]),
    (10, [1000, 10, 10, 10, 10], [0, 4, 0, 0, 0]),
    (10, [10, 1000, 1000], [0, 4, 0]),
    (10, [10, 0, 1000], [0, 0, 4]),
    (10, [10, 1000, 1000, 1000], [0, 4, 0, 0]),
    (10, [10, 500, 1002, 1001, 1005, 1015], [0, 4, 4, 0, 0, 0]),
    (10, [10, 60, 60, 60, 115], [0, 4, 0, 0, 4]),
    (10, [10, 600, 600, 600, 2115], [0, 4, 0, 0, 4]),
    (10, [10, *[60] * 6, 2115, 2115, 2115], [0, 4, 0, 0, 0, 0, 0, 4, 0, 0]),
    (10, [100, 0, -200, -260, -360], [0, 0, 4, 0, 0]),
    (10, [0, 10, 21, 33, 46, 1146], [0, 0, 0, 0, 0, 4]),
    (10, [100, 90, 95, 105, 100, 100], [0, 0, 0, 0, 0, 0]),
    (200**0.5, [10, 60, 60, 60, 115, 115], [0, 4, 0, 0, 4, 0]),
    (200**0.5, [10, 10, 60, 60, 115, 115], [0, 0, 4, 0, 4, 0]),
    (5, [0, *[16] * 9], [0, 4, *[0] * 8]),
    (5, [0, *[15] * 9], [0] * 10),  # exactly 3 sigma
]


def found(counts: Any, noise: float = 1.0, options: TwoPoint = THREE, flags: Any = None, **changes: Any) -> Any:
    """Search counts (integration, resultant, row, column) or one ramp; the noise is that of a difference."""
    counts = np.asarray(counts, changes.pop("dtype", "f4"))
    pattern = changes.pop("pattern", None) or ReadPattern.even(counts.shape[max(0, counts.ndim - 3)], frame_time=1.0)
    known = {"gain": 1.0, "read_noise": noise / np.sqrt(2), "flags": flags, **changes}
    return ob.find_jumps(counts, pattern, options=options, **known)


@pytest.mark.parametrize("dtype", ["f4", "f8"])
@pytest.mark.parametrize(("noise", "ramp", "flags"), RAMPS)
def test_a_known_ramp(noise: float, ramp: list[float], flags: list[int], dtype: str) -> None:
    assert found(ramp, noise, dtype=dtype).tolist() == flags


def test_a_jump_beside_saturation() -> None:
    ramp, flags = [0, 10, 21, 33, 46, 60, 1160, 1175, 6175], np.array([0] * 8 + [2], "u1")
    assert found(ramp, 10, flags=flags).tolist() == [0, 0, 0, 0, 0, 0, 4, 0, 2]


def test_integrations_share_one_median() -> None:
    ramps = [
        [-24, -15, 0, 13],
        [-24, -11, 6, 21],
        [-40, -28, -24, -4],
        [-11, 3, 11, 24],
        [-43, -24, -12, 1],
        [-45, 8537, 17380, 17437],
        [-178, -156, -139, -125],
    ]
    got = found(np.array(ramps)[:, :, None, None], 8)[..., 0, 0]
    assert got.tolist() == [[0] * 4] * 5 + [[0, 4, 4, 4]] + [[0] * 4]


def test_two_groups_are_searched_where_that_is_asked_for() -> None:
    ramps = np.array([[10, 1000], [0, 0]])[:, :, None, None]
    assert not found(ramps, 10).any()
    assert found(ramps, 10, replace(THREE, minimum_groups=2))[..., 0, 0].tolist() == [[0, 4], [0, 0]]


@pytest.mark.parametrize("shape", [(1, 1, 1, 1), (1, 2, 1, 1), (3, 1, 2, 2), (1, 2, 5, 7)])
def test_too_few_groups_are_no_error(shape: tuple[int, ...]) -> None:
    assert not found(np.full(shape, 7.0)).any()


UNEVEN = ReadPattern([[1], [2, 3], [4, 5, 6], [7, 8, 9, 10, 11], [12]], 1.0)


@pytest.mark.parametrize(("group", "jump", "flags"), [(1, 20, [0, 4, 0, 0, 0]), (3, 100, [0, 0, 0, 4, 0]), (3, 20, 0)])
def test_uneven_resultants(group: int, jump: float, flags: Any) -> None:
    ramp = 16 * UNEVEN.tbar + jump * (np.arange(5) >= group)
    assert (found(ramp, 2, pattern=UNEVEN) == flags).all()


def test_noise_of_averaged_resultants_by_hand() -> None:
    # resultants of 1 and of 2 reads at 1 s and at 2, 3 s: tau = 1 and 2.25 s, so that the difference has the variance
    # sigma^2 (1 + 1/2) + m (1 + 2.25 - 2) = 1.5 sigma^2 + 1.25 m; then (2, 3) to (4, 5): sigma^2 + 1.5 m
    pattern = ReadPattern([[1], [2, 3], [4, 5], [6, 7], [8, 9]], 1.0)
    for k, variance in ((1, 1.5 * 16 + 1.25 * 100), (2, 16 + 1.5 * 100)):
        limit = 3 * variance**0.5
        for jump, seen in ((0.999 * limit, False), (1.001 * limit, True)):
            ramp = 100 * pattern.tbar + jump * (np.arange(5) >= k)
            assert (found(ramp, 4 * 2**0.5, pattern=pattern, dtype="f8")[k] == 4) == seen


def test_sigma_is_the_limit_of_four_differences() -> None:
    ramp = [0.0, 0, 0, 0, 4.5]
    assert ob.find_jumps(ramp, ReadPattern.even(5), gain=1.0, read_noise=0.5**0.5).tolist() == [0, 0, 0, 0, 4]
    assert not ob.find_jumps(ramp, ReadPattern.even(5), gain=1.0, read_noise=0.5**0.5, sigma=5.0).any()
    assert not ob.find_jumps(ramp[1:], ReadPattern.even(4), gain=1.0, read_noise=0.5**0.5).any()
    assert ob.find_jumps([0, 0, 0, 5.1], ReadPattern.even(4), gain=1.0, read_noise=0.5**0.5).any()
    assert not ob.find_jumps([0, 0, 5.9], ReadPattern.even(3), gain=1.0, read_noise=0.5**0.5).any()
    assert ob.find_jumps([0, 0, 6.1], ReadPattern.even(3), gain=1.0, read_noise=0.5**0.5).any()


def plane(jump: float, row: int = 2, column: int = 2) -> Any:
    counts = np.zeros((6, 5, 5), "f4")
    counts[3:, row, column] = jump
    return counts


@pytest.mark.parametrize(("jump", "flagged"), [(9.9, 1), (10.1, 5), (999.0, 5), (1001.0, 1)])
def test_neighbours_of_jumps_in_between(jump: float, flagged: int) -> None:
    got = found(plane(jump), options=TwoPoint())
    assert (got != 0).sum() == flagged
    assert (got[3] != 0).sum() == flagged


def test_neighbours_at_a_corner_and_saturated_ones() -> None:
    flags = np.zeros((6, 5, 5), "u1")
    flags[:, 1, 0] = Flag.SATURATED
    got = found(plane(50, 0, 0), options=TwoPoint(), flags=flags)
    assert np.argwhere(got & Flag.JUMP_DET).tolist() == [[3, 0, 0], [3, 0, 1]]


@pytest.mark.parametrize(
    ("seconds", "groups"), [(0.0, [3]), (0.9, [3]), (1.0, [3, 4]), (2.5, [3, 4, 5]), (99, [3, 4, 5])]
)
def test_transients_after_a_jump(seconds: float, groups: list[int]) -> None:
    got = found(plane(50), options=replace(THREE, after_jumps=((50.0, seconds),)))
    assert np.argwhere(got).tolist() == [[k, 2, 2] for k in groups]
    assert found(plane(50), options=replace(THREE, after_jumps=((50.1, seconds),))).sum() == 4


def test_transients_stay_in_their_integration() -> None:
    counts = np.stack([plane(50), plane(0)])
    assert np.argwhere(found(counts, options=replace(THREE, after_jumps=((20.0, 99.0),))))[:, 0].max() == 0


def test_given_flags_stay_and_jumps_known_before_are_left_out() -> None:
    counts = np.zeros((7, 1, 1))
    counts[3:], flags = 500, np.zeros((7, 1, 1), "u1")
    flags[3], flags[5] = Flag.JUMP_DET, Flag.PERSISTENCE
    got = found(counts, options=TwoPoint(neighbours=None), flags=flags)
    assert got.tobytes() == flags.tobytes()


def test_maps_of_gain_and_noise_are_per_pixel() -> None:
    counts = np.repeat(np.array([0.0, 0, 0, 0, 10])[:, None, None], 4, axis=2)
    gain, noise = np.array([[1.0, 2.0, 1.0, np.nan]]), np.array([[3.0, 3.0, 1.0, 1.0]])
    assert found(counts, gain=gain, read_noise=noise)[4].tolist() == [[0, 4, 4, 0]]


def test_clipping_along_integrations() -> None:
    rng = np.random.default_rng(5)
    counts = np.cumsum(rng.normal(100.0, 5.0, (120, 4, 2, 3)), axis=1)
    counts[70, 2:, 1, 1] += 60
    counts[:, 1:, 0, 0] += 1000  # the same in all integrations: no cosmic ray
    got = found(counts, options=TwoPoint(sigma=6.0, neighbours=None), noise=0.1)
    assert np.argwhere(got).tolist() == [[70, 2, 1, 1]]
    # as one list, the step between the first two groups stands out, and the scatter is three times larger
    whole = TwoPoint(sigma=1.2, clip_across="exposure", neighbours=None)
    assert (found(counts, options=whole)[:, 1, 0, 0] == 4).all()


def test_clipping_is_what_numpy_makes_of_it() -> None:
    rng = np.random.default_rng(6)
    counts = np.cumsum(rng.standard_t(3, (101, 3, 1, 40)), axis=1)
    counts[rng.random(counts.shape) < 0.02] = np.nan
    got = found(counts, options=TwoPoint(sigma=3.0, neighbours=None), dtype="f8")
    for k in range(2):
        for j in range(40):
            values = counts[:, k + 1, 0, j] - counts[:, k, 0, j]
            kept = np.isfinite(values)
            for _ in range(5):
                reach = 3.0 * values[kept].std()
                low, high = np.median(values[kept]) - reach, np.median(values[kept]) + reach
                kept = kept & (values >= low) & (values <= high)
            assert (got[:, k + 1, 0, j] == 4).tolist() == (np.isfinite(values) & ~kept).tolist()
    assert (got == 4).sum() > 100


def test_uneven_patterns_are_never_clipped() -> None:
    counts = np.tile(16 * UNEVEN.tbar[:, None, None], (120, 1, 1, 1))
    assert not found(counts, 2, pattern=UNEVEN).any()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"method": "guess"}, "must be 'two_point' or 'likelihood'"),
        ({"sigma": -1.0}, "sigma is -1.0, it must be a positive number"),
        ({"method": "likelihood", "options": TwoPoint()}, "options are for method 'two_point'"),
    ],
)
def test_wrong_calls_are_refused(arguments: Any, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        ob.find_jumps(np.zeros(5), ReadPattern.even(5), gain=1.0, read_noise=1.0, **arguments)


def test_a_word_that_is_none() -> None:
    with pytest.raises(UsageError, match="it must be 'integrations' or 'exposure'"):
        TwoPoint(clip_across="pixels")
