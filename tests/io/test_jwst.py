"""JWST ramps become frames; contradictions are one line; bits go through both ways."""

import numpy as np
import pytest
from astropy.io import fits

import obverse as ob
from obverse.effects.persistence import Persistence
from obverse.errors import DataError, UsageError
from obverse.flags import Flag
from obverse.geometry import Section
from obverse.history import History
from obverse.io import read, setup_of
from tests.io import jwst_files as jf

AXES = ("integration", "resultant", "row", "column")


def test_an_uncal_file_is_a_raw_ramp_of_the_same_numbers(tmp_path):
    data = jf.counts()
    frame = read(jf.uncal(tmp_path, data, zero=True), level="raw")
    assert (frame.axes, frame.unit, frame.data.dtype, frame.undone) == (AXES, "DN", np.uint16, ())
    np.testing.assert_array_equal(frame.data, data)
    np.testing.assert_array_equal(frame.companions["zero_frame"].data, data[:, 0])
    assert (frame.flags, frame.pixel_flags) == (None, None)
    exposure = frame.exposure
    assert (exposure.id, exposure.filter, exposure.detector) == ("jw01_nrca1", "F200W", "NIRCAM/NRCA1")
    assert (exposure.start, exposure.integrations, exposure.kind) == ("2024-02-05T07:48:32.1", 2, "science")


@pytest.mark.parametrize(
    ("keywords", "times"),
    [
        ({"NFRAMES": 1, "GROUPGAP": 0, "DRPFRMS1": 0}, [[1], [2], [3]]),  # RAPID
        ({"NFRAMES": 2, "GROUPGAP": 0, "DRPFRMS1": 0}, [[1, 2], [3, 4], [5, 6]]),  # BRIGHT2
        ({"NFRAMES": 2, "GROUPGAP": 3, "DRPFRMS1": 0}, [[1, 2], [6, 7], [11, 12]]),  # SHALLOW2
        ({"NFRAMES": 1, "GROUPGAP": 1, "DRPFRMS1": 2}, [[3], [5], [7]]),  # two frames dropped in front
    ],
)
def test_the_pattern_is_that_of_the_keywords(tmp_path, keywords, times):
    pattern = read(jf.uncal(tmp_path, jf.counts((1, 3, 4, 6)), **keywords)).exposure.pattern
    np.testing.assert_allclose(np.concatenate(pattern.times), 10.73677 * np.concatenate(times), rtol=1e-12)
    assert pattern.n_reads.tolist() == [len(group) for group in times]


def test_the_part_of_the_sensor_is_known(tmp_path):
    setup = setup_of(read(jf.uncal(tmp_path, SUBSTRT1=129, SUBSTRT2=65, READPATT="RAPID")))
    assert (setup.instrument, setup.detector, setup.readout) == ("NIRCAM", "NRCA1", "RAPID")
    assert setup.section == Section((64, 88), (128, 160))


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"NGROUPS": 7}, "PRIMARY/NGROUPS: 7, the array holds 6"),
        ({"NGROUPS": None}, "PRIMARY/NGROUPS: missing"),
        ({"NINTS": 3}, "PRIMARY/NINTS: 3, the array holds 2"),
        ({"TFRAME": None}, "PRIMARY/TFRAME: missing"),
        ({"TFRAME": -1.0}, "TFRAME: -1.0 is not positive"),
        ({"NFRAMES": 0}, "NFRAMES: 0 is less than 1"),
        ({"GROUPGAP": "many"}, "GROUPGAP: 'many' is not a whole number"),
        ({"TGROUP": 30.0}, r"TGROUP: 30.0 s, but \(NFRAMES \+ GROUPGAP\) x TFRAME is 21.47354 s"),
        ({"SUBSIZE1": 31}, "SUBSIZE1: 31, the array has 32"),
        ({"SUBSTRT2": 0}, "SUBSTRT2: 0 is less than 1"),
        ({"DETECTOR": None}, "DETECTOR: missing"),
        ({"S_SUPERB": "COMPLETE"}, "S_SATURA: not COMPLETE"),
    ],
)
def test_every_contradiction_is_one_line(tmp_path, changes, says):
    path = jf.uncal(tmp_path, **changes)
    with pytest.raises(DataError, match=says) as caught:
        read(path)
    assert len(str(caught.value).splitlines()) == 1
    assert path.name in str(caught.value)


def test_a_wrong_keyword_can_be_set(tmp_path):
    frame = read(jf.uncal(tmp_path, NGROUPS=7), overrides={"NGROUPS": "6"})
    assert frame.shape[1] == 6


def test_an_image_is_not_a_ramp(tmp_path):
    from astropy.io import fits

    units = [jf.primary((1, 1, 4, 6), "a_uncal.fits"), fits.ImageHDU(np.ones((4, 6), np.float32), name="SCI")]
    fits.HDUList(units).writeto(tmp_path / "a_uncal.fits")
    with pytest.raises(DataError, match=r"2 axes where .* is expected, give the uncal or the ramp file"):
        read(tmp_path / "a_uncal.fits")


@pytest.mark.parametrize("name", ["PIXELDQ", "GROUPDQ"])
def test_flags_that_are_no_whole_numbers_are_refused(tmp_path, name):
    shape = (24, 32) if name == "PIXELDQ" else (2, 6, 24, 32)
    with pytest.raises(DataError, match=f"{name}/BITPIX: float32 where whole numbers"):
        read(jf.uncal(tmp_path, more=[jf.image(name, np.ones(shape, np.float32))]))


@pytest.mark.parametrize("name", ["ZEROFRAME", "REFOUT"])
def test_a_companion_of_another_size_is_refused(tmp_path, name):
    extra = [jf.image(name, np.ones((2, 5, 7), np.uint16))]
    with pytest.raises(DataError, match=rf"{name}/NAXIS: shape \(2, 5, 7\)"):
        read(jf.uncal(tmp_path, more=extra))


def test_the_reference_output_travels_along(tmp_path):
    reference = np.arange(2 * 6 * 24 * 8, dtype=np.uint16).reshape(2, 6, 24, 8)
    frame = read(jf.uncal(tmp_path, more=[jf.image("REFOUT", reference)]))
    np.testing.assert_array_equal(frame.companions["reference_output"].data, reference)


def test_a_ramp_file_brings_its_flags_and_says_what_was_done(tmp_path):
    data = jf.counts().astype(np.float32)
    pixeldq = np.zeros((24, 32), np.uint32)
    pixeldq[3, 4] = Flag.DEAD | Flag.DO_NOT_USE
    pixeldq[5, 6] = 1 << 4 | 1 << 28 | Flag.HOT  # OUTLIER and FLUX_ESTIMATED are JWST's alone
    groupdq = np.zeros(data.shape, np.uint8)
    groupdq[0, 2:, 1, 1] = Flag.SATURATED
    groupdq[1, 3, 2, 2] = Flag.JUMP_DET
    done = dict.fromkeys(("S_DQINIT", "S_SATURA", "S_SUPERB", "S_REFPIX", "S_LINEAR", "S_JUMP"), "COMPLETE")
    frame = read(jf.ramp(tmp_path, data, pixeldq=pixeldq, groupdq=groupdq, S_DARK="SKIPPED", **done))
    np.testing.assert_array_equal(frame.flags, groupdq)
    assert frame.pixel_flags[3, 4] == Flag.DEAD | Flag.DO_NOT_USE
    assert frame.pixel_flags[5, 6] == Flag.HOT
    assert frame.data.dtype == np.float32
    assert set(frame.undone) == {
        "bad_pixels", "adc", "saturation", "bias", "bias_drift", "nonlinearity",
        "cosmic_rays", "snowballs", "showers",
    }  # fmt: skip


def test_a_straightened_ramp_has_no_level_to_take_off(tmp_path):
    done = dict.fromkeys(("S_SATURA", "S_LINEAR"), "COMPLETE")
    assert "bias" in read(jf.ramp(tmp_path, jf.counts().astype(np.float32), **done)).undone


def miri(**changes):
    return {"INSTRUME": "MIRI", "DETECTOR": "MIRIMAGE", "READPATT": "FASTR1", "GROUPGAP": 0, **changes}


@pytest.mark.parametrize(("groups", "flagged"), [(2, []), (3, [2]), (4, [0, 3]), (6, [0, 5])])
def test_the_first_and_last_group_of_miri_are_left_out(tmp_path, groups, flagged):
    frame = read(jf.uncal(tmp_path, jf.counts((2, groups, 6, 8)), **miri()), level="raw")
    expected = np.zeros(frame.shape, np.uint8)
    expected[:, flagged] = Flag.DO_NOT_USE
    found = np.zeros(frame.shape, np.uint8) if frame.flags is None else frame.flags
    np.testing.assert_array_equal(found, expected)


def test_groups_of_miri_that_the_pipeline_has_dealt_with_stay_as_they_are(tmp_path):
    done = {"S_FRSTFR": "SKIPPED", "S_LASTFR": "COMPLETE"}
    frame = read(jf.ramp(tmp_path, jf.counts().astype(np.float32), **miri(**done)))
    assert not frame.flags.any()


# --- raw files written as JWST writes them ---


def test_an_uncal_file_that_we_write_reads_back_the_same(tmp_path):
    frame = read(jf.uncal(tmp_path, zero=True, SUBSTRT1=129, GROUPGAP=1))
    ob.write(frame, tmp_path / "again_uncal.fits")
    again = read(tmp_path / "again_uncal.fits", level="raw")
    assert again == frame.replace(exposure=again.exposure)
    assert again.exposure.pattern == frame.exposure.pattern
    assert setup_of(again) == setup_of(frame)
    assert again.cargo.headers[0]["TARGNAME"] == "M 13"
    assert again.cargo.headers[1]["CRVAL1"] == 250.4


@pytest.mark.parametrize("name", ["jwst_nircam", "jwst_nircam_long", "jwst_miri"])
def test_a_simulation_can_leave_as_an_uncal_file(tmp_path, name):
    detector = ob.Detector.load(name).resized((32, 40))
    raw = detector.expose(50.0, ob.Exposure("a", pattern=ob.ReadPattern.even(4, frame_time=10.0)), seed=1)
    ob.write(raw, tmp_path / "a_uncal.fits")
    again = read(tmp_path / "a_uncal.fits", level="raw")
    np.testing.assert_array_equal(again.data, raw.data)
    assert again.exposure.pattern == raw.exposure.pattern


def test_what_is_no_ramp_of_jwst_is_not_written_as_one(tmp_path):
    image = ob.Frame(np.ones((4, 6), "f4"), "DN")
    with pytest.raises(UsageError, match="raw ramps"):
        ob.write(image, tmp_path / "a_uncal.fits")
    cube = ob.Frame(np.ones((1, 2, 4, 6), "u2"), "DN", AXES)
    with pytest.raises(UsageError, match="without a read pattern"):
        ob.write(cube, tmp_path / "a_uncal.fits")
    even = ob.Exposure("a", pattern=ob.ReadPattern.even(2))
    with pytest.raises(UsageError, match="one of JWST"):
        ob.write(cube.replace(exposure=even), tmp_path / "a_uncal.fits")
    uneven = ob.Exposure("a", pattern=ob.ReadPattern([[1], [2, 3]], 10.0), detector="NIRCAM/NRCA1")
    with pytest.raises(UsageError, match="even patterns"):
        ob.write(cube.replace(exposure=uneven), tmp_path / "a_uncal.fits")
    assert not list(tmp_path.iterdir())


# --- what the files say of time, and what the detectors say of themselves ---


def test_persistence_finds_the_start_that_the_headers_tell(tmp_path):
    frame = read(jf.uncal(tmp_path, jf.counts((1, 3, 4, 6))))
    before = History.of(np.full((4, 6), 9e4), "2024-02-05T07:38:32.1")  # ten minutes
    np.testing.assert_allclose(before.ages(frame.exposure), 600.0)
    at = ob.Moment.of(frame).replace(history=before)
    ramp = frame.replace(data=frame.data.astype("f4"), unit="electron")
    assert (Persistence().correct(ramp, at).flags & Flag.PERSISTENCE).all()


def test_a_rate_starts_when_its_ramp_did(tmp_path):
    science = jf.image("SCI", np.ones((4, 6), "f4"), BUNIT="DN/s")
    fits.HDUList([jf.primary((1, 3, 4, 6), "jw01_rate.fits"), science]).writeto(tmp_path / "jw01_rate.fits")
    assert read(tmp_path / "jw01_rate.fits").exposure.start == "2024-02-05T07:48:32.1"


@pytest.mark.parametrize(
    ("name", "cds", "dark", "gain", "well"),
    # JWST User Documentation, NIRCam Detector Performance, average detector properties
    [("jwst_nircam", 15.77, 1.9e-3, 2.05, 105750.0), ("jwst_nircam_long", 13.25, 34.2e-3, 1.82, 83300.0)],
)
def test_the_numbers_of_nircam_are_the_published_ones(name, cds, dark, gain, well):
    detector = ob.Detector.load(name)
    assert detector.effect("read_noise").sigma == pytest.approx(cds / np.sqrt(2.0), abs=0.005)
    assert detector.effect("dark_current").rate == dark
    assert detector.effect("gain").gain == gain
    assert detector.effect("saturation").full_well == well


def test_the_numbers_of_miri_are_the_published_ones():
    # JWST User Documentation, MIRI Detector Performance, Table 1: 6 DN, 4 electron/DN, 0.2 electron/s, 210000 electron
    detector = ob.Detector.load("jwst_miri")
    assert detector.effect("read_noise").sigma == 6.0 * detector.effect("gain").gain == 24.0
    assert detector.effect("dark_current").rate == 0.2
    assert detector.effect("saturation").full_well == 210000.0
