"""What level 2 holds beside the rate, and the files that hold it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from astropy.io import fits
from click.testing import CliRunner
from numpy.testing import assert_allclose, assert_array_equal

import obverse as ob
from obverse import Exposure, Flag, Frame, ReadPattern, cli
from obverse.errors import UsageError
from obverse.io.roman_image import _half
from obverse.ma_tables import ma_table
from obverse.readout.uniform import uniform_minus_optimal, uniform_weights
from tests.level2.simulating import drawn_belief, science, true_wfi

_AXES = ("integration", "resultant", "row", "column")


def run(*words: object) -> tuple[int, str]:
    """Run the command line in this process: exit code, and all that it said."""
    code = 0
    with CliRunner().isolation() as streams:
        try:
            cli.main([str(word) for word in words])
        except SystemExit as end:
            code = int(end.code or 0)
        return code, streams[0].getvalue().decode() + streams[1].getvalue().decode()


@pytest.fixture(scope="module")
def image() -> Frame:
    return drawn_belief().calibrate(true_wfi().expose(20.0, science("p01"), seed=2))


# -- uniform minus optimal -------------------------------------------------------------------------------------


@pytest.mark.parametrize("table", [3, 9, 110])
def test_uniform_weights_are_those_of_a_line_through_all_reads(table):
    pattern = ma_table(table)
    reads = np.concatenate(pattern.times)
    value = np.random.default_rng(1).normal(size=len(pattern))
    each = np.repeat(value, [len(group) for group in pattern.times])
    # reads of a resultant stand at its mean time: so the mission's formula has it, N_k (N t_k - sum N t) / ...
    line = np.polyfit(np.repeat(pattern.tbar, pattern.n_reads), each, 1)
    assert uniform_weights(pattern) @ value == pytest.approx(line[0], rel=1e-9)
    assert len(reads) == pattern.n_reads.sum()


def ramps(counts: Any, pattern: ReadPattern) -> Frame:
    return Frame(np.asarray(counts, "f4")[None], "electron", _AXES, exposure=Exposure("r", pattern=pattern))


def test_a_straight_ramp_has_none_and_a_bent_one_has_what_is_bent():
    pattern = ma_table(110)
    tbar = pattern.tbar[:, None, None]
    straight = 3.0 * tbar + 7.0 + np.zeros((1, 2, 2))
    made = uniform_minus_optimal(ramps(straight, pattern), np.full((2, 2), 3.0))
    assert_allclose(made.data, 0.0, atol=1e-5)
    hand = ramps([[[0.0]], [[4.0]], [[4.0]]], ReadPattern.even(3, frame_time=2.0))  # a line through 0, 4, 4 rises by 1
    assert uniform_minus_optimal(hand, np.array([[0.25]])).data == pytest.approx(0.75)
    full = ramps(np.minimum(straight, 200.0), pattern).flagged(np.ones((1, 16, 2, 2), bool), Flag.SATURATED)
    assert (uniform_minus_optimal(full, np.full((2, 2), 3.0)).data < -0.5).all()  # whatever the flags say


def test_it_needs_a_pattern():
    with pytest.raises(UsageError, match="pattern"):
        uniform_minus_optimal(ramps(np.zeros((3, 1, 1)), ReadPattern.even(3)).replace(exposure=Exposure("x")), 0.0)


def test_it_tells_hit_pixels(image):
    off = image.companions["uniform_minus_optimal"].data / image.error
    good = ~image.unusable()
    hit = good & ((image.pixel_flags & Flag.JUMP_DET) != 0)
    assert off[good & ~hit].std() < 1.0
    assert off[hit].std() > 5 * off[good & ~hit].std()


# -- half precision --------------------------------------------------------------------------------------------


def test_half_precision_stays_finite_and_above_nothing():
    made = _half(np.array([1e9, 1e-12, 0.0, np.nan, np.inf, -1e9]))
    assert made.dtype == np.float16
    assert_array_equal(made, np.array([65504.0, 6e-8, 0.0, np.nan, 65504.0, -65504.0], np.float16))


# -- files -----------------------------------------------------------------------------------------------------


def test_our_own_file_holds_all_and_reads_back_equal(image, tmp_path):
    ob.write(image, tmp_path / "p01_cal.fits")
    again = ob.read(tmp_path / "p01_cal.fits")
    assert again == image
    assert again.companions["chi2"] == image.companions["chi2"]
    assert sorted(again.variances or {}) == ["flat", "poisson", "read"]
    assert again.shared == image.shared


def test_others_find_its_planes_by_name(image, tmp_path):
    ob.write(image, tmp_path / "p01_cal.fits")
    with fits.open(tmp_path / "p01_cal.fits", checksum=True) as found:
        assert_array_equal(found["SCI"].data, image.data)
        assert_array_equal(found["ERR"].data, image.error)
        assert_array_equal(found["PIXEL_FLAGS"].data, image.pixel_flags)
        for name, plane in (image.variances or {}).items():
            assert_array_equal(found[f"VAR_{name.upper()}"].data, plane)
        chi2 = [unit for unit in found if unit.name == "CHI2"]
        assert_array_equal(chi2[0].data, image.companions["chi2"].data)
        assert found["SCI"].header["BUNIT"] == "electron/s"


def test_the_command_line_writes_either(tmp_path: Path):
    raw = true_wfi().expose(20.0, science("p02"), seed=2)
    ob.write(raw, tmp_path / "p02_uncal.asdf")
    drawn_belief().save(tmp_path / "belief.toml")
    words = ("calibrate", tmp_path / "p02_uncal.asdf", "--detector", tmp_path / "belief.toml", "-o", tmp_path / "out")
    for more, name in (((), "p02_cal.asdf"), (("--fits",), "p02_cal.fits")):
        code, said = run(*words, *more)
        assert (code, name in said) == (0, True), said
    theirs, ours = (ob.read(tmp_path / "out" / name) for name in ("p02_cal.asdf", "p02_cal.fits"))
    inside = (slice(4, -4),) * 2
    gain = np.asarray(drawn_belief().effect("gain").gain)[drawn_belief().geometry.amplifier_map][inside]
    good = ~theirs.unusable()
    assert_allclose(theirs.data[good], (ours.data[inside] / gain)[good], rtol=1e-5)
    assert_array_equal(good, ~ours.unusable()[inside])
    for name in ("chi2", "uniform_minus_optimal"):
        scale = 1.0 if name == "chi2" else gain[good]
        whole = ours.companions[name].data[inside][good] / scale
        assert_allclose(theirs.companions[name].data[good], whole, rtol=2e-3, atol=1e-6)


def test_two_files_that_would_be_one_of_ours_are_refused(tmp_path: Path):
    raw = true_wfi().expose(20.0, science("p03"), seed=2)
    ob.write(raw, tmp_path / "p03_uncal.asdf")
    ob.write(raw, tmp_path / "p03_raw.fits")
    words = ("calibrate", tmp_path / "p03_uncal.asdf", tmp_path / "p03_raw.fits", "-o", tmp_path / "out", "--fits")
    code, said = run(*words)
    assert (code, "would both write p03_cal.fits" in said) == (2, True), said
