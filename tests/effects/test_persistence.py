"""Persistence: how traps empty, what is remembered of earlier exposures, and what is left after it is undone."""

from __future__ import annotations

import numpy as np
import pytest

from obverse import Detector, Exposure, Flag, Frame, Geometry, Moment, ReadPattern, UsageError
from obverse.effects.persistence import Persistence
from obverse.history import History, utc_seconds
from obverse.testing import Stand, check_effect
from tests.laws.examples import infrared
from tests.laws.test_mutants import mutated

RAMP = ("integration", "resultant", "row", "column")
IR = infrared()
START = "2027-05-01T12:00:00"
TRAPS = Persistence()


def seen(charge, seconds_ago=100.0):
    """A history of one exposure that ended so long before START."""
    return History.of(charge, utc_seconds(START) - seconds_ago)


# -- facts: the tests of romanisim 0.15 ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("x", "t", "changes", "rate"),
    [
        (1.0, 1000.0, {}, 0.5),
        (100.0, 1000.0, {}, 100.0),
        (100.0, 1000.0, {"amplitude": 2.0}, 200.0),
        (100.0, 1000.0, {"index": 2.0}, 10000.0),
        (100.0, 1000.0, {"knee": 100.0}, 0.5),
        (100.0, 1000.0, {"decay": 2.0}, 100.0),
        (100.0, 2000.0, {}, 50.0),
        (100.0, 2000.0, {"decay": 2.0}, 25.0),
        (0.0, 1000.0, {}, 0.0),
    ],
)
def test_the_rate_is_that_of_the_fermi_profile(x, t, changes, rate):
    unit = {"amplitude": 1.0, "knee": 1.0, "width": 1.0, "index": 1.0, "decay": 1.0, "half_well": 0.1}
    assert Persistence(**{**unit, **changes}).rate(x, t) == pytest.approx(rate, rel=1e-12)


def test_below_half_well_the_rate_is_linear():
    assert TRAPS.rate(2.5e4, 500.0) == pytest.approx(TRAPS.rate(5e4, 500.0) / 2, rel=1e-12)
    # by hand, at half well after 1000 s: 0.017 (5/6)^0.045 / (1 + e^0.2) = 0.0075902
    assert TRAPS.rate(5e4, 1000.0) == pytest.approx(0.0075902, rel=1e-4)


def test_what_is_remembered_adds_up_and_is_forgotten_after_a_day():
    # romanisim 0.15: 1e5 electrons in 100 x 100 pixels, twice, and a day later
    bright = np.full((100, 100), 1e5)
    first = TRAPS.remember(bright, Exposure("a", 100.0, start=START))
    assert len(first) == 10_000
    again = TRAPS.remember(bright, Exposure("b", 100.0, start="2027-05-01T12:03:00"), first)
    assert len(again) == 20_000
    assert len(TRAPS.forget(again, "2027-05-02T12:03:00")) == 0


# -- the traps -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("decay", [0.0, 0.7, 1.0, 1.9])
def test_what_is_released_is_the_sum_of_the_rate(decay):
    effect = Persistence(decay=decay)
    edges = np.geomspace(30.0, 3000.0, 20_001)
    middle = 0.5 * (edges[1:] + edges[:-1])
    by_hand = (effect.rate(1e5, middle) * np.diff(edges)).sum()
    assert effect.released(1e5, 30.0, 3000.0) == pytest.approx(by_hand, rel=1e-6)


def test_exposures_add_up_pixel_by_pixel():
    charge = np.zeros((4, 4))
    charge[1, 2] = 1e5
    both = seen(charge, 500.0).then(seen(2 * charge, 100.0))
    at = Moment(Exposure("c", 50.0, start=START), Geometry((4, 4)), interval=(0.0, 50.0), history=both)
    added = TRAPS.imprint(np.zeros((4, 4), np.float32), at)
    wanted = TRAPS.released(1e5, 500.0, 550.0) + TRAPS.released(2e5, 100.0, 150.0)
    assert added[1, 2] == pytest.approx(wanted, rel=1e-6)
    assert np.count_nonzero(added) == 1


def test_a_later_integration_releases_less():
    exposure = Exposure("c", 50.0, start=START, integrations=2)
    at = Moment(exposure, Geometry((2, 2)), interval=(0.0, 50.0), history=seen(np.full((2, 2), 1e5)))
    first, second = (TRAPS.imprint(np.zeros((2, 2), np.float32), at.replace(integration=i)) for i in (0, 1))
    assert second[0, 0] / first[0, 0] == pytest.approx(np.log(200 / 150) / np.log(150 / 100), rel=1e-5)


# -- undone --------------------------------------------------------------------------------------------------------


def noiseless(effect, pattern, integrations, history):
    """Ramps of nothing but persistence, read by read as the read-out does it."""
    exposure = Exposure("r", pattern=pattern, integrations=integrations, start=START)
    at = Moment(exposure, Geometry(history.shape), history=history)
    cube = np.zeros((integrations, len(pattern), *history.shape), np.float32)
    for i in range(integrations):
        charge, before = np.zeros(history.shape, np.float32), 0.0
        for k, times in enumerate(pattern.times):
            for time in times:
                charge = effect.imprint(charge, at.replace(interval=(before, time), integration=i))
                cube[i, k] += charge / len(times)
                before = time
    return Frame(cube, "electron", RAMP, exposure=exposure), at


@pytest.mark.parametrize("decay", [1.0, 0.8])
def test_ramps_come_back_to_nothing_in_every_integration(decay):
    effect = Persistence(decay=decay)
    history = seen(np.array([[0.0, 1e5], [3e5, 2e4]])).then(seen(np.full((2, 2), 5e4), 3000.0))
    pattern = ReadPattern([[1], [2, 3], [4, 5, 6, 7], [12]], 5.0)
    frame, at = noiseless(effect, pattern, 2, history)
    assert frame.data[0, -1].max() > 5.0
    np.testing.assert_allclose(effect.correct(frame, at).data, 0.0, atol=1e-5)


def test_a_rate_loses_what_was_released_a_second():
    history = seen(np.full((2, 2), 1e5))
    at = Moment(Exposure("c", 50.0, start=START), Geometry((2, 2)), history=history)
    wanted = TRAPS.released(1e5, 100.0, 150.0)
    for unit, mean in (("electron", wanted), ("electron/s", wanted / 50.0)):
        frame = Frame(np.full((2, 2), mean, np.float32), unit, exposure=at.exposure)
        np.testing.assert_allclose(TRAPS.correct(frame, at).data, 0.0, atol=1e-6)


def test_pixels_that_glow_are_flagged_and_no_others():
    charge = np.array([[0.0, 1e5, 1e3]])
    at = Moment(Exposure("c", 50.0, start=START), Geometry((1, 3)), history=seen(charge))
    flags = TRAPS.correct(Frame(np.zeros((1, 3), np.float32), "electron", exposure=at.exposure), at).flags
    assert flags.tolist() == [[0, 32, 0]]


def full_ramps(first, groups, integrations, group_time, pixels=2):
    """Ramps of a row of pixels, of which the last is saturated in the first integration from group `first` on."""
    flags = np.zeros((integrations, groups, 1, pixels), np.uint8)
    flags[0, first:, 0, -1] = Flag.SATURATED
    exposure = Exposure("r", pattern=ReadPattern.even(groups, frame_time=group_time), integrations=integrations)
    return Frame(np.zeros(flags.shape, np.float32), "electron", RAMP, flags, exposure=exposure)


def test_reads_are_flagged_for_a_while_after_saturation():
    # jwst 3.0, persistence step: 2 integrations of 7 groups of 21.47354 s, saturated from the sixth group on, 70 s
    frame = full_ramps(5, 7, 2, 21.47354)
    flags = Persistence(window=70.0).correct(frame, Moment.of(frame)).flags
    assert flags[:, :, 0, 1].tolist() == [[0, 0, 0, 0, 0, 34, 34], [32, 32, 0, 0, 0, 0, 0]]
    assert not flags[..., 0].any()


def test_the_window_is_closed_by_its_length_and_opened_anew_by_the_next_integration():
    # by hand: groups of 10 s, saturated at 30 s: 25 s reach 55 s, past the reset at 50 s but not to the read at 60 s
    frame = full_ramps(2, 5, 2, 10.0)
    for window, second in ((25.0, [0, 0, 0, 0, 0]), (30.0, [32, 0, 0, 0, 0])):
        flags = Persistence(window=window).correct(frame, Moment.of(frame)).flags[:, :, 0, 1]
        assert flags.tolist() == [[0, 0, 34, 34, 34], second]
    both = frame.flagged(np.arange(5)[:, None, None] >= 3, Flag.SATURATED)
    flags = Persistence(window=5.0).correct(both, Moment.of(both)).flags[:, :, 0, 0]
    assert flags.tolist() == [[0, 0, 0, 34, 2]] * 2


def test_persistence_is_no_reason_to_leave_a_read_out():
    from obverse.flags import UNUSABLE

    assert not UNUSABLE & Flag.PERSISTENCE


def with_persistence():
    """A quiet infrared detector with traps, which are emptied before the ramp is fitted."""
    table = Detector.load("generic_h2rg").resized((96, 64)).without("cosmic_rays", "bias_drift").to_table()
    effects = {}
    for name, entry in table["effects"].items():
        effects |= {name: entry, **({"persistence": {}} if name == "dark_current" else {})}
    steps = list(table["recipe"]["steps"])
    steps.insert(steps.index("estimate"), "persistence")
    return Detector.from_table({**table, "effects": effects, "recipe": {"steps": steps}})


def test_a_dark_after_a_bright_exposure_glows_until_its_history_is_told():
    detector = with_persistence()
    pattern = ReadPattern.even(10, frame_time=10.0)
    bright = detector.expose(2500.0, Exposure("bright", pattern=pattern, start=START), seed=1)
    charge = np.nan_to_num(detector.calibrate(bright).data) * 0.8 * 100.0  # electrons in the last read
    history = detector.effect("persistence").remember(np.minimum(charge, 1e5), bright.exposure)
    after = Exposure("dark", pattern=pattern, start="2027-05-01T12:03:20")  # 100 s after the end
    dark = detector.expose(0.0, after, seed=2, history=history)
    told, untold = detector.calibrate(dark, history=history), detector.calibrate(dark)
    good = detector.geometry.sensitive
    glow = detector.effect("persistence").released(1e5, 100.0, 200.0) / 100.0 / 0.8
    error = np.sqrt(told.variances["read"][good].mean() / good.sum())
    assert abs(told.data[good].mean(dtype=float)) < 5 * error
    # the fit of a decaying rate weighs its reads, so its mean is known to some percent only
    assert untold.data[good].mean(dtype=float) == pytest.approx(glow, rel=0.1, abs=5 * error)
    assert ((told.pixel_flags[good] & Flag.PERSISTENCE) != 0).mean() > 0.99
    assert glow > 20 * error


def test_any_tiles_give_the_same_bits():
    detector = with_persistence()
    history = seen(np.random.default_rng(1).uniform(0, 2e5, (96, 64)))
    exposure = Exposure("dark", pattern=ReadPattern.even(4, frame_time=10.0), start=START)
    recipe = detector.recipe().until("persistence")
    raw = detector.expose(0.0, exposure, seed=2, history=history)
    whole = recipe.run(raw, history=history, threads=1).digest()
    for rows in (16, 48):
        assert recipe.run(raw, history=history, threads=2, tile_rows=rows).digest() == whole


# -- refused -------------------------------------------------------------------------------------------------------


def test_an_exposure_without_a_start_has_no_past():
    at = Moment(Exposure("c", 50.0), Geometry((2, 2)), history=seen(np.ones((2, 2))))
    with pytest.raises(UsageError, match="'c' has no start"):
        TRAPS.imprint(np.zeros((2, 2), np.float32), at)
    with pytest.raises(UsageError, match="'c' has no start"):
        TRAPS.remember(np.ones((2, 2)), Exposure("c", 50.0))


def test_a_history_of_the_future_is_refused():
    at = Moment(Exposure("c", 50.0, start=START), Geometry((2, 2)), history=seen(np.ones((2, 2)), -5.0))
    with pytest.raises(UsageError, match="starts 5 s before the end of one that its history holds"):
        TRAPS.imprint(np.zeros((2, 2), np.float32), at)


def test_histories_of_two_sensors_are_not_one():
    with pytest.raises(UsageError, match="are not one"):
        seen(np.ones((2, 2))).then(seen(np.ones((2, 3))))


@pytest.mark.parametrize("charge", [np.ones(3), np.array([[np.nan]])])
def test_what_is_no_charge_is_refused(charge):
    with pytest.raises(UsageError, match="it must be finite numbers"):
        seen(charge)


def test_a_time_that_is_none_is_refused():
    with pytest.raises(UsageError, match="ISO format"):
        History.of(np.ones((2, 2)), "yesterday")


def test_digital_numbers_and_read_out_order_are_refused():
    for frame in (
        Frame(np.zeros((2, 2)), "DN"),
        Frame(np.zeros((2, 2, 2)), "electron", ("amplifier", "row", "column")),
    ):
        with pytest.raises(UsageError, match="behind 'gain' and 'assemble'"):
            TRAPS.correct(frame, Moment.of(frame))


# -- mistakes ------------------------------------------------------------------------------------------------------


def rate_at_the_start(self, charge, since, until):
    return self.rate(charge, since) * (np.asarray(until) - since)


def imprinted_at_the_rate_of_the_start(self, charge, at):
    history = at.history
    rate = history.image(self.rate(history.charge, history.ages(at.exposure))).astype(np.float32)
    return charge + rate * np.float32(at.seconds)


def nothing_flagged(self, frame, at):
    return frame.replace(data=Persistence.correct(self, frame, at).data, flags=np.zeros(frame.shape, np.uint8))


def closed_by_the_reset(frame, window):
    from obverse.effects._after_saturation import after_saturation

    parts = [frame.replace(data=frame.data[i : i + 1], flags=frame.flags[i : i + 1]) for i in range(len(frame.data))]
    return np.concatenate([after_saturation(part, window) for part in parts])


def test_a_window_that_the_reset_closes_is_found_out(monkeypatch):
    monkeypatch.setattr("obverse.effects.persistence.after_saturation", closed_by_the_reset)
    with pytest.raises(AssertionError):
        test_reads_are_flagged_for_a_while_after_saturation()


def variance_of_twice(self, charge, at):
    return 2 * Persistence.variance(self, charge, at)


@pytest.mark.parametrize(
    "mistake",
    [
        {"imprint": imprinted_at_the_rate_of_the_start},
        {"correct": nothing_flagged},
        {"variance": variance_of_twice},
    ],
    ids=["rate-held", "unflagged", "variance-doubled"],
)
def test_a_mistake_fails_a_law_that_the_right_one_passes(mistake):
    check_effect(TRAPS, IR)
    with pytest.raises(AssertionError):
        check_effect(mutated(TRAPS, **mistake), IR)


def test_a_rate_that_is_held_for_the_whole_exposure_is_found_out_in_both_faces_at_once():
    wrong = mutated(TRAPS, released=rate_at_the_start)
    check_effect(wrong, IR)  # the same mistake both ways: no round trip sees it
    assert wrong.released(1e5, 100.0, 200.0) != pytest.approx(TRAPS.released(1e5, 100.0, 200.0), rel=0.1)
    history = seen(np.full((2, 2), 1e5))
    frame, at = noiseless(wrong, ReadPattern.even(4, frame_time=25.0), 1, history)
    assert np.abs(wrong.correct(frame, at).data).max() > 1.0  # but reads that cut the exposure do


def test_the_law_has_a_past_to_show():
    stand = Stand(TRAPS, IR)
    assert len(stand.history) == IR.shape[0] * IR.shape[1]
    assert stand.at().history is stand.history
