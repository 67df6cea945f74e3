"""Darks on disk: one pass, little memory, and a bad file among many."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest

import obverse as ob
from obverse.darks import CalDarksLSQException, calibrate_darks_lsq
from obverse.darks.dataset import Entry
from tests.darks.campaigns import SMALL, campaign

SETTINGS = [(2.0, 2.0), (2.0, 100.0), (1000.0, 2.0), (1000.0, 100.0), (4000.0, 30.0)]
PLANES = ("fpn", "cic", "dark_current", "fpn_error", "cic_error", "dark_current_error", "flags", "cross", "unreliable")


@pytest.fixture(scope="module")
def frames():
    rng = np.random.default_rng(1)
    made = campaign(SETTINGS, [4, 5, 4, 6, 4], 3)
    return [each.replace(flags=np.where(rng.random(each.shape) < 0.05, 4, 0).astype(np.uint8)) for each in made]


@pytest.fixture(scope="module")
def paths(frames, tmp_path_factory):
    folder = tmp_path_factory.mktemp("darks")
    out = [folder / f"{k:03d}.fits" for k in range(len(frames))]
    for frame, path in zip(frames, out, strict=True):
        ob.write(frame, path)
    return out


def same(mine, theirs):
    for name in PLANES:
        np.testing.assert_array_equal(getattr(mine, name), getattr(theirs, name))
    assert mine.stacks == theirs.stacks
    assert mine.bias_offset == theirs.bias_offset


def test_files_and_frames_give_the_same(frames, paths):
    same(calibrate_darks_lsq(frames, SMALL), calibrate_darks_lsq(paths, SMALL))
    same(calibrate_darks_lsq(frames, SMALL), calibrate_darks_lsq([str(path) for path in paths], SMALL))


@pytest.mark.parametrize("how", [{"threads": 1}, {"threads": 3}, {"memory_limit": 0}])
def test_threads_and_the_spool_change_nothing(frames, how):
    same(calibrate_darks_lsq(frames, SMALL), calibrate_darks_lsq(frames, SMALL, **how))


def test_order_changes_rounding_alone(frames):
    first = calibrate_darks_lsq(frames, SMALL)
    order = np.random.default_rng(2).permutation(len(frames))
    other = calibrate_darks_lsq([frames[k] for k in order], SMALL)
    for name in ("fpn", "cic", "dark_current"):
        value = getattr(first.unclipped, name)
        np.testing.assert_allclose(getattr(other.unclipped, name), value, rtol=1e-9, atol=1e-9 * np.abs(value).max())


def test_every_file_is_read_once(paths, monkeypatch):
    read = []
    whole = Entry.frame
    monkeypatch.setattr(Entry, "frame", lambda entry: read.append(entry.name) or whole(entry))
    calibrate_darks_lsq(paths, SMALL)
    assert len(read) == len(set(read)) == len(paths)


@pytest.mark.filterwarnings("ignore::obverse.ObverseWarning")  # the same frames twice scatter too little
def test_memory_does_not_grow_with_the_frames(paths):
    def peak(n):
        tracemalloc.start()
        calibrate_darks_lsq(paths * n, SMALL, memory_limit=0, threads=1)
        most = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return most

    peak(1)
    frame = 120 * 220 * 4
    assert peak(2) - peak(1) < 3 * frame  # 23 frames more: their names and exposures, no pixels


@pytest.fixture
def one_bad(paths, tmp_path):
    bad = tmp_path / "bad.fits"
    raw = bytearray(paths[1].read_bytes())
    raw[len(raw) // 2] ^= 0xFF
    bad.write_bytes(raw)
    return [paths[0], bad, *paths[2:]]


def test_a_bad_file_is_named(one_bad):
    with pytest.raises(ob.DataError, match=r"bad\.fits: .*, fetch the file again"):
        calibrate_darks_lsq(one_bad, SMALL)


def test_the_rest_goes_on(one_bad, paths):
    with pytest.warns(ob.ObverseWarning, match=r"bad\.fits.*left out"):
        maps = calibrate_darks_lsq(one_bad, SMALL, skip_bad=True)
    assert [name.endswith("bad.fits") for name in maps.skipped] == [True]
    same(maps, calibrate_darks_lsq([paths[0], *paths[2:]], SMALL))


def test_a_bad_header_is_named_before_any_pixel_is_read(paths, tmp_path, monkeypatch):
    cut = tmp_path / "cut.fits"
    cut.write_bytes(paths[0].read_bytes()[:4000])
    monkeypatch.setattr(Entry, "frame", lambda entry: pytest.fail("read pixels"))
    with pytest.raises(ob.DataError, match=r"cut\.fits"):
        calibrate_darks_lsq([*paths, cut], SMALL)


def test_too_few_are_left(one_bad, tmp_path):
    empty = [tmp_path / f"{k}.fits" for k in range(3)]
    for path in empty:
        path.write_bytes(b"")
    with pytest.warns(ob.ObverseWarning), pytest.raises(CalDarksLSQException, match="stacks"):
        calibrate_darks_lsq([one_bad[0], *empty], SMALL, skip_bad=True)
