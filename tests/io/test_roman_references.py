"""Roman reference files: the numbers are those of the file, and a read noise is that of one read."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from obverse import Detector
from obverse.errors import DataError
from obverse.flags import Flag
from obverse.geometry import Section
from obverse.io.roman_references import read_reference
from obverse.references import KINDS, Setup
from tests.io.roman_making import reference_file

PLANE = np.arange(12, dtype=np.float32).reshape(3, 4) + 1
DQ = np.where(PLANE == 5, np.uint32(1024 | 1 << 28), np.uint32(0))
ARRAYS = {
    "gain": {"data": PLANE},
    "readnoise": {"data": PLANE},
    "linearity": {"coeffs": np.stack([0 * PLANE, PLANE, PLANE]), "dq": DQ},
    "saturation": {"data": PLANE, "dq": DQ},
    "mask": {"dq": DQ},
    "dark": {"dark_slope": PLANE, "dark_slope_error": PLANE / 9, "dq": DQ},
    "flat": {"data": PLANE, "err": PLANE / 9, "dq": DQ},
}
PLANES = {
    "gain": "gain", "readnoise": "single", "linearity": "coefficients", "saturation": "level", "mask": "flags",
    "dark": "rate", "flat": "response",
}  # fmt: skip

VALUE = np.linspace(0, 65535, 9).astype(np.uint16)
CORRECTIONS = np.random.default_rng(8).uniform(-5.0, 5.0, (32, 9))
TABLES = {
    "darkdecaysignal": {
        "decay_table": {
            "WFI05": {"amplitude": 0.42, "time_constant": 28.8},
            "WFI06": {"amplitude": 0.61, "time_constant": 22.1},
            "WFI07": {"amplitude": None, "time_constant": None},
        }
    },
    "integralnonlinearity": {
        "value": VALUE,
        "inl_table": {
            f"science_channel_{i + 1:02d}": {"instrument_channel": i, "correction": CORRECTIONS[i]} for i in range(32)
        },
    },
}


@pytest.mark.parametrize("kind", sorted(ARRAYS))
def test_a_reference_says_what_its_file_says(tmp_path: Path, kind: str) -> None:
    reference = read_reference(reference_file(tmp_path, kind, **ARRAYS[kind]))
    assert (reference.kind, reference.instrument, reference.detector) == (kind, "WFI", "WFI05")
    assert reference.subarray == Section((0, 3), (0, 4))
    if kind != "mask":
        expected = ARRAYS[kind].get("data", ARRAYS[kind].get("coeffs", ARRAYS[kind].get("dark_slope")))
        np.testing.assert_array_equal(reference.planes[PLANES[kind]], expected)
    if "dq" in ARRAYS[kind]:
        assert reference.planes["flags"][1, 0] == Flag.DEAD | Flag.OTHER_BAD_PIXEL
        assert np.count_nonzero(reference.planes["flags"]) == 1


def test_every_kind_but_the_superbias_is_known(tmp_path: Path) -> None:
    assert set(ARRAYS) | set(TABLES) == set(KINDS) - {"superbias"}


def test_a_decay_is_that_of_the_detector_in_hand(tmp_path: Path) -> None:
    path = reference_file(tmp_path, "darkdecaysignal", **TABLES["darkdecaysignal"])
    roman = Detector.load("roman_wfi").resized((64, 64))
    effect = roman.with_references([path], Setup("WFI", "WFI06")).effect("dark_decay")
    assert (effect.amplitude, effect.time_constant, effect.frame_time) == (0.61, 22.1, 3.16247)
    bare = roman.without("dark_decay").with_references([path], Setup("WFI", "WFI05"))
    assert bare.steps == roman.steps
    for unknown in ("WFI07", ""):
        with pytest.raises(DataError, match="holds WFI05, WFI06"):
            roman.with_references([path], Setup("WFI", unknown))


def test_a_table_of_each_channel_becomes_that_of_each_output(tmp_path: Path) -> None:
    path = reference_file(tmp_path, "integralnonlinearity", **TABLES["integralnonlinearity"])
    roman = Detector.load("roman_wfi").resized((64, 128)).with_references([path])
    effect = roman.effect("integral_nonlinearity")
    np.testing.assert_array_equal(effect.counts, VALUE)
    np.testing.assert_array_equal(effect.correction, CORRECTIONS)
    steps = roman.steps
    assert steps.index("saturation") < steps.index("integral_nonlinearity") < steps.index("bias")
    # what a pixel of the third output counts: the inverse of its table, by bisection
    raw = roman.respond(30000.0)[32, 10]
    without = roman.without("integral_nonlinearity").respond(30000.0)[32, 10]
    assert raw + np.interp(raw, VALUE, CORRECTIONS[2]) == pytest.approx(without, abs=0.01)


@pytest.mark.parametrize(
    ("kind", "wrong", "what"),
    [
        ("darkdecaysignal", {"decay_table": {}}, "decay_table: missing"),
        ("integralnonlinearity", {"value": VALUE[:4]}, "no correction of 4 entries"),
        ("integralnonlinearity", {"inl_table": None}, "inl_table: missing"),
        ("integralnonlinearity", {"value": None}, "roman/value: missing"),
    ],
)
def test_a_broken_table_is_refused(tmp_path: Path, kind: str, wrong: dict[str, Any], what: str) -> None:
    path = reference_file(tmp_path, kind, **{**TABLES[kind], **wrong})
    with pytest.raises(DataError, match=what):
        read_reference(path)


def test_a_table_that_does_not_rise_is_refused(tmp_path: Path) -> None:
    path = reference_file(
        tmp_path, "integralnonlinearity", **{**TABLES["integralnonlinearity"], "value": VALUE[::-1].copy()}
    )
    with pytest.raises(DataError, match="must rise"):
        Detector.load("roman_wfi").resized((64, 64)).with_references([path])


def test_read_noise_is_that_of_one_read(tmp_path: Path) -> None:
    # JWST gives the noise of a difference of two reads ("cds"); taking one for the other is wrong by root two
    planes = read_reference(reference_file(tmp_path, "readnoise", data=PLANE)).planes
    assert set(planes) == {"single"}


@pytest.mark.parametrize(
    ("kind", "arrays", "what"),
    [
        ("superbias", {"data": PLANE}, "not used here"),
        ("gain", {}, "roman/data: missing"),
        ("mask", {}, "roman/dq: missing"),
        ("gain", {"data": PLANE[0]}, "2 axes"),
        ("flat", ARRAYS["flat"] | {"dq": DQ[:2]}, "flags has shape"),
        ("dark", {"data": PLANE[None], "dq": DQ}, "dark_slope"),
    ],
)
def test_what_is_no_reference_is_refused(tmp_path: Path, kind: str, arrays: dict[str, np.ndarray], what: str) -> None:
    with pytest.raises(DataError, match=what) as caught:
        read_reference(reference_file(tmp_path, kind, **arrays))
    assert "\n" not in str(caught.value)


def test_real_models_are_read(tmp_path: Path) -> None:
    datamodels = pytest.importorskip("roman_datamodels.datamodels")
    for name, kind in (("GainRefModel", "gain"), ("ReadnoiseRefModel", "readnoise"), ("FlatRefModel", "flat"),
                       ("LinearityRefModel", "linearity"), ("MaskRefModel", "mask"), ("DarkRefModel", "dark"),
                       ("SaturationRefModel", "saturation")):  # fmt: skip
        shape = (3, 16, 16) if kind == "linearity" else (16, 16)
        model = getattr(datamodels, name).create_fake_data(shape=shape)
        if kind == "linearity":
            model.dq = np.zeros((16, 16), np.uint32)  # the fake one has two of the three axes, the wrong two
        model.save(tmp_path / f"{kind}.asdf")
        assert read_reference(tmp_path / f"{kind}.asdf").kind == kind


def test_real_tables_are_read(tmp_path: Path) -> None:
    datamodels = pytest.importorskip("roman_datamodels.datamodels")
    decay = datamodels.DarkdecaysignalRefModel.create_fake_data()
    decay.decay_table = TABLES["darkdecaysignal"]["decay_table"]
    decay.save(tmp_path / "decay.asdf")
    assert read_reference(tmp_path / "decay.asdf").tables["WFI05"].tolist() == [0.42, 28.8]
    integral = datamodels.IntegralnonlinearityRefModel.create_fake_data()
    integral.inl_table, integral.value = TABLES["integralnonlinearity"]["inl_table"], VALUE
    integral.save(tmp_path / "integral.asdf")
    np.testing.assert_array_equal(read_reference(tmp_path / "integral.asdf").tables["correction"], CORRECTIONS)
