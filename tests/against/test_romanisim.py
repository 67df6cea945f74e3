"""Level 1 against the maker of romanisim 0.15, from the same counts and with the same parameters.

Both draw their own random numbers: what is compared are moments and histograms, within five sigma of both.
"""

from __future__ import annotations

import logging
import warnings
from typing import Any

import numpy as np
import pytest
from scipy import stats

import obverse as ob
from tests.laws.gates import rejects
from tests.level1.simple import bare, told

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # of the peer and of what it imports
    pytest.importorskip("romanisim", reason="the peer is not installed")
    import galsim
    from romanisim import l1

logging.getLogger("romanisim").setLevel(logging.CRITICAL)

SHAPE = (256, 256)
SIGMAS = 5.0
OURS = told(bare("read_noise", "reset_noise", gain=2.0, bias=5000.0, shape=SHAPE), read_noise={"sigma": 10.0},
            reset_noise={"sigma": 8.0})  # fmt: skip
THEIRS = {"gain": 2.0, "read_noise": 5.0, "pedestal": 10000.0, "pedestal_extra_noise": 8.0, "saturation": 55000.0}
GAPS = [[1], [2, 3], [5, 6, 7], [10, 11, 12, 13], [20]]


class Bent:
    """A response for the peer, which asks for `apply` and for flags."""

    dq = 0

    def apply(self, charge: Any, **_: Any) -> Any:
        return charge - 6e-7 * charge**2


def theirs(counts: Any, pattern: Any, seed: int = 5, **changes: Any) -> Any:
    """Resultants (resultant, row, column) [DN]."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        image = galsim.ImageI(np.ascontiguousarray(counts, np.int32))
        return np.asarray(l1.make_l1(image, pattern, seed=seed, **{**THEIRS, **changes})[0], np.float64)


def ours(counts: Any, pattern: Any, detector: Any = OURS, seed: int = 5) -> Any:
    return ob.simulate_l1(counts, pattern, seed=seed, detector=detector).data[0].astype(float)


def check_alike(one: Any, other: Any) -> None:
    """Means, variances and covariances of resultants, and the histogram of each."""
    assert one.shape == other.shape
    a, b = (x.reshape(len(x), -1) for x in (one, other))
    n = a.shape[1]
    scatter = np.sqrt((a.var(axis=1) + b.var(axis=1)) / n)
    assert (np.abs(a.mean(axis=1) - b.mean(axis=1)) < SIGMAS * scatter).all()
    ca, cb = np.cov(a), np.cov(b)
    spread = np.sqrt(np.outer(np.diag(ca), np.diag(ca)) + ca**2)
    assert (np.abs(ca - cb) < SIGMAS * spread * np.sqrt(2 / n)).all()
    for x, y in zip(a, b, strict=True):
        edges = np.unique(np.quantile(np.concatenate([x, y]), np.linspace(0, 1, 60))) + 0.5
        table = np.array([np.histogram(z, [-np.inf, *edges[:-1], np.inf])[0] for z in (x, y)])
        table = table[:, table.sum(axis=0) > 20]
        assert stats.chi2_contingency(table).pvalue > 6e-7


@pytest.mark.parametrize("pattern", [3, 4, GAPS], ids=["table 3", "table 4", "gaps"])
@pytest.mark.parametrize("level", [0, 3, 50, 1000, 30000])
def test_resultants_of_equal_counts_are_alike(level, pattern):
    counts = np.full(SHAPE, level)
    check_alike(ours(counts, pattern), theirs(counts, pattern))


def test_resultants_of_a_scene_are_alike():
    counts = np.random.default_rng(3).poisson(10 ** np.random.default_rng(4).uniform(1, 4, SHAPE))
    mine, peer = ours(counts, 4), theirs(counts, 4)
    again = theirs(counts, 4, seed=6)
    # pixel by pixel: two of theirs differ as much as ours and theirs do
    for k in range(len(mine)):
        between, within = (mine[k] - peer[k]).var(), (again[k] - peer[k]).var()
        assert abs(between / within - 1.0) < SIGMAS * np.sqrt(2 * 5.0 / counts.size)  # noise of many sizes: wide tails
        assert abs((mine[k] - peer[k]).mean()) < SIGMAS * np.sqrt(between / counts.size)


def test_a_bent_response_is_alike():
    """Their pedestal is bent with the charge, so it is none here; both clip at zero."""
    bent = told(bare("read_noise", "reset_noise", "nonlinearity", gain=2.0, shape=SHAPE), read_noise={"sigma": 10.0},
                reset_noise={"sigma": 8.0}, nonlinearity={"coefficients": [-6e-7]})  # fmt: skip
    counts = np.full(SHAPE, 60000)
    check_alike(ours(counts, GAPS, bent), theirs(counts, GAPS, pedestal=0.0, inv_linearity=Bent()))
    assert rejects(lambda: check_alike(ours(counts, GAPS, bent), theirs(counts, GAPS, pedestal=0.0)))


def test_the_gate_tells_a_little_noise():
    counts = np.full(SHAPE, 1000)
    noisier = told(OURS, reset_noise={"sigma": 8.6})
    assert rejects(lambda: check_alike(ours(counts, GAPS, noisier), theirs(counts, GAPS)))
    assert rejects(lambda: check_alike(ours(counts + 2, GAPS), theirs(counts, GAPS)))


def test_particles_hit_as_many_pixels_and_leave_less():
    """They count the depth of the layer in each pixel of a track, and we once.

    By their formula and ours, over random places, directions and lengths of 10 to 2000 micron, theirs leave 1.395 times
    the electrons of ours (walks along 1500 tracks: 1.395 +- 0.005), in as many pixels.
    """
    shape, dark = (1024, 1024), np.zeros((1024, 1024), int)
    rays = told(bare("cosmic_rays", shape=shape), cosmic_rays={"flux": 80.0})
    mine = ours(dark, 3, rays)[-1]
    quiet = {"read_noise": 0.0, "pedestal": 0.0, "pedestal_extra_noise": 0.0, "gain": 1.0}
    area = (1024 * 10e-4) ** 2
    peer = theirs(dark, 3, crparam={"flux": 80.0, "area": area}, **quiet)[-1]
    hits = np.array([(mine > 0).sum(), (peer > 0).sum()], float)
    assert hits.min() > 5000
    assert abs(hits[0] - hits[1]) < SIGMAS * np.sqrt(2 * hits.sum())  # about two pixels a particle
    ratio = np.minimum(peer, 20000).sum() / np.minimum(mine, 20000).sum()
    assert abs(ratio / 1.395 - 1.0) < SIGMAS * np.sqrt(2 * 2 / hits.sum())  # losses scatter by about their mean


def test_their_coupling_is_lost_and_ours_is_not():
    counts = np.zeros((64, 64), int)
    counts[8::16, 8::16] = 60000
    quiet = {"read_noise": 0.0, "pedestal": 0.0, "pedestal_extra_noise": 0.0, "gain": 1.0, "saturation": 1e6}
    assert not theirs(counts, [[1], [2]], **quiet)[-1, 8::16, 9::16].any()
    coupled = bare("interpixel_capacitance")
    mine = ours(counts, [[1], [2]], coupled)[-1]
    np.testing.assert_allclose(mine[8::16, 9::16] / mine[8::16, 8::16], 0.0204, atol=1e-4)
