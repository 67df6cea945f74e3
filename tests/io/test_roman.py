"""Roman files: what is in a raw ramp, and what a rate image says."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import obverse as ob
from obverse.errors import DataError, UsageError
from obverse.flags import Flag
from obverse.history import History
from obverse.io import DONE_BEFORE, provenance_of
from obverse.io.asdf_door import open_asdf
from obverse.io.asdf_tree import TaggedText, tag_of
from obverse.io.roman_bits import from_roman, to_roman
from obverse.io.roman_cargo import BORDER, RomanCargo
from obverse.io.roman_image import _undone, write_image
from obverse.io.roman_ramp import write_ramp
from obverse.ma_tables import MA_TABLES, READ_TIME, ma_table
from tests.io.roman_making import AMP33, RAMP, SHAPE, meta, raw_file, tagged

GAIN = 1.6


@pytest.fixture(scope="module")
def detector() -> ob.Detector:
    small = ob.Detector.load("roman_wfi").resized(SHAPE[1:])
    return small.with_effect(small.effect("gain").replace(gain=GAIN))


# -- read patterns ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("number", [*MA_TABLES, 109])
def test_reads_of_a_table_rise_from_the_first(number: int) -> None:
    reads = [read for group in ma_table(number).reads for read in group]
    assert reads[0] == 1
    assert reads == sorted(set(reads))


def test_table_110_has_44_reads_in_16_resultants() -> None:
    # romanisim 0.15, parameters.read_pattern: 44 reads, of which the first and the last stand alone
    pattern = ma_table(110)
    assert (len(pattern), int(pattern.n_reads.sum())) == (16, 44)
    assert pattern.times[-1][-1] == pytest.approx(44 * READ_TIME)


def test_an_unknown_table_is_refused() -> None:
    with pytest.raises(UsageError, match="known: 3, 4"):
        ma_table(99)


# -- level 1 in ------------------------------------------------------------------------------------------------


def test_a_raw_ramp_keeps_its_numbers(tmp_path: Path) -> None:
    frame = ob.read(raw_file(tmp_path))
    assert frame.axes == ("integration", "resultant", "row", "column")
    assert frame.data.dtype == np.uint16
    np.testing.assert_array_equal(frame.data[0], RAMP)
    np.testing.assert_array_equal(frame.companions["reference_output"].data[0], AMP33)
    assert (frame.unit, frame.undone, frame.flags) == ("DN", (), None)


def test_the_exposure_says_what_the_file_says(tmp_path: Path) -> None:
    exposure = ob.read(raw_file(tmp_path)).exposure
    assert (exposure.id, exposure.detector, exposure.filter) == ("r01", "WFI/WFI05", "F158")
    assert exposure.start == "2027-03-01T10:00:00.000"
    before = History.of(np.ones((1, 1)), "2027-03-01T09:50:00")
    np.testing.assert_allclose(before.ages(exposure), 600.0)  # persistence can count from it
    assert exposure.pattern == ma_table(3)


def test_a_file_without_a_pattern_has_that_of_its_table(tmp_path: Path) -> None:
    path = raw_file(tmp_path, said=meta(read_pattern=[], ma_table_number=3))
    assert ob.read(path).exposure.pattern == ma_table(3)


def test_the_border_travels_to_the_products(tmp_path: Path) -> None:
    border = ob.read(raw_file(tmp_path)).cargo.border
    np.testing.assert_array_equal(border["left"], RAMP[:, :, :4])
    np.testing.assert_array_equal(border["right"], RAMP[:, :, 60:])
    np.testing.assert_array_equal(border["top"], RAMP[:, 28:, :])
    np.testing.assert_array_equal(border["bottom"], RAMP[:, :4, :])


def test_a_subtracted_reference_read_is_added_again(tmp_path: Path) -> None:
    # what the spacecraft does: data - reference + offset, clipped to 16 bits
    reference = np.random.default_rng(3).integers(3000, 9000, SHAPE[1:]).astype(np.uint16)
    stored = np.clip(RAMP.astype(int) - reference + 4000, 0, 65535).astype(np.uint16)
    said = meta()
    said["instrument"]["data_encoding_offset"] = 4000
    frame = ob.read(raw_file(tmp_path, said=said, data=stored, reference_read=reference))
    assert (stored == 0).any()
    np.testing.assert_array_equal(frame.data[0], np.where(stored == 0, 0, RAMP))


def test_a_reference_read_without_its_offset_is_refused(tmp_path: Path) -> None:
    path = raw_file(tmp_path, reference_read=np.zeros(SHAPE[1:], np.uint16))
    with pytest.raises(DataError, match="data_encoding_offset"):
        ob.read(path)
    fixed = ob.read(path, overrides={"instrument.data_encoding_offset": "0"})
    np.testing.assert_array_equal(fixed.data[0], RAMP)


def test_flags_of_resultants_are_ours(tmp_path: Path) -> None:
    dq = np.zeros(SHAPE, np.uint8)
    dq[0, 5, 5], dq[2, 6, 6] = 128, 8 | 4  # WFI18_TRANSIENT; DROPOUT and JUMP_DET
    flags = ob.read(raw_file(tmp_path, resultantdq=dq)).flags
    assert flags is not None
    assert (flags[0, 0, 5, 5], flags[0, 2, 6, 6]) == (Flag.DO_NOT_USE, Flag.DROPOUT | Flag.JUMP_DET)
    assert np.count_nonzero(flags) == 2


@pytest.mark.parametrize(
    ("said", "entries", "what"),
    [
        ({"nresultants": 6}, {}, "nresultants is 6"),
        ({"read_pattern": [[1], [2]]}, {}, "read_pattern has 2"),
        ({"read_pattern": [[2], [1], [3], [4], [5]]}, {}, "reads must rise"),
        ({"read_pattern": "all"}, {}, "read_pattern"),
        ({"read_pattern": []}, {}, "no multi-accumulation table"),
        ({"frame_time": "soon"}, {}, "frame_time"),
        ({"frame_time": -999999.0}, {}, "read_time"),
        ({}, {"data": RAMP.astype(np.float32)}, "uint16"),
        ({}, {"data": RAMP[0]}, "3 axes"),
        ({}, {"data": None}, "missing"),
        ({}, {"amp33": AMP33[:, :8]}, "does not fit"),
        ({}, {"resultantdq": np.zeros((5, 8, 8), np.uint8)}, "resultantdq"),
    ],
)
def test_a_raw_file_that_contradicts_itself_is_refused(
    tmp_path: Path, said: dict[str, Any], entries: dict[str, Any], what: str
) -> None:
    path = raw_file(tmp_path, said=meta(**said), **entries)
    with pytest.raises(DataError, match=re.escape(what)) as caught:
        ob.read(path)
    assert "\n" not in str(caught.value)


def test_an_entry_can_be_set(tmp_path: Path) -> None:
    path = raw_file(tmp_path, said=meta(frame_time="soon"))
    frame = ob.read(path, overrides={"exposure.frame_time": "3.04"})
    assert frame.exposure.pattern is not None
    assert frame.exposure.pattern.read_time == 3.04
    assert frame.cargo.provenance["set exposure.frame_time"] == "3.04"
    with pytest.raises(UsageError, match="did you mean 'exposure'"):
        ob.read(path, overrides={"exposur.frame_time": "3.04"})


def test_a_number_of_resultants_may_be_unknown(tmp_path: Path) -> None:
    assert ob.read(raw_file(tmp_path, said=meta(nresultants=-999999))).shape == (1, *SHAPE)


def test_tags_of_older_files_do_not_reach_the_products(tmp_path: Path) -> None:
    # releases before 2 of the schemas gave a tag to every entry, which later ones refuse
    said = meta(start_time={"value": "2027-03-01T10:00:00.000", "base_format": "isot"})
    said["exposure"] = tagged(said["exposure"], "exposure")
    for key, text in (("telescope", "ROMAN"), ("file_date", "2026-01-01T00:00:00.000")):
        said[key] = TaggedText(text)
        said[key].tag = f"asdf://stsci.edu/datamodels/roman/tags/{key}-1.0.0"
    frame = ob.read(raw_file(tmp_path, said=said))
    assert frame.exposure.start == "2027-03-01T10:00:00.000"
    kept = frame.cargo.meta
    assert [tag_of(kept[key]) for key in ("exposure", "telescope")] == ["", ""]
    assert tag_of(kept["file_date"]).endswith("time/time-1.4.0")


def test_a_file_of_another_kind_is_refused(tmp_path: Path) -> None:
    from obverse.io.asdf_writer import write_asdf

    write_asdf(tmp_path / "x.asdf", {"roman": {"meta": {}}})
    with pytest.raises(DataError, match="untagged"):
        ob.read(tmp_path / "x.asdf")
    write_asdf(tmp_path / "y.asdf", {"data": np.arange(3)})
    with pytest.raises(DataError, match="no 'roman'"):
        ob.read(tmp_path / "y.asdf")


# -- level 1 out -----------------------------------------------------------------------------------------------


def test_a_raw_ramp_comes_back(tmp_path: Path) -> None:
    first = ob.read(raw_file(tmp_path))
    ob.write(first, tmp_path / "again_uncal.asdf", provenance={"SEED": "7"})
    second = ob.read(tmp_path / "again_uncal.asdf")
    np.testing.assert_array_equal(second.data, first.data)
    assert second.exposure.pattern == first.exposure.pattern
    kept = dict(second.cargo.meta)
    assert kept.pop("cal_logs") == ["SEED: 7"]
    assert kept | {"filename": "r01_uncal.asdf"} == dict(first.cargo.meta)
    assert tag_of(kept["exposure"]["start_time"]).endswith("time-1.4.0")


def test_only_a_raw_ramp_can_be_level_1(tmp_path: Path) -> None:
    frame = ob.read(raw_file(tmp_path))
    for wrong in (frame.replace(unit="electron"), frame.replace(undone=("adc",)), rate_of(frame)):
        with pytest.raises(UsageError, match="raw counts"):
            write_ramp(wrong, tmp_path / "no.asdf")
    with pytest.raises(DataError, match="is an input"):
        ob.write(frame, tmp_path / "r01_uncal.asdf", overwrite=True)


def test_reads_without_numbers_cannot_be_level_1(tmp_path: Path) -> None:
    pattern = ob.ReadPattern.from_times([[0.5], [1.7]])
    frame = ob.Frame(np.zeros((1, 2, 16, 16), "u2"), "DN", ("integration", "resultant", "row", "column"))
    with pytest.raises(UsageError, match="whole read numbers"):
        write_ramp(frame.replace(exposure=ob.Exposure("a", pattern=pattern)), tmp_path / "no.asdf")


# -- level 2 ---------------------------------------------------------------------------------------------------


def rate_of(raw: ob.Frame) -> ob.Frame:
    """Return something that a calibration could have made of a ramp."""
    rng = np.random.default_rng(5)
    rate = rng.uniform(1.0, 50.0, SHAPE[1:]).astype(np.float32)
    rate[9, 9] = np.nan
    flags = np.zeros(SHAPE[1:], np.uint32)
    flags[10, 11] = Flag.JUMP_DET | Flag.HOT
    jumps = np.zeros((1, *SHAPE), np.uint8)
    jumps[0, 3, 10, 11] = Flag.JUMP_DET
    return ob.Frame(
        rate,
        "electron/s",
        pixel_flags=flags,
        variances={"poisson": rate / 100, "read": np.full_like(rate, 0.02), "flat": np.full_like(rate, 1e-9)},
        exposure=raw.exposure,
        undone=("adc", "saturation", "bias", "bias_drift", "gain", "estimate", "flat"),
        companions={
            **raw.companions,
            "chi2": ob.Frame(np.full_like(rate, 3.0), ""),
            "resultant_flags": ob.Frame(jumps, "", ("integration", "resultant", "row", "column")),
        },
        cargo=raw.cargo,
    )


@pytest.fixture
def image(tmp_path: Path, detector: ob.Detector) -> tuple[ob.Frame, dict[str, Any]]:
    """Return a rate, and the tree of its level 2 with the arrays read."""
    rate = rate_of(ob.read(raw_file(tmp_path)))
    write_image(rate, tmp_path / "r01_cal.asdf", detector=detector, provenance={"DETNAME": "x"})
    with open_asdf(tmp_path / "r01_cal.asdf") as file:
        roman = file.tree["roman"]
        return rate, {k: v if k == "meta" else file.read(v) for k, v in roman.items()}


def trimmed(plane: np.ndarray) -> np.ndarray:
    return plane[BORDER:-BORDER, BORDER:-BORDER]


def test_an_image_is_in_dn_a_second(image: tuple[ob.Frame, dict[str, Any]]) -> None:
    rate, tree = image
    np.testing.assert_allclose(tree["data"], trimmed(rate.data) / GAIN, rtol=1e-6)
    np.testing.assert_allclose(tree["err"], trimmed(np.asarray(rate.error)) / GAIN, rtol=1e-3)
    variances = rate.variances or {}
    np.testing.assert_allclose(tree["var_poisson"], trimmed(variances["poisson"]) / GAIN**2, rtol=1e-2)
    np.testing.assert_allclose(tree["var_rnoise"], 0.02 / GAIN**2, rtol=1e-3)
    np.testing.assert_allclose(tree["chisq"], 3.0)


def test_types_are_those_of_the_schema(image: tuple[ob.Frame, dict[str, Any]]) -> None:
    types = {key: str(value.dtype) for key, value in image[1].items() if key != "meta"}
    half = dict.fromkeys(("err", "var_poisson", "var_rnoise", "var_flat", "chisq", "dumo"), "float16")
    sides = ("left", "right", "top", "bottom")
    border = {f"border_ref_pix_{side}": "float32" for side in sides}
    quality = {f"dq_border_ref_pix_{side}": "uint32" for side in sides} | {"dq": "uint32"}
    others = {"data": "float32", "amp33": "uint16", "jump_indices": "int16"}
    assert types == half | border | quality | others


def test_a_variance_is_never_nothing(image: tuple[ob.Frame, dict[str, Any]]) -> None:
    assert (image[1]["var_flat"] > 0).all()  # 1e-9 would round to 0 in float16


def test_bad_pixels_are_flagged_and_jumps_listed(image: tuple[ob.Frame, dict[str, Any]]) -> None:
    tree = image[1]
    assert tree["dq"][5, 5] == 1
    assert np.isnan(tree["data"][5, 5])
    assert tree["dq"][6, 7] == 4 | 2048
    assert np.count_nonzero(tree["dq"]) == 2
    assert tree["jump_indices"].tolist() == [[3, 6, 7]]


def test_reference_pixels_and_amplifier_33_are_repeated(image: tuple[ob.Frame, dict[str, Any]]) -> None:
    tree = image[1]
    np.testing.assert_array_equal(tree["amp33"], AMP33)
    np.testing.assert_array_equal(tree["border_ref_pix_top"], RAMP[:, 28:, :])
    np.testing.assert_array_equal(tree["border_ref_pix_left"], RAMP[:, :, :4])
    assert tree["dq_border_ref_pix_bottom"].shape == (4, 64)


def test_what_is_not_known_is_said_to_be_unknown(image: tuple[ob.Frame, dict[str, Any]]) -> None:
    said = image[1]["meta"]
    assert said["wcs"] is None
    assert set(said["photometry"].values()) == {None}
    steps = said["cal_step"]
    assert (steps["ramp_fit"], steps["flat_field"], steps["refpix"]) == ("COMPLETE",) * 3
    assert (steps["linearity"], steps["dark"], steps["assign_wcs"]) == ("SKIPPED", "SKIPPED", "INCOMPLETE")
    assert np.isnan(image[1]["dumo"]).all()


def test_meta_of_the_raw_file_is_kept(image: tuple[ob.Frame, dict[str, Any]]) -> None:
    said = image[1]["meta"]
    assert (said["model_type"], said["filename"], said["product_type"]) == ("ImageModel", "r01_cal.asdf", "l2")
    assert said["exposure"] == meta()["exposure"]
    assert said["cal_logs"][0] == "DETNAME: x"
    assert said["cal_logs"][1].startswith("UNDONE: ")
    assert said["calibration_software_name"] == "obverse"


def test_an_image_comes_back_as_a_rate(image: tuple[ob.Frame, dict[str, Any]], tmp_path: Path) -> None:
    back = ob.read(tmp_path / "r01_cal.asdf", level="calibrated")
    assert (back.unit, back.exposure.id, sorted(back.variances or {})) == ("DN/s", "r01", ["flat", "poisson", "read"])
    np.testing.assert_allclose(back.data, trimmed(image[0].data) / GAIN, rtol=1e-6)
    assert isinstance(back.cargo, RomanCargo)


def test_only_a_rate_in_electrons_can_be_an_image(tmp_path: Path, detector: ob.Detector) -> None:
    rate = rate_of(ob.read(raw_file(tmp_path)))
    for wrong in (rate.replace(unit="photon/s"), rate.replace(variances=None), ob.read(tmp_path / "r01_uncal.asdf")):
        with pytest.raises(UsageError, match="electron/s"):
            write_image(wrong, tmp_path / "no.asdf", detector=detector)


def test_bits_go_out_as_they_came_in() -> None:
    ours = np.array([[flag.value for flag in Flag if flag is not Flag.CHARGELOSS]], np.uint32)
    np.testing.assert_array_equal(from_roman(to_roman(ours)), ours)
    assert to_roman(np.array([[128]], "u4"))[0, 0] == 1 << 30  # 128 is an outlier to Roman


# -- the judges ------------------------------------------------------------------------------------------------


def test_bits_are_those_of_the_pipeline() -> None:
    dqflags = pytest.importorskip("roman_datamodels.dqflags")
    theirs = {each.name: int(each.value) for each in dqflags.pixel}
    shared = {flag.name: flag.value for flag in Flag if flag.name in theirs}
    assert shared == {name: theirs[name] for name in shared}
    assert {flag.name for flag in Flag} - set(theirs) == {"CHARGELOSS"}


@pytest.mark.filterwarnings("error")
def test_roman_datamodels_accepts_our_files(image: tuple[ob.Frame, dict[str, Any]], tmp_path: Path) -> None:
    datamodels = pytest.importorskip("roman_datamodels.datamodels")
    simulated = ob.Frame(RAMP[None], "DN", ("integration", "resultant", "row", "column"))
    ob.write(simulated.replace(exposure=ob.Exposure("s", pattern=ma_table(3))), tmp_path / "s_uncal.asdf")
    for name, model in (("r01_cal", "ImageModel"), ("s_uncal", "ScienceRawModel")):
        with datamodels.open(tmp_path / f"{name}.asdf") as opened:
            opened.validate()
            assert type(opened).__name__ == model


def test_we_read_what_roman_datamodels_writes(tmp_path: Path) -> None:
    datamodels = pytest.importorskip("roman_datamodels.datamodels")
    model = datamodels.ScienceRawModel.create_fake_data(shape=SHAPE)
    model.data = RAMP
    model.amp33 = AMP33
    model.meta.exposure.read_pattern = [[1], [2, 3], [4], [5], [6]]
    model.meta.exposure.nresultants = 5
    model.meta.exposure.frame_time = READ_TIME
    model.save(tmp_path / "fake_uncal.asdf")
    np.testing.assert_array_equal(ob.read(tmp_path / "fake_uncal.asdf").data[0], RAMP)


def test_the_detector_is_that_of_the_mission_s_simulator() -> None:
    # romanisim 0.15, models/parameters.py: electrons of 2 a DN; 55000 DN, of which 10000 electrons are the pedestal
    detector = ob.Detector.load("roman_wfi")
    assert detector.readout.read_time == 3.16247
    assert detector.effect("gain").gain == 2.0
    assert detector.effect("read_noise").sigma == 5.0 * 2.0
    assert detector.effect("bias").level == 10000.0 / 2.0
    full = detector.effect("saturation").full_well
    shown = full - 6e-7 * full**2  # galsim.roman 2.8, nonlinearity_beta
    assert shown == pytest.approx(55000.0 * 2.0 - 10000.0, abs=0.1)
    assert detector.effect("dark_current").rate == 0.01
    kernel = np.array([[0.21, 1.66, 0.22], [1.88, 91.59, 1.87], [0.21, 1.62, 0.20]])  # models/ipc.py, in per cent
    np.testing.assert_allclose(detector.effect("interpixel_capacitance").kernel, kernel / kernel.sum(), atol=4e-4)


# -- which steps were done ------------------------------------------------------------------------------------


def test_an_image_says_which_steps_the_pipeline_has_done() -> None:
    said = {"dq_init": "COMPLETE", "linearity": "SKIPPED", "dark": "COMPLETE", "ramp_fit": "INCOMPLETE"}
    assert _undone({"cal_step": said}) == ("bad_pixels", "estimate", "dark_current")  # rates have been fitted
    assert _undone({}) == ("estimate",)


def test_what_we_have_undone_is_read_back_from_our_image(tmp_path: Path, detector: ob.Detector) -> None:
    rate = rate_of(ob.read(raw_file(tmp_path)))
    record = {"DETNAME": "x", DONE_BEFORE: "saturation"}
    write_image(rate, tmp_path / "r01_cal.asdf", detector=detector, provenance=record)
    found = ob.read(tmp_path / "r01_cal.asdf")
    assert found.undone == rate.undone
    assert provenance_of(found)[DONE_BEFORE] == "saturation"
