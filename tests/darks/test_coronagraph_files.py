"""Darks as files of Roman's coronagraph: what is made of them is what is made of the frames, bit by bit."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

import obverse as ob
from obverse import Flag, io
from obverse.darks import build_trad_dark, calibrate_darks_lsq, mean_combine
from tests.darks.campaigns import SMALL, campaign, grid
from tests.darks.test_streaming import same
from tests.io.test_corgi_maps import assert_same

TELEMETRY = replace(SMALL, telemetry=(119, 120))
IN_DN = ("adc", "saturation", "bias", "bias_drift", "cosmic_rays", "register_trail", "level_nonlinearity", "gain")


def told(frame, k, *more):
    """A frame as the recipe leaves it, with pixels that it has flagged; one in all of them."""
    rng = np.random.default_rng(k)
    flags = rng.choice(np.array([0, Flag.JUMP_DET, Flag.DO_NOT_USE], np.uint8), frame.shape, p=[0.96, 0.03, 0.01])
    flags[7, 110] = Flag.JUMP_DET
    named = {"mode": "SCI", "detector": "CGI/EXCAM", "start": f"2027-03-01T10:{k:02d}:00"}
    exposure = replace(frame.exposure, id=f"x_{k:03d}", **named)
    return frame.replace(flags=flags, exposure=exposure, undone=(*IN_DN, *more))


def written(frames, folder, level):
    paths = [folder / f"cgi_0200001001001001001_20270301t1000{k:03d}_{level}.fits" for k in range(len(frames))]
    for frame, path in zip(frames, paths, strict=True):
        ob.write(frame, path)
    return paths


@pytest.fixture(scope="module")
def frames():
    return [told(frame, k) for k, frame in enumerate(campaign(grid(3, 2, 1000.0), 5, 3))]


@pytest.fixture(scope="module")
def paths(frames, tmp_path_factory):
    return written(frames, tmp_path_factory.mktemp("l2a"), "l2a")


def test_they_are_files_of_the_coronagraph(frames, paths):
    units = {hdu.name: hdu for hdu in io.open_fits(paths[3])}
    assert units[""].header["BUNIT"] == "detected EM electron"
    assert units["DQ"].data.dtype == np.uint16
    assert ob.read(paths[3]).exposure.mode == "SCI"


def test_noise_maps_of_files_are_those_of_the_frames(frames, paths):
    """D10; the peer promises 1e-10, one pass over the same numbers gives the same bits."""
    same(calibrate_darks_lsq(paths, TELEMETRY), calibrate_darks_lsq(frames, TELEMETRY))


def test_means_of_files_are_those_of_the_frames(frames, paths):
    for mine, theirs in zip(mean_combine(paths[:5]), mean_combine(frames[:5]), strict=True):
        np.testing.assert_array_equal(mine, theirs)


def test_a_traditional_dark_of_files_is_that_of_the_frames(frames, tmp_path):
    """C3: data, errors and flags."""
    divided = [
        each.replace(data=each.data / np.float32(each.exposure.em_gain), undone=(*IN_DN, "em_gain"))
        for each in frames[:5]
    ]
    dark = build_trad_dark(divided, TELEMETRY, full_frame=True)
    streamed = build_trad_dark(written(divided, tmp_path, "l2b"), TELEMETRY, full_frame=True)
    np.testing.assert_array_equal(streamed.data, dark.data)
    np.testing.assert_array_equal(streamed.error, dark.error)
    np.testing.assert_array_equal(streamed.pixel_flags, dark.pixel_flags)
    assert streamed.pixel_flags[7, 110] == Flag.JUMP_DET


def test_maps_that_were_fitted_come_back_from_a_file(frames, tmp_path):
    """D6: NaN, covariances, stacks, and what is said of each."""
    maps = calibrate_darks_lsq(frames, TELEMETRY)
    path = tmp_path / "cgi_0200001001001001001_20270301t1000000_dnm_cal.fits"
    io.write_noise_maps(maps, path)
    assert_same(io.read_noise_maps(path), maps)
    units = {hdu.name: hdu for hdu in io.open_fits(path)}
    assert units[""].data.shape == (3, 120, 220)
    assert np.isnan(units[""].data[:, -1]).all()
    assert units[""].header["DRPNFILE"] == maps.n_frames
    lines = " ".join(card.value for card in units[""].header.cards if card.key == "HISTORY")
    for stack in maps.stacks:
        assert str([stack.time, stack.gain, stack.used]) in lines
