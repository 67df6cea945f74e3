"""Read-out modes: each reads its own part of the sensor, frames say which, and what is none is refused in one line."""

from __future__ import annotations

import numpy as np
import pytest

from obverse import Detector, Exposure, Frame, UsageError
from obverse.chosen import fitting

# name: file, lit area, its first pixel, sensor, its first pixel, parallel overscan, its first pixel: corgidrp 5.1.1,
# detector areas; the sensor of the modes of 2048 rows from row 0, not from -9
AREAS = {
    "SCI": ((1200, 2200), (1024, 1024), (13, 1088), (1037, 1056), (0, 1088), (163, 1056), (1037, 1088)),
    "ENG": ((2200, 2200), (1024, 1024), (13, 1088), (1037, 1056), (0, 1088), (1163, 1056), (1037, 1088)),
    "ENG_EM": ((2200, 2200), (2048, 1024), (13, 1088), (2070, 1056), (0, 1088), (130, 1056), (2070, 1088)),
    "ENG_CONV": ((2200, 2200), (2048, 1024), (13, 48), (2070, 1056), (0, 16), (130, 1056), (2070, 16)),
}
BIAS_COLUMNS = {"SCI": (800, 1000), "ENG": (800, 1000), "ENG_EM": (800, 1000), "ENG_CONV": (1200, 1400)}


def of_mode(name: str) -> Detector:
    return Detector.load(f"corgi_excam:{name}")


def span(mask: np.ndarray) -> tuple[tuple[int, int], tuple[int, int]]:
    """Size and first pixel of the one rectangle that a mask is."""
    rows, columns = (np.flatnonzero(mask.any(axis=axis)) for axis in (1, 0))
    assert mask.sum() == len(rows) * len(columns)
    assert mask[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1].all()
    return (len(rows), len(columns)), (int(rows[0]), int(columns[0]))


@pytest.mark.parametrize("name", AREAS)
def test_areas_are_those_of_the_files(name: str) -> None:
    file, lit, first_lit, sensor, first, behind, first_behind = AREAS[name]
    geometry = of_mode(name).geometry
    assert geometry.file_shape == file
    assert span(geometry.in_file("lit")) == (lit, first_lit)
    assert span(geometry.in_file("sensor")) == (sensor, first)
    assert span(geometry.in_file("parallel_overscan")) == (behind, first_behind)
    assert span(geometry.in_file("telemetry")) == ((1, file[1]), (file[0] - 1, 0))


@pytest.mark.parametrize("name", AREAS)
def test_every_pixel_of_a_file_has_one_place(name: str) -> None:
    geometry = of_mode(name).geometry
    parts = ("sensor", "prescan", "overscan", "parallel_overscan")
    assert (np.sum([geometry.in_file(part) for part in parts], axis=0) == 1).all()
    assert (geometry.in_file("sensor") >= geometry.in_file("lit")).all()


@pytest.mark.parametrize("name", AREAS)
def test_the_bias_is_told_by_the_reliable_columns(name: str) -> None:
    detector = of_mode(name)
    geometry = detector.geometry
    dark = geometry.unclock(detector.effect("bias_drift").dark(geometry, "clocked"))
    columns = np.flatnonzero(dark.any(axis=0))
    assert (columns[0], columns[-1] + 1) == BIAS_COLUMNS[name]


def test_a_mode_is_the_detector_switched_and_knows_no_other() -> None:
    switched = Detector.load("corgi_excam").in_mode("ENG_EM")
    assert switched == of_mode("ENG_EM")
    assert (switched.mode, switched.modes) == ("ENG_EM", ())
    assert Detector.load("corgi_excam").in_mode("SCI") == Detector.load("corgi_excam") == of_mode("SCI")
    with pytest.raises(UsageError, match="has no mode 'SCI'"):
        switched.in_mode("SCI")


def test_modes_come_back_from_a_file(tmp_path) -> None:
    first = Detector.load("corgi_excam")
    first.save(tmp_path / "excam.toml")
    again = Detector.load(tmp_path / "excam.toml")
    assert again == first
    assert [mode.name for mode in again.modes] == ["ENG", "ENG_EM", "ENG_CONV"]


@pytest.mark.parametrize("name", ["corgi_excam:ENG_ME", "generic_ccd:SCI"])
def test_an_unknown_mode_is_refused_in_one_line(name: str) -> None:
    with pytest.raises(UsageError) as refused:
        Detector.load(name)
    said = str(refused.value)
    assert "\n" not in said
    assert f"has no mode '{name.partition(':')[2]}'" in said
    if name.startswith("corgi"):
        assert "ENG_EM" in said


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"geometri": {}}, "modes.X: unknown key 'geometri'"),
        ({}, "modes.X: 'geometry' is missing"),
        ({"geometry": {"shape": [4, 4], "telemetry": [3, 4]}}, "modes.X: geometry: telemetry rows"),
        ({"geometry": {"shape": [4, -9]}}, "modes.X: geometry.shape is"),
        (
            {"geometry": {"shape": [4, 4]}, "effects": {"bias_drift": {"skipp": 1}}},
            "modes.X: bias_drift: unknown key 'skipp'",
        ),
        ({"geometry": {"shape": [4, 4]}, "effects": {"no_such": {"skip": 1}}}, "no_such"),
    ],
)
def test_a_mode_that_cannot_be_is_refused_when_the_file_is_loaded(change: dict, said: str) -> None:
    table = Detector.load("corgi_excam").to_table()
    with pytest.raises(UsageError) as refused:
        Detector.from_table({**table, "modes": {"X": change}})
    assert said in str(refused.value)
    assert "\n" not in str(refused.value)


def raw(shape: tuple[int, int], mode: str | None = None) -> Frame:
    exposure = Exposure("a", 1.0, mode=mode, detector="CGI/EXCAM")
    return Frame(np.zeros(shape, np.uint16), "DN", exposure=exposure)


@pytest.mark.parametrize("name", AREAS)
def test_a_frame_chooses_its_mode(name: str) -> None:
    assert fitting(Detector.load("corgi_excam"), raw(AREAS[name][0], name)) == of_mode(name)


def test_a_frame_that_names_no_mode_is_of_the_one_of_its_size() -> None:
    every = Detector.load("corgi_excam")
    assert fitting(every, raw((1200, 2200))) == every
    with pytest.raises(UsageError, match=r"fit the modes ENG, ENG_EM, ENG_CONV .* --detector corgi_excam:ENG"):
        fitting(every, raw((2200, 2200)))
    two = every.replace(modes=every.modes[:1])
    assert fitting(two, raw((2200, 2200))).mode == "ENG"


def test_a_smaller_frame_is_of_a_smaller_sensor() -> None:
    small = Detector.load("corgi_excam:ENG_EM").resized((128, 96))
    assert small.geometry.file_shape == (128 + 130, 96 + 1144)
    found = fitting(Detector.load("corgi_excam"), raw(small.geometry.file_shape, "ENG_EM"))
    assert found.geometry == small.geometry
    assert found.mode == "ENG_EM"


@pytest.mark.parametrize("name", AREAS)
def test_a_small_frame_of_each_mode_is_calibrated_in_its_own(name: str) -> None:
    """Light goes in and comes out in the lit rectangle, whichever way the sensor is read."""
    small = of_mode(name).resized((64, 48)).without("cosmic_rays", "register_trail")
    scene = np.zeros(small.geometry.shape)
    scene[small.geometry.lit] = 100.0
    exposure = Exposure("lit", 100.0, em_gain=1.0, mode=name)
    frame = small.expose(scene, exposure, seed=1)
    assert frame.shape == small.geometry.file_shape
    image = fitting(Detector.load("corgi_excam"), frame).without("cosmic_rays", "register_trail").calibrate(frame)
    good = ~image.unusable()
    np.testing.assert_array_equal(good, small.geometry.sees_light)
    rows = np.array([row.mean() for row in np.where(good, image.data, np.nan)[good.any(axis=1)][:, good.any(axis=0)]])
    assert abs(rows.mean() - 1e4) < 5 * rows.std(ddof=1) / np.sqrt(len(rows))  # pixels of a row share its bias
    assert image.exposure.mode == name
