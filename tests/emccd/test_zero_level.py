"""The level of dark pixels of which some have caught an electron: found at every gain, where medians are not."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from obverse import Detector, Exposure, Flag, Geometry, Moment, ObverseWarning, Recipe, UsageError
from obverse.emccd.level_without_electrons import zero_level
from obverse.register.law import Register
from obverse.seeds import Address, Stream

READ, LEVEL, ELECTRONS, PARTIAL = 165.0, 40.0, 0.035, 1 / 40
PRESCAN = (1200, 200)


def dark_pixels(gain: float, seed: int) -> np.ndarray:
    """The reliable prescan of one frame [electron behind the register]."""
    rng = np.random.default_rng([seed, int(gain)])
    charge = rng.poisson(ELECTRONS, PRESCAN).astype(np.float32)
    grown = Stream(Address(seed, "em_gain", "zero")).drawn(charge, Register(gain, 604, PARTIAL))
    return LEVEL + grown + rng.normal(0.0, READ, PRESCAN)


def found(values: np.ndarray, gain: float) -> float:
    return zero_level(values, gain, electrons=ELECTRONS + PARTIAL, partial=PARTIAL)


def median(values: np.ndarray, gain: float) -> float:
    return float(np.median(values))


def refuse_bias(level_of: Callable[[np.ndarray, float], float], gain: float, frames: int, tolerance: float) -> None:
    """Mean error of the level, and three of its own errors, lie within the tolerance [electron]."""
    off = np.array([level_of(dark_pixels(gain, seed), gain) for seed in range(frames)]) - LEVEL
    worst = abs(off.mean()) + 3 * off.std(ddof=1) / np.sqrt(frames)
    assert worst < tolerance, f"gain {gain:g}: {off.mean():.2f} +- {off.std(ddof=1) / np.sqrt(frames):.2f} electron"


@pytest.mark.parametrize("gain", [20.0, 200.0, 5000.0])
def test_the_level_is_right_within_one_electron(gain: float) -> None:
    refuse_bias(found, gain, 10, 1.0)


@pytest.mark.validate
@pytest.mark.parametrize("gain", [1.5, 20.0, 80.0, 100.0, 150.0, 200.0, 500.0, 1000.0, 2500.0, 5000.0])
def test_the_level_is_right_within_half_an_electron(gain: float) -> None:
    refuse_bias(found, gain, 60, 0.5)


@pytest.mark.parametrize("gain", [200.0, 1000.0])
def test_a_median_is_caught(gain: float) -> None:
    with pytest.raises(AssertionError, match="electron"):
        refuse_bias(median, gain, 4, 1.0)


def test_particles_far_above_are_not_looked_at() -> None:
    values = dark_pixels(1000.0, 1)
    struck = values.copy()
    struck[::100, :20] = 1e5
    assert abs(found(struck, 1000.0) - found(values, 1000.0)) < 0.5


# -- the step of a recipe ---------------------------------------------------------------------------------------------


def camera() -> Detector:
    """A small sensor behind the whole prescan, whose bias is 1500 DN and does not drift."""
    geometry = Geometry((500, 20), prescan=1010, parallel_overscan=12, shielded=(2, 0, 0, 2))
    nominal = Detector.load("corgi_excam").replace(geometry=geometry, modes=())
    drift = nominal.effect("bias_drift").replace(frame_sigma=0.0, row_sigma=0.0)
    return nominal.with_effect(drift).without("cosmic_rays", "register_trail", "level_nonlinearity")


def shifts(recipe_of: Callable[[Detector], Recipe], frames: int) -> np.ndarray:
    """What a recipe has shifted each frame by, against the bias that it truly had [electron behind the register]."""
    truth = camera()
    raws = [truth.expose(0.0, Exposure(f"{k}", 2.0, em_gain=5000.0), seed=5) for k in range(frames)]
    done = [recipe_of(truth).run(raw).data - truth.recipe().until("bias").run(raw).data for raw in raws]
    return 8.7 * np.array([each.mean(dtype=np.float64) for each in done])


def test_the_step_gives_the_bias_back() -> None:
    """To 2 electrons behind the register, where the mean of the rows has taken twenty for bias."""
    off = shifts(lambda known: known.recipe().until("zero_level"), 4)
    assert abs(off.mean()) + 3 * off.std(ddof=1) / np.sqrt(len(off)) < 2.0
    without = shifts(lambda known: known.recipe().until("bias_drift"), 4)
    assert without.mean() < -10.0


@pytest.mark.parametrize("name", ["generic_ccd", "generic_h2rg", "esis"])
def test_a_detector_without_a_register_has_no_such_step(name: str) -> None:
    other = Detector.load(name)
    with pytest.raises(UsageError, match="unknown step 'zero_level'"):
        other.replace(steps=(*other.steps, "zero_level"))


def test_electrons_and_frames_without_their_bias_taken_are_refused() -> None:
    truth = camera()
    raw = truth.expose(0.0, Exposure("a", 2.0, em_gain=5000.0), seed=5)
    (step,) = (step for step in truth.recipe().steps if step.name == "zero_level")
    early = truth.recipe().until("bias").run(raw)
    late = truth.recipe().until("gain").without("zero_level").run(raw)
    for frame, said in ((early, "undo 'bias_drift' first"), (late, "is in 'electron', it must be in 'DN'")):
        with pytest.raises(UsageError, match=f"zero_level: .*{said}"):
            step(frame, Moment.of(frame, truth.geometry))


@pytest.mark.parametrize("values", [[], [np.nan, 1.0], [np.inf] * 20])
def test_no_level_comes_of_no_values(values: list[float]) -> None:
    with pytest.raises(UsageError, match=r"zero_level: .* values: give one or more, and numbers only"):
        zero_level(np.array(values), 100.0)


def full() -> Detector:
    """The camera of flight with few rows and columns, its search for particles with it."""
    geometry = Geometry((24, 40), prescan=64, overscan=4, parallel_overscan=4, shielded=(2, 0, 0, 2))
    nominal = Detector.load("corgi_excam").replace(geometry=geometry, modes=())
    return nominal.with_effect(nominal.effect("bias_drift").replace(settle=8, width=50))


@pytest.mark.parametrize("light", [1e5, 1e7])
def test_a_frame_that_is_full_everywhere_keeps_its_level_and_says_so(light: float) -> None:
    """It is bad as a whole: no dark pixel is left to tell the level, and nothing is subtracted."""
    known = full()
    raw = known.expose(light, Exposure("full", 10.0, em_gain=1000.0), seed=1)
    with pytest.warns(ObverseWarning, match="pixels are full"):
        before = known.recipe().before("zero_level").run(raw)
    found = known.recipe().until("zero_level").run(before)
    image = known.calibrate(found)
    assert (found.flags & Flag.DO_NOT_USE).all()
    np.testing.assert_array_equal(found.data, before.data)
    assert image.unusable().all()
