"""A campaign of darks on the command line: simulated, measured, looked at, and used."""

import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

import obverse as ob
from obverse import cli, io
from obverse.darks import NoiseMaps
from obverse.darks.budget import error_budget
from obverse.darks.report import hot_pixels, map_rows, stack_rows
from obverse.jobs import measuring_darks

SMALL = ob.Geometry((106, 107), prescan=108, overscan=5, parallel_overscan=14, shielded=(2, 0, 0, 2))
HOT = (50, 40)
"""A hot pixel, in rows and columns of the sensor."""

CAMPAIGN = ("--em-gain", "2,100,1000,5000", "--time", "2,30,100", "--count", 5)
STACKS = 12


def run(*words: object) -> tuple[int, str, str]:
    """Run the command line in this process: exit code, standard output, standard error."""
    code = 0
    with CliRunner().isolation() as streams:
        try:
            cli.main([str(word) for word in words])
        except SystemExit as end:
            code = int(end.code or 0)
        return code, streams[0].getvalue().decode(), streams[1].getvalue().decode()


def true_detector() -> ob.Detector:
    """Return a small camera whose prescan is truly dark, so that no bias of the bias hides in the maps."""
    rng = np.random.Generator(np.random.Philox(7))
    dark = np.full(SMALL.shape, 8.33e-4)
    dark[HOT] = 0.5
    changed = {
        "fixed_pattern": {"pattern": 21.0 + 5.0 * rng.standard_normal(SMALL.shape)},
        "dark_current": {"rate": dark},
        "clock_induced_charge": {"level": 0.0, "parallel": 0.02},
        "em_gain": {"partial": 0.0},
        "cosmic_rays": {"flux": 0.0},
        "bias_drift": {"settle": 20, "width": 80},
    }
    truth = ob.Detector.load("corgi_excam").replace(geometry=SMALL, modes=())
    for name, values in changed.items():
        truth = truth.with_effect(truth.effect(name).replace(**values))
    return truth


def nominal_detector() -> ob.Detector:
    """Return what is known before the darks: no maps."""
    known = true_detector()
    for name, values in {"fixed_pattern": {"pattern": 0.0}, "dark_current": {"rate": 0.001}}.items():
        known = known.with_effect(known.effect(name).replace(**values))
    return known.with_effect(known.effect("em_gain").replace(partial=0.025))  # the maps must take its place


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with truth.toml, nominal.toml, the campaign in darks/ and a frame cut short, cut_l1_.fits.

    What was measured from both, without the bad frame, is in belief/, and what was said of it in told.txt, warned.txt.
    """
    made = tmp_path_factory.mktemp("darks")
    true_detector().save(made / "truth.toml")
    nominal_detector().save(made / "nominal.toml")
    assert run("simulate", made / "truth.toml", "--kind", "dark", *CAMPAIGN, "-o", made / "darks")[0] == 0
    whole = (made / "darks" / "dark_g100_t30_0001_l1_.fits").read_bytes()
    (made / "cut_l1_.fits").write_bytes(whole[: len(whole) // 2])
    both = (made / "darks", made / "cut_l1_.fits")
    code, text, message = measure(made, made / "belief", "--skip-bad", stacks=both)
    assert code == 0
    (made / "told.txt").write_text(text)
    (made / "warned.txt").write_text(message)
    return made


@pytest.fixture(scope="module")
def maps(folder: Path) -> NoiseMaps:
    """Return the maps as the file has them."""
    return io.read_noise_maps(folder / "belief" / "corgi_excam_dnm_cal.fits")


def measure(folder: Path, out: Path, *words: object, stacks: tuple[Path, ...] = ()) -> tuple[int, str, str]:
    """Measure the darks of a folder, or others."""
    given = stacks or (folder / "darks",)
    return run("measure", "darks", *given, "--detector", folder / "nominal.toml", "-o", out, *words)


def in_sensor(maps: NoiseMaps, plane: np.ndarray) -> np.ndarray:
    """Return the rows and columns of the sensor of a plane in the layout of the file."""
    assert maps.geometry is not None
    rows, columns = SMALL.shape
    return np.asarray(plane)[maps.geometry.in_file("sensor")].reshape(rows, columns)


def level(values: np.ndarray) -> tuple[float, float]:
    """Return a mean and its error; rows share the noise of their prescan, so that only they are independent."""
    rows = values.mean(axis=1)
    return float(rows.mean()), float(rows.std(ddof=1) / np.sqrt(len(rows)))


@pytest.mark.parametrize(
    ("name", "effect", "parameter"),
    [
        ("fpn", "fixed_pattern", "pattern"),
        ("cic", "clock_induced_charge", "parallel"),
        ("dark_current", "dark_current", "rate"),
    ],
)
def test_a_campaign_gives_the_true_levels_back(maps: NoiseMaps, name: str, effect: str, parameter: str) -> None:
    truth = np.broadcast_to(getattr(true_detector().effect(effect), parameter), SMALL.shape)
    off = in_sensor(maps, getattr(maps.unclipped, name)) - truth
    off[HOT] = 0.0
    mean, error = level(off)
    assert abs(mean) < 5.0 * error
    # and the errors are those of the pixels: the robust scatter of C and D is less, for their long tails
    pull = off / in_sensor(maps, getattr(maps, f"{name}_error"))
    assert pull.std() == pytest.approx(1.0, abs=0.15)


def test_a_frame_calibrated_with_the_belief_is_empty(folder: Path, tmp_path: Path) -> None:
    raw = [folder / "darks" / f"dark_g1000_t100_000{i}_l1_.fits" for i in (1, 2, 3)]
    belief = folder / "belief" / "corgi_excam-measured.toml"
    code, _, message = run("calibrate", *raw, "--detector", belief, "-o", tmp_path)
    assert (code, message) == (0, "")
    images = [io.read(path) for path in sorted(tmp_path.glob("*.fits"))]
    mean, error = level(np.mean([image.data for image in images], axis=0))
    assert abs(mean) < 5.0 * error
    # what the stages made of nothing is in C: subtracted twice, it would show
    assert error < 0.02 / 5.0
    shared = {image.shared["dark"] for image in images}
    assert len(shared) == 1


def test_light_comes_back_through_the_belief(folder: Path, tmp_path: Path) -> None:
    words = ("--flat", 1.0, "--time", 30, "--em-gain", 1000, "--id", "sky")
    assert run("simulate", folder / "truth.toml", *words, "-o", tmp_path / "sky_l1_.fits")[0] == 0
    belief = folder / "belief" / "corgi_excam-measured.toml"
    assert run("calibrate", tmp_path / "sky_l1_.fits", "--detector", belief, "-o", tmp_path / "out")[0] == 0
    (product,) = (tmp_path / "out").iterdir()
    image = io.read(product)
    good = ~image.unusable()
    # 30 electrons behind an efficiency of 0.9; the excess noise makes them scatter as 60 would
    error = np.sqrt(60.0 / good.sum()) / 0.9
    assert image.data[good].mean() == pytest.approx(30.0 / 0.9, abs=5.0 * error)


def test_the_terminal_tells_the_maps_the_stacks_and_the_files(folder: Path, maps: NoiseMaps) -> None:
    text = (folder / "told.txt").read_text()
    for row in map_rows(maps):
        assert all(cell in text for cell in row)
    assert len(re.findall(r"^ +(?:2|30|100) +\d+ +5 ", text, flags=re.MULTILINE)) == STACKS
    assert "bias offset: " in text
    assert re.search(r"read noise of a frame: 16\d\.?\d* electron", text)
    for name in ("corgi_excam-measured.toml", "corgi_excam_dnm_cal.fits", "report.html"):
        assert str(folder / "belief" / name) in text
    assert sorted(path.name for path in (folder / "belief").iterdir()) == [
        "corgi_excam-measured.maps.fits",
        "corgi_excam-measured.toml",
        "corgi_excam_dnm_cal.fits",
        "report.html",
    ]


def test_the_belief_holds_the_maps_and_their_covariance(folder: Path, maps: NoiseMaps) -> None:
    belief = ob.Detector.load(folder / "belief" / "corgi_excam-measured.toml")
    np.testing.assert_array_equal(belief.effect("dark_current").rate, in_sensor(maps, maps.unclipped.dark_current))
    (block,) = belief.covariance
    np.testing.assert_allclose(block.error("clock_induced_charge.level"), in_sensor(maps, maps.cic_error), rtol=1e-5)


def test_the_report_holds_what_was_measured(folder: Path, maps: NoiseMaps) -> None:
    page = (folder / "belief" / "report.html").read_text()
    belief = ob.Detector.load(folder / "belief" / "corgi_excam-measured.toml")
    assert page.count("<img ") == 7
    assert "<script" not in page
    assert 'src="http' not in page
    for row in (*map_rows(maps), *stack_rows(maps)):
        assert "".join(f"<td>{cell}</td>" for cell in row) in page
    (pixel,) = hot_pixels(maps)
    assert (pixel.row, pixel.column) == HOT  # as in the calibrated image
    assert f"<td>{pixel.row}</td><td>{pixel.column}</td><td>{pixel.dark_current:.4g}</td>" in page
    assert f"belief {belief.digest()[:16]}; weighting gls; " in page
    assert f"Maps: {maps.digest()[:16]}" in page


def test_the_report_says_how_many_more_darks_are_worth_taking(folder: Path, maps: NoiseMaps) -> None:
    page = (folder / "belief" / "report.html").read_text()
    worth = maps.worth(5000.0, 100.0, 100)
    more = np.ceil(worth.frames_for(0.1) - worth.frames[0])
    assert more > 0
    row = re.search(r"<td>100</td>(.*?)</tr>", page.split("How many more darks")[1])
    assert row is not None
    assert row[1].endswith(f"<td>{more:,.0f}</td>")
    # that many more do it
    enough = maps.worth(5000.0, 100.0, 100, more=more / maps.n_frames)
    assert 1.0 - enough.irreducible[-1] == pytest.approx(0.1, rel=1e-3)


def test_the_error_budget_is_that_of_the_synthesized_dark() -> None:
    rng = np.random.default_rng(2)
    root = rng.normal(size=(3, 3, 5, 7))
    covariance = np.einsum("ikrc,jkrc->ijrc", root, root)
    errors = np.sqrt(covariance[[0, 1, 2], [0, 1, 2]])
    cross = covariance[[0, 0, 1], [1, 2, 2]]
    flat = np.ones((5, 7))
    maps = NoiseMaps(flat, flat, flat, *errors, cross=cross)
    made = error_budget(maps, [2.0, 500.0], [3.0, 100.0])
    for i, (g, t) in enumerate(((2.0, 3.0), (500.0, 100.0))):
        assert made.total[i] == pytest.approx(np.sqrt(np.median(maps.variance_of((1.0 / g, 1.0, t)))))
        assert made.dark_current[i] == pytest.approx(t * np.median(errors[2]))


def test_a_bad_frame_is_named_and_nothing_is_written(folder: Path, tmp_path: Path) -> None:
    code, text, message = measure(folder, tmp_path / "out", stacks=(folder / "darks", folder / "cut_l1_.fits"))
    assert (code, text) == (1, "")
    assert len(message.strip().splitlines()) == 1
    assert "cut_l1_.fits" in message
    assert not (tmp_path / "out").exists()


def test_a_bad_frame_is_left_out_where_that_is_asked_for(folder: Path) -> None:
    (warning,) = (folder / "warned.txt").read_text().strip().splitlines()
    assert warning.startswith("obverse: warning: ")
    assert "cut_l1_.fits" in warning
    told = (folder / "told.txt").read_text()
    assert "left out: " in told
    page = (folder / "belief" / "report.html").read_text()
    assert re.search("Left out: .*cut_l1_.fits", page)
    assert f"{5 * STACKS} files read, 1 left out" in page
    # and the others tell what they tell without it
    code, text, message = run("measure", "darks", folder / "darks", "--detector", folder / "nominal.toml")
    assert (code, message) == (0, "")
    assert text == told.partition("left out: ")[0]


def test_a_frame_of_another_size_is_named(folder: Path, tmp_path: Path) -> None:
    odd = tmp_path / "odd_l1_.fits"
    other = tmp_path / "other.toml"
    geometry = ob.Geometry((90, 107), prescan=108, overscan=5, parallel_overscan=14, shielded=(2, 0, 0, 2))
    ob.Detector.load("corgi_excam").replace(geometry=geometry, modes=()).save(other)
    assert run("simulate", other, "--kind", "dark", "--time", 2, "--em-gain", 2, "-o", odd)[0] == 0
    code, _, message = measure(folder, tmp_path / "out", stacks=(folder / "darks", odd))
    assert code == 1
    assert "odd_l1_.fits" in message
    assert "(104, 220)" in message
    assert not (tmp_path / "out").exists()


def test_a_frame_of_another_mode_is_named(folder: Path, tmp_path: Path) -> None:
    true_detector().replace(mode="ENG").save(tmp_path / "eng.toml")
    odd = tmp_path / "odd_l1_.fits"
    assert run("simulate", tmp_path / "eng.toml", "--kind", "dark", "--time", 2, "--em-gain", 2, "-o", odd)[0] == 0
    code, _, message = measure(folder, tmp_path / "out", stacks=(folder / "darks", odd))
    assert code == 1
    assert "odd_l1_.fits: mode ENG, the others are of mode SCI" in message


def test_frames_that_are_no_darks_are_told(folder: Path, tmp_path: Path) -> None:
    flat = tmp_path / "flat_l1_.fits"
    words = ("--kind", "flat", "--flat", 0.0, "--time", 2, "--em-gain", 2, "-o", flat)
    assert run("simulate", folder / "truth.toml", *words)[0] == 0
    code, _, message = run("measure", "darks", folder / "darks", flat, "--detector", folder / "nominal.toml")
    assert code == 0
    assert "not all frames say that they are darks (1 flat)" in message


def test_a_detector_without_a_place_for_the_maps_is_told_before_any_frame_is_fitted(folder: Path) -> None:
    paths = sorted((folder / "darks").iterdir())
    bare = nominal_detector().without("fixed_pattern")
    bare.save(folder / "bare.toml")
    seen: list[str] = []
    with pytest.raises(ob.UsageError, match="has no fixed_pattern"):
        measuring_darks.measure_darks(paths, None, detector=folder / "bare.toml", progress=seen.append)
    assert not seen


def test_a_frame_that_must_not_be_used_is_left_out_where_that_is_asked_for(folder: Path, tmp_path: Path) -> None:
    until = nominal_detector().recipe().until("gain")
    done = until.run(io.read(folder / "darks" / "dark_g100_t30_0001_l1_.fits"))
    odd = tmp_path / "odd.fits"
    io.write(done.replace(undone=(*done.undone, "smear")), odd)
    code, _, message = measure(folder, tmp_path / "out", stacks=(folder / "darks", odd))
    assert (code, len(message.strip().splitlines())) == (2, 1)
    assert re.search(r"odd\.fits: .*desmeared", message)
    words = ("measure", "darks", folder / "darks", odd, "--detector", folder / "nominal.toml", "--skip-bad")
    code, text, message = run(*words)
    assert code == 0
    assert re.search(r"odd\.fits: .*desmeared.*left out", message)
    assert "odd.fits" in text.partition("left out: ")[2]


def test_keywords_and_checksums_are_passed_over_on_request(folder: Path, tmp_path: Path) -> None:
    """A unit that files do not say is given by hand; wrong checksums are told, and the frames are read."""
    for path in (folder / "darks").iterdir():
        io.write_fits(tmp_path / path.name, io.open_fits(path))  # with checksums, which the pipeline's files lack
        raw = (tmp_path / path.name).read_bytes()
        assert raw.count(b"BUNIT   =") == 1
        (tmp_path / path.name).write_bytes(raw.replace(b"BUNIT   =", b"BUNIX   ="))
    words = ("measure", "darks", tmp_path, "--detector", folder / "nominal.toml")
    code, _, message = run(*words, "--set", "BUNIT=DN")
    assert code == 1
    assert "CHECKSUM" in message
    code, _, message = run(*words, "--ignore-checksum")
    assert code == 1
    assert "BUNIT" in message
    code, text, message = run(*words, "--set", "BUNIT=DN", "--ignore-checksum")
    assert code == 0
    assert "CHECKSUM" in message
    assert text == (folder / "told.txt").read_text().partition("left out: ")[0]


def test_files_say_their_detector_where_nobody_else_does(folder: Path, tmp_path: Path) -> None:
    code, _, message = run("measure", "darks", folder / "darks", "-o", tmp_path / "out")
    assert code == 1
    assert "'corgi_excam'" in message
    assert "(1200, 2200)" in message  # the small frames are none of the flight camera's


def test_calibrated_frames_give_the_maps_of_the_raw_ones(folder: Path, tmp_path: Path) -> None:
    until = nominal_detector().recipe().until("gain")
    for path in (folder / "darks").iterdir():
        done = until.run(io.read(path))
        flags = None if done.flags is None else SMALL.unclock(done.flags)
        plane = done.replace(data=SMALL.unclock(done.data), axes=("row", "column"), flags=flags)
        io.write(plane, tmp_path / path.name.replace("_l1_", "_l2a"))
    code, text, message = run("measure", "darks", tmp_path, "--detector", folder / "nominal.toml")
    assert (code, message) == (0, "")
    assert text == (folder / "told.txt").read_text().partition("left out: ")[0]


def test_other_weights_replace_products_only_when_they_may(folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    (out / "report.html").write_text("mine")
    words = ("--weighting", "none")
    code, text, message = measure(folder, out, *words)
    assert (code, text) == (1, "")
    assert "report.html" in message
    assert [path.name for path in out.iterdir()] == ["report.html"]
    assert measure(folder, out, *words, "--overwrite")[0] == 0
    page = (out / "report.html").read_text()
    assert page.count("<img ") == 6  # without the noise of the stacks there is no chi-square
    assert "weighting none" in page
    assert "nan" not in re.sub(r"base64,[^\"]*", "", page)


def test_too_few_stacks_are_one_line_and_exit_code_2(folder: Path, tmp_path: Path) -> None:
    one_gain = tuple(sorted((folder / "darks").glob("dark_g100_*")))
    code, _, message = measure(folder, tmp_path / "out", stacks=one_gain)
    assert code == 2
    assert "3 stacks" in message
    empty = tmp_path / "empty"
    empty.mkdir()
    code, _, message = measure(folder, tmp_path / "out", stacks=(empty,))
    assert code == 2
    assert "holds no FITS file" in message
    assert not (tmp_path / "out").exists()


def test_help_of_the_verb_answers_without_numpy() -> None:
    code = (
        "import sys; from obverse.cli import main; main(['measure', 'darks', '-h']); sys.exit('numpy' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0
    assert "  obverse measure darks " in done.stdout
