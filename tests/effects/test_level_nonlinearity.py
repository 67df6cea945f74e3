"""Nonlinearity by level and gain: the table, its inverse, the edges, and files."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from obverse import DataError, Detector, Exposure, Frame, Geometry, Moment, UsageError
from obverse.effects.level_nonlinearity import LevelNonlinearity
from obverse.io.corgi_tables import read_nonlinearity
from obverse.io.door import Hdu
from obverse.io.header import Header
from obverse.io.writer import write_fits
from obverse.kernels.level_table import divide_by_factor
from obverse.kernels.tables import cells
from tests import naive

GEOMETRY = Geometry((1, 4))
LEVELS = np.linspace(800.0, 10000.0, 47)
GAINS = np.array([1.0, 10.0, 1000.0])
TABLE = 1.0 + 0.1 * np.sin(LEVELS[:, None] / 1500.0 * np.array([0.5, 0.55, 0.6]))
EFFECT = LevelNonlinearity(levels=LEVELS, gains=GAINS, table=TABLE)


def at(gain, **more):
    return Moment(Exposure("a", 1.0, em_gain=gain, **more), GEOMETRY)


def straight(effect, values, gain, **more):
    image = np.atleast_2d(np.asarray(values, "f4"))
    return effect.correct(Frame(image, "DN"), at(gain, **more)).data[0]


@pytest.mark.parametrize("gain", [1.0, 4.0, 10.0, 300.0, 1000.0])
def test_level_nonlinearity_is_read_by_lines_in_level_and_in_gain(gain):
    values = np.array([850.0, 3217.0, 5000.0, 9990.0])
    columns = np.array([np.interp(values, LEVELS, TABLE[:, i]) for i in range(3)])
    wanted = [value * np.interp(gain, GAINS, column) for value, column in zip(values, columns.T, strict=True)]
    np.testing.assert_allclose(straight(EFFECT, values, gain), wanted, rtol=2e-7)


def test_beyond_the_table_its_edges_hold():
    np.testing.assert_allclose(straight(EFFECT, [-50.0, 0.0, 400.0, 16000.0], 0.5), np.float32([
        -50.0 * TABLE[0, 0], 0.0, 400.0 * TABLE[0, 0], 16000.0 * TABLE[-1, 0],
    ]), rtol=2e-7)  # fmt: skip
    np.testing.assert_allclose(straight(EFFECT, [2000.0], 8000.0), straight(EFFECT, [2000.0], 1000.0))


def test_the_actual_gain_wins_over_the_commanded():
    np.testing.assert_array_equal(
        straight(EFFECT, [3000.0], 10.0, em_gain_actual=300.0), straight(EFFECT, [3000.0], 300.0)
    )
    assert straight(EFFECT, [3000.0], 10.0) != straight(EFFECT, [3000.0], 300.0)


@given(
    quotients=st.lists(st.floats(-20000.0, 20000.0, width=32), min_size=1, max_size=20),
    bend=st.floats(-0.35, 0.35),
    places=st.lists(st.floats(0.0, 9000.0), min_size=2, max_size=6, unique_by=lambda v: round(v, 1)),
)
def test_the_inverse_is_that_by_halving(quotients, bend, places):
    levels = np.sort(places)
    factors = 1.0 + bend * (levels - levels[0]) / 9000.0
    found = np.array(quotients, "f4")
    divide_by_factor(found, levels, factors, cells(levels * factors))
    for value, straightened in zip(found, np.array(quotients, "f4"), strict=True):
        assert value == pytest.approx(naive.level_of(float(straightened), levels, factors), rel=2e-7, abs=1e-20)


def test_zero_factor_slopes_and_holes():
    even = LevelNonlinearity(levels=[0.0, 100.0, 1000.0], gains=[1.0], table=[[1.0], [1.0], [1.1]])
    marked = even.imprint(np.array([[0.0, 50.0, np.nan, 100.0]], "f4"), at(1.0))
    np.testing.assert_array_equal(marked, np.array([[0.0, 50.0, np.nan, 100.0]], "f4"))
    assert np.isnan(straight(even, [np.nan], 1.0)[0])


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"levels": LEVELS[::-1]}, "levels must rise"),
        ({"gains": [10.0, 1.0, 1000.0]}, "gains must rise"),
        ({"gains": [1.0, 10.0]}, r"levels \(47,\), gains \(2,\)"),
        ({"table": TABLE + 0.2}, "at gain 1 the factors are .* must reach from 1 or below to 1 or above"),
        ({"table": np.where(np.arange(47)[:, None] == 5, np.nan, TABLE)}, "a number at every level and gain"),
        ({"table": 1.0 + 0.5 * np.sin(LEVELS[:, None] / 500.0 * np.ones(3))}, "times as fast as the level"),
    ],
)
def test_tables_that_cannot_be_are_refused(change, said):
    with pytest.raises(UsageError, match=said):
        LevelNonlinearity(**{"levels": LEVELS, "gains": GAINS, "table": TABLE, **change})


def test_electrons_are_refused():
    with pytest.raises(UsageError, match="before 'gain'"):
        EFFECT.correct(Frame(np.ones((1, 4), "f4"), "electron"), at(1.0))


def cornered():
    whole = np.full((48, 4), np.nan)
    whole[0, 1:], whole[1:, 0], whole[1:, 1:] = GAINS, LEVELS, TABLE
    return whole


def made(path, array):
    write_fits(path, [Hdu(0, "PRIMARY", 1, Header([]), None), Hdu(1, "", 1, Header([]), array)])
    return path


def test_a_file_with_a_corner_of_nothing(tmp_path):
    assert read_nonlinearity(made(tmp_path / "t.fits", cornered())) == EFFECT.replace(source="t.fits")
    filled = cornered()
    filled[0, 0] = 0.0
    with pytest.raises(DataError, match=r"f\.fits: HDU 1: .*NaN in the corner"):
        read_nonlinearity(made(tmp_path / "f.fits", filled))
    with pytest.raises(DataError, match=r"i\.fits: HDU 1: no table"):
        read_nonlinearity(made(tmp_path / "i.fits", np.ones((4, 4), np.int16)))


def test_a_detector_keeps_its_table_on_disk(tmp_path):
    generic = Detector.load("generic_ccd")
    names = [effect.name for effect in generic.effects]
    behind = names.index("gain") + 1
    ours = generic.replace(
        effects=(*generic.effects[:behind], EFFECT, *generic.effects[behind:]),
        steps=tuple(s for step in generic.steps for s in (("level_nonlinearity", step) if step == "gain" else (step,))),
    )
    ours.save(tmp_path / "ours.toml")
    again = Detector.load(tmp_path / "ours.toml")
    assert again.effect("level_nonlinearity") == EFFECT
    assert again == ours


CORONAGRAPH = np.array([
    [np.nan, 1.0, 62.74, 1140.0, 7146.0],
    [800.0, 1.01341662, 1.10839308, 1.21652174, 1.033245],
    [820.0, 1.01262745, 1.10484091, 1.20899303, 1.03288648],
    [2480.0, 0.999994965, 1.00022537, 1.00079071, 1.00032144],
    [3000.0, 1.00013815, 0.996134955, 0.98825296, 0.991510924],
    [5400.0, 1.0004658, 1.00451747, 0.961252237, 1.00984622],
    [10000.0, 1.00264238, 1.03870463, 1.00184135, 1.14093507],
])  # fmt: skip
"""Six levels and four gains of the flight camera: corgidrp 5.1.1, nonlin_table_TVAC."""


def test_level_nonlinearity_is_that_of_the_coronagraph(tmp_path):
    effect = read_nonlinearity(made(tmp_path / "camera.fits", CORONAGRAPH))
    assert effect.table.shape == (6, 4)
    assert straight(effect, [800.0], 1.0)[0] == pytest.approx(800.0 * 1.01341662, rel=1e-7)
    assert straight(effect, [820.0], 7146.0)[0] == pytest.approx(820.0 * 1.03288648, rel=1e-7)
    values = np.random.default_rng(1).uniform(0.0, 10000.0, 5000).astype("f4")
    for gain in (1.0, 5.0, 100.0, 3000.0):
        there = effect.imprint(straight(effect, values, gain)[None], at(gain))[0]
        np.testing.assert_allclose(there, values, rtol=3e-7)
