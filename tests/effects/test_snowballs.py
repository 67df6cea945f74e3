"""Snowballs both ways: what falls is found, its halo is left out, and mistakes are told."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from obverse import Detector, Exposure, Flag, Frame, Geometry, Moment, ReadPattern, UsageError
from obverse.effects.cosmic_rays import CosmicRays
from obverse.effects.snowballs import Snowballs
from obverse.seeds import Address, Stream
from obverse.testing import check_effect
from tests.effects.large_events import biased, check_bias_falls, crowded
from tests.laws.examples import infrared
from tests.laws.test_mutants import mutated

RAPID = ReadPattern.even(20, frame_time=10.73677)
SMALL = Snowballs(smallest=5.0, largest=20.0)


def check_halo(effect: Snowballs) -> None:
    detector = crowded("jwst_nircam", "snowballs", 30.0).with_effect(effect)
    # under a dark sky the halo stands out most
    check_bias_falls([biased(detector, "snowballs", RAPID, 0.2, 0)], least=300, factor=50.0)


def test_pixels_biased_by_halos_are_fifty_times_fewer() -> None:
    # measured: 358 without the step, 1 with it; over eight seeds 761 and 3
    check_halo(crowded("jwst_nircam", "snowballs", 30.0).effect("snowballs"))


def test_those_of_roman_are_fewer_with_its_own_numbers() -> None:
    # measured: 87 and 0; over eight seeds 290 and 5
    detector = crowded("roman_wfi", "snowballs", 40.0)
    pattern = ReadPattern.even(10, 6, frame_time=3.16247)
    check_bias_falls([biased(detector, "snowballs", pattern, 0.5, 4)], least=50, factor=20.0)


# -- seeded mistakes ------------------------------------------------------------------------------------------------


def jumps_alone(self: Any, frame: Frame, at: Moment) -> Frame:
    return CosmicRays().correct(frame, at)


def grown_tenfold(self: Any, frame: Frame, at: Moment) -> Frame:
    return Snowballs.correct(self.replace(growth=10.0), frame, at)


def nothing_found(self: Any, frame: Frame, at: Moment) -> Frame:
    return frame.flagged(False, Flag.JUMP_DET)


@pytest.mark.parametrize("mistake", [grown_tenfold, nothing_found])
def test_a_mistake_in_the_flags_fails_the_law(mistake: Any) -> None:
    with pytest.raises(AssertionError, match=r"clean ramps are flagged|were not flagged"):
        check_effect(mutated(SMALL, correct=mistake), infrared())


@pytest.mark.parametrize("changes", [{"correct": jumps_alone}, {"growth": 1.0}, {"jump_area": 1e6}])
def test_flags_that_do_not_grow_leave_the_bias(changes: dict[str, Any]) -> None:
    """The numbers of a detector file reach the search: without growth nothing is gained."""
    right = crowded("jwst_nircam", "snowballs", 30.0).effect("snowballs")
    with pytest.raises(AssertionError, match="times fewer"):
        check_halo(mutated(right, **changes) if "correct" in changes else right.replace(**changes))


def test_a_sky_without_snowballs_passes_no_law() -> None:
    with pytest.raises(AssertionError, match="nothing was checked"):
        check_effect(Snowballs(flux=0.0), infrared())


# -- the forward face -----------------------------------------------------------------------------------------------


def fallen(effect: Snowballs, shape: tuple[int, int], seconds: float, seed: int = 1) -> Any:
    stream = Stream(Address(seed, "snowballs", "a"))
    at = Moment(Exposure("a", seconds), Geometry(shape), interval=(0.0, seconds), rng=stream)
    return effect.imprint(np.zeros(shape, np.float32), at)


def test_a_halo_falls_with_its_power() -> None:
    effect = Snowballs(smallest=90.0, largest=90.0, fall=4.0)
    # at twice and at four times the core radius of 5 pixels: 1/16 and 1/256
    np.testing.assert_allclose(
        effect._mean(5.0, np.array([0, 5, 10, 0]), np.array([0, 0, 0, 20])), [2e5, 2e5, 12500, 781.25]
    )


def test_the_edge_of_a_sensor_is_struck_as_often_as_its_middle() -> None:
    hit = fallen(Snowballs(flux=1.0, smallest=5.0, largest=20.0), (400, 400), 4000.0)
    inner, outer = hit[100:300, 100:300].mean(dtype=float), hit[:, :20].mean(dtype=float)
    # 104 snowballs in the border; their charge goes with the square of the radius, whose scatter is 0.63 of its mean
    assert outer == pytest.approx(inner, rel=5 * np.sqrt((1 + 0.63**2) / 104))


def test_sizes_may_be_given_in_any_order() -> None:
    one, other = (
        fallen(Snowballs(flux=0.1, smallest=a, largest=b), (64, 64), 1e4).sum() for a, b in ((9, 9.5), (9.5, 9))
    )
    assert one == pytest.approx(other, rel=0.2)


# -- the backward face ----------------------------------------------------------------------------------------------


def test_alone_it_searches_jumps_itself() -> None:
    detector = crowded("jwst_nircam", "snowballs", 200.0)
    raw = detector.expose(5.0, Exposure("a", pattern=ReadPattern.even(6, frame_time=10.73677)), seed=1)
    before = detector.recipe().before("cosmic_rays").run(raw)
    alone = detector.recipe().without("cosmic_rays").until("snowballs").run(raw)
    both = detector.recipe().until("snowballs").run(before)
    assert (both.flags != before.flags).sum() > 100
    np.testing.assert_array_equal(alone.flags, both.flags)


def test_no_flag_is_lost() -> None:
    detector = crowded("jwst_nircam", "snowballs", 200.0)
    raw = detector.expose(5.0, Exposure("a", pattern=ReadPattern.even(6, frame_time=10.73677)), seed=1)
    before = detector.recipe().until("cosmic_rays").run(raw)
    after = detector.recipe().until("snowballs").run(before)
    assert (after.flags & before.flags == before.flags).all()
    assert (after.flags != before.flags).any()
    assert not ((after.flags ^ before.flags) & ~np.uint8(Flag.JUMP_DET | Flag.SATURATED)).any()


def test_an_image_holds_no_snowballs_to_find() -> None:
    frame = Frame(np.ones((8, 8), np.float32), "electron")
    with pytest.raises(UsageError, match="snowballs: they are found in ramps"):
        Snowballs().correct(frame, Moment.of(frame))


def test_it_stands_in_the_recipe_behind_the_jump_search() -> None:
    for name in ("jwst_nircam", "jwst_nircam_long", "roman_wfi"):
        steps = Detector.load(name).steps
        assert steps.index("snowballs") == steps.index("cosmic_rays") + 1
