"""1/f noise: its spectrum, what is taken out of it, what must stay, and its amplitude from darks."""

from __future__ import annotations

import numpy as np
import pytest

from obverse import Detector, Exposure, Flag, Frame, Geometry, Moment, ReadPattern, UsageError
from obverse.effects.flicker_noise import FlickerNoise
from obverse.flicker import row_medians, shares, smooth
from obverse.seeds import Address, Stream
from obverse.testing import check_effect
from tests import naive
from tests.laws.examples import infrared
from tests.laws.test_mutants import mutated

RAMP = ("integration", "resultant", "row", "column")
GEOMETRY = infrared(192, 256)
SIGMA = 5.0


def moment(effect, i, geometry=GEOMETRY):
    return Moment(Exposure("f"), geometry, "clocked", rng=Stream(Address(3, effect.name, "f", str(i)), threads=1))


def ramp(effect, resultants, sky=0.0, seed=0, geometry=GEOMETRY):
    """A ramp of steady sky, reset level, white noise and this noise, and what it would be without this noise."""
    random = np.random.default_rng(seed)
    still = 30.0 * random.standard_normal(geometry.shape)
    rate = sky * geometry.sensitive
    clean = [still + rate * (k + 1) + SIGMA * random.standard_normal(geometry.shape) for k in range(resultants)]
    zero = np.zeros(geometry.clocked_shape, np.float32)
    noise = [
        geometry.assemble(effect.imprint(zero, moment(effect, 100 * seed + k, geometry))) for k in range(resultants)
    ]
    clean, noise = (np.asarray(planes, np.float32)[None] for planes in (clean, noise))
    exposure = Exposure(f"dark{seed}", pattern=ReadPattern.even(resultants, frame_time=10.0))
    return Frame(clean + noise, "electron", RAMP, exposure=exposure), clean


# -- what it is made of -------------------------------------------------------------------------------------------


def test_the_variance_of_a_pixel_is_the_sum_over_all_e_folds():
    # sum of 1/k up to half of M samples: ln(M/2) + 0.5772; a row-out of 192 x 76 pixel times is drawn twice as long
    effect, samples = FlickerNoise(amplitude=2.0), 2 * 192 * 76
    drawn = [effect.imprint(np.zeros(GEOMETRY.clocked_shape, "f4"), moment(effect, i)) for i in range(400)]
    power = np.mean(np.square(drawn), axis=(1, 2, 3), dtype=float)
    wanted = 4.0 * (np.log(samples / 2) + np.euler_gamma)
    assert power.std() / 20 < 0.01 * wanted
    assert power.mean() == pytest.approx(wanted, rel=0.03)


def test_shares_of_the_variance_are_those_of_drawn_noise():
    geometry = Geometry((48, 40))
    part = shares(2 * 48 * 52, 52, 48, 40, 48)
    drawn = [
        FlickerNoise(amplitude=1.0).imprint(np.zeros((1, 48, 40), "f4"), moment(FlickerNoise, i, geometry))[0]
        for i in range(600)
    ]
    level = np.mean(drawn, axis=2, dtype=float)
    within = np.var(drawn, axis=2, dtype=float).mean()
    assert within == pytest.approx(part.within, rel=0.01)
    assert level.var(axis=1, ddof=1).mean() == pytest.approx(part.between, rel=0.03)
    kept = np.var(drawn - level[..., None] + level.mean(axis=1)[:, None, None], dtype=float)
    assert kept == pytest.approx(part.left, rel=0.03)
    assert shares(2 * 48 * 52, 52, 48, 40, 5).left > part.left  # fewer rows to tell the sky from: more stays


def test_a_knee_at_which_it_equals_white_noise():
    # white noise of sigma at dt has the one-sided density 2 sigma^2 dt: A^2 / f equals it at the knee
    effect = FlickerNoise.from_knee(500.0, 12.0, 1e-5, overhead=4)
    assert effect.amplitude**2 / 500.0 == pytest.approx(2 * 12.0**2 * 1e-5)
    assert effect.overhead == 4


def test_the_same_seed_gives_the_same_noise_on_any_number_of_threads():
    effect, zero = FlickerNoise(amplitude=1.0), np.zeros(GEOMETRY.clocked_shape, "f4")
    one, many = (Stream(Address(3, "flicker_noise", "f", "1"), threads=n) for n in (1, 3))
    here = moment(effect, 1)
    np.testing.assert_array_equal(
        effect.imprint(zero, here.replace(rng=one)), effect.imprint(zero, here.replace(rng=many))
    )
    assert not effect.imprint(zero, Moment(Exposure("f"), GEOMETRY, "clocked")).any()


# -- medians ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("columns", [1, 2, 7, 64])
def test_row_medians_leave_out_what_is_not_good(columns):
    random = np.random.default_rng(columns)
    image = random.standard_normal((50, columns)).astype(np.float32)
    good = random.uniform(size=image.shape) < 0.6
    np.testing.assert_allclose(row_medians(image, good, 1), naive.row_medians(image, good), rtol=1e-6)


def test_a_running_line_knows_holes_and_ends():
    values = np.random.default_rng(1).standard_normal(30)
    values[[0, 7, 8]] = np.nan
    rows = np.arange(30)
    lines = []
    for row in rows:
        near = (np.abs(rows - row) <= 3) & np.isfinite(values)
        lines.append(np.polyval(np.polyfit(rows[near] - row, values[near], 1), 0.0))
    np.testing.assert_allclose(smooth(values, 7), lines, atol=1e-12)
    np.testing.assert_allclose(smooth(values, 0), np.nanmean(values))
    np.testing.assert_allclose(smooth(3.0 * rows, 11), 3.0 * rows)
    assert np.isnan(smooth(np.full(5, np.nan), 3)).all()


# -- cleaning -----------------------------------------------------------------------------------------------------


def test_stripes_of_all_resultants_but_the_first_go():
    effect = FlickerNoise(amplitude=3.0)
    frame, clean = ramp(effect, 6, sky=200.0)
    at = Moment.of(frame, GEOMETRY).replace(read_noise=np.float32(SIGMA))
    done = effect.correct(frame, at)
    np.testing.assert_array_equal(done.data[:, 0], frame.data[:, 0])
    lit = GEOMETRY.sensitive
    # of differences between resultants: what is left over what was there
    left, there = (np.diff(x - clean, axis=1)[0, 1:][:, lit].var() for x in (done.data, frame.data))
    predicted = 2.0 * effect.variance(np.zeros(()), at)[lit].mean()
    assert there > 1.5 * left
    assert left == pytest.approx(predicted, rel=0.05)


def test_sources_and_a_sky_that_changes_slowly_stay():
    effect = FlickerNoise(amplitude=3.0, background_rows=31)
    frame, _ = ramp(effect, 4)
    gradient = np.linspace(0.0, 600.0, GEOMETRY.shape[0])[:, None] * np.ones(GEOMETRY.shape)
    star = np.zeros(GEOMETRY.shape)
    star[60:75, 70:130] = 5e4  # covers an amplifier's whole width: nothing tells the stripe there
    scene = np.arange(1, 5).reshape(1, 4, 1, 1) * ((gradient + star) * GEOMETRY.sensitive)
    bright = frame.replace(data=frame.data + scene.astype("f4"))
    at = Moment.of(frame, GEOMETRY)
    cleaned, alone = effect.correct(bright, at).data, effect.correct(frame, at).data
    off = (cleaned - alone - scene)[0, -1][GEOMETRY.sensitive]
    assert np.abs(off).mean() < 4.0  # of 2400 in the sky: stripes told from fewer pixels, and at the ends of the sky
    given = effect.replace(sources=(star > 0).astype(float), clip=1e6)
    off = (given.correct(bright, at).data - alone - scene)[0, -1][GEOMETRY.sensitive]
    assert np.abs(off).mean() < 4.0


def test_an_unmasked_source_spoils_its_rows():
    def careless(self, image, good):
        return good

    frame, _ = ramp(FlickerNoise(amplitude=3.0), 3)
    star = np.zeros(GEOMETRY.shape, "f4")
    star[60:75, 70:110] = 5e4
    scene = np.arange(1, 4, dtype="f4").reshape(1, 3, 1, 1) * star
    bright = frame.replace(data=frame.data + scene)
    at = Moment.of(frame, GEOMETRY)
    right = FlickerNoise(amplitude=3.0)
    for effect, passes in ((right, True), (mutated(right, _quiet=careless), False)):
        off = (effect.correct(bright, at).data - scene)[0, -1, 60:75, 112:126]
        assert (abs(off.mean()) < 30.0) == passes


def test_rows_in_which_nothing_is_usable_keep_their_stripe():
    effect = FlickerNoise(amplitude=3.0)
    frame, _ = ramp(effect, 3)
    flags = np.zeros(frame.shape, np.uint8)
    flags[0, 1, 100, :] = Flag.SATURATED
    done = effect.correct(frame.replace(flags=flags), Moment.of(frame, GEOMETRY))
    np.testing.assert_array_equal(done.data[..., 100, :], frame.data[..., 100, :])
    assert np.isfinite(done.data).all()
    bad = np.full(GEOMETRY.shape, Flag.DO_NOT_USE, np.uint32)
    untouched = effect.correct(frame.replace(pixel_flags=bad), Moment.of(frame, GEOMETRY))
    np.testing.assert_array_equal(untouched.data, frame.data)


def test_numbers_in_other_units_and_windows_without_a_middle_are_refused():
    with pytest.raises(UsageError, match="must be in 'electron'"):
        FlickerNoise(amplitude=1.0).correct(Frame(np.zeros((4, 4), "f4"), "DN"), moment(FlickerNoise, 0))
    with pytest.raises(UsageError, match="must be odd"):
        FlickerNoise(amplitude=1.0, background_rows=30)


# -- laws and mistakes --------------------------------------------------------------------------------------------


def without_noise_of_medians(self, charge, at):
    return FlickerNoise.variance(self, charge, at.replace(read_noise=np.float32(0.0)))


def whole_frame_instead_of_rows(self, image, good):
    return np.full(len(image), np.median(image[good]) if good.any() else 0.0, np.float32)


def white(self, charge, at):
    return charge + 3.7 * at.plane(self.amplitude) * at.rng.normal(charge.shape)


@pytest.mark.parametrize(
    "mistake", [{"variance": without_noise_of_medians}, {"_stripes": whole_frame_instead_of_rows}, {"imprint": white}]
)
def test_a_mistake_fails_the_law(mistake):
    with pytest.raises(AssertionError):
        check_effect(mutated(FlickerNoise(amplitude=2.0), **mistake), infrared())


# -- measured -----------------------------------------------------------------------------------------------------


def test_the_amplitude_of_darks_is_the_one_that_made_them():
    truth = FlickerNoise(amplitude=2.0)
    darks = [ramp(truth, 8, seed=i)[0] for i in range(4)]
    found, block = FlickerNoise(amplitude=1.0).measure(darks, Moment.of(darks[0], GEOMETRY))
    error = float(block.error("flicker_noise.amplitude"))
    assert error < 0.04
    assert found.amplitude == pytest.approx(2.0, abs=4 * error)
    quiet = [ramp(FlickerNoise(amplitude=0.0), 8, seed=i)[0] for i in range(2)]
    nothing, block = truth.measure(quiet, Moment.of(quiet[0], GEOMETRY))
    assert nothing.amplitude < 0.35  # 5 electron of white noise stand behind it
    assert np.isfinite(block.error("flicker_noise.amplitude"))


def test_darks_that_tell_nothing_are_refused():
    image = Frame(np.zeros(GEOMETRY.shape, "f4"), "electron")
    with pytest.raises(UsageError, match="no ramp"):
        FlickerNoise(amplitude=1.0).measure([image], Moment.of(image, GEOMETRY))
    single = ramp(FlickerNoise(amplitude=1.0), 2, geometry=Geometry((96, 64)))[0]
    with pytest.raises(UsageError, match="do not tell an error"):
        FlickerNoise(amplitude=1.0).measure([single], Moment.of(single))


def test_rates_of_a_detector_with_stripes_have_honest_errors():
    detector = Detector.load("generic_h2rg").resized((256, 256)).without("cosmic_rays")
    names = [effect.name for effect in detector.effects]
    i = names.index("read_noise") + 1  # behind it: its variance holds what the read noise does to the medians
    striped = FlickerNoise(amplitude=6.0)
    steps = [*detector.steps]
    steps.insert(steps.index("estimate"), "flicker_noise")
    noisy = detector.replace(effects=(*detector.effects[:i], striped, *detector.effects[i:]), steps=tuple(steps))
    raw = noisy.expose(2.0, Exposure("a", pattern=ReadPattern.even(10, frame_time=10.0)), seed=4)

    def pulls(done):
        return ((done.data - 2.0) / done.error)[~done.unusable()]

    cleaned = noisy.calibrate(raw)
    # 254 rows of four outputs whose errors are common to some pixels: the scatter is known to 1 %
    assert pulls(cleaned).std() == pytest.approx(1.0, abs=0.03)
    left = noisy.recipe().without("flicker_noise").run(raw)
    assert left.data[~left.unusable()].std() > 1.15 * cleaned.data[~cleaned.unusable()].std()
