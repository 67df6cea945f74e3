"""Noise maps as a detector's belief, and what more darks would bring."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

import obverse as ob
from obverse.darks import NoiseMaps, calibrate_darks_lsq
from tests.darks.campaigns import SMALL, campaign, grid

TABLE = """
schema = 1
name = "small_excam"
summary = "test"
[geometry]
shape = [106, 107]
prescan = 108
overscan = 5
parallel_overscan = 14
shielded = [2, 0, 0, 2]
[readout]
kind = "single"
[effects.dark_current]
rate = 0.5
[effects.clock_induced_charge]
level = 0.5
parallel = 0.25
[effects.em_gain]
[effects.fixed_pattern]
pattern = 3.0
[effects.gain]
gain = 7.0
[recipe]
steps = ["gain", "fixed_pattern", "em_gain", "assemble", "estimate", "clock_induced_charge", "dark_current"]
"""


@pytest.fixture(scope="module")
def maps():
    return calibrate_darks_lsq(campaign(grid(4, 3), 10, 2), SMALL)


@pytest.fixture(scope="module")
def belief(maps):
    return maps.into(ob.Detector.load(TABLE))


def test_belief_holds_what_was_fitted(maps, belief):
    rows, columns = slice(0, 106), slice(108, 215)
    for name, parameter, value in (
        ("fixed_pattern", "pattern", maps.unclipped.fpn),
        ("dark_current", "rate", maps.unclipped.dark_current),
    ):
        np.testing.assert_array_equal(getattr(belief.effect(name), parameter), value[rows, columns])
        assert belief.effect(name).error is None  # the block has it, with the covariances
    assert (belief.effect("dark_current").rate < 0).any()  # not clipped
    (block,) = belief.covariance
    np.testing.assert_allclose(block.matrix, maps.covariance[..., rows, columns])


def test_clock_induced_charge_of_the_image_is_the_map_and_that_of_the_scans_their_own(maps, belief):
    effect, fitted = belief.effect("clock_induced_charge"), maps.unclipped.cic
    np.testing.assert_allclose(effect.level + effect.parallel, fitted[0:106, 108:215], atol=1e-12)
    assert effect.level.mean() == pytest.approx(fitted[:, :108].mean(), abs=1e-12)


def test_what_the_register_makes_of_nothing_is_taken_away_once(maps):
    detector = ob.Detector.load(TABLE)
    made = detector.effect("em_gain").replace(partial=0.025)
    belief = maps.into(detector.with_effect(made))
    gain = 300.0
    taken = belief.effect("fixed_pattern").pattern + made.partial * (gain - 1)
    taken = taken + gain * (
        belief.effect("clock_induced_charge").level + belief.effect("clock_induced_charge").parallel
    )
    fitted = (maps.unclipped.fpn + gain * maps.unclipped.cic)[0:106, 108:215]
    np.testing.assert_allclose(taken, fitted, rtol=1e-9)


def test_draws_have_the_covariance(maps, belief):
    """Pulls of drawn beliefs are one in the direction of a dark, which needs the cross terms."""
    drawn = belief.draw(3)
    shift = [
        getattr(drawn.effect(name), parameter) - getattr(belief.effect(name), parameter)
        for name, parameter in (
            ("fixed_pattern", "pattern"),
            ("clock_induced_charge", "level"),
            ("dark_current", "rate"),
        )
    ]
    direction = np.array([1 / 1000, 1.0, 60.0])
    variance = maps.variance_of(direction)[:106, 108:215]
    pull = np.tensordot(direction, shift, 1) / np.sqrt(variance)
    assert abs(pull.std() - 1) + 3 / np.sqrt(2 * pull.size) < 0.05


def test_maps_of_other_files_are_refused(maps):
    detector = ob.Detector.load(TABLE)
    with pytest.raises(ob.UsageError, match="whole file"):
        maps.image.into(detector)
    with pytest.raises(ob.UsageError, match="no fixed_pattern"):
        maps.into(detector.without("fixed_pattern"))


def test_more_darks_bring_what_they_are_said_to():
    few, many = (calibrate_darks_lsq(campaign(grid(4, 3), n, n), SMALL) for n in (8, 32))
    worth = few.worth(1000.0, 60.0, frames=100, more=[3])
    now = many.worth(1000.0, 60.0, frames=100, more=[])
    assert worth.frames.tolist() == [96, 384]
    assert abs(worth.dark_variance[1] / now.dark_variance[0] - 1) < 0.1
    assert worth.error[1] < worth.error[0]
    assert worth.irreducible[1] > worth.irreducible[0]
    needed = worth.frames_for(0.1)
    share = worth.dark_variance[0] * worth.frames[0] / needed
    assert abs(share / (share + worth.science_variance) - 0.1) < 1e-12


def test_irreducible_part_is_the_noise_of_the_frames(maps):
    """Against the law of the simulated register: (read^2 + 2 g^2 (C + t D)) / g^2."""
    worth = maps.worth(5000.0, 100.0, frames=1)
    assert abs(worth.science_variance / (100.0**2 / 5000**2 + 2 * (0.02 + 0.0833)) - 1) < 0.03


def test_maps_without_a_fit_know_no_worth():
    with pytest.raises(ob.UsageError, match="know no noise"):
        NoiseMaps(*np.ones((3, 2, 2))).worth(2.0, 2.0, 3)


def test_shapes_must_agree(maps):
    with pytest.raises(TypeError, match="shape"):
        replace(maps, fpn_error=np.ones((3, 3)))
