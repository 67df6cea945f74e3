"""The multiplication register: its law in three moments and all quantiles, and that a wrong law is caught."""

from __future__ import annotations

import math
from functools import cache

import numpy as np
import pytest
from scipy import stats

from obverse import Detector, Exposure, Frame, Geometry, Moment, UsageError
from obverse.effects.em_gain import EmGain
from obverse.register.excess_noise import excess_noise_factor, stage_probability
from obverse.register.few_electrons import few_electrons
from obverse.register.law import METHODS, Register, cumulants
from obverse.scaling import divide
from obverse.seeds import SILENT, Address, Stream
from obverse.testing import check_effect, require
from tests import naive
from tests.laws.test_mutants import mutated

STREAM = Stream(Address(11, "em_gain", "register"))
H1 = [(10.0, 100), (100.0, 604), (1000.0, 604), (5000.0, 604)]


def drawn(register, n, pixels):
    """What `n` electrons become in so many pixels."""
    rows = -(-pixels // 512)
    return STREAM.drawn(np.full((rows, 512), n, np.float32), register).ravel().astype(np.float64)


@cache
def law_of(n, gain, stages, partial=0.0):
    """The law of `n` electrons, up to where it has ended: beyond are less than 1e-10 of it."""
    outcomes = 2 ** math.ceil(math.log2(gain * (n + 25 + 8 * n**0.5)))
    return naive.register_transform(n, gain, stages, outcomes, partial)


def check_law(got, law):
    """Mean, variance, third moment and all quantiles at five sigma, of a sample against probabilities of 0, 1, 2 ..."""
    values = np.arange(len(law))
    mean = law @ values
    off = values - mean
    spread = np.sqrt(law @ off**2)
    for power in (1, 2, 3):
        moment, error = law @ (off / spread) ** power, np.sqrt((law @ (off / spread) ** (2 * power)) / len(got))
        found = np.mean(((got - mean) / spread) ** power)
        require(abs(found - moment) < 5 * error, f"moment {power} is {found:.4f}, not {moment:.4f} +- {error:.4f}")
    below = np.cumsum(law)
    # what is drawn from a gamma law is no whole number: it stands for the nearest
    counted = np.bincount(np.rint(got).astype(np.int64).clip(0, len(law) - 1), minlength=len(law))
    apart = np.abs(np.cumsum(counted) / len(got) - below).max()
    worst = math.sqrt(math.log(2 / 5.7e-7) / 2 / len(got))  # Massart's bound at five sigma
    require(apart < worst, f"the distributions are {apart:.5f} apart, at most {worst:.5f} is chance")


# -- the excess noise factor --------------------------------------------------------------------------------------


def test_excess_noise_factor_without_gain_at_two_and_at_high_gain():
    # values of corgidrp 5.1.1 for 604 stages
    found = [excess_noise_factor(g) for g in (1.0, 2.0, 100.0, 5000.0)]
    np.testing.assert_allclose(found, [1.0, 1.224277, 1.405333, 1.404208], atol=5e-7)


@pytest.mark.parametrize(("gain", "stages"), [*H1, (1.5, 3), (1024.0, 10)])
def test_excess_noise_factor_is_that_of_robbins_and_hadwen(gain, stages):
    # Robbins & Hadwen 2003, IEEE Trans. Electron Devices 50, 1227: F^2 = (2 G + a - 1) / (G (a + 1)), a a stage
    a = gain ** (1 / stages) - 1
    squared = (2 * gain + a - 1) / (gain * (a + 1))
    assert excess_noise_factor(gain, stages) ** 2 == pytest.approx(squared, rel=1e-12)


def test_excess_noise_factor_tends_to_the_root_of_two():
    # Basden et al. 2003, MNRAS 345, 985: many stages at high gain, twice the variance
    assert excess_noise_factor(1e6, 10_000_000) == pytest.approx(math.sqrt(2.0), rel=1e-5)


@pytest.mark.parametrize(("gain", "stages"), [(0.9, 604), (5000.0, 12), (math.nan, 604), (math.inf, 604), (2.0, 0)])
def test_a_gain_that_no_register_has_is_refused(gain, stages):
    with pytest.raises(UsageError, match="each doubles at most"):
        excess_noise_factor(gain, stages)


# -- the tables ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("n", "gain", "stages"), [(1, 10.0, 6), (3, 2.0, 5), (5, 30.0, 5), (1, 16.0, 4)])
def test_cumulants_are_those_of_the_law(n, gain, stages):
    k = np.arange(n * 2**stages + 1)
    law = naive.register_law(n, gain, stages, len(k), 0.0)
    mean = law @ k
    third = law @ (k - mean) ** 3
    found = n * cumulants(gain, stages)[-1]
    np.testing.assert_allclose(found, [mean, law @ (k - mean) ** 2, third], rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize(("n", "partial"), [(1, 0.0), (3, 0.0), (0, 0.5), (2, 1.0)])
def test_both_oracles_have_one_law(n, partial):
    stage_by_stage = naive.register_law(n, 5.0, 6, 256, partial)
    np.testing.assert_allclose(naive.register_transform(n, 5.0, 6, 256, partial), stage_by_stage, atol=1e-14)


@pytest.mark.parametrize(("gain", "stages"), [(10.0, 100), (5000.0, 604), (30.0, 5), (16.0, 4)])
def test_tables_of_few_electrons_are_the_law(gain, stages):
    _, at_most, below = few_electrons(gain, stages, 32)
    p = stage_probability(gain, stages)
    for n, stage in [(1, stages), (1, 1), (2, stages // 2), (31, 1)]:
        law = naive.register_transform(n, (1 + p) ** stage, stage, 2**18)
        np.testing.assert_allclose(at_most[n, stage], np.cumsum(law)[:32], atol=1e-11)
        assert below[n, stage] == at_most[n, stage, -1]


@pytest.mark.parametrize(
    ("n", "gain", "stages"),
    [(32, 500.0, 604), (40, 100.0, 604), (32, 10.0, 100), (32, 2.0, 604), (320, 1.1, 604), (64, 1.5, 604)],
)
def test_the_gamma_law_of_many_electrons_is_right_to_three_in_ten_thousand(n, gain, stages):
    assert n >= METHODS["auto"] <= n * (gain - 1) * (1 + 1e-9)  # as near to few as the method goes
    law = law_of(n, gain, stages)
    mean, variance, third = n * cumulants(gain, stages)[-1]
    shape, scale = 4 * variance**3 / third**2, third / 2 / variance
    matched = stats.gamma.cdf((np.arange(len(law)) + 0.5 - mean) / scale + shape, shape)
    assert np.abs(matched - np.cumsum(law)).max() < 3e-4


# -- what is drawn ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("n", "method"), [*((n, "auto") for n in (1, 2, 9, 31, 32, 100)), *((n, "exact") for n in (1, 2, 9))]
)
def test_draws_have_the_law_of_the_branching_process(n, method):
    gain, stages = 10.0, 100
    got = drawn(Register(gain, stages, method=method), n, 200_000)
    check_law(got, law_of(n, gain, stages))


@pytest.mark.parametrize(
    ("n", "gain", "stages"), [(1, 2.0, 604), (7, 1.01, 604), (2, 30.0, 5), (3, 16.0, 4), (50, 1.9, 1)]
)
def test_draws_have_the_law_at_the_edges(n, gain, stages):
    law = law_of(n, gain, stages)
    for method in ("auto", "exact"):
        got = drawn(Register(gain, stages, method=method), n, 200_000)
        if gain == 2.0**stages:
            assert (got == n * gain).all()  # every electron doubles every time
        else:
            check_law(got, law)


@pytest.mark.parametrize(("n", "gain"), [(1, 5000.0), (2, 1000.0), (5, 1000.0)])
def test_a_million_pixels_at_high_gain_have_the_law(n, gain):
    stages = 604
    check_law(drawn(Register(gain, stages), n, 1_000_000), law_of(n, gain, stages))


def test_the_tree_of_all_electrons_grows_alike():
    random = np.random.default_rng(3)
    grown = naive.register_draws(np.full(100_000, 2), 20.0, 60, 0.0, random).astype(np.float64)
    check_law(grown, law_of(2, 20.0, 60))


@pytest.mark.parametrize(("gain", "stages"), H1)
@pytest.mark.parametrize("method", METHODS)
def test_mean_and_variance_of_each_method(gain, stages, method):
    # 200 000 pixels of one electron: the mean is known to 0.2 %
    pixels = 20_000 if method == "exact" and gain > 100 else 200_000
    out = drawn(Register(gain, stages, method=method), 1, pixels) / gain
    assert abs(out.mean() - 1.0) < 5 * out.std() / math.sqrt(pixels) < 0.04
    squares = (out - 1.0) ** 2
    excess = excess_noise_factor(gain, stages) ** 2 - 1
    assert abs(squares.mean() - excess) < 5 * squares.std() / math.sqrt(pixels)


def test_plain_gamma_law_is_caught():
    # Basden's limit, shape n and scale g, is that of infinitely many stages: many simulators draw from it
    gain, stages = 1000.0, 604
    for n in (1, 5):
        got = np.random.default_rng(2).gamma(n, gain, 1_000_000)
        with pytest.raises(AssertionError):
            check_law(got, law_of(n, gain, stages))


def test_a_gamma_law_of_right_mean_and_variance_is_caught():
    gain, stages = 10.0, 100
    mean, variance, _ = cumulants(gain, stages)[-1]
    for n in (1, 3):
        got = np.random.default_rng(2).gamma(n * mean**2 / variance, variance / mean, 1_000_000)
        with pytest.raises(AssertionError):
            check_law(got, law_of(n, gain, stages))


@pytest.mark.parametrize("method", ["auto", "exact"])
@pytest.mark.parametrize(
    ("n", "gain", "stages", "partial"), [(0, 100.0, 604, 0.025), (1, 10.0, 50, 0.5), (0, 4.0, 2, 0.9)]
)
def test_electrons_made_of_nothing_meet_the_rest_of_the_stages(method, n, gain, stages, partial):
    register = Register(gain, stages, partial, method)
    law = law_of(n, gain, stages, partial)
    off = np.arange(len(law)) - register.mean(np.full(1, n))[0]
    assert law @ off == pytest.approx(0.0, abs=1e-6 * gain)
    assert law @ off**2 == pytest.approx(register.variance(np.full(1, n))[0], rel=1e-6)
    check_law(drawn(register, n, 300_000), law)


def test_charge_that_is_no_whole_number_is_right_on_average():
    out = drawn(Register(2.0, 604), 0.3, 1_000_000)
    assert (out == 0).mean() == pytest.approx(0.7, abs=5 * math.sqrt(0.21e-6))
    assert abs(out.mean() - 0.6) < 5 * out.std() / 1e3


def test_none_stays_none_and_less_than_nothing_is_nothing():
    charge = np.array([[np.nan, -3.0, 0.0, 1.0, np.inf]], np.float32)
    out = STREAM.drawn(charge, Register(100.0, 604))
    assert np.isnan(out[0, 0])
    assert out[0, 1] == out[0, 2] == 0
    assert out[0, 3] >= 1
    assert np.isfinite(out[0, 4])


def test_threads_and_strips_change_no_electron():
    register = Register(1000.0, 604, 0.025)
    charge = np.random.default_rng(1).poisson(0.3, (2, 70, 40)).astype(np.float32)
    one = Stream(STREAM.address, threads=1).drawn(charge, register)
    for threads in (2, 5):
        np.testing.assert_array_equal(Stream(STREAM.address, threads=threads).drawn(charge, register), one)
    below = Stream(STREAM.address, threads=1, first=32).drawn(charge[:, 32:], register)
    np.testing.assert_array_equal(below, one[:, 32:])


# -- mistakes that the laws of the contracts must find ----------------------------------------------------------------


def plain_gamma(self, charge, at):
    if at.rng is SILENT:
        return EmGain.imprint(self, charge, at)
    return at.rng.scalars().gamma(np.maximum(charge, 1e-3), self.gain(at.exposure)).astype(np.float32)


def divide_only(self, frame, at):
    return divide(frame, np.asarray(self.gain(at.exposure)))


MISTAKES = {
    "the law of infinitely many stages": {"imprint": plain_gamma},
    "what the stages made is left": {"correct": divide_only},
    "errors divided by the root of the gain": {"amplification": lambda self, exposure: 1.0 / self.gain(exposure)},
    "electrons that came one by one": {"variance": lambda self, charge, at: np.float32(20.0) * charge},
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_the_laws_find_a_mistake(mistake):
    right, geometry = EmGain(stages=20, partial=0.5), Geometry((96, 64))
    check_effect(right, geometry)
    with pytest.raises(AssertionError):
        check_effect(mutated(right, **MISTAKES[mistake]), geometry)


# -- the effect ---------------------------------------------------------------------------------------------------


def at(gain=1.0, shape=(1, 4), rng=SILENT, **exposure):
    return Moment(Exposure("em", 1.0, em_gain=gain, **exposure), Geometry(shape), rng=rng)


def test_the_gain_is_the_actual_one_where_it_is_known():
    effect = EmGain(ratio=0.5)
    assert effect.gain(Exposure("a", em_gain=1000.0)) == 500.0
    assert effect.gain(Exposure("a", em_gain=1000.0, em_gain_actual=930.0)) == 930.0
    assert effect.gain(Exposure("a", em_gain=1.0)) == 1.0
    assert effect.gain(Exposure("a", em_gain=1.5)) == 1.0


def test_a_gain_of_one_does_nothing_but_clip():
    charge = np.array([[0.0, 5.0, 77.0, 2e5]], np.float32)
    out = EmGain(partial=0.1).imprint(charge, at(rng=STREAM))
    assert out.tolist() == [[0.0, 5.0, 77.0, 105000.0]]


def test_the_register_holds_its_full_well():
    out = EmGain(full_well=9000.0).imprint(np.full((64, 64), 10.0, np.float32), at(1000.0, (64, 64), STREAM))
    assert out.max() == 9000.0
    assert 0.2 < (out == 9000.0).mean() < 0.8


def test_dividing_by_the_gain_scales_errors_alike():
    frame = Frame(
        np.array([[5000.0, 100.0]], "f4"), "electron", exposure=Exposure("em", 1.0, em_gain=1000.0),
        variances={"read": np.full((1, 2), 1e4, "f4")},
    )  # fmt: skip
    done = EmGain().correct(frame, at(1000.0))
    np.testing.assert_allclose(done.data, [[5.0, 0.1]], rtol=1e-6)
    np.testing.assert_allclose(done.variances["read"], 0.01, rtol=1e-6)
    assert EmGain().amplification(frame.exposure) == pytest.approx(1e-6)


def test_what_the_stages_make_of_nothing_is_taken_away():
    effect, here = EmGain(partial=0.025), at(5000.0, (512, 512), STREAM)
    made = effect.imprint(np.zeros((512, 512), np.float32), here)
    left = effect.correct(Frame(made, "electron", exposure=here.exposure), here).data.astype(np.float64)
    assert made.mean() / 5000 == pytest.approx(0.025, rel=0.05)
    assert abs(left.mean()) < 5 * left.std() / 512


def test_other_units_and_a_second_division_are_refused():
    frame = Frame(np.ones((1, 4), "f4"), "electron", undone=("gain", "em_gain"))
    with pytest.raises(UsageError, match=r"em_gain: .*divided by it before"):
        EmGain().correct(frame, at(10.0))
    for unit in ("DN", "electron/s"):
        with pytest.raises(UsageError, match="undo 'gain' first"):
            EmGain().correct(frame.replace(unit=unit, undone=()), at(10.0))


def with_register(**parameters):
    """The CCD with a register, and as much read noise as needs one."""
    ccd = Detector.load("generic_ccd").resized((128, 128)).without("nonlinearity", "bias_drift")
    effects = {effect.name: effect for effect in ccd.effects}
    effects["read_noise"] = effects["read_noise"].replace(sigma=100.0)
    names = list(effects)
    effects["em_gain"] = EmGain(**parameters)
    names.insert(names.index("read_noise"), "em_gain")
    steps = list(ccd.steps)
    steps.insert(steps.index("gain") + 1, "em_gain")
    return ccd.replace(effects=tuple(effects[name] for name in names), steps=tuple(steps))


@pytest.mark.parametrize("gain", [1.0, 20.0, 200.0])
def test_errors_of_multiplied_frames_are_honest(gain):
    # flat light of 200 electrons: the error from each pixel's own value is 1.4 / sqrt(200) off at most, even on average
    detector = with_register(full_well=1e9)
    light = 200.0 / 0.9 / 10.0
    pulls = []
    for i in range(12):
        exposure = Exposure(f"flat{i}", 10.0, em_gain=gain)
        done = detector.recipe().until("estimate").run(detector.expose(light, exposure, seed=5))
        pulls.append((done.data - 200.0) ** 2 / np.mean(done.variance))
    found, error = np.mean(pulls), np.std(pulls) / math.sqrt(np.size(pulls))
    assert abs(found - 1.0) < 0.02
    assert error < 0.004


def test_without_the_excess_the_errors_would_be_too_small():
    detector = with_register(full_well=1e9)
    done = detector.recipe().until("estimate").run(detector.expose(20.0, Exposure("f", 10.0, em_gain=200.0), seed=1))
    assert np.mean(done.variances["poisson"]) == pytest.approx(180.0 * excess_noise_factor(200.0) ** 2, rel=0.02)


def test_saturation_looks_behind_the_register():
    # 90 000 electrons of the pixel, times 100, are more than the register holds: 105 000 / 2.5 DN above the bias
    detector = with_register()
    exposure = Exposure("s", 1.0, em_gain=100.0)
    full = detector.respond(np.full((128, 128), 150000.0, np.float32), exposure)
    np.testing.assert_allclose(full[:, :64], 1000.0 + 105000.0 / 2.5, rtol=1e-6)


@pytest.mark.parametrize("gain", [0.5, 0.0, -3.0, float("nan")])
def test_a_gain_below_one_is_refused(gain):
    with pytest.raises(UsageError, match="a register multiplies by 1 or more"):
        EmGain().gain(Exposure("a", 1.0, em_gain=gain))
