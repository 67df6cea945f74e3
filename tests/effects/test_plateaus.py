"""Plateaus of full pixels: heads, masks, the limit of each frame's own gain, and crowded frames."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from obverse import Detector, Exposure, Flag, Frame, Geometry, Moment, ObverseWarning, UsageError
from obverse.effects.cosmic_rays import CosmicRays
from obverse.effects.register_trail import RegisterTrail
from obverse.register.plateaus import find_plateaus, mask_plateaus
from tests import naive

FWC = 11000.0
LIMITS = {"saturated": 0.99, "plateau": 0.85, "filter": 2}
K_GAIN = 8.7


def row(*plateaus, columns=100):
    """A row with values, as parts of full well, from some columns on."""
    made = np.zeros((1, columns))
    for start, parts in plateaus:
        made[0, start : start + len(parts)] = np.array(parts) * FWC
    return made


TAIL = [float(np.exp(-k / 10)) * 0.5 for k in range(20)]


@pytest.mark.parametrize(
    ("image", "starts"),
    [
        pytest.param(row((50, [1, 1, *TAIL])), [50], id="two pixels and a tail"),
        pytest.param(row((0, [1, 1, *TAIL])), [0], id="at the left edge"),
        pytest.param(row((98, [1, 1])), [98], id="at the right edge"),
        pytest.param(row((10, [1, 1, *TAIL]), (60, [1, 1, *TAIL])), [10, 60], id="two in a row"),
        pytest.param(row((50, [1])), [], id="one pixel"),
        pytest.param(row((0, [1])), [], id="one pixel at the left edge"),
        pytest.param(row((99, [1])), [], id="one pixel at the right edge"),
        pytest.param(row((50, [1, 0, 1])), [], id="two lone pixels"),
        pytest.param(row((50, [1] * 20)), [50], id="twenty pixels"),
        pytest.param(row((50, [1, 1, 0.85, 1, 1])), [50], id="a dip to the limit"),
        pytest.param(row((50, [1, 1, 0, 1, 1])), [50, 53], id="a dip to nothing"),
        pytest.param(row((50, [0.9, 1, 1])), [50], id="a ledge before it"),
        pytest.param(row((50, [0.98, 0.98, 0.98])), [], id="below the limit"),
    ],
)
@pytest.mark.parametrize("kind", [np.float32, np.float64])
def test_plateaus_begin_where_they_do(image, starts, kind):
    assert find_plateaus(image.astype(kind), FWC, **LIMITS)[:, 1].tolist() == starts


@given(
    heights=st.lists(st.sampled_from([0.0, 0.5, 0.85, 0.9, 0.99, 1.0, np.nan]), min_size=1, max_size=40),
    filter=st.integers(1, 5),
)
def test_the_kernel_finds_what_a_running_median_finds(heights, filter):
    image = np.array([heights]) * FWC
    found = find_plateaus(image, FWC, saturated=0.99, plateau=0.85, filter=filter)
    wanted = naive.plateau_starts(np.nan_to_num(image[0]), FWC, 0.99, 0.85, filter)
    assert found[:, 1].tolist() == wanted
    for _, first, last in found:
        assert (image[0, first : last + 1] >= 0.85 * FWC).all()
        assert last + 1 == image.shape[1] or not image[0, last + 1] >= 0.85 * FWC


def check_mask(mask, tail=6):
    """The gate that tails of a wrong length must fail: a plateau at column 2 with filter 2 and a tail of 6."""
    marked = mask(np.array([[0, 2, 3]]), tail)
    assert np.flatnonzero(marked[0]).tolist() == list(range(2, 11))
    assert np.flatnonzero(mask(np.array([[0, 2, 4]]), tail)[0]).tolist() == list(range(2, 11))


def test_the_mask_reaches_from_the_head_to_the_end_of_the_tail():
    check_mask(lambda found, tail: mask_plateaus((1, 40), found, tail=tail))
    # counted from the end of what is longer than filter + 1
    assert np.flatnonzero(mask_plateaus((1, 40), np.array([[0, 2, 21]]), tail=6)).tolist() == list(range(2, 28))


@pytest.mark.parametrize("off", [-1, 1])
def test_a_tail_off_by_one_is_caught(off):
    with pytest.raises(AssertionError):
        check_mask(lambda found, tail: mask_plateaus((1, 40), found, tail=tail + off))


def test_boxes_are_cut_at_the_corners():
    heads = np.array([[0, 0, 1], [5, 5, 6], [9, 9, 9]])
    marked = mask_plateaus((10, 10), heads, filter=1, box=2)
    wanted = np.zeros((10, 10), bool)
    for i, j, _ in heads:
        wanted[max(i - 2, 0) : i + 3, max(j - 2, 0) : j + 3] = True
    np.testing.assert_array_equal(marked, wanted)


def test_a_tail_spills_into_the_next_row_where_rows_follow_each_other():
    head = np.array([[1, 96, 97]])
    assert not mask_plateaus((3, 100), head, tail=100)[2].any()
    spilt = mask_plateaus((3, 100), head, tail=100, spill=True)
    assert spilt[1, 96:].all()
    assert not spilt[1, :96].any()
    assert np.flatnonzero(spilt[2]).tolist() == list(range(99))
    at_the_end = mask_plateaus((3, 100), np.array([[2, 96, 97]]), tail=100, spill=True)
    assert at_the_end.sum() == 4


@pytest.mark.parametrize("shape", [(3, 5), (4, 4), (5,), (1, 4, 5)])
def test_a_full_well_of_another_shape_is_refused(shape):
    with pytest.raises(UsageError, match=r"full_well has shape .*, it must be one number, or \(4, 5\) as the image"):
        find_plateaus(np.zeros((4, 5)), np.full(shape, FWC))


@pytest.mark.parametrize("found", [np.zeros((1, 2), int), np.zeros(3, int), np.zeros((1, 1, 3), int)])
def test_what_is_no_list_of_plateaus_is_refused(found):
    with pytest.raises(UsageError, match=r"found has shape .*, it must be \(plateau, 3\)"):
        mask_plateaus((4, 5), found)


def test_no_plateaus_mark_nothing():
    assert not mask_plateaus((4, 5), np.zeros((0, 3), np.int64)).any()


@pytest.mark.parametrize(
    "wrong",
    [{"saturated": 1.1}, {"plateau": 0.0}, {"saturated": 0.5, "plateau": 0.6}, {"filter": 0}],
)
def test_limits_that_cannot_be_are_refused(wrong):
    with pytest.raises(UsageError, match="find_plateaus"):
        find_plateaus(np.zeros((2, 2)), FWC, **wrong)
    with pytest.raises(UsageError, match=r"\(row, column\)"):
        find_plateaus(np.zeros(4), FWC)


# -- in frames: the limit is that of the frame's own gain ----------------------------------------------------------

IMAGE = Geometry((24, 40), prescan=6, overscan=4, parallel_overscan=3, shielded=(1, 0, 0, 2))
AXES = ("amplifier", "row", "column")


def respond_at(gain, level=0.0):
    """What an EMCCD makes of a charge: full wells of 90 000 before and 105 000 electrons behind the register."""

    def respond(charge):
        held = np.minimum(np.float64(charge), 90000.0) * gain
        image = np.full(IMAGE.shape, min(held, 105000.0) / K_GAIN)
        return (IMAGE.pad(image) + level).astype(np.float32)

    return respond


def moment(gain, level=0.0):
    return Moment(Exposure(f"g{gain:g}", 1.0, em_gain=gain), IMAGE, "clocked", respond=respond_at(gain, level))


def frame_of(pixels, gain, undone=("bias",)):
    return Frame(pixels.astype("f4"), "DN", AXES, exposure=Exposure(f"g{gain:g}", 1.0, em_gain=gain), undone=undone)


def pair_at(value, where=(5, 20)):
    pixels = np.zeros(IMAGE.clocked_shape)
    pixels[0, where[0], where[1] : where[1] + 2] = value
    return pixels


def struck(frame):
    return (frame.flags & np.uint8(Flag.JUMP_DET)) != 0


def check_limits(find):
    """The gate that another frame's limit must fail: 9827.6 DN at gain 1 and 11465.5 DN at 1000, in any order."""
    for order in ((1.0, 1000.0), (1000.0, 1.0)):
        for gain in order:
            limit = {1.0: 9827.6, 1000.0: 11465.5}[gain]
            for value, seen in ((limit - 0.1, False), (limit + 0.1, True)):
                assert bool(struck(find(frame_of(pair_at(value), gain), order)).any()) == seen, (gain, value)


def test_each_frame_has_the_limit_of_its_own_gain():
    effect = CosmicRays(search="plateau")
    check_limits(lambda frame, order: effect.correct(frame, moment(frame.exposure.em_gain)))


def test_the_limit_of_the_last_frame_is_caught():
    effect = CosmicRays(search="plateau")
    with pytest.raises(AssertionError):
        check_limits(lambda frame, order: effect.correct(frame, moment(order[-1])))


def test_a_raw_frame_is_judged_above_its_level():
    effect, raw = CosmicRays(search="plateau"), 1500.0 + pair_at(9900.0)
    done = effect.correct(frame_of(raw, 1.0, undone=()), moment(1.0, level=1500.0))
    assert np.argwhere(struck(done)).tolist() == [[0, 5, 20], [0, 5, 21], [0, 5, 22]]
    assert not struck(effect.correct(frame_of(raw - 100.0, 1.0, undone=()), moment(1.0, level=1500.0))).any()


def both(frame, at, **limits):
    """Head and tail, as a recipe has them one behind the other."""
    heads = CosmicRays(search="plateau", **limits).correct(frame, at)
    return RegisterTrail(**limits).correct(heads, at)


def test_head_and_trail_together_mask_filter_and_tail():
    done = struck(both(frame_of(pair_at(12000.0, where=(5, 2)), 150.0), moment(150.0)))
    assert np.argwhere(done)[:, 1:].tolist() == [[5, j] for j in range(2, 11)]  # a tail of 6 pixels


@pytest.mark.parametrize(("gain", "tail"), [(1.0, 0), (12.0, 0), (1000.0, 40)])
def test_the_tail_grows_with_the_gain(gain, tail):
    done = struck(both(frame_of(pair_at(12000.0, where=(5, 2)), gain), moment(gain)))
    assert done.sum() == 3 + tail


def test_a_head_behind_the_image_is_found_and_its_tail_spills():
    width = IMAGE.clocked_shape[2]
    done = struck(both(frame_of(pair_at(12000.0, where=(25, width - 4)), 1000.0), moment(1000.0)))
    clocked = np.flatnonzero(done.ravel())
    assert clocked.tolist() == [26 * width - 4 + k for k in range(43)]
    lone = frame_of(pair_at(12000.0, where=(25, width - 1)), 1000.0)
    assert not struck(both(lone, moment(1000.0))).any()  # one pixel of it is in this row


def test_a_box_about_the_head():
    done = struck(CosmicRays(search="plateau", box=2).correct(frame_of(pair_at(12000.0), 1.0), moment(1.0)))
    assert np.argwhere(done)[:, 1:].tolist() == [[i, j] for i in range(3, 8) for j in range(18, 23)]


def test_a_crowded_frame_is_bad_as_a_whole_and_keeps_its_values():
    pixels = np.zeros(IMAGE.clocked_shape)
    pixels[0, 1:6, 6:44] = 12000.0  # 5 of the 23 rows that see light
    crowded = frame_of(pixels, 1000.0)
    with pytest.warns(ObverseWarning, match="g1000: 22% of the pixels are full") as told:
        done = both(crowded, moment(1000.0))
    assert len(told) == 1
    np.testing.assert_array_equal(done.data, crowded.data)
    assert (done.flags == np.uint8(Flag.DO_NOT_USE)).all()
    pixels[0, 5] = 0.0
    assert not (both(frame_of(pixels, 1000.0), moment(1000.0)).flags & np.uint8(Flag.DO_NOT_USE)).any()


def test_what_is_no_longer_raw_is_refused():
    with pytest.raises(UsageError, match="before 'level_nonlinearity' and 'gain'"):
        CosmicRays(search="plateau").correct(
            Frame(np.zeros((4, 4), "f4"), "electron"), Moment.of(frame_of(pair_at(0), 1))
        )
    with pytest.raises(UsageError, match=r"plateau is 0\.9, it must be at most saturated"):
        CosmicRays(search="plateau", plateau=0.9, saturated=0.8)


# -- in the recipe of the coronagraph's camera ----------------------------------------------------------------------


def camera():
    """The camera, small, with nothing between the wells and the numbers but gains and the level."""
    whole = Detector.load("corgi_excam")
    geometry = Geometry((106, 107), prescan=108, overscan=5, parallel_overscan=14, shielded=(2, 0, 0, 2))
    kept = ("saturation", "em_gain", "register_trail", "gain", "bias")
    effects = tuple(e.replace(partial=0.0) if e.name == "em_gain" else e for e in whole.effects if e.name in kept)
    rays, names = CosmicRays(search="plateau"), ("bias", "cosmic_rays", "register_trail", "gain", "em_gain")
    steps = ("saturation", *names, "assemble", "estimate")
    return whole.replace(geometry=geometry, effects=(rays, *effects), steps=steps, modes={})


@pytest.mark.parametrize("gains", [(1.0, 1000.0), (1000.0, 1.0)])
def test_a_recipe_takes_the_wells_from_the_chain(gains):
    detector = camera()
    for gain in gains:
        limit = {1.0: 9827.6, 1000.0: 11465.5}[gain]
        exposure = Exposure("a", 1.0, em_gain=gain)
        raw = np.full(detector.geometry.file_shape, 1500.0, "f4")
        raw[30, 130:132] += limit - 0.1
        raw[60, 130:132] += limit + 0.1
        found = struck(detector.recipe().until("gain").run(Frame(raw, "DN", exposure=exposure)))
        assert not found[0, :60].any()
        assert found[0, 60].sum() == 3 + round(0.04 * gain) * (gain > 1)
