"""At least one number a effect that somebody else has published, or that a page of paper gives."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import signal, stats

import obverse as ob
from obverse import Amplifier, Detector, Exposure, Flag, Frame, Geometry, Moment, ReadPattern
from obverse.effects import registry
from obverse.effects.adc import Adc
from obverse.effects.bad_pixels import BadPixels
from obverse.effects.bias import Bias
from obverse.effects.bias_drift import BiasDrift
from obverse.effects.charge_migration import ChargeMigration
from obverse.effects.clock_induced_charge import ClockInducedCharge
from obverse.effects.cosmic_rays import CosmicRays
from obverse.effects.dark_current import DarkCurrent
from obverse.effects.dark_decay import DarkDecay
from obverse.effects.dark_ramp import DarkRamp
from obverse.effects.em_gain import EmGain
from obverse.effects.fixed_pattern import FixedPattern
from obverse.effects.flat import Flat
from obverse.effects.flicker_noise import FlickerNoise
from obverse.effects.gain import Gain
from obverse.effects.gain_scale import GainScale
from obverse.effects.integral_nonlinearity import IntegralNonlinearity
from obverse.effects.interpixel_capacitance import InterpixelCapacitance
from obverse.effects.level_nonlinearity import LevelNonlinearity
from obverse.effects.nonlinearity import Nonlinearity
from obverse.effects.persistence import Persistence
from obverse.effects.quantum_efficiency import QuantumEfficiency
from obverse.effects.read_noise import ReadNoise
from obverse.effects.reference_read import ReferenceRead
from obverse.effects.register_trail import RegisterTrail
from obverse.effects.reset_noise import ResetNoise
from obverse.effects.saturation import Saturation
from obverse.effects.showers import Showers
from obverse.effects.smear import Smear
from obverse.effects.snowballs import Snowballs
from obverse.seeds import Address, Stream

CCD = Detector.load("generic_ccd").resized((256, 256))


def test_every_effect_has_a_fact():
    tested = "\n".join(name for name in globals() if name.startswith("test_"))
    missing = [name for name in registry() if f"test_{name}_" not in tested]
    assert not missing


def at(shape, seconds=1.0, **more):
    return Moment(Exposure("fact", seconds), Geometry(shape), interval=(0.0, seconds), **more)


def stream(name, index="0"):
    return Stream(Address(9, name, "fact", index))


# -- without a shutter --------------------------------------------------------------------------------------------


def test_smear_of_a_second_is_a_fifth_in_the_last_row_of_the_coronagraph():
    # by hand: 1024 rows of 223.5 microseconds are 0.2289 s
    even = Smear(row_time=223.5e-6).imprint(np.full((1024, 1), 1000.0, np.float32), at((1024, 1)))
    assert even[[0, -1], 0] == pytest.approx([1000.2235, 1228.864])


# -- light --------------------------------------------------------------------------------------------------------


def test_quantum_efficiency_of_the_h2rg_counts_four_of_five_photons():
    # Loose et al. 2007, Proc. SPIE 6690: over 0.8 from 0.8 to 5 micron
    detector = Detector.load("generic_h2rg").resized((64, 64))
    assert detector.effect("quantum_efficiency").efficiency == 0.8
    expected = QuantumEfficiency(efficiency=0.8).imprint(np.full((2, 2), 10.0, np.float32), at((2, 2)))
    np.testing.assert_array_equal(expected, np.float32(8.0))


def test_flat_variance_is_that_of_the_lsst_pipeline():
    # lsst.ip_isr, flat fielding of a variance plane: V_out = (I^2 V_flat + F^2 V) / F^4
    image, flat, var_flat, var = 100.0, 0.5, 1e-4, 100.0
    effect = Flat(response=np.array([[flat]]), error=np.array([[np.sqrt(var_flat)]]))
    frame = Frame(np.array([[image]], "f4"), "electron", variances={"poisson": np.array([[var]], "f4")})
    done = effect.correct(frame, at((1, 1)))
    assert done.data[0, 0] == 200.0
    assert done.variance[0, 0] == pytest.approx((image**2 * var_flat + flat**2 * var) / flat**4, rel=1e-6)


# -- charge -------------------------------------------------------------------------------------------------------


def test_poisson_variance_is_the_mean():
    # Poisson's law: mean and variance are one number. n = 65 536: five times sqrt(2/n) is 2.8 %
    stages = dict(CCD.stages(1000.0, Exposure("p", 1.0), seed=1))
    photons = stages["photons"].astype(np.float64)
    assert photons.mean() == pytest.approx(900.0, rel=5 / np.sqrt(900.0 * photons.size))
    assert photons.var() == pytest.approx(900.0, rel=0.028)


def test_dark_current_of_an_e2v_ccd_is_under_four_electrons_an_hour():
    # e2v CCD44-82 data sheet, 153 K; n = 65 536 pixels: five times 1.9/256
    hour = CCD.without("cosmic_rays") if CCD.has("cosmic_rays") else CCD
    electrons = dict(hour.stages(0.0, Exposure("dark", 3600.0), seed=1))["photons"].mean(dtype=float)
    assert electrons == pytest.approx(3.6, abs=5 * np.sqrt(3.6) / 256)
    assert electrons < 4.0


def test_dark_current_subtracts_rates_and_counts_alike():
    # WFC3 Instrument Handbook, Table 5.1: 0.048 electron/s, that is 4.8 in 100 s
    effect = DarkCurrent(rate=0.048)
    for unit, mean in (("electron/s", 0.048), ("electron", 4.8)):
        left = effect.correct(Frame(np.full((1, 1), mean, "f4"), unit), at((1, 1), 100.0)).data
        assert abs(left[0, 0]) < 1e-6


def test_dark_ramp_of_deep8_averages_reads_1_to_8_and_21_to_28():
    # NIRCam DEEP8 (JWST user documentation): 8 frames averaged, 12 left out; a dark of 1 electron a read
    pattern = ReadPattern.even(2, 8, 12, frame_time=10.73677)
    axes = ("integration", "resultant", "row", "column")
    frame = Frame(np.zeros((1, 2, 1, 1), "f4"), "electron", axes, exposure=Exposure("d", pattern=pattern))
    dark = DarkRamp(ramp=np.arange(1.0, 41.0).reshape(40, 1, 1), frame_time=10.73677)
    np.testing.assert_allclose(-dark.correct(frame, Moment.of(frame)).data.ravel(), [4.5, 24.5], rtol=1e-6)


def test_cosmic_rays_hit_wfc3_eleven_times_a_second():
    # WFC3 Instrument Handbook, 5.7.7: 11 +- 1 hits a second over the whole detector of 1024 pixels of 18 micron
    effect = Detector.load("hst_wfc3_ir").effect("cosmic_rays")
    assert effect.flux * (1024 * effect.pixel_pitch * 1e-4) ** 2 == pytest.approx(11.0, abs=1.0)


def test_cosmic_rays_deposit_the_energy_of_their_path_and_no_more():
    # dE/dx times the path through the layer over the pair energy; adding the thickness once a pixel instead of once
    # a track (romanisim 0.15) gives 11.7 % more along a row of ten pixels, and 40 % over all directions and lengths
    effect = CosmicRays(flux=8.0, loss=120.0, loss_scatter=1e-6, shortest=50.0, longest=50.0001)
    side, seconds = 512, 6000.0
    hit = effect.imprint(np.zeros((side, side), np.float32), at((side, side), seconds, rng=stream("cosmic_rays")))
    tracks = 8.0 * (side * 10e-4) ** 2 * seconds
    electrons = 120.0 * np.hypot(50.0, 5.0) / 0.5
    outside = 2 * 50.0 / (np.pi * side * 10.0)  # mean part of a track that starts inside and leads out
    # 12 583 tracks are known to 0.9 %; five times that
    assert hit.sum(dtype=float) == pytest.approx(tracks * electrons * (1 - outside), rel=5 / np.sqrt(tracks))


@pytest.mark.parametrize("longest", [60.0, 2000.0])
def test_cosmic_rays_are_as_long_in_the_mean_as_they_say(longest):
    effect = CosmicRays(shortest=20.0, longest=longest)
    u = (np.arange(1_000_000) + 0.5) / 1e6
    np.testing.assert_allclose(effect._lengths(u).mean(), effect.mean_length, rtol=1e-5)


def test_cosmic_rays_lose_energy_as_moyal_says():
    # Moyal 1955: mode mu, mean mu + s (gamma + ln 2), variance pi^2 s^2 / 2
    effect, random = CosmicRays(), np.random.default_rng(1)
    losses = effect._losses(random, 40_000)
    moyal = stats.moyal(120.0, 50.0)
    assert moyal.mean() == pytest.approx(120.0 + 50.0 * (np.euler_gamma + np.log(2.0)))
    assert losses.mean() == pytest.approx(moyal.mean(), abs=5 * moyal.std() / np.sqrt(losses.size) + 0.1)
    assert np.median(losses) == pytest.approx(moyal.median(), abs=5 * 1.5 * moyal.std() / np.sqrt(losses.size))


def test_snowballs_fall_on_an_h2rg_every_twenty_seconds_and_strike_hundreds_of_pixels():
    # JWST User Documentation, Shower and Snowball Artifacts
    effect = Detector.load("jwst_nircam").effect("snowballs")
    assert effect.flux * (2048 * effect.pixel_pitch * 1e-4) ** 2 == pytest.approx(1 / 20.0, rel=0.02)
    often = effect.replace(flux=1.0)
    hit = often.imprint(np.zeros((512, 512), np.float32), at((512, 512), 100.0, rng=stream("snowballs")))
    snowballs = 100.0 * (512 * 18e-4) ** 2
    assert 100 < (hit > 5 * 15.77).sum() / snowballs < 1000  # five sigma of a difference of two reads


def test_snowballs_leave_the_charge_of_their_profile():
    # by hand: the integral of Q min(1, (R/r)^4) over the plane is 2 pi R^2 Q; what falls outside and reaches in makes
    # up for what leaves
    effect = Snowballs(flux=0.1, smallest=45.0, largest=45.0, core_charge=1e5)
    side, seconds = 1024, 2000.0
    hit = effect.imprint(np.zeros((side, side), np.float32), at((side, side), seconds, rng=stream("snowballs")))
    count = 0.1 * seconds * (18e-4) ** 2  # in a pixel
    # 680 snowballs: five times 1/sqrt(680); 0.2 % of their charge is further out than where they are cut off
    tolerance = 5 / np.sqrt(count * side**2) + 0.002
    assert hit.mean(dtype=float) == pytest.approx(count * 2 * np.pi * 2.5**2 * 1e5, rel=tolerance)


def test_showers_fall_on_miri_every_forty_seconds():
    # JWST User Documentation, Shower and Snowball Artifacts: half as often as snowballs
    effect = Detector.load("jwst_miri").effect("showers")
    assert effect.flux * 1024 * 1032 * (effect.pixel_pitch * 1e-4) ** 2 == pytest.approx(1 / 40.0, rel=0.02)


def test_showers_leave_the_charge_of_a_gaussian():
    # by hand: the integral of Q exp(-(u^2/4 + v^2) / 2 w^2) is 2 pi 2 w^2 Q
    effect = Showers(flux=0.1, narrowest=100.0, broadest=100.0, faintest=2e4, brightest=2e4)
    side, seconds = 512, 2000.0
    hit = effect.imprint(np.zeros((side, side), np.float32), at((side, side), seconds, rng=stream("showers")))
    count = 0.1 * seconds * (25e-4) ** 2
    # 328 showers
    tolerance = 5 / np.sqrt(count * side**2)
    assert hit.mean(dtype=float) == pytest.approx(count * 4 * np.pi * 4.0**2 * 2e4, rel=tolerance)


def test_persistence_after_a_thousand_seconds_is_that_of_romanisim():
    # romanisim 0.15, Fermi profile with A = x0 = dx = alpha = gamma = 1: half of A at x0, 100 A at 100 x0
    unit = Persistence(amplitude=1.0, knee=1.0, width=1.0, index=1.0, decay=1.0, half_well=0.1)
    assert unit.rate([1.0, 100.0], 1000.0) == pytest.approx([0.5, 100.0])


def test_bad_pixels_of_jwst_are_dead_with_1025():
    # STScI, JWST pipeline documentation, data quality flags: DO_NOT_USE 1, DEAD 1024
    frame = Frame(np.ones((1, 1), "f4"), "electron")
    dead = BadPixels(flags=np.array([[1024]]))
    assert dead.correct(frame, at((1, 1))).pixel_flags[0, 0] == 1025
    assert dead.imprint(np.full((1, 1), 500.0, np.float32), at((1, 1)))[0, 0] == 0.0


# -- pixel and node -----------------------------------------------------------------------------------------------


def test_saturation_of_a_resultant_is_judged_by_its_last_read():
    # JWST saturation step: threshold times tbar/t_last (stcal, with a read pattern)
    pattern = ReadPattern([[1, 2, 3, 4]], 10.0)
    reached = 0.98 * 80000.0 * 25.0 / 40.0
    cube = np.array([[[[reached * 0.999, reached * 1.001]]]], np.float32)
    frame = Frame(
        cube, "electron", ("integration", "resultant", "row", "column"), exposure=Exposure("r", pattern=pattern)
    )
    flags = Saturation(full_well=80000.0).correct(frame, at((1, 2))).flags
    assert flags.ravel().tolist() == [0, Flag.SATURATED]


def test_saturation_of_wfc3_is_at_77900_electrons():
    # WFC3 Instrument Handbook, Table 5.1
    assert Detector.load("hst_wfc3_ir").effect("saturation").full_well == 77900.0


def test_charge_migration_of_niriss_starts_at_25000_dn():
    # STScI, JWST pipeline documentation, step charge_migration: 25 000 DN, at the 1.61 electron/DN of NIRISS
    effect = ChargeMigration()
    values = np.array([24999.0, 25001.0, 24000.0], "f4").reshape(1, 3, 1, 1) * np.float32(1.61)
    frame = Frame(values, "electron", ("integration", "resultant", "row", "column"))
    assert effect.correct(frame, at((1, 1))).flags.ravel().tolist() == [0, 129, 129]


def test_reset_noise_of_fifty_femtofarad_at_295_kelvin_is_89_electrons():
    # Janesick 2001, ch. 6: sqrt(kTC)/e
    effect = ResetNoise.from_capacitance(50e-15, 295.0)
    assert effect.sigma == pytest.approx(89.0, abs=0.2)
    level = effect.imprint(np.zeros((256, 256), np.float32), at((256, 256), rng=stream("reset_noise")))
    assert level.std(dtype=float) == pytest.approx(89.1, rel=5 / np.sqrt(2 * 65536))


def test_reset_noise_cancels_from_the_difference_of_two_reads():
    quiet = Detector.load("generic_h2rg").resized((64, 64)).without("read_noise", "cosmic_rays", "adc", "bias_drift")
    raw = quiet.expose(0.0, Exposure("r", pattern=ReadPattern.even(2, frame_time=1e-3)), seed=1).data
    levels = (raw[0, 0] - quiet.respond(0.0))[8:-8, 8:-8]
    # 30 electron, evened out by couplings of 0.5 % to sqrt(0.98^2 + 4 x 0.005^2), over a gain of 2.05
    assert levels.std() == pytest.approx(30.0 * 0.98 / 2.05, rel=0.1)
    assert np.abs(raw[0, 1] - raw[0, 0]).max() < 2e-3  # float32 at 10 000 DN


@pytest.mark.parametrize(("coupling", "bias"), [(0.005, 0.041), (0.01, 0.085), (0.02, 0.18)])
def test_interpixel_capacitance_makes_a_flat_too_even(coupling, bias):
    # Moore, Ninkov & Forrest 2006 eqs. 6-10: 1/sum(k^2): ignoring 0.5, 1, 2 % raises the gain by 4.1, 8.5, 18 %
    effect = InterpixelCapacitance.cross(coupling)
    flat = stream("photons").poisson(np.full((1024, 1024), 10000.0))
    ratio = flat.var(dtype=float) / effect.imprint(flat, at((1024, 1024))).var(dtype=float)
    # two correlated variances of 1e6 pixels: their ratio is known better than to 0.2 %
    assert ratio - 1.0 == pytest.approx(bias, abs=0.003)


def test_interpixel_capacitance_of_the_inverse_amplifies_white_noise():
    # to first order the inverse kernel is 1 + 4a in the middle and -a around: (1 + 4a)^2 + 4 a^2
    amplification = InterpixelCapacitance.cross(0.005).amplification(Exposure("a", 1.0))
    assert amplification == pytest.approx(1.02**2 + 4 * 0.005**2, rel=2e-3)


def test_nonlinearity_of_wfc3_is_five_percent_at_full_well():
    # WFC3 Instrument Handbook, 5.7.1
    effect = Detector.load("hst_wfc3_ir").effect("nonlinearity")
    full = np.full((1, 1), 77900.0, np.float32)
    assert 1.0 - effect.imprint(full, at((1, 1)))[0, 0] / 77900.0 == pytest.approx(0.05, abs=0.005)


def test_nonlinearity_of_one_term_is_the_root_of_a_quadratic():
    # y + c y^2 = q: y = (sqrt(1 + 4 c q) - 1) / (2 c), by hand 47 722.56 for c = 1e-6, q = 50 000
    bent = Nonlinearity(coefficients=[1e-6]).imprint(np.full((1, 1), 50000.0, np.float32), at((1, 1)))
    assert bent[0, 0] == pytest.approx((np.sqrt(1.2) - 1) / 2e-6, rel=1e-6)


def test_nonlinearity_of_two_terms_by_hand():
    # y = 1e5, c2 = 1e-6, c3 = 2e-12: q = 1e5 + 1e4 + 2e3
    effect = Nonlinearity(coefficients=[1e-6, 2e-12], maximum=1.5e5)
    assert effect.correct(Frame(np.full((1, 1), 1e5, "f4"), "electron"), at((1, 1))).data[0, 0] == pytest.approx(
        112000.0
    )
    assert effect.imprint(np.full((1, 1), 112000.0, np.float32), at((1, 1)))[0, 0] == pytest.approx(1e5, rel=1e-6)


def test_nonlinearity_of_noise_below_zero_comes_back():
    effect = Nonlinearity(coefficients=[1e-6, 2e-12], maximum=1.5e5)
    below = np.array([[-50.0, -1.0]], np.float32)
    frame = Frame(effect.imprint(below, at((1, 2))), "electron")
    np.testing.assert_allclose(effect.correct(frame, at((1, 2))).data, below, rtol=2e-6)


def test_em_gain_makes_twice_the_variance_of_photons():
    # Basden et al. 2003, MNRAS 345, 985: the excess noise factor of a register at high gain is the root of two
    light = stream("photons").poisson(np.full((512, 512), 30.0))
    here = at((512, 512), rng=stream("em_gain")).replace(exposure=Exposure("fact", em_gain=1e4))
    seen = EmGain(stages=2000, full_well=1e9).imprint(light, here).astype(np.float64) / 1e4
    # exponential jumps, 30 of them: the relative variance of a variance is (2 + 6 / 30) / n
    assert seen.var() / 30.0 == pytest.approx(2.0, rel=5 * np.sqrt(2.2 / seen.size))


def test_register_trail_has_forty_pixels_at_a_gain_of_a_thousand():
    # corgidrp 5.1, tails of cosmic rays: 40 pixels at 1000, in proportion to the gain, none at 1
    row = np.where(np.arange(300) < 3, np.float32(105000.0), np.float32(0.0))[None]
    for gain, pixels in ((1.0, 0), (1000.0, 40), (5000.0, 200)):
        here = at(row.shape).replace(exposure=Exposure("fact", em_gain=gain))
        assert (RegisterTrail().imprint(row, here) != row).sum() == pixels


def test_clock_induced_charge_is_one_electron_in_500_pixels_of_a_controller_for_counting_photons():
    # Daigle et al. 2012, Proc. SPIE 8453: a background of 0.002 electron in all
    made = ClockInducedCharge(level=0.002).imprint(
        np.zeros((1024, 1024), np.float32), at((1024, 1024), rng=stream("clock_induced_charge"))
    )
    assert (made > 0).mean() == pytest.approx(1 / 500, abs=5 * np.sqrt(0.002 / made.size))


# -- read-out -----------------------------------------------------------------------------------------------------


def test_read_noise_of_headers_is_that_of_two_reads():
    # READNSEA-D of WFC3/IR files: 20.2, 19.8, 19.9 and 20.1 electron for a pair of reads: 20 is 14.14 for one
    sigma = np.asarray(Detector.load("hst_wfc3_ir").effect("read_noise").sigma)
    np.testing.assert_allclose(sigma * np.sqrt(2.0), [20.2, 19.8, 19.9, 20.1], rtol=1e-3)
    assert 20.0 / np.sqrt(2.0) == pytest.approx(14.14, abs=0.005)


def test_read_noise_of_a_difference_is_root_two_larger():
    # Rieke et al. 2023, PASP 135, 028001: about 16 electron for two reads of a NIRCam H2RG, 11 for one
    effect = ReadNoise(sigma=11.0)
    zero = np.zeros((512, 512), np.float32)
    reads = [effect.imprint(zero, at((512, 512), rng=stream("read_noise", str(i)))) for i in range(2)]
    # n = 262 144: five times 1/sqrt(2n) is 0.7 %
    assert (reads[1] - reads[0]).std(dtype=float) == pytest.approx(15.56, rel=0.007)


def test_flicker_noise_has_equal_power_in_every_decade():
    # Press 1978: power 1/f is alike in each decade: A^2 ln 10 = 2.303 A^2
    effect, geometry = FlickerNoise(amplitude=3.0, overhead=0), Geometry((64, 250))
    here = [at((64, 250), rng=stream("flicker_noise", str(i))).replace(geometry=geometry) for i in range(200)]
    made = [effect.imprint(np.zeros((1, 64, 250), "f4"), moment).ravel() for moment in here]
    frequency, power = signal.periodogram(made, fs=1.0, window="hann")
    decade = (frequency >= 0.01) & (frequency < 0.1)
    found = power[:, decade].sum(axis=-1) * frequency[1]
    # 200 read-outs of 1440 frequencies: their mean is known to about 0.2 %
    assert found.std() / np.sqrt(200) / found.mean() < 0.004
    assert found.mean() == pytest.approx(9.0 * np.log(10.0), rel=0.02)


def test_dark_decay_of_the_first_read_is_its_amplitude():
    # romanisim 0.15, tests: with 1 DN and 23 s the mean of the first read is within 10 % of the amplitude, which is
    # that of its middle. By hand, the mean of exp(-u/23) over u from -T/2 to T/2 is (2 tau / T) sinh(T / 2 tau)
    effect = DarkDecay(amplitude=1.0, time_constant=23.0, frame_time=3.16247)
    marked = effect.imprint(np.zeros((1, 64, 64), np.float32), at((64, 64), layout="clocked", times=(3.16247,)))
    wanted = 46.0 / 3.16247 * np.sinh(3.16247 / 46.0)
    assert marked.mean(dtype=float) == pytest.approx(wanted, rel=2e-5)  # half a pixel of 4096 early: 13.7 % / 8192
    assert wanted == pytest.approx(1.0, abs=0.1)


def test_integral_nonlinearity_is_added_to_calibrate():
    # romanisim 0.15: the table is added to calibrate; half way between two entries counts the mean of the two
    effect = IntegralNonlinearity(counts=[0.0, 1000.0], correction=[-2.0, 4.0])
    done = effect.correct(Frame(np.array([[500.0, 1000.0]], "f4"), "DN"), at((1, 2)))
    assert done.data.tolist() == [[501.0, 1004.0]]


def test_reference_read_of_roman_is_stored_4000_dn_up():
    # romanisim 0.15: stored = data - reference + 4000, clipped to uint16
    here = at((1, 4), reference=np.array([[5000, 5000, 5000, 100]], "u2"))
    stored = ReferenceRead().imprint(np.array([[5000, 6000, 900, 65535]], "u2"), here)
    assert stored.tolist() == [[4000, 5000, 0, 65535]]


def test_gain_scale_of_nirspec_subarrays_is_two():
    # GAINFACT: JWST pipeline documentation, step gain_scale
    assert GainScale(factor=2.0).correct(Frame(np.full((1, 1), 21.0, "f4"), "DN"), at((1, 1))).data[0, 0] == 42.0


def test_gain_of_a_ccd_puts_full_well_inside_sixteen_bits():
    # e2v CCD44-82 data sheet: 150 ke; over 2.5 electron/DN and a bias of 1000: 61 000 DN
    assert Gain(gain=2.5).imprint(np.full((1, 1), 150000.0, np.float32), at((1, 1)))[0, 0] + 1000.0 == 61000.0


def test_gain_is_the_mean_over_the_variance():
    # Janesick 2007, Photon Transfer: V = mu/g + sigma^2/g^2
    mean = np.array([100.0, 1000.0, 10000.0])
    found = ob.fit_photon_transfer(mean, mean / 2.5 + 16.0 / 6.25)
    assert found.gain == pytest.approx(2.5, rel=1e-12)
    assert found.read_noise == pytest.approx(4.0, rel=1e-12)
    electrons = stream("photons").poisson(np.full((512, 512), 20000.0))
    signal = Gain(gain=2.5).imprint(electrons, at((512, 512))).astype(float)
    assert signal.mean() / signal.var() == pytest.approx(2.5, rel=5 * np.sqrt(2 / signal.size))


def test_bias_of_the_esis_camera_is_what_its_blank_columns_show():
    # blank columns of LED frame 04803: 3558.6, 3789.8, 3648.2 and 3439.2 DN in the four taps
    esis = Detector.load("esis")
    blank = esis.geometry.clock(esis.expose(0.0, Exposure("b", 0.0), seed=1).data)
    levels = blank[..., :50].mean(axis=(1, 2))
    # the drift of 0.3 DN a frame, five times
    np.testing.assert_allclose(levels, [3558.6, 3789.8, 3648.2, 3439.2], atol=1.5)


def test_bias_keeps_a_level_that_it_did_not_measure():
    frame = Frame(np.full((1, 1), 1007.0, "f4"), "DN")
    assert Bias(level=1000.0).correct(frame, at((1, 1))).data[0, 0] == 7.0


def test_bias_drift_from_fifty_columns_costs_a_seventh_of_the_read_noise_in_every_row():
    # a mean of 50: sigma/sqrt(50) = 0.14 sigma; the median, which others take, 0.18 sigma
    geometry = Geometry((1024, 4), overscan=50)
    effect = BiasDrift(seen_in="overscan", span="row")
    here = Moment(Exposure("fact", 1.0), geometry, layout="clocked", read_noise=np.float32(5.0))
    noise = 5.0 * np.random.default_rng(1).standard_normal((1, 1024, 54))
    noise[..., :4] = 0.0
    frame = Frame(noise.astype(np.float32), "DN", ("amplifier", "row", "column"))
    shift = effect.correct(frame, here).data[0, :, 0]
    # 1024 rows: five times 1/sqrt(2048) is 11 %
    assert shift.std() / 5.0 == pytest.approx(0.1414, rel=0.11)
    assert np.sqrt(effect.variance(noise, here)).item() / 5.0 == pytest.approx(0.1414, rel=1e-3)


def test_bias_drift_of_outputs_with_more_reference_pixels_is_known_better():
    # a 2048 x 2048 H2RG of four outputs: 4096 reference pixels an inner one, 4096 + 4 x 2040 an outer one
    geometry = Detector.load("generic_h2rg").geometry
    assert np.broadcast_to(BiasDrift(seen_in="reference").pixels(geometry), 4).tolist() == [12256, 4096, 4096, 12256]


def test_bias_drift_leaves_out_columns_that_settle_or_trail():
    halves = (Amplifier("L", (0, 2), (0, 3)), Amplifier("R", (0, 2), (3, 6), "lower right"))
    geometry = Geometry((2, 6), halves, prescan=3, overscan=4)
    clocked = np.zeros((2, 2, 10), np.float32)
    clocked[..., 0] = clocked[..., 6] = 1000.0  # the first prescan column settles, the first overscan column trails
    effect = BiasDrift(seen_in="both", settle=1, skip=1)
    here = Moment(Exposure("fact", 1.0), geometry, layout="clocked")
    done = effect.correct(Frame(clocked, "DN", ("amplifier", "row", "column")), here)
    np.testing.assert_array_equal(done.data, clocked)


def test_fixed_pattern_is_an_offset_that_no_signal_changes():
    # Janesick 2007, Photon Transfer, ch. 3: offset fixed pattern noise is that of a dark frame, at every signal
    pattern = FixedPattern(pattern=np.array([[21.0, -4.0]]))
    for charge in (0.0, 1e2, 1e4):
        read = pattern.imprint(np.full((1, 2), charge, np.float32), at((1, 2)))
        np.testing.assert_array_equal(read - charge, [[21.0, -4.0]])


def test_level_nonlinearity_of_the_coronagraph_at_unit_gain():
    # corgidrp, nonlinearity table of the thermal-vacuum test: 1.01341662 at 800 DN, 1.01262745 at 820 DN
    table = LevelNonlinearity(levels=[800.0, 820.0, 2500.0], gains=[1.0], table=[[1.01341662], [1.01262745], [1.0]])
    done = table.correct(Frame(np.array([[800.0, 810.0]], "f4"), "DN"), at((1, 2))).data
    assert done[0] == pytest.approx([810.733296, 810.0 * 1.013022035], rel=2e-7)


# -- digital ------------------------------------------------------------------------------------------------------


def test_adc_never_wraps():
    stored = Adc().imprint(np.array([[-3.0, 0.4, 70000.0, 1e9, np.nan]], "f4"), at((1, 5)))
    assert stored.tolist() == [[0, 0, 65535, 65535, 0]]


def test_adc_adds_a_twelfth_of_a_code_squared():
    # Widrow & Kollar 2008; n = 262 144, and a uniform deviate has the kurtosis 1.8: five times sqrt(0.8/n) is 0.9 %
    smooth = 3000.0 + 5.0 * np.random.default_rng(3).standard_normal((512, 512))
    added = Adc().imprint(smooth.astype(np.float32), at((512, 512))) - smooth
    assert added.var() == pytest.approx(1 / 12, rel=0.009)
    assert Adc().variance(smooth, at((512, 512))) == pytest.approx(1 / 12)


def test_adc_noise_counts_once_in_the_noise_of_a_read():
    # g^2/12 of variance in electrons; a measured read noise already holds it
    from obverse.noise import read_noise

    for includes, wanted in (("no", np.sqrt(16.0 + 2.5**2 / 12.0)), ("yes", 4.0)):
        chain = (ReadNoise(sigma=4.0, includes_quantisation=includes), Gain(gain=2.5), Adc())
        assert read_noise(chain, at((1, 1))) == pytest.approx(wanted, rel=1e-6)
