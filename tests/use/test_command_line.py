"""The verbs, as a person types them: what they print, write, and how they end."""

import subprocess
import sys
import tomllib
import warnings
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits
from click.testing import CliRunner

import obverse as ob
from obverse import cli


def run(*words: object) -> tuple[int, str, str]:
    """Run the command line in this process: exit code, standard output, standard error."""
    runner = CliRunner()
    code = 0
    with runner.isolation() as streams:
        try:
            cli.main([str(word) for word in words])
        except SystemExit as end:
            code = int(end.code or 0)
        return code, streams[0].getvalue().decode(), streams[1].getvalue().decode()


@pytest.fixture(scope="module")
def night(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with biases, flats and a science frame of a small CCD."""
    folder = tmp_path_factory.mktemp("night")
    shots = {"bias1": (0, 0, "bias"), "bias2": (0, 0, "bias"), "flat1": (900, 20, "flat"), "flat2": (900, 20, "flat")}
    for name, (light, seconds, kind) in {**shots, "star": (50, 10, "science")}.items():
        words = (
            "--flat",
            light,
            "--time",
            seconds,
            "--kind",
            kind,
            "--shape",
            "256x256",
            "-o",
            folder / f"{name}.fits",
        )
        assert run("simulate", "generic_ccd", *words)[0] == 0
    return folder


@pytest.fixture(scope="module")
def small(night: Path) -> Path:
    """Return the detector file of that CCD."""
    path = night / "small.toml"
    ob.Detector.load("generic_ccd").resized((256, 256)).save(path)
    return path


def test_help_answers_without_loading_numpy() -> None:
    code = "import sys; from obverse.cli import main; main(['--help']); sys.exit('numpy' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0
    for verb in ("demo", "simulate", "calibrate", "measure", "inject", "validate", "show"):
        assert verb in done.stdout


@pytest.mark.parametrize("verb", ["demo", "simulate", "calibrate", "measure", "inject", "validate", "show"])
def test_every_verb_has_an_example_in_its_help(verb: str) -> None:
    code, text, _ = run(verb, "--help")
    assert code == 0
    assert f"  obverse {verb} " in text


def test_simulate_measure_calibrate_gives_the_light_back(night: Path, small: Path, tmp_path: Path) -> None:
    biases, flats = [night / f"bias{i}.fits" for i in (1, 2)], [night / f"flat{i}.fits" for i in (1, 2)]
    code, text, _ = run("measure", "gain", *biases, *flats, "--detector", small, "-o", tmp_path)
    assert code == 0
    assert "gain.gain" in text
    belief = tmp_path / "generic_ccd-measured.toml"
    code, text, _ = run("calibrate", night / "star.fits", "--detector", belief, "-o", tmp_path)
    assert (code, text.strip()) == (0, str(tmp_path / "star_cal.fits"))
    image = ob.read(tmp_path / "star_cal.fits")
    assert image.unit == "photon"
    # 256^2 pixels of 500 electrons: the mean is good to 0.02 %, the measured gain to 1 %
    assert image.data.mean() == pytest.approx(500.0 / 0.9, rel=0.03)
    assert image.error is not None


def test_files_say_what_they_are_or_the_message_says_how_to(night: Path, small: Path) -> None:
    code, _, message = run("measure", "gain", night / "star.fits", "--detector", small)
    assert code == 2
    assert "star.fits" in message
    assert "--flat" in message
    assert len(message.strip().splitlines()) == 1


@pytest.mark.parametrize("words", [("--flat", "flat1"), ("--flat", "flat1", "--flat", "flat2"), ("--bias", "bias1")])
def test_too_few_exposures_measure_nothing_and_write_nothing(
    night: Path, small: Path, tmp_path: Path, words: tuple[str, ...]
) -> None:
    paths = [word if word.startswith("--") else night / f"{word}.fits" for word in words]
    code, _, message = run("measure", "gain", *paths, "--detector", small, "-o", tmp_path)
    assert code == 2
    assert "two flats and two bias" in message
    assert list(tmp_path.iterdir()) == []


def test_a_bad_file_fails_alone_with_one_line(night: Path, small: Path, tmp_path: Path) -> None:
    cut = tmp_path / "cut.fits"
    cut.write_bytes((night / "star.fits").read_bytes()[:-4000])
    code, text, message = run("calibrate", cut, night / "star.fits", "--detector", small, "-o", tmp_path / "out")
    assert code == 1
    assert text.strip().endswith("star_cal.fits")
    assert [line for line in message.splitlines() if "cut.fits" in line]
    assert "Traceback" not in message
    assert sorted(p.name for p in (tmp_path / "out").iterdir()) == ["star_cal.fits"]


def test_products_are_never_replaced_unasked(night: Path, small: Path, tmp_path: Path) -> None:
    words = ("calibrate", night / "star.fits", "--detector", small, "-o", tmp_path)
    assert run(*words)[0] == 0
    before = (tmp_path / "star_cal.fits").read_bytes()
    code, _, message = run(*words)
    assert code == 1
    assert "exists" in message
    assert run(*words, "--overwrite")[0] == 0
    assert (tmp_path / "star_cal.fits").read_bytes() == before  # the same bytes: no timestamps


def test_a_product_is_not_taken_for_a_raw_file(night: Path, small: Path, tmp_path: Path) -> None:
    run("calibrate", night / "star.fits", "--detector", small, "-o", tmp_path)
    code, _, message = run("calibrate", tmp_path / "star_cal.fits", "--detector", small, "-o", tmp_path)
    assert code == 1
    assert "calibrated already" in message


def test_two_files_of_one_name_are_refused_before_any_work(night: Path, tmp_path: Path) -> None:
    twin = tmp_path / "STAR.fits"
    twin.write_bytes((night / "star.fits").read_bytes())
    code, _, message = run("calibrate", night / "star.fits", twin, "--detector", "generic_ccd", "-o", tmp_path / "out")
    assert code == 2
    assert "star_cal.fits" in message.lower()
    assert not (tmp_path / "out").exists()


def test_a_frame_of_another_size_is_refused(night: Path, tmp_path: Path) -> None:
    code, _, message = run("calibrate", night / "star.fits", "--detector", "esis", "-o", tmp_path)
    assert code == 1
    assert "(256, 320)" in message
    assert "(1040, 2152)" in message


@pytest.mark.parametrize(
    ("words", "hint"),
    [
        (("show", "generic_cdc"), "generic_ccd"),
        (("simulate", "generic_ccd", "-o", "x.fits"), "--flat"),
        (("simulate", "generic_ccd", "--flat", "1", "-o", "x.fits"), "exposure_time"),
        (("calibrate", "a.fits", "-o", ".", "--set", "GAIN", "--detector", "esis"), "KEY=VALUE"),
        (("simulate", "generic_ccd", "--flat", "1", "--shape", "64", "-o", "x.fits"), "64x64"),
        (("measure", "noise", "--detector", "esis"), "gain"),
        (
            ("simulate", "generic_ccd", "--flat", "1", "--time", "1", "--kind", "drak", "-o", "x.fits"),
            "'bias', 'dark', 'flat', 'ramps', 'science'",
        ),
    ],
)
def test_a_wrong_call_is_one_line_and_exit_code_2(words: tuple[str, ...], hint: str) -> None:
    code, _, message = run(*words)
    assert code == 2
    assert hint in message
    assert "Traceback" not in message


def test_a_run_that_fails_leaves_no_empty_directory(night: Path, tmp_path: Path) -> None:
    words = ("calibrate", night / "star.fits", "--detector", "esis", "-o")
    assert run(*words, tmp_path / "a" / "b")[0] == 1
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "mine").mkdir()
    assert run(*words, tmp_path / "mine")[0] == 1
    assert (tmp_path / "mine").exists()  # what was there stays


def test_a_detector_of_the_wrong_kind_is_refused_with_those_of_the_right_one(night: Path, tmp_path: Path) -> None:
    run("simulate", "generic_h2rg", "--flat", 5, "--shape", "64x64", "-o", tmp_path / "ramp.fits")
    code, _, message = run("calibrate", tmp_path / "ramp.fits", "--detector", "generic_ccd", "-o", tmp_path)
    assert code == 1
    assert "holds a ramp" in message
    assert "--detector generic_h2rg|" in message
    assert "esis" not in message
    code, _, message = run("calibrate", night / "star.fits", "--detector", "generic_h2rg", "-o", tmp_path)
    assert code == 1
    assert "holds a single read" in message
    assert "--detector corgi_excam|esis|generic_ccd" in message


def test_options_of_ramps_are_refused_by_name_where_there_are_none(night: Path, small: Path, tmp_path: Path) -> None:
    words = ("calibrate", night / "star.fits", "--detector", small, "-o", tmp_path / "out")
    code, _, message = run(*words, "--save-opt", "--estimator", "ols", "--no-suppress-one-group")
    assert code == 1
    assert "--estimator, --save-opt, --no-suppress-one-group" in message


def test_show_tells_steps_done_before_from_steps_done_here(night: Path, small: Path, tmp_path: Path) -> None:
    first = ("calibrate", night / "star.fits", "--detector", small, "--until", "bias", "-o", tmp_path / "a")
    assert run(*first)[0] == 0
    _, text, _ = run("show", tmp_path / "a" / "star_cal.fits")
    assert "  undone here: adc" in text
    assert "undone before" not in text
    assert run("calibrate", tmp_path / "a" / "star_cal.fits", "--detector", small, "-o", tmp_path / "b")[0] == 0
    _, again, _ = run("show", tmp_path / "b" / "star_cal.fits")
    done = next(line for line in text.splitlines() if "undone" in line).partition(": ")[2]
    assert f"  undone before: {done}\n  undone here: " in again
    assert "gain" in again.partition("undone here: ")[2].splitlines()[0]


def test_warnings_are_lines_and_strict_makes_them_an_exit_code(tmp_path: Path) -> None:
    padded = tmp_path / "padded.fits"
    run("simulate", "generic_h2rg", "--flat", 5, "--shape", "64x64", "-o", padded)
    with padded.open("ab") as file:
        file.write(b"\0" * 100)  # junk behind the last unit
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # nothing may leak past the command line
        code, _, message = run("calibrate", padded, "-o", tmp_path / "a")
        assert code == 0
        assert "warning" in message
        assert run("calibrate", padded, "-o", tmp_path / "b", "--strict")[0] == 3


def test_the_recipe_stops_where_asked(night: Path, small: Path, tmp_path: Path) -> None:
    assert run("calibrate", night / "star.fits", "--detector", small, "--until", "gain", "-o", tmp_path)[0] == 0
    assert ob.read(tmp_path / "star_cal.fits").undone[-1] == "gain"
    code, _, message = run(
        "calibrate", night / "star.fits", "--detector", small, "--until", "gian", "-o", tmp_path / "b"
    )
    assert code == 1
    assert "'gain'" in message


def test_workers_change_nothing(night: Path, small: Path, tmp_path: Path) -> None:
    made = []
    for workers in (1, 2, 7):
        out = tmp_path / str(workers)
        run("calibrate", night / "star.fits", "--detector", small, "--workers", workers, "-o", out)
        made.append((out / "star_cal.fits").read_bytes())
    assert made[0] == made[1] == made[2]


def test_a_ramp_names_its_detector_and_needs_no_option(tmp_path: Path) -> None:
    raw = tmp_path / "ramp.fits"
    assert run("simulate", "generic_h2rg", "--flat", 50, "--shape", "64x64", "-o", raw)[0] == 0
    code, _, message = run("calibrate", raw, "-o", tmp_path)
    assert (code, message) == (0, "")
    assert np.nanmedian(ob.read(tmp_path / "ramp_cal.fits").data) == pytest.approx(50.0 / 0.8, rel=0.02)


def test_a_scene_file_is_light(tmp_path: Path) -> None:
    light = np.full((64, 64), 3.0, "f4")
    light[30, 40] = 300.0
    scene = tmp_path / "scene.fits"
    ob.write(ob.Frame(light, "photon/s"), scene)
    assert run("simulate", "generic_h2rg", scene, "--shape", "64x64", "-o", tmp_path / "raw.fits")[0] == 0
    assert run("calibrate", tmp_path / "raw.fits", "-o", tmp_path)[0] == 0
    rate = ob.read(tmp_path / "raw_cal.fits").data
    assert np.unravel_index(np.nanargmax(rate), rate.shape) == (30, 40)


def test_show_tells_chain_recipe_and_files(night: Path) -> None:
    _, text, _ = run("show", "generic_h2rg")
    assert text.index("quantum_efficiency") < text.index("interpixel_capacitance") < text.index("adc")
    assert "recipe: adc -> saturation" in text
    _, text, _ = run("show", night / "star.fits")
    assert "uint16" in text
    assert "undone: nothing" in text


def test_products_open_in_astropy_with_valid_checksums(night: Path, small: Path, tmp_path: Path) -> None:
    run("calibrate", night / "star.fits", "--detector", small, "-o", tmp_path)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with fits.open(tmp_path / "star_cal.fits", checksum=True) as units:
            assert units["SCI"].header["BUNIT"] == "photon"
            assert units[0].header["DETNAME"] == "generic_ccd"
            assert len(units[0].header["INSHA"]) == 64


def test_a_belief_on_disk_is_the_belief_in_memory(night: Path, small: Path, tmp_path: Path) -> None:
    frames = {kind: [ob.read(night / f"{kind}{i}.fits") for i in (1, 2)] for kind in ("bias", "flat")}
    belief = ob.Detector.load(small).measured(**frames)
    belief.save(tmp_path / "belief.toml")
    assert ob.Detector.load(tmp_path / "belief.toml") == belief
    table = tomllib.loads((tmp_path / "belief.toml").read_text())
    assert table["effects"]["flat"]["response"]["file"] == "belief.maps.fits"
    with pytest.raises(ob.UsageError, match="save"):
        belief.to_toml()


def test_a_map_that_was_changed_on_disk_is_noticed(night: Path, small: Path, tmp_path: Path) -> None:
    frames = {kind: [ob.read(night / f"{kind}{i}.fits") for i in (1, 2)] for kind in ("bias", "flat")}
    ob.Detector.load(small).measured(**frames).save(tmp_path / "a.toml")
    ob.Detector.load(small).measured(bias=frames["bias"], flat=frames["flat"][::-1]).save(tmp_path / "b.toml")
    other = ob.Detector.load(tmp_path / "b.toml")
    changed = other.with_effect(other.effect("flat").replace(response=np.asarray(other.effect("flat").response) * 1.01))
    changed.save(tmp_path / "c.toml")
    (tmp_path / "a.maps.fits").write_bytes((tmp_path / "c.maps.fits").read_bytes())
    with pytest.raises(ob.DataError, match="not the one that the detector file names"):
        ob.Detector.load(tmp_path / "a.toml")


def test_a_start_that_is_no_time_is_one_line(tmp_path: Path) -> None:
    words = (
        "simulate",
        "generic_h2rg",
        "--flat",
        1,
        "--shape",
        "64x64",
        "--start",
        "yesterday",
        "-o",
        tmp_path / "a.fits",
    )
    code, _, message = run(*words)
    assert code == 2
    assert message.strip() == "obverse: 'yesterday' is no time in ISO format, such as '2027-05-01T12:00:00'"
    assert list(tmp_path.iterdir()) == []


def test_a_small_ccd_is_told_what_to_do(night: Path, tmp_path: Path) -> None:
    code, _, message = run("calibrate", night / "star.fits", "-o", tmp_path / "p")
    assert code == 1
    assert "give one of the frame's size, --detector TOML" in message
