"""Reference pixels: odd and even columns, two borders, slow rows, and detectors whose outputs take turns."""

from __future__ import annotations

import numpy as np
import pytest

from obverse import Amplifier, Detector, Exposure, Flag, Frame, Geometry, Moment, ReadPattern, UsageError
from obverse.dark_pixels import clipping_loss
from obverse.effects.bias_drift import BiasDrift
from obverse.seeds import Address, Stream
from obverse.side_pixels import SidePixels, median_variance, running_median
from obverse.testing import check_effect
from tests import naive
from tests.laws.examples import infrared
from tests.laws.test_mutants import mutated

RAMP = ("integration", "resultant", "row", "column")
IR = infrared()
NIR = BiasDrift(seen_in="reference_rows", column_cycle=2, clip=3.0, side_window=11)
"""What the near-infrared detectors of JWST do (JWST pipeline documentation, step refpix)."""
MIRI = BiasDrift(seen_in="reference_columns", column_cycle=4, row_cycle=2, clip=3.0, relative_to="first_resultant")


def stream(index=0):
    return Stream(Address(5, "bias_drift", "t", str(index)), threads=1)


def corrected(effect, data, geometry, flags=None):
    frame = Frame(np.asarray(data, np.float32), "DN", RAMP, pixel_flags=flags)
    return effect.correct(frame, Moment.of(frame, geometry)).data


# -- what it takes out --------------------------------------------------------------------------------------------


def test_odd_and_even_columns_of_each_output_lose_their_own_offset():
    offsets = np.arange(8.0).reshape(4, 2) * 10.0
    column = np.arange(64)
    data = np.broadcast_to(offsets[column // 16, column % 2], (1, 2, 96, 64)).copy()
    np.testing.assert_allclose(corrected(NIR, data, IR), 0.0, atol=1e-5)
    left = corrected(NIR.replace(column_cycle=1), data, IR)
    np.testing.assert_allclose(np.abs(left), 5.0, atol=1e-5)  # half of what two columns differ by


def test_both_borders_count_alike_however_many_pixels_they_have():
    # bottom 2 DN of two rows, top 2.8 DN of six: their mean is 2.4, that of all pixels 2.6
    geometry = Geometry((40, 8), reference=(2, 6, 0, 0))
    data = np.zeros((1, 1, 40, 8))
    data[..., :2, :], data[..., -6:, :] = 2.0, 2.8
    plain = BiasDrift(seen_in="reference_rows")
    assert corrected(plain, data, geometry)[0, 0, 20, 3] == pytest.approx(-2.4)
    assert corrected(plain.replace(seen_in="reference"), data, geometry)[0, 0, 20, 3] == pytest.approx(-2.6)
    # and the noise of it: (1/16 + 1/48) / 4, not 1/64
    wanted = 0.25 * (1 / 16 + 1 / 48)
    assert 1.0 / plain.pixels(geometry)[0] == pytest.approx(wanted)
    only_top = geometry.__class__((40, 8), reference=(0, 6, 0, 0))
    assert corrected(plain, data, only_top)[0, 0, 20, 3] == pytest.approx(-2.8)
    assert plain.pixels(only_top)[0] == 48


def test_a_cosmic_ray_in_the_reference_rows_is_clipped():
    data = np.random.default_rng(1).normal(0.0, 3.0, (1, 1, 96, 64))
    clean = corrected(NIR, data, IR)
    data[..., 1, 5] += 5e4
    np.testing.assert_allclose(corrected(NIR, data, IR)[..., 10:80, :], clean[..., 10:80, :], atol=0.5)


def test_slow_rows_are_followed_by_the_side_pixels():
    row = np.arange(96.0)
    wave = 20.0 * np.sin(row / 30.0)[:, None] * np.ones((96, 64))
    noise = np.random.default_rng(2).standard_normal((1, 1, 96, 64))
    effect = NIR.replace(column_cycle=1)
    left = (corrected(effect, wave + noise, IR) - noise)[..., 10:86, :]
    assert np.abs(left - left.mean()).max() < 1.5  # the noise of a median of 88 pixels, and what 11 rows bend
    assert np.ptp(corrected(effect.replace(side_window=0), wave + noise, IR).mean(axis=-1)) > 18.0
    half = corrected(effect.replace(side_gain=0.5), wave[None, None], IR)[..., 10:86, :]
    full = corrected(effect.replace(side_window=0), wave[None, None], IR)[..., 10:86, :]
    assert np.ptp(half) == pytest.approx(0.5 * np.ptp(full), rel=0.1)


def test_outputs_that_take_turns_follow_the_drift_since_the_first_group():
    # MIRI: four outputs take turns column by column, odd and even rows differ (JWST documentation, step refpix)
    geometry = Geometry((32, 40), reference=(0, 0, 4, 4))
    random = np.random.default_rng(3)
    fixed = random.normal(0.0, 50.0, (32, 40))  # cancels, in the reference pixels too
    drift = random.normal(0.0, 8.0, (3, 2, 4))
    drift[0] = 0.0
    row, column = np.arange(32)[:, None] % 2, np.arange(40) % 4
    light = np.zeros((32, 40))
    light[:, 4:-4] = 100.0
    clean = fixed + np.arange(3).reshape(3, 1, 1) * light
    got = corrected(MIRI, (clean + drift[:, row, column])[None], geometry)
    np.testing.assert_allclose(got[0], clean, atol=1e-4)
    image = Frame(np.zeros((32, 40), "f4"), "DN")
    with pytest.raises(UsageError, match="needs a ramp"):
        MIRI.correct(image, Moment.of(image, geometry))


def test_bad_reference_pixels_do_not_count():
    geometry = Geometry((20, 8), reference=(2, 2, 0, 0))
    effect = BiasDrift(seen_in="reference_rows", clip=1e6)
    data = np.random.default_rng(4).normal(0.0, 0.1, (1, 2, 20, 8))
    data[..., 0, 3] = 8000.0
    data[:, 1, 1, 2] = np.nan
    flags = np.zeros((20, 8), np.uint32)
    assert corrected(effect, data, geometry)[0, 0, 10, 0] < -200.0
    flags[0, 3] = Flag.BAD_REF_PIXEL | Flag.DO_NOT_USE
    flags[1] = Flag.REFERENCE_PIXEL | Flag.DO_NOT_USE  # as the recipe marks all of them
    shift = (corrected(effect, data, geometry, flags) - data)[..., 2:-2, :]
    assert np.abs(shift).max() < 0.1


def test_subarrays_without_reference_pixels():
    inner = Geometry(
        (20, 8), (Amplifier("A", (0, 20), (0, 4)), Amplifier("B", (0, 20), (4, 8))), reference=(0, 0, 2, 0)
    )
    data = np.ones((1, 2, 20, 8))
    effect = BiasDrift(seen_in="reference_columns")
    with pytest.raises(UsageError, match="amplifier without reference_columns pixels"):
        corrected(effect, data, inner)
    done = corrected(effect.replace(absent="skip"), data, inner)
    np.testing.assert_array_equal(done[..., :4], 0.0)
    np.testing.assert_array_equal(done[..., 4:], 1.0)
    here = Moment(Exposure(), inner, read_noise=np.float32(3.0))
    variance = effect.replace(absent="skip").variance(np.zeros(()), here)
    assert variance[0, 6] == 0.0  # nothing is subtracted there
    assert variance[0, 1] == pytest.approx(9.0 / 40.0 * clipping_loss(4.0))
    blind = Geometry((20, 8), reference=(2, 2, 0, 0))
    sides = BiasDrift(seen_in="reference_rows", side_window=11)
    with pytest.raises(UsageError, match="left or right"):
        corrected(sides, data, blind)
    np.testing.assert_array_equal(corrected(sides.replace(absent="skip"), data, blind), 0.0)


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"side_window": 10}, "must be odd"),
        ({"seen_in": "reference_rows", "span": "row"}, "one offset a frame"),
        ({"span": "row", "column_cycle": 2}, "leave out row_cycle"),
        ({"seen_in": "reference_row"}, "did you mean 'reference_rows'"),
    ],
)
def test_parameters_that_do_not_go_together(changes, says):
    with pytest.raises(UsageError, match=says):
        BiasDrift(**changes)


# -- both faces ---------------------------------------------------------------------------------------------------


def test_what_it_draws_is_what_it_says():
    effect = BiasDrift(cycle_sigma=2.0, slow_sigma=3.0, column_cycle=2, row_cycle=3, seen_in="reference_rows")
    zero = np.zeros(infrared(192, 64).clocked_shape, "f4")
    at = Moment(Exposure("t"), infrared(192, 64), "clocked")
    phases = [effect.replace(slow_sigma=0.0).imprint(zero, at.replace(rng=stream(i))) for i in range(300)]
    one = phases[0]
    assert len(np.unique(one[1])) == 6
    np.testing.assert_array_equal(one[:, 3:, 2:], one[:, :-3, :-2])
    assert np.std([p[:, :3, :2] for p in phases]) == pytest.approx(2.0, rel=5 / np.sqrt(2 * 7200))
    slow = np.array([effect.replace(cycle_sigma=0.0).imprint(zero, at.replace(rng=stream(i))) for i in range(300)])
    np.testing.assert_array_equal(slow[:, 0, :, 0], slow[:, 3, :, 15])  # common to all amplifiers
    assert slow[:, 0, :, 0].std() == pytest.approx(3.0, rel=5 / np.sqrt(2 * 300 * 3))
    assert np.abs(np.diff(slow[:, 0, :, 0], axis=1)).max() < 1.0


def test_older_offsets_stay_the_same_bytes():
    old = BiasDrift(frame_sigma=3.0, row_sigma=1.0)
    here = Moment(Exposure("t"), IR, "clocked", rng=stream())
    zero = np.zeros(IR.clocked_shape, "f4")
    by_frame = here.rng.few_normals(4)[:, None, None]
    by_row = here.rng.normal((96, 4)).T[:, :, None]
    np.testing.assert_array_equal(old.imprint(zero, here), zero + by_row + np.float32(3.0) * by_frame)


def test_a_ramp_with_slow_rows_and_turns_comes_back():
    detector = Detector.load("generic_h2rg").resized((256, 256))
    drift = BiasDrift(frame_sigma=30.0, cycle_sigma=20.0, slow_sigma=25.0, **{
        k: getattr(NIR, k) for k in ("seen_in", "column_cycle", "clip", "side_window")
    })  # fmt: skip
    detector = detector.with_effect(drift).without("cosmic_rays")
    raw = detector.expose(20.0, Exposure("a", pattern=ReadPattern.even(6, frame_time=10.0)), seed=3)
    done = detector.calibrate(raw)
    good = ~done.unusable()
    pulls = ((done.data - 20.0) / done.error)[good]
    # what stays is common to rows and columns: a few hundred independent values
    assert abs(np.median(pulls)) < 0.1
    assert pulls.std() == pytest.approx(1.0, abs=0.03)
    crude = detector.with_effect(drift.replace(column_cycle=1, side_window=0, cycle_sigma=0.0, slow_sigma=0.0))
    assert ((crude.calibrate(raw).data - 20.0) / done.error)[good].std() > 1.2


# -- small pieces -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("rows", "height"), [(40, 11), (7, 11), (5, 3), (4, 21)])
def test_the_running_median_is_that_of_each_window(rows, height):
    values = np.random.default_rng(rows).standard_normal((2, rows, 4))
    wanted = [naive.running_median(plane, height) for plane in values]
    np.testing.assert_allclose(running_median(values, height), wanted)


@pytest.mark.parametrize("n", [3, 8, 21, 44])
def test_the_variance_of_a_median(n):
    medians = np.median(np.random.default_rng(n).standard_normal((60_000, n)), axis=1)
    assert medians.var() == pytest.approx(median_variance(n), rel=0.02 + 3 * np.sqrt(2 / 60_000))


def test_what_clipping_costs():
    values = np.random.default_rng(7).standard_normal((4000, 2000))
    off = np.abs(values - np.median(values, axis=1, keepdims=True))
    for clip in (2.5, 3.0):
        means = values.mean(axis=1, where=off < clip)
        assert 2000 * means.var() == pytest.approx(clipping_loss(clip), rel=3 * np.sqrt(2 / 4000))


def test_shares_of_the_side_pixels():
    assert SidePixels(IR, 11).shares().tolist() == [0.5, 0.0, 0.0, 0.5]
    one_side = Geometry((20, 8), IR.resized((20, 8)).amplifiers, reference=(0, 0, 1, 0))
    assert SidePixels(one_side, 11).shares().tolist() == [1.0, 0.0, 0.0, 0.0]


# -- mistakes -----------------------------------------------------------------------------------------------------


def blind_to_turns(self, block, halves):
    BiasDrift._lower(self.replace(column_cycle=1), block, halves)


def as_if_all_counted(self, geometry):
    return self.dark(geometry, "clocked").sum(axis=(1, 2))


def sides_for_free(self, charge, at):
    return BiasDrift.variance(self.replace(side_window=0), charge, at)


@pytest.mark.parametrize(
    "mistake", [{"_lower": blind_to_turns}, {"pixels": as_if_all_counted}, {"variance": sides_for_free}]
)
def test_a_mistake_fails_the_law(mistake):
    right = NIR.replace(frame_sigma=3.0, cycle_sigma=4.0)
    check_effect(right, IR)
    with pytest.raises(AssertionError):
        check_effect(mutated(right, **mistake), IR)
