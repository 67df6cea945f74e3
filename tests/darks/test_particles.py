"""Particles that no plateau tells: rare and high values go, hot pixels stay, and errors keep their size."""

from __future__ import annotations

import numpy as np
import pytest

from obverse import Flag
from obverse.darks import calibrate_darks_lsq
from obverse.darks.sieve import Sieve
from obverse.register.law import Register
from obverse.seeds import Address, Stream
from tests.darks import gates
from tests.darks.campaigns import READ, SMALL, frame, truth

SENSOR = SMALL.in_file("sensor")
SETTINGS = [(g, t) for g in (1.5, 20.0, 300.0) for t in (2.0, 30.0, 100.0)]
FRAMES, STRUCK = 10, 0.001
"""Frames a stack, and the part of all pixels that is struck in each."""

FULL = 1e5
"""Beyond are plateaus, which are flagged [electron behind the register]."""


def hot_truth():
    """Three in a hundred pixels have a dark current of 0.1 to 5 electrons a second."""
    fpn, cic, dark = truth()
    rng = np.random.default_rng(1)
    hot = SENSOR & (rng.random(dark.shape) < 0.03)
    return (fpn, cic, np.where(hot, 10 ** rng.uniform(-1.0, np.log10(5.0), dark.shape), dark)), hot[SENSOR]


def struck_campaign(seed, part=STRUCK, maps=None):
    """Darks in which particles strike at random, all of them below the plateaus by which a search would find them."""
    fpn, cic, dark = maps or hot_truth()[0]
    rng = np.random.default_rng(seed)
    stream = Stream(Address(seed, "em_gain", "particles"))
    for gain, time in SETTINGS:
        faintest = max(2000.0, 60.0 * gain)
        for k in range(FRAMES):
            grown = stream.drawn(rng.poisson(cic + time * dark).astype(np.float32), Register(gain, 604))
            hit = SENSOR & (rng.random(grown.shape) < part)
            grown[hit] += np.exp(rng.uniform(np.log(faintest), np.log(FULL), hit.sum()))
            data = fpn + grown + rng.normal(0.0, READ, grown.shape)
            yield frame(data.astype(np.float32), gain, time, f"g{gain:g} t{time:g} {k}")


@pytest.fixture(scope="module")
def frames():
    return list(struck_campaign(4))


def fitted(frames, particles):
    return gates.deviations(calibrate_darks_lsq(frames, SMALL, particles=particles), hot_truth()[0])


@pytest.fixture(scope="module")
def sifted(frames):
    return fitted(frames, 30.0)


@pytest.fixture(scope="module")
def pulls(sifted):
    off, error = sifted
    return off / error


def test_nothing_of_them_is_in_the_maps(pulls):
    quiet = pulls[:, ~hot_truth()[1]]
    gates.is_unbiased(quiet)
    gates.is_sized(quiet, 0.06)
    assert np.abs(quiet).max() < 8  # electrons have a long tail; a particle is thirty and more of its errors away


def test_hot_pixels_keep_what_they_have(pulls):
    hot = pulls[:, hot_truth()[1]]
    gates.is_unbiased(hot)
    gates.is_sized(hot, 0.25)  # three hundred and fifty pixels


@pytest.mark.filterwarnings("ignore::obverse.ObverseWarning")
def test_counting_every_value_is_caught(frames, sifted):
    off, _ = fitted(frames, None)
    quiet = (off / sifted[1])[:, ~hot_truth()[1]]
    with pytest.raises(AssertionError):
        gates.is_unbiased(quiet)
    with pytest.raises(AssertionError):
        gates.is_sized(quiet, 0.06)


@pytest.mark.filterwarnings("ignore::obverse.ObverseWarning")
def test_leaving_out_all_that_is_high_is_caught(frames, monkeypatch):
    monkeypatch.setattr(Sieve, "sifted", lambda sieve: sieve._low)
    off, error = fitted(frames, 30.0)
    with pytest.raises(AssertionError):
        gates.is_unbiased((off / error)[:, hot_truth()[1]])


def test_darks_that_nothing_struck_give_the_same_maps():
    """Nothing is taken from clean frames but what stands out of its own pixel by eight of its deviations."""
    unstruck = list(struck_campaign(5, part=0.0))
    every, sifted = (calibrate_darks_lsq(unstruck, SMALL, particles=n) for n in (None, 30.0))
    same = np.isclose(every.unclipped.dark_current, sifted.unclipped.dark_current, rtol=1e-3, atol=1e-7)
    assert same[SENSOR].mean() > 0.999
    assert every.n_frames - sifted.n_frames <= 1


WARM, WELL = 1.5, 4.5e4
"""Dark current [electron/s] that fills a small register in half of the longest frames [electron behind it]."""


def fullest(what):
    """Pulls of pixels that fill the register now and then, where that is flagged."""
    fpn, cic, dark = truth()
    warm = SENSOR & (np.random.default_rng(2).random(dark.shape) < 0.1)
    maps = fpn, cic, np.where(warm, WARM, dark)
    frames = [
        each.replace(flags=np.where(each.data > WELL, what, 0).astype(np.uint8))
        for each in struck_campaign(5, 0.0, maps)
    ]
    off, error = gates.deviations(calibrate_darks_lsq(frames, SMALL, particles=30.0), maps)
    return (off / error)[:, warm[SENSOR]]


def test_pixels_that_fill_the_register_now_and_then_are_not_too_low():
    gates.is_unbiased(fullest(Flag.SATURATED))


@pytest.mark.filterwarnings("ignore::obverse.ObverseWarning")
def test_leaving_out_their_fullest_frames_alone_is_caught():
    with pytest.raises(AssertionError, match="sigma off"):
        gates.is_unbiased(fullest(Flag.JUMP_DET))


@pytest.mark.validate
def test_pulls_are_one_in_six_campaigns():
    made = [fitted(list(struck_campaign(20 + seed)), 30.0) for seed in range(6)]
    together = np.concatenate([off / error for off, error in made], axis=1)
    hot = np.tile(hot_truth()[1], 6)
    gates.is_unbiased(together[:, ~hot])
    gates.is_sized(together[:, ~hot], 0.03)
    gates.is_unbiased(together[:, hot])
    # what strikes a pixel that is above the ceiling in all frames of a stack stays in it: one pixel in several hundred
    spared = hot & (np.abs(together).max(axis=0) < 7)
    assert spared.sum() > 0.99 * hot.sum()
    gates.is_sized(together[:, spared], 0.16)
