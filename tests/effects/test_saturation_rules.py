"""The rules of the missions for saturated ramps: growth, averaged resultants, what is not checked, the zero frame."""

from __future__ import annotations

import numpy as np
import pytest

from obverse import Detector, Exposure, Flag, Frame, Geometry, Moment, ReadPattern, UsageError
from obverse.effects._neighbours import grown
from obverse.effects.adc import Adc
from obverse.effects.saturation import Saturation
from obverse.testing import check_effect, check_tiles
from tests.laws.examples import infrared
from tests.laws.test_mutants import mutated

RAMP = ("integration", "resultant", "row", "column")
UNEVEN = ReadPattern([[1], [2], [3, 4, 5, 6, 7, 8, 9, 10], [11], [12]], 1.0)
SIXTY = np.array([0.0, 20000.0, 40000.0, 60000.0, 62000.0], np.float32)


def ramps(values, pattern=None, **planes):
    """Ramps (resultant, ...) as a frame of one integration, a row for a single one."""
    cube = np.asarray(values, np.float32)
    cube = cube[:, None, None] if cube.ndim == 1 else cube
    exposure = Exposure("golden", 100.0) if pattern is None else Exposure("golden", pattern=pattern)
    return Frame(cube[None], "DN", RAMP, exposure=exposure, **planes)


def flags_of(effect, frame, at=None):
    done = effect.correct(frame, at or Moment.of(frame))
    return done.flags[0, :, 0, 0].tolist() if done.shape[-2:] == (1, 1) else done.flags[0]


# -- facts: the tests of the saturation step of stcal 1.20, redone on its inputs ----------------------------------


def test_the_first_full_read_and_all_later_ones_are_flagged():
    # stcal 1.20: 0 20000 40000 60000 62000 at a threshold of 60000; zero is the floor of the converter
    effect = Saturation(full_well=60000.0, margin=0.0)
    frame = ramps(SIXTY)
    floored = Adc().correct(frame, Moment.of(frame))
    assert flags_of(effect, floored) == [65, 0, 0, 2, 2]


def test_a_mean_before_a_full_resultant_is_not_used():
    # stcal 1.20: reads 3 to 10 in one: 40000 lies above 60000 x 6.5 / 10 = 39000
    effect = Saturation(full_well=60000.0, margin=0.0, judged_by="next_resultant")
    assert flags_of(effect, ramps(SIXTY, UNEVEN)) == [0, 0, 1, 2, 2]
    below = np.where(SIXTY == 40000.0, np.float32(38999.0), SIXTY)
    assert flags_of(effect, ramps(below, UNEVEN)) == [0, 0, 0, 2, 2]
    # the straight ramp alone calls it saturated, whatever follows
    assert flags_of(effect.replace(judged_by="last_read"), ramps(SIXTY, UNEVEN)) == [0, 0, 2, 2, 2]


def above_a_bias(frame, bias=15000.0):
    return Moment.of(frame).replace(respond=lambda charge: np.float32(bias) + np.asarray(charge, np.float32))


def test_a_second_resultant_that_a_particle_filled_is_not_used():
    # stcal 1.20: bias 15000, five reads a group, threshold 60000, that is 45000 above the bias
    effect = Saturation(full_well=45000.0, margin=0.0, judged_by="next_resultant")
    pattern = ReadPattern.even(5, frames=5, frame_time=1.0)
    hit = ramps([18000.0, 31000.0, 68000.0, 73000.0, 78000.0], pattern)
    assert flags_of(effect, hit, above_a_bias(hit)) == [0, 1, 2, 2, 2]
    quiet = ramps([15000.0] * 5, pattern)
    assert flags_of(effect, quiet, above_a_bias(quiet)) == [0] * 5
    # (60000 - 18000) / 5 = 8400: a smaller step holds no full read
    small = ramps([18000.0, 26400.0, 68000.0, 73000.0, 78000.0], pattern)
    assert flags_of(effect, small, above_a_bias(small)) == [0, 0, 2, 2, 2]


def test_a_bright_pixel_needs_no_particle_to_saturate_in_its_third_resultant():
    # by hand: 10000 at the mean time 3 leads to 50000 at read 15, above full: nothing was hit
    effect = Saturation(full_well=45000.0, margin=0.0, judged_by="next_resultant")
    bright = ramps([10000.0, 26000.0, 45000.0], ReadPattern.even(3, frames=5, frame_time=1.0))
    assert flags_of(effect, bright) == [0, 0, 2]


def test_flags_grow_to_a_box_and_stay():
    # stcal 1.20: seeds (0,0), (0,1) and (3,3) in 5 x 5, one pixel: 15 places in each of two groups
    cube = np.full((3, 5, 5), 1000.0, np.float32)
    for row, column in ((0, 0), (0, 1), (3, 3)):
        cube[1, row, column] = 61000.0
    found = flags_of(Saturation(full_well=60000.0, margin=0.0, grow=1), ramps(cube))
    wanted = np.zeros((5, 5), np.uint8)
    wanted[:2, :3] = wanted[2:, 2:] = Flag.SATURATED
    assert not found[0].any()
    np.testing.assert_array_equal(found[1], wanted)
    np.testing.assert_array_equal(found[2], wanted)
    assert np.count_nonzero(found) == 30


@pytest.mark.parametrize("faint", ["reference", "lit"])
def test_a_pixel_is_not_full_because_a_flag_has_grown_onto_it(faint):
    """Light that fills the last read alone: what is dark beside it loses that read by growth, and no earlier one."""
    detector = Detector.load("jwst_nircam").resized((16, 16))
    saturation = detector.effect("saturation")
    assert (saturation.judged_by, saturation.grow) == ("next_resultant", 1)
    lit = detector.geometry.sensitive
    if faint == "lit":  # every third column has a star
        lit = lit & (np.arange(16) % 3 == 0)
    well = (1.0 - saturation.margin) * saturation.full_well
    noise = np.random.default_rng(1).normal(0.0, 8.0, (4, 16, 16))
    counts = detector.respond(0.0) + noise
    for k, share in enumerate((0.26, 0.52, 0.78, 1.04)):
        counts[k][lit] += (detector.respond(share * well) - detector.respond(0.0))[lit]
    frame = ramps(counts, ReadPattern.even(4, frame_time=10.0))
    found = flags_of(saturation, frame, Moment.of(frame, detector.geometry).replace(respond=detector.respond))
    assert not found[:3].any()
    np.testing.assert_array_equal(found[3], np.where(grown(lit, 1), Flag.SATURATED, 0))


@pytest.mark.parametrize("judged_by", ["last_read", "next_resultant"])
def test_what_is_not_checked_is_never_full(judged_by):
    # stcal 1.20: a pixel with NO_SAT_CHECK at 65535, growth of one: neither it nor its neighbours
    cube = np.full((3, 5, 5), 1000.0, np.float32)
    cube[1:, 2, 2] = 65535.0
    no_check = np.where(np.arange(25).reshape(5, 5) == 12, np.uint32(Flag.NO_SAT_CHECK), np.uint32(0))
    effect = Saturation(full_well=60000.0, grow=1, judged_by=judged_by)
    assert flags_of(effect, ramps(cube))[2].any()
    assert not flags_of(effect, ramps(cube, pixel_flags=no_check)).any()


def test_an_unknown_full_well_is_never_reached_and_says_so():
    well = np.full((5, 5), 60000.0)
    well[2, 2] = np.nan
    effect = Saturation(full_well=well)
    cube = np.full((2, 5, 5), 65535.0, np.float32)
    frame = ramps(cube)
    done = effect.correct(frame, above_a_bias(frame, 0.0))
    assert not done.flags[0, :, 2, 2].any()
    assert np.count_nonzero(done.flags) == 48
    assert done.pixel_flags[2, 2] == Flag.NO_SAT_CHECK
    assert np.count_nonzero(done.pixel_flags) == 1
    held = effect.imprint(np.full((5, 5), 1e5, np.float32), Moment.of(frame))
    assert held[2, 2] == 1e5
    assert (np.delete(held.ravel(), 12) == 60000.0).all()


def test_an_unknown_full_well_leaves_the_thresholds_of_its_neighbours_alone():
    # on its way through the chain interpixel capacitance would carry a NaN to all eight of them
    well = np.full((64, 64), 1e5)
    well[20, 20] = np.nan
    detector = Detector.load("generic_h2rg").resized((64, 64))
    detector = detector.with_effect(detector.effect("saturation").replace(full_well=well)).without("cosmic_rays")
    raw = detector.expose(5e5, Exposure("bright", pattern=ReadPattern.even(3, frame_time=1.0)), seed=1)
    flags = detector.recipe().until("saturation").run(raw).flags[0, -1]
    assert ((flags[19:22, 19:22] & Flag.SATURATED) != 0).sum() == 8


def test_a_full_zero_frame_is_no_value():
    zero = np.array([[[5.0, 61000.0, 100.0]]], np.float32)
    cube = np.full((2, 1, 3), 100.0, np.float32)
    companion = Frame(zero, "DN", ("integration", "row", "column"))
    frame = ramps(cube, companions={"zero_frame": companion})
    done = Saturation(full_well=60000.0, margin=0.0).correct(frame, Moment.of(frame)).companions["zero_frame"]
    assert done.data.ravel().tolist() == [5.0, 0.0, 100.0]
    assert done.flags.ravel().tolist() == [0, 2, 0]
    grown = Saturation(full_well=60000.0, margin=0.0, grow=1).correct(frame, Moment.of(frame))
    assert not grown.companions["zero_frame"].data.any()


def test_growth_in_read_out_order_is_refused():
    frame = Frame(np.zeros((2, 4, 4), np.float32), "DN", ("amplifier", "row", "column"))
    with pytest.raises(UsageError, match="behind 'assemble'"):
        Saturation(full_well=1.0, grow=1).correct(frame, Moment(frame.exposure, Geometry((4, 8)), "clocked"))


# -- laws and mistakes --------------------------------------------------------------------------------------------

IR = infrared()
RULES = Saturation(full_well=80000.0, judged_by="next_resultant")
GROWN = RULES.replace(grow=2)


def averaged_ramps(shape, seed=3):
    """Ramps of all brightnesses, from a random generator of numpy: rates up to twice what fills the pixel."""
    random = np.random.default_rng(seed)
    rate = 20000.0 * random.uniform(size=shape) ** 8
    return (rate * UNEVEN.tbar[:, None, None]).astype(np.float32)


def test_the_rules_keep_the_contracts():
    assert "flags" in check_effect(RULES, IR)
    check_tiles(GROWN, IR)


def test_growth_is_the_same_in_tiles():
    from obverse.tiles import run_tiled

    frame = ramps(averaged_ramps(IR.shape), UNEVEN)
    at = Moment.of(frame, IR)
    whole = GROWN.correct(frame, at)
    assert 0.01 < (whole.flags == Flag.DO_NOT_USE).mean() < 0.5
    for height, threads in ((16, 2), (32, 1)):
        tiled = run_tiled(
            frame, lambda tile, rows: GROWN.correct(tile, at.replace(rows=rows)), halo=GROWN.halo, height=height,
            threads=threads,
        )  # fmt: skip
        assert tiled.digest() == whole.digest()


def holds_every_full_read(effect):
    """No resultant in which a read was clipped goes unflagged, and none is flagged two resultants before one was."""
    rate = np.linspace(100.0, 9000.0, 400, dtype=np.float64)
    reads = [np.minimum(rate * np.array(times)[:, None], 60000.0) for times in UNEVEN.times]
    means = np.stack([group.mean(axis=0) for group in reads])
    clipped = np.stack([(group >= 60000.0).any(axis=0) for group in reads])
    flags = effect.correct(ramps(means[:, None], UNEVEN), Moment.of(ramps(means[:, None], UNEVEN))).flags[0, :, 0]
    assert clipped[2].sum() > clipped[1].sum(), "no mean hides a full read"
    assert (flags != 0)[clipped].all()
    early = np.zeros_like(clipped)
    early[:-1] = clipped[1:]
    # the last read of a mean is clipped a little below where its straight ramp says so: allow one resultant
    assert not (flags != 0)[~clipped & ~early].any()


def grown_one_short(self):
    return self.grow


def nothing_stays(self, frame, at):
    return frame.flagged(frame.data >= 60000.0, Flag.SATURATED)


RIGHT = Saturation(full_well=60000.0, margin=0.0, judged_by="next_resultant")


def test_a_rule_that_forgets_the_resultant_before_is_found_out(monkeypatch):
    holds_every_full_read(RIGHT)
    monkeypatch.setattr(
        "obverse.effects._hidden_saturation._before_a_full_one", lambda last, level, s: np.zeros_like(s)
    )
    with pytest.raises(AssertionError):
        holds_every_full_read(RIGHT)


def test_a_halo_that_forgets_the_growth_of_what_is_hidden_is_found_out():
    from obverse.tiles import run_tiled

    frame = ramps(averaged_ramps(IR.shape, seed=5), UNEVEN)
    at = Moment.of(frame, IR)
    whole = GROWN.correct(frame, at).digest()
    wrong = mutated(GROWN, halo=property(grown_one_short))

    def tiled(effect):
        return run_tiled(
            frame, lambda t, rows: effect.correct(t, at.replace(rows=rows)), halo=effect.halo, height=16, threads=1
        ).digest()  # fmt: skip

    assert tiled(GROWN) == whole
    assert tiled(wrong) != whole


def test_flags_that_end_before_the_ramp_are_found_out():
    dip = ramps([1000.0, 61000.0, 59000.0])
    assert flags_of(RIGHT, dip) == [0, 2, 2]
    assert flags_of(mutated(RIGHT, correct=nothing_stays), dip) != [0, 2, 2]
