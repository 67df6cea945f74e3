"""Maps that were measured together: the error of what is subtracted is that of draws from their covariance."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest

from obverse import Detector, Exposure, ReadPattern
from obverse.belief import Block
from obverse.joint import joint_variance
from obverse.moment import Moment

SHAPE = (32, 48)
NAMES = ("fixed_pattern.pattern", "clock_induced_charge.level", "dark_current.rate")
EXPOSURE = Exposure("a", 100.0, em_gain=50.0)


def belief():
    """A camera whose three maps are as uncertain as those of a short campaign, and as correlated."""
    error = np.array([8.0, 0.02, 4e-4])
    correlation = np.array([[1.0, -0.6, 0.1], [-0.6, 1.0, -0.7], [0.1, -0.7, 1.0]])
    size = 1.0 + np.random.default_rng(1).uniform(size=SHAPE)
    matrix = (correlation * np.outer(error, error))[..., None, None] * size
    nominal = Detector.load("corgi_excam").without("cosmic_rays", "register_trail").resized(SHAPE)
    for name, value in zip(NAMES, (21.0, 0.02, 8e-4), strict=True):
        effect, parameter = name.split(".")
        nominal = nominal.with_effect(nominal.effect(effect).replace(**{parameter: np.full(SHAPE, value)}))
    return nominal.with_covariance(Block(NAMES, matrix))


@pytest.fixture(scope="module")
def drawn():
    """Scatter of one calibrated frame over what the maps leave open, in units of what is stated, pixel by pixel."""
    known = belief()
    raw = known.expose(0.0, EXPOSURE, seed=3)
    done = known.recipe().before("smear").run(raw)
    images = np.stack([known.draw(seed).recipe().before("smear").run(raw).data for seed in range(150)])
    return images.var(axis=0, ddof=1), done


def test_the_stated_variance_is_the_scatter_of_draws(drawn):
    scatter, done = drawn
    ratio = scatter / done.variances["dark"]
    assert abs(ratio.mean() - 1.0) + 5 * ratio.std() / np.sqrt(ratio.size) < 0.03
    assert done.shared["dark"] == belief().covariance[0].digest


def test_three_variances_without_their_covariances_are_caught(drawn):
    scatter, _ = drawn
    block = belief().covariance[0]
    a = np.array([1.0 / 50.0, 1.0, 100.0])
    alone = np.einsum("j,jjrc->rc", a**2, block.matrix)
    assert (scatter / alone).mean() < 0.9  # the gate above is 1 +- 0.03


def test_each_map_counts_as_often_as_it_is_taken_away():
    known = belief()
    at = Moment.of(known.expose(0.0, EXPOSURE, seed=3), known.geometry)
    one = np.zeros((3, 3, *SHAPE))
    for i, expected in enumerate((1.0 / 50.0, 1.0, 100.0)):
        one[:] = 0.0
        one[i, i] = 1.0
        np.testing.assert_allclose(joint_variance(known, Block(NAMES, one), at), expected**2, rtol=1e-6)


STEPS = [name.partition(".")[0] for name in NAMES]


@pytest.mark.parametrize("left_out", [(), *((a,) for a in STEPS), *combinations(STEPS, 2), tuple(STEPS)])
def test_the_variance_is_that_of_the_maps_that_were_subtracted(left_out):
    """A recipe without some of them has no error of theirs, and keeps that of the others."""
    known = belief()
    raw = known.expose(0.0, EXPOSURE, seed=3)
    done = known.recipe().before("smear").without(*left_out).run(raw)
    a = np.array([1.0 / 50.0, 1.0, 100.0]) * [step not in left_out for step in STEPS]
    expected = np.einsum("j,k,jkrc->rc", a, a, known.covariance[0].matrix)
    if len(left_out) == 3:
        assert "dark" not in done.variances
    else:
        np.testing.assert_allclose(done.variances["dark"], expected, rtol=1e-5)
        assert done.shared["dark"] == known.covariance[0].digest


@pytest.mark.parametrize("stop", ["fixed_pattern", "assemble", "estimate", "clock_induced_charge", "dark_current"])
def test_a_recipe_that_stops_between_the_maps_goes_on_to_the_same_variance(stop):
    known = belief()
    raw = known.expose(0.0, EXPOSURE, seed=3)
    recipe = known.recipe()
    assert recipe.run(recipe.until(stop).run(raw)) == recipe.run(raw)


def test_a_detector_without_one_of_the_maps_keeps_the_errors_of_the_others():
    known = belief().without("fixed_pattern")
    done = known.recipe().before("smear").run(known.expose(0.0, EXPOSURE, seed=3))
    assert (done.variances["dark"] > 0).all()


def test_a_single_map_of_a_ramp_states_its_error_once():
    known = Detector.load("generic_h2rg").resized((32, 32)).without("cosmic_rays")
    rate, error = np.full((32, 32), 0.05), np.full((32, 32), 0.01)
    dark = known.effect("dark_current").replace(rate=rate, error=error)
    known = known.with_effect(dark).with_covariance(Block(("dark_current.rate",), error[None, None] ** 2))
    raw = known.expose(0.0, Exposure("a", pattern=ReadPattern.even(6, frame_time=10.0)), seed=1)
    done = known.recipe().until("dark_current").run(raw)
    np.testing.assert_allclose(done.variances["dark"], 1e-4, rtol=1e-5)
