"""A frame written and read back is the same frame; its file says how it was made."""

import numpy as np
import pytest
from astropy.io import fits

from obverse.errors import DataError, UsageError
from obverse.exposure import Exposure
from obverse.flags import Flag
from obverse.frame import Frame
from obverse.io import (
    as_uint16,
    from_hdus,
    level_of,
    open_fits,
    provenance_of,
    read,
    require_level,
    to_hdus,
    write,
)
from obverse.io.products import FORMAT
from obverse.io.writer import write_fits
from obverse.pattern import ReadPattern
from obverse.seeds import RNG_SCHEME

RNG = np.random.default_rng(5)


def ramp():
    pattern = ReadPattern(reads=[[1], [2, 3], [7, 9]], read_time=3.0400000001)
    flags = RNG.integers(0, 255, (1, 3, 6, 8)).astype(np.uint8)
    return Frame(
        RNG.integers(0, 65536, (1, 3, 6, 8)).astype(np.uint16),
        "DN",
        ("integration", "resultant", "row", "column"),
        flags,
        pixel_flags=RNG.integers(0, 2**32, (6, 8), dtype=np.uint32),
        exposure=Exposure(
            "r00001", pattern=pattern, kind="dark", start="2026-01-02T03:04:05", filter="F129", k_gain=1 / 3
        ),
    )


def rate():
    data = RNG.normal(size=(6, 8)).astype(np.float32)
    data[0, 0] = np.nan
    variances = {
        "poisson": np.abs(data),
        "read": np.ones((6, 8), np.float32),
        "flat": np.zeros((6, 8), np.float64),
    }
    deep = Frame(np.ones((6, 8), "f8"), "electron/s", exposure=Exposure("deep"))
    segments = ramp().replace(companions={"zero_frame": deep})
    return Frame(
        data,
        "electron/s",
        variances=variances,
        shared={"flat": "ab" * 32},
        undone=("bias", "gain"),
        companions={"integrations": deep, "segments": segments},
        exposure=Exposure("naïve '&\n", 10.0, em_gain=5000.0, integrations=2),
    )


@pytest.mark.parametrize("make", [ramp, rate], ids=["ramp", "rate"])
def test_nothing_is_lost_on_the_way_to_a_file_and_back(tmp_path, make):
    frame = make()
    write(frame, tmp_path / "a.fits")
    found = read(tmp_path / "a.fits")
    assert found == frame
    assert found.exposure == frame.exposure
    assert found.undone == frame.undone
    assert list(found.variances or ()) == list(frame.variances or ())
    assert found.data.dtype == frame.data.dtype


def test_a_changed_pixel_is_another_frame(tmp_path):
    frame = ramp()
    write(frame, tmp_path / "a.fits")
    changed = frame.data.copy()
    changed[0, 0, 0, 0] ^= 1
    assert read(tmp_path / "a.fits") != frame.replace(data=changed)


def test_a_raw_product_looks_like_a_raw_file_to_others(tmp_path):
    frame = ramp()
    write(frame, tmp_path / "a.fits")
    with fits.open(tmp_path / "a.fits", checksum=True) as theirs:
        theirs.verify("exception")
        assert theirs["SCI"].header["BITPIX"] == 16
        assert theirs["SCI"].header["BUNIT"] == "DN"
        assert theirs[0].header["LEVEL"] == "raw"
        assert theirs[0].header["EXPID"] == "r00001"
        np.testing.assert_array_equal(theirs["SCI"].data, frame.data)
        np.testing.assert_array_equal(theirs["PIXEL_FLAGS"].data, frame.pixel_flags)
        assert any("2 SATURATED" in str(line) for line in theirs["FLAGS"].header["COMMENT"])


def test_a_calibrated_product_names_its_planes(tmp_path):
    frame = rate()
    write(frame, tmp_path / "a.fits")
    with fits.open(tmp_path / "a.fits", checksum=True) as theirs:
        names = [unit.name for unit in theirs]
        assert names[1:6] == ["SCI", "ERR", "VAR_POISSON", "VAR_READ", "VAR_FLAT"]
        np.testing.assert_array_equal(theirs["ERR"].data, frame.error)
        np.testing.assert_array_equal(theirs["INTEGRATIONS", 2].data, frame.companions["integrations"].data)
        np.testing.assert_array_equal(theirs["ZERO_FRAME", 4].data, np.ones((6, 8)))
    assert read(tmp_path / "a.fits").cargo.units == ()


@pytest.mark.parametrize("name", ["meta", "flags", "var_x", "naïve", "two words", "long" * 20])
def test_a_companion_may_have_any_name(tmp_path, name):
    frame = rate().replace(companions={name: Frame(np.ones((6, 8), "f4"), "", flags=np.ones((6, 8), "u1"))})
    write(frame, tmp_path / "a.fits")
    assert read(tmp_path / "a.fits") == frame


def test_the_same_frame_gives_the_same_bytes(tmp_path):
    frame = rate()
    write(frame, tmp_path / "a.fits", provenance={"SEED": "7"})
    write(frame, tmp_path / "b.fits", provenance={"SEED": "7"})
    write(read(tmp_path / "a.fits"), tmp_path / "c.fits")
    contents = {(tmp_path / name).read_bytes() for name in ("a.fits", "b.fits", "c.fits")}
    assert len(contents) == 1


def test_provenance_is_kept_and_the_seed_is_a_keyword(tmp_path):
    recorded = {"SEED": "7", "sha256 of raw.fits": "ab" * 32, "detector": "é" * 300}
    write(ramp(), tmp_path / "a.fits", provenance=recorded)
    found = provenance_of(read(tmp_path / "a.fits"))
    assert recorded.items() <= found.items()
    assert found["numpy version"] == np.__version__
    assert "2=SATURATED" in found["flag legend"]
    header = open_fits(tmp_path / "a.fits")[0].header
    assert (header["SEED"], header["RNGSCHEM"], header["OBVERSE"]) == ("7", str(RNG_SCHEME), FORMAT)


def test_the_file_that_a_frame_came_from_is_not_written_onto(tmp_path):
    write(ramp(), tmp_path / "a.fits")
    before = (tmp_path / "a.fits").read_bytes()
    with pytest.raises(DataError, match="is an input"):
        write(read(tmp_path / "a.fits"), tmp_path / "a.fits", overwrite=True)
    assert (tmp_path / "a.fits").read_bytes() == before


def test_a_product_of_a_newer_format_is_refused():
    hdus = to_hdus(ramp())
    primary = hdus[0].header.with_values({"OBVERSE": "99"})
    import dataclasses

    with pytest.raises(DataError, match="update obverse"):
        from_hdus([dataclasses.replace(hdus[0], header=primary), *hdus[1:]])


@pytest.mark.parametrize("lost", ["SCI", "META", "VAR_READ"])
def test_a_missing_unit_is_named(tmp_path, lost):
    write_fits(tmp_path / "a.fits", [hdu for hdu in to_hdus(rate()) if (hdu.name, hdu.version) != (lost, 1)])
    with pytest.raises(DataError, match=f"{lost},1: missing"):
        read(tmp_path / "a.fits")


def test_companions_that_hold_themselves_are_refused():
    import dataclasses

    hdus = list(to_hdus(rate()))
    at = next(i for i, hdu in enumerate(hdus) if (hdu.name, hdu.version) == ("META", 1))
    table = hdus[at].data.copy()
    table["VALUE"][table["KEY"] == b"companions"] = b'{"me": 1}'
    hdus[at] = dataclasses.replace(hdus[at], data=table)
    with pytest.raises(DataError, match="deep"):
        from_hdus(hdus)


def test_components_that_differ_in_capitals_are_refused():
    frame = Frame(np.ones((2, 2)), "electron", variances={"read": np.ones((2, 2)), "Read": np.ones((2, 2))})
    with pytest.raises(UsageError, match="capitals"):
        to_hdus(frame)


def test_counts_never_wrap_on_the_way_to_uint16():
    np.testing.assert_array_equal(as_uint16(np.array([0.0, 65535.0])), np.array([0, 65535], "u2"))
    for bad in (70000, -1, 0.5, np.nan, np.inf):
        with pytest.raises(DataError, match="no whole number"):
            as_uint16(np.array([1.0, bad]))


def test_raw_and_calibrated_are_told_apart(tmp_path):
    assert level_of(ramp()) == "raw"
    assert level_of(ramp().replace(undone=("bias",))) == "calibrated"
    write(rate(), tmp_path / "rate.fits")
    with pytest.raises(DataError, match=r"rate\.fits: LEVEL: calibrated .* where raw is needed"):
        read(tmp_path / "rate.fits", level="raw")
    with pytest.raises(DataError, match=r"raw .* where calibrated is needed"):
        require_level(ramp(), "calibrated")
    with pytest.raises(UsageError, match="did you mean 'raw'"):
        require_level(ramp(), "rwa")


def test_flags_survive_with_their_meaning(tmp_path):
    frame = Frame(np.ones((2, 2), "f4"), "electron").flagged([[True, False], [False, False]], Flag.SATURATED)
    write(frame, tmp_path / "a.fits")
    assert read(tmp_path / "a.fits").flags[0, 0] == Flag.SATURATED
