"""Files of Roman's coronagraph: what they say, into our frames and back, and what is refused."""

import itertools
from dataclasses import replace

import numpy as np
import pytest

import obverse as ob
import obverse.darks
from obverse import DataError, Exposure, Flag, Frame, UsageError, io
from obverse.io.cards import Card
from obverse.io.corgi import Corgi
from obverse.io.corgi_bits import PIXEL_BITS, READ_BITS, from_corgi, other_bits, to_corgi
from obverse.io.files import without_errors
from tests.io.corgi_making import SHAPE, counts, image_hdus, raw_hdus, written

IN_DN = ("adc", "saturation", "bias", "bias_drift", "cosmic_rays", "register_trail", "level_nonlinearity")


def read(tmp_path, hdus, level="l1_", **how):
    return ob.read(written(tmp_path, hdus, level), **how)


# -- in ---------------------------------------------------------------------------------------------------------


def test_raw_file_says_its_exposure(tmp_path):
    frame = read(tmp_path, raw_hdus())
    exposure = frame.exposure
    assert (frame.unit, frame.undone, frame.data.dtype) == ("DN", (), np.uint16)
    np.testing.assert_array_equal(frame.data, counts())
    assert (exposure.exposure_time, exposure.em_gain, exposure.k_gain) == (60.0, 100.0, 8.7)
    assert (exposure.kind, exposure.mode, exposure.start) == ("dark", "SCI", "2027-02-16T00:00:00")
    assert (exposure.filter, exposure.detector) == ("1F", "CGI/EXCAM")
    assert exposure.id == "cgi_0200001001001001001_20240403t1054019"


@pytest.mark.parametrize(
    ("measured", "calibrated", "voltage", "actual"),
    [
        (97.0, 95.0, 0, 97.0),  # measured wins
        (None, 95.0, 0, 95.0),  # then the calibrated one
        (-999.0, 95.0, 0, 95.0),  # a fill value is no gain
        (None, 0.0, 0, None),
        (None, -1.0, 0, None),
        (None, None, 0, None),  # a file without EMGAIN_A stops the pipeline
        (None, 1.0, 0, None),  # what files say that were made before the calibration
        (None, 1.0, 40, 1.0),
    ],
)
def test_gain_that_the_register_had(tmp_path, measured, calibrated, voltage, actual):
    image = {"EMGAIN_M": measured, "EMGAIN_A": calibrated, "HVCBIAS": voltage}
    assert read(tmp_path, raw_hdus(image=image)).exposure.em_gain_actual == actual


@pytest.mark.parametrize(
    ("visit", "kind"), [("CGIVST_CAL_FLAT", "flat"), ("CGIVST_TDD_OBS", "science"), (None, "science")]
)
def test_kind_of_a_visit(tmp_path, visit, kind):
    assert read(tmp_path, raw_hdus(primary={"VISTYPE": visit})).exposure.kind == kind


@pytest.mark.parametrize(
    ("unit", "ours", "undone"),
    [
        ("DN", "DN", IN_DN),
        ("detected EM electron", "electron", (*IN_DN, "gain")),
        ("detected electron", "electron", (*IN_DN, "gain", "em_gain")),
        (
            "photoelectron",
            "electron",
            (*IN_DN, "gain", "fixed_pattern", "em_gain", "clock_induced_charge", "dark_current"),
        ),
    ],
)
def test_unit_says_what_was_done(tmp_path, unit, ours, undone):
    frame = read(tmp_path, image_hdus(image={"BUNIT": unit}), "l2a")
    assert (frame.unit, frame.undone) == (ours, undone)


def test_history_says_what_was_done(tmp_path):
    lines = ("Bias subtracted", "Cosmic ray threshold of 9827.586206896553 used.")
    frame = read(tmp_path, image_hdus(image={"DATALVL": "IM1"}, lines=lines), "l2a")
    assert frame.undone == ("adc", "bias", "bias_drift")
    assert io.constants(frame)["cosmic_ray_threshold"] == (9827.586206896553,)
    lines = ("Poisson/shot noise propagated to error map", "Flat calibration done using Flat field x.fits")
    assert read(tmp_path, image_hdus(lines=lines), "l2b").undone == (*IN_DN, "estimate", "flat")


@pytest.mark.parametrize(("switch", "name"), [("DESMEAR", "smear"), ("CTI_CORR", "charge_transfer")])
@pytest.mark.parametrize("said", [True, 1, "True"])
def test_switches_say_what_darks_must_not_have(tmp_path, switch, name, said):
    assert name in read(tmp_path, image_hdus(image={switch: said}), "l2b").undone
    assert name not in read(tmp_path, image_hdus(), "l2b").undone


def test_error_is_the_root_of_the_variance(tmp_path):
    error = np.random.default_rng(1).uniform(0.1, 40, (1, *SHAPE)).astype("f4")
    np.testing.assert_array_equal(read(tmp_path, image_hdus(error=error)).error, error[0])


def test_error_of_zeros_is_none(tmp_path):
    assert read(tmp_path, image_hdus(error=np.zeros((1, *SHAPE), "f4"))).variances is None


def test_error_with_shot_noise_says_so(tmp_path):
    """Darks must not have it: the scatter of their stack holds it already."""
    lines = ["Poisson/shot noise propagated to error map"]
    path = written(tmp_path, image_hdus(lines=lines), "l2b")
    assert set(ob.read(path).variances) == {"shot"}
    assert set(read(tmp_path, image_hdus(), "l2a").variances) == {"combined"}
    ob.write(ob.read(path), tmp_path / "again_l2b.fits")
    assert same(ob.read(tmp_path / "again_l2b.fits"), ob.read(path))


def test_first_layer_of_the_error_counts(tmp_path):
    error = np.stack([np.full(SHAPE, 5.0), np.full(SHAPE, 3.0), np.full(SHAPE, 4.0)]).astype("f4")
    assert (read(tmp_path, image_hdus(error=error)).error == 5.0).all()


def test_every_bit_goes_in_and_comes_out():
    known = [0, *READ_BITS, *PIXEL_BITS]
    sums = np.array([a | b | c for a, b, c in itertools.product(known, repeat=3)], "u2")[None]
    np.testing.assert_array_equal(to_corgi(sums.shape, *from_corgi(sums)), sums)
    everything = np.arange(1 << 16, dtype="u2")[None]
    back = to_corgi(everything.shape, *from_corgi(everything)) | other_bits(everything)
    np.testing.assert_array_equal(back, everything)


@pytest.mark.parametrize("dtype", ["u1", "u2", "i2", "i4", "u4", "i8"])
def test_bits_of_any_integer_type(tmp_path, dtype):
    dq = np.zeros(SHAPE, dtype)
    dq[3, 4], dq[5, 6] = 32, 4
    frame = read(tmp_path, image_hdus(dq=dq), "l2a")
    assert frame.flags[3, 4] == Flag.SATURATED
    assert frame.pixel_flags[5, 6] == Flag.DEAD | Flag.DO_NOT_USE
    assert np.count_nonzero(frame.flags) == np.count_nonzero(frame.pixel_flags) == 1


def test_clean_pixels_have_no_flags(tmp_path):
    frame = read(tmp_path, image_hdus(), "l2a")
    assert frame.flags is None
    assert frame.pixel_flags is None


def test_no_other_dialect_is_stolen(tmp_path):
    """A file that names another instrument is read by whoever read it before."""
    for change in ({"INSTRUME": "WFI"}, {"TELESCOP": "HST"}, {"INSTRUME": "LOCAM"}):
        hdus = raw_hdus(primary=change)
        assert not Corgi().recognises(hdus)
        path = written(tmp_path, hdus)
        assert not isinstance(io.dialect_of(path), Corgi)
    path = tmp_path / "own.fits"
    ob.write(Frame(np.ones(SHAPE, "f4"), "electron", exposure=Exposure("a", 1.0, detector="CGI/EXCAM")), path)
    assert not isinstance(io.dialect_of(path), Corgi)


def test_keywords_alone_are_enough(tmp_path):
    hdus = raw_hdus(primary={"TELESCOP": None, "INSTRUME": None})
    assert read(tmp_path, hdus).exposure.mode == "SCI"


# -- refusals ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("hdus", "words"),
    [
        (raw_hdus(image={"EXPTIME": None}), ("EXPTIME", "missing", "--set EXPTIME=")),
        (raw_hdus(image={"EXPTIME": -999.0}), ("EXPTIME", "less than 0")),
        (raw_hdus(image={"EMGAIN_C": None}), ("EMGAIN_C", "missing", "--set EMGAIN_C=")),
        (raw_hdus(image={"EMGAIN_C": 0.0}), ("EMGAIN_C", "not positive")),
        (raw_hdus(image={"EMGAIN_C": "high"}), ("EMGAIN_C", "not a finite number")),
        (raw_hdus(image={"BUNIT": "furlong"}), ("BUNIT", "furlong", "photoelectron")),
        (raw_hdus(image={"BUNIT": None}), ("BUNIT", "missing")),
        (raw_hdus(image={"SCTSRT": "yesterday"}), ("SCTSRT", "no date")),
        (raw_hdus(np.ones((2, 2, 3, 4), "f4")), ("NAXIS", "shape (2, 2, 3, 4)")),
        (image_hdus(error=np.ones((1, 4, 4), "f4")), ("ERR/NAXIS", "(1, 4, 4)", str((1, *SHAPE)))),
        (image_hdus(error=np.ones((1, *SHAPE), "i4")), ("ERR/NAXIS", "int32")),
        (image_hdus(dq=np.zeros((4, 4), "u2")), ("DQ/NAXIS", "(4, 4)", str(SHAPE))),
        (image_hdus(dq=np.zeros(SHAPE, "f4")), ("DQ/NAXIS", "float32", "whole numbers")),
        (image_hdus(image={"DATATYPE": "KGain"}), ("DATATYPE", "KGain", "give a frame")),
        (image_hdus(image={"DATATYPE": "DetectorNoiseMaps"}), ("DATATYPE", "read_noise_maps")),
    ],
)
def test_bad_files_are_one_clear_line(tmp_path, hdus, words):
    with pytest.raises(DataError) as told:
        read(tmp_path, hdus)
    line = str(told.value)
    assert "\n" not in line
    assert "_l1_.fits" in line
    assert all(word in line for word in words), line


def test_file_of_headers_alone_is_refused(tmp_path):
    hdus = raw_hdus()
    with pytest.raises(DataError, match="nothing where an image"):
        Corgi().read([hdus[0], io.Hdu(1, "", 1, hdus[1].header, None)], path="x.fits", keywords=None, overrides={})


def test_wrong_keywords_can_be_set(tmp_path):
    path = written(tmp_path, raw_hdus(image={"EXPTIME": None}))
    assert ob.read(path, overrides={"EXPTIME": "7"}).exposure.exposure_time == 7.0


@pytest.mark.filterwarnings("ignore::obverse.errors.ObverseWarning")
@pytest.mark.parametrize("seed", range(30))
def test_damaged_bytes_are_refused_or_read(tmp_path, seed):
    """Whatever stands in the headers, there is a frame or one line."""
    path = written(tmp_path, image_hdus(), "l2a")
    blob = bytearray(path.read_bytes())
    rng = np.random.default_rng(seed)
    for place in rng.integers(0, 4 * 2880, 3):
        blob[place] = rng.integers(32, 127)
    path.write_bytes(blob)
    found = frame_or_line(path)
    assert found.shape == SHAPE if isinstance(found, Frame) else "\n" not in found


def frame_or_line(path):
    try:
        return ob.read(path, ignore_checksum=True)
    except DataError as problem:
        return str(problem)


# -- exposures alone --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("hdus", "level"), [(raw_hdus(), "l1_"), (image_hdus(image={"EMGAIN_M": 90.0}), "l2a")])
def test_exposure_alone_is_that_of_the_frame(tmp_path, hdus, level):
    path = written(tmp_path, hdus, level)
    assert io.exposure_of(path) == ob.read(path).exposure


def test_exposure_alone_needs_no_pixels(tmp_path):
    path = written(tmp_path, raw_hdus())
    whole = path.read_bytes()
    path.write_bytes(whole[:-2880] + bytes([whole[-2880] ^ 1]) + whole[-2879:])  # another pixel, the checksum is wrong
    with pytest.raises(DataError, match="DATASUM"):
        ob.read(path)
    assert io.exposure_of(path).em_gain == 100.0


def test_exposure_alone_of_a_product_of_ours(tmp_path):
    exposure = Exposure("d1", 30.0, em_gain=50.0, em_gain_actual=48.0, k_gain=8.7, kind="dark", mode="SCI")
    ob.write(Frame(np.ones(SHAPE, "f4"), "electron", exposure=exposure), tmp_path / "d1.fits")
    assert io.exposure_of(tmp_path / "d1.fits") == exposure


def test_exposure_alone_of_any_ccd(tmp_path):
    path = tmp_path / "ccd.fits"
    header = io.Header([Card("EXPOSURE", 2500), Card("EMG", 300.0)])
    io.write_fits(path, [io.Hdu(0, "PRIMARY", 1, header, counts())])
    keywords = io.Keywords(exposure_time="EXPOSURE", exposure_time_unit="ms", gain=None, read_noise=None, em_gain="EMG")
    assert io.exposure_of(path, keywords) == ob.read(path, detector=keywords).exposure
    assert io.exposure_of(path, keywords).exposure_time == 2.5


def test_exposure_alone_says_what_is_missing(tmp_path):
    with pytest.raises(DataError, match="EXPTIME: missing"):
        io.exposure_of(written(tmp_path, raw_hdus(image={"EXPTIME": None})))


# -- out --------------------------------------------------------------------------------------------------------


def exposure(**more):
    told = {"em_gain": 200.0, "em_gain_actual": 190.0, "k_gain": 8.7, "kind": "dark", "mode": "SCI", **more}
    return Exposure("dark_007", 12.5, start="2027-03-01T10:00:00", filter="1F", detector="CGI/EXCAM", **told)


def same(one, other):
    """Whether two frames say the same, cargo left out."""
    return one == other and one.exposure == other.exposure and one.undone == other.undone


@pytest.mark.parametrize("actual", [None, 190.0])
@pytest.mark.parametrize("kind", ["dark", "flat", "science", "bias"])
def test_simulated_raw_frame_comes_back(tmp_path, actual, kind):
    band = "1F" if kind == "science" else None
    frame = Frame(counts(), "DN", exposure=replace(exposure(em_gain_actual=actual, kind=kind), filter=band))
    path = tmp_path / "cgi_0200001001001001001_20270301t1000000_l1_.fits"
    ob.write(frame, path, provenance={"SEED": "7", "DETNAME": "corgi_excam"})
    assert same(ob.read(path), frame)
    hdus = io.open_fits(path)
    assert [hdu.name for hdu in hdus] == ["PRIMARY", ""]
    assert (hdus[0].header["FILENAME"], hdus[0].header["SEED"]) == (path.name, "7")
    assert hdus[1].header["DATALVL"] == "L1"
    assert hdus[1].header["BZERO"] == 32768
    assert "CHECKSUM" not in hdus[1].header  # the pipeline would keep it, and change the pixels


def test_raw_file_is_written_as_it_came(tmp_path):
    first = written(tmp_path, raw_hdus(image={"EMGAIN_M": 97.0, "EMGAIN_A": 95.0}))
    again = tmp_path / "again_l1_.fits"
    ob.write(ob.read(first), again)
    before, after = (io.open_fits(path)[1].header for path in (first, again))
    assert {key: before[key] for key in before if key not in ("CHECKSUM", "DATASUM")}.items() <= dict(after).items()
    assert ob.read(again).exposure == ob.read(first).exposure


def calibrated(**more):
    rng = np.random.default_rng(3)
    told = {
        "variances": {"poisson": rng.uniform(1, 2, SHAPE).astype("f4"), "read": np.full(SHAPE, 4.0, "f4")},
        "exposure": exposure(),
        "undone": (*IN_DN, "gain", "em_gain", "assemble", "estimate", "smear"),
        **more,
    }
    return Frame(rng.normal(0, 3, SHAPE).astype("f4"), "electron", **told)


def test_calibrated_frame_comes_back_whole(tmp_path):
    flags, pixels = np.zeros(SHAPE, "u1"), np.zeros(SHAPE, "u4")
    flags[1, 2], flags[3, 3] = Flag.JUMP_DET | Flag.SATURATED, Flag.PERSISTENCE
    pixels[4, 4], pixels[5, 5] = Flag.WARM, Flag.REFERENCE_PIXEL
    variances = {**calibrated().variances, "dark": np.full(SHAPE, 0.5, "f4")}
    frame = calibrated(flags=flags, pixel_flags=pixels, variances=variances, shared={"dark": "ab12"})
    path = tmp_path / "cgi_x_l2b.fits"
    ob.write(frame, path)
    assert same(ob.read(path), frame)
    units = {hdu.name: hdu for hdu in io.open_fits(path)}
    assert units["ERR"].data.shape == (1, *SHAPE)
    assert units["DQ"].data.dtype == np.uint16
    np.testing.assert_allclose(units["ERR"].data[0], frame.error, rtol=1e-6)
    assert units["DQ"].data[1, 2] == 128 | 32
    assert units["DQ"].data[4, 4] == 8
    assert units["DQ"].data[3, 3] == 1
    assert units["DQ"].data[5, 5] == 0
    assert units[""].header["BUNIT"] == "detected electron"
    assert units[""].header["DESMEAR"] is True


def test_file_of_the_pipeline_comes_back_whole(tmp_path):
    """Values, errors, bits (also those that mean nothing to us), HISTORY and the table of biases."""
    dq = np.random.default_rng(2).choice(np.array([0, 1, 2, 4, 8, 16, 32, 128, 256, 4096], "u2"), SHAPE)
    hdus = image_hdus(dq=dq, image={"BUNIT": "detected EM electron"}, lines=["Bias subtracted", "x" * 100])
    first = ob.read(written(tmp_path, hdus, "l2a"))
    again = tmp_path / "again_l2a.fits"
    ob.write(first, again)
    units = {hdu.name: hdu for hdu in io.open_fits(again)}
    np.testing.assert_array_equal(units["DQ"].data, dq)
    np.testing.assert_array_equal(units["ERR"].data, hdus[2].data)
    np.testing.assert_array_equal(units[""].data, hdus[1].data)
    assert "BIAS" in units
    assert "FLAGS" not in units
    lines = [card.value for card in units[""].header.cards if card.key == "HISTORY"]
    assert lines == ["Bias subtracted", "x" * 72, "x" * 28]
    assert same(ob.read(again), first)


def test_master_dark_comes_back(tmp_path):
    frame = calibrated(undone=(*IN_DN, "gain", "em_gain"))
    ob.write(frame, tmp_path / "x_drk_cal.fits")
    assert same(ob.read(tmp_path / "x_drk_cal.fits"), frame)
    header = io.open_fits(tmp_path / "x_drk_cal.fits")[1].header
    assert (header["DATATYPE"], header["BUNIT"], header["DATALVL"]) == ("Dark", "detected electron", "CAL")


def test_traditional_dark_comes_back(tmp_path):
    frames = [
        Frame(np.random.default_rng(i).normal(2, 1, SHAPE), "electron", exposure=exposure(em_gain=1.0), undone=IN_DN)
        for i in range(4)
    ]
    dark = obverse.darks.build_trad_dark([frame.replace(undone=(*IN_DN, "gain", "em_gain")) for frame in frames])
    ob.write(dark, tmp_path / "x_drk_cal.fits")
    assert same(ob.read(tmp_path / "x_drk_cal.fits"), dark)
    header = io.open_fits(tmp_path / "x_drk_cal.fits")[1].header
    assert (header["DRPNFILE"], header["IS_SYNTH"]) == (4, 0)


def test_synthesized_dark_comes_back(tmp_path):
    maps = obverse.darks.NoiseMaps(*np.random.default_rng(5).uniform(0, 1, (6, *SHAPE)))
    dark = obverse.darks.build_synthesized_dark(exposure(), maps)
    ob.write(dark, tmp_path / "x_drk_cal.fits")
    again = ob.read(tmp_path / "x_drk_cal.fits")
    assert same(again, dark.replace(exposure=replace(dark.exposure, id=again.exposure.id)))
    assert io.open_fits(tmp_path / "x_drk_cal.fits")[1].header["IS_SYNTH"] == 1


def test_photons_stay(tmp_path):
    """What the whole recipe ends with."""
    frame = calibrated(undone=(*calibrated().undone, "quantum_efficiency")).replace(unit="photon")
    ob.write(frame, tmp_path / "x_l2b.fits")
    assert same(ob.read(tmp_path / "x_l2b.fits"), frame)


@pytest.mark.parametrize("undone", [(), ("gain",)])
def test_electrons_of_anybody_stay(tmp_path, undone):
    frame = calibrated(undone=undone)
    ob.write(frame, tmp_path / "x_l2a.fits")
    assert same(ob.read(tmp_path / "x_l2a.fits"), frame)
    assert io.open_fits(tmp_path / "x_l2a.fits")[1].header["BUNIT"] == "detected EM electron"


def test_double_precision_stays(tmp_path):
    frame = Frame(np.random.default_rng(0).normal(size=SHAPE), "electron", exposure=exposure(), undone=(*IN_DN, "gain"))
    ob.write(frame, tmp_path / "x_l2a.fits")
    assert same(ob.read(tmp_path / "x_l2a.fits"), frame)


@pytest.mark.parametrize(
    ("frame", "name", "word"),
    [
        (calibrated(), "x_l1_.fits", "raw counts"),
        (Frame(counts(), "DN", exposure=Exposure("a", 1.0, detector="NIRCAM/NRCA1")), "x_l1_.fits", "NIRCAM"),
        (Frame(counts(), "DN", exposure=Exposure("a", detector="CGI/EXCAM")), "x_l1_.fits", "exposure_time"),
        (Frame(counts()[None], "DN", ("amplifier", "row", "column"), exposure=exposure()), "x_l2b.fits", "assemble"),
        (calibrated(undone=("gain",)).replace(unit="electron/s"), "x_l2b.fits", "electron/s"),
    ],
)
def test_frames_that_do_not_fit_are_refused(tmp_path, frame, name, word):
    with pytest.raises(UsageError, match=word) as told:
        ob.write(frame, tmp_path / name)
    assert "\n" not in str(told.value)
    assert not list(tmp_path.iterdir())


def test_stopped_recipe_goes_on_as_a_file_of_the_coronagraph(tmp_path):
    """A file of ours between the steps remembers what it began as."""
    frame = ob.read(written(tmp_path, image_hdus(image={"BUNIT": "detected EM electron"}), "l2a"))
    ob.write(frame, tmp_path / "x_cal.fits")
    again = ob.read(tmp_path / "x_cal.fits")
    assert isinstance(io.product_writer(again), Corgi)
    (product,) = Corgi().write_products(again, tmp_path / "out", "x", detector=None, provenance={})
    assert same(ob.read(product), frame)


def test_errors_that_nobody_asks_for_stay_unread(tmp_path):
    path = written(tmp_path, image_hdus(), "l2a")
    whole, bare = ob.read(path), ob.read(path, pixels=without_errors(path))
    assert bare.variances is None
    np.testing.assert_array_equal(whole.error, np.full(SHAPE, 3.0))
    np.testing.assert_array_equal(bare.data, whole.data)
    np.testing.assert_array_equal(bare.pixel_flags, whole.pixel_flags)
    assert (bare.exposure, bare.undone) == (whole.exposure, whole.undone)
    shot = written(tmp_path, image_hdus(lines=["Poisson/shot noise propagated"]), "l2b")
    assert without_errors(shot) is True  # who refuses shot noise must see it
