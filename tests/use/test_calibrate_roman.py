"""A Roman exposure through the command line: simulated as level 1, calibrated to level 2."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

import obverse as ob
from obverse import cli
from obverse.io.roman_cargo import BORDER

RATE = 40.0


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
def night(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with a raw exposure, and its calibration in ``out``."""
    folder = tmp_path_factory.mktemp("roman")
    light = ("--flat", RATE, "--shape", "128x128", "--reads", 8)
    assert run("simulate", "roman_wfi", *light, "-o", folder / "r01_uncal.asdf")[0] == 0
    code, said = run("calibrate", folder / "r01_uncal.asdf", "-o", folder / "out")
    assert (code, "r01_cal.asdf" in said) == (0, True)
    return folder


def test_the_product_is_an_image_without_its_border(night: Path) -> None:
    image = ob.read(night / "out" / "r01_cal.asdf", level="calibrated")
    assert image.unit == "DN/s"
    assert image.shape == (128 - 2 * BORDER,) * 2


def test_the_rate_is_that_of_the_light(night: Path) -> None:
    image = ob.read(night / "out" / "r01_cal.asdf")
    gain = ob.Detector.load("roman_wfi").effect("gain").gain
    good = ~image.unusable()
    rate = image.data[good] * gain
    scatter = rate.std() / np.sqrt(rate.size)
    assert abs(rate.mean() - RATE) + 3 * scatter < 0.01 * RATE


def test_errors_are_those_of_the_scatter(night: Path) -> None:
    image = ob.read(night / "out" / "r01_cal.asdf")
    good = ~image.unusable() & ((image.pixel_flags & ob.Flag.JUMP_DET) == 0)
    pulls = (image.data - np.median(image.data[good]))[good] / np.asarray(image.error)[good]
    assert abs(pulls.std() - 1) + 3 / np.sqrt(2 * pulls.size) < 0.1


def test_the_record_says_how_it_was_made(night: Path) -> None:
    said = "\n".join(ob.read(night / "out" / "r01_cal.asdf").cargo.meta["cal_logs"])
    assert "DETNAME: roman_wfi" in said
    assert "INPUT: r01_uncal.asdf" in said


def test_a_product_is_not_calibrated_again(night: Path) -> None:
    code, said = run("calibrate", night / "out" / "r01_cal.asdf", "-o", night / "again")
    assert code == 1
    assert "calibrated already" in said


def test_a_product_is_not_overwritten_unasked(night: Path) -> None:
    code, said = run("calibrate", night / "r01_uncal.asdf", "-o", night / "out")
    assert (code, "exists already" in said) == (1, True)
    before = (night / "out" / "r01_cal.asdf").read_bytes()
    assert run("calibrate", night / "r01_uncal.asdf", "-o", night / "out", "--overwrite")[0] == 0
    assert (night / "out" / "r01_cal.asdf").read_bytes() == before  # same input, same bytes


def test_a_damaged_file_fails_alone(night: Path) -> None:
    raw = bytearray((night / "r01_uncal.asdf").read_bytes())
    raw[-5] ^= 0xFF
    (night / "bad_uncal.asdf").write_bytes(raw)
    code, said = run("calibrate", night / "bad_uncal.asdf", night / "r01_uncal.asdf", "-o", night / "two")
    assert code == 1
    assert "checksum" in said
    assert (night / "two" / "r01_cal.asdf").exists()
    assert not (night / "two" / "bad_cal.asdf").exists()


def test_show_says_what_it_is(night: Path) -> None:
    code, said = run("show", night / "r01_uncal.asdf")
    assert (code, "WFI" in said, "reference_output" in said) == (0, True, True)
