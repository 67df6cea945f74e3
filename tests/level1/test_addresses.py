"""Addressed draws of level 1: nothing that one effect draws shifts another, and neither do threads nor strips."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import astropy.units as u
import numpy as np
import pytest

import obverse as ob
from obverse import Detector, Exposure, ReadPattern
from obverse.chain import Run
from obverse.effects.charge_migration import ChargeMigration
from obverse.effects.flicker_noise import FlickerNoise
from obverse.effects.integral_nonlinearity import IntegralNonlinearity
from obverse.effects.reference_read import ReferenceRead
from obverse.readout.gathering import Gathering, fallen
from obverse.seeds import Address, Stream
from tests.laws.gates import rejects
from tests.level1.gates import check_covariance, check_uncorrelated
from tests.level1.simple import bare, electrons, not_by_rows, roman, told

LINE = ReadPattern([[1], [2, 3], [5, 6, 7]], 3.0)
COUNTS = electrons(300.0, (120, 120))
START = "2027-05-01T12:00:00"


def after(detector: Detector, charge: float = 2e5) -> Any:
    """What an exposure a minute ago has left in some pixels, and the exposure that follows."""
    first = Exposure("before", pattern=LINE, start=START)
    held = np.zeros(detector.geometry.shape, np.float32)
    held[20:40, 30:50] = charge
    history = detector.effect("persistence").remember(held, first, None)
    return {"history": history, "exposure": Exposure("after", start="2027-05-01T12:01:00")}


def everything(detector: Detector) -> Detector:
    """The detector with many particles, so that a small sensor sees some."""
    for name, flux in (("cosmic_rays", 800.0), ("snowballs", 4.0)):
        if detector.has(name):
            detector = told(detector, **{name: {"flux": flux}})
    return detector


ROMAN = everything(roman(shape=(128, 128), border=True))


def hit(detector: Detector, name: str, exposure: Exposure, reach: int = 0) -> Any:
    """Where the events of one effect fell, and pixels up to `reach` from there."""
    run = Run(detector.chain, exposure, 1)
    edges = [0.0, *(t for group in exposure.pattern.times for t in group)]
    seen = np.zeros(detector.geometry.shape, bool)
    for read in range(len(edges) - 1):
        hits = fallen(run, integration=0, read=read, interval=(edges[read], edges[read + 1]))[name]
        seen.reshape(-1)[hits.pixel] = True
    for _ in range(reach):
        around = np.pad(seen, 1)
        seen = np.any([around[i : i + 128, j : j + 128] for i in range(3) for j in range(3)], axis=0)
    return seen


def level1(detector: Detector, **how: Any) -> Any:
    return ob.simulate_l1(COUNTS, LINE, detector=detector, **{"seed": 1, **how}).data[0]


# -- taking something out ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["cosmic_rays", "snowballs"])
def test_without_particles_all_other_pixels_are_the_same(name):
    """With everything else on, beyond the pixels that the capacitance couples to a hit."""
    where = hit(ROMAN, name, Exposure(pattern=LINE), reach=1)
    assert 10 < where.sum() < 0.9 * where.size
    whole, less = level1(ROMAN), level1(ROMAN.without(name))
    np.testing.assert_array_equal(whole[:, ~where], less[:, ~where])
    assert (whole[:, where] != less[:, where]).sum() > 10


def test_without_persistence_all_other_pixels_are_the_same():
    told_of = after(ROMAN)
    whole, less = level1(ROMAN, **told_of), level1(ROMAN, exposure=told_of["exposure"])
    glows = np.zeros((128, 128), bool)
    glows[19:41, 29:51] = True
    np.testing.assert_array_equal(whole[:, ~glows], less[:, ~glows])
    assert (whole[:, glows] != less[:, glows]).mean() > 0.3
    gone = level1(ROMAN.without("persistence"), exposure=told_of["exposure"])
    np.testing.assert_array_equal(gone, less)


@pytest.mark.parametrize("name", ["dark_current", "flat"])
def test_what_is_counted_already_changes_nothing(name):
    np.testing.assert_array_equal(level1(ROMAN), level1(ROMAN.without(name)))


def test_an_output_or_a_read_beside_the_pixels_shifts_none():
    frame = ob.simulate_l1(COUNTS, LINE, seed=1, detector=ROMAN)
    alone = ROMAN.replace(readout=ROMAN.readout.replace(reference_output=0))
    np.testing.assert_array_equal(frame.data, ob.simulate_l1(COUNTS, LINE, seed=1, detector=alone).data)
    encoded = ROMAN.replace(effects=(*ROMAN.effects, ReferenceRead()), steps=("reference_read", *ROMAN.steps))
    raw = ob.simulate_l1(COUNTS, LINE, seed=1, detector=encoded)
    decoded = encoded.recipe().until("reference_read").run(raw)
    np.testing.assert_array_equal(decoded.data, frame.data)


def test_without_a_noise_that_of_another_is_the_same():
    fine = told(bare("read_noise", "reset_noise", gain=0.02, bias=32000.0, shape=(120, 120)),
                read_noise={"sigma": 10.0}, reset_noise={"sigma": 8.0})  # fmt: skip
    nothing = np.zeros((120, 120), int)

    def seen(detector):
        return ob.simulate_l1(nothing, LINE, seed=1, detector=detector).data[0].astype(float) * 0.02

    both, read, reset = seen(fine), seen(fine.without("reset_noise")), seen(fine.without("read_noise"))
    assert np.abs(both - read - reset + 32000.0 * 0.02).max() < 0.05  # three roundings of 0.02 electrons


def test_cosmic_rays_are_the_same_whatever_the_pattern_reads_behind_them():
    """A ramp that goes on longer has had the same past; so has another grouping of the same reads."""
    dark = told(bare("cosmic_rays", shape=(120, 120)), cosmic_rays={"flux": 800.0})
    nothing = np.zeros((120, 120), int)
    reads = [
        ob.simulate_l1(nothing, ReadPattern.even(n, frame_time=3.0), seed=1, detector=dark).data[0] for n in (4, 9)
    ]
    np.testing.assert_array_equal(reads[0], reads[1][:4])
    grouped = ob.simulate_l1(nothing, ReadPattern([[1, 2], [3, 4]], 3.0), seed=1, detector=dark).data[0]
    np.testing.assert_allclose(grouped, reads[0].reshape(2, 2, 120, 120).mean(axis=1), atol=0.5)
    assert reads[0].any()


# -- threads and strips --------------------------------------------------------------------------------------------

NIRCAM = everything(Detector.load("jwst_nircam").resized((128, 128)))
TWO = Exposure("two", pattern=ReadPattern.even(3, frames=2, gap=1, frame_time=10.7), integrations=2)


def with_effect(detector: Detector, effect: Any, before: str, step_before: str) -> Detector:
    """The detector with one effect more."""
    effects, steps = list(detector.effects), list(detector.steps)
    effects.insert([e.name for e in effects].index(before), effect)
    steps.insert(steps.index(step_before), effect.name)
    return detector.replace(effects=tuple(effects), steps=tuple(steps))


def migrating() -> Detector:
    """Reads that need their neighbours, so that no strip is simulated apart."""
    return with_effect(ROMAN, ChargeMigration(threshold=100.0, share=0.05), "nonlinearity", "cosmic_rays")


def bent(rows: int) -> Detector:
    """A table of each output bends each read as it is clocked; no coupling before it, so that strips stay apart."""
    table = IntegralNonlinearity(counts=[0.0, 20000.0, 65535.0], correction=np.tile([0.0, 90.0, 0.0], (32, 1)))
    return with_effect(ROMAN.without("interpixel_capacitance").resized((rows, 128)), table, "dark_decay", "bias")


def drifting() -> Detector:
    """1/f noise in each read besides."""
    return with_effect(bent(128), FlickerNoise(amplitude=3.0), "gain", "gain")


DETECTORS = {
    "roman": ROMAN,
    "roman, 120 rows": ROMAN.resized((120, 128)),
    "nircam": NIRCAM,
    "migrating": migrating(),
    "bent": bent(128),
    "bent, 120 rows": bent(120),
    "drifting": drifting(),
}


def exposed(detector: Detector, road: str, threads: int | None) -> Any:
    """The bytes of a frame with everything in it, and the charge that is left behind."""
    left = np.zeros(detector.geometry.shape, np.float32)
    how = after(detector) if detector.has("persistence") else {}
    if road == "expose":
        exposure = replace(how.pop("exposure", TWO), pattern=TWO.pattern, exposure_time=None, integrations=2)
        rate = np.random.default_rng(1).uniform(0.0, 60.0, detector.geometry.shape) * u.electron / u.s
        frame = detector.expose(rate, exposure, seed=4, threads=threads, left=left, **how)
        assert frame.shape[0] == 2
        assert left.max() > 100
        return frame.digest(), left
    counts = COUNTS[: detector.geometry.shape[0] - 8]
    return ob.simulate_l1(counts, LINE, seed=4, detector=detector, threads=threads, **how).digest(), left


@pytest.mark.parametrize("road", ["expose", "simulate_l1"])
@pytest.mark.parametrize("name", DETECTORS)
def test_any_number_of_threads_gives_the_same_bytes(name, road):
    one, held = exposed(DETECTORS[name], road, 1)
    for threads in (2, 7):
        again, left = exposed(DETECTORS[name], road, threads)
        assert again == one
        np.testing.assert_array_equal(left, held)


@pytest.mark.parametrize("road", ["expose", "simulate_l1"])
@pytest.mark.parametrize("name", DETECTORS)
def test_strips_and_the_whole_give_the_same_bytes(monkeypatch, name, road):
    strips, left = exposed(DETECTORS[name], road, 2)
    not_by_rows(monkeypatch)
    whole, held = exposed(DETECTORS[name], road, 2)
    assert strips == whole
    np.testing.assert_array_equal(left, held)


def test_some_detectors_are_simulated_by_rows_and_some_are_not():
    """The tests above compare something."""
    made = {}
    for name, detector in DETECTORS.items():
        run = Run(detector.chain, Exposure(pattern=LINE), 1)
        made[name] = Gathering(detector.readout, run, np.zeros(detector.geometry.shape, int), LINE, 0).by_rows
    assert {name for name, apart in made.items() if not apart} == {"migrating", "drifting", "bent, 120 rows"}


def test_watching_changes_nothing():
    exposure = Exposure("a", pattern=LINE)
    seen = ROMAN.stages(30.0, exposure, seed=2)
    codes = np.stack([ROMAN.geometry.unclock(pixels) for name, pixels in seen if name == "adc"])
    np.testing.assert_array_equal(codes, ROMAN.expose(30.0, exposure, seed=2).data[0])
    assert len(codes) == 3


def test_both_roads_share_out_alike():
    """Counts of an exposure, handed over as counts, give the same ramps: one mechanism."""
    detector = ROMAN.without("dark_current")
    exposure = Exposure("a", pattern=LINE)
    rate = np.random.default_rng(1).uniform(0.0, 60.0, (128, 128)).astype(np.float32)
    run = Run(detector.chain, exposure, 5)
    counted = run.counted(rate, LINE.times[-1][-1])
    handed = ob.simulate_l1(counted, LINE, seed=5, detector=detector, exposure=exposure)
    np.testing.assert_array_equal(handed.data, detector.expose(rate, exposure, seed=5).data)


# -- independence --------------------------------------------------------------------------------------------------


def increments(seed: int = 1, exposure: str = "a") -> Any:
    """Photons between the reads of single-read resultants, (read, row, column)."""
    detector = bare(shape=(512, 256))
    frame = detector.expose(10.0, Exposure(exposure, pattern=ReadPattern.even(4, frame_time=2.0)), seed=seed)
    return np.diff(frame.data[0].astype(float), axis=0, prepend=0.0)


LAGS = [(0, n) for n in (1, 2, 4, 8)] + [(n, 0) for n in (1, 2, 8, 15, 16, 17, 32, 64, 256)] + [(1, 1)]


def check_photons(arrived: Any) -> None:
    """Independent Poisson numbers: in time, in place, within a block of 16 rows and between blocks."""
    reads = arrived.reshape(len(arrived), -1)
    check_covariance("reads", reads, np.full(len(arrived), 20.0), 20.0 * np.eye(len(arrived)))
    for rows, columns in LAGS:
        for one in range(len(arrived)):
            for other in (one, (one + 1) % len(arrived)):
                a, b = arrived[one, rows:, columns:], arrived[other, : 512 - rows, : 256 - columns]
                check_uncorrelated(f"lag {rows}, {columns} of reads {one} and {other}", a, b)


def test_no_two_pixels_share_their_photons():
    check_photons(increments())


def test_neither_do_seeds_exposures_nor_integrations():
    first = increments()
    for other in (increments(seed=2), increments(exposure="b")):
        check_uncorrelated("another", first, other)
        check_uncorrelated("another, turned", first[::-1], other)
    detector = bare(shape=(128, 128))
    two = detector.expose(10.0, Exposure("a", pattern=ReadPattern.even(2, frame_time=2.0), integrations=2), seed=1)
    check_uncorrelated("integrations", two.data[0, -1], two.data[1, -1])


def test_counts_and_when_they_come_are_drawn_apart():
    """A pixel with many photons in all has no more of them early."""
    arrived = increments()
    total = arrived.sum(axis=0)
    check_uncorrelated("early share", arrived[0] / total, total)


SHARED = Stream.apportion


def one_block_for_all(self, counts, shares):
    """Each block of rows draws from the stream of the first."""
    first = Stream(self.address, 1, 0)
    return np.concatenate([SHARED(first, counts[i : i + 16], shares) for i in range(0, len(counts), 16)], axis=1)


def test_blocks_that_share_a_stream_are_found_out(monkeypatch):
    monkeypatch.setattr(Stream, "apportion", one_block_for_all)
    assert rejects(lambda: check_photons(increments()))


def test_one_generator_for_all_is_found_out(monkeypatch):
    """As where everything draws in turn from what one seed gives."""
    sequence = np.random.default_rng(1)
    monkeypatch.setattr(Address, "generator", lambda self, block: sequence)
    with pytest.raises(AssertionError):
        test_without_particles_all_other_pixels_are_the_same("cosmic_rays")
