"""Cases C: the traditional master dark."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

import obverse as ob
from obverse.darks import build_trad_dark
from tests.darks.campaigns import SMALL

WITH_TELEMETRY = replace(SMALL, telemetry=(119, 120))


def dark(data, name="dark", *, time=5.0, gain=1.0, **more):
    return ob.Frame(data, "electron", exposure=ob.Exposure(name, time, em_gain=gain, k_gain=7.0), **more)


def poissonian(n=10, **more):
    rng = np.random.default_rng(4)
    return [dark(rng.poisson(150.0, SMALL.file_shape).astype(float), f"d{k}", **more) for k in range(n)]


def masked(frames, pixel, which, bits=4):
    out = []
    for k, frame in enumerate(frames):
        flags = np.zeros(frame.shape, np.uint8) if frame.flags is None else frame.flags.copy()
        flags[pixel] |= bits if k in which else 0
        out.append(frame.replace(flags=flags))
    return out


def test_mean_and_error():
    frames = poissonian()
    made = build_trad_dark(frames, WITH_TELEMETRY, full_frame=True)
    cube = np.stack([frame.data for frame in frames])[:, :-1]
    np.testing.assert_allclose(made.data[:-1], cube.mean(axis=0), rtol=1e-13)
    np.testing.assert_allclose(np.sqrt(made.variances["dark"][:-1]), cube.std(axis=0) / np.sqrt(10), rtol=1e-6)
    assert abs(made.data[:-1].mean() - 150) < 3 * np.sqrt(150 / cube.size)
    assert np.isnan(made.data[-1]).all()
    assert np.isnan(made.variances["dark"][-1]).all()


def test_image_area_is_the_cut():
    frames = poissonian()
    whole, image = build_trad_dark(frames, SMALL, full_frame=True), build_trad_dark(frames, SMALL)
    assert image.shape == (104, 105)
    np.testing.assert_array_equal(image.data, whole.data[2:106, 108:213])


def test_streamed_is_the_same(tmp_path):
    frames = masked(poissonian(4), (7, 8), range(4))
    paths = [tmp_path / f"{frame.exposure.id}.fits" for frame in frames]
    for frame, path in zip(frames, paths, strict=True):
        ob.write(frame, path)
    mine, streamed = build_trad_dark(frames, SMALL), build_trad_dark(paths, SMALL)
    assert mine == streamed


def test_flags_of_pixels_that_are_flagged_in_all():
    frames = masked(masked(poissonian(), (7, 8), range(10)), (10, 120), range(9))
    made = build_trad_dark(frames, SMALL, full_frame=True)
    assert made.pixel_flags[7, 8] == 4
    assert made.pixel_flags.sum() == 4
    assert np.isnan(made.data[7, 8])
    assert np.nanargmax(made.error) == np.ravel_multi_index((10, 120), made.shape)
    assert made.companions["frames"].data[10, 120] == 1


def test_errors_of_frames_are_added():
    frames = [frame.replace(variances={"read": np.full(frame.shape, 90.0)}) for frame in poissonian()]
    added = build_trad_dark(frames).variance - build_trad_dark(poissonian()).variance
    np.testing.assert_allclose(added, 9.0, rtol=1e-4)
    common = [frame.replace(shared={"read": "reference"}) for frame in frames]
    added = build_trad_dark(common).variance - build_trad_dark(poissonian()).variance
    np.testing.assert_allclose(added, 90.0, rtol=1e-4)


@pytest.mark.parametrize("other", [{"time": 6.0}, {"gain": 2.0}])
def test_one_setting_alone(other):
    with pytest.raises(ob.UsageError, match="2 settings"):
        build_trad_dark([*poissonian(2), *poissonian(2, undone=("em_gain",), **other)])


def test_one_frame_is_no_stack():
    with pytest.raises(ob.UsageError, match="more than 1 acceptable frame"):
        build_trad_dark(poissonian(1))


def test_telemetry_in_the_image():
    with pytest.raises(ValueError, match="telemetry"):
        replace(SMALL, telemetry=(50, 51))


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"undone": ("smear",)}, "desmeared"),
        ({"variances": {"poisson": np.ones(SMALL.file_shape)}}, "shot noise"),
        ({"unit": "DN"}, "is in DN"),
        ({"exposure": ob.Exposure("x", 5.0, em_gain=9.0)}, "still multiplied"),
    ],
)
def test_what_must_not_have_been_done(change, says):
    frames = [frame.replace(**change) for frame in poissonian(2)]
    with pytest.raises(ob.UsageError, match=says):
        build_trad_dark(frames)


def test_order_changes_rounding_alone_and_threads_nothing():
    frames = poissonian(7)
    first = build_trad_dark(frames, threads=1)
    assert build_trad_dark(frames, threads=3) == first
    np.testing.assert_allclose(build_trad_dark(frames[::-1]).data, first.data, rtol=1e-14)


def test_clocked_frames_are_those_of_the_file():
    frames = poissonian(3)
    clocked = [frame.replace(data=SMALL.clock(frame.data), axes=("amplifier", "row", "column")) for frame in frames]
    np.testing.assert_array_equal(build_trad_dark(clocked, SMALL).data, build_trad_dark(frames, SMALL).data)
