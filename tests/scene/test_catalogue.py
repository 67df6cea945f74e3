"""Catalogues: columns, units and places; bad ones say one clear line, and their good rows are used or nothing is."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from astropy import units as u
from astropy.table import QTable, Table
from astropy.wcs import WCS, Sip
from numpy.testing import assert_allclose

from obverse.errors import DataError, ObverseWarning, UsageError
from obverse.scene import Sources, draw, moffat, read_catalogue
from obverse.scene.bands import ROMAN, zero_point
from obverse.scene.sources import AXIS_RATIO, INDEX

SHAPE = (100, 120)


def sky(rotation: float = 0.0, flip: float = -1.0, scale: float = 0.11, distorted: bool = False) -> WCS:
    wcs = WCS(naxis=2)
    wcs.wcs.ctype = ["RA---TAN", "DEC--TAN"]
    wcs.wcs.crval, wcs.wcs.crpix = [270.0, 66.0], [61.0, 51.0]
    sin, cos = np.sin(np.radians(rotation)), np.cos(np.radians(rotation))
    wcs.wcs.cd = scale / 3600 * np.array([[flip, 0.0], [0.0, 1.0]]) @ np.array([[cos, -sin], [sin, cos]])
    if distorted:
        wcs.wcs.ctype = ["RA---TAN-SIP", "DEC--TAN-SIP"]
        a = np.zeros((4, 4))
        a[2, 0] = 1e-5
        wcs.sip = Sip(a, a, None, None, wcs.wcs.crpix)
    return wcs


def romanisim() -> Table:
    """Columns as romanisim writes them: no units, maggies."""
    return Table(
        {
            "ra": [270.0, 270.001, 270.002],
            "dec": [66.0, 66.0004, 66.0002],
            "type": ["PSF", "SER", "SER"],
            "n": np.array([-1, 2.0, 4.0], "f4"),
            "half_light_radius": np.array([0, 0.33, 0.44], "f4"),
            "pa": np.array([0, 30.0, 100.0], "f4"),
            "ba": np.array([1, 0.5, 0.8], "f4"),
            "F158": np.array([1e-8, 2e-8, 3e-8], "f4"),
        }
    )


def simple(**columns: Any) -> Table:
    return Table(
        {"row": [10.0, 20.0, 30.0], "column": [5.0, 6.0, 7.0], "flux": [1.0, 2.0, 3.0]} | columns,
        units={"flux": "electron/s"},
    )


def test_a_catalogue_of_romanisim() -> None:
    made = read_catalogue(romanisim(), band="F158", wcs=sky())
    assert (made.row[0], made.column[0]) == (pytest.approx(50.0), pytest.approx(60.0))
    assert made.flux[0] == pytest.approx(10 ** (0.4 * (zero_point("F158") - 20.0)), rel=1e-6)
    assert_allclose(made.radius, [0.0, 3.0, 4.0], rtol=1e-4)
    assert_allclose(made.axis_ratio, [1.0, 0.5, 0.8], rtol=1e-4)
    assert list(made.id) == [0, 1, 2]


@pytest.mark.parametrize("rotation", [0.0, 35.0, 200.0])
@pytest.mark.parametrize("flip", [-1.0, 1.0])
def test_the_position_angle_runs_from_north_to_east_on_any_sky(rotation: float, flip: float) -> None:
    """The light itself is asked: its long axis must point to a place displaced along the position angle."""
    wcs, pa = sky(rotation, flip), 25.0
    table = Table(
        {"ra": [270.0], "dec": [66.0], "half_light_radius": [0.44], "n": [1.0], "ba": [0.3], "pa": [pa], "flux": [1.0]}
    )
    table["flux"].unit = "electron/s"
    image = draw(read_catalogue(table, wcs=wcs), moffat(2.0), (101, 121))
    rows, columns = np.mgrid[:101, :121]
    y, x = rows - 50, columns - 60
    found = 0.5 * np.arctan2(2 * (image * x * y).sum(), (image * (x**2 - y**2)).sum())
    step = 1 / 3600
    east, north = step * np.sin(np.radians(pa)) / np.cos(np.radians(66.0)), step * np.cos(np.radians(pa))
    column, row = wcs.world_to_pixel_values(270.0 + east, 66.0 + north)
    expected = np.arctan2(row - 50, column - 60)
    assert np.sin(found - expected) == pytest.approx(0.0, abs=2e-3)


def test_pixels_that_are_not_square_turn_and_stretch_shapes() -> None:
    wcs = sky()
    wcs.wcs.cd = np.array([[-0.1, 0.0], [0.0, 0.2]]) / 3600
    table = Table(
        {
            "ra": [270.0],
            "dec": [66.0],
            "half_light_radius": [1.0],
            "n": [1.0],
            "ba": [0.999999],
            "pa": [0.0],
            "flux": [1.0],
        }
    )
    made = read_catalogue(table, wcs=wcs, unit="electron/s")
    assert made.radius[0] == pytest.approx(np.sqrt(50.0), rel=1e-4)
    assert made.axis_ratio[0] == pytest.approx(0.5, rel=1e-4)
    assert np.sin(made.angle[0]) == pytest.approx(0.0, abs=1e-4)  # long along columns, where pixels are fine


def test_distorted_coordinates_do_not_put_far_sources_onto_the_image() -> None:
    table = romanisim()
    table["ra"][2], table["dec"][2] = 272.0, 66.5  # the search for its pixel stops at some that is not its own
    with pytest.warns(ObverseWarning, match="position: 1 of 3 rows are left out, no number or off the sky"):
        made = read_catalogue(table, band="F158", wcs=sky(distorted=True))
    assert len(made) == 2
    back = sky(distorted=True).pixel_to_world_values(made.column, made.row)
    assert_allclose(back[0], table["ra"][:2], atol=1e-8)


class _OnlyApe14:
    """The least that coordinates can be."""

    def world_to_pixel_values(self, ra: Any, dec: Any) -> Any:
        return (ra - 10.0) * 36000.0, (dec - 5.0) * 36000.0

    def pixel_to_world_values(self, x: Any, y: Any) -> Any:
        return x / 36000.0 + 10.0, y / 36000.0 + 5.0


def test_any_coordinates_with_the_shared_interface_do() -> None:
    table = Table({"ra": [10.001], "dec": [5.002], "flux": [1.0]}, units={"flux": "electron/s"})
    made = read_catalogue(table, wcs=_OnlyApe14())
    assert_allclose([made.row[0], made.column[0]], [72.0, 36.0])


@pytest.mark.parametrize(
    ("unit", "value", "electrons"),
    [
        ("electron/s", 7.0, 7.0),
        ("mag(AB)", 20.0, 10 ** (0.4 * 6.0)),
        ("mag", 20.0, 10 ** (0.4 * 6.0)),
        ("mgy", 1e-8, 10 ** (0.4 * 6.0)),
        ("nmgy", 10.0, 10 ** (0.4 * 6.0)),
        ("uJy", 36.31, 10 ** (0.4 * 6.0)),
        ("erg/(s cm2 Hz)", 3.631e-28, 10 ** (0.4 * 6.0)),
    ],
)
def test_units_of_the_flux(unit: str, value: float, electrons: float) -> None:
    """AB magnitude 20 is 1e-8 maggies and 36.31 microjansky (Oke & Gunn 1983)."""
    table = Table({"row": [1.0], "column": [1.0], "flux": [value]}, units={"flux": unit})
    assert read_catalogue(table, zero_point=26.0).flux[0] == pytest.approx(electrons, rel=1e-9)
    bare = Table({"row": [1.0], "column": [1.0], "flux": [value]})
    assert read_catalogue(bare, zero_point=26.0, unit=unit).flux[0] == pytest.approx(electrons, rel=1e-9)


def test_photons_need_the_quantum_efficiency() -> None:
    table = Table({"row": [1.0], "column": [1.0], "flux": [10.0]}, units={"flux": "photon/s"})
    with pytest.raises(UsageError, match="flux: is in photon/s, give quantum_efficiency="):
        read_catalogue(table)
    assert read_catalogue(table, quantum_efficiency=0.8).flux[0] == pytest.approx(8.0)


def test_zero_points_are_those_of_the_effective_areas() -> None:
    """Roman technical information 1.5.0: WFI02, F158, AB 26.369361; mean rate of the 18, 26.3766 (romanisim 0.15)."""
    assert zero_point("F158", 2) == pytest.approx(26.369361, abs=5e-4)
    assert zero_point("H158") == pytest.approx(26.37661, abs=5e-4)
    assert all(len(values) == 18 for values in ROMAN.values())
    with pytest.raises(UsageError, match="did you mean 'F158'"):
        zero_point("F159")
    for wrong in (19, "WFI19", "WFI/WFI00"):
        with pytest.raises(UsageError, match=r"detector (19|WFI19|WFI/WFI00), WFI01 to WFI18"):
            zero_point("F158", wrong)


@pytest.mark.parametrize(
    ("detector", "number"),
    [("WFI01", 1), ("WFI/WFI18", 18), ("wfi/wfi18", 18), ("roman_wfi", None), ("WFC3/IR", None), (None, None)],
)
def test_the_zero_point_is_that_of_the_detector_where_one_is_known(detector: str | None, number: int | None) -> None:
    made = read_catalogue(romanisim(), band="F158", wcs=sky(), detector=detector)
    assert made.flux[0] == pytest.approx(10 ** (0.4 * (zero_point("F158", number) - 20.0)), rel=1e-6)
    given = read_catalogue(romanisim(), band="F158", wcs=sky(), detector=detector, zero_point=25.0)
    assert given.flux[0] == pytest.approx(100.0, rel=1e-6)


def test_single_detectors_differ_from_the_mean_as_docs_say() -> None:
    mean = zero_point("F158")
    ratios = [10 ** (0.4 * (zero_point("F158", n) - mean)) for n in range(1, 19)]
    assert (ratios[0], ratios[17]) == (pytest.approx(0.952, abs=5e-4), pytest.approx(1.077, abs=5e-4))
    assert (min(ratios), max(ratios)) == (ratios[0], ratios[17])
    assert np.mean(ratios) == pytest.approx(1.0, abs=1e-9)


@pytest.mark.parametrize(("n", "ba"), [(INDEX[0], AXIS_RATIO[1]), (INDEX[1], AXIS_RATIO[0])])
def test_rows_on_the_limits_are_sources_and_those_behind_them_are_not(n: float, ba: float) -> None:
    """What a catalogue lets through, `Sources` takes; what it leaves out, `Sources` refuses."""
    made = read_catalogue(simple(radius=[2.0] * 3, n=[n] * 3, ba=[ba] * 3))
    assert len(draw(made, moffat(2.0), SHAPE)) == SHAPE[0]
    for name, column, bounds in (("index", "n", INDEX), ("axis_ratio", "ba", AXIS_RATIO)):
        for outside in (bounds[0] - 1e-9, bounds[1] + 1e-9):
            with pytest.warns(ObverseWarning, match=f"{column}: 1 of 3 rows are left out, outside "):
                read_catalogue(simple(radius=[2.0] * 3, **{column: [1.0, outside, 1.0]}))
            with pytest.raises(UsageError, match=f"{name} of source 0"):
                made[:1].replace(**{name: [outside]})


@pytest.mark.parametrize("ending", ["ecsv", "fits", "parquet"])
def test_files_give_what_the_table_gives(tmp_path: Path, ending: str) -> None:
    if ending == "parquet":
        pytest.importorskip("pyarrow", reason="the extra parquet is not installed")
    path = tmp_path / f"stars.{ending}"
    romanisim().write(path)
    from_file, from_table = (read_catalogue(each, band="F158", wcs=sky()) for each in (path, romanisim()))
    for name in ("row", "column", "flux", "radius", "index", "axis_ratio", "angle"):
        assert_allclose(getattr(from_file, name), getattr(from_table, name), rtol=1e-12)


@pytest.mark.skipif(find_spec("pyarrow") is not None, reason="pyarrow is there")
def test_parquet_without_pyarrow_says_what_to_install(tmp_path: Path) -> None:
    (tmp_path / "stars.parquet").write_bytes(b"PAR1")
    with pytest.raises(
        UsageError, match=r"stars.parquet: catalogue: Parquet needs pyarrow, install obverse\[parquet\]"
    ):
        read_catalogue(tmp_path / "stars.parquet")


def test_tables_with_quantities_names_in_capitals_and_masks() -> None:
    table = QTable({"ROW": [1.0, 2.0] * u.pix, "Column": [3.0, 4.0], "flux": [20.0, 21.0] * u.ABmag, "id": ["a", "b"]})
    made = read_catalogue(table, zero_point=26.0)
    assert_allclose(made.column, [3.0, 4.0])
    assert list(made.id) == ["a", "b"]
    masked = Table(simple(), masked=True)
    masked["flux"].mask = [False, True, False]
    with pytest.warns(ObverseWarning, match="flux: 1 of 3 rows are left out, no number .the first is row 1."):
        assert list(read_catalogue(masked).id) == [0, 2]


# -- bad catalogues ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("columns", "match"),
    [
        (
            {"flux": [1.0, np.nan, 3.0]},
            r"^catalogue: flux: 1 of 3 rows are left out, no number \(the first is row 1\)$",
        ),
        ({"flux": [1.0, -2.0, 3.0]}, "flux: 1 of 3 rows are left out, negative"),
        ({"row": [10.0, np.inf, 30.0]}, "position: 1 of 3 rows are left out, no number"),
        ({"row": [10.0, 1e5, 30.0]}, r"position: 1 of 3 rows are left out, off the image of 100 x 120 pixels"),
        ({"radius": [0.0, -1.0, 2.0]}, "half_light_radius: 1 of 3 rows are left out, negative"),
        ({"radius": [0.0, 1.0, 2.0], "n": [0.0, 9.0, 1.0]}, "n: 1 of 3 rows are left out, outside 0.5 to 6"),
        ({"radius": [0.0, 1.0, 2.0], "ba": [1.0, 0.0, 1.0]}, "ba: 1 of 3 rows are left out, outside 0.05 to 1"),
        ({"radius": [0.0, np.nan, 2.0]}, "shape: 1 of 3 rows are left out, no number"),
    ],
)
def test_bad_rows_are_left_out_and_told(columns: dict[str, Any], match: str) -> None:
    with pytest.warns(ObverseWarning, match=match):
        made = read_catalogue(simple(**columns), shape=SHAPE)
    assert list(made.id) == [0, 2]


def test_a_magnitude_that_is_none_is_left_out_and_a_negative_one_is_bright() -> None:
    table = Table({"row": [1.0, 2.0], "column": [1.0, 2.0], "F158": [np.nan, -1.0]}, units={"F158": "mag(AB)"})
    with pytest.warns(ObverseWarning, match="F158: 1 of 2 rows are left out, no number"):
        made = read_catalogue(table, band="F158")
    assert made.flux[0] == pytest.approx(10 ** (0.4 * (zero_point("F158") + 1)))


@pytest.mark.parametrize(
    ("table", "match"),
    [
        (simple()[:0], "catalogue: has no rows, there is nothing to draw"),
        (simple(flux=[np.nan] * 3), "no row can be used: flux: 3 of 3 rows are left out, no number"),
        (simple(row=[1e6] * 3), "no row can be used: position: 3 of 3 rows are left out, off the image"),
        (Table({"row": [1.0], "colum": [1.0], "flux": [1.0]}), "column: no such column, did you mean 'colum'"),
        (Table({"flux": [1.0]}), "row: no such column"),
        (Table({"row": [1.0], "column": [1.0], "flx": [1.0]}), "flux: no such column, did you mean 'flx'"),
        (
            Table({"row": [1.0], "column": [1.0], "flux": [1.0]}),
            "flux: has no unit, write one into the table or give unit=",
        ),
        (Table({"row": [1.0], "column": [1.0], "flux": [1.0]}, units={"flux": "K"}), "flux: is in 'K', wanted is"),
        (Table({"row": ["x"], "column": [1.0], "flux": [1.0]}), "row: holds what is no number"),
        (Table({"row": [[1.0, 2.0]], "column": [1.0], "flux": [1.0]}), "row: has shape"),
    ],
)
def test_catalogues_of_which_nothing_can_be_used(table: Table, match: str) -> None:
    with pytest.raises(DataError, match=match) as caught:
        read_catalogue(table, shape=SHAPE)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("how", "match"),
    [
        ({"band": "F158"}, "ra: places on the sky need wcs="),
        ({"wcs": sky()}, "flux: no such column, say which with band=: F158"),
    ],
)
def test_what_must_be_given(how: dict[str, Any], match: str) -> None:
    with pytest.raises(UsageError, match=match):
        read_catalogue(romanisim(), **how)


def test_sizes_and_angles_on_the_sky_need_coordinates() -> None:
    table = simple(half_light_radius=[0.0, 0.3, 0.3])
    with pytest.raises(UsageError, match="half_light_radius: is in arcsec, give wcs= or pixel_scale="):
        read_catalogue(table)
    assert_allclose(read_catalogue(table, pixel_scale=0.1).radius, [0.0, 3.0, 3.0])
    table["pa"], table["ba"] = 10.0, 0.5
    with pytest.raises(UsageError, match="pa: angles on the sky need wcs="):
        read_catalogue(table, pixel_scale=0.1)


def test_a_kind_that_is_none() -> None:
    table = romanisim()
    table["type"][1] = "GAL"
    with pytest.raises(DataError, match="type: 'GAL' in row 1, it must be PSF or SER"):
        read_catalogue(table, band="F158", wcs=sky())


@pytest.mark.parametrize(("name", "text"), [("bad.ecsv", "no table\n1 2 3"), ("bad.fits", "no FITS file")])
def test_files_that_are_none(tmp_path: Path, name: str, text: str) -> None:
    (tmp_path / name).write_text(text)
    with pytest.raises(DataError, match=f"{name}: ") as caught:
        read_catalogue(tmp_path / name)
    assert "\n" not in str(caught.value)


def test_paths_that_lead_nowhere(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"none\.ecsv: catalogue: no such file"):
        read_catalogue(tmp_path / "none.ecsv")
    with pytest.raises(UsageError, match=r"stars\.txt: catalogue: a file in \.ecsv, \.fits"):
        read_catalogue(tmp_path / "stars.txt")
    with pytest.raises(UsageError, match="an astropy Table or the path of one is wanted, got int"):
        read_catalogue(5)


def test_the_sources_near_the_edge_stay() -> None:
    table = simple(row=[-8.0, 50.0, 105.0])
    made = read_catalogue(table, shape=SHAPE)
    assert isinstance(made, Sources)
    assert len(made) == 3
