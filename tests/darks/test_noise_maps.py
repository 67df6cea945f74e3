"""Cases D and X: noise maps from stacks of darks."""

from __future__ import annotations

import pickle
import warnings
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

import obverse as ob
from obverse.darks import CalDarksLSQException, calibrate_darks_lsq
from tests.darks.campaigns import CIC, DARK, FPN, SMALL, campaign, exact, frame, grid, truth

TELEMETRY = replace(SMALL, telemetry=(119, 120))
SENSOR = SMALL.in_file("sensor")
FOUR = [(2.0, 2.0), (2.0, 100.0), (1000.0, 2.0), (1000.0, 100.0)]


@pytest.fixture(scope="module")
def mock():
    """The peer's own mock: electrons are drawn behind the register; telemetry in the last row."""
    frames = campaign(grid(), 30, 4567, register=False)
    made = []
    for each in frames:
        data = each.data.copy()
        data[-1, -5:] = 1e5
        made.append(each.replace(data=data))
    return made


@pytest.fixture(scope="module")
def mock_maps(mock):
    return calibrate_darks_lsq(mock, TELEMETRY)


@pytest.mark.parametrize("weighting", [True, False, "frames"])
def test_maps_of_the_mock(mock, weighting):
    maps = calibrate_darks_lsq(mock, TELEMETRY, weighting)
    prescan = TELEMETRY.in_file("prescan") & ~TELEMETRY.in_file("telemetry")
    assert abs(maps.fpn[SENSOR].mean() - FPN) < 4.2
    assert abs(maps.fpn[prescan].mean()) < 5
    assert abs(maps.cic[SENSOR].mean() - CIC) < 0.01
    assert abs(maps.dark_current[SENSOR].mean() - DARK) < 2e-4
    assert np.nanmin(maps.cic) >= 0
    assert np.nanmin(maps.dark_current) >= 0
    assert np.nanmax(maps.dark_current[~SENSOR]) == 0
    assert abs(maps.bias_offset) < 5
    assert maps.bias_offset_low < maps.bias_offset < maps.bias_offset_up
    assert np.nanmean(maps.dark_current_error) < np.nanmean(maps.dark_current)
    assert np.nanmean(maps.fpn_error) < np.nanmean(maps.fpn)
    assert abs(maps.read_noise - 100) < 1


def test_what_was_used(mock_maps):
    assert mock_maps.shape == (120, 220)
    assert mock_maps.n_frames == 1470
    assert (2.0, 2.0, 30.0) in [(s.time, s.gain, s.used) for s in mock_maps.stacks]
    assert {s.verdict for s in mock_maps.stacks} == {"fits"}
    assert mock_maps.image.shape == (104, 105)
    np.testing.assert_array_equal(mock_maps.image.cic, mock_maps.cic[2:106, 108:213])


def test_pickles(mock_maps):
    again = pickle.loads(pickle.dumps(mock_maps))  # noqa: S301 (our own)
    for name in ("fpn", "cic", "dark_current", "fpn_error", "cross", "flags", "chi_square"):
        np.testing.assert_array_equal(getattr(again, name), getattr(mock_maps, name))
    assert again.stacks == mock_maps.stacks


def test_telemetry_is_no_number_anywhere(mock_maps):
    names = ("fpn", "cic", "dark_current", "fpn_error", "cic_error", "dark_current_error", "r_squared", "chi_square")
    for name in names:
        assert np.isnan(getattr(mock_maps, name)[-1]).all(), name
        assert np.isfinite(getattr(mock_maps, name)[:-1]).all(), name
    assert np.isnan(mock_maps.unclipped.fpn[-1]).all()
    assert np.isnan(mock_maps.covariance[..., -1, :][0, 0]).all()


def test_means_are_those_before_clipping(mock_maps):
    assert mock_maps.means["cic"] == mock_maps.unclipped.cic[SENSOR].mean()
    assert mock_maps.medians["fpn"] == np.median(mock_maps.fpn[SENSOR])
    assert abs(mock_maps.means["cic"] - CIC) < 4e-4


def without(frames, pixel, keep):
    """Flag a pixel in every frame but those of stacks for which `keep` is true."""
    out = []
    for each in frames:
        flags = np.zeros(each.shape, np.uint8)
        flags[pixel] = 0 if keep(each) else 4
        out.append(each.replace(flags=flags))
    return out


def test_pixels_that_are_flagged(mock):
    first = mock[0].exposure
    frames = without(mock, (7, 8), lambda f: (f.exposure.em_gain, f.exposure.exposure_time) == (2.0, first.seconds))
    frames = [
        each if k % 30 >= 16 else each.replace(flags=_also(each.flags, (10, 12))) for k, each in enumerate(frames)
    ]
    maps = calibrate_darks_lsq(frames, TELEMETRY)
    assert maps.flags[7, 8] == 4
    assert np.isnan(maps.fpn[7, 8])
    assert np.isnan(maps.fpn_error[7, 8])
    assert maps.flags[10, 12] == 0
    assert maps.dark_current_error[10, 12] == 0
    assert np.isfinite(maps.fpn[10, 12])
    assert maps.unreliable[10, 12] == 49
    assert maps.unreliable[7, 8] == 48
    assert maps.flags.sum() == 4


def _also(flags, pixel):
    more = flags.copy()
    more[pixel] = 4
    return more


@pytest.mark.parametrize("left", ["one pixel column", "two frames"])
def test_stacks_with_few_frames_weigh_less(mock, left):
    top = sorted({each.exposure.em_gain for each in mock})[-2:]
    spoilt, fewer = [], []
    for k, each in enumerate(mock):
        bad = each.exposure.em_gain in top
        spoilt.append(each.replace(data=each.data / 6) if bad else each)
        flags = np.zeros(each.shape, np.uint8)
        flags[:, 1:] = 4
        if left == "one pixel column":
            fewer.append(spoilt[-1].replace(flags=flags) if bad and k % 30 else spoilt[-1])
        elif not bad or k % 30 < 2:
            fewer.append(spoilt[-1])
    good = calibrate_darks_lsq(mock, TELEMETRY).means["cic"]
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always", ob.ObverseWarning)
        worse, better = (calibrate_darks_lsq(f, TELEMETRY).means["cic"] for f in (spoilt, fewer))
    assert abs(worse - good) > 0.01
    assert abs(better - good) < abs(worse - good)
    assert any("another noise profile" in str(warning.message) for warning in told)


# -- what is refused ----------------------------------------------------------------------------------------------


def quiet(settings, **more):
    return [frame(np.ones((3, 3)), g, t, **more) for g, t in settings for _ in range(2)]


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        (FOUR[:2], "more than 3"),
        (FOUR[:3], "more than 3"),
        ([(2.0, t) for t in (1.0, 2.0, 3.0, 4.0)], "one EM gain"),
        ([(g, 2.0) for g in (1.0, 2.0, 3.0, 4.0)], "one exposure time"),
    ],
)
def test_stacks_that_tell_nothing_apart(settings, says):
    with pytest.raises(CalDarksLSQException, match=says):
        calibrate_darks_lsq(quiet(settings))


@pytest.mark.parametrize(("change", "says"), [({"em_gain": 0.9}, "must be 1 or more"), ({"seconds": -0.1}, "negative")])
def test_settings_that_cannot_be(change, says):
    # an Exposure refuses them already; headers of another kind may not
    frames = quiet(FOUR)
    odd = frames[0].exposure
    told = {**vars(odd), "seconds": odd.seconds, "applied_em_gain": odd.em_gain, **change}
    with pytest.raises(CalDarksLSQException, match=says):
        calibrate_darks_lsq([*frames, frames[0].replace(exposure=SimpleNamespace(**told))])


def test_more_that_cannot_be():
    with pytest.raises(CalDarksLSQException, match="k gain 0"):
        calibrate_darks_lsq(quiet(FOUR, k_gain=0.0))
    with pytest.raises(CalDarksLSQException, match="different k gains"):
        calibrate_darks_lsq([*quiet(FOUR), *quiet(FOUR, k_gain=9.0)])
    with pytest.raises(CalDarksLSQException, match="one shape"):
        calibrate_darks_lsq([*quiet(FOUR), frame(np.ones((3, 4)), 2.0, 2.0)])
    with pytest.raises(CalDarksLSQException, match="more than 1 acceptable frame"):
        calibrate_darks_lsq(quiet(FOUR)[::2])
    for weighting in (1, "some", None):
        with pytest.raises(ValueError, match="weighting"):
            calibrate_darks_lsq(quiet(FOUR), weighting=weighting)
    with pytest.raises(ob.UsageError, match="files have"):
        calibrate_darks_lsq(quiet(FOUR), SMALL)
    with pytest.raises(ob.UsageError, match="list of frames"):
        calibrate_darks_lsq([])
    assert issubclass(CalDarksLSQException, ob.UsageError)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"undone": ("gain", "smear")}, "desmeared"),
        ({"undone": ("gain", "em_gain")}, "divided by its EM gain"),
        ({"variances": {"poisson": np.ones((3, 3))}}, "shot noise"),
        ({"unit": "DN"}, "is in DN"),
    ],
)
def test_what_must_not_have_been_done(change, says):
    frames = quiet(FOUR)
    with pytest.raises(ob.UsageError, match=says):
        calibrate_darks_lsq([*frames[:-1], frames[-1].replace(**change)])


def test_stacks_whose_tail_is_cut(mock):
    low = {(each.exposure.seconds, each.exposure.em_gain): 1e5 for each in mock} | {(2.0, 2.0): 0.0}
    with pytest.warns(ob.ObverseWarning, match="cuts their tail"):
        maps = calibrate_darks_lsq(mock, TELEMETRY, cr_threshold=low)
    assert maps.n_frames == 48 * 30
    assert len(maps.skipped) == 1
    assert calibrate_darks_lsq(mock, TELEMETRY).n_frames == 49 * 30


def test_three_stacks_that_are_left_are_too_few():
    with pytest.warns(ob.ObverseWarning), pytest.raises(CalDarksLSQException, match="3 stacks"):
        calibrate_darks_lsq(quiet(FOUR), cr_threshold={(100.0, 1000.0): 0.0})


# -- where the peer fails -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("weighting", [True, False, "frames"])
@pytest.mark.parametrize("settings", [FOUR, grid(4, 3), [(1000.0, 0.0), (1.0, 5.0), (2.0, 7.0), (9.0, 1.0)]])
def test_frames_without_noise_are_recovered(settings, weighting):
    rng = np.random.default_rng(3)
    fpn, cic, dark = truth()
    maps = (
        fpn + rng.normal(0, 30, fpn.shape),
        cic * rng.uniform(0.5, 2, fpn.shape),
        dark * rng.uniform(0.5, 9, fpn.shape),
    )
    found = calibrate_darks_lsq(exact(settings, maps), SMALL, weighting)
    scale = max(np.abs(exact(settings, maps, 1)[-1].data).max(), np.abs(maps[0]).max())
    for name, true in zip(("fpn", "cic", "dark_current"), maps, strict=True):
        got = getattr(found.unclipped, name)
        np.testing.assert_allclose(got, true, rtol=1e-10, atol=1e-10 * max(true.max(), 1e-6 * scale))
    assert abs(found.bias_offset) < 1e-9


def test_quietest_stack_at_the_top_gain():
    frames = campaign([(1000.0, 0.0), (1.0, 5.0), (2.0, 7.0), (9.0, 1.0), (500.0, 9.0)], 4, 2)
    assert np.isfinite(calibrate_darks_lsq(frames, SMALL).fpn).all()


def test_nothing_else_is_changed():
    frames = campaign(FOUR, 3, 1)
    before = [each.digest() for each in frames]
    calibrate_darks_lsq(frames, SMALL)
    assert [each.digest() for each in frames] == before


def test_geometry_of_two_dimensions():
    """ENG_EM, whose image is two halves one above the other, at a tenth of its size."""
    eng = ob.Geometry((207, 106), prescan=109, overscan=5, parallel_overscan=13, shielded=(1, 1, 0, 3))
    maps = calibrate_darks_lsq(campaign(FOUR, 6, 1, geometry=eng), eng)
    assert maps.shape == (220, 220)
    assert maps.image.shape == (205, 103)
    assert abs(maps.unclipped.fpn[eng.in_file("sensor")].mean() - FPN) < 5 * maps.fpn_error.mean() / np.sqrt(20000)


def test_the_whole_frame_where_there_is_no_detector():
    maps = calibrate_darks_lsq(campaign(FOUR, 6, 1), None)
    assert np.isnan(maps.bias_offset)
    assert maps.image.shape == maps.shape
    assert (maps.dark_current_error > 0).all()


@pytest.mark.parametrize("bad", [0, 17, 48])
def test_the_stack_that_breaks_the_profile_is_named(bad):
    settings = grid()
    frames = campaign(settings, 4, 6)
    spoilt = [
        each.replace(data=each.data + 40.0) if k // 4 == bad else each
        for k, each in enumerate(frames)
    ]  # fmt: skip
    if settings[bad][0] > 1000:  # there 40 electrons behind the register are nothing, a third of its dark is much
        spoilt = [
            each.replace(data=each.data * 1.5) if k // 4 == bad else each
            for k, each in enumerate(frames)
        ]  # fmt: skip
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        maps = calibrate_darks_lsq(spoilt, SMALL)
    named = [(s.gain, s.time) for s in maps.stacks if s.verdict != "fits"]
    assert named == [settings[bad]]
    assert f"EM gain {settings[bad][0]:g}" in str(told[0].message)


def test_a_pattern_of_its_own_is_named():
    frames = campaign(FOUR[:3] + grid(3, 3), 6, 6)
    rng = np.random.default_rng(2)
    pattern = rng.normal(0, 120, SMALL.file_shape) * SENSOR
    pattern[SENSOR] -= pattern[SENSOR].mean()
    spoilt = [
        each.replace(data=each.data + pattern)
        if (each.exposure.em_gain, each.exposure.seconds) == (2.0, 51.0)
        else each
        for each in frames
    ]
    with pytest.warns(ob.ObverseWarning, match=r"51 s, EM gain 2.*pattern differs"):
        calibrate_darks_lsq(spoilt, SMALL)


def test_read_noise_that_cannot_be_trusted():
    frames = campaign([(1000.0, 2.0), (1000.0, 100.0), (4000.0, 2.0), (4000.0, 100.0)], 6, 6, read=1.0)
    with pytest.warns(ob.ObverseWarning, match="read_noise is NaN"):
        assert np.isnan(calibrate_darks_lsq(frames, SMALL).read_noise)


def test_gains_that_frames_had_count():
    """Commanded 1000, had 900: the maps follow what the register did."""
    maps = truth()
    frames = []
    for each in exact(FOUR, maps):
        gain = each.exposure.em_gain * (0.9 if each.exposure.em_gain > 2 else 1.0)
        data = maps[0] + gain * (maps[1] + each.exposure.seconds * maps[2])
        frames.append(each.replace(data=data, exposure=replace(each.exposure, em_gain_actual=gain)))
    found = calibrate_darks_lsq(frames, SMALL)
    np.testing.assert_allclose(found.unclipped.cic, maps[1], rtol=1e-9)


@pytest.mark.parametrize("factor", [0.3, 3.0])
def test_a_scatter_of_its_own_is_named(factor):
    frames = campaign(grid(4, 3), 8, 6)
    mean = truth()[0] + 2.0 * (truth()[1] + 2.0 * truth()[2])
    noise = np.random.default_rng(1).normal(0, 100 * factor, (8, *mean.shape))
    with pytest.warns(ob.ObverseWarning, match=r"2 s, EM gain 2.*variance of its"):
        maps = calibrate_darks_lsq([*(frame(mean + each, 2.0, 2.0) for each in noise), *frames[8:]], SMALL)
    assert [s.verdict != "fits" for s in maps.stacks] == [True] + [False] * 11
    assert abs(maps.stacks[0].variance / maps.stacks[0].expected_variance / factor**2 - 1) < 0.1
