"""What is remembered from one exposure to the next: in memory, in a file, over a sequence."""

from __future__ import annotations

import numpy as np
import pytest

from obverse import DataError, Detector, Exposure, UsageError
from obverse.effects.persistence import Persistence
from obverse.history import History
from obverse.io.cards import Card
from obverse.io.door import Hdu, open_fits
from obverse.io.header import Header
from obverse.io.history import read_history, write_history
from obverse.io.writer import write_fits
from obverse.sequence import expose_next

TRAPS = Persistence()
NIGHT = "2027-05-01T12:00:00"


def scattered(seed=1, shape=(40, 30), entries=200):
    random = np.random.default_rng(seed)
    pixel = random.integers(0, shape[0] * shape[1], entries)
    return History(shape, random.uniform(1e3, 2e5, entries), random.uniform(1.8e9, 1.9e9, entries), pixel)


# -- in memory -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("start", "stop"), [(0, 40), (7, 8), (16, 32), (39, 40), (5, 5)])
def test_rows_are_those_of_the_whole(start, stop):
    history = scattered()
    whole = history.image(history.charge)
    part = history.of_rows(slice(start, stop))
    np.testing.assert_array_equal(part.image(part.charge), whole[start:stop])
    assert (np.diff(part.pixel) >= 0).all()


def test_entries_keep_what_belongs_together_when_they_are_put_in_order():
    history = History((2, 2), np.array([3.0, 1.0, 2.0]), np.array([30.0, 10.0, 20.0]), np.array([3, 1, 2]))
    assert history.pixel.tolist() == [1, 2, 3]
    assert history.charge.tolist() == [1.0, 2.0, 3.0]
    assert history.emptied.tolist() == [10.0, 20.0, 30.0]


def test_histories_are_equal_where_all_their_entries_are():
    assert scattered() == scattered()
    assert scattered() != scattered(2)
    one = scattered()
    assert History((30, 40), one.charge, one.emptied, one.pixel) != one


def test_only_what_matters_is_remembered():
    # by hand: half of half well gives 0.0075902 / 2 after 1000 s, 1000 / 30 times that after 30 s; 0.01 is reached at
    # 5e4 * 0.01 / (0.0075902 * 1000 / 30) = 1976.2 electrons
    charge = np.array([[1970.0, 1980.0, 0.0, 1e5]])
    remembered = TRAPS.remember(charge, Exposure("a", 10.0, start=NIGHT))
    assert remembered.pixel.tolist() == [1, 3]


@pytest.mark.parametrize("faintest", [1e-4, 0.01, 0.2, 0.3])
def test_nothing_that_matters_is_left_out(faintest):
    effect = Persistence(faintest=faintest)
    charge = np.geomspace(1.0, 1e6, 2000).reshape(40, 50)
    remembered = effect.remember(charge, Exposure("a", 10.0, start=NIGHT))
    slow = np.flatnonzero(effect.rate(charge, 30.0) >= faintest)
    np.testing.assert_array_equal(remembered.pixel, slow)


# -- in a file -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("history", [scattered(), History.of(np.zeros((4, 5)), 0.0)], ids=["entries", "nothing"])
def test_a_history_comes_back_to_the_bit(tmp_path, history):
    path = tmp_path / "deep" / "wfi01.fits"
    write_history(history, path)
    assert read_history(path) == history
    assert read_history(path, shape=history.shape).digest() == history.digest()


def test_a_newer_history_takes_the_place_of_the_one_before(tmp_path):
    path = tmp_path / "h.fits"
    write_history(scattered(1), path)
    write_history(scattered(2), path)
    assert read_history(path) == scattered(2)
    with pytest.raises(DataError, match="exists"):
        write_history(scattered(3), path, overwrite=False)
    assert read_history(path) == scattered(2)


def test_the_same_history_gives_the_same_bytes(tmp_path):
    for name in ("a.fits", "b.fits"):
        write_history(scattered(), tmp_path / name)
    assert (tmp_path / "a.fits").read_bytes() == (tmp_path / "b.fits").read_bytes()


def test_a_small_file_for_few_entries(tmp_path):
    write_history(scattered(entries=200), tmp_path / "h.fits")
    assert (tmp_path / "h.fits").stat().st_size < 20_000


def rewritten(path, **columns):
    """Write the file anew with some columns changed, checksums right."""
    units = open_fits(path)
    table = units[1].data.copy()
    for name, values in columns.items():
        table[name][: len(values)] = values
    cards = [card for card in units[1].header.cards if card.key in ("ROWS", "COLUMNS", "HISTSHA")]
    write_fits(path, [units[0], Hdu(1, units[1].name, 1, Header(cards), table)], overwrite=True)


def test_a_file_that_was_changed_is_refused(tmp_path):
    path = tmp_path / "h.fits"
    write_history(scattered(), path)
    rewritten(path, CHARGE=[1.0])
    with pytest.raises(DataError, match="not those that were written"):
        read_history(path)


def test_a_damaged_file_is_refused(tmp_path):
    path = tmp_path / "h.fits"
    write_history(scattered(), path)
    content = bytearray(path.read_bytes())
    content[-4000] ^= 1
    path.write_bytes(bytes(content))
    with pytest.raises(DataError, match=r"h\.fits") as caught:
        read_history(path)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("wrong", [{"PIXEL": [-1]}, {"PIXEL": [40 * 30]}, {"CHARGE": [np.nan]}, {"EMPTIED": [np.inf]}])
def test_entries_that_cannot_be_are_refused_whatever_their_hash_says(tmp_path, wrong):
    history = scattered()
    columns = {"PIXEL": history.pixel.copy(), "CHARGE": history.charge.copy(), "EMPTIED": history.emptied.copy()}
    for name, values in wrong.items():
        columns[name][: len(values)] = values
    broken = History(history.shape, columns["CHARGE"], columns["EMPTIED"], columns["PIXEL"])
    write_history(broken, tmp_path / "h.fits")
    with pytest.raises(DataError, match="not those that were written"):
        read_history(tmp_path / "h.fits")


def test_a_history_of_another_sensor_and_another_file_are_refused(tmp_path):
    write_history(scattered(), tmp_path / "h.fits")
    with pytest.raises(DataError, match=r"\(64, 64\) are needed"):
        read_history(tmp_path / "h.fits", shape=(64, 64))
    write_fits(tmp_path / "x.fits", [Hdu(0, "PRIMARY", 1, Header([Card("OBJECT", "M 13")]), np.ones((2, 2), "f4"))])
    with pytest.raises(DataError, match="PERSISTENCE: missing"):
        read_history(tmp_path / "x.fits")


# -- over a sequence ----------------------------------------------------------------------------------------------


def quiet():
    return Detector.load("roman_wfi").resized((64, 64)).without("cosmic_rays", "snowballs")


def exposures(*minutes):
    return [Exposure(f"e{i}", start=f"2027-05-01T12:{minute:02d}:00") for i, minute in enumerate(minutes)]


def spot(rate):
    scene = np.full((64, 64), 0.5, np.float32)
    scene[30:34, 30:34] = rate
    return scene


def test_a_sequence_through_a_file_is_the_sequence_in_memory(tmp_path):
    detector, (first, second) = quiet(), exposures(0, 3)
    _, history = expose_next(detector, spot(2000.0), first, seed=3)
    write_history(history, tmp_path / "h.fits")
    here, after = expose_next(detector, spot(0.0), second, seed=3, history=history)
    there, after_too = expose_next(detector, spot(0.0), second, seed=3, history=read_history(tmp_path / "h.fits"))
    assert here == there
    assert after == after_too


def test_what_stood_in_the_pixels_is_remembered():
    detector, (first,) = quiet(), exposures(0)
    _, history = expose_next(detector, spot(1000.0), first, seed=3)
    assert sorted({(int(p) // 64, int(p) % 64) for p in history.pixel}) == [
        (r, c) for r in range(30, 34) for c in range(30, 34)
    ]
    seconds = 16 * 3.16247  # the pattern that the detector file says
    # counted electrons: 50 600 +- 225 in each of 16 pixels, five times the error of their mean
    assert history.charge.mean() == pytest.approx(1000.0 * seconds, abs=5 * np.sqrt(1000.0 * seconds / 16))


def test_a_dark_after_a_bright_star_glows_and_comes_back_to_nothing_with_its_history():
    detector, (first, second) = quiet(), exposures(0, 2)
    traps = TRAPS.replace(amplitude=0.17)  # ten times the usual, to be seen above the noise of 16 pixels
    detector = detector.with_effect(traps)
    _, history = expose_next(detector, spot(2000.0), first, seed=3)
    glowing, _ = expose_next(detector, 0.0, second, seed=3, history=history)
    told, untold = (detector.calibrate(glowing, history=each).data[30:34, 30:34] for each in (history, None))
    seconds, age = 16 * 3.16247, history.ages(second).mean()
    wanted = traps.released(history.charge.mean(), age, age + seconds) / seconds
    error = 5 * float(untold.std()) / 4
    assert wanted > 4 * error
    assert untold.mean() == pytest.approx(wanted, abs=error)
    assert told.mean() == pytest.approx(0.0, abs=error)


def test_a_sequence_needs_traps_and_starts():
    with pytest.raises(UsageError, match="persistence"):
        expose_next(quiet().without("persistence"), 0.0, exposures(0)[0], seed=1)
    with pytest.raises(UsageError, match="no start"):
        expose_next(quiet(), 0.0, Exposure("a"), seed=1)
    _, history = expose_next(quiet(), spot(2000.0), exposures(5)[0], seed=1)
    with pytest.raises(UsageError, match="before the end"):
        expose_next(quiet(), 0.0, exposures(5)[0], seed=1, history=history)
