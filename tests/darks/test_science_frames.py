"""Darks taken away from frames: nothing is left, and the errors are those of light and of maps together."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

import obverse as ob
from obverse.darks import NoiseMaps, build_synthesized_dark, build_trad_dark, calibrate_darks_lsq
from obverse.joint import joint_variance
from tests.darks.campaigns import SMALL, frame
from tests.darks.test_beliefs import TABLE

SENSOR = SMALL.in_file("sensor")


def minimal():
    """A camera of gains, pattern and darks alone; what its register makes of nothing is left to the maps."""
    return ob.Detector.load(TABLE)


def test_a_traditional_dark_taken_from_its_own_frames_leaves_nothing():
    """Of ten frames; and its error is what each of them gets."""
    rng = np.random.default_rng(5)
    detector = minimal()
    frames = [frame(rng.poisson(150, SMALL.file_shape).astype("f4"), 1.0, 5.0, f"{k}") for k in range(10)]
    frames = [each.replace(undone=("gain", "fixed_pattern")) for each in frames]
    dark = build_trad_dark([detector.recipe().until("em_gain").run(each) for each in frames], detector, full_frame=True)
    nothing = np.zeros(SMALL.file_shape)
    belief = NoiseMaps(nothing, dark.data, nothing, cic_error=dark.error, geometry=SMALL).into(detector)
    images = [belief.recipe().run(each) for each in frames]
    assert abs(np.mean([image.data for image in images])) < 1e-5
    assert np.std([image.data.mean() for image in images]) > 0.01  # each alone is not nothing
    for image in images:
        error = np.sqrt(image.variances["dark"])
        np.testing.assert_allclose(error.ravel(), dark.error[SENSOR], rtol=1e-5)
    assert len({image.shared["dark"] for image in images}) == 1


def test_two_settings_in_one_night_are_each_given_their_own_dark():
    """(10, 4 s) and (20, 8 s): nothing is left of either, one dark for both is refused."""
    fpn, cic, dark = (np.full(SMALL.file_shape, value) for value in (1.0, 0.02, 3 / 3600))
    settings = [(10.0, 4.0), (20.0, 8.0)]
    frames = [frame(fpn + g * cic + g * t * dark, g, t, f"{g:g} {k}") for g, t in settings for k in range(2)]
    maps = NoiseMaps(fpn, cic, dark, geometry=SMALL)
    belief = maps.into(minimal())
    for each in frames:
        image = belief.recipe().run(each.replace(undone=("gain",)))
        assert np.abs(image.data).max() < 1e-5
        made = build_synthesized_dark([each], maps, SMALL, full_frame=True)
        assert np.abs(each.data / each.exposure.em_gain - made.data).max() < 1e-7
    divided = [each.replace(data=each.data / each.exposure.em_gain, undone=("gain", "em_gain")) for each in frames]
    for refused in (lambda: build_trad_dark(divided, SMALL), lambda: build_synthesized_dark(frames, maps, SMALL)):
        with pytest.raises(ob.UsageError, match="2 settings"):
            refused()


# -- errors of light and darks together -------------------------------------------------------------------------------

LIGHT, TIME, GAIN, SCIENCE = 0.1, 50.0, 1000.0, 40
CAMPAIGN = [(g, t) for g in (2.0, 1000.0) for t in (2.0, 50.0, 100.0)]


def true_camera():
    """A warm camera without bias of its own, so that what darks leave open is more than what light does."""
    left_out = ("bias_drift", "cosmic_rays", "register_trail", "smear")
    camera = ob.Detector.load("corgi_excam").replace(geometry=SMALL, modes=())
    steps = tuple(step for step in camera.steps if step != "zero_level")
    camera = camera.replace(steps=steps).without(*left_out)
    rng = np.random.default_rng(2)
    pattern = 21.0 + 30.0 * rng.standard_normal(SMALL.shape)
    changed = {"dark_current": {"rate": 0.05}, "fixed_pattern": {"pattern": pattern}, "em_gain": {"partial": 0.0}}
    for name, values in changed.items():
        camera = camera.with_effect(camera.effect(name).replace(**values))
    return camera


@pytest.fixture(scope="module")
def belief():
    """What two darks of each setting tell."""
    truth = true_camera()
    raws = [
        truth.expose(0.0, ob.Exposure(f"g{g:g} t{t:g} {k}", t, em_gain=g, kind="dark"), seed=8)
        for g, t in CAMPAIGN
        for k in range(2)
    ]
    return calibrate_darks_lsq(raws, truth, prepare=truth.recipe().until("gain").run).into(truth)


@pytest.fixture(scope="module")
def images(belief):
    raws = [
        true_camera().expose(LIGHT, ob.Exposure(f"sky {k}", TIME, em_gain=GAIN), seed=9) for k in range(SCIENCE)
    ]  # fmt: skip
    return [belief.recipe().run(raw) for raw in raws]


def deviation(images):
    """The mean image less the light, and what its frames say of their own noise, where light falls."""
    lit = np.ix_(*(np.flatnonzero(SMALL.sees_light.any(axis=axis)) for axis in (1, 0)))
    own = np.mean([sum(v for name, v in image.variances.items() if name != "dark") for image in images], axis=0)
    return np.mean([image.data for image in images], axis=0)[lit] - LIGHT * TIME, own[lit] / len(images), lit


def pull(images, dark):
    """Pulls of the mean of many frames: they share the variance of their dark."""
    off, own, lit = deviation(images)
    return off / np.sqrt(own + dark[lit])


def is_one(values):
    se = 1 / np.sqrt(2 * values.size)
    assert abs(values.std() - 1) + 3 * se < 0.04, f"pulls of {values.std():.3f}"


def test_the_mean_of_many_frames_has_the_error_it_says(images):
    pulls = pull(images, images[0].variances["dark"])
    assert abs(pulls.mean()) * np.sqrt(pulls.size) < 4
    is_one(pulls)
    _, own, lit = deviation(images)
    assert images[0].variances["dark"][lit].mean() > 2 * own.mean()  # else this would say little of the maps


def test_one_frame_scatters_as_it_says_on_average(images):
    """Pixel by pixel a few electrons tell their own noise too small where they are few: all together do not."""
    off, own, lit = deviation(images[:1])
    squares, said = off**2, own + images[0].variances["dark"][lit]
    se = squares.std() / np.sqrt(squares.size) / said.mean()
    assert abs(squares.mean() / said.mean() - 1) + 3 * se < 0.08


def test_light_without_the_errors_of_the_maps_is_caught(images):
    with pytest.raises(AssertionError):
        is_one(pull(images, np.zeros(SMALL.shape)))


def test_three_variances_without_their_covariance_are_caught(images, belief):
    (block,) = belief.covariance
    cut = replace(block, matrix=block.matrix * np.eye(3)[..., None, None])
    at = ob.Moment.of(images[0], SMALL)
    ratio = joint_variance(belief, cut, at) / joint_variance(belief, block, at)
    with pytest.raises(AssertionError):
        is_one(pull(images, images[0].variances["dark"] * ratio))
