"""Trials: the detector's own chain and recipe bear out the theory, and a wrong belief shows."""

from __future__ import annotations

import numpy as np
import pytest

import obverse as ob
from obverse import Detector, Exposure, ReadPattern
from obverse.design import fluxes, trial, validate
from obverse.design.small import small

H2RG = Detector.load("generic_h2rg")
PATTERN = ReadPattern.even(8, frame_time=10.73677)


@pytest.fixture(scope="module")
def table():
    return validate(H2RG, {"8 reads": PATTERN}, [0.1, 3.0, 100.0, 1200.0], seed=4)


def test_trials_scatter_as_theory_says(table):
    ratio = np.asarray(table["scatter"] / table["error"])
    # a quantile of a normal distribution scatters 1.3 times as much as its standard deviation
    assert (abs(ratio - 1) + 3 * 1.3 / np.sqrt(2 * table["pixels"]) < 0.05).all(), ratio


def test_stated_errors_hold(table):
    n = np.asarray(table["pixels"])
    assert (n > 0.999 * 120**2).all()
    assert (abs(table["within_68"] - 0.6827) + 3 * np.sqrt(0.22 / n) < 0.03).all()
    assert (abs(table["within_95"] - 0.95) + 3 * np.sqrt(0.05 / n) < 0.02).all()
    # kTC of the reset and what is left of drifts are shared by few pixels: the bias is one of independent ones
    assert (abs(table["bias"]) < 5 * table["bias_error"] + 2e-3 * table["flux"]).all()


def test_a_wrong_belief_shows_in_the_bias():
    believed = H2RG.with_effect(H2RG.effect("gain").replace(gain=[2.05 * 1.03, 2.0 * 1.03, 2.1 * 1.03, 2.07 * 1.03]))
    wrong = trial(PATTERN, [100.0], H2RG, belief=believed, shape=(64, 64))
    assert abs(wrong["bias"][0] / 100.0 - 0.03) + 3 * wrong["bias_error"][0] / 100.0 < 0.006


def test_the_same_seed_gives_the_same_table_and_a_flux_alone_the_same_row():
    both = trial(PATTERN, [1.0, 50.0], H2RG, shape=(64, 64))
    alone = trial(PATTERN, [50.0], H2RG, shape=(64, 64))
    assert tuple(both[1]) == tuple(alone[0])
    assert tuple(trial(PATTERN, [50.0], H2RG, shape=(64, 64), seed=2)[0]) != tuple(alone[0])


def test_saturated_ramps_are_rows_without_numbers(caplog):
    table = trial(PATTERN, [1e5], H2RG, shape=(64, 64))
    assert (table["pixels"][0], table["rates"][0]) == (0, 0.0)
    assert np.isnan(table["scatter"][0])
    assert caplog.text == ""  # not a surprise


def test_detectors_with_maps_are_cut_alike():
    whole = H2RG.resized((256, 256))
    mapped = whole.with_effect(whole.effect("dark_current").replace(rate=np.full((256, 256), 0.01)))
    truth, belief = small((64, 64), whole, mapped)
    assert truth.geometry == belief.geometry
    assert truth.geometry.reference == (4, 0, 4, 0)
    raw = truth.expose(3.0, Exposure("a", pattern=PATTERN), seed=1)
    assert belief.calibrate(raw).shape == (64, 64)


def test_a_belief_that_fits_no_ramps_is_refused():
    with pytest.raises(ob.UsageError, match="fits no ramps"):
        trial(PATTERN, [1.0], H2RG, belief=Detector.load("generic_ccd"))


def test_the_range_without_a_wish_ends_at_saturation():
    table = validate(H2RG, {"a": ReadPattern.even(3, frame_time=10.73677)}, shape=(64, 64))
    assert table["flux"][0] == 0.01
    assert table["flux"][-1] == pytest.approx(0.95 * table.meta["a"]["saturation_rate"])
    assert table["rates"][-1] > 0.99
    assert np.allclose(np.diff(np.log(table["flux"])), np.diff(np.log(fluxes(0.01, table["flux"][-1]))))
