"""What an exposure says of itself goes into an uncal file in the mission's words, and comes back."""

from pathlib import Path

import numpy as np
import pytest

import obverse as ob
from obverse.io import jwst_names
from obverse.io.products import from_hdus, to_hdus
from tests.io import jwst_files as jf

PATTERN = ob.ReadPattern.even(3, 2, 0, 10.73677)


def raw(**said: object) -> ob.Frame:
    exposure = ob.Exposure("q1", pattern=PATTERN, **{"detector": "NRCA1", **said})
    return ob.Frame(np.full((1, 3, 8, 8), 9000, "u2"), "DN", ("integration", "resultant", "row", "column"),
                    exposure=exposure)  # fmt: skip


def written(path: Path, frame: ob.Frame) -> ob.Frame:
    ob.write(frame, path / "a_uncal.fits")
    return ob.read(path / "a_uncal.fits")


@pytest.mark.parametrize("kind", ["science", "dark", "flat", "bias", "ramps"])
@pytest.mark.parametrize("start", [None, "2027-03-01", "2027-03-01T10:00:00.25"])
def test_an_exposure_comes_back_as_it_went(tmp_path: Path, kind: str, start: str | None) -> None:
    frame = raw(kind=kind, start=start, filter="F200W")
    assert written(tmp_path, frame).exposure == ob.Exposure(
        "q1", pattern=PATTERN, kind=kind, start=start, filter="F200W", detector="NIRCAM/NRCA1"
    )


@pytest.mark.parametrize(
    ("said", "detector", "kind", "word"),
    [
        ("NRCA1", "NIRCAM/NRCA1", "science", "NRC_IMAGE"),
        ("nircam/nrcblong", "NIRCAM/NRCBLONG", "dark", "NRC_DARK"),
        ("jwst_miri", "MIRI/MIRIMAGE", "dark", "MIR_DARKIMG"),
        ("MIRIFULONG", "MIRI/MIRIFULONG", "science", "MIR_MRS"),
        ("NIS", "NIRISS/NIS", "science", "NIS_IMAGE"),
    ],
)
def test_a_detector_of_the_mission_may_stand_alone(
    tmp_path: Path, said: str, detector: str, kind: str, word: str
) -> None:
    frame = written(tmp_path, raw(detector=said, kind=kind))
    assert (frame.exposure.detector, frame.cargo.headers[0]["EXP_TYPE"]) == (detector, word)


@pytest.mark.parametrize("said", ["NRCX9", "NIRCAM", "NIRCAM/", "generic_h2rg", None])
def test_what_is_no_detector_of_the_mission_is_refused_with_one_that_is(tmp_path: Path, said: str | None) -> None:
    with pytest.raises(ob.UsageError, match="such as 'NIRCAM/NRCA1' or 'NRCA1'"):
        ob.write(raw(detector=said), tmp_path / "a_uncal.fits")


def test_a_start_that_is_no_time_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ob.UsageError, match="'tomorrow' is no date and time in UTC"):
        ob.write(raw(start="tomorrow"), tmp_path / "a_uncal.fits")


def test_the_start_is_told_as_a_date_too(tmp_path: Path) -> None:
    header = written(tmp_path, raw(start="2000-01-01T12:00:00")).cargo.headers[0]
    assert header["EXPSTART"] == 51544.5  # J2000.0 is MJD 51544.5
    assert (header["DATE-OBS"], header["TIME-OBS"]) == ("2000-01-01", "12:00:00")


def test_words_of_the_file_itself_are_left_to_it(tmp_path: Path) -> None:
    frame = ob.read(jf.uncal(tmp_path, EXP_TYPE="NRC_TSIMAGE", EXPSTART=60345.3253))
    header = written(tmp_path, frame).cargo.headers[0]
    assert (header["EXP_TYPE"], header["EXPSTART"], header["READPATT"]) == ("NRC_TSIMAGE", 60345.3253, "BRIGHT1")


def test_names_of_patterns_are_those_of_the_mission() -> None:
    # JWST User Documentation, NIRCam Detector Readout Patterns
    counts = [(1, 0), (2, 0), (4, 1), (8, 12), (3, 0)]
    names = [jwst_names.pattern_name("NIRCAM", *each, 10.73677) for each in counts]
    assert names == ["RAPID", "BRIGHT2", "SHALLOW4", "DEEP8", None]
    assert jwst_names.pattern_name("MIRI", 1, 0, 23.89) is None  # a slow frame


def test_tables_of_the_file_travel_through_a_file_of_ours(tmp_path: Path) -> None:
    frame = ob.read(jf.uncal(tmp_path))
    units = {unit.name: unit.data for unit in from_hdus(to_hdus(frame)).cargo.units}
    np.testing.assert_array_equal(units["INT_TIMES"], frame.cargo.units[0].data)


def test_a_subarray_knows_its_place_again_out_of_a_file_of_ours(tmp_path: Path) -> None:
    frame = ob.read(jf.uncal(tmp_path, SUBSTRT1=129, SUBSTRT2=65, READPATT="RAPID"))
    ob.write(frame, tmp_path / "ours.fits")
    again = ob.read(tmp_path / "ours.fits")
    assert again == frame
    assert again.cargo.setup == frame.cargo.setup
    part = frame.replace(data=frame.data[..., :8, :8])
    ob.write(part, tmp_path / "cut.fits")
    assert ob.read(tmp_path / "cut.fits").cargo.setup is None  # nobody knows any more which part this is
