"""Integral nonlinearity: a table of each amplifier, and its exact inverse."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from obverse import Exposure, Frame, Geometry, Moment, UsageError
from obverse.effects.integral_nonlinearity import IntegralNonlinearity
from obverse.kernels.tables import cells, look_up
from tests import naive
from tests.laws.examples import infrared

COUNTS = np.linspace(0.0, 65535.0, 129)
WAVY = np.random.default_rng(2).uniform(-30.0, 30.0, (4, 129))
TABLES = IntegralNonlinearity(counts=COUNTS, correction=WAVY)
IR = infrared()


def at(layout="sensor", rows=slice(None)):
    return Moment(Exposure("a", 1.0), IR, layout, rows=rows)


def signals():
    return np.random.default_rng(3).uniform(-100.0, 70000.0, IR.shape).astype(np.float32)


def test_each_amplifier_has_its_own_table():
    seen = signals()
    done = TABLES.correct(Frame(seen, "DN"), at()).data
    for row, column in np.random.default_rng(4).integers(0, (96, 64), (200, 2)):
        table = WAVY[column // 16]
        wanted = seen[row, column] + np.interp(seen[row, column], COUNTS, table)
        assert done[row, column] == pytest.approx(wanted, rel=2e-7, abs=1e-5)


def test_a_strip_of_rows_is_corrected_as_in_the_whole():
    seen = signals()
    whole = TABLES.correct(Frame(seen, "DN"), at()).data
    strip = TABLES.correct(Frame(seen[32:80], "DN"), at(rows=slice(32, 80))).data
    np.testing.assert_array_equal(strip, whole[32:80])


def test_amplifiers_one_above_the_other_keep_their_tables_in_a_strip():
    from tests.laws.examples import ccd

    sensor = Geometry((96, 64), ccd().amplifiers)
    seen = signals()
    where = Moment(Exposure("a", 1.0), sensor)
    whole = TABLES.correct(Frame(seen, "DN"), where).data
    strip = TABLES.correct(Frame(seen[32:80], "DN"), where.replace(rows=slice(32, 80))).data
    np.testing.assert_array_equal(strip, whole[32:80])
    assert (whole != TABLES.correct(Frame(seen, "DN"), at()).data).any()


def test_the_layouts_agree():
    even = signals()
    clocked = TABLES.imprint(IR.pad(even), at("clocked"))
    np.testing.assert_allclose(TABLES.correct(Frame(IR.assemble(clocked), "DN"), at()).data, even, rtol=3e-7, atol=1e-4)


@given(st.lists(st.floats(-0.45, 0.45), min_size=2, max_size=20), st.floats(-1.0, 25.0))
def test_the_inverse_is_exact_for_every_rising_table(corrections, signal):
    # neighbours a unit apart, corrections that differ by less: what is counted with its correction rises
    effect = IntegralNonlinearity(counts=np.arange(len(corrections)), correction=corrections)
    here = Moment(Exposure("a", 1.0), Geometry((1, 1)), "clocked")
    counted = effect.imprint(np.full((1, 1, 1), signal, np.float32), here)
    back = effect.correct(Frame(counted[0], "DN"), here.replace(layout="sensor")).data
    # a steep part of the table, up to 1.9 counts a count, makes as much of a float32's rounding
    assert back[0, 0] == pytest.approx(np.float32(signal), rel=1e-6, abs=1e-6)


def test_the_table_read_at_the_wrong_place_is_off_by_its_slope():
    # y = r - c(r), as simulators have it, is wrong by c c': by hand 10 * 0.02
    effect = IntegralNonlinearity(counts=[0.0, 1000.0], correction=[0.0, 20.0])
    here = Moment(Exposure("a", 1.0), Geometry((1, 1)), "clocked")
    exact = effect.imprint(np.full((1, 1, 1), 510.0, np.float32), here).item()
    assert exact == pytest.approx(500.0, abs=1e-4)
    assert 510.0 - np.interp(510.0, effect.counts, effect.correction) - exact == pytest.approx(-0.2, abs=1e-3)


@pytest.mark.parametrize("spacing", ["even", "uneven", "clustered", "two"])
def test_the_kernel_looks_up_what_the_slow_way_does(spacing):
    random = np.random.default_rng(9)
    places = {
        "even": np.linspace(-3.0, 60.0, 64),
        "uneven": np.cumsum(random.uniform(0.01, 5.0, 64)),
        "clustered": np.sort(np.concatenate([random.uniform(0.0, 1e-3, 40), [-500.0, 1e4, 1e5]])),
        "two": np.array([1.0, 2.0]),
    }[spacing]
    entries = random.uniform(-10.0, 10.0, places.size)
    inside = random.uniform(places[0] - 1.0, places[-1] + 1.0, 300)
    near = np.repeat(places, 2) + np.tile([0.0, 1e-4], places.size)
    values = np.concatenate([inside, near]).astype(np.float32)
    wanted = [naive.looked_up(float(x), places, entries) for x in values]
    look_up(values, places, entries, cells(places))
    np.testing.assert_allclose(values, wanted, rtol=2e-6, atol=2e-6)


def test_no_number_stays_none():
    values = np.array([np.nan, 1.0], np.float32)
    look_up(values, COUNTS, WAVY[0], cells(COUNTS))
    assert np.isnan(values[0])
    assert np.isfinite(values[1])


@pytest.mark.parametrize(
    ("counts", "correction", "what"),
    [
        ([0.0, 0.0], [0.0, 0.0], "counts must rise"),
        ([0.0, 1.0], [2.0, 0.0], "with their correction"),
        ([0.0, 1.0], [0.0, 0.0, 0.0], "two entries"),
        ([0.0], [0.0], "two entries"),
    ],
)
def test_a_table_that_has_no_inverse_is_refused(counts, correction, what):
    with pytest.raises(UsageError, match=what):
        IntegralNonlinearity(counts=counts, correction=correction)


def test_a_table_too_few_and_a_level_gone_are_refused():
    three = TABLES.replace(correction=WAVY[:3])
    with pytest.raises(UsageError, match="3 tables given, there are 4"):
        three.correct(Frame(signals(), "DN"), at())
    with pytest.raises(UsageError, match="before 'bias'"):
        TABLES.correct(Frame(signals(), "DN", undone=("bias",)), at())
