"""Random numbers, sharing out, tracks and coupling inside kernels, against exact laws and slow oracles."""

from __future__ import annotations

import os
import subprocess
import sys
from itertools import pairwise, product
from pathlib import Path

import numba
import numpy as np
import pytest
from scipy import stats

from obverse import Exposure, Geometry, Moment
from obverse.effects import cosmic_rays
from obverse.kernels import _binomial
from obverse.kernels._binomial import MOST, TOSSES
from obverse.kernels._random import uniform, word
from obverse.kernels.apportion import apportion
from obverse.kernels.coupling import add_coupled
from obverse.kernels.tracks import tracks
from obverse.ma_tables import ma_table
from obverse.seeds import Address, Stream
from obverse.shares import Shares
from tests import naive
from tests.laws.gates import rejects
from tests.level1.gates import check_cells, check_covariance, check_law, check_uncorrelated

ROOT = Path(__file__).resolve().parents[2]
DRAWS = 200_000


def state(seed: int):
    """Four words that are not alike."""
    return np.random.default_rng(seed).integers(0, 2**64, 4, np.uint64)


@numba.njit
def binomials(n, p, words, out):
    for i in range(out.size):
        out[i] = _binomial.binomial(n, p, words)


@numba.njit
def all_heads(n, words, out):
    for i in range(out.size):
        out[i] = _binomial.heads(n, words)


@numba.njit
def poissons(mean, words, out):
    for i in range(out.size):
        out[i] = _binomial.poisson(mean, words)


@numba.njit
def uniforms(words, out):
    for i in range(out.size):
        out[i] = uniform(words)


def drawn(many, *law, seed=1, n=DRAWS):
    out = np.empty(n)
    many(*law, state(seed), out)
    return out


# -- bits ----------------------------------------------------------------------------------------------------------


def test_the_generator_is_xoshiro256_plus_plus():
    # what the reference implementation gives for the state 1, 2, 3, 4 (also a test of Rust's rand_xoshiro 0.6)
    published = [
        41943041, 58720359, 3588806011781223, 3591011842654386, 9228616714210784205, 9973669472204895162,
        14011001112246962877, 12406186145184390807, 15849039046786891736, 10450023813501588000,
    ]  # fmt: skip
    assert naive.xoshiro([1, 2, 3, 4], 10) == published
    words = np.array([1, 2, 3, 4], np.uint64)
    assert [int(word(words)) for _ in range(10)] == published


def test_a_thousand_words_are_those_of_the_reference():
    words = state(5)
    expected = naive.xoshiro([int(w) for w in words], 1000)
    assert [int(word(words)) for _ in range(1000)] == expected


def test_uniform_numbers_never_reach_their_ends():
    # the state from which the next word is all ones, and all zeros: rotl(s0 + s3, 23) + s0
    for s0, s3 in ((0, 2**64 - 1), (0, 0)):
        u = uniform(np.array([s0, 7, 9, s3], np.uint64))
        assert 0.0 < u < 1.0
        assert min(u, 1.0 - u) == 2.0**-53


def test_uniform_numbers_are_even_and_independent_of_those_before():
    u = drawn(uniforms, n=1_000_000)
    check_cells("uniform", np.bincount((u * 1000).astype(int), minlength=1000), np.full(1000, u.size / 1000))
    for lag in range(1, 9):
        check_uncorrelated(f"uniform, lag {lag}", u[lag:], u[:-lag])
    # in three dimensions, where generators with few planes show
    cells = ((u[: u.size // 3 * 3].reshape(-1, 3) * 8).astype(int) * [64, 8, 1]).sum(axis=1)
    check_cells("uniform triples", np.bincount(cells, minlength=512), np.full(512, cells.size / 512))


# -- laws ----------------------------------------------------------------------------------------------------------

BINOMIAL = [
    (0, 0.3), (1, 0.5), (1, 1e-3), (63, 0.25), (64, 0.3), (65, 0.3), (127, 0.7), (128, 1 / 3), (129, 1 / 3),
    (128, 1e-3), (128, 0.375), (100, 1e-300), (2, 0.4999999), (3, 0.999), (5, 0.9), (9, 0.0), (9, 1.0),
    (19, 0.5), (20, 0.5), (21, 0.5), (19, 0.51), (20, 0.49), (999, 0.01), (1000, 0.01), (1001, 0.01), (1001, 0.99),
    (40, 0.25), (41, 0.75), (64, 0.5), (100, 0.3), (100, 0.7), (TOSSES, 0.5), (TOSSES + 1, 0.5), (12345, 1 / 3),
    (1_000_000, 9.9e-6), (1_000_000, 1.01e-5), (1_000_000, 0.25), (MOST, 0.0), (MOST, 1.0), (MOST, 4.9e-9),
    (MOST, 5.1e-9), (MOST, 1e-4), (MOST, 1 / 3), (MOST, 0.5), (MOST, 1 - 5.1e-9), (MOST, 1e-300), (7, 1 - 1e-17),
]  # fmt: skip


@pytest.mark.parametrize(("n", "p"), BINOMIAL)
def test_binomial_numbers_have_the_binomial_law(n, p):
    check_law(f"binomial({n}, {p})", drawn(binomials, n, p), stats.binom(n, p))


@pytest.mark.parametrize("n", [1, 2, 31, 63, 64, 65, 127, 128, 129, 640, 1000, TOSSES, TOSSES + 1, 8191])
def test_coins_show_as_many_heads_as_the_binomial_law_says(n):
    check_law(f"heads({n})", drawn(all_heads, n), stats.binom(n, 0.5))


@pytest.mark.parametrize("mean", [1e-4, 0.3, 3.0, 9.99, 10.0, 10.01, 30.0, 1e3, 1e6, float(MOST)])
def test_poisson_numbers_have_the_poisson_law(mean):
    check_law(f"poisson({mean})", drawn(poissons, mean), stats.poisson(mean))


@pytest.mark.parametrize("mean", [0.0, -1.0, np.nan, 1e-300])
def test_a_mean_of_nothing_draws_nothing(mean):
    assert not drawn(poissons, mean, n=100).any()


@pytest.mark.parametrize("bits", [2**64 - 1, 0])
def test_the_rarest_uniform_number_ends_the_sum(bits):
    """What rounding leaves over of 1 must not run through all trials."""
    words = np.array([0, 7, 9, bits], np.uint64)
    assert _binomial.binomial(MOST, 4e-9, words.copy()) < 400
    assert _binomial.poisson(9.0, words.copy()) < 400


@pytest.mark.validate
@pytest.mark.parametrize("n", [20, 21, 25, 33, 50, 77, 150, 400, 1000, 10**5, 10**8, MOST])
@pytest.mark.parametrize("mean", [9.9, 10.1, 11.0, 15.0, 40.0, 300.0])
def test_four_million_binomial_numbers_have_their_law(n, mean):
    for p in {min(mean / n, 0.5), 1.0 - min(mean / n, 0.5)}:
        check_law(f"binomial({n}, {p})", drawn(binomials, n, p, seed=3, n=4_000_000), stats.binom(n, p))


@pytest.mark.validate
@pytest.mark.parametrize("mean", [0.01, 1.0, 9.9, 10.1, 11.0, 12.5, 17.0, 40.0, 300.0, 1e5, 1e8])
def test_four_million_poisson_numbers_have_their_law(mean):
    check_law(f"poisson({mean})", drawn(poissons, mean, seed=3, n=4_000_000), stats.poisson(mean))


def normal_instead(n, p, words, out):
    """A binomial number is nearly a normal one."""
    random = np.random.default_rng(int(words[0]))
    out[:] = np.clip(np.rint(random.normal(n * p, np.sqrt(n * p * (1 - p)), out.size)), 0, n)


def one_trial_short(n, p, words, out):
    out[:] = np.random.default_rng(int(words[0])).binomial(n - 1, p, out.size)


def never_the_ends(n, p, words, out):
    out[:] = np.clip(np.random.default_rng(int(words[0])).binomial(n, p, out.size), 1, n - 1)


@pytest.mark.parametrize(("wrong", "n", "p"), [(normal_instead, 100, 0.3), (one_trial_short, 1500, 0.5),
                                               (never_the_ends, 12, 0.5)])  # fmt: skip
def test_a_wrong_law_is_found_out(wrong, n, p):
    check_law("right", np.random.default_rng(1).binomial(n, p, DRAWS), stats.binom(n, p))
    assert rejects(lambda: check_law("wrong", drawn(wrong, n, p), stats.binom(n, p)))


# -- sharing out ---------------------------------------------------------------------------------------------------

TIMES = {
    "one read": [3.0],
    "two reads": [3.0, 6.0],
    "three reads": [3.0, 6.0, 9.0],
    "sixteen reads": [3.0 * k for k in range(1, 17)],
    "table 3": [t for group in ma_table(3).times for t in group],
    "table 109, with gaps": [t for group in ma_table(109).times for t in group],
    "a read at the reset": [0.0, 0.278, 0.556, 25.0],
    "uneven": [1.0, 1.5, 40.0, 41.0, 41.25, 90.0, 1000.0],
}


def shared_out(counts, times, seed=2, dtype=np.int64):
    shares = Shares(times)
    out = np.full((len(times), len(counts)), 99, dtype)
    apportion(np.asarray(counts), *shares.splits, state(seed), out)
    return out


@pytest.mark.parametrize("times", TIMES.values(), ids=TIMES)
def test_every_electron_arrives_once(times):
    counts = np.random.default_rng(1).integers(0, 3000, 1300)  # two runs of lanes and a part of one
    counts[:50], counts[50:60] = 0, MOST
    out = shared_out(counts, times)
    assert (out >= 0).all()
    np.testing.assert_array_equal(out.sum(axis=0), counts)


@pytest.mark.parametrize("n", [60, 1400, 1_000_000])
@pytest.mark.parametrize("times", list(TIMES.values())[1:], ids=list(TIMES)[1:])
def test_shares_have_the_moments_of_a_multinomial_number(times, n):
    parts = np.diff([0.0, *times]) / times[-1]
    out = shared_out(np.full(50_000, n), times).astype(float)
    check_covariance(f"{n} electrons", out, n * parts, n * (np.diag(parts) - np.outer(parts, parts)))


@pytest.mark.parametrize("times", list(TIMES.values())[1:], ids=list(TIMES)[1:])
def test_each_share_has_the_binomial_law(times):
    parts = np.diff([0.0, *times]) / times[-1]
    out = shared_out(np.full(50_000, 200), times, seed=4)
    for read in {0, 1, len(times) // 2, len(times) - 1}:
        check_law(f"read {read}", out[read], stats.binom(200, parts[read]))


def joint_cells(out, n):
    """How often each of the outcomes was seen, in order."""
    codes = (out.T * (n + 1) ** np.arange(len(out))).sum(axis=1)
    return np.bincount(codes, minlength=(n + 1) ** len(out))


@pytest.mark.parametrize("times", [[1.0, 2.0, 3.0, 4.0], [1.0, 1.5, 4.0, 9.0]], ids=["even", "uneven"])
def test_few_electrons_have_the_joint_law(times):
    n, parts = 3, np.diff([0.0, *times]) / times[-1]
    outcomes = np.array(list(product(range(n + 1), repeat=4)))[:, ::-1]  # the order of `joint_cells`
    law = np.where(outcomes.sum(axis=1) == n, stats.multinomial.pmf(outcomes, n, parts), 0.0)
    out = shared_out(np.full(DRAWS, n), times)
    possible = law > 0
    assert possible.sum() == 20
    seen = joint_cells(out, n)
    assert not seen[~possible].any()
    check_cells("joint law", seen[possible], DRAWS * law[possible])
    slow = joint_cells(naive.apportioned(np.full(5000, n), times, np.random.default_rng(3)), n)
    check_cells("the oracle", slow[possible], 5000 * law[possible])


def test_neighbouring_pixels_share_nothing():
    out = shared_out(np.full(100_000, 40), TIMES["sixteen reads"])
    for lag in (1, 2, 8, 512):
        check_uncorrelated(f"lag {lag}", out[:, lag:], out[:, :-lag])


def test_bytes_hold_what_words_hold():
    counts = np.random.default_rng(1).integers(0, 256, 3000)
    wide, narrow = (shared_out(counts, TIMES["table 3"], dtype=kind) for kind in (np.int64, np.uint8))
    np.testing.assert_array_equal(wide, narrow)


def test_more_than_a_pixel_can_hold_is_cut():
    assert shared_out([MOST + 5], [1.0, 2.0]).sum() == MOST


def independent_binomials(counts, times):
    """Each read draws its own share: right in the mean, but electrons come twice or never."""
    parts = np.diff([0.0, *times]) / times[-1]
    random = np.random.default_rng(1)
    return np.array([random.binomial(counts, part) for part in parts])


def shares_of_the_whole(counts, times):
    """Of what is left, the part of the whole instead of the part of what is left."""
    parts = np.diff([0.0, *times]) / times[-1]
    left, out, random = counts.copy(), [], np.random.default_rng(1)
    for part in parts[:-1]:
        out.append(random.binomial(left, part))
        left = left - out[-1]
    return np.array([*out, left])


def rounded_shares(counts, times):
    """No noise at all."""
    return np.diff(np.rint(np.outer([0.0, *times], counts) / times[-1]), axis=0)


@pytest.mark.parametrize("wrong", [independent_binomials, shares_of_the_whole, rounded_shares])
def test_a_wrong_way_of_sharing_is_found_out(wrong):
    times, n = TIMES["uneven"], 1400
    parts = np.diff([0.0, *times]) / times[-1]
    law = n * parts, n * (np.diag(parts) - np.outer(parts, parts))
    check_covariance("right", shared_out(np.full(20_000, n), times).astype(float), *law)
    assert rejects(lambda: check_covariance("wrong", wrong(np.full(20_000, n), times).astype(float), *law))


# -- tracks --------------------------------------------------------------------------------------------------------

MUCH = 1e9


def one_track(start, step, shape=(40, 40), electrons=MUCH, seed=1):
    """Pixels and electrons of one track."""
    a, b = (np.array([x], float) for x in (start, step))
    return tracks(a, b, np.array([float(electrons)]), *shape, state(seed))


def random_tracks(n, longest=12.0, seed=6):
    random = np.random.default_rng(seed)
    return random.uniform(0, 40, (n, 2)), random.uniform(-longest, longest, (n, 2))


EDGES = [
    ((3.5, 4.5), (0.0, 0.0)), ((3.5, 4.5), (0.2, 0.1)), ((3.5, 4.5), (5.0, 0.0)), ((3.5, 4.5), (0.0, -5.0)),
    ((3.0, 4.0), (4.0, 4.0)), ((3.0, 4.0), (-2.0, -2.0)), ((3.5, 4.5), (3.0, 3.0)), ((3.5, 4.5), (-3.0, 3.0)),
    ((0.1, 0.1), (-5.0, 7.0)), ((39.9, 20.0), (9.0, 0.3)), ((5.0, 5.25), (1e-9, 6.0)),
]  # fmt: skip


@pytest.mark.parametrize(("start", "step"), [*EDGES, *zip(*(x.tolist() for x in random_tracks(60)), strict=True)])
def test_tracks_cross_the_pixels_that_a_walk_crosses(start, step):
    pixel, charge = one_track(start, step)
    parts = {place: part for place, part in naive.track_lengths(start, step).items()
             if 0 <= place[0] < 40 and 0 <= place[1] < 40}  # fmt: skip
    seen: dict[tuple[int, int], float] = {}
    for where, electrons in zip(pixel.tolist(), charge.tolist(), strict=True):
        seen[divmod(where, 40)] = seen.get(divmod(where, 40), 0.0) + electrons / MUCH
    for place in seen.keys() | parts.keys():
        # a step of the walk at each end, five sigma of Poisson numbers, and what corners leave of rounding
        off = abs(seen.get(place, 0.0) - parts.get(place, 0.0))
        assert off < 2.5 / 20_000 + 5 * np.sqrt(seen.get(place, 0.0) / MUCH), (place, seen, parts)


def test_no_pixel_comes_twice_in_a_row_and_neighbours_touch():
    for start, step in zip(*random_tracks(400), strict=True):
        pixel, _ = one_track(start + 40, step, shape=(120, 120))
        places = [divmod(p, 120) for p in pixel.tolist()]
        for (r1, c1), (r2, c2) in pairwise(places):
            assert abs(r1 - r2) + abs(c1 - c2) == 1
        assert len(set(places)) == len(places)


def test_parts_of_a_track_add_up_to_it():
    start, step = random_tracks(3000)
    _, charge = tracks(start + 40, step, np.full(3000, 1e6), 120, 120, state(2))
    # Poisson parts of Poisson numbers: the sum is a Poisson number of the whole
    off = (charge.astype(float).sum() - 3e9) / np.sqrt(3e9)
    assert abs(off) < 5 + 3e9 * 2.0**-24 / np.sqrt(3e9)  # charges are float32


def test_the_charge_of_a_track_is_a_poisson_number():
    start, step = np.full((DRAWS, 2), 20.3), np.tile([2.1, 1.3], (DRAWS, 1))
    pixel, charge = tracks(start, step, np.full(DRAWS, 30.0), 40, 40, state(3))
    parts = naive.track_lengths((20.3, 20.3), (2.1, 1.3))
    for place, part in parts.items():
        if part > 0.01:
            check_law(f"pixel {place}", charge[pixel == place[0] * 40 + place[1]], stats.poisson(30.0 * exact(place)))


def exact(place):
    """The part of the track above in a pixel, from where it enters to where it leaves."""
    inside = [np.sort([(edge - 20.3) / step for edge in (p, p + 1)]) for p, step in zip(place, (2.1, 1.3), strict=True)]
    return min(inside[0][1], inside[1][1], 1.0) - max(inside[0][0], inside[1][0], 0.0)


def test_what_falls_beside_the_sensor_is_lost():
    inside, _ = one_track((38.5, 10.5), (5.0, 0.0))
    assert inside.tolist() == [38 * 40 + 10, 39 * 40 + 10]
    charge = one_track((38.5, 10.5), (5.0, 0.0))[1].sum()
    assert charge == pytest.approx(0.3 * MUCH, rel=1e-3)
    assert one_track((-3.0, 4.0), (-2.0, 0.0))[0].size == 0


def upstream(start, step, depth=0.5):
    """Electrons where the depth is added in every pixel that a track crosses, over those of its path [pixel]."""
    length = np.hypot(*step)
    each = np.hypot(depth, length * np.array(list(naive.track_lengths(start, step, 4000).values())))
    return each.sum() / np.hypot(depth, length)


@pytest.mark.parametrize(("length", "ratio"), [(2.0, 1.085), (10.0, 1.117)])
def test_the_depth_of_the_layer_counts_once(length, ratio):
    """romanisim 0.15 counts it in each pixel: 8.5 % too much of 2 pixels along a row, 11.7 % of 10, more aslant."""
    random = np.random.default_rng(2)
    angle, start = random.uniform(0, 2 * np.pi, 100), random.uniform(0, 1, (100, 2))
    step = length * np.stack([np.sin(angle), np.cos(angle)], axis=1)
    assert upstream((0.5, 0.0), (0.0, length)) == pytest.approx(ratio, abs=6e-4)
    assert np.mean([upstream(a, b) for a, b in zip(start, step, strict=True)]) > ratio


def test_the_energy_of_a_track_is_that_of_its_path(monkeypatch):
    """120 eV a micron and 0.5 eV an electron over 20 micron and a depth of 5: 4948 electrons, no more."""
    given = []

    def recorded(*arguments):
        given.append((arguments[2], tracks(*arguments)))
        return given[-1][1]

    monkeypatch.setattr(cosmic_rays, "tracks", recorded)
    rays = cosmic_rays.CosmicRays(flux=2e4, loss_scatter=1e-9, shortest=20.0, longest=20.0 * (1 + 1e-9))
    at = Moment(Exposure("a", 3.0), Geometry((300, 300)), interval=(0.0, 3.0), rng=Stream(Address(1, "rays", "a")))
    fallen = rays.events(at)
    ((electrons, (_, charge)),) = given
    np.testing.assert_allclose(electrons, 4948, atol=1)
    assert fallen.electrons.astype(float).sum() == charge.astype(float).sum()
    lost = 2 * 2.0 * (2 / np.pi) / 2 / 2 / 300  # on average a quarter of its extent goes over each of the four edges
    assert len(electrons) > 4000
    assert abs(charge.sum() / electrons.sum() - 1.0 + lost) < 5 * np.sqrt(lost / len(electrons)) + 1e-3


# -- coupling ------------------------------------------------------------------------------------------------------

KERNEL = np.array([[0.002, 0.016, 0.003], [0.019, 0.92, 0.019], [0.003, 0.016, 0.002]])


@pytest.mark.parametrize("shape", [(1, 1), (1, 7), (7, 1), (2, 2), (9, 13)])
@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("kind", [np.float32, np.float64])
def test_coupling_is_the_sum_over_the_neighbours(shape, masked, kind):
    random = np.random.default_rng(4)
    image = random.normal(1000, 300, shape).astype(kind)
    both = (random.random(shape) < 0.7) if masked else np.ones(shape, bool)
    weights = np.array([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0], [7.0, 8.0, 9.0]], kind) / 100  # no two alike
    out = np.zeros(shape, kind)
    add_coupled(image, weights, both.astype(kind) if masked else np.ones((1, 1), kind), out)
    expected = naive.coupled(image.astype(float), weights.astype(float), both)
    np.testing.assert_allclose(out, expected, rtol=0, atol=1e3 * np.finfo(kind).eps * 10)


def test_coupling_keeps_the_sum():
    image = np.random.default_rng(4).normal(1000, 300, (40, 30))
    out = np.zeros_like(image)
    add_coupled(image, KERNEL, np.ones((1, 1)), out)
    assert abs(out.sum()) < 1e-8
    assert np.abs(out).max() > 10


# -- compiled and not ----------------------------------------------------------------------------------------------

SCRIPT = """
import sys, warnings
warnings.simplefilter("ignore")  # words wrap, which numpy says of its scalars
import numpy as np
from obverse.kernels import _binomial
from obverse.kernels.apportion import apportion
from obverse.kernels.coupling import add_coupled
from obverse.kernels.tracks import tracks
from obverse.shares import Shares
words = np.arange(1, 5).astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15)
random = np.random.default_rng(1)
counts = np.concatenate([random.poisson(10 ** random.uniform(0, 6, 600)), [0, 1, 2_000_000_000]])
made = {}
for name, times in (("even", np.arange(1.0, 14.0)), ("uneven", [0.0, 1.0, 1.5, 40.0, 41.0, 100.0])):
    made[name] = np.zeros((len(times), len(counts)), np.int64)
    apportion(counts, *Shares(times).splits, words, made[name])
made["poisson"] = [_binomial.poisson(m, words) for m in 10 ** np.linspace(-3, 9, 500)]
made["pixel"], made["charge"] = tracks(random.uniform(0, 40, (200, 2)), random.normal(0, 9, (200, 2)),
                                       10 ** random.uniform(0, 5, 200), 40, 40, words)
image = random.normal(0, 1, (20, 30)).astype("f4")
made["coupled"] = np.zeros_like(image)
add_coupled(image, random.random((3, 3)).astype("f4"), np.ones((1, 1), "f4"), made["coupled"])
np.savez(sys.argv[1], words=words, **made)
"""


def test_uncompiled_code_gives_the_same(tmp_path):
    made = []
    for switch in ("0", "1"):
        out = tmp_path / f"{switch}.npz"
        environment = {**os.environ, "NUMBA_DISABLE_JIT": switch}
        subprocess.run([sys.executable, "-c", SCRIPT, str(out)], check=True, env=environment, cwd=ROOT)
        made.append(dict(np.load(out)))
    fast, slow = made
    assert fast["even"].sum() == fast["uneven"].sum() > 2e9
    assert fast["charge"].size > 500
    np.testing.assert_allclose(fast.pop("coupled"), slow.pop("coupled"), rtol=0, atol=1e-5)  # sums may be fused
    for name, values in fast.items():
        np.testing.assert_array_equal(values, slow[name], err_msg=name)
