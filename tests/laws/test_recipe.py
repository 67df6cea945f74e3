"""Recipes: the same answer however the work is cut, and no step twice."""

from __future__ import annotations

import pickle

import numpy as np
import pytest

import obverse as ob
from obverse import Detector, Exposure, Frame, ReadPattern, UsageError
from obverse.belief import Block
from obverse.effects.flat import Flat
from obverse.recipe import Step

SHAPE = (96, 64)


def _with_maps(name):
    random = np.random.default_rng(2)
    detector = Detector.load(name).resized(SHAPE)
    flat = Flat(response=1.0 + 0.02 * random.standard_normal(SHAPE), error=np.full(SHAPE, 0.002))
    return detector.with_effect(flat)


DETECTORS = {name: _with_maps(name) for name in ("generic_h2rg", "generic_ccd")}


@pytest.fixture(params=DETECTORS, scope="module")
def observed(request):
    detector = DETECTORS[request.param]
    exposure = Exposure("a", 100.0)
    if detector.readout.name == "ramp":
        exposure = Exposure("a", pattern=ReadPattern.even(6, frame_time=20.0), integrations=2)
    scene = np.random.default_rng(1).uniform(0.0, 2000.0, SHAPE)
    return detector, detector.expose(scene, exposure, seed=3)


@pytest.fixture(scope="module")
def whole(observed):
    detector, raw = observed
    return detector.recipe().run(raw, threads=1)


@pytest.mark.parametrize("threads", [1, 2, 7])
@pytest.mark.parametrize("tile_rows", [16, 48, None])
def test_any_tiles_and_threads_give_the_same_bits(observed, whole, tile_rows, threads):
    detector, raw = observed
    assert detector.recipe().run(raw, threads=threads, tile_rows=tile_rows).digest() == whole.digest()


def test_calibration_leaves_the_raw_frame_alone(observed):
    detector, raw = observed
    before = raw.data.copy()
    detector.calibrate(raw)
    np.testing.assert_array_equal(raw.data, before)


def test_a_recipe_stopped_anywhere_goes_on_to_the_same_bits(observed, whole):
    detector, raw = observed
    recipe = detector.recipe()
    for name in recipe.names:
        middle = recipe.until(name).run(raw)
        assert middle.undone == recipe.names[: recipe.names.index(name) + 1]
        assert recipe.run(middle).digest() == whole.digest(), name


def test_until_and_before_cut_where_they_say(observed):
    recipe = observed[0].recipe()
    assert recipe.until("gain").names[-1] == "gain"
    assert recipe.before("gain").names == recipe.until("gain").names[:-1]
    assert "gain" not in recipe.without("gain").names
    with pytest.raises(UsageError, match="did you mean 'gain'"):
        recipe.until("gian")


@pytest.mark.parametrize("name", ["generic_ccd", "generic_h2rg", "corgi_excam"])
def test_a_recipe_may_be_sent_to_another_process(name):
    detector = Detector.load(name)
    recipe = detector.recipe()
    again = pickle.loads(pickle.dumps(recipe))  # noqa: S301 our own
    assert (again.names, again.detector) == (recipe.names, detector)
    if name == "generic_ccd":
        small = DETECTORS[name]
        raw = small.expose(3.0, Exposure("a", 9.0), seed=1)
        assert pickle.loads(pickle.dumps(small.recipe())).run(raw) == small.recipe().run(raw)  # noqa: S301


def test_a_recipe_with_a_block_of_maps_may_be_sent_to_another_process():
    names = ("fixed_pattern.pattern", "clock_induced_charge.level", "dark_current.rate")
    known = Detector.load("corgi_excam").resized((48, 64))
    known = known.with_covariance(Block(names, np.eye(3)[..., None, None] * np.ones((48, 64))))
    assert pickle.loads(pickle.dumps(known.recipe())).names == known.steps  # noqa: S301


def test_a_charge_is_answered_once_a_run(monkeypatch):
    """Several steps ask what an empty and a full pixel read: the chain runs once for each charge, not for each step."""
    asked, respond = [], Detector.respond

    def listening(self, charge, at):
        asked.append(float(charge.flat[0]))
        return respond(self, charge, at)

    monkeypatch.setattr(Detector, "respond", listening)
    detector = Detector.load("corgi_excam").resized((48, 64))
    detector.recipe().run(detector.expose(0.0, Exposure("a", 10.0, em_gain=100.0), seed=1))
    assert len(asked) >= 2
    assert len(asked) == len(set(asked))


def test_no_step_runs_twice(observed):
    detector, raw = observed
    recipe = detector.recipe()
    done = recipe.until("bias").run(raw)
    step = next(step for step in recipe.steps if step.name == "bias")
    with pytest.raises(UsageError, match="'bias' has been undone already"):
        step(done, None)
    assert recipe.until("bias").run(done) == done


def test_a_step_notes_what_it_has_done():
    step = Step("nothing", lambda frame, at: frame)
    assert step(Frame(np.zeros((2, 2)), "DN"), None).undone == ("nothing",)


def test_a_frame_of_another_shape_is_refused(observed):
    detector, raw = observed
    wrong = raw.replace(data=raw.data[..., :-1])
    with pytest.raises(UsageError, match="writes files of"):
        detector.calibrate(wrong)


def test_progress_is_told_up_to_the_end(observed):
    detector, raw = observed
    told = []
    detector.recipe().run(raw, progress=lambda name, share: told.append((name, share)))
    assert told[-1] == (detector.steps[-1], 1.0)
    assert [share for _, share in told] == sorted(share for _, share in told)


def test_the_product_says_what_was_done_and_keeps_the_exposure(observed, whole):
    detector, raw = observed
    assert whole.undone == detector.steps
    assert whole.exposure == raw.exposure
    assert set(whole.variances) >= {"poisson", "read"}
    assert set(whole.shared) == set(whole.variances) & {"flat", "dark"}


def test_reference_pixels_have_no_rate():
    detector = DETECTORS["generic_h2rg"]
    raw = detector.expose(10.0, Exposure("a", pattern=ReadPattern.even(4, frame_time=20.0)), seed=3)
    bad = detector.calibrate(raw).unusable()
    assert bad[~detector.geometry.sensitive].all()


@pytest.mark.parametrize("rows", [-16, 8, 20])
def test_tiles_that_are_no_multiple_of_sixteen_rows_are_refused(observed, rows):
    detector, raw = observed
    with pytest.raises(UsageError, match="multiple of 16"):
        detector.recipe().run(raw, tile_rows=rows)


def test_what_follows_the_fit_reaches_every_integration() -> None:
    """Dark current and flat are undone on the rates of integrations as on their mean."""
    detector = ob.Detector.load("generic_h2rg").resized((32, 32))
    exposure = ob.Exposure("two", pattern=ob.ReadPattern.even(6, frame_time=10.0), integrations=2)
    done = detector.calibrate(detector.expose(np.full((32, 32), 40.0), exposure, seed=3))
    each = done.companions["integrations"]
    good = np.isfinite(done.data) & np.isfinite(each.data).all(axis=0)
    assert good.any()
    apart = (each.data.mean(axis=0) - done.data)[good] / done.error[good]
    assert abs(np.median(apart)) < 0.05


def test_a_dark_that_was_subtracted_stays_in_the_variance() -> None:
    """Its electrons have Poisson noise: the variance is that of the light and the dark together."""
    from obverse.effects.dark_ramp import DarkRamp
    from obverse.readout import UpTheRamp

    pattern = ob.ReadPattern.even(5, frame_time=10.0)
    exposure = ob.Exposure("dark", pattern=pattern)
    counts = np.broadcast_to((7.0 * pattern.tbar)[None, :, None, None], (1, 5, 16, 16)).astype(np.float32)
    frame = ob.Frame(counts, "electron", ("integration", "resultant", "row", "column"), exposure=exposure)
    dark = DarkRamp(ramp=np.broadcast_to((5.0 * pattern.tbar)[:, None, None], (5, 16, 16)), frame_time=10.0)
    at = ob.Moment.of(frame).replace(read_noise=np.full((16, 16), 5.0, np.float32))
    readout = UpTheRamp(read_time=10.0)
    with_dark = readout.estimate(frame, at)
    without = readout.estimate(dark.correct(frame, at), at)
    assert np.allclose(without.data, 2.0, rtol=1e-4)
    assert np.allclose(without.variances["poisson"], with_dark.variances["poisson"], rtol=1e-3)


def test_the_read_out_knows_the_estimators_of_the_fit() -> None:
    from obverse.ramps.estimators import ESTIMATORS
    from obverse.ramps.wish import NAMES
    from obverse.readout.ramp import _ESTIMATORS

    assert set(_ESTIMATORS) == set(NAMES) == set(ESTIMATORS)
