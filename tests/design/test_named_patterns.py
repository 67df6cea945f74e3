"""Read patterns by name."""

from __future__ import annotations

import pytest

from obverse import ReadPattern, UsageError
from obverse.ma_tables import ma_numbers, ma_table
from obverse.named_patterns import NIRCAM, TABLES, pattern_for
from obverse.readout import UpTheRamp


@pytest.mark.parametrize("name", NIRCAM)
def test_a_pattern_of_nircam_has_its_frames_and_gap(name):
    frames, gap = NIRCAM[name]
    made = ReadPattern.named(name.lower(), groups=3, frame_time=10.0)
    assert made == ReadPattern.even(3, frames, gap, 10.0)
    # from group to group it takes the time of all its frames
    assert made.times[1][0] - made.times[0][0] == 10.0 * (frames + gap)


def test_medium8_by_hand():
    # JWST User Documentation: 8 frames averaged, 2 skipped; 6 groups end with frame 58
    made = ReadPattern.named("MEDIUM8", groups=6, frame_time=10.73677)
    assert made.reads[1] == tuple(range(11, 19))
    assert made.times[-1][-1] == pytest.approx(58 * 10.73677)


@pytest.mark.parametrize("number", ma_numbers())
def test_a_table_is_that_of_its_number(number):
    assert ReadPattern.named(f"ma{number}") == ma_table(number)
    assert len(ReadPattern.named(f"MA{number}", groups=4)) == 4


def test_frames_and_gap_are_a_name_too():
    assert ReadPattern.named("4,1", 2, 10.0) == ReadPattern.named("SHALLOW4", 2, 10.0)


def test_what_does_not_exist_is_answered_with_all_that_does():
    for wrong in ("SHALLOW5", "MA2", "4", "0,1", "4,-1", ""):
        with pytest.raises(UsageError) as told:
            ReadPattern.named(wrong, 3, 10.0)
        for known in (*NIRCAM, *TABLES, "4,1"):
            assert known in str(told.value)


def test_lengths_are_asked_for_where_a_name_has_none():
    with pytest.raises(UsageError, match="give the groups and the time of a frame"):
        ReadPattern.named("RAPID", groups=5)
    with pytest.raises(UsageError, match="has 5 resultants, it cannot be cut behind 6"):
        ReadPattern.named("MA3", groups=6)


def test_a_read_out_fills_in_what_is_not_said():
    readout = UpTheRamp(read_time=2.0, reads=7)
    assert pattern_for(readout) == ReadPattern.even(7, frame_time=2.0)
    assert pattern_for(readout, "SHALLOW4", 3) == ReadPattern.even(3, 4, 1, 2.0)
    assert pattern_for(readout, "MA3").read_time == 2.0
    assert len(pattern_for(readout, "MA3")) == 5


def test_a_number_is_no_name() -> None:
    with pytest.raises(UsageError, match="must look like 4,1"):
        ReadPattern.named(4)  # type: ignore[arg-type]
