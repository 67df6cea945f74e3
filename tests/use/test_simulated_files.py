"""Files that we simulate for a mission are calibrated as what they are: the whole of a smaller detector."""

from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits

import obverse as ob
from obverse.flags import Flag
from obverse.io import setup_of
from tests.io import jwst_files as jf
from tests.use.test_command_line import run

LIGHT = 100.0  # electron/s: a pull by an error that is itself estimated has a mean of -1 / (2 sqrt(electrons))
NAMES = ["jwst_nircam", "jwst_nircam_long", "jwst_miri", "roman_wfi"]
NIRCAM = ("simulate", "jwst_nircam", "--flat", LIGHT, "--shape", "64x64")


@pytest.mark.parametrize("name", NAMES)
def test_a_small_simulated_detector_is_no_corner_of_the_real_one(tmp_path: Path, name: str) -> None:
    raw = tmp_path / ("a_uncal.asdf" if name == "roman_wfi" else "a_uncal.fits")
    assert run("simulate", name, "--flat", LIGHT, "--shape", "128x128", "-o", raw)[0] == 0
    code, text, _ = run("calibrate", raw, "-o", tmp_path / "out")
    assert code == 0
    rate = ob.read(tmp_path / "out" / text.splitlines()[0])
    detector = ob.Detector.load(name)
    lit = detector.resized((128, 128)).geometry.sensitive
    if name == "roman_wfi":  # whose images have no border
        lit = np.ones(rate.shape, bool)
        assert rate.shape == (120, 120)
    else:
        assert (((rate.pixel_flags & np.uint32(Flag.REFERENCE_PIXEL)) != 0) == ~lit).all()
    assert (rate.unusable() | lit).all()
    good = lit & ~rate.unusable()
    assert good.sum() > 0.99 * lit.sum()
    gain = detector.effect("gain").gain
    pull = ((rate.data * gain - LIGHT) / (rate.error * gain))[good]
    assert abs(pull.mean()) + 3 / np.sqrt(pull.size) < 0.05
    assert abs(pull.std() - 1.0) + 3 / np.sqrt(2 * pull.size) < 0.05


def test_a_real_subarray_of_that_name_stays_a_part_of_the_detector(tmp_path: Path) -> None:
    run(*NIRCAM, "-o", tmp_path / "a_uncal.fits")
    with fits.open(tmp_path / "a_uncal.fits") as units:
        for unit in units:
            unit.header.remove("CHECKSUM")
        assert units[0].header["SUBARRAY"] == "GENERIC"
        del units[0].header["DETNAME"]
        units.writeto(tmp_path / "real_uncal.fits")
    assert setup_of(ob.read(tmp_path / "real_uncal.fits")).section.rows == (0, 64)
    assert setup_of(ob.read(tmp_path / "a_uncal.fits")).section is None


def test_references_of_the_real_detector_are_not_cut_for_a_smaller_one(tmp_path: Path) -> None:
    run(*NIRCAM, "-o", tmp_path / "a_uncal.fits")
    whole = jf.reference(tmp_path, "gain", np.full((2048, 2048), 2.05, np.float32))
    code, _, message = run("calibrate", tmp_path / "a_uncal.fits", "--reference", whole, "-o", tmp_path / "out")
    assert code == 1
    assert "simulates a detector of 64 x 64: give references of that size" in message
    small = jf.reference(tmp_path, "gain", np.full((64, 64), 2.05, np.float32), name="small.fits")
    assert run("calibrate", tmp_path / "a_uncal.fits", "--reference", small, "-o", tmp_path / "out")[0] == 0


def test_the_command_line_takes_pattern_integrations_filter_and_kind(tmp_path: Path) -> None:
    words = ("--groups", 5, "--pattern", "shallow4", "--integrations", 2, "--filter", "F200W", "--kind", "dark")
    code, text, _ = run(*NIRCAM, *words, "--id", "night3", "-o", tmp_path / "a_uncal.fits")
    assert (code, text.endswith("(2, 5, 64, 64) uint16 [DN]\n")) == (0, True)
    header = fits.getheader(tmp_path / "a_uncal.fits")
    said = ("READPATT", "NINTS", "NGROUPS", "NFRAMES", "GROUPGAP", "FILTER", "EXP_TYPE", "SEED", "DETNAME", "EXPID")
    told = ("SHALLOW4", 2, 5, 4, 1, "F200W", "NRC_DARK", "1", "jwst_nircam", "night3")
    assert tuple(header[key] for key in said) == told
    frame = ob.read(tmp_path / "a_uncal.fits")
    exposure = frame.exposure
    assert (exposure.id, exposure.kind, exposure.filter, exposure.integrations) == ("night3", "dark", "F200W", 2)
    # JWST User Documentation, NIRCam Detector Readout: (5 - 1) x 5 + 4 frames of 10.73677 s
    assert header["EFFINTTM"] == pytest.approx(24 * 10.73677)
    assert header["EFFEXPTM"] == pytest.approx(2 * 24 * 10.73677)


def test_the_same_numbers_whatever_the_format(tmp_path: Path) -> None:
    for name in ("a.fits", "a_uncal.fits"):
        run(*NIRCAM, "--id", "a", "--pattern", "2,1", "-o", tmp_path / name)
    ours, theirs = ob.read(tmp_path / "a.fits"), ob.read(tmp_path / "a_uncal.fits")
    np.testing.assert_array_equal(ours.data, theirs.data)
    assert ours.exposure.pattern == theirs.exposure.pattern


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("jwst_nircam", "--pattern", "4"), "must look like 4,1 or be one of RAPID"),
        (("jwst_nircam", "--pattern", "0,1"), "must look like 4,1"),
        (("jwst_nircam", "--time", 4), "it takes --groups, not --time"),
        (("generic_ccd", "--time", 4, "--integrations", 2), "is read once"),
    ],
)
def test_patterns_that_make_no_sense_are_refused(tmp_path: Path, words: tuple[str, ...], says: str) -> None:
    code, _, message = run("simulate", *words, "--flat", 1, "-o", tmp_path / "x.fits")
    assert code == 2
    assert says in message


def test_a_stopped_product_goes_on_to_the_rate_of_the_mission(tmp_path: Path) -> None:
    raw = tmp_path / "a_uncal.fits"
    run(*NIRCAM, "--integrations", 2, "-o", raw)
    assert run("calibrate", raw, "-o", tmp_path / "once")[0] == 0
    code, text, _ = run("calibrate", raw, "--until", "gain", "-o", tmp_path / "twice")
    assert (code, text.strip()) == (0, str(tmp_path / "twice" / "a_cal.fits"))
    code, text, _ = run("calibrate", tmp_path / "twice" / "a_cal.fits", "-o", tmp_path / "twice")
    assert (code, [Path(line).name for line in text.splitlines()]) == (0, ["a_rate.fits", "a_rateints.fits"])
    for name in ("a_rate.fits", "a_rateints.fits"):
        with fits.open(tmp_path / "once" / name) as one, fits.open(tmp_path / "twice" / name) as two:
            differ = fits.FITSDiff(one, two, ignore_keywords=["INPUT", "INSHA", "CHECKSUM", "DATASUM"])
            assert differ.identical, differ.report()


def test_show_says_what_our_products_of_jwst_are(tmp_path: Path) -> None:
    run(*NIRCAM, "--groups", 6, "-o", tmp_path / "a_uncal.fits")
    assert run("calibrate", tmp_path / "a_uncal.fits", "--estimator", "ols", "--save-opt", "-o", tmp_path)[0] == 0
    _, text, _ = run("show", tmp_path / "a_rate.fits")
    assert text.startswith("a: science exposure, 64.42062 s, detector NIRCAM/NRCA1")
    done = text.partition("undone here: ")[2].splitlines()[0].split(", ")
    assert set(done) <= set(ob.Detector.load("jwst_nircam").steps)
    assert {"cosmic_rays", "snowballs", "dark_current"} <= set(done)
    code, text, _ = run("show", tmp_path / "a_fitopt.fits")
    assert code == 0
    assert "SLOPE" in text
    assert "[(DN/s)-2]" in text
    with pytest.raises(ob.DataError, match=r"fitted to each segment .* read a_rate.fits or a_rateints.fits"):
        ob.read(tmp_path / "a_fitopt.fits")


def test_a_simulation_for_roman_does_not_claim_to_know_when_it_began(tmp_path: Path) -> None:
    words = ("--flat", LIGHT, "--shape", "64x64", "--groups", 3, "--pattern", "2,1", "-o", tmp_path / "a.asdf")
    assert run("simulate", "roman_wfi", *words)[0] == 0
    exposure = ob.read(tmp_path / "a.asdf").exposure
    assert exposure.start is None
    assert exposure.pattern == ob.ReadPattern.even(3, 2, 1, 3.16247)


@pytest.mark.parametrize("words", [(), ("detectors",)])
def test_show_alone_lists_the_detectors(words: tuple[str, ...]) -> None:
    code, text, _ = run("show", *words)
    assert code == 0
    assert [line.split()[0] for line in text.splitlines()[1:]] == sorted(
        ["corgi_excam", "esis", "generic_ccd", "generic_h2rg", "hst_wfc3_ir", *NAMES]
    )


def edited(path: Path, name: str, **changes: str | None) -> Path:
    """Return a copy with other keywords in its first unit."""
    with fits.open(path) as units:
        for unit in units:
            unit.header.remove("CHECKSUM")
        for key, value in changes.items():
            units[0].header.remove(key)
            if value is not None:
                units[0].header[key] = value
        units.writeto(path.with_name(name))
    return path.with_name(name)


def test_a_detector_nobody_knows_is_not_taken_for_another(tmp_path: Path) -> None:
    run(*NIRCAM, "-o", tmp_path / "a_uncal.fits")
    path = edited(tmp_path / "a_uncal.fits", "b_uncal.fits", DETECTOR="NRCX9")
    code, _, message = run("calibrate", path, "-o", tmp_path / "out")
    assert code == 1
    line, count = message.strip().splitlines()
    assert "'NIRCAM/NRCX9', known of NIRCAM are NRCA1, " in line
    assert "--detector" in line
    assert count == "0 calibrated, 1 failed"
    assert run("calibrate", path, "--detector", "jwst_nircam", "-o", tmp_path / "out")[0] == 0


def test_a_ramp_without_its_telescope_says_so(tmp_path: Path) -> None:
    run(*NIRCAM, "-o", tmp_path / "a_uncal.fits")
    path = edited(tmp_path / "a_uncal.fits", "b_uncal.fits", TELESCOP=None)
    code, _, message = run("calibrate", path, "-o", tmp_path / "out")
    assert code == 1
    assert "b_uncal.fits: PRIMARY/TELESCOP: missing" in message
    assert run("calibrate", path, "--set", "TELESCOP=JWST", "-o", tmp_path / "out")[0] == 0
