"""Beliefs: what was measured together is drawn together, and shared errors stay when exposures are averaged."""

from __future__ import annotations

import numpy as np
import pytest

import obverse as ob
from obverse import Detector, Exposure, UsageError
from obverse.belief import Block
from obverse.effects.flat import Flat

CCD = Detector.load("generic_ccd").resized((64, 64))
PAIR = ("gain.gain", "read_noise.sigma")
MATRIX = np.array([[4e-4, 3e-3], [3e-3, 9e-2]])


def test_draws_have_the_covariance_of_their_block():
    random = np.random.default_rng(1)
    drawn = np.array([Block(PAIR, MATRIX).draw(random) for _ in range(20_000)])
    got = np.cov(drawn.T)
    # the variance of a covariance of n draws is (C_ii C_jj + C_ij^2) / n
    error = np.sqrt((np.outer(np.diag(MATRIX), np.diag(MATRIX)) + MATRIX**2) / len(drawn))
    assert (np.abs(got - MATRIX) < 5 * error).all()
    assert (np.abs(drawn.mean(axis=0)) < 5 * np.sqrt(np.diag(MATRIX) / len(drawn))).all()


def test_a_block_of_maps_is_drawn_pixel_by_pixel():
    maps = MATRIX[:, :, None, None] * np.linspace(1.0, 4.0, 200_000).reshape(1, 1, 400, 500)
    drawn = Block(PAIR, maps).draw(np.random.default_rng(2))
    assert drawn.shape == (2, 400, 500)
    scaled = drawn / np.sqrt(maps[[0, 1], [0, 1]])
    got = np.cov(scaled.reshape(2, -1))
    correlation = 3e-3 / np.sqrt(4e-4 * 9e-2)
    # n = 2e5: five times sqrt(2/n) = 1.6 %
    np.testing.assert_allclose(got, [[1.0, correlation], [correlation, 1.0]], atol=0.016)


def test_parameters_without_error_are_drawn_as_they_are():
    degenerate = Block(PAIR, np.array([[1.0, 2.0], [2.0, 4.0]]))  # wholly correlated
    drawn = degenerate.draw(np.random.default_rng(1))
    assert drawn[1] == pytest.approx(2.0 * drawn[0])


def test_the_same_seed_draws_the_same_detector():
    belief = CCD.with_covariance(Block(PAIR, MATRIX))
    assert belief.draw(3) == belief.draw(3)
    assert belief.draw(3) != belief.draw(4)


def test_drawing_changes_only_what_was_measured():
    belief = CCD.with_covariance(Block(PAIR, MATRIX), Block(("nonlinearity.coefficients.0",), [[1e-18]]))
    drawn = belief.draw(1)
    changed = {e.name for e, old in zip(drawn.effects, belief.effects, strict=True) if e != old}
    assert changed == {"gain", "read_noise", "nonlinearity"}
    assert drawn.effect("nonlinearity").coefficients[0] != 1e-7
    assert drawn.covariance == belief.covariance


def test_amplifiers_are_drawn_each_for_itself():
    per_amplifier = np.array([[[4e-4, 1e-4]]])
    drawn = np.array(
        [CCD.with_covariance(Block(("gain.gain",), per_amplifier)).draw(i).effect("gain").gain for i in range(2000)]
    )
    # five times sqrt(2/2000) on a variance
    np.testing.assert_allclose(drawn.var(axis=0), [4e-4, 1e-4], rtol=0.16)
    assert abs(np.corrcoef(drawn.T)[0, 1]) < 5 / np.sqrt(2000)


def test_the_spread_of_a_linear_function_is_the_analytic_one():
    belief = CCD.with_covariance(Block(PAIR, MATRIX))
    got = ob.spread(
        lambda d: 3.0 * d.effect("gain").gain[0] - 0.5 * d.effect("read_noise").sigma, belief, draws=2000, seed=1
    )
    weights = np.array([3.0, -0.5])
    # a standard deviation of n draws is known to 1/sqrt(2n): five times that is 8 %
    assert got == pytest.approx(np.sqrt(weights @ MATRIX @ weights), rel=0.08)


def test_the_spread_of_a_calibrated_image_is_that_of_the_gain():
    belief = CCD.with_covariance(Block(("gain.gain",), [[4e-4]]))
    raw = CCD.expose(1000.0, Exposure("a", 10.0), seed=1)
    got = ob.spread(lambda d: d.calibrate(raw).data[:, :32].mean(), belief, draws=200, seed=2)
    # proportional to the gain but for the nonlinearity of 0.1 %; 200 draws know it to 5 %, five times that is 25 %
    assert got == pytest.approx(10000.0 * 0.02 / 2.5, rel=0.25)


def test_a_spread_needs_something_measured_and_two_draws():
    with pytest.raises(UsageError, match="no covariance"):
        ob.spread(lambda d: 1.0, CCD)
    with pytest.raises(UsageError, match="1 draws say nothing"):
        ob.spread(lambda d: 1.0, CCD.with_covariance(Block(PAIR, MATRIX)), draws=1)


@pytest.mark.parametrize("matrix", [np.eye(3), np.ones(2), [[1.0, 0.5], [0.4, 1.0]]])
def test_a_matrix_that_is_no_covariance_is_refused(matrix):
    with pytest.raises(UsageError, match="covariance of"):
        Block(PAIR, matrix)


def test_averaging_exposures_reduces_the_independent_variances_alone():
    error = np.full((64, 64), 0.01)
    belief = CCD.with_effect(Flat(response=np.ones((64, 64)), error=error))
    frames = [belief.calibrate(CCD.expose(2000.0, Exposure(f"e{i}", 10.0), seed=1)) for i in range(8)]
    for frame in frames:
        assert set(frame.shared) == {"flat"}
        assert frame.shared == frames[0].shared  # one reference, one hash: they share its error
    independent = np.mean([f.variances["poisson"] + f.variances["read"] for f in frames], axis=0) / len(frames)
    shared = np.mean([f.variances["flat"] for f in frames], axis=0)
    # truth simulated with another flat, drawn from that error: the mean of the frames is as far off as predicted
    random = np.random.default_rng(4)
    off = []
    for k in range(6):
        truth = CCD.with_effect(Flat(response=1.0 + error * random.standard_normal((64, 64))))
        raws = [truth.expose(2000.0, Exposure(f"t{k}{i}", 10.0), seed=1) for i in range(8)]
        off.append(np.mean([belief.calibrate(raw).data for raw in raws], axis=0) - 20000.0)
    pull = np.array(off) / np.sqrt(independent + shared)
    # 24 576 values: a standard deviation is known to 0.0045; five times that, and the 1 % that fewer than 8
    # frames would show is not hidden in it: without the shared term it would be 4.3
    assert pull.std() == pytest.approx(1.0, abs=0.03)
    assert (np.array(off) / np.sqrt(independent)).std() > 3.0
