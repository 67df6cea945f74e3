"""What darks refuse: in one line, before it does harm, and by the name of the file."""

from __future__ import annotations

import inspect
import threading
import warnings
from dataclasses import replace

import numpy as np
import pytest

import obverse as ob
from obverse import io
from obverse.darks import (
    NoiseMaps,
    WrongArgumentError,
    build_synthesized_dark,
    build_trad_dark,
    calibrate_darks_lsq,
    mean_combine,
)
from obverse.io.cards import Card
from obverse.io.header import Header
from tests.darks.campaigns import SMALL, campaign, frame

SETTINGS = [(2.0, 2.0), (2.0, 100.0), (1000.0, 2.0), (1000.0, 100.0), (400.0, 30.0)]
ONE = np.ones((2, 2))


def quiet(n=2, shape=(30, 30)):
    rng = np.random.default_rng(1)
    return [
        frame(21.0 + g * (0.02 + 0.001 * t) + rng.normal(0, 1, shape), g, t, f"g{g:g} t{t:g} {k}")
        for g, t in SETTINGS
        for k in range(n)
    ]


@pytest.fixture
def paths(tmp_path):
    made = [tmp_path / f"{k:02d}.fits" for k in range(2 * len(SETTINGS))]
    for each, path in zip(quiet(), made, strict=True):
        ob.write(each, path)
    return made


# -- shapes ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", [(8, 8), (64, 2000), (64, 65)])
def test_frames_of_two_shapes_are_never_read_past_their_end(shape):
    with pytest.raises(WrongArgumentError, match="one shape"):
        mean_combine([frame(np.ones((64, 64)), 1.0, 1.0), frame(np.ones(shape), 1.0, 1.0)])


def test_masks_given_with_frames_are_not_passed_over():
    with pytest.raises(WrongArgumentError, match="bring their own flags"):
        mean_combine([frame(ONE, 1.0, 1.0)] * 2, [np.ones((2, 2), int)] * 2)


@pytest.mark.parametrize(
    ("name", "plane"),
    [
        ("cic", np.ones((3, 2, 2))),
        ("fpn_error", np.ones((3, 2, 2))),
        ("r_squared", np.ones((2, 2, 2))),
        ("cross", np.ones((2, 2))),
        ("cross", np.ones((5, 2, 2))),
        ("cross", np.ones((3, 2, 3))),
        ("unclipped", ob.darks.Maps(ONE, ONE, np.ones((3, 3)))),
    ],
)
def test_planes_of_noise_maps_have_one_shape(name, plane):
    with pytest.raises(WrongArgumentError, match=name):
        NoiseMaps(**{"fpn": ONE, "cic": ONE, "dark_current": ONE, name: plane})


# -- arguments ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("threshold", ["a", True, float("nan"), {(2.0, 2.0): "a"}, {2.0: 5.0}])
def test_thresholds_that_are_none(threshold):
    with pytest.raises(ob.UsageError, match="cr_threshold"):
        calibrate_darks_lsq(quiet(), cr_threshold=threshold)


@pytest.mark.filterwarnings("ignore::obverse.ObverseWarning")
def test_a_threshold_that_leaves_no_stack_says_so():
    with pytest.raises(ob.UsageError, match="0 stacks"):
        calibrate_darks_lsq(quiet(), cr_threshold=1)


@pytest.mark.parametrize("particles", [-3, 0, "many", float("nan")])
def test_particles_are_electrons_above_zero(particles):
    with pytest.raises(ob.UsageError, match="particles"):
        calibrate_darks_lsq(quiet(), particles=particles)


@pytest.mark.parametrize(("dataset", "says"), [([], "is empty"), ([ONE], "holds a ndarray"), ("a", "is a str")])
def test_datasets_that_are_none(dataset, says):
    for build in (calibrate_darks_lsq, build_trad_dark):
        with pytest.raises(ob.UsageError, match=f"{build.__name__}: dataset {says}"):
            build(dataset)


@pytest.mark.parametrize("detector", [3, ONE, {"name": "x"}])
def test_detectors_that_are_none(detector):
    for build in (
        lambda: calibrate_darks_lsq(quiet(), detector),
        lambda: build_trad_dark(quiet()[:1], detector),
        lambda: build_synthesized_dark(ob.Exposure("a", 1.0), NoiseMaps(ONE, ONE, ONE), detector),
    ):
        with pytest.raises(WrongArgumentError, match="give a Detector"):
            build()


def test_a_detector_file_is_the_detector(tmp_path):
    detector = ob.Detector.load("corgi_excam").replace(geometry=SMALL, modes=())
    detector.save(tmp_path / "x.toml")
    frames = campaign(SETTINGS, 2, 3)
    maps = [calibrate_darks_lsq(frames, each) for each in (detector, tmp_path / "x.toml", str(tmp_path / "x.toml"))]
    for other in maps[1:]:
        assert other.geometry == SMALL
        np.testing.assert_array_equal(other.dark_current, maps[0].dark_current)
        assert other.bias_offset == maps[0].bias_offset


@pytest.mark.parametrize("given", [{}, "x_dnm_cal.fits", (ONE, ONE, ONE)])
def test_noise_maps_that_are_none(given):
    with pytest.raises(WrongArgumentError, match="read_noise_maps"):
        build_synthesized_dark(ob.Exposure("a", 1.0), given)


@pytest.mark.parametrize("asked", [(0, 2.0, 1), (float("nan"), 2.0, 1), (2.0, -1.0, 1), (2.0, 2.0, 0)])
def test_observations_that_nobody_can_make(asked):
    maps = calibrate_darks_lsq(quiet(4))
    assert np.isfinite(maps.worth(2.0, 0.0, 1).error).all()
    with pytest.raises(ob.UsageError, match="worth"):
        maps.worth(*asked)


# -- files ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"undone": ("gain", "smear")}, "desmeared"),
        ({"data": np.ones((3, 4))}, "one shape"),
        ({"exposure": ob.Exposure("odd", 2.0, em_gain=0.5)}, "EM gain 0.5"),
        ({"exposure": ob.Exposure("odd", em_gain=2.0)}, "has no exposure_time"),
    ],
)
def test_one_frame_that_must_not_be_used_is_named_and_left_out(paths, tmp_path, change, says):
    odd = tmp_path / "odd.fits"
    ob.write(quiet()[0].replace(**change), odd)
    with pytest.raises(ob.UsageError, match=rf"^\S*odd\.fits: .*{says}"):
        calibrate_darks_lsq([*paths, odd])
    with pytest.warns(ob.ObverseWarning, match=rf"odd\.fits: .*{says}.*left out"):
        maps = calibrate_darks_lsq([*paths, odd], skip_bad=True)
    assert [name.endswith("odd.fits") for name in maps.skipped] == [True]
    np.testing.assert_array_equal(maps.cic, calibrate_darks_lsq(paths).cic)


def test_a_traditional_dark_leaves_them_out_too(paths, tmp_path):
    ob.write(frame(np.ones((3, 3)), 2.0, 2.0, undone=("em_gain", "smear")), tmp_path / "odd.fits")
    good = [tmp_path / f"good{k}.fits" for k in range(3)]
    for k, path in enumerate(good):
        ob.write(frame(np.full((3, 3), float(k)), 2.0, 2.0, undone=("em_gain",)), path)
    with pytest.raises(ob.UsageError, match=r"odd\.fits: .*desmeared"):
        build_trad_dark([*good, tmp_path / "odd.fits"])
    with pytest.warns(ob.ObverseWarning, match=r"odd\.fits.*left out"):
        dark = build_trad_dark([*good, tmp_path / "odd.fits"], skip_bad=True)
    np.testing.assert_array_equal(dark.data, np.ones((3, 3)))


def in_electron(each):
    return each.replace(data=each.data.astype(float), unit="electron")


def test_the_keywords_of_the_detector_count(tmp_path):
    """An EMCCD that is not Roman's says its gain under a name of its own."""
    detector = ob.Detector.load("generic_ccd").resized((32, 32))
    detector = detector.replace(file=replace(detector.file, em_gain="EMG"))
    paths = []
    for k, each in enumerate(quiet(2, detector.geometry.file_shape)):
        paths.append(tmp_path / f"{k:02d}.fits")
        told = {"EXPTIME": each.exposure.seconds, "EMG": each.exposure.em_gain}
        header = Header([Card(key, value) for key, value in told.items()])
        io.write_fits(paths[-1], [io.Hdu(0, "PRIMARY", 1, header, (10 * each.data).astype("u2"))])
    maps = calibrate_darks_lsq(paths, detector, prepare=in_electron)
    assert sorted({stack.gain for stack in maps.stacks}) == [2.0, 400.0, 1000.0]
    with pytest.raises(ob.UsageError, match=r"00\.fits: .*EM gain 0\.5"):  # and so do keywords that are set by hand
        calibrate_darks_lsq(paths, detector, prepare=in_electron, overrides={"EMG": "0.5"})


# -- manners --------------------------------------------------------------------------------------------------------


def test_warnings_point_to_who_called():
    low = {(2.0, 2.0): 0.0}
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        line = inspect.currentframe().f_lineno + 1
        calibrate_darks_lsq([each.replace(exposure=replace(each.exposure, k_gain=None)) for each in campaign(
            SETTINGS, 3, 1)], SMALL, cr_threshold=low)  # fmt: skip
    assert len(told) >= 2  # a stack that was left out, and a k gain that nobody knows
    assert {each.filename for each in told} == {__file__}
    assert {each.lineno for each in told} <= {line, line + 1}


def test_one_thread_is_one_thread(monkeypatch):
    def refuse(*_):
        raise AssertionError("a second thread was started")

    frames = quiet(3, (40, 40))
    monkeypatch.setattr(threading.Thread, "start", refuse)
    calibrate_darks_lsq(frames, threads=1)


@pytest.mark.parametrize("n", [1, 2, 3, 10, 4096, 20_001, 50_000])
@pytest.mark.parametrize("shape", ["normal", "few values", "rising", "lonely"])
def test_the_quick_median_is_the_median(n, shape):
    from obverse.darks.offsets import _median

    rng = np.random.default_rng(n)
    values = {
        "normal": rng.normal(size=n),
        "few values": rng.integers(0, 3, n).astype(float),
        "rising": np.arange(n, dtype=float),
        "lonely": np.where(np.arange(n) % max(n // 4096, 1) == 0, 1e9, rng.normal(size=n)),  # the probe sees no other
    }[shape]
    before = values.copy()
    assert _median(values) == np.median(values)
    np.testing.assert_array_equal(values, before)
