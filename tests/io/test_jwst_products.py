"""JWST products: DN/s of electron/s, the mission's names, bits and keywords."""

import numpy as np
import pytest
from astropy.io import fits

import obverse as ob
from obverse import Flag, Frame
from obverse.errors import UsageError
from obverse.io import product_writer, read
from tests.io import jwst_files as jf

GAIN = np.full((24, 32), 2.0)
GAIN[:, 16:] = 4.0
GAIN[0, 0] = np.nan
LEFT, RIGHT = (4, 5), (4, 20)
AXES3 = ("integration", "row", "column")
AXES4 = ("integration", "segment", "row", "column")


def detector():
    small = ob.Detector.load("jwst_nircam").resized((24, 32))
    return small.with_effect(small.effect("gain").replace(gain=GAIN))


def fitted(tmp_path, *, segments=False, unit="electron/s"):
    """Return a frame as the recipe leaves it: 8 electron/s, variances 4 and 16, one odd pixel."""
    pixeldq = np.zeros((24, 32), np.uint32)
    pixeldq[7, 8] = 1 << 28 | Flag.HOT
    done = dict.fromkeys(("S_SATURA", "S_SUPERB", "S_LINEAR"), "COMPLETE")
    raw = read(jf.ramp(tmp_path, jf.counts().astype(np.float32), pixeldq=pixeldq, S_JUMP="SKIPPED", **done))
    plane = np.full((24, 32), 8.0, np.float32)
    pixel_flags = raw.pixel_flags.copy()
    pixel_flags[9, 9] |= Flag.JUMP_DET
    cube = np.stack([plane, 2 * plane])
    flags = np.zeros(cube.shape, np.uint8)
    flags[1, 9, 9] = Flag.JUMP_DET
    integrations = Frame(cube, unit, AXES3, flags, variances={"poisson": cube / 2, "read": 2 * cube})
    companions = {"integrations": integrations}
    if segments:
        companions |= {"segments": pieces(plane), "pedestal": Frame(np.stack([plane, plane]), "electron", AXES3)}
    return raw.replace(
        data=plane, unit=unit, axes=("row", "column"), flags=None, pixel_flags=pixel_flags,
        variances={"poisson": plane / 2, "read": 2 * plane}, companions=companions,
        undone=(*raw.undone, "gain", "estimate"),
    )  # fmt: skip


def pieces(plane):
    """Two segments in the first integration, one in the second; one jump in the first."""
    cube = np.stack([np.stack([plane, plane]), np.stack([plane, 0 * plane])])
    jumps = np.zeros((2, 1, 24, 32), np.float32)
    jumps[0, 0][LEFT] = 100.0
    more = {
        "error": Frame(cube / 4, "electron/s", AXES4),
        "intercept": Frame(3 * cube, "electron", AXES4),
        "intercept_error": Frame(cube / 2, "electron", AXES4),
        "weight": Frame(cube / 64, "", AXES4),
        "jumps": Frame(jumps, "electron", ("integration", "jump", "row", "column")),
    }
    return Frame(cube, "electron/s", AXES4, variances={"poisson": cube / 2, "read": 2 * cube}, companions=more)


def written(tmp_path, frame):
    paths = product_writer(frame).write_products(
        frame, tmp_path / "out", "jw01", detector=detector(), provenance={"DETNAME": "jwst_nircam", "OBVERSE": "1"}
    )
    return {path.name: fits.HDUList.fromstring(path.read_bytes()) for path in paths}


def test_rates_are_in_dn_per_second(tmp_path):
    files = written(tmp_path, fitted(tmp_path))
    assert list(files) == ["jw01_rate.fits", "jw01_rateints.fits"]
    rate = files["jw01_rate.fits"]
    assert [hdu.name for hdu in rate] == ["PRIMARY", "SCI", "ERR", "DQ", "VAR_POISSON", "VAR_RNOISE"]
    for where, gain in ((LEFT, 2.0), (RIGHT, 4.0)):
        assert rate["SCI"].data[where] == 8.0 / gain
        assert rate["VAR_POISSON"].data[where] == 4.0 / gain**2
        assert rate["VAR_RNOISE"].data[where] == 16.0 / gain**2
        assert rate["ERR"].data[where] == pytest.approx(np.sqrt(20.0) / gain, rel=1e-6)
    assert np.isnan(rate["SCI"].data[0, 0])
    assert rate["SCI"].header["BUNIT"] == rate["ERR"].header["BUNIT"] == "DN/s"
    assert rate["SCI"].data.dtype == ">f4"
    np.testing.assert_array_equal(files["jw01_rateints.fits"]["SCI"].data[1][LEFT], 8.0)


def test_flags_go_back_to_the_bits_they_came_from(tmp_path):
    files = written(tmp_path, fitted(tmp_path))
    quality = files["jw01_rate.fits"]["DQ"].data
    assert quality.dtype.str[1:] == "u4"
    assert quality[7, 8] == 1 << 28 | Flag.HOT
    assert quality[9, 9] == Flag.JUMP_DET
    by_integration = files["jw01_rateints.fits"]["DQ"].data
    assert by_integration[:, 9, 9].tolist() == [0, Flag.JUMP_DET]
    assert by_integration[:, 7, 8].tolist() == [1 << 28 | Flag.HOT] * 2


@pytest.mark.parametrize(
    ("effect", "keyword"),  # names of the keyword dictionary
    [
        ("bad_pixels", "S_DQINIT"), ("persistence", "S_PERSIS"), ("dark_ramp", "S_DARK"), ("dark_current", "S_DARK"),
        ("charge_migration", "S_CHGMIG"), ("flicker_noise", "S_CLNFNS"), ("gain_scale", "S_GANSCL"),
        ("snowballs", "S_JUMP"), ("showers", "S_JUMP"),
    ],
)  # fmt: skip
def test_each_step_that_was_done_has_its_keyword(tmp_path, effect, keyword):
    plain = fitted(tmp_path)
    frame = plain.replace(undone=(*plain.undone, effect))
    said = [written(tmp_path / name, each)["jw01_rate.fits"]["PRIMARY"].header for name, each in
            (("a", plain), ("b", frame))]  # fmt: skip
    assert said[0].get(keyword) != "COMPLETE"
    assert said[1][keyword] == "COMPLETE"


def test_headers_are_kept_and_say_what_was_done(tmp_path):
    files = written(tmp_path, fitted(tmp_path))
    first = files["jw01_rate.fits"]["PRIMARY"].header
    assert (first["TARGNAME"], first["FILENAME"], first["DATAMODL"]) == ("M 13", "jw01_rate.fits", "ImageModel")
    complete = {key for key in first if key.startswith("S_") and first[key] == "COMPLETE"}
    assert complete == {"S_SATURA", "S_SUPERB", "S_LINEAR", "S_RAMP"}
    assert first["S_JUMP"] == "SKIPPED"
    assert first["DETNAME"] == "jwst_nircam"
    assert "OBVERSE" not in first  # that keyword would make it one of our own files
    assert files["jw01_rate.fits"]["SCI"].header["CRVAL1"] == 250.4
    cube = files["jw01_rateints.fits"]
    assert cube["PRIMARY"].header["DATAMODL"] == "CubeModel"
    assert cube["INT_TIMES"].data["int_mid_MJD_UTC"].tolist() == [60345.25, 60346.25]


def test_segments_are_in_dn_too(tmp_path):
    opt = written(tmp_path, fitted(tmp_path, segments=True))["jw01_fitopt.fits"]
    expected = {
        "SLOPE": 8 / 4, "SIGSLOPE": 2 / 4, "VAR_POISSON": 4 / 16, "VAR_RNOISE": 16 / 16, "YINT": 24 / 4,
        "SIGYINT": 4 / 4, "WEIGHTS": 8 / 64 * 16,
    }  # fmt: skip
    for name, value in expected.items():
        assert opt[name].data.shape == (2, 2, 24, 32), name
        assert opt[name].data[(0, 1, *RIGHT)] == value, name
        assert opt[name].data[(1, 1, *RIGHT)] == 0, name
    assert opt["PEDESTAL"].data.shape == (2, 24, 32)
    assert opt["PEDESTAL"].data[(1, *RIGHT)] == 8 / 4
    assert opt["CRMAG"].data.shape == (2, 1, 24, 32)
    assert opt["CRMAG"].data[(0, 0, *LEFT)] == 100 / 2
    assert opt["PRIMARY"].header["DATAMODL"] == "RampFitOutputModel"


def test_a_recipe_that_does_not_end_in_electrons_has_no_such_product(tmp_path):
    with pytest.raises(UsageError, match="leave quantum_efficiency out"):
        written(tmp_path, fitted(tmp_path, unit="photon/s"))


def test_products_read_back_as_rates(tmp_path):
    frame = fitted(tmp_path)
    written(tmp_path, frame)
    image, cube = (read(tmp_path / "out" / f"jw01_{name}.fits") for name in ("rate", "rateints"))
    assert (image.unit, image.axes, cube.axes) == ("DN/s", ("row", "column"), AXES3)
    np.testing.assert_array_equal(image.data, (frame.data / GAIN).astype("f4"))
    assert image.variances["read"][RIGHT] == 1.0
    assert "estimate" in image.undone
    assert image.pixel_flags[7, 8] == Flag.HOT
    assert cube.flags[:, 9, 9].tolist() == [0, Flag.JUMP_DET]


# --- what the mission's own models say of them ---


@pytest.mark.parametrize(
    ("kind", "model"),
    [("rate", "ImageModel"), ("rateints", "CubeModel"), ("fitopt", "RampFitOutputModel"), ("uncal", "Level1bModel")],
)
def test_the_models_of_the_mission_open_and_validate_them(tmp_path, kind, model):
    models = pytest.importorskip("stdatamodels.jwst.datamodels")
    written(tmp_path, fitted(tmp_path, segments=True))
    small = ob.Detector.load("jwst_nircam").resized((24, 32))
    raw = small.expose(9.0, ob.Exposure("a", pattern=ob.ReadPattern.even(4, frame_time=10.0)), seed=1)
    ob.write(raw, tmp_path / "out" / "jw01_uncal.fits")
    with getattr(models, model)(tmp_path / "out" / f"jw01_{kind}.fits", strict_validation=True) as opened:
        opened.validate()
        assert opened.meta.model_type == model
        assert opened.meta.cal_step.ramp_fit == (None if kind == "uncal" else "COMPLETE")
        assert opened.meta.instrument.detector == "NRCA1"


def test_the_models_of_the_mission_would_refuse_a_wrong_keyword(tmp_path):
    models = pytest.importorskip("stdatamodels.jwst.datamodels")
    frame = fitted(tmp_path)
    path = product_writer(frame).write_products(
        frame, tmp_path / "out", "jw01", detector=detector(), provenance={"S_RAMP": "DONE"}
    )[0]
    with pytest.raises(Exception, match="DONE"):
        models.ImageModel(path, strict_validation=True).validate()
