"""The fit up to saturation: ramps cut where they reach full well, and nothing learnt from where they were cut."""

import numpy as np
import pytest

import obverse as ob
from tests.ramps.gates import simulate

FULL_WELL = 60_000.0
NOISE = 15.0
EVEN = ob.ReadPattern.even(20, frame_time=2.73)


def cut(rate: float, n: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Simulate ramps and flag everything from the first read at full well on."""
    counts = simulate(EVEN, NOISE, rate, n, seed)
    full = np.logical_or.accumulate(counts >= FULL_WELL, axis=0)
    return np.minimum(counts, FULL_WELL), np.where(full, np.uint8(ob.Flag.SATURATED), np.uint8(0))


def judge(rate: float, n: int, seed: int = 11) -> None:
    """Assert bias under 0.01 sigma plus three standard errors, and a pull scatter of one."""
    counts, flags = cut(rate, n, seed)
    fit = ob.fit_ramps(counts, EVEN, gain=1.0, read_noise=NOISE, flags=flags, find_jumps=False)
    assert np.isfinite(fit.rate).all()
    pull = (fit.rate - rate) / fit.error
    bias = (fit.rate.mean(dtype=np.float64) - rate) / fit.rate.std(dtype=np.float64)
    assert abs(bias) < 0.01 + 3.0 / np.sqrt(n)
    assert pull.std(dtype=np.float64) == pytest.approx(1.0, abs=0.01 + 3.0 / np.sqrt(2.0 * n))


# at 5000 electron/s four reads stay below full well
@pytest.mark.parametrize("rate", [900.0, 2000.0, 5000.0])
def test_ramps_cut_at_full_well_are_unbiased(rate: float) -> None:
    judge(rate, 50_000)


@pytest.mark.validate
@pytest.mark.parametrize("rate", [900.0, 1500.0, 2000.0, 3000.0, 4000.0, 5000.0, 6000.0])
def test_ramps_cut_at_full_well_are_unbiased_at_full_size(rate: float) -> None:
    judge(rate, 400_000)


def test_a_ramp_that_is_full_from_the_first_read_has_no_rate() -> None:
    counts, flags = cut(60_000.0, 1000, 3)
    fit = ob.fit_ramps(counts, EVEN, gain=1.0, read_noise=NOISE, flags=flags)
    assert np.isnan(fit.rate).all()
    assert np.isnan(fit.error).all()
    assert ((fit.flags & ob.Flag.DO_NOT_USE) != 0).all()
    assert ((fit.flags & ob.Flag.SATURATED) != 0).all()


def test_reads_behind_full_well_would_be_seen_by_this_gate() -> None:
    counts, _ = cut(2000.0, 50_000, 11)
    fit = ob.fit_ramps(counts, EVEN, gain=1.0, read_noise=NOISE, find_jumps=False)
    assert abs(fit.rate.mean() - 2000.0) > 100.0
