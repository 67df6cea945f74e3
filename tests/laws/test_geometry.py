"""The three layouts: nothing moves to a wrong place, and nothing gets lost that should not."""

from __future__ import annotations

import re
from itertools import product

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from obverse import Amplifier, Geometry, UsageError
from obverse.geometry import CORNERS, Section


@st.composite
def geometries(draw):
    """Amplifiers in a grid, each turned its own way, with scans of any width."""
    down, across = draw(st.integers(1, 3)), draw(st.integers(1, 4))
    rows, columns = draw(st.integers(1, 5)), draw(st.integers(1, 6))
    grid = product(range(down), range(across))
    amplifiers = tuple(
        Amplifier(
            f"{i}{j}", (i * rows, (i + 1) * rows), (j * columns, (j + 1) * columns), draw(st.sampled_from(CORNERS))
        )
        for i, j in grid
    )
    shape = (down * rows, across * columns)
    scans = {name: draw(st.integers(0, 4)) for name in ("prescan", "overscan", "parallel_overscan")}
    return Geometry(shape, amplifiers, **scans)


def numbered(shape):
    """Pixels of which no two are alike, and none is zero."""
    return np.arange(1, np.prod(shape) + 1, dtype=np.int64).reshape(shape)


@given(geometries())
def test_a_file_is_clocked_and_written_again_exactly(geometry):
    file = numbered((2, *geometry.file_shape))
    np.testing.assert_array_equal(geometry.unclock(geometry.clock(file)), file)


@given(geometries())
def test_a_clocked_frame_is_written_and_clocked_again_exactly(geometry):
    clocked = numbered((2, *geometry.clocked_shape))
    np.testing.assert_array_equal(geometry.clock(geometry.unclock(clocked)), clocked)


@given(geometries())
def test_what_was_padded_is_assembled_again_exactly(geometry):
    sensor = numbered((2, *geometry.shape))
    np.testing.assert_array_equal(geometry.assemble(geometry.pad(sensor)), sensor)


@given(geometries())
def test_padding_puts_zero_into_the_scans_and_nowhere_else(geometry):
    padded = geometry.pad(numbered(geometry.shape))
    assert (padded[..., geometry.image_rows, geometry.image_columns] > 0).all()
    assert padded.sum() == numbered(geometry.shape).sum()


@given(geometries())
def test_the_first_pixel_that_is_read_is_the_corner_pixel(geometry):
    sensor = numbered(geometry.shape)
    first = geometry.pad(sensor)[:, 0, geometry.prescan]
    for amplifier, value in zip(geometry.amplifiers, first, strict=True):
        row = amplifier.rows[0] if amplifier.corner.startswith("lower") else amplifier.rows[1] - 1
        column = amplifier.columns[0] if amplifier.corner.endswith("left") else amplifier.columns[1] - 1
        assert value == sensor[row, column]


@given(geometries())
def test_a_table_says_all_of_a_geometry(geometry):
    assert Geometry.from_table(geometry.to_table()) == geometry


@given(geometries())
def test_the_amplifier_map_names_the_amplifier_of_every_pixel(geometry):
    names = geometry.pad(geometry.amplifier_map)[..., geometry.image_rows, geometry.image_columns]
    for i, block in enumerate(names):
        assert (block == i).all()


def test_right_amplifiers_have_their_overscan_in_front_in_the_file():
    halves = (Amplifier("L", (0, 1), (0, 2)), Amplifier("R", (0, 1), (2, 4), "lower right"))
    geometry = Geometry((1, 4), halves, prescan=1, overscan=2)
    clocked = np.array([[[10, 1, 2, 11, 12]], [[20, 4, 3, 21, 22]]])
    assert geometry.unclock(clocked).tolist() == [[10, 1, 2, 11, 12, 22, 21, 3, 4, 20]]


def kast_blue():
    """Lick/Kast blue: the data in columns 0-1023 and 1024-2047 of a 350 x 2112 file, overscans in 2049-2110."""
    rows = (0, 350)
    left = Amplifier(
        "1",
        rows,
        (0, 1024),
        image_at=Section(rows, (0, 1024)),
        overscan_at=Section.from_iraf("[2050:2080,1:350]"),
    )
    right = Amplifier(
        "2",
        rows,
        (1024, 2048),
        "lower right",
        image_at=Section(rows, (1024, 2048)),
        overscan_at=Section.from_iraf("[2081:2111,1:350]"),
    )
    return Geometry((350, 2048), (left, right), overscan=31, file_shape=(350, 2112))


def test_sections_far_from_each_other_are_found_and_put_back():
    geometry = kast_blue()
    file = numbered(geometry.file_shape)
    clocked = geometry.clock(file)
    assert clocked.shape == (2, 350, 1055)
    np.testing.assert_array_equal(clocked[0, :, 1024:], file[:, 2049:2080])
    np.testing.assert_array_equal(clocked[1, :, 1024:], file[:, 2080:2111][:, ::-1])
    np.testing.assert_array_equal(geometry.assemble(clocked), file[:, :2048])
    again = geometry.unclock(clocked)
    belongs = np.ones(2112, bool)
    belongs[[2048, 2111]] = False  # columns of the file that belong to no amplifier
    np.testing.assert_array_equal(again[:, belongs], file[:, belongs])
    assert (again[:, ~belongs] == 0).all()
    np.testing.assert_array_equal(geometry.clock(again), clocked)
    assert Geometry.from_table(geometry.to_table()) == geometry


def test_reference_pixels_are_the_border_that_sees_no_light():
    geometry = Geometry((6, 7), reference=(1, 2, 3, 0))
    assert geometry.sensitive.sum() == (6 - 3) * (7 - 3)
    assert not geometry.sensitive[:1].any()
    assert not geometry.sensitive[-2:].any()
    assert not geometry.sensitive[:, :3].any()


@pytest.mark.parametrize(
    ("amplifiers", "says"),
    [
        ((Amplifier("a", (0, 4), (0, 2)),), r"pixel \(0, 2\) is read by 0"),
        ((Amplifier("a", (0, 4), (0, 4)), Amplifier("b", (0, 4), (0, 4))), "read by 2"),
        ((Amplifier("a", (0, 4), (0, 3)), Amplifier("b", (0, 4), (3, 4))), "the first"),
    ],
)
def test_amplifiers_that_do_not_cover_the_sensor_once_are_refused(amplifiers, says):
    with pytest.raises(UsageError, match=says):
        Geometry((4, 4), amplifiers)


def test_a_section_of_the_wrong_size_is_refused():
    wrong = Amplifier("a", (0, 4), (0, 4), image_at=Section((0, 4), (0, 3)))
    with pytest.raises(UsageError, match="has shape"):
        Geometry((4, 4), (wrong,), file_shape=(4, 9))


def test_a_misspelt_key_or_corner_is_refused_with_the_nearest():
    with pytest.raises(UsageError, match="did you mean 'overscan'"):
        Geometry.from_table({"shape": [4, 4], "overscn": 2})
    with pytest.raises(UsageError, match="did you mean 'upper left'"):
        Amplifier("a", (0, 4), (0, 4), "uper left")


@given(st.integers(0, 50), st.integers(1, 50), st.integers(0, 50), st.integers(1, 50))
def test_iraf_sections_are_read_as_they_are_written(row, rows, column, columns):
    section = Section((row, row + rows), (column, column + columns))
    assert Section.from_iraf(section.to_iraf()) == section


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 4)), min_size=1, max_size=6))
@example([(0, 0), (0, 2), (0, 4), (2, 0), (2, 2), (2, 4)])
def test_a_sensor_is_accepted_exactly_where_each_pixel_is_read_once(corners):
    times_read = np.zeros((4, 6), int)
    for row, column in corners:
        times_read[row : row + 2, column : column + 2] += 1
    amplifiers = tuple(Amplifier(str(n), (i, i + 2), (j, j + 2)) for n, (i, j) in enumerate(corners))
    if (times_read == 1).all():
        assert Geometry((4, 6), amplifiers, file_shape=(4, 6)).shape == (4, 6)
        return
    row, column = np.argwhere(times_read != 1)[0]
    with pytest.raises(UsageError, match=rf"pixel \({row}, {column}\) is read by {times_read[row, column]} amplifiers"):
        Geometry((4, 6), amplifiers, file_shape=(4, 6))


# -- rows behind the image, shields and telemetry ------------------------------------------------------------------


def excam(**more):
    """A small register-read CCD: scans on three sides of the image, as the Roman Coronagraph's camera has them."""
    given = {"prescan": 7, "overscan": 2, "parallel_overscan": 5, "shielded": (2, 0, 0, 3), "telemetry": (24, 25)}
    return Geometry((20, 12), **(given | more))


def test_rows_behind_the_image_come_last_and_columns_before_it_come_first():
    file = excam().unclock(excam().pad(np.ones((20, 12))))
    assert file.shape == (25, 21)
    assert (file[:20, 7:19] == 1).all()
    assert file.sum() == 20 * 12


@pytest.mark.parametrize("corner", CORNERS)
def test_every_corner_keeps_file_and_sensor_with_rows_behind_the_image(corner):
    geometry = Geometry((20, 12), (Amplifier("1", (0, 20), (0, 12), corner),), prescan=3, parallel_overscan=5)
    sensor = np.arange(240.0).reshape(20, 12)
    clocked = geometry.pad(sensor)
    np.testing.assert_array_equal(geometry.clock(geometry.unclock(clocked)), clocked)
    np.testing.assert_array_equal(geometry.assemble(clocked), sensor)
    first = sensor[-1 if corner.startswith("upper") else 0, -1 if corner.endswith("right") else 0]
    assert clocked[0, 0, 3] == first


def test_parts_of_a_file_leave_nothing_out_and_overlap_nowhere():
    geometry = excam()
    parts = [geometry.in_file(part) for part in ("sensor", "prescan", "overscan", "parallel_overscan")]
    assert (np.sum(parts, axis=0) == 1).all()
    assert not (geometry.in_file("lit") & ~geometry.in_file("sensor")).any()
    assert geometry.in_file("lit")[2:20, 7:16].all()
    assert geometry.in_file("lit").sum() == 18 * 9
    assert geometry.in_file("telemetry").sum(axis=1).tolist() == [0] * 24 + [21]


def test_telemetry_stays_at_the_end_of_a_resized_file():
    assert excam().resized((40, 12)).telemetry == (44, 45)


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"telemetry": (10, 11)}, "telemetry rows (10, 11) cut the image area"),
        ({"telemetry": (25, 26)}, "telemetry rows (25, 26) are not rows of a file"),
        ({"shielded": (20, 1, 0, 0)}, "a border of (20, 1, 0, 0) is wider than (20, 12)"),
    ],
)
def test_geometries_that_cannot_be_are_refused_when_made(more, said):
    with pytest.raises(UsageError, match=re.escape(said)):
        excam(**more)


def test_a_geometry_with_all_its_parts_comes_back_from_its_table():
    assert Geometry.from_table(excam().to_table()) == excam()
