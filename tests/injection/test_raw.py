"""Sources in raw frames: the numbers that the sum of charges would have given."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import obverse as ob
from obverse import Detector, Exposure, Flag, Frame, ReadPattern
from obverse.detector_file import built_in
from obverse.injection.arrivals import Arrivals
from obverse.injection.raw import inject_raw
from obverse.injection.responding import Responding
from obverse.scene import Sources, gaussian, moffat
from obverse.testing import check_equivalent
from tests.injection.simple import EVEN, UNEVEN, plain_array

Array = NDArray[Any]
SHAPE = (96, 128)

COUPLED = {"interpixel_capacitance": {}, "nonlinearity": {}}


def arriving(
    shape: tuple[int, int], pattern: ReadPattern | None, spot: Array, ramps: int = 1, seconds: float = 0.0
) -> Arrivals:
    """Electrons of one bright source in the middle."""
    arrivals = Arrivals.none((ramps, *shape), pattern, seconds, 3, "field")
    rows, columns = (slice(n // 2 - m // 2, n // 2 - m // 2 + m) for n, m in zip(shape, spot.shape, strict=True))
    arrivals.add(0, (rows, columns), spot / arrivals.seconds)
    return arrivals


def star(electrons: float, half: int = 6) -> Array:
    x = np.arange(-half, half + 1)
    light = np.exp(-(x[:, None] ** 2 + x**2) / 6.0)
    return electrons * light / light.sum()


def mean_response(detector: Detector, exposure: Exposure, rate: Array, arrivals: Arrivals, lit: bool) -> Array:
    """What a ramp without noise stores: the mean over reads of the response, digitised."""
    planes, charges = [], iter(np.cumsum(arrivals.reads(0, slice(0, rate.shape[0])), axis=0, dtype=np.int64))
    for group in arrivals.times:
        total = np.zeros(detector.geometry.file_shape)
        for time in group:
            new = next(charges)
            total += detector.respond(rate * time + (new * detector.geometry.sensitive if lit else 0.0), exposure)
        planes.append(np.clip(np.rint(total / len(group)), 0, 65535))
    return np.array(planes)


@pytest.mark.parametrize("pattern", [EVEN, UNEVEN], ids=["even", "table 4"])
@pytest.mark.parametrize("name", ["generic_h2rg", "roman_wfi", "jwst_nircam"])
def test_a_noiseless_ramp_becomes_that_of_the_sum(name: str, pattern: ReadPattern) -> None:
    detector = Detector.load(name).resized(SHAPE)
    rate = np.random.default_rng(1).uniform(5.0, 60.0, SHAPE) * detector.geometry.sensitive
    exposure, arrivals = Exposure("field", pattern=pattern), arriving(SHAPE, pattern, star(3e5))
    before = mean_response(detector, exposure, rate, arrivals, lit=False)
    after = mean_response(detector, exposure, rate, arrivals, lit=True)
    axes = ("integration", "resultant", "row", "column")
    raw = Frame(before[None].astype(np.uint16), "DN", axes, exposure=exposure)
    new, seen = inject_raw(raw, arrivals, detector)
    off = new.data[0].astype(float) - after
    assert new.data.dtype == np.uint16
    assert (after - before).max() > 5000
    # rounding before and behind: one number at most; the levels that it starts from are rounded too
    assert np.abs(off).max() <= 1
    assert (new.data[0] != before).any(axis=0).sum() < 19 * 19
    assert not (seen & (Flag.SATURATED | Flag.DO_NOT_USE))[detector.geometry.sensitive].any()


def test_a_part_at_the_border_is_like_the_whole() -> None:
    """Light on the border: reference pixels get none, but they do not move either."""
    detector = Detector.load("generic_h2rg").resized(SHAPE)
    raw = detector.expose(20.0, Exposure("field", pattern=EVEN), seed=1)
    new, table = ob.inject_sources(raw, Sources([5.0], [5.0], [500.0]), seed=2, psf=moffat(2.0), detector=detector)
    blind = ~detector.geometry.sensitive
    np.testing.assert_array_equal(new.data[..., blind], raw.data[..., blind])
    assert table["fraction"][0] > 0.9 > table["expected"][0] / (500.0 * EVEN.times[-1][-1])
    middle = new.data[0, -1, 5, 5].astype(int) - raw.data[0, -1, 5, 5]
    assert middle > 1000


def test_scans_stay_and_each_amplifier_gets_its_own() -> None:
    """A detector with scans, whose file is not its sensor: without noise, the numbers are those of the sum."""
    ccd = Detector.load("generic_ccd").resized(SHAPE)
    exposure = Exposure("field", 100.0)
    sky = np.random.default_rng(2).uniform(100.0, 2000.0, SHAPE)
    arrivals = arriving(SHAPE, None, star(1e6), seconds=100.0)  # in the middle: across the border of the amplifiers
    before, after = (np.rint(ccd.respond(sky + more, exposure)) for more in (0.0, arrivals.counts[0]))
    new, _ = inject_raw(Frame(before.astype(np.uint16), "DN", exposure=exposure), arrivals, ccd)
    assert np.abs(new.data - after).max() <= 1
    assert (after - before).max() > 5000
    scans = ccd.geometry.unclock(ccd.geometry.pad(np.ones(SHAPE))) == 0
    assert scans.any()
    assert (new.data == before)[scans].all()


def test_what_is_full_stays_full_and_what_becomes_full_is_told() -> None:
    detector = Detector.load("roman_wfi").resized(SHAPE).without("snowballs")
    pattern = ReadPattern.even(8, frame_time=3.0)
    bright = np.full(SHAPE, 10.0)
    bright[:, 60:68] = 2e4  # full within five seconds, in columns that the source covers
    raw = detector.expose(bright, Exposure("field", pattern=pattern), seed=1)
    psf = gaussian(3.0)
    new, table = ob.inject_sources(raw, Sources([44.0], [56.0], [3e5]), seed=2, psf=psf, detector=detector)
    full = raw.data[0, 3:, 48, 61:67].astype(float)
    moved = new.data[0, 3:, 48, 61:67] - full
    assert np.abs(moved).max() <= 1 + 0.01 * full.max()  # coupled neighbours fill up too
    assert table["flag"][0] == "SATURATED"
    assert (new.data[0, 3:, 48, 60] <= full.max() * 1.01).all()
    assert new.data.max() < 65535
    calibrated = detector.calibrate(new)
    assert (calibrated.pixel_flags[48, 60] & Flag.SATURATED) != 0


def test_numbers_at_the_ends_of_the_converter_stay() -> None:
    detector = plain_array(SHAPE)
    data = np.full((1, 8, *SHAPE), 3000, np.uint16)
    data[..., 48, 64], data[..., 48, 65] = 0, 65535
    raw = Frame(data, "DN", ("integration", "resultant", "row", "column"), exposure=Exposure("field", pattern=EVEN))
    new, _ = inject_raw(raw, arriving(SHAPE, EVEN, star(1e5)), detector)
    assert (new.data[..., 48, 64] == 0).all()
    assert (new.data[..., 48, 65] == 65535).all()
    assert (new.data[..., -1, 48, 63] > 3000).all()


def test_each_ramp_gets_its_own_electrons_and_a_first_read_its_share() -> None:
    detector = plain_array(SHAPE)
    axes = ("integration", "resultant", "row", "column")
    raw = Frame(
        np.full((2, 8, *SHAPE), 3000, np.uint16), "DN", axes, exposure=Exposure("f", pattern=EVEN, integrations=2)
    )
    zero = Frame(np.full((2, *SHAPE), 3000, np.uint16), "DN", ("integration", "row", "column"))
    raw = raw.replace(companions={"zero_frame": zero})
    arrivals = arriving(SHAPE, EVEN, star(1e6), ramps=2)
    new, _ = inject_raw(raw, arrivals, detector)
    gained = new.data[:, -1].astype(int) - 3000
    assert (gained[0] != gained[1]).any()
    # the last resultant is the mean of its reads: tbar / T of the electrons
    share = EVEN.tbar[-1] / EVEN.times[-1][-1]
    np.testing.assert_allclose(gained.sum(axis=(1, 2)), share * arrivals.counts.sum(axis=(1, 2)), rtol=0.01)
    first = new.companions["zero_frame"].data.astype(int) - 3000
    np.testing.assert_allclose(first.sum(), 3.0 / EVEN.times[-1][-1] * arrivals.counts.sum(), rtol=0.02)
    assert not (new.companions["zero_frame"].data[:, :20] != 3000).any()


def test_coupling_spreads_light_to_the_next_pixel_and_no_further() -> None:
    detector = plain_array(SHAPE, interpixel_capacitance={})
    raw = Frame(
        np.full((1, 8, *SHAPE), 3000, np.uint16),
        "DN",
        ("integration", "resultant", "row", "column"),
        exposure=Exposure("f", pattern=EVEN),
    )
    new, _ = inject_raw(raw, arriving(SHAPE, EVEN, np.array([[3e4]])), detector)
    last = new.data[0, -1].astype(int) - 3000
    rows, columns = np.nonzero(last)
    assert (rows.min(), rows.max(), columns.min(), columns.max()) == (47, 49, 63, 65)
    assert 0.004 < last[47, 64] / last.sum() < 0.006


def test_threads_change_no_bit_and_other_sources_shift_no_electron() -> None:
    detector = Detector.load("generic_h2rg").resized((160, 128))
    raw = detector.expose(5.0, Exposure("field", pattern=UNEVEN), seed=1)
    sources = Sources([30.0, 100.0, 150.0], [30.0, 90.0, 20.0], [300.0, 50.0, 20.0])
    how = {"seed": 2, "psf": gaussian(2.0), "detector": detector}
    one, two, seven = (ob.inject_sources(raw, sources, threads=n, **how)[0] for n in (1, 2, 7))
    assert one == two == seven
    fewer, table = ob.inject_sources(raw, sources[:1], **how)
    np.testing.assert_array_equal(one.data[..., :60, :60], fewer.data[..., :60, :60])
    assert table["electrons"][0] == ob.inject_sources(raw, sources, **how)[1]["electrons"][0]


@pytest.mark.parametrize("name", ["generic_h2rg", "roman_wfi"])
def test_how_the_boxes_are_cut_changes_next_to_nothing(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    detector = Detector.load(name).resized((160, 128))
    raw = detector.expose(5.0, Exposure("field", pattern=UNEVEN), seed=1)
    sources = Sources([2.0, 62.0, 66.0, 130.0], [40.0, 10.0, 90.0, 60.0], [300.0, 2e4, 80.0, 20.0])
    made = []
    for rows, gap in ((128, 64), (16, 8), (64, 1000)):
        monkeypatch.setattr("obverse.injection.raw._ROWS", rows)
        monkeypatch.setattr("obverse.injection.boxes._GAP", gap)
        made.append(ob.inject_sources(raw, sources, seed=2, psf=moffat(2.0), detector=detector)[0])
    for other in made[1:]:  # what surrounds a box moves its charge by a trace, and a rounding once in a while
        off = np.abs(other.data.astype(int) - made[0].data)
        assert off.max() <= 1
        assert off.sum() <= 3


@pytest.mark.parametrize("name", [name for name in built_in() if Detector.load(name).readout.name == "ramp"])
def test_reads_together_and_pixels_alone_respond_as_each_does_by_itself(name: str) -> None:
    detector = Detector.load(name).resized(SHAPE)
    random = np.random.default_rng(1)
    charge = random.uniform(0.0, 150000.0, (3, *SHAPE)).astype(np.float32)
    lit = random.uniform(size=SHAPE) < 0.1
    responding = Responding(detector, Exposure("a", 10.0), lit)
    together = responding.reads(responding.pick(charge))
    each = [responding.reads(responding.pick(one[None]))[0] for one in charge]
    np.testing.assert_array_equal(together, each)
    stored = responding.change(together[0])
    whole = detector.respond(charge[0]) - detector.respond(0.0)
    if not detector.has("interpixel_capacitance"):  # else light of dark neighbours is missing here
        np.testing.assert_allclose(stored[lit], whole[lit], atol=0.02)


def test_calibrated_it_has_the_flux_that_was_put_in() -> None:
    """Both faces: raw and calibrated injection of one seed hold the same electrons, and give the same rates."""
    detector = Detector.load("roman_wfi").resized((128, 128)).without("cosmic_rays", "snowballs")
    raw = detector.expose(3.0, Exposure("field", pattern=UNEVEN, detector="roman_wfi"), seed=1)
    sources = Sources([60.0], [40.0], [800.0])
    how = {"seed": 2, "psf": gaussian(2.5), "detector": detector}
    calibrated = detector.calibrate(raw)
    one = detector.calibrate(ob.inject_sources(raw, sources, **how)[0])
    two, table = ob.inject_sources(calibrated, sources, **how)
    gained = np.array([np.nansum(image.data - calibrated.data) for image in (one, two)])
    scatter = np.sqrt(table["electrons"][0]) / UNEVEN.times[-1][-1] * 1.5
    assert np.abs(gained - table["electrons"][0] / UNEVEN.times[-1][-1]).max() < 4 * scatter
    peak = np.unravel_index(np.nanargmax(two.data - calibrated.data), two.shape)
    assert peak == (64, 44)  # (60, 40) of the image without its border


def test_a_read_at_the_reset_gets_nothing() -> None:
    pattern = ReadPattern.from_times([[0.0], [3.0], [10.0], [40.0]])
    raw = Frame(
        np.full((1, 4, *SHAPE), 3000, np.uint16),
        "DN",
        ("integration", "resultant", "row", "column"),
        exposure=Exposure("field", pattern=pattern),
    )
    arrivals = arriving(SHAPE, pattern, star(1e6))
    new, _ = inject_raw(raw, arrivals, plain_array(SHAPE, saturation={"full_well": 1e9}, adc={"bits": 16}))
    gained = (new.data[0].astype(int) - 3000).sum(axis=(1, 2)) / arrivals.counts.sum()
    np.testing.assert_allclose(gained, [0.0, 3 / 40, 1 / 4, 1.0], atol=0.005)


@pytest.mark.parametrize("name", ["plain", "coupled and bent"])
def test_flux_and_scatter_are_those_of_a_simulation(name: str) -> None:
    """Even light into raw ramps and then calibrated, against ramps that were exposed to it from the start."""
    shape, light, sky = (256, 256), 60.0, 20.0
    detector = plain_array(shape, **({} if name == "plain" else COUPLED))
    without, with_ = (detector.expose(x, Exposure(f"at {x}", pattern=UNEVEN), seed=1) for x in (sky, sky + light))
    arrivals = Arrivals.none((1, *shape), UNEVEN, 0.0, 3, "field")
    arrivals.add(0, (slice(None), slice(None)), np.full(shape, light))
    images = [
        detector.calibrate(frame).data.astype(float) for frame in (inject_raw(without, arrivals, detector)[0], with_)
    ]
    injected, wanted = (image[2:-2, 2:-2] for image in images)
    error = np.sqrt(2 * wanted.var() / wanted.size)
    check_equivalent("mean", injected.mean() / light, wanted.mean() / light, error / light, 0.01, 3)
    ratio = injected.var() / wanted.var()
    check_equivalent("variance", ratio, 1.0, ratio * np.sqrt(4 / wanted.size), 0.04, 3)
