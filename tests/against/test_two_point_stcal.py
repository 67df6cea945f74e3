"""Two-point differences against stcal on the same arrays; `docs/differences.md` says where they differ and why."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest

import obverse as ob
from obverse import Flag, ReadPattern
from obverse.ramps.two_point import TwoPoint

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # of the peer and of what it imports
    pytest.importorskip("stcal", reason="the peer is not installed")
    from stcal.jump.jump import detect_jumps_data
    from stcal.jump.jump_class import JumpData

BITS = {
    "GOOD": 0,
    "DO_NOT_USE": 1,
    "SATURATED": 2,
    "JUMP_DET": 4,
    "NO_GAIN_VALUE": 1 << 19,
    "REFERENCE_PIXEL": 1 << 31,
}
GAIN, NOISE = 2.0, 10.0


def theirs(counts: Any, pattern: ReadPattern, flags: Any, group_time: float | None = None, **settings: Any) -> Any:
    image = counts.shape[-2:]
    noise = np.full(image, NOISE / GAIN * 2**0.5, "f4")
    data = JumpData(gain2d=np.full(image, GAIN, "f4"), rnoise2d=noise, dqflags=BITS)
    data.nframes, data.max_cores, data.flag_4_neighbors = 1, "none", False
    data.dt_group = np.diff(pattern.tbar) if group_time is None else np.ones(1)
    data.n_reads_groupdiff = np.ones(1) * 2 if group_time else pattern.n_reads[1:] + pattern.n_reads[:-1]
    for name, value in settings.items():
        setattr(data, name, value)
    data.init_arrays_from_arrays(counts.copy(), flags.copy(), np.zeros(image, "u4"))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return detect_jumps_data(data)[0]


def ramps(pattern: ReadPattern, integrations: int, seed: int, shape: tuple[int, int] = (60, 50)) -> Any:
    """Ramps of 0.1 to 1000 electron/s with hits in a tenth of the differences of a fifth of the pixels, in DN."""
    rng = np.random.default_rng(seed)
    rate = 10 ** rng.uniform(-1, 3, shape)
    cube = (integrations, len(pattern), *shape)
    charge = rng.poisson(rate * np.diff(pattern.tbar, prepend=0)[:, None, None], cube).astype(float)
    charge += (rng.random(cube) < 0.1) * (rng.random(shape) < 0.2) * rng.uniform(20, 5000, cube)
    noise = rng.normal(0, 1, cube) * NOISE / np.sqrt(pattern.n_reads)[:, None, None]
    return ((np.cumsum(charge, axis=1) + noise) / GAIN).astype("f4")


def saturated(counts: Any, share: float, seed: int) -> Any:
    """Flags SATURATED from some group on, in a share of the pixels."""
    rng = np.random.default_rng(seed)
    first = np.where(rng.random(counts.shape[-2:]) < share, rng.integers(1, counts.shape[1], counts.shape[-2:]), 99)
    return (np.broadcast_to(np.arange(counts.shape[1])[:, None, None] >= first, counts.shape) * 2).astype("u1")


def apart(ours: Any, peer: Any) -> float:
    """Share of the pixels with any difference in the jumps that both set."""
    return float(((ours ^ peer) & Flag.JUMP_DET).any(axis=(0, 1)).mean())


def compared(groups: int, integrations: int = 1, flagged: float = 0.0, seed: int = 1, **settings: Any) -> Any:
    pattern = ReadPattern.even(groups, frame_time=10.0)
    counts = ramps(pattern, integrations, seed)
    flags = saturated(counts, flagged, seed)
    options = settings.pop("options", TwoPoint(neighbours=None))
    ours = ob.find_jumps(counts, pattern, gain=GAIN, read_noise=NOISE, flags=flags, options=options)
    return ours, theirs(counts, pattern, flags, group_time=1.0, **settings)


# one pixel in 3000 may lie at its limit to the rounding of single precision
@pytest.mark.parametrize("groups", [3, 4, 5, 10])
@pytest.mark.parametrize("integrations", [1, 2])
@pytest.mark.parametrize("flagged", [0.0, 0.5])
def test_rounds(groups: int, integrations: int, flagged: float) -> None:
    ours, peer = compared(groups, integrations, flagged)
    assert (peer & 4).sum() > 200
    assert apart(ours, peer) <= 1 / 3000


@pytest.mark.parametrize("groups", [11, 30])
@pytest.mark.parametrize("integrations", [1, 3])
def test_single_pass(groups: int, integrations: int) -> None:
    ours, peer = compared(groups, integrations)
    assert (peer & 4).sum() > 2000
    assert apart(ours, peer) <= 1 / 3000


@pytest.mark.parametrize("across", [True, False])
def test_sigma_clipping(across: bool) -> None:
    options = TwoPoint(neighbours=None, clip_across="integrations" if across else "exposure")
    ours, peer = compared(4, 110, options=options, only_use_ints=across)
    assert (peer & 4).sum() > 2000
    # the peer's clipping is in double precision
    assert apart(ours, peer) <= 3 / 3000


@pytest.mark.parametrize("groups", [6, 15])
def test_neighbours_and_transients(groups: int) -> None:
    options = TwoPoint(after_jumps=((2000.0, 10.0), (4000.0, 30.0)))
    names = {"after_jump_flag_dn1": 1000.0, "after_jump_flag_n1": 1, "after_jump_flag_dn2": 2000.0}
    settings = {"flag_4_neighbors": True, "after_jump_flag_n2": 3, **names}
    ours, peer = compared(groups, flagged=0.2 * (groups < 11), options=options, **settings)
    assert apart(ours, peer) <= 3 / 3000


def test_uneven_reads_differ_only_by_the_noise_of_the_differences() -> None:
    """With the peer's numbers for the noise in ours, the flags agree; with ours they do not."""
    pattern = ReadPattern([[1], [2, 3], [4, 5, 6, 7], [8, 9, 10, 11, 12, 13, 14, 15], [16]], 10.0)
    counts = ramps(pattern, 1, 7)
    flags = np.zeros(counts.shape, "u1")
    ours = ob.find_jumps(counts, pattern, gain=GAIN, read_noise=NOISE, options=TwoPoint(neighbours=None))
    assert 0.005 < apart(ours, theirs(counts, pattern, flags)) < 0.2


def test_unequal_averaging_makes_no_false_alarms() -> None:
    """1 and 8 reads: the noise of the peer's difference is too small by a factor 1.6, and clean pixels are flagged."""
    reads = [[1], list(range(2, 10)), [10], list(range(11, 19)), [19], list(range(20, 28)), [28]]
    pattern = ReadPattern(reads, 10.0)
    rng = np.random.default_rng(8)
    counts = rng.normal(0, 1, (1, 7, 200, 200)) * (NOISE / GAIN / np.sqrt(pattern.n_reads))[:, None, None]
    flags, counts = np.zeros(counts.shape, "u1"), counts.astype("f4")
    ours = ob.find_jumps(counts, pattern, gain=GAIN, read_noise=NOISE, options=TwoPoint(neighbours=None))
    peer = theirs(counts, pattern, flags)
    assert (peer & 4).any(axis=1).mean() > 0.005
    assert (ours & 4).any(axis=1).mean() < 0.0002


def test_two_groups_with_snowballs_break_the_peer() -> None:
    pattern = ReadPattern.even(2, frame_time=10.0)
    counts = np.zeros((1, 2, 9, 9), "f4")
    with pytest.raises(UnboundLocalError):
        theirs(counts, pattern, np.zeros(counts.shape, "u1"), group_time=1.0, expand_large_events=True)
