"""What is written is standard FITS, the same bytes each time, and astropy agrees about every value."""

import hashlib
import time

import numpy as np
import pytest
from astropy.io import fits

from obverse.errors import DataError, ObverseWarning, UsageError
from obverse.io import Hdu, Header, open_fits, write_fits
from obverse.io.cards import Card
from tests.io.making import EMPTY_PRIMARY, counts, image, put, raw, table

TYPES = ["u1", "i1", "u2", "i2", "u4", "i4", "u8", "i8", "f4", "f8"]


def extremes(dtype):
    kind = np.dtype(dtype)
    if kind.kind == "f":
        return np.array([[0, -0.0, np.inf], [-np.inf, np.finfo(kind).max, np.finfo(kind).tiny]], kind)
    info = np.iinfo(kind)
    return np.array([[info.min, info.min + 1, 0], [1, info.max - 1, info.max]], kind)


def records():
    made = np.zeros(3, [("KEY", "S5"), ("VALUE", "f8"), ("PAIR", "i4", (2,))])
    made["KEY"], made["VALUE"], made["PAIR"] = (
        [b"a", b"bb", b"ccccc"],
        [1.5, np.pi, 3],
        [[1, 2], [3, 4], [5, 6]],
    )
    return made


def everything():
    header = Header([Card("OBJECT", "x'" * 100), Card("GAIN", 1.9, "e-/DN"), Card("HISTORY", "h" * 200)])
    images = [Hdu(0, "A", i + 1, Header([]), extremes(t)) for i, t in enumerate(TYPES)]
    return [Hdu(0, "PRIMARY", 1, header, None), *images, Hdu(0, "TABLE", 1, Header([]), records())]


def test_every_type_comes_back_bit_for_bit(tmp_path):
    write_fits(tmp_path / "a.fits", everything())
    for before, after in zip(everything(), open_fits(tmp_path / "a.fits"), strict=True):
        assert (before.name, before.version) == (after.name, after.version)
        if before.data is not None:
            assert after.data.dtype == before.data.dtype
            assert after.data.dtype.isnative
            assert after.data.tobytes() == before.data.tobytes()


def test_astropy_verifies_the_file_and_reads_the_same(tmp_path):
    write_fits(tmp_path / "a.fits", everything())
    with fits.open(tmp_path / "a.fits", checksum=True) as theirs:  # a wrong sum would be a warning, an error here
        theirs.verify("exception")
        assert theirs[0].header["OBJECT"] == "x'" * 100
        for ours, hdu in zip(everything(), theirs, strict=True):
            if ours.data is not None and ours.data.dtype.names is None:
                np.testing.assert_array_equal(hdu.data, ours.data)
        np.testing.assert_array_equal(theirs["TABLE"].data["PAIR"], records()["PAIR"])
        assert list(theirs["TABLE"].data["KEY"]) == ["a", "bb", "ccccc"]


@pytest.mark.parametrize("kind", ["RICE_1", "GZIP_2"])
def test_tile_compressed_images_of_astropy_are_read(tmp_path, kind):
    pixels = np.random.default_rng(3).poisson(900, (40, 60)).astype(np.int16)
    fits.HDUList([fits.PrimaryHDU(), fits.CompImageHDU(pixels, compression_type=kind, name="SCI")]).writeto(
        tmp_path / "a.fits", checksum=True
    )
    found = open_fits(tmp_path / "a.fits")[1]
    assert found.data.dtype == np.int16
    np.testing.assert_array_equal(found.data, pixels)


def test_what_astropy_writes_passes_our_checksums(tmp_path):
    hdus = fits.HDUList([fits.PrimaryHDU(np.arange(35, dtype="u2").reshape(5, 7)), fits.ImageHDU(np.ones((3, 3)))])
    hdus.writeto(tmp_path / "a.fits", checksum=True)
    first, second = open_fits(tmp_path / "a.fits")
    np.testing.assert_array_equal(first.data, np.arange(35).reshape(5, 7))
    np.testing.assert_array_equal(second.data, np.ones((3, 3)))


def test_scaled_and_blank_pixels_follow_the_standard(tmp_path):
    stored = np.array([[1, 2, -99]], np.int16)
    scaled = open_fits(put(tmp_path, image(stored, [("BSCALE", 0.5), ("BZERO", 10.0)])))[0].data
    np.testing.assert_array_equal(scaled, np.float32([[10.5, 11, -39.5]]))
    with pytest.warns(ObverseWarning, match="1 blank pixels"):
        blank = open_fits(put(tmp_path, image(stored, [("BLANK", -99)])))[0].data
    np.testing.assert_array_equal(blank, np.float32([[1, 2, np.nan]]))


def test_a_checksum_without_the_sum_of_the_data_counts(tmp_path):
    path = tmp_path / "a.fits"
    hdu = fits.PrimaryHDU(np.arange(6.0))
    hdu.add_checksum(when="", override_datasum=True)
    hdu.writeto(path)
    assert "DATASUM" not in open_fits(path)[0].header
    content = path.read_bytes()
    path.write_bytes(content[:2880] + b"\1" + content[2881:])
    with pytest.raises(DataError, match="CHECKSUM"):
        open_fits(path)


def test_a_checksum_over_bytes_that_are_not_ascii_is_right(tmp_path):
    """Other writers leave them in comments; verify_checksum of astropy sees question marks in their place."""
    path = tmp_path / "a.fits"
    spare = [Card("OBSERVER", "x", "a" * 40), Card("OTHER", "x", "b" * 40)]
    write_fits(path, [Hdu(0, "PRIMARY", 1, Header(spare), np.ones(3))])
    content = path.read_bytes()
    moved = content.replace(b"a" * 40, bytes([0x61 + 0x80]) + b"a" * 39, 1)
    path.write_bytes(moved)
    with pytest.warns(ObverseWarning, match="unprintable"), pytest.raises(DataError, match="CHECKSUM"):
        open_fits(path)
    at = moved.index(b"b" * 40)  # take off again what was added, in two halves, at the same place of a word
    at += (moved.index(b"\xe1") - at) % 4
    made = bytearray(moved)
    for k in (0, 4):
        made[at + k] -= 0x40
    path.write_bytes(made)
    with pytest.warns(ObverseWarning, match="unprintable"):
        assert open_fits(path)[0].data.tolist() == [1, 1, 1]


def test_a_table_in_the_first_unit_is_refused(tmp_path):
    with pytest.raises(UsageError, match="first unit"):
        write_fits(tmp_path / "a.fits", [Hdu(0, "PRIMARY", 1, Header([]), records())])
    assert list(tmp_path.iterdir()) == []


def test_nameless_columns_and_those_of_one_name_are_told_apart(tmp_path):
    forms = table(["1J", "1J", "1J"], [("TTYPE2", "A"), ("TTYPE3", "A")], width=12)
    (_, hdu) = open_fits(put(tmp_path, EMPTY_PRIMARY + forms))
    assert hdu.data.dtype.names == ("col1", "A", "A_3")


def test_a_table_without_rows_is_read(tmp_path):
    (_, hdu) = open_fits(put(tmp_path, EMPTY_PRIMARY + table(["1J", "5A"], width=9, rows=0)))
    assert (hdu.data.shape, hdu.data.dtype.itemsize) == ((0,), 9)


def test_pixels_stay_integers_where_none_is_blank(tmp_path):
    pixels = counts()
    path = put(tmp_path, raw(pixels, [("BLANK", -32768)]))
    (hdu,) = open_fits(path)
    assert hdu.data.dtype == np.uint16
    np.testing.assert_array_equal(hdu.data, pixels)


def test_what_is_written_is_left_as_it_was(tmp_path):
    for dtype in TYPES:
        data = extremes(dtype)
        before = data.tobytes()
        write_fits(tmp_path / f"{dtype}.fits", [Hdu(0, "PRIMARY", 1, Header([]), data)])
        assert data.tobytes() == before


def test_the_same_units_give_the_same_bytes_at_another_time(tmp_path):
    write_fits(tmp_path / "a.fits", everything())
    time.sleep(1.1)  # a time stamp would have another second
    write_fits(tmp_path / "b.fits", everything())
    one, two = ((tmp_path / name).read_bytes() for name in ("a.fits", "b.fits"))
    assert hashlib.sha256(one).digest() == hashlib.sha256(two).digest()
    assert len(one) % 2880 == 0


@pytest.mark.parametrize(
    "data", [np.ones(3, bool), np.ones(3, complex), np.ones((0, 3)), np.array(["a"]), np.ones(2, "f2")]
)
def test_what_fits_cannot_hold_is_refused(tmp_path, data):
    with pytest.raises(UsageError, match="cannot stand in FITS"):
        write_fits(tmp_path / "a.fits", [Hdu(0, "PRIMARY", 1, Header([]), data)])
    assert list(tmp_path.iterdir()) == []
