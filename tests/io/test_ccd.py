"""Raw CCD files by a map of keywords: what is required, what is refused, what is flagged."""

import numpy as np
import pytest

from obverse.errors import DataError, ObverseWarning, UsageError
from obverse.flags import Flag
from obverse.io import Keywords, constants, provenance_of, read, write
from tests.io.making import (
    EMPTY_PRIMARY,
    RAW_CARDS,
    card,
    counts,
    header,
    image,
    layout,
    put,
    raw,
    replaced,
    table,
)

CCD = Keywords()


def changed(**values):
    return raw(extra=replaced(RAW_CARDS, **values))


def test_a_raw_frame_keeps_its_counts_and_says_what_it_is(tmp_path):
    frame = read(put(tmp_path, raw(), "b27.fits"), detector=CCD)
    assert frame.data.dtype == np.uint16
    np.testing.assert_array_equal(frame.data, counts())
    assert (frame.unit, frame.axes, frame.undone, frame.flags) == ("DN", ("row", "column"), (), None)
    exposure = frame.exposure
    assert (exposure.id, exposure.seconds, exposure.kind, exposure.start) == (
        "b27",
        30.0,
        "science",
        "2013-07-13",
    )
    assert constants(frame) == {"gain": (1.9,), "read_noise": (5.0,)}


REFUSED = {
    "21 EXPTIME missing": ({"EXPTIME": None}, "EXPTIME: missing"),
    "22 GAIN missing": ({"GAIN": None}, "GAIN: missing"),
    "23 RDNOISE missing": ({"RDNOISE": None}, "RDNOISE: missing"),
    "24 EXPTIME negative": ({"EXPTIME": -1.0}, "EXPTIME: -1.0 is less than 0"),
    "26 EXPTIME a text": ({"EXPTIME": "ten"}, "EXPTIME: 'ten' is not a finite number"),
    "27 EXPTIME NaN": ({"EXPTIME": b"                 NaN"}, "EXPTIME: 'NaN' is not a finite number"),
    "28 EXPTIME 1E999": ({"EXPTIME": b"               1E999"}, "EXPTIME: inf is not a finite number"),
    "29 GAIN 0": ({"GAIN": 0}, "GAIN: 0 is not positive"),
    "30 GAIN negative": ({"GAIN": -1.9}, "GAIN: -1.9 is not positive"),
    "31 GAIN with a unit": ({"GAIN": "1.8 e-/DN"}, "GAIN: '1.8 e-/DN' is not a finite number"),
    "32 RDNOISE negative": ({"RDNOISE": -5.0}, "RDNOISE: -5.0 is less than 0"),
    "35 impossible date": ({"DATE_OBS": "2013-02-30"}, "DATE-OBS: .* no date"),
    "39 BUNIT wrong": ({"BUNIT": "Jy"}, "BUNIT: 'jy' is no unit of raw counts"),
    "40 calibrated": ({"BUNIT": "electron/s"}, "BUNIT: 'electron/s' is no unit of raw counts"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_a_wrong_or_missing_keyword_is_refused_with_a_remedy(tmp_path, name):
    values, message = REFUSED[name]
    with pytest.raises(DataError, match=rf"a\.fits: PRIMARY/{message}.*, .*--set"):
        read(put(tmp_path, changed(**values)), detector=CCD)


def test_an_exposure_of_no_time_is_a_bias(tmp_path):
    frame = read(put(tmp_path, changed(EXPTIME=0.0, IMAGETYP="zero")), detector=CCD)
    assert (frame.exposure.seconds, frame.exposure.kind) == (0.0, "bias")


def test_a_value_set_by_the_user_counts_and_is_recorded(tmp_path):
    path = put(tmp_path, changed(GAIN=None, RDNOISE=-1))
    frame = read(path, detector=CCD, overrides={"GAIN": "1.8", "RDNOISE": "4"})
    assert constants(frame) == {"gain": (1.8,), "read_noise": (4.0,)}
    write(frame, tmp_path / "out.fits")
    found = provenance_of(read(tmp_path / "out.fits"))
    assert (found["set GAIN"], found["set RDNOISE"]) == ("1.8", "4")


def test_a_value_set_by_the_user_is_checked_too(tmp_path):
    with pytest.raises(DataError, match="GAIN: 'much' is not a finite number"):
        read(put(tmp_path, raw()), detector=CCD, overrides={"GAIN": "much"})


def test_without_a_detector_nothing_is_assumed_of_gain_and_noise(tmp_path):
    frame = read(put(tmp_path, changed(GAIN=-3, RDNOISE=None)))
    assert frame.exposure.k_gain is None
    assert constants(frame) == {}


def test_two_values_are_refused_until_the_detector_says_which_counts(tmp_path):
    path = put(tmp_path, raw(extra=[*RAW_CARDS, ("EXPTIME", 60.0)]))
    with pytest.raises(DataError, match=r"EXPTIME: stands twice, as 30.0 and 60.0"):
        read(path)
    assert read(path, detector=Keywords(first_of=["EXPTIME"])).exposure.seconds == 30
    assert read(path, overrides={"EXPTIME": "45"}).exposure.seconds == 45


def test_exposure_times_are_turned_into_seconds(tmp_path):
    path = put(tmp_path, changed(EXPTIME=None, EXPMS=1500))
    assert read(path, detector=Keywords(exposure_time="EXPMS", exposure_time_unit="ms")).exposure.seconds == 1.5
    with pytest.raises(UsageError, match="did you mean 'min'"):
        Keywords(exposure_time_unit="mins")


def test_kinds_are_translated_by_the_detector(tmp_path):
    path = put(tmp_path, changed(IMAGETYP="Dome"))
    assert read(path, detector=Keywords(kinds={"DOME": "flat"})).exposure.kind == "flat"
    assert read(path, detector=CCD).exposure.kind == "dome"


@pytest.mark.parametrize("name", ["../../x", "..", "-rf", "a b", "x" * 65])
def test_a_dangerous_name_in_the_header_is_refused(tmp_path, name):
    path = put(tmp_path, changed(OBSID=name))
    with pytest.raises(DataError, match="may not name an exposure"):
        read(path, detector=Keywords(id="OBSID"))


def test_the_name_inside_a_file_is_never_used_as_a_path(tmp_path):
    path = put(tmp_path, changed(FILENAME="../../etc/passwd"), "safe.fits")
    assert read(path).exposure.id == "safe"


# --- pixels (rows 7, 8, 12 to 19) ---


def test_a_table_where_an_image_is_expected_is_refused(tmp_path):
    path = put(tmp_path, EMPTY_PRIMARY + table(["1J"], [("EXTNAME", "SCI")], width=4))
    with pytest.raises(DataError, match="SCI/NAXIS: holds a table"):
        read(path, detector=Keywords(hdu="SCI"))
    with pytest.raises(DataError, match="0 images"):
        read(path)


def test_a_missing_unit_names_its_neighbour(tmp_path):
    path = put(tmp_path, EMPTY_PRIMARY + image(np.ones((3, 3), "i2"), [("EXTNAME", "SEG1")], first="XTENSION"))
    with pytest.raises(DataError, match="did you mean 'SEG1'"):
        read(path, detector=Keywords(hdu="SEG2"))


def test_an_image_of_another_dimension_is_refused(tmp_path):
    with pytest.raises(DataError, match=r"NAXIS: holds .* of shape \(2, 3, 4\)"):
        read(put(tmp_path, image(np.ones((2, 3, 4), "i2"), RAW_CARDS)))


def test_two_images_are_ambiguous(tmp_path):
    more = image(np.ones((3, 3), "i2"), [("EXTNAME", "B")], first="XTENSION")
    with pytest.raises(DataError, match="2 images"):
        read(put(tmp_path, raw() + more))
    assert read(put(tmp_path, raw() + more), detector=Keywords(hdu=0)).shape == (6, 8)


def test_negative_counts_mean_that_bzero_was_lost(tmp_path):
    with pytest.raises(DataError, match="BZERO was lost"):
        read(put(tmp_path, raw(zero=False)))


def test_swapped_bytes_are_noticed(tmp_path):
    pixels = counts((64, 64))
    swapped = ((pixels ^ 0x8000).byteswap()) ^ 0x8000
    with pytest.warns(ObverseWarning, match="other way round"):
        read(put(tmp_path, raw(swapped)))


def test_a_few_nan_are_flagged_and_their_neighbours_are_not(tmp_path):
    pixels = counts().astype(np.float32)
    pixels[2, 3], pixels[4, 4] = np.nan, np.inf
    with pytest.warns(ObverseWarning, match="2 pixels are NaN"):
        frame = read(put(tmp_path, image(pixels, RAW_CARDS)))
    assert np.argwhere(frame.flags == Flag.DO_NOT_USE).tolist() == [[2, 3], [4, 4]]
    clean = frame.flags == 0
    np.testing.assert_array_equal(frame.data[clean], counts()[clean])


def test_blank_pixels_are_flagged(tmp_path):
    stored = np.full((4, 5), 7, np.int16)
    stored[1, 1], stored[0, 0] = -32768, 8
    with pytest.warns(ObverseWarning) as caught:
        frame = read(put(tmp_path, image(stored, [("BLANK", -32768), *RAW_CARDS])))
    assert any("BLANK" in str(warning.message) for warning in caught)
    assert np.argwhere(frame.flags == Flag.DO_NOT_USE).tolist() == [[1, 1]]


def test_an_image_of_nan_is_refused(tmp_path):
    with pytest.raises(DataError, match="all pixels are NaN"):
        read(put(tmp_path, image(np.full((3, 3), np.nan, np.float32), RAW_CARDS)))


@pytest.mark.parametrize(("value", "flag"), [(0, Flag.DO_NOT_USE), (777, Flag.DO_NOT_USE), (65535, Flag.SATURATED)])
def test_a_constant_image_is_flagged(tmp_path, value, flag):
    with pytest.warns(ObverseWarning, match="every pixel is"):
        frame = read(put(tmp_path, raw(np.full((4, 4), value, np.uint16))))
    assert (frame.flags == flag).all()


def test_the_header_says_where_the_detector_saturates(tmp_path):
    path = put(tmp_path, raw(np.full((4, 4), 60000, np.uint16), [*RAW_CARDS, ("SATURATE", 59000)]))
    with pytest.warns(ObverseWarning, match="saturated"):
        frame = read(path, detector=Keywords(saturation="SATURATE"))
    assert (frame.flags == Flag.SATURATED).all()
    assert constants(frame)["saturation"] == (59000.0,)


def test_fractional_counts_are_read_with_a_warning(tmp_path):
    with pytest.warns(ObverseWarning, match="not whole numbers"):
        frame = read(put(tmp_path, image(counts().astype(np.float32) + 0.5, RAW_CARDS)))
    assert frame.flags is None
    np.testing.assert_array_equal(frame.data, counts() + np.float32(0.5))


def test_amplifiers_in_their_own_units_become_an_axis(tmp_path):
    planes = [counts((6, 8), seed).astype(np.int16) for seed in (1, 2)]
    units = [image(p, [("EXTNAME", f"SEG{i}")], first="XTENSION") for i, p in enumerate(planes)]
    primary = EMPTY_PRIMARY.replace(b"END".ljust(80), card("EXPTIME", 2.0) + b"END", 1)[:2880]
    path = put(tmp_path, primary + units[0] + units[1])
    frame = read(path, detector=Keywords(hdu=["seg1", "seg0"], gain=None, read_noise=None))
    assert frame.axes == ("amplifier", "row", "column")
    np.testing.assert_array_equal(frame.data, planes[::-1])


def test_amplifiers_of_unequal_shape_are_refused(tmp_path):
    planes = [np.arange(12, dtype=np.int16).reshape(3, 4), np.arange(3, dtype=np.int16).reshape(3, 1)]
    units = [image(p, [("EXTNAME", f"SEG{i}"), ("EXPTIME", 1.0)], first="XTENSION") for i, p in enumerate(planes)]
    path = put(tmp_path, EMPTY_PRIMARY + units[0] + units[1])
    with pytest.raises(DataError, match=r"SEG1/NAXIS: shape \(3, 1\), SEG0 has \(3, 4\)"):
        read(path, detector=Keywords(hdu=["SEG0", "SEG1"], gain=None, read_noise=None))


def test_an_image_inherits_the_keywords_of_the_first_unit_and_its_own_win(tmp_path):
    primary = header([("SIMPLE", True), ("BITPIX", 8), ("NAXIS", 0), ("EXPTIME", 5.0), ("FILTER", "R")])
    unit = header([*layout(np.ones((2, 2), "i2"), "XTENSION"), ("EXPTIME", 7.0)])
    body = np.array([[1, 2], [3, 5]], ">i2").tobytes().ljust(2880, b"\0")
    exposure = read(put(tmp_path, primary + unit + body)).exposure
    assert (exposure.seconds, exposure.filter) == (7.0, "R")
