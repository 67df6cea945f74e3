"""What is written is standard FITS, the same bytes each time, and astropy agrees about every value."""

import hashlib
import time

import numpy as np
import pytest
from astropy.io import fits
from hypothesis import given, settings
from hypothesis import strategies as st

from obverse.errors import UsageError
from obverse.io import Hdu, Header, checksum, open_fits, write_fits
from obverse.io.cards import Card

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
    with fits.open(
        tmp_path / "a.fits", checksum=True
    ) as theirs:  # a wrong sum would be a warning, an error here
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
    hdus = fits.HDUList(
        [fits.PrimaryHDU(np.arange(35, dtype="u2").reshape(5, 7)), fits.ImageHDU(np.ones((3, 3)))]
    )
    hdus.writeto(tmp_path / "a.fits", checksum=True)
    first, second = open_fits(tmp_path / "a.fits")
    np.testing.assert_array_equal(first.data, np.arange(35).reshape(5, 7))
    np.testing.assert_array_equal(second.data, np.ones((3, 3)))


def test_scaled_and_blank_pixels_follow_the_standard(tmp_path):
    from obverse.errors import ObverseWarning
    from tests.io.making import image, put

    stored = np.array([[1, 2, -99]], np.int16)
    scaled = open_fits(put(tmp_path, image(stored, [("BSCALE", 0.5), ("BZERO", 10.0)])))[0].data
    np.testing.assert_array_equal(scaled, np.float32([[10.5, 11, -39.5]]))
    with pytest.warns(ObverseWarning, match="1 blank pixels"):
        blank = open_fits(put(tmp_path, image(stored, [("BLANK", -99)])))[0].data
    np.testing.assert_array_equal(blank, np.float32([[1, 2, np.nan]]))


@settings(max_examples=50, deadline=None, derandomize=True)
@given(content=st.binary(max_size=700), repeats=st.sampled_from([1, 1000]))
def test_the_sum_is_the_one_of_the_standard(content, repeats):
    data = np.frombuffer(content * repeats, np.uint8)
    words = np.frombuffer(bytes(data).ljust(-(-len(data) // 4) * 4, b"\0"), ">u4")
    total = sum(int(word) for word in words)
    while total >> 32:
        total = (total & 0xFFFFFFFF) + (total >> 32)
    assert checksum.ones_sum(data) == total


@given(total=st.integers(0, 2**32 - 1))
def test_the_encoded_sum_is_letters_and_digits_that_complete_it(total):
    text = checksum.encode(total)
    assert len(text) == 16
    assert text.isalnum()
    aligned = np.frombuffer((text[1:] + text[0]).encode(), np.uint8)
    zeros = np.frombuffer(b"0" * 16, np.uint8)
    change = checksum.ones_sum(aligned) - checksum.ones_sum(zeros)
    assert (total + change) % 0xFFFFFFFF == 0


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
