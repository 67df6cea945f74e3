"""``obverse validate``: patterns compared and suggested, as a person types it."""

from __future__ import annotations

from pathlib import Path

import pytest
from astropy.table import Table

import obverse as ob
from obverse.jobs.designing import patterns_of
from tests.use.test_command_line import run

SMALL = ("--shape", "64x64", "--flux", "1:100")


def test_patterns_side_by_side_in_a_table_and_a_picture(tmp_path: Path) -> None:
    out = tmp_path / "a.ecsv"
    words = ("validate", "roman_wfi", "--pattern", "MA4", "--pattern", "ma110", *SMALL, "-o", out)
    code, text, message = run(*words)
    assert (code, message) == (0, "")
    assert "MA4 x 9" in text
    assert "MA110 x 16" in text
    assert "[electron/s]" in text
    assert (tmp_path / "a.png").read_bytes()[:4] == b"\x89PNG"
    table = Table.read(out)
    assert set(table["pattern"]) == {"MA4 x 9", "MA110 x 16"}
    assert str(table["error"].unit) == "electron / s"
    assert table.meta["MA4 x 9"]["saturation_last_read"] > 100
    before = [(tmp_path / name).read_bytes() for name in ("a.ecsv", "a.png")]
    assert run(*words)[0] == 1  # never replaced unasked
    assert run(*words, "--overwrite")[0] == 0
    assert [(tmp_path / name).read_bytes() for name in ("a.ecsv", "a.png")] == before


def test_groups_and_names_make_a_grid_of_patterns() -> None:
    made = patterns_of(ob.Detector.load("jwst_nircam"), ["RAPID", "4,1"], [3, 5])
    assert list(made) == ["RAPID x 3", "RAPID x 5", "4,1 x 3", "4,1 x 5"]
    assert made["4,1 x 5"] == ob.ReadPattern.even(5, 4, 1, 10.73677)


def test_a_measured_belief_can_calibrate(tmp_path: Path) -> None:
    belief = ob.Detector.load("generic_h2rg")
    wrong = belief.with_effect(belief.effect("gain").replace(gain=[2.255, 2.2, 2.31, 2.277]))
    wrong.save(tmp_path / "belief.toml")
    words = ("validate", "generic_h2rg", "--groups", 5, *SMALL, "-o", tmp_path / "a.csv")
    assert run(*words, "--detector", tmp_path / "belief.toml", "--estimator", "ols")[0] == 0
    table = Table.read(tmp_path / "a.csv")
    assert table["bias"][-1] == pytest.approx(10.0, rel=0.05)  # gains that are 10 % too high


def test_suggestions_are_ranked_and_written(tmp_path: Path) -> None:
    words = ("validate", "jwst_nircam", "--suggest", "--flux", "0.05:20", "--time", 1000)
    code, text, _ = run(*words, "-o", tmp_path / "a.csv")
    assert code == 0
    assert text.index("RAPID") < text.index("DEEP8")
    table = Table.read(tmp_path / "a.csv")
    assert list(table["merit"]) == sorted(table["merit"])
    assert max(Table.read(tmp_path / "a.csv")["groups"]) > 10
    run(*words, "--groups", 10, "--pattern", "rapid", "-o", tmp_path / "b.csv")
    assert max(Table.read(tmp_path / "b.csv")["groups"]) == 10


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("generic_ccd",), "is read once: it has no read patterns"),
        (("roman_wfi", "--pattern", "MA99"), "MA110"),
        (("roman_wfi", "-o", "a.txt"), "must end in .ecsv"),
        (("roman_wfi", "--estimator", "olss"), "did you mean 'ols'"),
        (("roman_wfi", "--time", 3, "--by", "worst", "--saturating"), "--time, --saturating, --by: only --suggest"),
        (("roman_wfi", "--suggest", "--estimator", "ols"), "--estimator: a suggestion makes no trials"),
        (("roman_wfi", "--suggest", "--shape", "64x64", "--detector", "x"), "--detector, --shape: a suggestion"),
        (("roman_wfi", "--shape", "0x0"), "with at least one row"),
        (("roman_wfi", "--suggest", "--flux", "1:2", "--time", "inf"), "must be a number above 0"),
        (("roman_wfi", "--suggest"), "needs --flux LOW:HIGH"),
        (("roman_wfi", "--suggest", "--flux", "1:2", "--time", 3), "fits into 3.0 s"),
        (("roman_wfi", "--suggest", "--flux", "1:2", "--time", 300, "--pattern", "MA99"), "MA110"),
        (("roman_wfi", "--flux", "2:1"), "must rise"),
        (("roman_wfi", "--flux", "2"), "must look like 0.1:100"),
        (("roman_wfi", "--pattern", "MA3", "--detector", "generic_ccd"), "fits no ramps"),
    ],
)
def test_a_wrong_call_is_one_line(words: tuple[object, ...], says: str, tmp_path: Path) -> None:
    code, _, message = run("validate", *words)
    assert code == 2
    assert says in message
    assert "Traceback" not in message


def test_simulate_takes_a_table_of_roman_by_name(tmp_path: Path) -> None:
    words = ("simulate", "roman_wfi", "--flat", 5, "--shape", "64x64", "-o", tmp_path / "a.fits")
    assert run(*words, "--pattern", "MA4")[0] == 0
    assert ob.read(tmp_path / "a.fits").exposure.pattern == ob.ReadPattern.named("MA4")
    code, _, message = run(*words, "--pattern", "MA4", "--groups", 12, "--overwrite")
    assert code == 2
    assert "has 9 resultants" in message
