"""Mistakes that were sown on purpose: each must fail a gate that the right implementation passes.

A test suite that no mistake fails proves nothing. Here stand the classical ones: a wrong sign, a lost root of two,
a map not squared, and the same mistake in both directions, which no round trip can see (the inverse crime).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

import obverse as ob
from obverse import Detector, Exposure, Flag, Frame, ReadPattern
from obverse.chain import Run
from obverse.effects import Effect
from obverse.effects.adc import Adc
from obverse.effects.bias import Bias
from obverse.effects.bias_drift import BiasDrift
from obverse.effects.cosmic_rays import CosmicRays
from obverse.effects.dark_current import DarkCurrent
from obverse.effects.flat import Flat
from obverse.effects.gain import Gain
from obverse.effects.interpixel_capacitance import InterpixelCapacitance
from obverse.effects.nonlinearity import Nonlinearity
from obverse.effects.quantum_efficiency import QuantumEfficiency
from obverse.effects.read_noise import ReadNoise
from obverse.effects.saturation import Saturation
from obverse.readout import SingleRead
from obverse.scaling import divide
from obverse.seeds import Address, Stream
from obverse.testing import Stand, check_effect, require
from tests.chain.gates import Compared, check_measured, check_pulls
from tests.chain.simulating import ccd_belief, true_ccd
from tests.laws.examples import ccd, infrared
from tests.laws.gates import check_pattern, check_rendering, check_saturation_stays, check_streams_are_private

IR, CCD = infrared(), ccd()


def mutated(effect: Effect, **methods: Any) -> Effect:
    """The same effect with methods, or contracts, exchanged."""
    original = type(effect)
    told = {"__module__": original.__module__, "__doc__": original.__doc__}
    return type(original.__name__, (original,), {**methods, **told}).from_table(effect.to_table())


def law(geometry=IR):
    """The laws of the effect's contracts."""
    return lambda effect: check_effect(effect, geometry)


@dataclass(frozen=True)
class Mutant:
    """A right effect, what a mistake makes of its methods, and the gate that tells them apart."""

    name: str
    right: Effect
    mistake: dict[str, Any]
    gate: Callable[[Any], object] = law()  # noqa: RUF009 (a function, and the same for all)


# -- the wrong methods --------------------------------------------------------------------------------------------


def add_again(self, frame, at):
    return frame.replace(data=np.asarray(frame.data, np.float32) + at.plane(self.level))


def with_sign_lost(self, charge, at):
    return charge - at.plane(self.level)


def divide_again(self, frame, at):
    return frame.replace(data=np.asarray(frame.data, np.float32) / at.plane(self.gain), unit="electron")


def noise_of_a_pair(self, charge, at):
    return np.float32(2.0) * at.plane(self.sigma) ** 2


def noise_as_variance(self, charge, at):
    return at.plane(self.sigma)


def noise_of_a_pair_in_one_read(self, charge, at):
    return charge + np.float32(np.sqrt(2.0)) * at.plane(self.sigma) * at.rng.normal(charge.shape)


def dark_twice(self, frame, at):
    once = DarkCurrent.correct(self, frame, at)
    return DarkCurrent.correct(self, once, at)


def dark_of_a_second(self, frame, at):
    return frame.replace(data=frame.data - at.plane(self.rate))


def flat_multiplied(self, frame, at):
    return divide(frame, 1.0 / at.plane(self.response))


def flat_not_squared(self, frame, at):
    f = at.plane(self.response)
    done = divide(frame, f)
    return done.replace(variances={k: v * f for k, v in done.variances.items()}) if done.variances else done


def flat_error_not_shared(self, frame, at):
    return Flat.correct(self, frame, at).replace(shared={})


def coefficients_shifted(self, frame, at):
    shifted = Nonlinearity(coefficients=np.concatenate([[0.0], self.coefficients]), maximum=self.maximum)
    return shifted.correct(frame, at)


def coefficients_shifted_both_ways(self, charge, at):
    shifted = Nonlinearity(coefficients=np.concatenate([[0.0], self.coefficients]), maximum=self.maximum)
    return shifted.imprint(charge, at)


def one_step_of_newton(self, charge, at):
    c = float(self.coefficients[0])
    return (charge - c * charge**2).astype(np.float32)


def coupling_that_leaks(self, charge, at):
    return InterpixelCapacitance.imprint(self, charge, at) - np.float32(0.01) * charge


def coupling_undone_once(self, frame, at):
    return frame.replace(data=frame.data - self._coupled(frame.data, at))


def adc_that_wraps(self, charge, at):
    return np.rint(np.nan_to_num(charge)).astype(np.int64).astype(np.uint16)


def adc_that_truncates(self, charge, at):
    return np.clip(np.nan_to_num(charge), 0, self.top).astype(np.uint16)


def adc_without_flags(self, frame, at):
    return frame.flagged(frame.data > self.top, Flag.SATURATED)


def each_read_for_itself(self, frame, at):
    return frame.flagged(frame.data >= (1 - self.margin) * at.plane(self.full_well), Flag.SATURATED)


def above_full_well_only(self, frame, at):
    return frame.flagged(frame.data > at.plane(self.full_well), Flag.SATURATED)


def level_of_the_image(self, geometry, layout):
    dark = np.zeros(geometry.clocked_shape, bool)
    dark[..., geometry.image_columns] = True
    return dark if layout == "clocked" else geometry.assemble(dark)


def pixels_of_the_first_amplifier_only(self, geometry):
    dark = self.dark(geometry, "clocked")
    return np.full(len(dark), dark[0].sum())


def in_place(self, charge, at):
    charge += at.plane(self.level)
    return charge


def in_double(self, charge, at):
    return charge / np.float64(self.gain)


def charge_moved_a_pixel(self, frame, at):
    moved = np.roll(InterpixelCapacitance.correct(self, frame, at).data, 1, axis=-2)
    return frame.replace(data=moved)


def blind_to_hits(self, frame, at):
    return frame.replace(flags=np.zeros(frame.shape, np.uint8))


def flags_every_hundredth_read(self, frame, at):
    found = CosmicRays.correct(self, frame, at)
    return found.flagged(np.arange(frame.data.size).reshape(frame.shape) % 1000 == 0, Flag.JUMP_DET)


BENT = Nonlinearity(coefficients=[6e-7], maximum=1e5)
COUPLED = InterpixelCapacitance.cross(0.006)
UNEVEN = Flat(response=1.0 + 0.02 * np.random.default_rng(1).standard_normal(IR.shape), error=np.full(IR.shape, 0.003))
DRIFT = BiasDrift(frame_sigma=3.0, seen_in="reference")
OVERSCAN = BiasDrift(row_sigma=6.0, seen_in="overscan", span="row")
FULL = Saturation(full_well=80000.0)
HITS = CosmicRays(flux=8.0, pixel_pitch=18.0)


def kept_by_saturation(effect):
    check_saturation_stays(effect, Stand(effect, IR))


def bends_as_the_root_of_a_quadratic(effect):
    # y + 6e-7 y^2 = 50 000: y = 48 583.4
    wanted = (np.sqrt(1 + 4 * 6e-7 * 50000.0) - 1) / (2 * 6e-7)
    check_rendering(effect, Stand(effect, IR), 50000.0, wanted, 0.02)


LEVEL, GAIN, NOISE, DARK, CODES = Bias(level=1e3), Gain(gain=2.0), ReadNoise(sigma=9.0), DarkCurrent(rate=0.5), Adc()

MUTANTS = [
    Mutant("bias added instead of subtracted", LEVEL, {"correct": add_again}),
    Mutant("bias with the wrong sign", LEVEL, {"imprint": with_sign_lost}),
    Mutant("bias added in place", LEVEL, {"imprint": in_place}),
    Mutant("gain divided twice", GAIN, {"correct": divide_again}),
    Mutant("gain in double precision", GAIN, {"imprint": in_double}),
    Mutant("gain without a contract", GAIN, {"contracts": ()}),
    Mutant("variance of a pair of reads as that of one", NOISE, {"variance": noise_of_a_pair}),
    Mutant("read noise not squared", NOISE, {"variance": noise_as_variance}),
    Mutant("read noise of a pair put into one read", NOISE, {"imprint": noise_of_a_pair_in_one_read}),
    Mutant("dark subtracted twice", DARK, {"correct": dark_twice}),
    Mutant("dark of one second", DARK, {"correct": dark_of_a_second}),
    Mutant("flat multiplied", UNEVEN, {"correct": flat_multiplied}),
    Mutant("flat not squared in the variance", UNEVEN, {"correct": flat_not_squared}),
    Mutant("error of the flat taken for independent", UNEVEN, {"correct": flat_error_not_shared}),
    Mutant("coefficients shifted by one order", BENT, {"correct": coefficients_shifted}),
    Mutant(
        "coefficients shifted both ways",
        BENT,
        {"correct": coefficients_shifted, "imprint": coefficients_shifted_both_ways},
        bends_as_the_root_of_a_quadratic,
    ),
    Mutant("bent by the first order alone", BENT, {"imprint": one_step_of_newton}),
    Mutant("coupling that loses charge", COUPLED, {"imprint": coupling_that_leaks}),
    Mutant("coupling undone to first order", COUPLED, {"correct": coupling_undone_once}),
    Mutant("coupling without its halo", COUPLED, {"halo": 1}),
    Mutant("charge moved by a row", COUPLED, {"correct": charge_moved_a_pixel}),
    Mutant("converter that wraps", CODES, {"imprint": adc_that_wraps}),
    Mutant("converter that truncates", CODES, {"imprint": adc_that_truncates}),
    Mutant("converter that flags nothing", CODES, {"correct": adc_without_flags}),
    Mutant("saturation of each read for itself", FULL, {"correct": each_read_for_itself}, kept_by_saturation),
    Mutant("saturation above full well only", FULL, {"correct": above_full_well_only}),
    Mutant("drift taken from the image", OVERSCAN, {"dark": level_of_the_image}, law(CCD)),
    Mutant("drift as well known everywhere", DRIFT, {"pixels": pixels_of_the_first_amplifier_only}),
    Mutant("hits that nobody finds", HITS, {"correct": blind_to_hits}),
    Mutant("hits found everywhere", HITS, {"correct": flags_every_hundredth_read}),
]


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name.replace(" ", "-"))
def test_a_mistake_in_an_effect_fails_a_gate_that_the_right_one_passes(mutant):
    mutant.gate(mutant.right)
    with pytest.raises(AssertionError):
        mutant.gate(mutated(mutant.right, **mutant.mistake))


# -- mistakes beyond one effect -------------------------------------------------------------------------------------


@pytest.mark.parametrize("power", [0.5, 2.0])
def test_a_root_of_two_in_tau_fails(monkeypatch, power):
    pattern = ReadPattern([[1], [2, 3], [5, 6, 7]], 3.0)
    check_pattern(pattern)
    wrong = ReadPattern([[1], [2, 3], [5, 6, 7]], 3.0)
    monkeypatch.setitem(wrong.__dict__, "tau", pattern.tau * np.sqrt(2.0) ** np.sign(power - 1))
    with pytest.raises(AssertionError, match="double sum"):
        check_pattern(wrong)


def test_two_effects_that_share_a_stream_fail(monkeypatch):
    detector = Detector.load("generic_h2rg").resized((64, 64))
    exposure = Exposure("r", pattern=ReadPattern.even(2, frame_time=50.0))
    check_streams_are_private(detector, 10.0, exposure)

    def shared(self: Run, name: str, cadence: str, integration: int, read: int = 0, **where: str) -> Stream:
        return Stream(Address(self.seed or 0, "noise", self.exposure.id, f"{integration}.{read}"))

    monkeypatch.setattr(Run, "stream", shared)
    with pytest.raises(AssertionError, match="the same numbers"):
        check_streams_are_private(detector, 10.0, exposure)


def test_one_generator_for_all_effects_fails(monkeypatch):
    detector = Detector.load("generic_h2rg").resized((64, 64))
    exposure = Exposure("r", pattern=ReadPattern.even(2, frame_time=50.0))
    drawn = [0]

    def next_in_line(self: Run, name: str, cadence: str, integration: int, read: int = 0, **where: str) -> Stream:
        drawn[0] = 0 if name == "photons" and read == 0 else drawn[0] + 1
        return Stream(Address(self.seed or 0, "one", self.exposure.id, str(drawn[0])))

    monkeypatch.setattr(Run, "stream", next_in_line)
    with pytest.raises(AssertionError, match="is another"):
        check_streams_are_private(detector, 10.0, exposure)


class FivePercent(Gain):
    """The same wrong factor both ways: every round trip is exact."""

    def imprint(self, charge, at):
        return super().imprint(charge, at) / np.float32(1.05)

    def correct(self, frame, at):
        done = super().correct(frame, at)
        return done.replace(data=done.data * np.float32(1.05))


def states_the_gain_that_its_flats_show(detector: Detector) -> None:
    """Photon transfer on raw numbers knows nothing of the detector's own gain."""
    flats = [detector.expose(2000.0, Exposure(f"f{i}", 1.0), seed=1) for i in range(8)]
    biases = [detector.expose(0.0, Exposure(f"b{i}", 0.0), seed=1) for i in range(4)]
    pairs = list(zip(flats[::2], flats[1::2], strict=True))
    found = ob.photon_transfer(pairs, biases, detector=detector)
    off = found.gain / detector.effect("gain").gain - 1.0
    require((found.gain_error / found.gain < 0.01).all(), "the gain is not known to 1 %")
    require((np.abs(off) < 5 * found.gain_error / found.gain).all(), f"the flats show a gain that is off by {off}")


def test_the_inverse_crime_passes_the_law_and_fails_the_chain():
    truth = true_ccd()
    crime = truth.with_effect(FivePercent.from_table(truth.effect("gain").to_table()))
    wrong = crime.effect("gain")
    stand = Stand(wrong, truth.geometry)
    signal = stand.typical()
    np.testing.assert_allclose(stand.imprint(stand.correct(signal).data), signal, rtol=1e-6)  # no round trip sees it
    states_the_gain_that_its_flats_show(truth)
    with pytest.raises(AssertionError, match="off by"):
        states_the_gain_that_its_flats_show(crime)


def _pulls_with(belief: Detector, truth: Detector) -> None:
    raw = truth.expose(100.0, Exposure("science", 10.0), seed=5)
    check_pulls("pulls", Compared.of(belief.calibrate(raw), 1000.0), std=0.02, coverage=(0.03, 0.012))


@pytest.fixture(scope="module")
def truth():
    return true_ccd()


@pytest.fixture(scope="module")
def belief(truth):
    return ccd_belief(truth, seed=11)


def test_a_belief_in_a_wrong_gain_fails_the_comparison_with_the_truth(truth, belief):
    expected = {name for block in belief.covariance for name in block.names}
    check_measured(truth, belief, expected=expected)
    gain = belief.effect("gain")
    wrong = belief.with_effect(gain.replace(gain=gain.gain * 1.05))
    with pytest.raises(AssertionError, match="errors from the truth"):
        check_measured(truth, wrong, expected=expected)


def test_a_read_out_that_forgets_photon_noise_fails_the_pulls(truth, belief, monkeypatch):
    _pulls_with(belief, truth)

    def without_photons(self, frame, at):
        read = np.broadcast_to(np.asarray(at.read_noise, np.float32) ** 2, frame.shape)
        return frame.replace(variances={"poisson": np.zeros_like(frame.data), "read": read})

    monkeypatch.setattr(SingleRead, "estimate", without_photons)
    with pytest.raises(AssertionError, match="pull std"):
        _pulls_with(belief, truth)


@pytest.mark.parametrize("factor", [0.9, 1.1])
def test_errors_ten_percent_off_fail_the_pulls(truth, belief, monkeypatch, factor):
    right = SingleRead.estimate

    def scaled(self, frame, at):
        done = right(self, frame, at)
        return done.replace(variances={k: v * np.float32(factor**2) for k, v in done.variances.items()})

    monkeypatch.setattr(SingleRead, "estimate", scaled)
    with pytest.raises(AssertionError, match="pull std"):
        _pulls_with(belief, truth)


def test_dark_and_flat_undone_in_the_wrong_order_fails(truth):
    hot = truth.with_effect(truth.effect("dark_current").replace(rate=20.0))
    hot = hot.with_effect(hot.effect("flat").replace(response=np.tile([0.8, 1.2], (256, 128))))
    steps = [*hot.steps]
    i, j = steps.index("dark_current"), steps.index("flat")
    steps[i], steps[j] = steps[j], steps[i]
    raw = hot.expose(100.0, Exposure("science", 10.0), seed=5)

    def check(detector: Detector) -> None:
        check_pulls("order", Compared.of(detector.calibrate(raw), 1000.0), std=0.03, coverage=(0.03, 0.012))

    check(hot)
    with pytest.raises(AssertionError, match="order"):
        check(hot.replace(steps=tuple(steps)))


# -- a law that finds nothing to check fails ----------------------------------------------------------------------


@pytest.mark.parametrize(
    "idle",
    [
        Gain(gain=1.0),
        Bias(level=0.0),
        Nonlinearity(coefficients=[0.0]),
        InterpixelCapacitance.cross(0.0),
        Flat(),
        QuantumEfficiency(efficiency=1.0),
        DarkCurrent(rate=0.0),
        ReadNoise(sigma=0.0),
        Saturation(full_well=1e12),
        CosmicRays(flux=0.0),
    ],
    ids=lambda effect: effect.name,
)
def test_an_effect_that_does_nothing_passes_no_law(idle):
    with pytest.raises(AssertionError):
        check_effect(idle, IR)


def test_a_sensor_too_small_for_tiles_passes_no_law():
    with pytest.raises(AssertionError, match="larger geometry"):
        check_effect(Gain(gain=2.0), infrared(32, 64))


def test_a_contract_that_nobody_knows_passes_no_law():
    from obverse.contract import Contract

    @dataclass(frozen=True)
    class Promise(Contract):
        """Something new."""

    with pytest.raises(AssertionError, match="no law is known"):
        check_effect(mutated(Gain(gain=2.0), contracts=(Promise(),)), IR)


def test_an_effect_without_equation_or_reference_passes_no_law():
    undocumented = mutated(Gain(gain=2.0))
    type(undocumented).__doc__ = "Divides."
    with pytest.raises(AssertionError, match="docstring"):
        check_effect(undocumented, IR)


def test_an_effect_that_corrects_without_a_promise_passes_no_law():
    def smooth(self, frame: Frame, at: Any) -> Frame:
        return frame.replace(data=frame.data * 0.9)

    with pytest.raises(AssertionError, match="promise no correction"):
        check_effect(mutated(ReadNoise(sigma=9.0), correct=smooth), IR)
