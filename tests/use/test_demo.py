"""The demo keeps its word: honest errors, a page that stands alone, the same bytes again."""

import re
from pathlib import Path

import numpy as np
import pytest

from obverse import demo


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory) -> demo.Demo:
    return demo.run(tmp_path_factory.mktemp("demo"), seed=3, shape=(128, 128), dithers=demo.DITHERS[:2])


def test_errors_are_honest_in_every_bin_of_light(shown: demo.Demo) -> None:
    assert len(shown.rows) >= 4
    for row in shown.rows:
        # five standard errors of the scatter, and what few photons do to it (1.007 in the sky at this read noise)
        assert row.pull_std == pytest.approx(1.0, abs=0.01 + 5.0 / np.sqrt(2.0 * row.pixels))
        assert row.within_68 == pytest.approx(0.6827, abs=0.005 + 5.0 * np.sqrt(0.2166 / row.pixels))


def test_light_comes_back_unbiased_within_noise_and_calibration(shown: demo.Demo) -> None:
    for row in shown.rows:
        noise = 5.0 / np.sqrt(row.pixels)
        # the belief's own scale is good to `systematic`; offsets common to an amplifier add 0.02 sigma
        calibration = 5.0 * row.systematic * abs(row.bias_in_sigma / row.bias)
        assert abs(row.bias_in_sigma) < 0.02 + noise + calibration


def test_the_belief_agrees_with_the_truth(shown: demo.Demo) -> None:
    pulls = [float(cells[5]) for cells in demo.parameters(shown) if cells[5]]
    assert len(pulls) >= 10
    assert max(np.abs(pulls)) < 5.0


def test_the_page_stands_alone(shown: demo.Demo) -> None:
    text = shown.report.read_text()
    assert set(re.findall(r"(?:src|href)=\"(\w+:|)", text)) == {"data:"}
    assert "<script" not in text
    assert text.count("<img") == 4
    for row in shown.rows:
        assert row.cells()[0] in text


def test_the_same_seed_gives_the_same_bytes(shown: demo.Demo, tmp_path: Path) -> None:
    demo.run(tmp_path, seed=3, shape=(128, 128), dithers=demo.DITHERS[:2])
    for path in shown.report.parent.iterdir():
        assert (tmp_path / path.name).read_bytes() == path.read_bytes(), path.name
