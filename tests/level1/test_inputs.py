"""What `simulate_l1` is handed: good counts and patterns in every form, and bad ones refused in one clear line."""

from __future__ import annotations

import astropy.units as u
import numpy as np
import pytest

import obverse as ob
from obverse import Detector, UsageError
from obverse.ma_tables import ma_table
from tests.level1.simple import ROMAN, bare, electrons, roman

GOOD = electrons(300.0, (64, 64))
SMALL = roman("read_noise", "reset_noise", shape=(128, 128), border=True)


def at_one_place(value: float, kind: type = float):
    counts = GOOD.astype(kind)
    counts[5, 7] = value
    return counts


BAD = {
    "a fraction": (at_one_place(0.5), r"counts\[5, 7\] is 0.5 \(1 such pixels\).*whole numbers.*draw Poisson"),
    "a negative one": (at_one_place(-1, int), r"counts\[5, 7\] is -1 \(1 such pixels\).*from 0 to 2e\+09"),
    "no number": (at_one_place(np.nan), r"counts\[5, 7\] is nan"),
    "an infinite one": (at_one_place(np.inf), r"counts\[5, 7\] is inf"),
    "too many": (at_one_place(2_000_000_001, int), r"counts\[5, 7\] is 2000000001.*2e\+09"),
    "a cube": (GOOD[None], r"int64 of \(1, 64, 64\), they must be whole \(row, column\)"),
    "a row": (GOOD[0], r"int64 of \(64,\)"),
    "none": (GOOD[:0], r"int64 of \(0, 64\)"),
    "booleans": (GOOD > 0, r"bool of \(64, 64\)"),
    "complex numbers": (GOOD + 0j, r"complex128 of \(64, 64\)"),
    "text": ([["12"]], r"<U2 of \(1, 1\)"),
    "several lengths": ([[1, 2], [3]], "rows of several lengths"),
    "seconds": (GOOD * u.s, "counts is in 's', it must be in 'electron'"),
    "a shape that does not fit": (np.zeros((50, 50), int), r"\(50, 50\) does not divide among the amplifiers"),
}


def refusal(*arguments, **how):
    with pytest.raises(UsageError) as refused:
        ob.simulate_l1(*arguments, **{"seed": 1, **how})
    assert "\n" not in str(refused.value)
    assert len(str(refused.value)) < 250
    return refused


@pytest.mark.parametrize(("counts", "message"), BAD.values(), ids=BAD)
def test_counts_that_are_none_are_refused(counts, message):
    refusal(counts, 4).match(message)


PATTERNS = {
    "unknown table": (99, "no multi-accumulation table 99, known: 3, 4"),
    "half a table": (4.5, r"the pattern is 4.5; it must be a ReadPattern"),
    "nothing": (None, "the pattern is None; it must be"),
    "a flat list": ([1, 2, 3], r"the pattern is \[1, 2, 3\].*such as \[\[1\], \[2, 3\]\]"),
    "no resultant": ([], "there must be a resultant"),
    "no read": ([[1], []], "at least one read"),
    "falling reads": ([[2], [1]], "must rise"),
    "unknown name": ("FOO", "'FOO': must look like"),
    "a name of no length": ("SHALLOW4", "give the groups"),
}


@pytest.mark.parametrize(("pattern", "message"), PATTERNS.values(), ids=PATTERNS)
def test_patterns_that_are_none_are_refused(pattern, message):
    refusal(GOOD, pattern).match(message)


def test_detectors_that_have_no_ramp_are_refused():
    refusal(GOOD, 4, detector="generic_ccd").match("'generic_ccd' is not read up the ramp")
    refusal(GOOD, 4, detector="roman_wfj").match("did you mean 'roman_wfi'")
    refusal(GOOD, 4, threads=0).match("threads is 0")


def test_a_detector_with_maps_is_not_resized():
    detector = SMALL.with_effect(SMALL.effect("read_noise").replace(sigma=np.full((128, 128), 9.0)))
    refusal(GOOD, 4, detector=detector).match("read_noise.sigma is a map of .*, it cannot be resized")
    assert ob.simulate_l1(np.zeros((128, 128), int), 4, seed=1, detector=detector).shape == (1, 9, 128, 128)


@pytest.mark.parametrize("kind", [np.int16, np.uint16, np.int32, np.uint64, np.float32, np.float64, list])
def test_any_kind_of_whole_numbers_is_the_same(kind):
    expected = ob.simulate_l1(GOOD, 3, seed=1)
    given = GOOD.tolist() if kind is list else GOOD.astype(kind)
    assert ob.simulate_l1(given, 3, seed=1).digest() == expected.digest()
    assert ob.simulate_l1(GOOD * u.electron, 3, seed=1).digest() == expected.digest()


@pytest.mark.parametrize("order", ["F", "strided", "read-only"])
def test_any_layout_in_memory_is_the_same_and_stays_as_it_is(order):
    counts = {"F": np.asfortranarray(GOOD), "strided": np.repeat(GOOD, 2, axis=1)[:, ::2], "read-only": GOOD.copy()}[
        order
    ]
    counts.flags.writeable = False
    assert ob.simulate_l1(counts, 3, seed=1).digest() == ob.simulate_l1(GOOD, 3, seed=1).digest()


@pytest.mark.parametrize("pattern", [3, np.int64(3), "MA3", "ma3", ma_table(3), ma_table(3).reads,
                                     [list(map(int, group)) for group in ma_table(3).reads]])  # fmt: skip
def test_a_pattern_in_any_form_is_the_same(pattern):
    frame = ob.simulate_l1(GOOD, pattern, seed=1)
    assert frame.exposure.pattern == ma_table(3)
    assert frame.digest() == ob.simulate_l1(GOOD, 3, seed=1).digest()


def test_lists_of_reads_have_the_time_of_the_detector():
    frame = ob.simulate_l1(np.zeros((128, 128), int), [[1], [2]], seed=1, detector="jwst_nircam")
    assert frame.exposure.pattern.read_time == Detector.load("jwst_nircam").readout.read_time
    assert frame.exposure.detector == "jwst_nircam"


def test_counts_of_the_inner_part_go_inside_the_border():
    """4088 x 4088 of 4096 x 4096; here 120 of 128."""
    detector = bare("adc", shape=(128, 128), border=True)
    counts = np.random.default_rng(1).integers(1, 60000, (120, 120))
    frame = ob.simulate_l1(counts, [[1], [2]], seed=1, detector=detector)
    np.testing.assert_array_equal(frame.data[0, -1, 4:-4, 4:-4], counts)
    border = np.pad(np.zeros((120, 120), bool), 4, constant_values=True)
    assert not frame.data[..., border].any()


def test_the_border_collects_nothing_of_counts_of_the_whole_sensor():
    detector = bare("adc", shape=(128, 128), border=True)
    frame = ob.simulate_l1(np.full((128, 128), 500), [[1], [2]], seed=1, detector=detector)
    assert (frame.data[0, -1, 4:-4, 4:-4] == 500).all()
    assert frame.data[0, -1].sum() == 500 * 120**2


def test_the_border_has_the_noise_of_the_others_but_no_charge():
    raw = ob.simulate_l1(np.full((120, 120), 20000), [[1], [2]], seed=1, detector=SMALL).data[0, -1].astype(float)
    border = np.concatenate([raw[:4].ravel(), raw[-4:].ravel(), raw[4:-4, :4].ravel(), raw[4:-4, -4:].ravel()])
    noise = np.sqrt((10.0**2 + 8.0**2) / 4 + 1 / 12)
    assert abs(border.mean() - 5000.0) < 5 * noise / np.sqrt(border.size)
    assert abs(border.std() / noise - 1) < 5 / np.sqrt(2 * border.size)


@pytest.mark.parametrize("rows", [1, 15, 16, 17, 31, 32, 33])
def test_any_number_of_rows_can_be_simulated(rows):
    counts = electrons(300.0, (rows, 24))
    detector = bare("adc", shape=(rows, 24))
    np.testing.assert_array_equal(ob.simulate_l1(counts, [[1], [2]], seed=1, detector=detector).data[0, -1], counts)
    everything = ROMAN.replace(geometry=detector.geometry)
    assert ob.simulate_l1(counts, 3, seed=1, detector=everything, threads=3).shape == (1, 5, rows, 24)


def test_what_is_known_of_the_exposure_is_kept_and_its_pattern_is_not():
    known = ob.Exposure("b7", pattern=ob.ReadPattern.even(3), start="2027-05-01T12:00:00", filter="F158")
    exposure = ob.simulate_l1(GOOD, 3, seed=1, exposure=known).exposure
    assert (exposure.id, exposure.filter, exposure.start) == ("b7", "F158", "2027-05-01T12:00:00")
    assert exposure.pattern == ma_table(3)
    assert exposure.exposure_time == pytest.approx(18 * 3.16247)
