"""Facts of level 1 from outside: the acceptance cases of romanisim 0.15 and of its detector, and hand arithmetic."""

from __future__ import annotations

import numpy as np
import pytest

import obverse as ob
from obverse import Exposure, Flag, Frame, ReadPattern
from obverse.chain import Run
from obverse.effects._coupling import couple
from obverse.effects.dark_decay import DarkDecay
from obverse.effects.reference_read import ReferenceRead
from obverse.ma_tables import ma_table
from obverse.readout.gathering import fallen
from obverse.shares import Shares
from tests.laws.gates import rejects
from tests.level1.gates import SIGMAS, check_covariance
from tests.level1.simple import bare, electrons, last, level1, roman, told

LINE = [[1], [2, 3], [4, 5], [6, 7]]
SIX_BY_THREE = [[3 * k + 1, 3 * k + 2, 3 * k + 3] for k in range(6)]
TIME = 3.16247


def test_the_last_read_takes_all_that_is_left():
    shares = Shares([t * TIME for group in LINE for t in group])
    assert shares.parts.sum() == pytest.approx(1.0, abs=1e-15)
    left = shares.parts / np.cumsum(shares.parts[::-1])[::-1]
    assert left[-1] == 1.0
    np.testing.assert_allclose(left[:3], [1 / 7, 1 / 6, 1 / 5])


def test_resultants_rise_and_never_hold_more_than_the_counts():
    counts = electrons(3000.0, (64, 64))
    ramps = level1(counts, LINE, bare())
    assert (np.diff(ramps, axis=0) >= 0).all()
    assert (ramps[-1] <= counts).all()
    assert (ramps[0] > 0).all()


def test_the_last_single_read_holds_all_counts():
    counts = np.random.default_rng(1).integers(0, 65000, (40, 50))  # 40 rows: two blocks of 16 and a half
    np.testing.assert_array_equal(level1(counts, 4, bare(shape=(40, 50)))[-1], counts)


@pytest.mark.parametrize("pattern", [LINE, 3, 109, ReadPattern.from_times([[0.0], [0.3, 0.5], [7.0, 7.1, 9.0]])])
def test_the_mean_of_a_resultant_is_the_share_of_its_mean_time(pattern):
    counts = np.full((128, 128), 40000)
    ramps = level1(counts, pattern, bare(shape=(128, 128)))
    known = pattern if isinstance(pattern, ReadPattern) else None
    known = known or (ma_table(pattern) if isinstance(pattern, int) else ReadPattern(pattern, TIME))
    end = known.times[-1][-1]
    for resultant, tbar, tau in zip(ramps, known.tbar, known.tau, strict=True):
        # of n electrons that come at even times: the variance of the mean of reads is n (tau / T - (tbar / T)^2)
        sigma = np.sqrt(40000 * max(tau / end - (tbar / end) ** 2, 0) + 1 / 12)
        assert abs(resultant.mean() - 40000 * tbar / end) < SIGMAS * sigma / 128 + 1e-9
        assert resultant.std() == pytest.approx(sigma, rel=5 / np.sqrt(2 * 128**2), abs=0.3)


def expected_covariance(pattern: ReadPattern, mean: float):
    """Photons that two resultants share: tau of one with itself, tbar of the earlier with a later one."""
    rate = mean / pattern.times[-1][-1]
    k = np.arange(len(pattern))
    covariance = rate * pattern.tbar[np.minimum.outer(k, k)]
    covariance[k, k] = rate * pattern.tau
    return rate * pattern.tbar, covariance


MOMENTS = {"LINE": ReadPattern(LINE, TIME), "table 109": ma_table(109)}


@pytest.mark.parametrize("road", ["simulate_l1", "expose"])
@pytest.mark.parametrize("pattern", MOMENTS.values(), ids=MOMENTS)
def test_resultants_of_poisson_counts_have_the_moments_of_the_theory(pattern, road):
    detector = told(bare("read_noise", "reset_noise", gain=0.25, bias=10000.0, shape=(256, 256)),
                    read_noise={"sigma": 10.0}, reset_noise={"sigma": 8.0})  # fmt: skip
    mean, covariance = expected_covariance(pattern, 900.0)
    covariance = covariance + 8.0**2 + np.diag(10.0**2 / pattern.n_reads + 0.25**2 / 12)
    if road == "expose":
        rate = 900.0 / pattern.times[-1][-1]
        data = detector.expose(rate, Exposure("a", pattern=pattern), seed=3).data[0].astype(float)
    else:
        data = level1(electrons(900.0, (256, 256)), pattern, detector)
    seen = (data.reshape(len(pattern), -1) - 10000.0) * 0.25
    check_covariance(road, seen, mean, covariance)
    # a shot noise that is a tenth too large, or a reset that is drawn anew, is another law
    assert rejects(lambda: check_covariance("shot", seen, mean, covariance + 0.1 * np.diag(np.diag(covariance))))
    assert rejects(lambda: check_covariance("reset", seen, mean, covariance - 8.0**2 * (1 - np.eye(len(mean)))))


@pytest.mark.parametrize("pattern", [LINE, 4])
def test_read_noise_falls_with_the_root_of_the_reads(pattern):
    detector = told(bare("read_noise", gain=0.1, bias=30000.0, shape=(256, 256)), read_noise={"sigma": 10.0})
    ramps = level1(np.zeros((256, 256), int), pattern, detector) * 0.1
    reads = ReadPattern(LINE, TIME).n_reads if pattern is LINE else ma_table(4).n_reads
    for resultant, n in zip(ramps, reads, strict=True):
        assert abs(resultant.std() * np.sqrt(n) / 10.0 - 1.0) < SIGMAS / np.sqrt(2 * 256**2)


def test_noise_of_the_pedestal_cancels_in_differences():
    plain = bare("reset_noise", gain=0.5, bias=5000.0)
    counts = electrons(3000.0, (64, 64))
    quiet, noisy = (level1(counts, LINE, told(plain, reset_noise={"sigma": s})) for s in (1e-6, 20.0))
    added = (noisy - quiet) * 0.5
    assert abs(added[0].std() - 20.0) < SIGMAS * 20.0 / np.sqrt(2 * 64**2)
    # each number is rounded by half a code at most, two make a difference and two such are compared
    assert np.abs(np.diff(added, axis=0)).max() <= 2 * 0.5 + 1e-3


def test_a_response_of_half_halves_everything():
    counts = electrons(30000.0, (64, 64))
    full, half = (level1(counts, LINE, bare(gain=g)) for g in (1.0, 2.0))
    assert np.abs(half - full / 2).max() <= 0.75
    bent = told(bare("nonlinearity"), nonlinearity={"coefficients": [-5e-6], "maximum": 45000.0})
    response = level1(counts, LINE, bent)
    np.testing.assert_allclose(response[-1:].mean(), (full[-1] - 5e-6 * full[-1] ** 2).mean(), rtol=1e-3)


def test_each_read_is_bent_before_they_are_averaged():
    """The mean of squares is more than the square of the mean: here by (6000 / 2)^2 of reads at 6000 and 12000."""
    bent = told(bare("nonlinearity"), nonlinearity={"coefficients": [-1e-5], "maximum": 20000.0})
    seen = level1(np.full((64, 64), 12000), [[1, 2]], bent).mean()
    assert abs(seen - (9000 - 1e-5 * (6000**2 + 12000**2) / 2)) < 5
    assert abs(seen - (9000 - 1e-5 * 9000**2)) > 50


def test_a_delta_source_lights_its_pixel_alone():
    counts = np.zeros((64, 64), int)
    counts[30, 20] = 10000
    ramps = level1(counts, SIX_BY_THREE, bare())
    others = np.ones((64, 64), bool)
    others[30, 20] = False
    assert not ramps[:, others].any()
    assert (np.diff(ramps[:, 30, 20]) > 0).all()
    assert abs(ramps[-1, 30, 20] - 10000 * 17 / 18) < 10 * np.sqrt(10000)


def test_saturated_pixels_are_flagged_in_the_last_resultant():
    detector = roman(shape=(64, 64))
    raw = ob.simulate_l1(np.full((64, 64), 10_000_000), LINE, seed=1, detector=detector)
    recipe = detector.recipe().until("saturation")
    done = recipe.run(raw)
    assert ((done.flags[0, -1] & Flag.SATURATED) != 0).all()
    empty = recipe.run(ob.simulate_l1(np.zeros((64, 64), int), LINE, seed=1, detector=detector))
    assert empty.flags is None or not (empty.flags & Flag.SATURATED).any()


def test_charge_stops_at_full_well():
    detector = told(bare("saturation"), saturation={"full_well": 1000.0})
    assert (level1(np.full((64, 64), 100_000), LINE, detector) == 1000.0).all()


RAYS = {"flux": 500.0}


def test_a_dark_changes_where_particles_fell_and_nowhere_else():
    detector = told(bare("cosmic_rays", shape=(64, 64)), cosmic_rays=RAYS)
    pattern = ReadPattern(SIX_BY_THREE, TIME)
    ramps = level1(np.zeros((64, 64), int), pattern, detector)
    run = Run(detector.chain, Exposure(pattern=pattern), 1)
    edges = np.arange(19) * TIME
    charge = np.zeros((18, 64, 64))
    for read in range(18):
        hits = fallen(run, integration=0, read=read, interval=(edges[read], edges[read + 1]))["cosmic_rays"]
        charge[read:] += hits.added(np.zeros((64, 64), np.float32), slice(None))
    assert (charge[0] > 0).sum() > 5
    expected = charge.reshape(6, 3, 64, 64).mean(axis=1)
    np.testing.assert_allclose(ramps, np.minimum(expected, 65535), atol=0.51)
    assert (ramps[-1] == 0).sum() > 1000


def test_hits_behind_the_first_resultant_are_flagged():
    detector = told(roman("cosmic_rays", "read_noise", shape=(64, 64)), cosmic_rays=RAYS)
    pattern = ReadPattern.even(8, frame_time=TIME)
    raw, clean = (ob.simulate_l1(np.zeros((64, 64), int), pattern, seed=1, detector=d)
                  for d in (detector, detector.without("cosmic_rays")))  # fmt: skip
    fell = np.diff(raw.data[0].astype(float) - clean.data[0], axis=0) > 100
    found = (detector.recipe().until("cosmic_rays").run(raw).flags[0, 1:] & Flag.JUMP_DET) != 0
    assert fell.sum() > 100
    assert (found & fell).sum() > 0.98 * fell.sum()


def test_a_uniform_kernel_spreads_a_million_over_nine_pixels():
    spot = np.zeros((7, 7), np.float64)
    spot[3, 3] = 1e6
    seen = spot + couple(spot, np.full((3, 3), 1 / 9), None)
    np.testing.assert_allclose(seen[2:5, 2:5], 1e6 / 9)
    assert np.count_nonzero(seen) == 9


def test_a_neighbour_sees_two_percent_of_the_peak():
    """1.87 and 1.88 over 91.59 along a row; above and below 1.66 and 1.62, at the corners 0.20 to 0.22."""
    counts = np.zeros((64, 64), int)
    counts[8::16, 8::16] = 60000
    seen = last(ob.simulate_l1(counts, [[1], [2]], seed=1, detector=bare("interpixel_capacitance")))
    peak = seen[8::16, 8::16]
    assert (peak == np.rint(60000 * 0.920872)).all()
    for side in (-1, 1):
        ratio = seen[8::16, 8 + side :: 16] / peak
        assert (ratio > 1.87 / 91.59).all()
        assert (ratio < 1.88 / 91.59).all()
        ratio = seen[8 + side :: 16, 8::16] / peak
        assert (ratio > 1.62 / 91.59).all()
        assert (ratio < 1.66 / 91.59).all()
        for other in (-1, 1):
            ratio = seen[8 + side :: 16, 8 + other :: 16] / peak
            assert (ratio > 0.20 / 91.59).all()
            assert (ratio < 0.22 / 91.59 + 0.5 / 60000).all()
    assert abs(seen.sum() - counts.sum()) < 16 * 9


def test_a_neighbour_sees_two_percent_of_the_peak_behind_the_whole_detector():
    detector = roman(border=True, shape=(128, 128))
    counts = np.zeros((120, 120), int)
    counts[8::8, 8::8] = 60000
    lit, dark = (last(ob.simulate_l1(c, 3, seed=1, detector=detector)) for c in (counts, np.zeros_like(counts)))
    seen = (lit - dark)[4:-4, 4:-4] * 2.0
    bent = 60000 - 6e-7 * 60000**2
    peaks = seen[8::8, 8::8]
    for side in (-1, 1):
        ratio = seen[8::8, 8 + side : 120 : 8] / bent / 0.920872
        # the same draws with and without light: what is left is rounding, sqrt(2 / 12) codes of 2 electrons
        assert abs(np.median(ratio) - 0.0204) < 1e-4 + 5 * 2 * np.sqrt(2 / 12 / ratio.size) / bent
    assert abs(np.median(peaks) / bent - 0.920872) < 1e-4


def test_a_coupling_that_is_lost_is_found_out(monkeypatch):
    """As in romanisim 0.15, whose convolution is computed and thrown away."""
    monkeypatch.setattr("obverse.effects.interpixel_capacitance.couple", lambda image, *_: np.zeros_like(image))
    with pytest.raises(AssertionError):
        test_a_neighbour_sees_two_percent_of_the_peak()


def test_dark_decay_begins_with_its_amplitude_and_falls():
    decay = DarkDecay(amplitude=100.0, time_constant=23.0, frame_time=TIME)
    plain = bare("dark_decay", bias=1000.0).with_effect(decay)
    ramps = level1(np.zeros((64, 64), int), ReadPattern.even(20, frame_time=TIME), plain) - 1000.0
    means = ramps.mean(axis=(1, 2))
    assert abs(means[0] - 100.0) < 10.0
    assert (np.diff(means) < 0).all()
    # read by read it falls by exp(-T / tau)
    np.testing.assert_allclose(means[1:6] / means[:5], np.exp(-TIME / 23.0), rtol=0.005)
    grouped = level1(np.zeros((64, 64), int), [[1, 2, 3, 4]], plain) - 1000.0
    np.testing.assert_allclose(grouped.mean(), means[:4].mean(), atol=0.5)


def with_reference_read(offset: float):
    detector = roman("read_noise", "reset_noise", "saturation", shape=(64, 64))
    effects = (*detector.effects, ReferenceRead(offset=offset))
    return detector.replace(effects=effects, steps=("reference_read", *detector.steps))


def test_a_reference_read_that_is_subtracted_comes_back():
    detector = with_reference_read(4000.0)
    plain = detector.without("reference_read")
    counts = electrons(3000.0, (64, 64))
    encoded, raw = (ob.simulate_l1(counts, LINE, seed=1, detector=d) for d in (detector, plain))
    assert abs(encoded.data[0, 0].mean() - 4000.0 - 3000.0 / 7 / 2.0) < 5
    decoded = detector.recipe().until("reference_read").run(encoded)
    np.testing.assert_array_equal(decoded.data, raw.data)


def test_without_an_offset_only_what_is_clipped_is_lost():
    detector = with_reference_read(0.0)
    counts = electrons(3.0, (64, 64))
    encoded = ob.simulate_l1(counts, LINE, seed=1, detector=detector)
    raw = ob.simulate_l1(counts, LINE, seed=1, detector=detector.without("reference_read"))
    decoded = detector.recipe().until("reference_read").run(encoded)
    clipped = encoded.data == 0
    assert 0.1 < clipped.mean() < 0.6
    np.testing.assert_array_equal(decoded.data[~clipped], raw.data[~clipped])


def test_persistence_is_added_read_by_read():
    """1e5 electrons an hour ago glow as the Fermi profile says: the rate of one second, summed over the ramp."""
    detector = bare("persistence", shape=(128, 128))
    effect = detector.effect("persistence")
    first = Exposure("before", pattern=ReadPattern(LINE, TIME), start="2027-05-01T12:00:00")
    history = effect.remember(np.full((128, 128), 1e5, np.float32), first, None)
    after = Exposure("after", start="2027-05-01T12:00:40")
    glowing, dark = (
        level1(np.zeros((128, 128), int), LINE, detector, exposure=after, history=h) for h in (history, None)
    )
    assert not dark.any()
    # what is left at the last resultant, the mean of reads 6 and 7: gamma = 1, an integral that is a logarithm
    since = 40.0 - 7 * TIME  # from the end of the first exposure to the start of the second
    factor = 0.017 * (1e5 / 6e4) ** 0.045 / (1 + np.exp(-(1e5 - 6e4) / 5e4)) * 1000.0
    expected = factor * np.mean([np.log((since + n * TIME) / since) for n in (6, 7)])
    assert expected > 3
    assert abs(glowing[-1].mean() - expected) < SIGMAS * np.sqrt(expected / 128**2)


def test_frames_are_raw_level_1():
    frame = ob.simulate_l1(electrons(100.0, (64, 64)), 4, seed=1)
    assert isinstance(frame, Frame)
    assert (frame.unit, frame.data.dtype, frame.shape) == ("DN", np.uint16, (1, 9, 64, 64))
    assert frame.axes == ("integration", "resultant", "row", "column")
    assert frame.companions["reference_output"].shape == (1, 9, 64, 128)
