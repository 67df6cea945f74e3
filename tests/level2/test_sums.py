"""Sums over pixels: what neighbours have in common is in their stated variance."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest

from obverse import Frame
from obverse.errors import UsageError
from obverse.sums import sum_variance
from obverse.testing import check_equivalent
from tests.chain.gates import SPARE
from tests.level2.simulating import SHAPE, drawn_belief, science, true_wfi

INSIDE = slice(8, 248)


def binned(images: np.ndarray, k: int) -> np.ndarray:
    """Return the sums over k x k pixels."""
    n, rows, columns = images.shape
    return images.reshape(n, rows // k, k, columns // k, k).sum(axis=(2, 4))


@cache
def exposed(rate: float, exposures: int) -> tuple[np.ndarray, np.ndarray, Frame]:
    """Return differences from the mean of each output, variances (exposure, row, column), and the last image.

    What is believed of an output's gain is no part of the errors. Without snowballs: where the core lies beside the
    sensor, a halo is left that nothing flags.
    """
    truth, belief = true_wfi().without("snowballs"), drawn_belief()
    made = [belief.calibrate(truth.expose(rate, science(f"even {rate} {i}"), seed=3)) for i in range(exposures)]
    off = np.array([each.data[INSIDE, INSIDE] for each in made], np.float64)
    halves = [half - half.mean(axis=(1, 2), keepdims=True) for half in np.split(off, 2, axis=2)]
    return np.concatenate(halves, axis=2), np.array([each.variance for each in made])[:, INSIDE, INSIDE], made[-1]


def scatter_over_stated(rate: float, exposures: int, k: int) -> tuple[float, float, float]:
    """Return the scatter of k x k sums over what `sum_variance` says, over the sum of variances, and its error."""
    off, variance, image = exposed(rate, exposures)
    sums, naive = binned(off, k), binned(variance, k)
    corner = np.zeros(SHAPE)
    corner[64 : 64 + k, 40 : 40 + k] = 1.0
    joint = sum_variance(image, corner, drawn_belief()) / float((corner * np.nan_to_num(image.variance)).sum())
    plain = float(sums.std() / np.sqrt(naive.mean()))
    return plain / np.sqrt(joint), plain, 1 / np.sqrt(2 * sums.size)


@pytest.mark.parametrize("k", [1, 2, 4])
def test_sums_scatter_as_stated(k):
    stated, _, error = scatter_over_stated(0.5, 3, k)
    check_equivalent(f"{k} x {k}: scatter over stated", stated, 1.0, error, 0.03, SPARE)


def test_the_sum_of_variances_is_too_large_without_light():
    """Uncoupling sharpens read noise: a sum of 16 pixels scatters 6 % less than the sum of their variances says."""
    stated, plain, error = scatter_over_stated(0.0, 2, 4)
    assert plain < stated - 0.03
    # in the dark errors are 3 % too large, for they follow the estimated rate: see test_pulls
    check_equivalent("in the dark", stated, 0.97, error, 0.04, SPARE)


def test_the_level_of_reference_pixels_is_common():
    """Hand arithmetic: pixels of one amplifier that share an offset of variance s add (sum of w)^2 s to their sum."""
    belief = drawn_belief().without("interpixel_capacitance", "flat")
    read = np.full(SHAPE, 4.0)
    frame = Frame(np.zeros(SHAPE), "electron/s", variances={"poisson": np.ones(SHAPE), "read": read})
    weights = np.zeros(SHAPE)
    weights[50:60, 20:30] = 1.0  # 100 pixels of one output
    pixels = belief.effect("bias_drift").pixels(belief.geometry)
    share = 1.0 / pixels[0]
    wanted = 100 * 1.0 + 100 * 4.0 / (1 + share) + 100**2 * 4.0 * share / (1 + share)
    assert sum_variance(frame, weights, belief) == pytest.approx(wanted, rel=1e-3)  # 4-sigma clipping costs 0.03 %


def test_an_image_without_its_border_has_the_same_sums():
    belief = drawn_belief()
    random = np.random.default_rng(1)
    lit = belief.geometry.lit
    planes = {name: np.where(belief.geometry.sensitive, random.uniform(1, 2, SHAPE), 0) for name in ("poisson", "read")}
    weights = np.where(belief.geometry.sensitive, random.uniform(0, 1, SHAPE), 0.0)
    whole = Frame(np.zeros(SHAPE), "electron/s", variances=planes)
    cut = Frame(np.zeros(SHAPE)[lit], "electron/s", variances={k: v[lit] for k, v in planes.items()})
    assert sum_variance(cut, weights[lit], belief) == pytest.approx(sum_variance(whole, weights, belief), rel=1e-12)


def test_a_pixel_that_does_not_count_may_hold_nothing():
    belief = drawn_belief()
    planes = {"poisson": np.ones(SHAPE), "read": np.ones(SHAPE)}
    weights = np.zeros(SHAPE)
    weights[100:104, 100:104] = 1.0
    full = sum_variance(Frame(np.zeros(SHAPE), "electron/s", variances=planes), weights, belief)
    for plane in planes.values():
        plane[101, 90:100] = np.nan
    holed = Frame(np.zeros(SHAPE), "electron/s", variances=planes)
    assert sum_variance(holed, weights, belief) == pytest.approx(full, rel=1e-12)
    weights[101, 99] = 1.0
    assert np.isnan(sum_variance(holed, weights, belief))


def test_what_does_not_fit_is_refused():
    frame = Frame(np.zeros(SHAPE), "electron/s")
    for weights in (np.ones(SHAPE), np.ones(4)):
        with pytest.raises(UsageError, match="sum_variance"):
            sum_variance(frame, weights, drawn_belief())


@pytest.mark.validate
@pytest.mark.parametrize("rate", [0.3, 1.0, 3.0, 30.0])
@pytest.mark.parametrize("k", [1, 2, 4, 8])
def test_sums_scatter_as_stated_over_many_exposures(rate, k):
    stated, _, error = scatter_over_stated(rate, 16, k)
    check_equivalent(f"{rate} photon/s, {k} x {k}", stated, 1.0, error, 0.03, SPARE)
