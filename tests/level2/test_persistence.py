"""A bright exposure and dark ones behind it: what the traps release is subtracted, and flagged where it matters."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest

from obverse import Exposure, Flag, Frame
from obverse.history import History
from obverse.ma_tables import ma_table
from obverse.sequence import expose_next
from obverse.testing import require
from tests.level2.simulating import SHAPE, drawn_belief, true_wfi

STARTS = ("12:00", "12:05", "12:10", "12:40")


def bright() -> np.ndarray:
    """Return a light that fills pixels to 10 % at the left and far beyond full well at the right [photon/s]."""
    return np.broadcast_to(np.geomspace(70.0, 3000.0, SHAPE[1]), SHAPE)


@cache
def night() -> tuple[tuple[Frame, History | None], ...]:
    """Return the exposures, each with what those before it had left."""
    truth, history, taken = true_wfi().without("snowballs", "cosmic_rays"), None, []
    for i, start in enumerate(STARTS):
        exposure = Exposure(f"n{i}", pattern=ma_table(110), start=f"2027-05-01T{start}:00")
        before = history
        frame, history = expose_next(truth, 0.0 if i else bright(), exposure, seed=9, history=before)
        taken.append((frame, before))
    return tuple(taken)


def mean_over(image: Frame, where: np.ndarray) -> tuple[float, float]:
    """Return the mean rate of usable pixels, and its error."""
    good = where & ~image.unusable()
    return float(image.data[good].mean()), float(np.sqrt((np.asarray(image.variance)[good]).sum()) / good.sum())


def common(belief_rate: float) -> float:
    """Return what references leave open of a mean in the dark: dark rate, persistence, and the level of the border."""
    return float(np.sqrt(0.0005**2 + (0.0001 / 0.017 * belief_rate) ** 2 + 0.001**2))


@pytest.mark.parametrize("which", [1, 2, 3])
def test_no_mean_is_left_behind_a_bright_exposure(which):
    frame, before = night()[which]
    belief = drawn_belief()
    columns = np.broadcast_to(np.arange(SHAPE[1]), SHAPE)
    kept, taken = belief.calibrate(frame), belief.calibrate(frame, history=before)
    for start in range(8, 248, 60):
        where = (columns >= start) & (columns < start + 60) & belief.geometry.sensitive
        seen, error = mean_over(kept, where)
        left, _ = mean_over(taken, where)
        require(
            abs(left) < 5 * np.hypot(error, common(seen)), f"columns from {start}: {left:.2g} of {seen:.2g} is left"
        )
    if which < 3:
        require(seen > 20 * error, "at the right there must be something to subtract")


def test_what_is_subtracted_is_what_was_released():
    """Full pixels in the first dark exposure: A (x / x0)^alpha / (1 + exp) (1000 s / t), by hand."""
    frame, before = night()[1]
    full = (slice(8, -8), slice(200, 248))
    x, since, until = 106850.2, 300.0 - 139.149, 300.0  # reset at the end of the bright one, 44 reads of 3.16247 s
    traps = 0.017 * (x / 6e4) ** 0.045 / (1 + np.exp(-(x - 6e4) / 5e4))
    released = traps * 1000.0 * np.log(until / since)  # until the last read [electron]
    truth = true_wfi().without("snowballs", "cosmic_rays")
    alone = truth.expose(0.0, frame.exposure, seed=9)  # every other random number is the same
    rise = (frame.data[0, -1].astype(float) - alone.data[0, -1])[full]
    assert rise.mean() * 2.0 == pytest.approx(released, rel=0.04)  # gains are 2.03 and 1.94 electron/DN
    belief = drawn_belief()
    subtracted = belief.calibrate(frame).data - belief.calibrate(frame, history=before).data
    assert subtracted[full].mean() == pytest.approx(released / 139.149, rel=0.03)  # all rates fall within the ramp


def test_it_is_flagged_where_the_rate_is_what_the_effect_states():
    frame, before = night()[1]
    belief = drawn_belief()
    image = belief.calibrate(frame, history=before)
    effect = belief.effect("persistence")
    rate = before.image(effect.rate(before.charge, before.ages(frame.exposure)))
    flagged = (image.pixel_flags & Flag.PERSISTENCE) != 0
    np.testing.assert_array_equal(flagged, rate >= effect.faintest)
    assert 0.3 < flagged.mean() < 0.99
    assert not ((belief.calibrate(frame).pixel_flags & Flag.PERSISTENCE) != 0).any()  # without a history none is known


def test_the_history_is_what_stood_in_the_pixels():
    """Released charge is remembered too; full wells at the right, and the light of the left."""
    _, before = night()[1]
    held = before.image(before.charge)[8:-8, 8:-8]
    seconds = ma_table(110).times[-1][-1]
    expected = np.minimum(bright()[8:-8, 8:-8] * seconds, 106850.2)
    np.testing.assert_allclose(held.mean(axis=0), expected.mean(axis=0), rtol=0.02)
