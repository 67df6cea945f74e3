"""X2, X3, X4: gamma-amplified darks; and mutants that these gates must catch."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from obverse.darks import calibrate_darks_lsq, lsq
from tests.darks import gates
from tests.darks.campaigns import SMALL, campaign, grid, truth

SENSOR = SMALL.in_file("sensor")


@pytest.fixture(scope="module")
def frames():
    return campaign(grid(), 30, 11)


@pytest.fixture(scope="module")
def maps(frames):
    return calibrate_darks_lsq(frames, SMALL)


def test_maps_are_unbiased_efficient_and_sure(maps):
    off, error = gates.deviations(maps)
    gates.is_unbiased(off / error)
    gates.is_efficient(off)
    gates.is_sized(off / error, 0.1)
    gates.reports_the_mean(maps.means)
    assert abs(maps.chi_square[SENSOR].mean() - 1) < 0.02


def test_covariance_is_needed(maps):
    gates.propagates(maps)


def test_masked_pixels_and_unequal_stacks_are_sure():
    rng = np.random.default_rng(3)
    made = campaign(grid(4, 3), rng.integers(8, 40, 12), 5)
    frames = [f.replace(flags=np.where(rng.random(f.shape) < 0.3, 4, 0).astype(np.uint8)) for f in made]
    off, error = gates.deviations(calibrate_darks_lsq(frames, SMALL))
    gates.is_unbiased(off / error)
    gates.is_sized(off / error, 0.06)


def hot_truth(part=0.02):
    fpn, cic, dark = truth()
    rng = np.random.default_rng(1)
    hot = SENSOR & (rng.random(dark.shape) < part)
    return (fpn, cic, np.where(hot, dark * 10 ** rng.uniform(0.8, 2.5, dark.shape), dark)), hot


def test_hot_pixels_have_errors_of_their_own():
    true, hot = hot_truth()
    maps = calibrate_darks_lsq(campaign(grid(), 20, 21, maps=true), SMALL)
    off, error = gates.deviations(maps, true)
    pull, is_hot = off / error, hot[SENSOR]
    gates.is_unbiased(pull[:, is_hot])
    gates.is_sized(pull[:, is_hot], 0.25)  # two hundred and thirty pixels
    gates.is_unbiased(pull[:, ~is_hot])
    gates.is_sized(pull[:, ~is_hot], 0.05)


@pytest.mark.validate
def test_pulls_are_one_within_two_hundredths():
    """X3 of nine campaigns, and of their means: 1 +- 0.02."""
    pulls = []
    for seed in range(9):
        off, error = gates.deviations(calibrate_darks_lsq(campaign(grid(), 30, 100 + seed), SMALL))
        gates.is_efficient(off)
        pulls.append(off / error)
    together = np.concatenate(pulls, axis=1)
    gates.is_unbiased(together)
    gates.is_sized(together, 0.02)


# -- mutants ------------------------------------------------------------------------------------------------------


def test_own_scatter_as_weight_is_caught(frames):
    """Per-pixel sample variances favour stacks in which few electrons came."""
    stacks = {}
    for each in frames:
        stacks.setdefault((each.exposure.em_gain, each.exposure.seconds), []).append(each.data[SENSOR])
    design = np.array([(1.0, g, g * t) for g, t in stacks])
    scale = design.max(axis=0)
    x = design / scale
    y = np.array([np.mean(cube, axis=0, dtype=float) for cube in stacks.values()])
    v = np.array([np.var(cube, axis=0, ddof=1, dtype=float) / len(cube) for cube in stacks.values()])
    normal = np.einsum("mi,mp,mj->pij", x, 1 / v, x)
    inverse = np.linalg.inv(normal)
    beta = np.einsum("pij,mj,mp->ip", inverse, x, y / v) / scale[:, None]
    error = np.sqrt(np.einsum("pii->ip", inverse)) / scale[:, None]
    true = np.array([plane[SENSOR] for plane in truth()])
    with pytest.raises(AssertionError, match="sigma off"):
        gates.is_unbiased((beta - true) / error)


def test_a_dropped_covariance_is_caught(maps):
    with pytest.raises(AssertionError):
        gates.propagates(replace(maps, cross=None))


@pytest.mark.filterwarnings("ignore::obverse.ObverseWarning")  # its chi-square is odd too
def test_frames_for_their_root_are_caught(frames, monkeypatch):
    monkeypatch.setattr(lsq, "solved", lambda f, labels, table, power, **how: SOLVED(f, labels, table, 2, **how))
    off, error = gates.deviations(calibrate_darks_lsq(frames[::3], SMALL))
    with pytest.raises(AssertionError, match="pulls"):
        gates.is_sized(off / error, 0.1)


SOLVED = lsq.solved


def test_clipping_before_the_mean_is_caught(frames):
    maps = calibrate_darks_lsq(frames[::3], SMALL)
    gates.reports_the_mean(maps.means)
    with pytest.raises(AssertionError):
        gates.reports_the_mean({"cic": maps.cic[SENSOR].mean()})


def test_noise_pooled_over_hot_pixels_is_caught(monkeypatch):
    true, hot = hot_truth()
    monkeypatch.setattr(lsq, "hot_groups", lambda labels, *rest: (labels, np.zeros((0, 2))))
    off, error = gates.deviations(calibrate_darks_lsq(campaign(grid(4, 4), 20, 21, maps=true), SMALL), true)
    with pytest.raises(AssertionError, match="pulls"):
        gates.is_sized((off / error)[:, ~hot[SENSOR]], 0.05)
