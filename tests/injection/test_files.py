"""Sources into files: read, injected, written, read and calibrated again."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits

import obverse as ob
from obverse import Detector, Exposure, ReadPattern, jobs
from obverse.injection.placing import warn_of_another
from obverse.io import setup_of
from obverse.io.roman_image import write_image
from obverse.scene import Sources, gaussian
from tests.injection.simple import UNEVEN

PSF = gaussian(2.5)
STAR = Sources([30.0], [20.0], [3000.0])


def raw_of(name: str, pattern: ReadPattern) -> ob.Frame:
    detector = Detector.load(name).resized((64, 64))
    return detector.expose(5.0, Exposure("field", pattern=pattern, detector=name), seed=1)


def brightest(new: ob.Frame, old: ob.Frame) -> tuple[int, int]:
    """Where two frames differ most."""
    gained = (new.data.astype(float) - old.data).reshape(-1, *old.shape[-2:])[-1]
    row, column = np.unravel_index(np.nanargmax(gained), gained.shape)
    return int(row), int(column)


@pytest.mark.parametrize(
    ("detector", "name", "pattern", "where"),
    [
        ("jwst_nircam", "x_uncal.fits", ReadPattern.even(6, frames=2, gap=1, frame_time=10.0), (30, 20)),
        ("roman_wfi", "r0_uncal.asdf", UNEVEN, (34, 24)),
        ("generic_h2rg", "ours.fits", UNEVEN, (30, 20)),
    ],
)
def test_a_raw_file_is_read_injected_and_calibrated(
    tmp_path: Path, detector: str, name: str, pattern: ReadPattern, where: tuple[int, int]
) -> None:
    ob.write(raw_of(detector, pattern), tmp_path / name)
    before = ob.read(tmp_path / name)
    new, table = ob.inject_sources(tmp_path / name, STAR, seed=3, psf=PSF, level="L1")
    assert brightest(new, before) == where
    (tmp_path / "new").mkdir()
    ob.write(new, tmp_path / "new" / name)
    again = ob.read(tmp_path / "new" / name)
    np.testing.assert_array_equal(again.data, new.data)
    assert set(again.companions) == set(before.companions)
    belief = Detector.load(detector).resized((64, 64))
    gained = belief.calibrate(again).data - belief.calibrate(before).data
    seconds = pattern.times[-1][-1]
    efficiency = belief.effect("quantum_efficiency").efficiency if "photon/s" in belief.calibrate(again).unit else 1.0
    flux = np.nansum(gained) * efficiency * seconds
    assert abs(flux / table["electrons"][0] - 1) < 0.02


def test_a_roman_image_is_injected_at_its_own_pixels(tmp_path: Path) -> None:
    detector = Detector.load("roman_wfi").resized((64, 64))
    calibrated = detector.calibrate(raw_of("roman_wfi", UNEVEN))
    write_image(calibrated, tmp_path / "r0_cal.asdf", detector=detector)
    image = ob.read(tmp_path / "r0_cal.asdf")
    new, table = ob.inject_sources(tmp_path / "r0_cal.asdf", STAR, seed=3, psf=PSF, level="L2")
    assert (new.unit, new.shape, brightest(new, image)) == ("DN/s", (56, 56), (30, 20))
    assert abs(np.nansum(new.data - image.data) * 2.0 * UNEVEN.times[-1][-1] / table["electrons"][0] - 1) < 0.02
    raw, told = ob.inject_sources(raw_of("roman_wfi", UNEVEN), STAR, seed=3, psf=PSF, detector=detector)
    np.testing.assert_allclose(told["expected"], table["expected"])  # one catalogue for both levels
    assert brightest(raw, raw_of("roman_wfi", UNEVEN)) == (34, 24)
    ob.write(new, tmp_path / "new.fits")
    assert ob.read(tmp_path / "new.fits") == new


def test_a_jwst_image_of_rates_needs_its_pattern(tmp_path: Path) -> None:
    pattern = ReadPattern.even(6, frames=2, gap=1, frame_time=10.0)
    detector = Detector.load("jwst_nircam").resized((64, 64))
    frame = detector.calibrate(raw_of("jwst_nircam", pattern))
    ob.write(frame, tmp_path / "rate.fits")
    new, _ = ob.inject_sources(tmp_path / "rate.fits", STAR, seed=3, psf=PSF)
    bare = frame.replace(exposure=Exposure("field", 180.0, detector="jwst_nircam"))
    with pytest.raises(ob.UsageError, match="pattern="):
        ob.inject_sources(bare, STAR, seed=3, psf=PSF)
    given, _ = ob.inject_sources(bare, STAR, seed=3, psf=PSF, pattern=pattern)
    np.testing.assert_array_equal(given.data, new.data)


def test_a_rate_file_of_jwst_knows_its_pattern_and_its_part_of_the_detector(tmp_path: Path) -> None:
    pattern = ReadPattern.even(6, frames=2, gap=1, frame_time=10.73677)
    ob.write(raw_of("jwst_nircam", pattern), tmp_path / "x_uncal.fits")
    (outcome,) = jobs.calibrate([tmp_path / "x_uncal.fits"], tmp_path)
    rate = ob.read(outcome.product)
    assert (rate.unit, rate.exposure.pattern, rate.exposure.integrations) == ("DN/s", pattern, 1)
    setup = setup_of(rate)
    assert setup is not None
    assert (setup.instrument, setup.detector) == ("NIRCAM", "NRCA1")
    new, table = ob.inject_sources(outcome.product, STAR, seed=3, psf=PSF, level="L2")
    assert brightest(new, rate) == (30, 20)
    gain = Detector.load("jwst_nircam").effect("gain").gain
    assert abs(np.nansum(new.data - rate.data) * gain * pattern.times[-1][-1] / table["electrons"][0] - 1) < 0.02
    for name in ("new.fits", "new_rate.fits"):
        ob.write(new, tmp_path / name)
        again = ob.read(tmp_path / name)
        np.testing.assert_array_equal(again.data, new.data)
        np.testing.assert_array_equal(again.pixel_flags, new.pixel_flags)
        np.testing.assert_array_equal(again.variances["poisson"], new.variances["poisson"])
        assert again.exposure.pattern == pattern
    with fits.open(tmp_path / "new_rate.fits") as units:
        assert units[0].header["DATAMODL"] == "ImageModel"
        assert units[0].header["INJECTED"].startswith("1 source")


@pytest.mark.parametrize("cut", [{"NGROUPS": None}, {"TFRAME": None}, {"SUBSIZE1": 2048, "SUBSIZE2": 2048}])
def test_a_rate_image_that_says_less_is_read_all_the_same(tmp_path: Path, cut: dict[str, int | None]) -> None:
    ob.write(raw_of("jwst_nircam", ReadPattern.even(4, frame_time=10.0)), tmp_path / "x_uncal.fits")
    (outcome,) = jobs.calibrate([tmp_path / "x_uncal.fits"], tmp_path)
    with fits.open(outcome.product) as units:
        for key, value in cut.items():
            units[0].header[key] = value
            if value is None:
                del units[0].header[key]
        units.writeto(tmp_path / "less_rate.fits", checksum=True)
    rate = ob.read(tmp_path / "less_rate.fits")
    assert rate.shape == (64, 64)
    assert (rate.exposure.pattern is None) == (None in cut.values())
    assert (setup_of(rate) is None) == ("SUBSIZE1" in cut)


def test_what_cannot_be_done_is_said_in_a_line() -> None:
    raw = raw_of("generic_h2rg", UNEVEN)
    with pytest.raises(ob.UsageError, match="psf is missing"):
        ob.inject_sources(raw, STAR, seed=3)
    with pytest.raises(ob.UsageError, match=r"is L1 \(DN\), not L2"):
        ob.inject_sources(raw, STAR, seed=3, psf=PSF, level="L2")
    with pytest.raises(ob.UsageError, match="must be L1"):
        ob.inject_sources(raw, STAR, seed=3, psf=PSF, level="2")
    half = Detector.load("generic_h2rg").resized((64, 64)).recipe().until("gain").run(raw)
    with pytest.raises(ob.UsageError, match="neither raw nor an estimate"):
        ob.inject_sources(half, STAR, seed=3, psf=PSF)
    cube = raw.replace(data=np.ones((1, 64, 64)), unit="electron/s", axes=("integration", "row", "column"))
    with pytest.raises(ob.UsageError, match="one image an integration"):
        ob.inject_sources(cube, STAR, seed=3, psf=PSF)
    unknown = raw.replace(exposure=Exposure("a", pattern=UNEVEN, detector="x"))
    with pytest.raises(ob.UsageError, match="say which one to use"):
        ob.inject_sources(unknown, STAR, seed=3, psf=PSF)


def test_the_detector_of_another_observatory_is_a_warning() -> None:
    raw = raw_of("generic_h2rg", UNEVEN)
    named = raw.replace(exposure=Exposure("a", pattern=UNEVEN, detector="roman_wfi"))
    with pytest.warns(ob.ObverseWarning, match="that of 'roman_wfi': the response of 'generic_h2rg' is used"):
        warn_of_another(Detector.load("generic_h2rg"), named)
    warn_of_another(Detector.load("roman_wfi"), named)


def test_sources_off_the_image_stay_in_the_table() -> None:
    raw = raw_of("generic_h2rg", UNEVEN)
    new, table = ob.inject_sources(raw, Sources([-50.0, 200.0], [3.0, 3.0], [1e5, 1e5]), seed=3, psf=PSF)
    assert new == raw
    assert table["electrons"].tolist() == [0, 0]
    assert table["fraction"].tolist() == [0.0, 0.0]
    assert table["pixels"].tolist() == [0, 0]
    assert table["flag"].tolist() == ["", ""]


def test_no_source_is_no_change() -> None:
    raw = raw_of("generic_h2rg", UNEVEN)
    new, table = ob.inject_sources(raw, STAR[:0], seed=3, psf=PSF)
    assert new == raw
    assert len(table) == 0


def test_the_table_says_what_was_put_in() -> None:
    raw = raw_of("generic_h2rg", UNEVEN)
    sources = Sources([30.0, 62.0], [20.0, 40.0], [500.0, 100.0], id=["a", "b"])
    _, table = ob.inject_sources(raw, sources, seed=3, psf=PSF)
    assert table["id"].tolist() == ["a", "b"]
    assert table.meta["level"] == "L1"
    assert table["fraction"][0] > 0.999 > 0.95 > table["fraction"][1]
    scatter = np.sqrt(table["expected"])
    assert (np.abs(table["electrons"] - table["expected"]) < 5 * scatter).all()
    assert abs(table["expected"][0] - 500.0 * UNEVEN.times[-1][-1]) < 0.01 * table["expected"][0]


def test_light_that_differs_over_the_field_is_that_of_the_place() -> None:
    from obverse.scene.field_psf import FieldPsf

    raw = raw_of("generic_h2rg", UNEVEN)
    narrow, wide = gaussian(1.5, half=8).cells, gaussian(4.0, half=8).cells
    psf = FieldPsf([0.0], [0.0, 63.0], [[narrow, wide]], oversampling=8)
    star = Sources([32.0], [48.0], [500.0])
    there, elsewhere = (ob.inject_sources(raw, star, seed=3, psf=psf.at(32.0, x))[0] for x in (48.0, 15.0))
    new, _ = ob.inject_sources(raw, star, seed=3, psf=psf)
    assert new == there
    assert new != elsewhere


def test_places_of_the_field_are_pixels_of_the_image_and_not_of_the_border() -> None:
    from obverse.scene.field_psf import FieldPsf

    raw, detector = raw_of("roman_wfi", UNEVEN), Detector.load("roman_wfi").resized((64, 64))
    narrow, wide = gaussian(1.5, half=8).cells, gaussian(4.0, half=8).cells
    psf = FieldPsf([0.0], [0.0, 55.0], [[narrow, wide]], oversampling=8)
    how = {"seed": 3, "detector": detector}
    new, _ = ob.inject_sources(raw, STAR, psf=psf, **how)
    there, at_the_sensor = (ob.inject_sources(raw, STAR, psf=psf.at(30.0, x), **how)[0] for x in (20.0, 24.0))
    assert new == there
    assert new != at_the_sensor


def test_a_catalogue_on_the_sky_is_placed_by_its_coordinates(tmp_path: Path) -> None:
    from astropy.table import Table
    from astropy.wcs import WCS

    wcs = WCS(naxis=2)
    wcs.wcs.ctype, wcs.wcs.crval, wcs.wcs.crpix = ["RA---TAN", "DEC--TAN"], [5.0, 1.0], [21.0, 31.0]
    wcs.wcs.cdelt = [-3e-5, 3e-5]
    stars = Table({"ra": [5.0], "dec": [1.0], "F158": [17.0]}, units={"ra": "deg", "dec": "deg", "F158": "mag(AB)"})
    stars.write(tmp_path / "stars.ecsv")
    raw = raw_of("roman_wfi", UNEVEN)
    detector = Detector.load("roman_wfi").resized((64, 64))
    how = {"seed": 3, "psf": PSF, "detector": detector, "wcs": wcs, "band": "F158"}
    new, table = ob.inject_sources(raw, tmp_path / "stars.ecsv", **how)
    assert brightest(new, raw) == (34, 24)  # (30, 20) of the image without its border
    np.testing.assert_allclose([table["row"][0], table["column"][0]], [30.0, 20.0], atol=1e-3)
    _, table = ob.inject_sources(raw, stars, **how, zero_point=27.0)
    np.testing.assert_allclose(table["flux"], 1e4)
