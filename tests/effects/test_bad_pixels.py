"""Bad pixels: what is known of a pixel reaches every exposure, whole, and a dead pixel stays dead."""

from __future__ import annotations

import numpy as np
import pytest

from obverse import Detector, Exposure, Flag, Frame, Geometry, Moment, ReadPattern, UsageError
from obverse.effects.bad_pixels import BadPixels
from obverse.testing import check_effect
from tests.laws.examples import infrared
from tests.laws.test_mutants import mutated

IR = infrared()
MAP = np.zeros(IR.shape, np.uint32)
MAP[10, 10] = Flag.DEAD
MAP[20, 20] = Flag.HOT | Flag.REFERENCE_PIXEL
MAP[30, 30] = Flag.TELEGRAPH
MAP[40, ::2] = Flag.DEAD
BAD = BadPixels(flags=MAP)


def with_bad_pixels(flags):
    """A quiet infrared detector that has them, behind cosmic rays in the chain and first in the recipe."""
    table = Detector.load("generic_h2rg").resized(flags.shape).without("cosmic_rays").to_table()
    effects = {}
    for name, entry in table["effects"].items():
        effects |= {name: entry, **({"bad_pixels": {"flags": flags}} if name == "dark_current" else {})}
    steps = ["bad_pixels", *table["recipe"]["steps"]]
    return Detector.from_table({**table, "effects": effects, "recipe": {"steps": steps}})


def test_a_dead_pixel_of_an_exposure_has_no_rate_and_the_others_theirs():
    flags = np.zeros((64, 64), np.uint32)
    flags[20, 20], flags[21, 30] = Flag.DEAD, Flag.HOT
    detector = with_bad_pixels(flags)
    raw = detector.expose(500.0, Exposure("a", pattern=ReadPattern.even(5, frame_time=10.0)), seed=1)
    done = detector.calibrate(raw)
    steps = raw.data[0, -1].astype(float) - raw.data[0, 0]
    # 400 electron/s for 40 s at 2.05 electron/DN; the couplings of four neighbours give a dead pixel 2 % of that
    assert steps[20, 20] < 0.03 * np.median(steps)
    assert done.unusable()[20, 20]
    assert done.pixel_flags[20, 20] == Flag.DEAD | Flag.DO_NOT_USE
    assert done.pixel_flags[21, 30] == Flag.HOT
    assert np.isnan(done.data[20, 20])
    # 20 000 electrons: 0.7 % of scatter, five times
    assert done.data[21, 30] == pytest.approx(500.0, rel=0.035)


def test_all_thirty_two_bits_arrive():
    every = np.full((2, 3), 2**32 - 1, np.uint32)
    frame = Frame(np.ones((2, 3), np.float32), "electron")
    at = Moment.of(frame)
    np.testing.assert_array_equal(BadPixels(flags=every).correct(frame, at).pixel_flags, every)
    # float32 would round 2^31 + 1 to 2^31
    odd = np.full((2, 3), Flag.REFERENCE_PIXEL | Flag.DO_NOT_USE, np.uint32)
    np.testing.assert_array_equal(BadPixels(flags=odd).correct(frame, at).pixel_flags, odd)


def test_flags_add_to_what_the_frame_knows():
    frame = Frame(np.ones((1, 2), np.float32), "electron", pixel_flags=np.array([[4096, 0]], np.uint32))
    done = BadPixels(flags=np.array([[2048, 512]])).correct(frame, Moment.of(frame))
    assert done.pixel_flags.tolist() == [[4096 | 2048, 512]]


def test_a_map_survives_its_detector_file(tmp_path):
    detector = with_bad_pixels(np.full((64, 64), 2**31 + 1, np.uint32))
    detector.save(tmp_path / "mine.toml")
    again = Detector.load(tmp_path / "mine.toml")
    assert again == detector
    assert again.digest() == detector.digest()
    assert again.effect("bad_pixels").flags.dtype == np.uint32


@pytest.mark.parametrize("flags", [7, [1, 2], [[-1, 0]], [[2**32, 0]], [[0.5, 1.0]], [["DEAD"]], [[True, False]], None])
def test_what_is_no_map_of_flags_is_refused(flags):
    with pytest.raises(UsageError, match=r"bad_pixels\.flags"):
        BadPixels(flags=flags)


def test_a_map_of_another_sensor_is_refused():
    frame = Frame(np.ones((2, 2), np.float32), "electron")
    with pytest.raises(UsageError, match=r"shape \(96, 64\), the sensor \(2, 2\)"):
        BAD.correct(frame, Moment.of(frame))


def test_read_out_order_is_refused():
    frame = Frame(np.zeros((2, 4, 4), np.float32), "DN", ("amplifier", "row", "column"))
    with pytest.raises(UsageError, match="behind 'assemble'"):
        BadPixels(flags=np.zeros((4, 8), int)).correct(frame, Moment(frame.exposure, Geometry((4, 8)), "clocked"))


# -- mistakes ------------------------------------------------------------------------------------------------------


def only_eight_bits(self, frame, at):
    return frame.flagged((self.flags[at.rows] & np.uint32(Flag.DEAD)) != 0, Flag.DO_NOT_USE)


def dead_only_in_the_map(self, charge, at):
    return np.where((self.flags[at.rows] & np.uint32(Flag.HOT)) != 0, np.zeros((), charge.dtype), charge)


def rows_forgotten(self, at):
    return self.flags[: len(range(*at.rows.indices(len(self.flags))))]


@pytest.mark.parametrize(
    "mistake",
    [{"correct": only_eight_bits}, {"imprint": dead_only_in_the_map}, {"_rows": rows_forgotten}],
    ids=["flags-lost", "wrong-bit-dead", "rows-forgotten"],
)
def test_a_mistake_fails_the_laws_that_the_right_one_passes(mistake):
    check_effect(BAD, IR)
    with pytest.raises(AssertionError):
        check_effect(mutated(BAD, **mistake), IR)


def test_a_map_without_dead_pixels_passes_no_law():
    with pytest.raises(AssertionError, match="never needed"):
        check_effect(BadPixels(flags=np.full(IR.shape, int(Flag.HOT))), IR)
