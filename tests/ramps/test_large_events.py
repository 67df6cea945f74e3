"""Snowballs: what grows, by how much, and what stays as it is."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

import obverse as ob
from obverse import Exposure, Flag, Geometry, Moment, ReadPattern, UsageError
from obverse.effects.cosmic_rays import CosmicRays
from obverse.effects.snowballs import Snowballs
from obverse.ramps.ellipses import Ellipse, draw, ellipses
from obverse.ramps.large_events import expand_large_events
from obverse.seeds import Address, Stream

JUMP, SATURATED = int(Flag.JUMP_DET), int(Flag.SATURATED)

# Sizes of the small golden case of stcal 1.20.0.
SMALL = Snowballs(jump_area=6, core_area=1, growth=1.9, edge=0, core_width=0.5, core_growth=1.1)


def small() -> Any:
    """5 groups of 7 x 7: in group 2 a saturated plus at (3, 3), with a ring of jumps in rows and columns 1 to 5."""
    flags = np.zeros((1, 5, 7, 7), np.uint8)
    flags[0, 2, 1:6, 1:6] = JUMP
    flags[0, 2, 2:5, 2:5] = 0
    flags[0, 2:, 3, 2:5] = flags[0, 2:, 2:5, 3] = SATURATED
    return flags


def expanded(flags: Any, what: Snowballs = SMALL, seconds: float = 1.0) -> Any:
    return expand_large_events(flags, ReadPattern.even(flags.shape[-3], frame_time=seconds), what)


def test_a_small_snowball_grows() -> None:
    got = expanded(small())
    assert got[0, 2, 1, 0] == JUMP
    assert got[0, 2, 3, 6] == JUMP
    assert not got[0, 1].any()


def test_growth_has_a_largest_width() -> None:
    assert (expanded(small(), replace(SMALL, widest=1.0)) == small()).all()


def test_a_core_that_was_there_before_is_no_snowball() -> None:
    flags = small()
    flags[0, 1] = flags[0, 2] & SATURATED
    assert (expanded(flags) == flags).all()


def test_a_core_that_saturates_in_the_next_group_counts() -> None:
    flags = small()
    flags[0, 2] &= JUMP
    assert expanded(flags)[0, 2, 1, 0] == JUMP


def test_a_core_outside_its_ring_does_not_count() -> None:
    flags = np.zeros((1, 3, 60, 60), np.uint8)
    flags[0, 1, 20:26, 20:26] = JUMP
    flags[0, 1:, 40:43, 40:43] = SATURATED
    assert (expanded(flags, replace(SMALL, core_width=9))[0, 1] == flags[0, 1]).all()
    assert (expanded(flags, replace(SMALL, core_width=9, edge=30))[0, 1] != flags[0, 1]).any()


@pytest.mark.parametrize("area", [25, 26])
def test_the_area_of_a_ring_includes_its_hole(area: int) -> None:
    got = expanded(small(), replace(SMALL, jump_area=area))
    assert (got != small()).any() == (area == 25)


def test_a_ring_of_eleven_pixels_doubles_its_width() -> None:
    flags = np.zeros((20, 100, 100), np.uint8)
    flags[10, 45:56, 45:56] = JUMP
    flags[10:, 49:52, 49:52] = SATURATED
    assert (flags == JUMP).sum() == 112
    # by hand: the 121 pixels have variance 10 along an axis, the 9 of the core 2/3; the ring (1210 - 6)/112 = 10.75, so
    # that its width is 4 sqrt(10.75) - 1 = 12.1 and the grown area pi 12.1^2 = 461 less the core
    got = expanded(flags, Snowballs(core_width=9))
    assert 461 * 0.95 - 9 < (got == JUMP).sum() < 461 * 1.05 - 9


def test_cores_grow_to_the_end_of_the_ramp_and_stay_in_the_next_integration() -> None:
    flags = np.zeros((2, 6, 80, 80), np.uint8)
    flags[0, 2:, 36:45, 36:45] = SATURATED
    got = expanded(flags, Snowballs(persistence=35.0), seconds=10.0)
    saturated = (got[0] & SATURATED != 0).sum(axis=(1, 2))
    assert (saturated[2:] == saturated[2]).all()
    assert not saturated[:2].any()
    # a block of 9 pixels: width 4 sqrt(80/12) - 1 = 9.33, a disc of 68 pixels; 4 wider, 140
    assert abs(saturated[2] - np.pi * (13.33 / 2) ** 2) < 6
    persistent = (got[1] & JUMP != 0).sum(axis=(1, 2))
    assert (persistent > 0).tolist() == [False, True, True, False, False, False]  # reads at 10, 20, 30 s ...
    assert abs(persistent[1] - np.pi * (9.33 / 2) ** 2) < 5


@pytest.mark.parametrize("groups", [1, 2])
def test_few_groups_are_no_error(groups: int) -> None:
    flags = np.zeros((2, groups, 9, 9), np.uint8)
    flags[:, -1, 2:7, 2:7] = JUMP
    assert expanded(flags).shape == flags.shape


def test_no_flag_is_lost_and_a_view_of_one_integration_is_the_same() -> None:
    flags = np.random.default_rng(1).choice(np.array([0, 0, 0, 1, 2, 4, 32], "u1"), (6, 50, 50))
    flags[2, 10:20, 10:20] |= JUMP
    flags.flags.writeable = False
    got = expanded(flags, Snowballs())
    assert (got & flags == flags).all()
    assert np.array_equal(expanded(flags[None], Snowballs())[0], got)


@pytest.mark.parametrize("shape", [(5, 7), (4, 7, 7)])
def test_flags_of_another_shape_are_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(UsageError, match="they must be uint8 of"):
        expand_large_events(np.zeros(shape, "u1"), ReadPattern.even(5))


def test_negative_numbers_are_refused() -> None:
    with pytest.raises(UsageError, match="growth is -1"):
        Snowballs(growth=-1)


def test_the_ellipse_of_a_bar_by_hand() -> None:
    # 9 pixels down a column, 3 wide: variances (81 - 1)/12 and (9 - 1)/12
    mask = np.zeros((30, 30), bool)
    mask[5:14, 10:13] = True
    (one,) = ellipses(mask, 1)
    assert (one.row, one.column) == (9, 11)
    np.testing.assert_allclose([one.length, one.width], 4 * np.sqrt([80 / 12, 8 / 12]) - 1)
    assert abs(np.sin(one.angle)) < 1e-12
    assert abs(np.cos(ellipses(mask.T, 1)[0].angle)) < 1e-12


@pytest.mark.parametrize("angle", [0.0, 0.4, 1.2, 2.5])
def test_a_drawn_ellipse_is_found_again(angle: float) -> None:
    mask = np.zeros((200, 220), bool)
    draw(mask, Ellipse(90.3, 120.6, 80.0, 40.0, angle))
    (one,) = ellipses(mask, 1)
    np.testing.assert_allclose([one.row, one.column], [90.3, 120.6], atol=0.1)
    np.testing.assert_allclose([one.length + 1, one.width + 1], [80, 40], rtol=0.01)
    assert abs(np.sin(one.angle - angle)) < 0.01


def test_ellipses_that_leave_the_image_are_cut() -> None:
    mask = np.zeros((20, 20), bool)
    for centre in (-3.0, 23.0, 60.0, -60.0):
        draw(mask, Ellipse(centre, 10.0, 12.0, 12.0, 0.0))
    assert mask[0, 10]
    assert mask[19, 10]
    assert mask.sum() < 60


def exposure(groups: int, size: int, rays: bool, seed: int) -> Any:
    """Flags of the jump search in ramps of 10 electrons a resultant of 100 s, and where charge was added."""
    rng = np.random.default_rng(seed)
    steps = rng.poisson(10.0, (groups, size, size)).astype("f4")
    hits = np.zeros(steps.shape, bool)
    for k in range(groups * rays):
        stream = Stream(Address(seed, "cosmic_rays", f"read {k}"))
        at = Moment(Exposure("a", 100.0), Geometry((size, size)), interval=(100.0 * k, 100.0 * (k + 1)), rng=stream)
        charge = CosmicRays().imprint(np.zeros((size, size), "f4"), at)
        steps[k] += charge
        hits[k] = charge > 0
    counts = (np.cumsum(steps, axis=0) + rng.normal(0, 10, steps.shape)).astype("f4")
    pattern = ReadPattern.even(groups, frame_time=100.0)
    return ob.find_jumps(counts, pattern, gain=1.0, read_noise=10.0), pattern, hits


def test_clean_ramps_have_no_snowballs() -> None:
    # no event in 3.1e6 resultants: the share is below 1e-6 (95 %)
    flags, pattern, _ = exposure(12, 512, rays=False, seed=1)
    assert (flags == JUMP).sum() > 100  # false alarms of single pixels are there
    assert (expand_large_events(flags, pattern) == flags).all()


def test_cosmic_rays_grow_near_an_edge_alone() -> None:
    flags, pattern, hits = exposure(10, 256, rays=True, seed=2)
    alarms = (expand_large_events(flags, pattern) != flags) & ~hits
    # in 256 x 256 pixels 35 % are near an edge: twice the share of 512 x 512; about 30 events, so within a factor of 2
    assert 0.7e-3 < alarms.mean() < 2.8e-3
    inner = alarms[:, 60:-60, 60:-60]
    assert not inner.any()
    assert (expand_large_events(flags, pattern, Snowballs(edge=0)) == flags).all()
