"""``obverse inject`` and the catalogues of ``obverse simulate``, as a person types them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits
from astropy.table import Table
from astropy.wcs import WCS

import obverse as ob
from obverse.jobs import Stars
from obverse.jobs.scenes import psf_of, sources_of, steps_of, wcs_of, zero_point_of
from tests.use.test_command_line import run

PSF = ("--psf", "gaussian:2")


@pytest.fixture(scope="module")
def raw(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a ramp of faint sky, with its rate image and a catalogue beside it."""
    folder = tmp_path_factory.mktemp("field")
    path = folder / "raw.fits"
    assert run("simulate", "generic_h2rg", "--flat", 1, "--shape", "96x96", "-o", path)[0] == 0
    assert run("calibrate", path, "-o", folder)[0] == 0
    stars = Table({"row": [30.3, 60.0], "column": [40.7, 50.0], "flux": [500.0, 100.0]})
    stars["flux"].unit = "electron/s"
    stars.write(folder / "stars.ecsv")
    return path


@pytest.mark.parametrize("name", ["raw.fits", "raw_cal.fits"])
def test_sources_go_into_raw_and_calibrated_files(raw: Path, tmp_path: Path, name: str) -> None:
    file, out = raw.with_name(name), tmp_path / "new.fits"
    words = ("inject", file, raw.with_name("stars.ecsv"), *PSF, "-o", out)
    code, text, _ = run(*words)
    assert code == 0
    assert text.startswith("2 sources, 2 on the image, ")
    table = Table.read(tmp_path / "new_injected.ecsv")
    assert table["flux"].tolist() == [500.0, 100.0]
    new, old = ob.read(out), ob.read(file)
    more = (new.data.astype(float) - old.data).reshape(-1, 96, 96)[-1]
    where = np.unravel_index(np.nanargmax(more), more.shape)
    assert where == (30, 41)
    with fits.open(out) as units:
        assert units[0].header["INPUT"] == name
        assert units[0].header["SEED"] == "1"
    before = out.read_bytes()
    assert run(*words)[0] == 1  # never replaced unasked
    assert run(*words, "--overwrite")[0] == 0
    assert out.read_bytes() == before
    assert run("inject", file, raw.with_name("stars.ecsv"), *PSF, "-o", file, "--overwrite")[0] == 1  # nor the input


def test_a_grid_writes_stars_curves_and_a_picture(raw: Path, tmp_path: Path) -> None:
    words = ("inject", raw, "--grid", "--fluxes", "100:1000:2", "--per-flux", 4, *PSF, "-o", tmp_path / "g")
    code, text, _ = run(*words)
    assert code == 0
    assert "flux [electron/s]" in text
    assert "median off" in text
    assert "mean off" in text
    assert sorted(path.name for path in (tmp_path / "g").iterdir()) == ["curves.ecsv", "curves.png", "stars.ecsv"]
    stars = Table.read(tmp_path / "g" / "stars.ecsv")
    assert len(stars) == 8
    assert np.median(stars["recovered"] / stars["flux"]) == pytest.approx(1.0, abs=0.05)


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("-o", "x.fits", *PSF), "either a CATALOGUE or --grid"),
        (("stars.ecsv", "-o", "x.fits"), "light of a star"),
        (("stars.ecsv", "-o", "x.fits", "--psf", "gaus:2"), "neither one of gaussian:FWHM"),
        (("stars.ecsv", "-o", "x.fits", "--psf", "moffat:a"), "must look like moffat:FWHM,BETA"),
        (("stars.ecsv", "-o", "x.fits", "--psf", "moffat:2,3,4"), "must look like moffat:FWHM,BETA"),
        (("stars.ecsv", "-o", "x.fits", *PSF, "--level", "L2"), "is L1"),
        (("--grid", "-o", "g", *PSF, "--fluxes", "10:1"), "START:STOP:COUNT"),
        (("--grid", "-o", "g", *PSF, "--fluxes", "0:10:3"), "START:STOP:COUNT"),
        (("--grid", "-o", "g", *PSF), "either fluxes [electron/s] or magnitudes"),
        (("--grid", "-o", "g", *PSF, "--fluxes", "1:9:2", "--distances", "2,x"), "--distances 2,x: must look like"),
        (("--grid", "-o", "g", *PSF, "--fluxes", "1:9:2", "--distances", "nan"), "--distances nan: must look like"),
        (("--grid", "-o", "g", *PSF, "--fluxes", "1:9:nan"), "START:STOP:COUNT"),
        (("--grid", "-o", "g", *PSF, "--fluxes", "1:inf:3"), "START:STOP:COUNT"),
        (("--grid", "-o", "g", *PSF, "--fluxes", "1:9:2", "--distances", "2"), "distances need beside"),
        (("stars.ecsv", "-o", "x.fits", *PSF, "--fluxes", "1:9:2", "--sigma", 4), "--fluxes, --sigma: only --grid"),
        (("stars.ecsv", "-o", "x.fits", *PSF, "--set", "x"), "must look like KEY=VALUE"),
    ],
)
def test_a_wrong_call_is_one_line(
    raw: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: tuple[object, ...], says: str
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "stars.ecsv").write_bytes(raw.with_name("stars.ecsv").read_bytes())
    code, _, message = run("inject", raw, *words)
    assert code == 2
    assert says in message
    assert len(message.strip().splitlines()) == 1
    assert [path.name for path in tmp_path.iterdir()] == ["stars.ecsv"]  # not even an empty directory is left


@pytest.mark.parametrize(
    "words",
    [("--seed", -1), ("--spacing", -5), ("--spacing", "nan"), ("--sigma", "nan"), ("--sigma", 0)],
)
def test_numbers_that_make_no_sense_are_refused_at_the_door(
    raw: Path, tmp_path: Path, words: tuple[object, ...]
) -> None:
    code, _, message = run("inject", raw, "--grid", "--fluxes", "1:9:2", *PSF, *words, "-o", tmp_path / "g")
    assert code == 2
    assert f"Invalid value for '{words[0]}'" in message
    assert not (tmp_path / "g").exists()


def test_a_table_that_cannot_be_written_leaves_no_file(
    raw: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> bytes:
        raise ob.DataError("disk: output: no space left")

    monkeypatch.setattr("obverse.jobs.injecting.written", full)
    words = ("inject", raw, raw.with_name("stars.ecsv"), *PSF, "-o", tmp_path / "new" / "a.fits")
    assert run(*words)[0] == 1
    assert run("inject", raw, "--grid", "--fluxes", "100:200:2", "--per-flux", 2, *PSF, "-o", tmp_path / "g")[0] == 1
    assert list(tmp_path.iterdir()) == []


def test_files_are_read_as_calibrate_reads_them(raw: Path, tmp_path: Path) -> None:
    broken = tmp_path / "broken.fits"
    with fits.open(raw) as units:
        units[0].header["DATASUM"] = "1"
        units.writeto(broken)
    words = ("inject", broken, raw.with_name("stars.ecsv"), *PSF, "-o", tmp_path / "new.fits")
    code, _, message = run(*words)
    assert code == 1
    assert "--ignore-checksum" in message
    code, _, message = run(*words, "--ignore-checksum")
    assert code == 0
    assert "warning" in message


def test_magnitudes_are_those_of_the_detector_that_the_file_names(tmp_path: Path) -> None:
    stars = Table({"row": [30.0], "column": [20.0], "F158": [19.0]}, units={"F158": "mag(AB)"})
    stars.write(tmp_path / "stars.ecsv")
    how = (*PSF, "--band", "F158")
    raw = tmp_path / "a_uncal.asdf"
    assert run("simulate", "roman_wfi", tmp_path / "stars.ecsv", *how, "--shape", "64x64", "-o", raw)[0] == 0
    assert ob.read(raw).exposure.detector == "WFI/WFI01"
    assert run("inject", raw, tmp_path / "stars.ecsv", *how, "-o", tmp_path / "b_uncal.asdf")[0] == 0
    flux = Table.read(tmp_path / "b_uncal_injected.ecsv")["flux"][0]
    assert flux == pytest.approx(10 ** (0.4 * (26.323 - 19.0)))  # the mean detector has 26.377
    detector = ob.Detector.load("roman_wfi")
    sources = [sources_of(tmp_path / "stars.ecsv", Stars(band="F158"), detector, n) for n in ("WFI/WFI01", None)]
    assert sources[0].flux / sources[1].flux == pytest.approx(10 ** (0.4 * (26.323 - 26.377)), rel=1e-3)
    assert zero_point_of(Stars(band="F158"), "WFI/WFI18") == 26.457


def test_light_in_photons_takes_the_efficiency_of_the_pixels_that_have_one(tmp_path: Path) -> None:
    stars = Table({"row": [3.0], "column": [2.0], "flux": [100.0]}, units={"flux": "photon/s"})
    stars.write(tmp_path / "stars.ecsv")
    detector = ob.Detector.load("generic_h2rg").resized((32, 32))
    share = np.full((32, 32), 0.5, np.float32)
    share[3, 4] = np.nan
    uneven = detector.with_effect(detector.effect("quantum_efficiency").replace(efficiency=share))
    assert sources_of(tmp_path / "stars.ecsv", Stars(), uneven, None).flux == pytest.approx([50.0])


def test_a_catalogue_is_a_scene(raw: Path, tmp_path: Path) -> None:
    words = ("simulate", "generic_h2rg", raw.with_name("stars.ecsv"), "--shape", "96x96", "-o", tmp_path / "a.fits")
    assert run(*words, *PSF, "--sky", 2)[0] == 0
    assert run("calibrate", tmp_path / "a.fits", "-o", tmp_path)[0] == 0
    image = ob.read(tmp_path / "a_cal.fits")
    rate = np.where(image.unusable(), np.nan, image.data) * 0.8  # electrons of photons
    assert np.nanmedian(rate) == pytest.approx(2.0, rel=0.03)
    assert np.nansum(rate[20:41, 31:52] - 2.0) == pytest.approx(500.0, rel=0.03)
    code, _, message = run(*words, "--overwrite")
    assert code == 2
    assert "give the light of a star" in message
    code, _, message = run("simulate", "generic_h2rg", "--flat", 1, "--band", "F158", "-o", tmp_path / "b.fits")
    assert code == 2
    assert "are for a catalogue" in message


def test_a_catalogue_means_the_same_pixels_in_a_simulation_and_in_its_image(tmp_path: Path) -> None:
    stars = Table({"row": [30.0], "column": [20.0], "flux": [3000.0]}, units={"flux": "electron/s"})
    stars.write(tmp_path / "stars.ecsv")
    words = (
        "simulate",
        "roman_wfi",
        tmp_path / "stars.ecsv",
        *PSF,
        "--shape",
        "64x64",
        "-o",
        tmp_path / "a_uncal.asdf",
    )
    assert run(*words)[0] == 0
    assert run("calibrate", tmp_path / "a_uncal.asdf", "-o", tmp_path)[0] == 0
    image = ob.read(tmp_path / "a_cal.asdf")
    assert np.unravel_index(np.nanargmax(np.where(image.unusable(), 0, image.data)), image.shape) == (30, 20)


def test_a_catalogue_of_another_field_is_an_error_and_writes_nothing(raw: Path, tmp_path: Path) -> None:
    stars = Table({"row": [500.0], "column": [20.0], "flux": [3000.0]}, units={"flux": "electron/s"})
    stars.write(tmp_path / "far.ecsv")
    code, _, message = run("inject", raw, tmp_path / "far.ecsv", *PSF, "-o", tmp_path / "new.fits")
    assert code == 1
    assert "none of 1 source lies on the image" in message
    assert len(message.strip().splitlines()) == 1
    assert not (tmp_path / "new.fits").exists()


def test_a_star_may_be_an_image(tmp_path: Path) -> None:
    cells = np.zeros((12, 12))
    cells[4:8, 4:8] = 1.0
    fits.writeto(tmp_path / "psf.fits", cells, fits.Header({"DET_SAMP": 3}))
    assert psf_of(f"{tmp_path}/psf.fits:4").oversampling == 4
    assert psf_of(f"{tmp_path}/psf.fits").oversampling == 3
    assert psf_of("airy:2,0.3").cells.sum() == pytest.approx(1.0)


def test_coordinates_come_from_the_header_that_has_some(tmp_path: Path) -> None:
    made = WCS(naxis=2)
    made.wcs.ctype, made.wcs.crval, made.wcs.crpix = ["RA---TAN", "DEC--TAN"], [150.0, 2.0], [10.0, 20.0]
    made.wcs.cdelt = [-1e-4, 1e-4]
    units = [fits.PrimaryHDU(), fits.ImageHDU(np.zeros((4, 4)), made.to_header(), name="SCI")]
    fits.HDUList(units).writeto(tmp_path / "a.fits")
    for words in (tmp_path / "a.fits", f"{tmp_path}/a.fits:SCI", f"{tmp_path}/a.fits:1"):
        assert wcs_of(str(words)).world_to_pixel_values(150.0, 2.0) == pytest.approx((9.0, 19.0))
    with pytest.raises(ob.DataError, match="no header 'PRIMARY' with celestial coordinates"):
        wcs_of(f"{tmp_path}/a.fits:PRIMARY")


def test_steps_include_both_ends() -> None:
    np.testing.assert_allclose(steps_of("1:100:3", "--fluxes", logarithmic=True), [1.0, 10.0, 100.0])
    np.testing.assert_allclose(steps_of("28:20:5", "--magnitudes", logarithmic=False), [28.0, 26.0, 24.0, 22.0, 20.0])


def test_a_history_goes_from_exposure_to_exposure(tmp_path: Path) -> None:
    history = tmp_path / "before.fits"
    words = ("simulate", "roman_wfi", "--shape", "64x64", "--history", history)
    assert run(*words, "--flat", 2000, "--start", "2027-05-01T12:00:00", "-o", tmp_path / "a_uncal.asdf")[0] == 0
    earlier = history.read_bytes()
    dark = ("--flat", 0, "--start", "2027-05-01T12:05:00")
    assert run(*words, *dark, "-o", tmp_path / "b_uncal.asdf")[0] == 0
    assert history.read_bytes() != earlier
    (tmp_path / "kept.fits").write_bytes(earlier)
    rates = []
    for name, more in (("plain", ()), ("traced", ("--history", tmp_path / "kept.fits"))):
        assert run("calibrate", tmp_path / "b_uncal.asdf", *more, "-o", tmp_path / name)[0] == 0
        rates.append(float(np.nanmedian(ob.read(tmp_path / name / "b_cal.asdf").data)))
    # 1e5 electrons 275 s ago: 0.017 (1e5 / 6e4)^0.045 (0.275)^-1 / (1 + exp(-0.8)) = 0.0436 electron/s, 2 to a DN
    assert rates[0] - rates[1] == pytest.approx(0.0218, rel=0.05)
    code, _, message = run(*words, "--flat", 0, "-o", tmp_path / "c_uncal.asdf")
    assert code == 2
    assert "has no start" in message


def test_a_history_that_fails_keeps_the_old_one(tmp_path: Path) -> None:
    history = tmp_path / "before.fits"
    words = ("simulate", "roman_wfi", "--shape", "64x64", "--flat", 0, "--history", history)
    assert run(*words, "--start", "2027-05-01T12:00:00", "-o", tmp_path / "a.fits")[0] == 0
    before = history.read_bytes()
    assert run(*words, "--start", "2027-05-01T13:00:00", "-o", tmp_path / "a.fits")[0] == 1  # there already
    assert history.read_bytes() == before


def test_bad_rows_are_a_line_and_the_good_ones_are_used(tmp_path: Path, raw: Path) -> None:
    stars = Table.read(raw.with_name("stars.ecsv"))
    stars["flux"][1] = np.nan
    stars.write(tmp_path / "stars.ecsv")
    code, text, message = run("inject", raw, tmp_path / "stars.ecsv", *PSF, "-o", tmp_path / "new.fits")
    assert code == 0
    assert text.startswith("1 source, 1 on the image")
    assert [line for line in message.splitlines() if line.startswith("obverse: warning: ")]
    assert "Warning:" not in message
    Table(stars["row", "column"]).write(tmp_path / "none.ecsv")
    code, _, message = run("inject", raw, tmp_path / "none.ecsv", *PSF, "-o", tmp_path / "b.fits")
    assert code in (1, 2)
    assert "flux" in message
    assert len(message.strip().splitlines()) == 1
    assert not (tmp_path / "b.fits").exists()


def test_magnitudes_take_the_zero_point_of_the_band_or_the_one_given(raw: Path, tmp_path: Path) -> None:
    words = ("inject", raw, "--grid", "--per-flux", 2, *PSF, "--magnitudes", "18:20:2")
    assert run(*words, "--band", "F158", "-o", tmp_path / "a")[0] == 0
    assert run(*words, "--zero-point", 25.0, "-o", tmp_path / "b")[0] == 0
    given = Table.read(tmp_path / "b" / "stars.ecsv")["flux"]
    np.testing.assert_allclose(sorted(set(given)), [10**2.0, 10**2.8])  # 25 is 1 electron/s
    band = Table.read(tmp_path / "a" / "stars.ecsv")["flux"]
    assert 3 < band.max() / given.max() < 4  # 26.38: the mean of the detectors of Roman
    assert run(*words, "-o", tmp_path / "c")[0] == 2
