"""Detectors are data: the file says all, and what it says wrongly is refused with a hint."""

from __future__ import annotations

import numpy as np
import pytest

from obverse import Detector, UsageError
from obverse.belief import Block
from obverse.detector_file import built_in
from obverse.effects.bias import Bias
from obverse.effects.flat import Flat
from obverse.effects.gain import Gain

NAMES = built_in()


@pytest.mark.parametrize("name", NAMES)
def test_a_file_says_all_of_a_detector(name):
    detector = Detector.load(name)
    again = Detector.load(detector.to_toml())
    assert again == detector
    assert again.digest() == detector.digest()
    assert again.to_toml() == detector.to_toml()


@pytest.mark.parametrize("name", NAMES)
def test_the_detector_that_a_file_makes_behaves_the_same_to_the_bit(name):
    detector = Detector.load(name)
    again = Detector.load(detector.to_toml())
    small = tuple(n // 8 for n in detector.geometry.shape)
    raw = detector.resized(small).expose(20.0, _exposure(detector), seed=5)
    assert again.resized(small).expose(20.0, _exposure(detector), seed=5) == raw
    assert again.resized(small).calibrate(raw) == detector.resized(small).calibrate(raw)


def _exposure(detector):
    from obverse import Exposure, ReadPattern

    if detector.readout.name == "single":
        return Exposure("a", 10.0)
    return Exposure("a", pattern=ReadPattern.even(4, frame_time=10.0))


@pytest.mark.parametrize("name", NAMES)
def test_every_effect_that_can_be_undone_stands_in_the_recipe_once(name):
    detector = Detector.load(name)
    for effect in detector.effects:
        assert detector.steps.count(effect.name) == int(effect.is_undone), effect.name
    assert detector.steps.count("estimate") == 1


@pytest.mark.parametrize("name", NAMES)
def test_every_table_of_a_built_in_detector_loads_from_its_own_table(name):
    detector = Detector.load(name)
    assert Detector.load(detector.to_table()) == detector


def test_maps_and_covariance_are_saved_beside_and_come_back(tmp_path):
    random = np.random.default_rng(3)
    response = 1.0 + 0.01 * random.standard_normal((64, 64))
    detector = Detector.load("generic_ccd").resized((64, 64))
    detector = detector.with_effect(Flat(response=response, error=np.full((64, 64), 0.002)))
    detector = detector.with_covariance(Block(("gain.gain", "read_noise.sigma"), np.diag([1e-4, 1e-2])))
    detector.save(tmp_path / "mine.toml")
    again = Detector.load(tmp_path / "mine.toml")
    assert again == detector
    assert again.digest() == detector.digest()


def test_a_detector_with_maps_is_no_text():
    detector = Detector.load("generic_ccd").resized((64, 64)).with_effect(Bias(level=np.zeros((64, 64))))
    with pytest.raises(UsageError, match="write it with save"):
        detector.to_toml()


CCD = Detector.load("generic_ccd").to_table()


def _changed(path, value, table=CCD):
    head, *rest = path
    return {**table, head: _changed(rest, value, table[head]) if rest else value}


@pytest.mark.parametrize(
    ("path", "value", "says"),
    [
        (["efects"], {}, "did you mean 'effects'"),
        (["effects", "read_niose"], {"sigma": 3.0}, "did you mean 'read_noise'"),
        (["effects", "gain", "gian"], 2.0, "did you mean 'gain'"),
        (["geometry", "overscn"], 3, "did you mean 'overscan'"),
        (["readout", "kind"], "sngle", "did you mean 'single'"),
        (["recipe", "stepps"], [], "did you mean 'steps'"),
        (["recipe", "steps"], ["adk"], "did you mean 'adc'"),
        (["file", "exposure_tim"], "EXPTIME", "did you mean 'exposure_time'"),
        (["effects", "gain", "site"], "readot", "did you mean 'readout'"),
        (["schema"], 7, "this version reads schema 1"),
        (["effects", "gain", "gain"], "__import__('os')", "it must be a number"),
    ],
)
def test_what_is_misspelt_is_refused_with_the_nearest_name(path, value, says):
    with pytest.raises(UsageError, match=says):
        Detector.load(_changed(path, value))


@pytest.mark.parametrize("key", ["schema", "name", "geometry", "readout", "effects", "recipe"])
def test_what_is_missing_is_named(key):
    with pytest.raises(UsageError, match=f"{key!r} is missing"):
        Detector.load({k: v for k, v in CCD.items() if k != key})


def test_an_unknown_detector_is_refused_with_the_nearest():
    with pytest.raises(UsageError, match="did you mean 'generic_ccd'"):
        Detector.load("generic_cdc")


def test_text_that_is_no_toml_is_refused():
    with pytest.raises(UsageError, match="not valid TOML"):
        Detector.load("name = \n")


def test_a_chain_out_of_order_is_refused_with_the_chain_printed():
    detector = Detector.load("generic_ccd")
    effects = list(detector.effects)
    gain = next(i for i, e in enumerate(effects) if e.name == "gain")
    effects.insert(0, effects.pop(gain))
    with pytest.raises(
        UsageError, match=r"must stand before 'gain'.*the chain is gain \(readout\) -> quantum.*light ->"
    ):
        detector.replace(effects=tuple(effects))


def test_a_site_that_a_detector_moves_must_still_be_in_order():
    detector = Detector.load("generic_ccd")
    with pytest.raises(UsageError, match="must stand before"):
        detector.with_effect(Gain(gain=2.0, site="light"))


@pytest.mark.parametrize("steps", [("adc", "adc"), ("adc",), (), ("adc", "read_noise")])
def test_a_recipe_that_forgets_repeats_or_invents_a_step_is_refused(steps):
    with pytest.raises(UsageError, match="recipe"):
        Detector.load("generic_ccd").replace(steps=steps)


@pytest.mark.parametrize("leave_out", Detector.load("generic_h2rg").steps)
def test_no_step_can_be_left_out_silently(leave_out):
    detector = Detector.load("generic_h2rg")
    with pytest.raises(UsageError, match=f"{leave_out!r} is missing"):
        detector.replace(steps=tuple(s for s in detector.steps if s != leave_out))


@pytest.mark.parametrize("scene", [-1.0, float("nan"), np.ones((3, 3))])
def test_light_that_cannot_be_is_refused(scene):
    with pytest.raises(UsageError, match="expose"):
        Detector.load("generic_ccd").resized((64, 64)).expose(scene, _exposure(Detector.load("generic_ccd")), seed=1)


def test_a_quantity_in_electrons_enters_behind_the_quantum_efficiency():
    import astropy.units as u

    detector = Detector.load("generic_ccd").resized((64, 64))
    exposure = _exposure(detector)
    electrons = detector.expose(90.0 * u.electron / u.s, exposure, seed=1)
    assert electrons == detector.expose(100.0, exposure, seed=1)
    assert detector.expose(100.0 * u.photon / u.s, exposure, seed=1) == electrons
