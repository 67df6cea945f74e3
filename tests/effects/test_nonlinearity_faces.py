"""Nonlinearity by either face, by reference files in digital numbers, and read by read."""

from __future__ import annotations

import numpy as np
import pytest

from obverse import Exposure, Flag, Frame, Geometry, Moment, ReadPattern, UsageError
from obverse.effects.nonlinearity import Nonlinearity
from obverse.polynomial import Polynomials
from obverse.testing import Stand, check_effect, require
from tests import naive
from tests.laws.examples import infrared
from tests.laws.test_mutants import mutated

RAMP = ("integration", "resultant", "row", "column")
JWST = [0.0, 0.85, 4.62e-6, -6.16e-11, 7.23e-16]
BENT = np.array([0.0, 1.0, -1e-7, -1e-12, -5e-16])
"""Response of the worked example of romancal's tests: 7 % at 65 000."""


def image(*values):
    return Frame(np.array([values], np.float32), "electron")


def straightened(effect, frame, **more):
    at = Moment(frame.exposure, Geometry(frame.shape[-2:]), **more)
    return effect.correct(frame, at)


# -- kernels against the obvious ----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def terms():
    random = np.random.default_rng(4)
    scatter = 1.0 + 0.1 * random.standard_normal((5, 3, 700))
    return np.reshape([20.0, 0.95, 8e-7, 2e-12, 1e-17], (5, 1, 1)) * scatter


def test_polynomials_are_sums_of_powers(terms):
    x = np.random.default_rng(5).uniform(-100.0, 1e5, (4, 3, 700)).astype(np.float32)
    got = Polynomials.of(list(terms))(x)
    np.testing.assert_allclose(got, naive.polynomial(x, terms), rtol=1e-6, atol=1e-5)  # a float32 of the constant


def test_inverse_polynomials_are_found_by_halving(terms):
    values = np.random.default_rng(6).uniform(-50.0, 9e4, (2, 3, 700)).astype(np.float32)
    values[0, 0, 0], values[1, 1, 1] = np.nan, 2e5
    got = Polynomials.of(list(terms)).inverse(values, 1e5)
    assert np.isnan(got[0, 0, 0])
    values[1, 1, 1] = 1e5  # what exceeds the limit counts as the limit
    for index in [(0, 1, 5), (1, 2, 699), (1, 1, 1), (0, 2, 512), (1, 0, 511)]:
        wanted = naive.polynomial_inverse(values[index], terms[:, index[1], index[2]].astype("f4"), -1e4, 2e5)
        assert got[index] == pytest.approx(wanted, rel=1e-6)


def test_a_polynomial_that_turns_is_told_by_its_slope_at_65_points():
    c2 = -np.array([[1e-6, 4e-6, 4.8e-6, 6e-6]])
    told = Polynomials.of([0.0, 1.0, c2]).turns_below(1e5)
    assert told.tolist() == [[1.0 + 2e5 * c < 0.05 for c in c2[0]]]
    assert told.any()
    assert not told.all()


# -- golden numbers -----------------------------------------------------------------------------------------------


def test_forty_thousand_dn_become_39300():
    # .85 x 4e4 + 4.62e-6 x 1.6e9 - 6.16e-11 x 6.4e13 + 7.23e-16 x 2.56e18 = 39 300.48
    for gain in (1.0, 1.8):
        effect = Nonlinearity.from_counts(JWST, gain, maximum=6e4)
        done = straightened(effect, image(4e4 * gain)).data.item()
        assert done / gain == pytest.approx(39300.48, rel=1e-5)


def test_a_small_zero_frame_with_large_terms():
    terms = [(2.718 / 314.59) ** k for k in range(5)]
    got = Polynomials.of(terms)(np.full((1, 1), 20.9725)).item()
    assert got == pytest.approx(1.22106063, rel=0.25 * 0.00005 / 20.9725 + 1e-6)  # of a signal with six digits


def test_a_gain_of_each_pixel_scales_each_polynomial():
    gain = np.array([[1.0, 2.0, 3.0]])
    maps = np.broadcast_to(np.reshape(JWST, (5, 1, 1)), (5, 1, 3))
    for coefficients in (JWST, maps):
        effect = Nonlinearity.from_counts(coefficients, gain, maximum=np.full((1, 3), 6e4))
        frame = Frame((4e4 * gain).astype("f4"), "electron")
        np.testing.assert_allclose(straightened(effect, frame).data / gain, 39300.48, rtol=1e-5)


def unlike_reads(averages, reads=5, c=BENT):
    """Four resultants of five reads up to 65 000: the worst relative error after correction."""
    q = 64999.0 * np.arange(1, 4 * reads + 1) / (4 * reads)
    y = np.polyval(c[::-1], q)
    data = y.reshape(4, reads).mean(axis=1).astype("f4").reshape(1, 4, 1, 1)
    frame = Frame(data, "electron", RAMP, exposure=Exposure("r", pattern=ReadPattern.even(4, reads, frame_time=3.0)))
    effect = Nonlinearity(coefficients=c, first=0, face="response", maximum=float(y.max()), averages=averages)
    true = q.reshape(4, reads).mean(axis=1)
    return np.abs(straightened(effect, frame).data.ravel() / true - 1.0).max()


def test_reads_that_are_straightened_one_by_one():
    # romancal's test of read-level linearity: under 0.004, and under half of what resultants give (under 0.007)
    alone, together = unlike_reads("resolve"), unlike_reads("ignore")
    assert together < 0.007
    assert alone < 0.004
    assert alone < 0.5 * together
    assert alone < 2e-4  # no fit stands between the two faces here
    assert unlike_reads("resolve", reads=1) == unlike_reads("ignore", reads=1)


def test_the_same_reads_by_the_other_face():
    c = Nonlinearity(coefficients=[1.2e-6, 1e-12], maximum=9e4, averages="resolve")
    pattern = ReadPattern([[1], [2, 3, 4], [5, 6, 7, 8, 9, 10]], 3.0)
    reads = [np.array(group) * 7000.0 for group in pattern.reads]
    at = Moment(Exposure("r", pattern=pattern), Geometry((1, 1)))
    seen = [c.imprint(group.astype("f4").reshape(-1, 1, 1), at).mean() for group in reads]
    frame = Frame(np.reshape(seen, (1, 3, 1, 1)).astype("f4"), "electron", RAMP, exposure=at.exposure)
    done = c.correct(frame, at).data.ravel()
    true = np.array([group.mean() for group in reads])
    assert np.abs(done / true - 1).max() < 1e-4
    assert np.abs(c.replace(averages="ignore").correct(frame, at).data.ravel() / true - 1).max() > 1e-3


def test_the_slope_of_reads_is_taken_from_resultants_that_are_not_saturated():
    pattern = ReadPattern.even(4, 4, frame_time=3.0)
    effect = Nonlinearity(coefficients=[2e-6], maximum=6e4, averages="resolve")
    at = Moment(Exposure("r", pattern=pattern), Geometry((1, 1)))
    reads = 4000.0 * np.arange(1, 17, dtype="f4").reshape(4, 4, 1, 1)
    seen = effect.imprint(reads, at).mean(axis=1)[None]
    flags = np.zeros(seen.shape, np.uint8)
    seen[:, 3], flags[:, 3] = 1000.0, Flag.SATURATED
    frame = Frame(seen, "electron", RAMP, flags, exposure=at.exposure)
    done = effect.correct(frame, at).data.ravel()
    np.testing.assert_allclose(done[:3], [10000.0, 26000.0, 42000.0], rtol=1e-4)
    alone = np.full(seen.shape, Flag.SATURATED, np.uint8)
    alone[:, 0] = 0  # one resultant has no slope: it is straightened as if it were one read
    single = effect.correct(frame.replace(flags=alone), at).data.ravel()[0]
    assert single == effect.replace(averages="ignore").correct(frame, at).data.ravel()[0]


# -- what is not known --------------------------------------------------------------------------------------------


def test_bad_coefficients_leave_a_pixel_as_it_is_and_say_so():
    maps = np.tile(np.reshape([1.0, 0.9, 1e-6], (3, 1, 1)), (1, 1, 4))
    maps[2, 0, 1] = np.nan
    maps[:, 0, 2] = 0.0
    told = np.array([[0, 0, 0, Flag.NO_LIN_CORR | Flag.HOT]], np.uint32)
    frame = image(1e4, 1e4, 1e4, 1e4).replace(pixel_flags=told)
    effect = Nonlinearity(coefficients=maps, first=0, maximum=5e4)
    done = straightened(effect, frame)
    np.testing.assert_allclose(done.data, [[9101.0, 1e4, 1e4, 1e4]], rtol=1e-6)
    assert done.pixel_flags.tolist() == [[0, 1 << 20, 1 << 20, (1 << 20) | Flag.HOT]]
    assert not done.flags.any()
    bent = effect.imprint(np.full((1, 4), 1e4, "f4"), Moment(Exposure(), Geometry((1, 4))))
    np.testing.assert_array_equal(bent[0, 1:3], 1e4)


def test_a_reference_that_turns_over_is_no_reference_of_that_pixel():
    maps = np.tile(np.reshape([0.0, 1.0, 1e-7], (3, 1, 1)), (1, 2, 2))
    maps[2, 1, 0] = -2e-5
    effect = Nonlinearity.from_counts(maps, 2.0, maximum=5e4)
    done = straightened(effect, Frame(np.full((2, 2), 4e4, "f4"), "electron"))
    assert done.pixel_flags.tolist() == [[0, 0], [Flag.NO_LIN_CORR, 0]]
    with pytest.raises(UsageError, match="turns over"):
        Nonlinearity(coefficients=maps, first=0, maximum=1e5)


@pytest.mark.parametrize("c", [[-1e-5], [-1.2e-5, 0.0]])
def test_a_response_that_never_gets_so_far_is_refused(c):
    # q - 1e-5 q^2 rises up to 25 000 only
    assert Nonlinearity(coefficients=c, face="response", maximum=1.5e4).edge == 1.5e4
    with pytest.raises(UsageError, match="turns over"):
        Nonlinearity(coefficients=c, face="response", maximum=3e4)


def test_saturated_reads_and_signals_beyond_the_maximum():
    flags = np.array([[0, Flag.SATURATED, 0]], np.uint8)
    frame = image(1e4, 4e4, 7e4).replace(flags=flags)
    maximum = np.array([[5e4, 5e4, 6e4]])
    done = straightened(Nonlinearity(coefficients=[1e-6], maximum=maximum), frame)
    assert done.data[0, 0] == pytest.approx(10100.0)
    assert done.data[0, 1] == 4e4
    assert done.flags.tolist() == [[0, Flag.SATURATED, Flag.DO_NOT_USE]]


def test_a_polynomial_needs_a_linear_term():
    with pytest.raises(UsageError, match="linear term"):
        Nonlinearity(coefficients=[1.0], first=0)


def test_steepness_is_that_of_the_correction_by_either_face():
    assert Nonlinearity(coefficients=[1e-6]).steepness(5e4) == pytest.approx(1.1)
    assert Nonlinearity(coefficients=[-1e-6], face="response", maximum=9e4).steepness(5e4) == pytest.approx(1 / 0.9)


# -- mistakes -----------------------------------------------------------------------------------------------------

RESPONSE = Nonlinearity(coefficients=[-6e-7], face="response", maximum=6e4)


def faces_exchanged(self, y, polynomials, at):
    return polynomials(y)


def without_constant(self, frame, at):
    return Nonlinearity(coefficients=self.coefficients[1:], first=1, maximum=self.maximum).correct(frame, at)


@pytest.mark.parametrize(
    ("right", "mistake"),
    [
        (RESPONSE, {"_straight": faces_exchanged}),
        (Nonlinearity(coefficients=[30.0, 0.9, 1e-6], first=0, maximum=6e4), {"correct": without_constant}),
    ],
)
def test_a_mistake_between_the_faces_fails_their_law(right, mistake):
    check_effect(right, infrared())
    with pytest.raises(AssertionError):
        check_effect(mutated(right, **mistake), infrared())


def test_a_gain_that_scales_all_terms_alike_is_seen():
    def off(scaled):
        effect = Nonlinearity(coefficients=scaled, first=0, maximum=1.2e5)
        got = straightened(effect, image(8e4)).data.item() / 2.0
        require(abs(got / 39300.48 - 1) < 1e-5, f"{got}")

    off(Nonlinearity.from_counts(JWST, 2.0, maximum=6e4).coefficients)
    for power in (0, -1):
        with pytest.raises(AssertionError):
            off(np.array(JWST) * 2.0**power)


def test_tiles_change_no_bit_of_the_read_level():
    pattern = ReadPattern.even(3, 4, frame_time=3.0)
    effect = Nonlinearity(coefficients=[1e-6], maximum=9e4, averages="resolve")
    stand = Stand(effect, infrared(), exposure=Exposure("r", pattern=pattern))
    data = np.cumsum([stand.typical() * 20 for _ in range(3)], axis=0, dtype="f4")[None]
    frame = Frame(data, "electron", RAMP, exposure=stand.exposure)
    whole = effect.correct(frame, stand.at())
    part = effect.correct(frame.rows(32, 48), stand.at(rows=slice(32, 48)))
    np.testing.assert_array_equal(part.data, whole.data[..., 32:48, :])
