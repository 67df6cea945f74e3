"""Campaigns on the command line: which files come of gains, times and counts, and what is refused before any is."""

from __future__ import annotations

from itertools import product
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from obverse import Detector, Geometry, cli, io


@pytest.fixture(scope="module")
def detector(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a small camera; that of flight cannot be cut below its shielded border."""
    path = tmp_path_factory.mktemp("small") / "small.toml"
    geometry = Geometry((16, 20), prescan=24, overscan=2, parallel_overscan=3, shielded=(2, 0, 0, 2))
    small = Detector.load("corgi_excam").replace(geometry=geometry, modes=())
    drift = small.effect("bias_drift").replace(settle=4, width=16)
    small.with_effect(drift).save(path)
    return path


def simulate(detector: Path | str, out: Path, *words: object) -> tuple[int, str]:
    """Simulate darks: the exit code, and what was said of errors."""
    given = [str(word) for word in ("simulate", detector, "--kind", "dark", *words, "-o", out)]
    code = 0
    with CliRunner().isolation() as streams:
        try:
            cli.main(given)
        except SystemExit as end:
            code = int(end.code or 0)
        return code, streams[1].getvalue().decode()


@pytest.fixture(scope="module")
def campaign(detector: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("campaign") / "darks"
    assert simulate(detector, out, "--em-gain", "2,100", "--time", "2,60.5", "--count", 3)[0] == 0
    return out


def test_every_time_and_gain_has_its_files(campaign: Path) -> None:
    found = {path.name: io.read(path).exposure for path in campaign.iterdir()}
    expected = {
        f"dark_g{g:g}_t{t:g}_{i:04d}_l1_.fits": (t, g) for t, g, i in product((2.0, 60.5), (2.0, 100.0), (1, 2, 3))
    }
    assert {name: (e.seconds, e.em_gain) for name, e in found.items()} == expected
    assert {e.kind for e in found.values()} == {"dark"}
    assert {e.id for e in found.values()} == {name.removesuffix("_l1_.fits") for name in expected}


def pixels(folder: Path) -> dict[str, np.ndarray]:
    return {path.name: io.read(path).data for path in folder.iterdir()}


def test_a_seed_gives_the_same_frames_whatever_else_is_taken(campaign: Path, detector: Path, tmp_path: Path) -> None:
    """More gains, another order, or one frame alone: a frame depends on the seed and its own name."""
    words = ("--em-gain", "100,7,2", "--time", "60.5,2", "--count", 4)
    assert simulate(detector, tmp_path / "more", *words)[0] == 0
    first, more = pixels(campaign), pixels(tmp_path / "more")
    assert len(more) == 24
    assert all((more[name] == data).all() for name, data in first.items())
    alone = tmp_path / "alone_l1_.fits"
    words = ("--em-gain", 100, "--time", 60.5, "--id", "dark_g100_t60.5_0002")
    assert simulate(detector, alone, *words)[0] == 0
    assert (io.read(alone).data == first["dark_g100_t60.5_0002_l1_.fits"]).all()


def test_no_two_frames_are_alike_and_another_seed_gives_others(campaign: Path, detector: Path, tmp_path: Path) -> None:
    first = pixels(campaign)
    assert len({data.tobytes() for data in first.values()}) == len(first)
    words = ("--em-gain", "2,100", "--time", 2, "--count", 3, "--seed", 5)
    assert simulate(detector, tmp_path / "other", *words)[0] == 0
    assert not {d.tobytes() for d in pixels(tmp_path / "other").values()} & {d.tobytes() for d in first.values()}


def test_files_of_other_detectors_end_as_ours(tmp_path: Path) -> None:
    words = ("--time", "1,2", "--count", 2, "--shape", "16x16")
    assert simulate("generic_ccd", tmp_path / "ccd", *words)[0] == 0
    assert sorted(path.name for path in (tmp_path / "ccd").iterdir()) == [
        f"dark_g1_t{t}_{i:04d}.fits" for t, i in product((1, 2), (1, 2))
    ]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--em-gain", "2,2", "--time", 2), "given twice"),
        (("--em-gain", "1.00000001,1", "--time", 2), "given twice"),
        (("--em-gain", "2", "--time", "5,5"), "given twice"),
        (("--em-gain", "2,0.9", "--time", 2), "EM gain 0.9, that of a register is 1 or more"),
        (("--em-gain", "0.9", "--time", 2), "EM gain 0.9, that of a register is 1 or more"),
        (("--em-gain", "2,5", "--time", "2,-1"), "exposure_time"),
        (("--em-gain", "2,5"), "exposure_time"),
        (("--em-gain", "2,x", "--time", 2), "must be a number, or several"),
        (("--em-gain", "2", "--time", 2, "--count", 0), "0 is not in the range"),
        (("--em-gain", "2,5", "--time", 2, "--id", "mine"), "--id names one exposure, these are 2"),
    ],
)
def test_campaigns_that_cannot_be_are_refused(detector: Path, tmp_path: Path, words: tuple, said: str) -> None:
    code, message = simulate(detector, tmp_path / "out", *words)
    assert code == 2
    assert said in message
    assert "Traceback" not in message
    assert not (tmp_path / "out").exists()


def test_a_detector_without_a_register_has_no_gains(tmp_path: Path) -> None:
    code, message = simulate("generic_ccd", tmp_path / "out", "--em-gain", "2,3", "--time", 2, "--shape", "16x16")
    assert (code, message.count("\n")) == (2, 1)
    assert "'generic_ccd' has no electron-multiplying register: leave out --em-gain" in message


def test_several_exposures_need_a_directory(detector: Path, tmp_path: Path) -> None:
    code, message = simulate(detector, tmp_path / "out.fits", "--em-gain", "2,3", "--time", 2)
    assert code == 2
    assert "2 exposures need a directory" in message


def test_a_file_in_the_way_is_named_before_any_is_written(detector: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    (out / "dark_g5_t2_0002_l1_.fits").write_text("mine")
    words = ("--em-gain", "2,5", "--time", 2, "--count", 2)
    code, message = simulate(detector, out, *words)
    assert code == 1
    assert "dark_g5_t2_0002_l1_.fits" in message
    assert [path.name for path in out.iterdir()] == ["dark_g5_t2_0002_l1_.fits"]
    assert simulate(detector, out, *words, "--overwrite")[0] == 0
    assert len(list(out.iterdir())) == 4
