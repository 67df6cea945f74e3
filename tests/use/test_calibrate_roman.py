"""A Roman exposure through the command line: simulated as level 1, calibrated to level 2."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

import obverse as ob
from obverse import cli
from obverse.effects.nonlinearity import Nonlinearity
from obverse.io.asdf_door import open_asdf
from obverse.io.asdf_writer import write_asdf
from obverse.io.roman_cargo import BORDER
from tests.io.roman_making import tagged

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


def test_no_superbias_is_missed_where_the_mission_has_none(night: Path) -> None:
    _, said = run("calibrate", night / "r01_uncal.asdf", "-o", night / "again")
    assert (
        "no reference for gain, readnoise, linearity, saturation, dark, flat, darkdecaysignal: the typical values"
        in said
    )


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


def test_the_jumps_are_listed_where_the_segments_are_asked_for(night: Path) -> None:
    words = ("calibrate", night / "r01_uncal.asdf", "-o", night / "opt", "--estimator", "casertano", "--save-opt")
    code, said = run(*words)
    assert code == 0, said
    with open_asdf(night / "opt" / "r01_cal.asdf") as file:
        hits, dq = (file.read(file.tree["roman"][name]) for name in ("jump_indices", "dq"))
    assert hits.ndim == 2
    assert hits.shape[1] == 3
    resultant, row, column = hits.T
    assert resultant.min() >= 1  # a jump leads to a resultant: never to the first
    assert resultant.max() < 8
    listed = np.zeros(dq.shape, bool)
    listed[row, column] = True
    np.testing.assert_array_equal(listed, (dq & ob.Flag.JUMP_DET) != 0)
    assert listed.any()  # particles there were


# --- straightening, with a reference of the observatory's kind ---

BRIGHT = 1500.0
SIZE = (128, 128)
BEND = 2e-6
ASIDE = ("interpixel_capacitance", "cosmic_rays", "nonlinearity")  # it gets a bend of its own


def bent() -> ob.Detector:
    """Return a detector whose response bends by some 7 % at the end of the ramp, on a level of its own a pixel."""
    detector = ob.Detector.load("roman_wfi").resized(SIZE).without(*ASIDE)
    level = np.random.default_rng(3).normal(7000.0, 300.0, SIZE)
    line = Nonlinearity(coefficients=[BEND], maximum=1e5)
    at = [effect.name for effect in detector.effects].index("read_noise")
    steps = [word for step in detector.steps for word in ((step, "nonlinearity") if step == "gain" else (step,))]
    effects = (*detector.effects[:at], line, *detector.effects[at:])
    detector = detector.replace(effects=effects, steps=tuple(steps))
    return detector.with_effect(detector.effect("bias").replace(level=level))


def write_linearity(folder: Path, detector: ob.Detector) -> Path:
    """Write the polynomials of the counts as they are, level and all: those of Roman."""
    gain, level = detector.effect("gain").gain, detector.effect("bias").level
    second = BEND * gain
    coefficients = np.stack([-level + second * level**2, 1.0 - 2.0 * second * level, np.full(SIZE, second)])
    said = {"reftype": "LINEARITY", "instrument": {"name": "WFI", "detector": "WFI01"}}
    entries = {"meta": said, "coeffs": coefficients.astype(np.float32), "dq": np.zeros(SIZE, np.uint32)}
    write_asdf(folder / "linearity.asdf", {"roman": tagged(entries, "linearity")})
    return folder / "linearity.asdf"


def test_a_bent_response_is_straightened_whatever_the_level(tmp_path: Path) -> None:
    truth = bent()
    exposure = ob.Exposure("r02", pattern=ob.ReadPattern.even(8, frame_time=3.16247))
    ob.write(truth.expose(BRIGHT, exposure, seed=9), tmp_path / "r02_uncal.asdf")
    typical = ob.Detector.load("roman_wfi").resized(SIZE).without(*ASIDE)
    typical.save(tmp_path / "typical.toml")
    words = ("calibrate", tmp_path / "r02_uncal.asdf", "--detector", tmp_path / "typical.toml", "-o", tmp_path)
    rates = []
    for more in ((), ("--reference", write_linearity(tmp_path, truth))):
        code, said = run(*words, *more, "--overwrite")
        assert code == 0, said
        image = ob.read(tmp_path / "r02_cal.asdf")
        rate = image.data[~image.unusable()] * truth.effect("gain").gain
        rates.append((rate.mean(), rate.std() / np.sqrt(rate.size)))
    (crooked, _), (mean, error) = rates
    assert crooked < 0.95 * BRIGHT  # what is at stake
    assert abs(mean - BRIGHT) + 3 * error < 5e-4 * BRIGHT
