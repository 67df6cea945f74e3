"""WFC3/IR reads become a ramp in time order, in electron, with our flags."""

import numpy as np
import pytest

from obverse.errors import DataError, ObverseWarning
from obverse.flags import Flag
from obverse.io import Hdu, Header, constants, open_fits, read, write_fits
from obverse.io.cards import Card
from tests.io.making import REAL

TIMES = (0.0, 2.0, 5.0)
BORDER = np.ones((14, 16), bool)
BORDER[5:-5, 5:-5] = False


def primary(**changes):
    cards = {
        "TELESCOP": "HST", "INSTRUME": "WFC3", "DETECTOR": "IR", "ROOTNAME": "test01", "NSAMP": 3,
        "EXPTIME": 5.0, "SAMPZERO": 0.5, "FILTER": "F140W", "DATE-OBS": "2014-02-05", "TIME-OBS": "07:48:32",
        "ZSIGCORR": "COMPLETE", "ZOFFCORR": "COMPLETE", "BLEVCORR": "COMPLETE", "NLINCORR": "COMPLETE",
        "DARKCORR": "OMIT", "FLATCORR": "COMPLETE", "UNITCORR": "COMPLETE",
        **{f"ATODGN{a}": 2.4 for a in "ABCD"}, **{f"READNSE{a}": 20.0 for a in "ABCD"},
    } | changes  # fmt: skip
    return Hdu(0, "PRIMARY", 1, Header([Card(k, v) for k, v in cards.items() if v is not None]), None)


def ima(tmp_path, *, unit="ELECTRONS/S", times=TIMES, quality=None, rate=3.0, constant=False, **changes):
    """Write reads newest first: a constant rate inside, 7 in the border, a bright spot in the zeroth read."""
    hdus = [primary(**changes)]
    for version, number in enumerate(range(len(times) - 1, -1, -1), start=1):
        seconds = times[number]
        inside = rate if unit.endswith("/S") else rate * seconds
        plane = np.where(BORDER, 7.0, inside if number else 0.0).astype(np.float32)
        if number == 0:
            plane[7, 8] = 100.0
        bits = np.zeros(plane.shape, np.int16)
        for where, values in (quality or {}).items():
            bits[where] = values[number]
        known = [Card("BUNIT", unit), Card("SAMPNUM", number), Card("SAMPTIME", seconds)]
        hdus.append(Hdu(0, "SCI", version, Header(known), plane))
        if constant:
            known_shape = [Card("NPIX1", 16), Card("NPIX2", 14), Card("PIXVALUE", 0)]
            hdus.append(Hdu(0, "DQ", version, Header(known_shape), None))
        else:
            hdus.append(Hdu(0, "DQ", version, Header([]), bits))
        hdus.append(Hdu(0, "SAMP", version, Header([Card("PIXVALUE", number + 1)]), None))
    write_fits(tmp_path / "test_ima.fits", hdus, overwrite=True)
    return tmp_path / "test_ima.fits"


def test_reads_are_in_time_order_and_in_accumulated_electrons(tmp_path):
    frame = read(ima(tmp_path))
    assert (frame.unit, frame.axes) == ("electron", ("integration", "resultant", "row", "column"))
    assert frame.data.dtype == np.float32
    for k, seconds in enumerate(TIMES):
        assert (frame.data[0, k][~BORDER] == 3.0 * seconds).all()
    assert frame.exposure.pattern.tbar.tolist() == list(TIMES)
    assert frame.exposure.start == "2014-02-05T07:48:32"


def test_the_border_is_left_as_it_is_and_flagged(tmp_path):
    frame = read(ima(tmp_path))
    assert (frame.data[0][:, BORDER] == 7.0).all()
    expected = np.uint32(Flag.REFERENCE_PIXEL | Flag.NON_SCIENCE)
    np.testing.assert_array_equal(frame.pixel_flags, np.where(BORDER, expected, 0))


def test_the_signal_before_the_zeroth_read_travels_beside_the_ramp(tmp_path):
    frame = read(ima(tmp_path))
    assert frame.data[0, 0, 7, 8] == 0
    spot = frame.companions["zero_signal"]
    assert (spot.data[7, 8], spot.unit) == (50.0, "electron")  # 100 electron/s times SAMPZERO


def test_counts_and_totals_are_read_too(tmp_path):
    counts = read(ima(tmp_path, unit="COUNTS", FLATCORR="OMIT", UNITCORR="OMIT"))
    assert counts.unit == "DN"
    assert counts.data[0, 2, 6, 6] == 15.0
    assert "gain" not in counts.undone
    assert read(ima(tmp_path, unit="COUNTS/S", FLATCORR="OMIT")).data[0, 2, 6, 6] == 15.0
    assert read(ima(tmp_path, unit="ELECTRONS")).data[0, 2, 6, 6] == 15.0


def test_the_switches_say_what_has_been_undone(tmp_path):
    undone = read(ima(tmp_path)).undone
    assert undone == ("bias_drift", "bias", "saturation", "nonlinearity", "flat", "gain", "adc")


def test_a_raw_file_has_nothing_undone_and_keeps_its_zeroth_read(tmp_path):
    omitted = dict.fromkeys(("ZSIGCORR", "ZOFFCORR", "BLEVCORR", "NLINCORR", "FLATCORR", "UNITCORR"), "PERFORM")
    zeros = {f"ATODGN{a}": 0.0 for a in "ABCD"} | {f"READNSE{a}": 0.0 for a in "ABCD"}
    frame = read(ima(tmp_path, unit="COUNTS", **omitted, **zeros), level="raw")
    assert (frame.undone, dict(frame.companions), dict(constants(frame))) == ((), {}, {})
    assert frame.data[0, 0, 7, 8] == 100.0


def test_quality_bits_are_translated_by_read_and_by_pixel(tmp_path):
    quality = {
        (6, 6): (0, 256, 256),
        (6, 7): (0, 8192, 0),
        (6, 8): (4, 4, 4),
        (7, 6): (16, 16, 16 | 512),
        (8, 8): (2048,) * 3,
    }
    frame = read(ima(tmp_path, quality=quality))
    assert frame.flags[0, :, 6, 6].tolist() == [0, Flag.SATURATED, Flag.SATURATED]
    assert frame.flags[0, :, 6, 7].tolist() == [0, Flag.JUMP_DET, 0]
    assert frame.pixel_flags[6, 8] == Flag.DO_NOT_USE | Flag.DEAD
    assert frame.pixel_flags[7, 6] == Flag.HOT | Flag.UNRELIABLE_FLAT
    assert frame.flags[0, :, 8, 8].tolist() == [0, 0, 0]
    assert frame.pixel_flags[8, 8] == 0


def test_planes_without_pixels_are_constant(tmp_path):
    frame = read(ima(tmp_path, constant=True))
    assert (frame.flags == 0).all()


def test_the_noise_of_a_single_read_is_that_of_a_difference_over_root_two(tmp_path):
    frame = read(ima(tmp_path))
    assert constants(frame)["gain"] == (2.4,) * 4
    np.testing.assert_allclose(constants(frame)["read_noise"], (20 / np.sqrt(2),) * 4)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"NSAMP": 4}, "NSAMP: 4 reads, the file holds 3"),
        ({"times": (0.0, 5.0, 5.0)}, "SAMPTIME: the times .* do not rise"),
        ({"unit": "JY"}, "BUNIT"),
        ({"SAMPZERO": None}, "SAMPZERO: missing"),
    ],
)
def test_a_damaged_ramp_is_refused(tmp_path, changes, message):
    with pytest.raises(DataError, match=message):
        read(ima(tmp_path, **changes))


def test_a_ramp_that_falls_is_noticed(tmp_path):
    with pytest.warns(ObverseWarning, match="falls with time"):
        read(ima(tmp_path, rate=-300.0))


def test_a_calibrated_ramp_is_not_raw(tmp_path):
    with pytest.raises(DataError, match=r"calibrated .* where raw is needed"):
        read(ima(tmp_path), level="raw")


# --- the real file ---

REAL_IMA = REAL / "wfc3" / "iccz11q4q_ima.fits.gz"
real = pytest.mark.skipif(not REAL_IMA.exists(), reason="real data (../shared/data/wfc3) are not here")


@real
def test_the_real_ramp_has_the_noise_that_its_header_promises():
    frame = read(REAL_IMA)
    assert frame.shape == (1, 4, 266, 266)
    np.testing.assert_allclose(frame.exposure.pattern.tbar, [0, 0.277815, 0.55563, 0.833445])
    difference = (frame.data[0, 3] - frame.data[0, 2])[5:-5, 5:-5]
    scatter = 1.4826 * np.median(np.abs(difference - np.median(difference)))
    promised = np.sqrt(2) * np.mean(constants(frame)["read_noise"])
    assert abs(scatter / promised - 1) < 0.02


@real
def test_the_real_zeroth_read_is_zero_and_its_bright_source_is_where_the_star_is():
    frame = read(REAL_IMA)
    assert (frame.data[0, 0][5:-5, 5:-5] == 0).all()
    zero = frame.companions["zero_signal"].data
    star = np.unravel_index(np.argmax(zero), zero.shape)
    last = frame.data[0, 3][5:-5, 5:-5]
    assert star == tuple(np.array(np.unravel_index(np.argmax(last), last.shape)) + 5) == (153, 28)
    assert np.count_nonzero(zero) == 18


@real
def test_the_real_saturated_pixels_are_flagged_in_their_reads():
    frame = read(REAL_IMA)
    theirs = [open_fits(REAL_IMA)[i].data for i in (18, 13, 8, 3)]
    for k, plane in enumerate(theirs):
        np.testing.assert_array_equal(frame.flags[0, k] & Flag.SATURATED != 0, plane & 256 != 0)
