"""Roman reference files: the numbers are those of the file, and a read noise is that of one read."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from obverse.errors import DataError
from obverse.flags import Flag
from obverse.geometry import Section
from obverse.io.roman_references import read_reference
from obverse.references import KINDS
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
    assert set(ARRAYS) == set(KINDS) - {"superbias"}


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
