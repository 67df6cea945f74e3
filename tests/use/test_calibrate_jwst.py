"""From an uncal file to rates at the command line, with the references that an observer has."""

import os
import shutil
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits

import obverse as ob
from obverse import jobs, tiles
from obverse.chosen import detector_of
from obverse.geometry import Section
from obverse.jobs.twins import refuse_twins
from obverse.window import windowed
from tests.io import jwst_files as jf
from tests.use.test_command_line import run

PART = Section((0, 48), (480, 544))  # the seam of two outputs, with reference pixels below
LIGHT = 60.0  # electron/s


def truth() -> ob.Detector:
    """Return a detector that differs from the typical one in every number that a reference can tell."""
    part = windowed(ob.Detector.load("jwst_nircam"), PART)
    random = np.random.default_rng(11)
    changes = {
        "gain": {"gain": random.uniform(1.6, 1.8, PART.shape)},
        "bias": {"level": random.uniform(8000, 12000, PART.shape)},
        "read_noise": {"sigma": 9.0},
        "cosmic_rays": {"flux": 0.0},
        "dark_current": {"rate": 0.0},
    }
    for name, values in changes.items():
        part = part.with_effect(part.effect(name).replace(**values))
    return part


@pytest.fixture(scope="module")
def night(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with an uncal file of a subarray, and a folder of full references beside it."""
    folder = tmp_path_factory.mktemp("jwst")
    detector = truth()
    pattern = ob.ReadPattern.even(8, frame_time=10.73677)
    exposure = ob.Exposure("jw01", pattern=pattern, integrations=2)
    raw = detector.expose(LIGHT, exposure, seed=4)
    start = {"SUBSTRT1": PART.columns[0] + 1, "SUBSTRT2": PART.rows[0] + 1}
    jf.uncal(folder, raw.data, GROUPGAP=0, READPATT="RAPID", **start)
    crds = folder / "crds"
    crds.mkdir()
    gain = np.float32(detector.effect("gain").gain)
    jf.reference(crds, "gain", gain, **start)
    jf.reference(crds, "superbias", np.float32(detector.effect("bias").level), **start)
    jf.reference(crds, "readnoise", np.float32(9.0 * np.sqrt(2.0) / gain), **start)
    return folder


def rates(path: Path) -> fits.HDUList:
    return fits.HDUList.fromstring(path.read_bytes())


def test_an_uncal_file_becomes_a_rate_with_the_references_beside_it(night: Path, tmp_path: Path) -> None:
    uncal = night / "jw01_nrca1_uncal.fits"
    code, text, message = run("calibrate", uncal, "--reference", night / "crds", "-o", tmp_path)
    assert code == 0, message
    assert tmp_path / "jw01_nrca1_rate.fits" == Path(text.splitlines()[0])
    assert "no reference for linearity, saturation, dark" in message
    rate = rates(tmp_path / "jw01_nrca1_rate.fits")
    gain = truth().effect("gain").gain
    good = rate["DQ"].data == 0
    assert good[4:].mean() > 0.99
    assert not good[:4].any()  # reference pixels
    residual = (rate["SCI"].data * gain - LIGHT)[good]
    error = (rate["ERR"].data * gain)[good]
    # the typical straightening is that of the simulation; the typical dark, 0.0019 electron/s, is not
    assert abs(residual.mean()) < 4 * error.mean() / np.sqrt(good.sum()) + 0.0019
    assert (residual / error).std() == pytest.approx(1.0, abs=4 / np.sqrt(2 * good.sum()))
    done = {key for key, value in rate["PRIMARY"].header.items() if key.startswith("S_") and value == "COMPLETE"}
    assert done == {"S_SATURA", "S_SUPERB", "S_REFPIX", "S_LINEAR", "S_JUMP", "S_RAMP", "S_DARK"}
    assert rate["PRIMARY"].header["INPUT"] == "jw01_nrca1_uncal.fits"


def test_without_references_one_line_says_whose_numbers_were_used(night: Path, tmp_path: Path) -> None:
    code, _, message = run("calibrate", night / "jw01_nrca1_uncal.fits", "-o", tmp_path)
    assert code == 0
    lines = [line for line in message.splitlines() if "no reference for" in line]
    assert len(lines) == 1
    assert "superbias" in lines[0]
    assert "typical values of detector 'jwst_nircam' are used, good for a first look and for planning" in lines[0]
    code, _, _ = run("calibrate", night / "jw01_nrca1_uncal.fits", "-o", tmp_path, "--overwrite", "--strict")
    assert code == 3


@pytest.mark.parametrize("word", ["quarter", "half", "all", "3"])
def test_cores_change_no_bit(night: Path, tmp_path: Path, word: str) -> None:
    products = []
    for cores in ("none", word):
        out = tmp_path / cores
        words = ("calibrate", night / "jw01_nrca1_uncal.fits", "--maximum-cores", cores, "-o", out)
        assert run(*words)[0] == 0
        products.append({path.name: path.read_bytes() for path in out.iterdir()})
    assert products[0] == products[1]


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("--maximum-cores", "most"), "must be none, quarter, half, all or a whole number"),
        (("--maximum-cores", "half", "--workers", "2"), "say the same"),
        (("--reference", "nowhere.fits"), "nowhere.fits"),
    ],
)
def test_a_wrong_call_is_one_line_and_writes_nothing(
    night: Path, tmp_path: Path, words: tuple[str, ...], says: str
) -> None:
    code, _, message = run("calibrate", night / "jw01_nrca1_uncal.fits", "-o", tmp_path / "out", *words)
    assert code in (1, 2)
    assert says in message
    assert len(message.strip().splitlines()) == 1
    assert not (tmp_path / "out").exists()


def test_a_reference_of_another_detector_fails_the_file_with_one_line(night: Path, tmp_path: Path) -> None:
    wrong = jf.reference(tmp_path, "gain", np.ones((2048, 2048), np.float32), DETECTOR="NRCB3")
    words = ("calibrate", night / "jw01_nrca1_uncal.fits", "--reference", wrong, "-o", tmp_path / "out")
    code, _, message = run(*words)
    assert code == 1
    assert "is for 'NRCB3', the data are of 'NRCA1'" in message
    assert not (tmp_path / "out").exists()  # an empty directory would look like a product that went away


def test_uncal_and_ramp_of_one_exposure_would_write_one_product(night: Path, tmp_path: Path) -> None:
    uncal = night / "jw01_nrca1_uncal.fits"
    ramp = jf.ramp(tmp_path, jf.counts().astype(np.float32))
    code, _, message = run("calibrate", uncal, ramp, "-o", tmp_path / "out")
    assert code == 2
    assert "would both write" in message


def test_a_ramp_file_goes_on_where_the_pipeline_stopped(tmp_path: Path) -> None:
    slope = 3.0 * 21.47354  # 3 DN/s, every second frame kept
    data = np.float32(slope) * np.arange(1, 7, dtype=np.float32).reshape(1, 6, 1, 1) * np.ones((1, 6, 24, 32), "f4")
    groupdq = np.zeros(data.shape, np.uint8)
    data[0, 3:, 10, 10] += 500.0
    groupdq[0, 3, 10, 10] = ob.Flag.JUMP_DET
    steps = ("S_DQINIT", "S_SATURA", "S_SUPERB", "S_REFPIX", "S_LINEAR", "S_DARK", "S_JUMP")
    path = jf.ramp(tmp_path, data, groupdq=groupdq, **dict.fromkeys(steps, "COMPLETE"))
    code, _, message = run("calibrate", path, "-o", tmp_path)
    assert code == 0
    assert "no reference for gain, readnoise:" in message
    rate = rates(tmp_path / "jw01_nrca1_rate.fits")
    np.testing.assert_allclose(rate["SCI"].data[8:, 8:], 3.0, rtol=1e-5)
    assert rate["DQ"].data[10, 10] == ob.Flag.JUMP_DET


@pytest.mark.parametrize(
    ("detector", "gain"),
    [("NRCA3", 2.05), ("NRCALONG", 1.82), ("NRCBLONG", 1.82)],
)
def test_the_long_wave_detectors_have_their_own_numbers(tmp_path: Path, detector: str, gain: float) -> None:
    frame = ob.read(jf.uncal(tmp_path, DETECTOR=detector))
    assert detector_of(frame).effect("gain").gain == gain


def test_miri_leaves_its_first_and_last_group_out(tmp_path: Path) -> None:
    # 100 DN a group, but for the first and the last, which the resets spoil
    ramp = 10000.0 + 100.0 * np.arange(8)
    ramp[0] -= 300.0
    ramp[-1] += 400.0
    data = np.broadcast_to(np.rint(ramp).astype(np.uint16)[None, :, None, None], (1, 8, 32, 40))
    miri = {"INSTRUME": "MIRI", "DETECTOR": "MIRIMAGE", "READPATT": "FASTR1", "GROUPGAP": 0, "TFRAME": 2.775}
    path = jf.uncal(tmp_path, data, name="m_uncal.fits", SUBSTRT1=101, SUBSTRT2=101, **miri)
    code, _, message = run("calibrate", path, "-o", tmp_path)
    assert code == 0, message
    assert "no reference for gain, readnoise, linearity" in message  # and none for a superbias: it has none
    rate = rates(tmp_path / "m_rate.fits")
    assert rate["PRIMARY"].header["S_FRSTFR"] == rate["PRIMARY"].header["S_LASTFR"] == "COMPLETE"
    # the dark (0.2 electron/s) is off, the straightening bends by less than half a percent here
    np.testing.assert_allclose(rate["SCI"].data, 100.0 / 2.775 - 0.05, rtol=5e-3)


def test_show_tells_what_the_mission_did_from_what_was_done_here(tmp_path: Path) -> None:
    data = 100.0 * np.arange(1, 7, dtype=np.float32).reshape(1, 6, 1, 1) * np.ones((1, 6, 24, 32), "f4")
    steps = ("S_DQINIT", "S_SATURA", "S_SUPERB", "S_REFPIX")
    path = jf.ramp(tmp_path, data, **dict.fromkeys(steps, "COMPLETE"))
    _, text, _ = run("show", path)
    assert "  undone before: bad_pixels, adc, saturation, bias, bias_drift\n" in text
    assert "undone here" not in text
    assert run("calibrate", path, "-o", tmp_path, "--until", "nonlinearity")[0] == 0
    _, text, _ = run("show", tmp_path / "jw01_nrca1_cal.fits")
    assert "  undone before: bad_pixels, adc, saturation, bias, bias_drift\n  undone here: gain, nonlinearity\n" in text
    assert run("calibrate", path, "-o", tmp_path)[0] == 0
    _, text, _ = run("show", tmp_path / "jw01_nrca1_rate.fits")  # the keywords of the mission name no maker
    assert "undone here: " in text


def test_the_segments_are_written_where_they_are_asked_for(night: Path, tmp_path: Path) -> None:
    words = ("calibrate", night / "jw01_nrca1_uncal.fits", "--reference", night / "crds", "-o", tmp_path)
    code, text, message = run(*words, "--save-opt", "--estimator", "ols")
    assert code == 0, message
    names = [Path(line).name.removeprefix("jw01_nrca1_") for line in text.splitlines()]
    assert names == ["rate.fits", "rateints.fits", "fitopt.fits"]
    opt, by_integration = (rates(tmp_path / f"jw01_nrca1_{name}.fits") for name in ("fitopt", "rateints"))
    # a ramp in one piece: its slope is that of its integration, its line starts where the light had come to by then
    whole = (by_integration["DQ"].data == 0) & (opt["SLOPE"].data[:, 1:] == 0).all(axis=1)
    assert whole[:, 4:].mean() > 0.95
    np.testing.assert_allclose(
        opt["SLOPE"].data[:, 0][whole], by_integration["SCI"].data[whole], atol=0.0019, rtol=1e-5
    )
    first = 10.73677 * opt["SLOPE"].data[:, 0]
    noise = 3 * np.sqrt(LIGHT * 10.73677 + 9.0**2 + 30.0**2)  # shot, read, reset
    rest = (opt["YINT"].data[:, 0] - first)[whole] * np.broadcast_to(truth().effect("gain").gain, whole.shape)[whole]
    assert np.percentile(np.abs(rest), 99) < noise
    np.testing.assert_allclose(opt["WEIGHTS"].data[:, 0][whole], 1 / opt["VAR_RNOISE"].data[:, 0][whole], rtol=1e-5)


def test_a_gain_factor_multiplies_the_rates_as_the_mission_does(night: Path, tmp_path: Path) -> None:
    shutil.copytree(night / "crds", tmp_path / "crds")
    made = []
    for factor in (1.0, 2.0):
        out = tmp_path / str(factor)
        words = ("calibrate", night / "jw01_nrca1_uncal.fits", "--reference", tmp_path / "crds", "-o", out)
        with fits.open(tmp_path / "crds" / "gain.fits", "update") as gain:
            gain[0].header["GAINFACT"] = factor
        assert run(*words)[0] == 0
        made.append(rates(out / "jw01_nrca1_rate.fits"))
    good = made[0]["DQ"].data == 0
    for name, times in (("SCI", 2.0), ("VAR_POISSON", 4.0)):
        np.testing.assert_allclose(made[1][name].data[good], times * made[0][name].data[good], rtol=2e-4)
    assert made[1]["PRIMARY"].header["S_GANSCL"] == "COMPLETE"
    assert "S_GANSCL" not in made[0]["PRIMARY"].header


# --- beside the mission's own fit ---


def test_the_rates_are_those_of_the_mission_s_likelihood_fit(night: Path, tmp_path: Path) -> None:
    likely = pytest.importorskip("stcal.ramp_fitting.likely_fit")
    from stcal.ramp_fitting.ramp_fit_class import RampData

    # one integration: how several are averaged differs
    whole = ob.read(night / "jw01_nrca1_uncal.fits").data
    start = {"SUBSTRT1": PART.columns[0] + 1, "SUBSTRT2": PART.rows[0] + 1}
    uncal = jf.uncal(tmp_path, whole[:1], GROUPGAP=0, READPATT="RAPID", **start)
    assert run("calibrate", uncal, "--reference", night / "crds", "-o", tmp_path)[0] == 0
    rate = rates(tmp_path / "jw01_nrca1_rate.fits")
    # the same corrections, then their fit, in DN and with the noise of a difference of two reads
    frame = ob.read(uncal)
    belief = windowed(ob.Detector.load("jwst_nircam"), PART).with_references([night / "crds"], frame.cargo.setup)
    ready = belief.recipe().before("cosmic_rays").run(frame)
    gain = np.float32(belief.effect("gain").gain)
    noise = np.float32(9.0 * np.sqrt(2.0)) / gain
    ramp = RampData()
    flags = np.zeros(ready.shape, np.uint8) if ready.flags is None else ready.flags.copy()
    dark = np.zeros(gain.shape, np.float32)
    ramp.set_arrays(data=ready.data / gain, groupdq=flags, pixeldq=ready.pixel_flags.copy(), average_dark_current=dark)
    seconds = 10.73677
    ramp.set_meta(name="NIRCAM", frame_time=seconds, group_time=seconds, groupgap=0, nframes=1, drop_frames1=0)
    bits = {flag.name: flag.value for flag in (ob.Flag.DO_NOT_USE, ob.Flag.SATURATED, ob.Flag.JUMP_DET)}
    bits |= {flag.name: flag.value for flag in (ob.Flag.PERSISTENCE, ob.Flag.CHARGELOSS, ob.Flag.NO_GAIN_VALUE)}
    ramp.set_dqflags({"GOOD": 0, "UNRELIABLE_SLOPE": int(ob.Flag.UNRELIABLE_SLOPE), **bits})
    theirs, _, _ = likely.likely_ramp_fit(ramp, noise, gain)
    good = (rate["DQ"].data == 0) & ((ramp.groupdq & ob.Flag.JUMP_DET) == 0).all(axis=(0, 1))
    assert good[4:].mean() > 0.98
    ours = rate["SCI"].data + 0.0019 / gain  # the dark goes off behind the fit
    np.testing.assert_allclose(ours[good], theirs["slope"][good], rtol=1e-4)
    np.testing.assert_allclose(rate["ERR"].data[good], theirs["err"][good], rtol=1e-3)
    np.testing.assert_allclose(rate["VAR_POISSON"].data[good], theirs["var_poisson"][good], rtol=1e-3)
    # ours holds the noise of the level that the 4 x 32 reference pixels of an output tell
    more = rate["VAR_RNOISE"].data[good] / theirs["var_rnoise"][good] - 1.0
    np.testing.assert_allclose(more, 1.0 / 128.0, rtol=0.15)


# -- names of products, before any work -----------------------------------------------------------------------


@pytest.mark.parametrize("taken", ["rate", "rateints", "fitopt"])
def test_a_product_that_exists_is_refused_before_the_fit_and_leaves_no_pair(
    night: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, taken: str
) -> None:
    old = tmp_path / f"jw01_nrca1_{taken}.fits"
    old.write_bytes(b"older")
    monkeypatch.setattr(ob.Recipe, "run", lambda *_, **__: pytest.fail("the fit has begun"))
    code, _, message = run("calibrate", night / "jw01_nrca1_uncal.fits", "--save-opt", "-o", tmp_path)
    assert code == 1
    assert f"{old.name}: output: exists already" in message
    assert [path.read_bytes() for path in tmp_path.iterdir()] == [b"older"]


def test_an_older_product_that_this_run_does_not_make_is_in_nobodys_way(night: Path, tmp_path: Path) -> None:
    (tmp_path / "jw01_nrca1_fitopt.fits").write_bytes(b"older")
    assert run("calibrate", night / "jw01_nrca1_uncal.fits", "-o", tmp_path)[0] == 0
    assert len(list(tmp_path.iterdir())) == 3


def test_twins_are_named_by_the_product_that_both_would_write(night: Path, tmp_path: Path) -> None:
    ramp = jf.ramp(tmp_path, jf.counts().astype(np.float32))
    _, _, message = run("calibrate", night / "jw01_nrca1_uncal.fits", ramp, "-o", tmp_path / "out")
    assert "would both write jw01_nrca1_rate.fits" in message


def test_files_of_two_observatories_may_share_a_name(night: Path, tmp_path: Path) -> None:
    other = tmp_path / "jw01_nrca1_raw.fits"  # ours, its product jw01_nrca1_cal.fits
    frame = ob.Frame(np.ones((4, 4), np.uint16), "DN", exposure=ob.Exposure("a", 1.0, detector="generic_ccd"))
    ob.write(frame, other)
    refuse_twins([night / "jw01_nrca1_uncal.fits", other], own=False)
    with pytest.raises(ob.UsageError, match="would both write"):  # stopped early, a JWST file becomes one of ours
        refuse_twins([other, shutil.copy(other, tmp_path / "jw01_nrca1.fits")], own=False)


def test_a_wrong_checksum_of_a_reference_is_what_ignore_checksum_is_for(night: Path, tmp_path: Path) -> None:
    crds = tmp_path / "crds"
    shutil.copytree(night / "crds", crds)
    with fits.open(crds / "gain.fits", mode="update") as gain:
        gain["SCI"].header["DATASUM"] = "1"
    words = ("calibrate", night / "jw01_nrca1_uncal.fits", "--reference", crds, "-o", tmp_path / "out")
    code, _, message = run(*words)
    assert code == 1
    assert "gain.fits: SCI/DATASUM" in message
    code, _, message = run(*words, "--ignore-checksum")
    assert code == 0
    assert sum("obverse: warning: " in line and "SCI/DATASUM" in line for line in message.splitlines()) == 1


@pytest.mark.parametrize("word", ["²", "⅓", "0", "-1", "1.5"])
def test_cores_that_are_no_number_are_one_line(word: str) -> None:
    with pytest.raises(ob.UsageError, match="must be none, quarter, half, all or a whole number"):
        jobs.cores(word)


def test_cores_are_those_that_the_process_may_use(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {1, 5, 7}, raising=False)
    assert (jobs.cores("all"), tiles._workers(None)) == (3, 3)
    monkeypatch.delattr(os, "sched_getaffinity")
    monkeypatch.setattr(os, "cpu_count", lambda: 6)
    assert (jobs.cores("half"), tiles._workers(None)) == (3, 6)


def test_show_tells_the_steps_done_here_from_those_done_before(tmp_path: Path) -> None:
    done = dict.fromkeys(("S_DQINIT", "S_SATURA", "S_SUPERB", "S_REFPIX", "S_LINEAR", "S_DARK"), "COMPLETE")
    data = np.arange(1, 7, dtype=np.float32).reshape(1, 6, 1, 1) * np.ones((1, 6, 24, 32), "f4")
    assert run("calibrate", jf.ramp(tmp_path, data, **done), "-o", tmp_path)[0] == 0
    _, text, _ = run("show", tmp_path / "jw01_nrca1_rate.fits")
    before, here = [line for line in text.splitlines() if line.startswith("  undone")]
    assert before == (
        "  undone before: bad_pixels, adc, saturation, bias, bias_drift, nonlinearity, dark_current, dark_ramp"
    )
    assert here == "  undone here: cosmic_rays, snowballs, estimate"
    header = rates(tmp_path / "jw01_nrca1_rate.fits")["PRIMARY"].header
    assert (header.comments["S_RAMP"], header.comments["S_LINEAR"]) == ("by obverse: estimate", "")


def test_the_factor_of_the_gain_goes_into_the_product(night: Path, tmp_path: Path) -> None:
    gain = np.full((2048, 2048), 1.7, np.float32)
    path = jf.reference(tmp_path, "gain", gain, GAINFACT=1.5)
    assert run("calibrate", night / "jw01_nrca1_uncal.fits", "--reference", path, "-o", tmp_path)[0] == 0
    for name in ("rate", "rateints"):
        header = rates(tmp_path / f"jw01_nrca1_{name}.fits")["PRIMARY"].header
        assert (header["GAINFACT"], header["S_GANSCL"]) == (1.5, "COMPLETE")
