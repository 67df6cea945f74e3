"""Files that the door must refuse in one line, or read with a warning; numbers are rows of our promise."""

import gzip
import os
import pickle
import re
import socket
import time
import tracemalloc
import zlib
from pathlib import Path

import astropy.io.fits  # noqa: F401 - here, so that no test below times or weighs the import of a library
import numpy as np
import pytest

from obverse.errors import DataError, ObverseWarning
from obverse.io import open_fits, read, scan_fits
from tests.io.making import (
    BLOCK,
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

GOOD = raw()
SCI = [("EXTNAME", "SCI")]
PIXELS = np.arange(48, dtype=np.int16).reshape(6, 8)
DESCRIPTORS = Path("/proc/self/fd")
ONE_LINE = re.compile(r"[^\n]+: [^\n:]+: [^\n]+, [^\n]+|[^\n]+: [^\n:]+: [^\n]+: [^\n]+")


def structural(**values):
    """Return a file of 6 x 8 pixels with structural keywords changed."""
    return header(replaced(layout(PIXELS), **values)) + PIXELS.astype(">i2").tobytes().ljust(BLOCK, b"\0")


def extension(array=PIXELS, extra=()):
    return image(array, extra, first="XTENSION")


def bomb_table():
    descriptor = np.array([16, 0], ">i4").tobytes()
    claims = [
        ("ZIMAGE", True), ("ZBITPIX", 16), ("ZNAXIS", 2), ("ZNAXIS1", 100000), ("ZNAXIS2", 100000),
        ("ZCMPTYPE", "RICE_1"), ("TTYPE1", "COMPRESSED_DATA"),
    ]  # fmt: skip
    return EMPTY_PRIMARY + table(["1PB(16)"], claims, descriptor + bytes(16), width=8)


def table_claiming(heap):
    return EMPTY_PRIMARY + table(["1J"], width=4).replace(card("PCOUNT", 0), card("PCOUNT", heap))


def table_pointing(form, count, offset):
    return EMPTY_PRIMARY + table([form], (), np.array([count, offset], ">i4").tobytes() + bytes(8), width=8)


LYING = image(np.zeros((60, 80), ">i2")).replace(card("BITPIX", 16), card("BITPIX", 8))

BAD = {
    # row of the promise: what, content, what the message must name
    "1 empty": (b"", "empty"),
    "1 garbage": (b"\x00\x01\x02" * 2000, "not FITS"),
    "1 text": (b"hello, this is no image\n" * 200, "not FITS"),
    "1 error page": (b"<!DOCTYPE html><html><body>404</body></html>", "not FITS"),
    "2 header cut": (GOOD[:1000], "cut"),
    "2 END with a value": (GOOD.replace(b"END".ljust(80), b"END = 3".ljust(80)), "END"),
    "2 END missing": (GOOD.replace(b"END".ljust(80), b"ENX".ljust(80)), "END"),
    "3 data cut in half": (GOOD[: BLOCK + 48], "cut"),
    "3 one byte short": (GOOD[: BLOCK + 95], "cut"),
    "5 SIMPLE is F": (structural(SIMPLE=False), "SIMPLE"),
    "5 BITPIX 17": (structural(BITPIX=17), "BITPIX"),
    "5 BITPIX a text": (structural(BITPIX="sixteen"), "BITPIX"),
    "5 BITPIX lies": (LYING, "BITPIX"),
    "5 NAXIS1 negative": (structural(NAXIS1=-8), "NAXIS1"),
    "5 NAXIS2 is 0": (structural(NAXIS2=0), "NAXIS2"),
    "5 NAXIS2 missing": (structural(NAXIS2=None), "NAXIS2"),
    "6 two files in one": (GOOD + GOOD, "ambiguous"),
    "6 EXTNAME twice": (EMPTY_PRIMARY + extension(extra=SCI) + extension(extra=SCI), "ambiguous"),
    "8 NAXIS 999": (structural(NAXIS=999), "NAXIS"),
    "9 a huge claim": (structural(NAXIS1=2**31, NAXIS2=2**31), "claims"),
    "9 beyond 64 bits": (structural(NAXIS=3, NAXIS1=2**31, NAXIS2=2**31, NAXIS3=2**31), "claims"),
    "10 BSCALE is 0": (image(PIXELS, [("BSCALE", 0.0)]), "BSCALE"),
    "10 BZERO leads to infinity": (image(PIXELS, [("BZERO", 1e308)]), "infinite"),
    "10 BSCALE leads to infinity": (image(PIXELS, [("BSCALE", 1e308)]), "infinite"),
    "11 BZERO is NaN": (image(PIXELS, [("BZERO", b"                 NaN")]), "BZERO"),
    "38 BITPIX twice": (header([*layout(PIXELS), ("BITPIX", 32)]) + bytes(BLOCK), "twice"),
    "50 a compressed bomb": (bomb_table(), "claims"),
    "51 PCOUNT huge": (table_claiming(2**50), "claims"),
    "51 PCOUNT negative": (table_claiming(-8), "PCOUNT"),
    "51 outside the heap": (table_pointing("1PB", 9, 4), "heap"),
    "51 a huge descriptor": (table_pointing("1PJ", 2**31 - 1, 0), "heap"),
    "51 a negative descriptor": (table_pointing("1PB", -1, 0), "heap"),
    "51 columns do not fill the row": (EMPTY_PRIMARY + table(["1J", "1E"], width=4), "NAXIS1"),
    "52 a pickle": (pickle.dumps({"a": np.ones(3)}), "not FITS"),
}  # fmt: skip


@pytest.mark.parametrize("name", BAD)
def test_a_bad_file_is_refused_in_one_line_that_names_it(tmp_path, name):
    content, word = BAD[name]
    path = put(tmp_path, content)
    start = time.perf_counter()
    with pytest.raises(DataError) as caught:
        open_fits(path)
    assert time.perf_counter() - start < 1
    message = str(caught.value)
    assert word in message
    assert message.startswith(f"{path}: ")
    assert ONE_LINE.fullmatch(message)


@pytest.mark.parametrize("name", [name for name in BAD if name.split()[0] in ("3", "9", "50", "51")])
def test_a_claim_is_refused_before_memory_is_taken_for_it(tmp_path, name):
    path = put(tmp_path, BAD[name][0])
    tracemalloc.start()
    with pytest.raises(DataError):
        open_fits(path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 5 << 20


@pytest.mark.parametrize(
    ("content", "word"),
    [
        (GOOD[: BLOCK + 96], "padding"),
        (GOOD + b"junk" * 40, "junk"),
        (raw(extra=[*RAW_CARDS, ("OBJECT", "\x1b[31m \x07 \n \x00 \xe9")]), "unprintable"),
        (header([*layout(PIXELS), *[("HIERARC", i) for i in range(60_000)]]) + bytes(BLOCK), "header of"),
    ],
    ids=["4 padding missing", "4 junk after the end", "44 control characters", "46 sixty thousand cards"],
)
def test_an_odd_file_is_read_with_one_warning(tmp_path, content, word):
    path = put(tmp_path, content)
    start = time.perf_counter()
    with pytest.warns(ObverseWarning, match=word) as caught:
        (hdu,) = open_fits(path)
    assert time.perf_counter() - start < 5
    assert len(caught) == 1
    assert hdu.data.shape == (6, 8)


def test_control_characters_are_shown_as_escapes(tmp_path):
    path = put(tmp_path, raw(extra=[*RAW_CARDS, ("OBJECT", "\x1b[31m\nred")]))
    with pytest.warns(ObverseWarning, match="unprintable"):
        (hdu,) = open_fits(path)
    assert hdu.header["OBJECT"] == r"\x1b[31m\x0ared"


def test_a_long_chain_of_continued_text_is_read_in_linear_time(tmp_path):
    pieces = [b"CONTINUE  '" + b"x" * 66 + b"&'"] * 4000 + [b"CONTINUE  'end'".ljust(80)]
    chain = [card("OBJECT", b"'" + b"x" * 66 + b"&'"), *[piece.ljust(80) for piece in pieces]]
    path = put(tmp_path, header([*layout(PIXELS), *chain]) + bytes(BLOCK))
    start = time.perf_counter()
    with pytest.warns(ObverseWarning, match="header of"):
        (hdu,) = open_fits(path)
    assert time.perf_counter() - start < 5
    assert hdu.header["OBJECT"] == "x" * 66 * 4001 + "end"


def test_braces_and_percent_signs_in_a_header_are_only_text(tmp_path):
    path = put(tmp_path, raw(extra=replaced(RAW_CARDS, EXPTIME="{0.__class__} %s <script>")))
    with pytest.raises(DataError, match=re.escape("{0.__class__} %s <script>")):
        read(path)


# --- checksums (row 47) ---


def damaged(tmp_path, where):
    from obverse.io import Hdu, Header, write_fits

    path = tmp_path / "sum.fits"
    write_fits(path, [Hdu(0, "PRIMARY", 1, Header([]), counts())])
    content = bytearray(path.read_bytes())
    content[where] ^= 1
    path.write_bytes(content)
    return path


@pytest.mark.parametrize(("where", "key"), [(BLOCK + 5, "DATASUM"), (BLOCK - 1, "CHECKSUM")])
def test_one_flipped_bit_is_found(tmp_path, where, key):
    path = damaged(tmp_path, where)
    if key == "CHECKSUM":  # the last byte of the header is a blank; keep it printable
        content = bytearray(path.read_bytes())
        content[where] = ord("Z")
        path.write_bytes(content)
    with pytest.raises(DataError, match=key):
        open_fits(path)


def test_a_wrong_checksum_can_be_accepted_with_a_warning(tmp_path):
    path = damaged(tmp_path, BLOCK + 5)
    with pytest.warns(ObverseWarning, match="DATASUM"):
        (hdu,) = open_fits(path, ignore_checksum=True)
    assert hdu.data.shape == (6, 8)


# --- gzip (rows 48, 49) ---


def test_gzip_is_read_and_gives_the_same_pixels(tmp_path):
    path = put(tmp_path, gzip.compress(GOOD), "a.fits.gz")
    np.testing.assert_array_equal(open_fits(path)[0].data, counts())


def test_two_gzip_members_and_zero_padding_are_one_file(tmp_path):
    content = gzip.compress(GOOD[:BLOCK]) + gzip.compress(GOOD[BLOCK:]) + bytes(512)
    np.testing.assert_array_equal(open_fits(put(tmp_path, content, "a.fits.gz"))[0].data, counts())


@pytest.mark.parametrize("cut", [1, 4, 9, 40])
def test_gzip_that_is_cut_is_refused(tmp_path, cut):
    with pytest.raises(DataError, match=r"gzip|cut"):
        open_fits(put(tmp_path, gzip.compress(GOOD)[:-cut], "a.fits.gz"))


def test_gzip_with_a_wrong_checksum_is_refused(tmp_path):
    content = bytearray(gzip.compress(GOOD))
    content[-6] ^= 0xFF
    with pytest.raises(DataError, match="damaged"):
        open_fits(put(tmp_path, bytes(content), "a.fits.gz"))


@pytest.mark.parametrize(("content", "name"), [(gzip.compress(GOOD), "a.fits"), (GOOD, "a.fits.gz")])
def test_a_misnamed_file_is_read_with_a_warning(tmp_path, content, name):
    with pytest.warns(ObverseWarning, match="rename"):
        (hdu,) = open_fits(put(tmp_path, content, name))
    np.testing.assert_array_equal(hdu.data, counts())


def test_gzip_that_inflates_beyond_its_headers_is_refused_early(tmp_path):
    bomb = zlib.compressobj(9, wbits=31)
    content = bomb.compress(GOOD) + b"".join(bomb.compress(bytes(1 << 20)) for _ in range(300)) + bomb.flush()
    assert len(content) < 1 << 20
    path = put(tmp_path, content, "a.fits.gz")
    tracemalloc.start()
    with pytest.raises(DataError, match="more than its headers claim"):
        open_fits(path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 8 << 20


def test_gzip_whose_headers_claim_a_bomb_is_refused_early(tmp_path):
    bomb = zlib.compressobj(9, wbits=31)
    claim = structural(NAXIS1=1 << 14, NAXIS2=1 << 14)[:BLOCK]
    content = bomb.compress(claim) + b"".join(bomb.compress(bytes(1 << 20)) for _ in range(64)) + bomb.flush()
    path = put(tmp_path, content, "a.fits.gz")
    tracemalloc.start()
    with pytest.raises(DataError, match="bomb"):
        open_fits(path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 8 << 20


def test_a_file_above_max_bytes_is_refused(tmp_path):
    with pytest.raises(DataError, match="max_bytes"):
        open_fits(put(tmp_path, GOOD), max_bytes=1000)
    with pytest.raises(DataError, match="max_bytes"):
        open_fits(put(tmp_path, gzip.compress(GOOD), "b.fits.gz"), max_bytes=2000)


# --- what is not a file (rows 64 to 66) ---


def test_links_that_lead_nowhere_and_directories_are_refused(tmp_path):
    (tmp_path / "loop.fits").symlink_to(tmp_path / "loop.fits")
    (tmp_path / "dangling.fits").symlink_to(tmp_path / "absent.fits")
    (tmp_path / "directory.fits").mkdir()
    (tmp_path / "link.fits").symlink_to(tmp_path / "directory.fits")
    for name in ("loop", "dangling", "directory", "link", "absent"):
        with pytest.raises(DataError, match=f"{name}.fits: file: "):
            open_fits(tmp_path / f"{name}.fits")


def test_a_link_to_a_file_is_followed(tmp_path):
    put(tmp_path, GOOD)
    (tmp_path / "link.fits").symlink_to(tmp_path / "a.fits")
    assert open_fits(tmp_path / "link.fits")[0].data.shape == (6, 8)


def test_pipes_sockets_and_devices_are_refused_without_waiting(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # the name of a socket may have 107 bytes only
    os.mkfifo("pipe.fits")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind("socket.fits")
        for name in ("pipe.fits", "socket.fits", "/dev/zero"):
            with pytest.raises(DataError, match="regular file"):
                open_fits(name)


def test_an_unreadable_file_is_refused(tmp_path, monkeypatch):
    path = put(tmp_path, GOOD)

    def refuse(*_args, **_kwargs):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(os, "open", refuse)
    with pytest.raises(DataError, match="Permission denied"):
        open_fits(path)


NAMES = [
    "two\nlines.fits",
    "--help.fits",
    "good[1].fits",
    "a b.fits",
    "x" * 250 + ".fits",
    os.fsdecode(b"\xff\xfe.fits"),
]


@pytest.mark.parametrize("name", NAMES)
def test_any_name_of_a_file_will_do(tmp_path, name):
    path = put(tmp_path, GOOD, name)
    assert read(path).shape == (6, 8)
    path.write_bytes(b"")
    with pytest.raises(DataError) as caught:
        read(path)
    assert "\n" not in str(caught.value)


def test_a_file_that_changes_while_it_is_read_is_refused(tmp_path, monkeypatch):
    path = put(tmp_path, GOOD)
    from obverse.io import door

    def meddle(source, limit):
        with path.open("ab") as file:
            file.write(b"more")
        return original(source, limit)

    original = door.scan
    monkeypatch.setattr(door, "scan", meddle)
    with pytest.raises(DataError, match="changed while it was read"):
        open_fits(path)


@pytest.mark.skipif(not DESCRIPTORS.exists(), reason="this system does not list open descriptors")
def test_no_descriptor_leaks_from_good_or_bad_files(tmp_path):
    good, bad = put(tmp_path, GOOD), put(tmp_path, GOOD[:2900], "bad.fits")
    before = len(list(DESCRIPTORS.iterdir()))
    for _ in range(50):
        open_fits(good)
        with pytest.raises(DataError):
            open_fits(bad)
    assert len(list(DESCRIPTORS.iterdir())) == before


def test_a_scan_reads_headers_alone(tmp_path):
    path = put(tmp_path, GOOD)
    (hdu,) = scan_fits(path)
    assert hdu.data is None
    assert hdu.header["GAIN"] == 1.9
