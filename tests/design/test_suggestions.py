"""Which pattern to take: candidates that fit, a figure of merit by hand, and nothing that saturates unasked."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_allclose

import obverse as ob
from obverse import Detector, ReadPattern
from obverse.design import Sensor, candidates, expected, suggest
from obverse.design.candidates import names_for

NIRCAM = Detector.load("jwst_nircam")
ROMAN = Detector.load("roman_wfi")


@pytest.mark.parametrize("seconds", [25.0, 100.0, 1000.0])
def test_candidates_fit_into_the_time_and_no_group_more_does(seconds):
    read = NIRCAM.readout.read_time
    found = list(candidates(NIRCAM, seconds))
    assert found or seconds < 32
    for each in found:
        end, n = each.pattern.times[-1][-1], each.integrations
        assert n * (end + read) <= seconds * (1 + 1e-9)
        assert (n + 1) * (end + read) > seconds
        longer = ReadPattern.named(each.name, len(each.pattern) + 1, read)
        assert n * (longer.times[-1][-1] + read) > seconds * (1 - 1e-9)
    assert len({(each.name, len(each.pattern)) for each in found}) == len(found)


def test_every_table_that_fits_is_tried():
    names = {each.name for each in candidates(ROMAN, 2000.0)}
    assert names == set(names_for(ROMAN))
    assert {each.name for each in candidates(ROMAN, 100.0)} == {"MA3"}


def test_groups_limit_the_length_of_a_ramp():
    assert max(len(each.pattern) for each in candidates(NIRCAM, 1000.0, groups=10)) == 10


def test_the_merit_by_hand():
    # two fluxes nine steps apart: take the range so small that all nine are one
    table = suggest(NIRCAM, 10.0, 10.0 * (1 + 1e-9), 400.0, names=["RAPID"])
    row = next(row for row in table if row["ramps"] == 2)
    pattern = ReadPattern.named("RAPID", int(row["groups"]), NIRCAM.readout.read_time)
    one = expected(pattern, 10.0, NIRCAM)[0]
    error = one["error"] / np.sqrt(2 * (1 - one["hit_loss"]))
    assert_allclose([row["merit"], row["worst"]], error / np.sqrt(10.0 / 400.0), rtol=1e-6)
    assert_allclose([row["error_low"], row["error_high"]], error, rtol=1e-6)
    assert row["resultants"] == 2 * row["groups"]
    assert_allclose(row["volume"], 2 * row["groups"] * 2048**2 * 2e-6)


def test_the_best_comes_first_and_no_detector_beats_its_photons():
    for by in ("merit", "worst"):
        table = suggest(NIRCAM, 0.05, 20.0, 1000.0, by=by)
        assert (np.diff(table[by]) >= 0).all()
        assert (table["worst"] >= table["merit"]).all()
        assert (table["merit"] > 1).all()


def test_faint_light_wants_many_reads_and_bright_light_many_ramps():
    faint, bright = suggest(NIRCAM, 0.01, 0.1, 1000.0)[0], suggest(NIRCAM, 100.0, 1000.0, 1000.0)[0]
    assert (faint["pattern"], faint["ramps"]) == ("RAPID", 1)  # every frame is kept
    assert bright["ramps"] > 5


def test_what_saturates_is_left_out_unless_asked_for():
    limit = Sensor.of(NIRCAM).limit
    table = suggest(NIRCAM, 1.0, 1000.0, 1000.0)
    assert (table["saturation"] > 1000.0).all()
    assert (table["ramp_time"] < limit / 1000.0).all()
    more = suggest(NIRCAM, 1.0, 1000.0, 1000.0, saturating=True)
    assert len(more) > len(table)
    assert np.isfinite(more["merit"]).all()
    with pytest.raises(ob.UsageError, match="every pattern saturates below 50000 electron/s; RAPID with 2 "):
        suggest(NIRCAM, 1.0, 5e4, 1000.0)


@pytest.mark.parametrize(
    ("low", "high", "seconds", "by", "says"),
    [
        (1.0, 0.5, 100.0, "merit", "make no sense"),
        (0.0, 0.5, 100.0, "merit", "make no sense"),
        (1.0, 2.0, 1.0, "merit", "fits into 1.0 s"),
        (1.0, 2.0, 100.0, "best", "not by 'best'"),
    ],
)
def test_wishes_that_nothing_fulfils(low, high, seconds, by, says):
    with pytest.raises(ob.UsageError, match=says):
        suggest(NIRCAM, low, high, seconds, by=by)
