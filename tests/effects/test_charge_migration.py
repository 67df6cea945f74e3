"""Charge migration: which reads are left out, and where the charge goes."""

from __future__ import annotations

import numpy as np
import pytest

from obverse import Detector, Exposure, Flag, Frame, Geometry, Moment, ReadPattern, UsageError
from obverse.effects.charge_migration import ChargeMigration
from obverse.testing import Stand, check_effect, check_tiles
from tests.laws.examples import infrared
from tests.laws.test_mutants import mutated

RAMP = ("integration", "resultant", "row", "column")
IR = infrared()
RIGHT = ChargeMigration(share=0.002)
LOST = int(Flag.CHARGELOSS | Flag.DO_NOT_USE)


def ramps(values, flags=None):
    cube = np.asarray(values, np.float32)
    shape = cube.shape if cube.ndim > 1 else (cube.size, 1, 1)
    given = None if flags is None else np.asarray(flags, np.uint8).reshape(1, *shape)
    return Frame(cube.reshape(1, *shape), "electron", RAMP, given)


def flags_of(effect, frame):
    flags = effect.correct(frame, Moment.of(frame)).flags[0]
    return flags.ravel().tolist() if flags.shape[1:] == (1, 1) else flags


# -- facts: the tests of the charge_migration step of the JWST pipeline, redone on its inputs --------------------


def test_the_first_good_group_above_the_threshold_and_all_later_ones_are_left_out():
    # jwst 3.0, threshold 4000: the second group is DO_NOT_USE before
    values = [1000, 2000, 4005, 4500, 5000, 5500, 3500, 6000, 6500, 3700]
    given = [0, 1, 0, 0, 0, 0, 0, 0, 0, 0]
    assert flags_of(ChargeMigration(threshold=4000.0), ramps(values, given)) == [0, 1, *[129] * 8]


def test_groups_that_are_not_used_anyway_start_nothing():
    # jwst 3.0, threshold 20000: groups above it that are DO_NOT_USE alone stay as they are before the first good one
    values = [1000, 21000, 22000, 23000, 24000]
    assert flags_of(ChargeMigration(threshold=20000.0), ramps(values, [0, 1, 1, 0, 0])) == [0, 1, 1, 129, 129]


def test_a_saturated_group_spills_all_the_more():
    # jwst 3.0 asks for DO_NOT_USE alone: SATURATED is no excuse
    values = [1000, 2000, 60000, 60000]
    assert flags_of(ChargeMigration(threshold=20000.0), ramps(values, [0, 0, 2, 2])) == [0, 0, 131, 131]


def test_the_four_neighbours_are_left_out_from_the_same_group_on():
    cube = np.full((4, 5, 5), 100.0)
    cube[2:, 2, 2] = 30000.0
    cube[3, 0, 0] = 30000.0
    found = flags_of(ChargeMigration(threshold=20000.0), ramps(cube))
    cross = {(2, 2), (1, 2), (3, 2), (2, 1), (2, 3)}
    corner = {(0, 0), (0, 1), (1, 0)}
    assert not found[:2].any()
    assert set(zip(*np.nonzero(found[2]), strict=True)) == cross
    assert set(zip(*np.nonzero(found[3]), strict=True)) == cross | corner
    assert set(np.unique(found)) == {0, LOST}


def test_ramps_of_two_groups_are_left_alone():
    frame = ramps([1000, 30000])
    assert ChargeMigration(threshold=20000.0).correct(frame, Moment.of(frame)).flags is None
    assert flags_of(ChargeMigration(threshold=20000.0), ramps([1000, 2000, 30000])) == [0, 0, LOST]


def test_the_default_is_that_of_the_mission():
    # JWST pipeline, signal_threshold 25000 DN; JWST documentation, NIRISS: 1.61 electron/DN
    assert ChargeMigration().threshold == 25000.0 * 1.61


# -- where the charge goes ----------------------------------------------------------------------------------------


def test_a_share_of_what_is_above_goes_to_each_neighbour_by_hand():
    # 1000 above the threshold, 2 % to each of four: 920 stay, 20 arrive
    charge = np.zeros((5, 5), np.float32)
    charge[2, 2] = 41250.0
    moved = ChargeMigration(share=0.02).imprint(charge, Moment(Exposure(), Geometry((5, 5))))
    assert moved[2, 2] == pytest.approx(41170.0)
    assert [moved[1, 2], moved[3, 2], moved[2, 1], moved[2, 3]] == pytest.approx([20.0] * 4)
    assert moved[1, 1] == 0.0
    assert moved.sum() == pytest.approx(41250.0)


def test_no_charge_is_lost_or_made_at_any_edge():
    charge = np.random.default_rng(1).uniform(0.0, 1e5, IR.shape).astype(np.float32)
    moved = Stand(ChargeMigration(share=0.05), IR).imprint(charge)
    assert moved.sum(dtype=float) == pytest.approx(charge.sum(dtype=float), rel=1e-7)
    assert (moved != charge).mean() > 0.5


def test_what_lies_below_the_threshold_stays_to_the_bit():
    charge = np.random.default_rng(1).uniform(0.0, 40250.0, IR.shape).astype(np.float32)
    np.testing.assert_array_equal(Stand(RIGHT, IR).imprint(charge), charge)


def test_the_rate_of_a_star_is_right_only_where_migration_is_known():
    # a star that passes the threshold half way: its last groups grow more slowly, the fit without them does not
    truth = Detector.load("generic_h2rg").resized((64, 64)).without("cosmic_rays", "flat", "interpixel_capacitance")
    table = truth.to_table()
    effects = {}
    for name, entry in table["effects"].items():
        before = {"charge_migration": {"threshold": 20000.0, "share": 0.05}} if name == "nonlinearity" else {}
        effects |= {**before, name: entry}
    steps = list(table["recipe"]["steps"])
    steps.insert(steps.index("estimate"), "charge_migration")
    knows = Detector.from_table({**table, "effects": effects, "recipe": {"steps": steps}})
    scene = np.full((64, 64), 1.0)
    scene[16::16, 16::16] = 5000.0  # 40 000 electrons in ten reads
    raw = knows.expose(scene, Exposure("star", pattern=ReadPattern.even(10, frame_time=1.0)), seed=2)
    stars = (slice(16, None, 16), slice(16, None, 16))
    right, wrong = knows.calibrate(raw), knows.without("charge_migration").calibrate(raw)
    error = right.error[stars].mean() / 3.0  # nine stars
    assert abs(right.data[stars].mean() - 5000.0) < 5 * error
    assert wrong.data[stars].mean() < 5000.0 - 10 * error


def test_images_and_digital_numbers_are_refused():
    image = Frame(np.ones((4, 4), np.float32), "electron")
    raw = ramps([1, 2, 3]).replace(unit="DN")
    for frame in (image, raw):
        with pytest.raises(UsageError, match="behind 'gain' and before 'estimate'"):
            RIGHT.correct(frame, Moment.of(frame))


# -- mistakes -----------------------------------------------------------------------------------------------------


def only_the_pixel(self, frame, at):
    above = np.logical_or.accumulate(frame.data > np.float32(self.threshold), axis=frame.axes.index("resultant"))
    return frame.flagged(above, Flag.CHARGELOSS | Flag.DO_NOT_USE)


def everything(self, frame, at):
    return frame.flagged(frame.data > 0, Flag.CHARGELOSS | Flag.DO_NOT_USE)


def refused_images(correct):
    """A wrong correction still refuses what the right one refuses, so that the laws give it ramps."""

    def guarded(self, frame, at):
        ChargeMigration.correct(self, frame, at)
        return correct(self, frame, at)

    return guarded


def round_the_edge(self, charge, at):
    excess = np.maximum(charge - np.float32(self.threshold), 0)
    around = sum(np.roll(excess, step, axis) for axis in (-2, -1) for step in (-1, 1))
    return charge + np.float32(self.share) * (around - 4 * excess)


@pytest.mark.parametrize("correct", [only_the_pixel, everything])
def test_a_mistake_fails_the_law_that_the_right_one_passes(correct):
    check_effect(RIGHT, IR)
    with pytest.raises(AssertionError):
        check_effect(mutated(RIGHT, correct=refused_images(correct)), IR)


def test_tiles_without_the_row_beyond_are_found_out():
    check_tiles(RIGHT, IR)
    with pytest.raises(AssertionError, match="tiles"):
        check_tiles(mutated(RIGHT, halo=0), IR)


def test_charge_that_comes_round_the_other_side_is_found_out():
    charge = np.zeros((4, 4), np.float32)
    charge[0, 0] = 1e5
    at = Moment(Exposure(), Geometry((4, 4)))
    wrong = mutated(RIGHT, imprint=round_the_edge)
    assert RIGHT.imprint(charge, at)[3, 0] == 0.0
    assert wrong.imprint(charge, at)[3, 0] > 0.0
