"""The read that is subtracted on board: there and back, what is lost, and in Roman files."""

from __future__ import annotations

import numpy as np
import pytest

import obverse as ob
from obverse import Detector, Exposure, Flag, Frame, Geometry, Moment
from obverse.chain import Run
from obverse.effects.reference_read import ReferenceRead
from obverse.io.asdf_door import open_asdf
from obverse.ma_tables import ma_table
from obverse.readout.referenced import reference_read

RAMP = ("integration", "resultant", "row", "column")
SHAPE = (3, 32, 64)
ROMAN_KERNEL = Detector.load("roman_wfi").effect("interpixel_capacitance").kernel


def ramp(low=0, high=65536):
    return np.random.default_rng(5).integers(low, high, SHAPE).astype(np.uint16)


def reference():
    return np.random.default_rng(6).integers(4900, 5100, SHAPE[1:]).astype(np.uint16)


@pytest.mark.parametrize("offset", [4000, 0, 5100])
def test_only_what_was_clipped_comes_back_otherwise(offset):
    # romanisim 0.15, tests: encode and decode are one; with an offset of 0 only clipped values differ
    data, taken = ramp(), reference().astype(int) - offset
    stored = ReferenceRead.encode(data, taken)
    back = ReferenceRead.decode(stored, taken)
    absolute = data.astype(int) - taken
    inside = (absolute > 0) & (absolute < 65535)
    np.testing.assert_array_equal(back[inside], data[inside])
    np.testing.assert_array_equal(back[absolute <= 0], 0)
    np.testing.assert_array_equal(back[absolute >= 65535], 65535)
    assert inside.any()
    assert (~inside).any()


def encoded(effect=None, data=None):
    """A frame as a simulation makes it."""
    effect = effect or ReferenceRead()
    data, read = ramp() if data is None else data, reference()
    at = Moment(Exposure("r"), Geometry(SHAPE[1:]), reference=read)
    stored = np.stack([effect.imprint(plane, at) for plane in data])
    exposure = Exposure("r", pattern=ob.ReadPattern.even(3, frame_time=10.0))
    return Frame(stored[None], "DN", RAMP, exposure=exposure, companions=effect.companion(read[None], exposure)), read


def test_a_ramp_is_decoded_with_the_companion_it_carries():
    data = ramp(2000, 60000)
    frame, read = encoded(data=data)
    np.testing.assert_array_equal(frame.data[0], data.astype(int) - read + 4000)
    done = ReferenceRead().correct(frame, Moment.of(frame))
    np.testing.assert_array_equal(done.data[0], data)
    assert done.data.dtype == np.uint16


def test_the_offset_of_the_belief_does_not_matter():
    frame, _ = encoded(ReferenceRead(offset=3000), ramp(4000, 60000))
    one, other = (ReferenceRead(offset=offset).correct(frame, Moment.of(frame)).data for offset in (3000, 4000))
    np.testing.assert_array_equal(one, other)


def test_what_was_clipped_is_flagged_by_the_converter():
    frame, read = encoded(data=np.stack([np.zeros(SHAPE[1:], "u2"), np.full(SHAPE[1:], 65535, "u2"), reference()]))
    adc = Detector.load("roman_wfi").effect("adc")
    flags = adc.correct(ReferenceRead().correct(frame, Moment.of(frame)), Moment.of(frame)).flags[0]
    assert (flags[0] & Flag.AD_FLOOR).all()
    assert not flags[2].any()
    low = read < 4000 + 1
    assert ((flags[1] & Flag.SATURATED) != 0).sum() >= low.sum()


def test_a_frame_that_was_not_encoded_passes():
    frame = Frame(ramp()[None], "DN", RAMP)
    assert ReferenceRead().correct(frame, Moment.of(frame)) == frame
    at = Moment(Exposure("r"), Geometry(SHAPE[1:]))
    assert ReferenceRead().imprint(ramp()[0], at).dtype == np.uint16
    np.testing.assert_array_equal(ReferenceRead().imprint(ramp()[0], at), ramp()[0])


def roman_frame(tmp_path, data):
    frame, read = encoded(data=data)
    return frame.replace(exposure=Exposure("r", pattern=ob.ReadPattern([[1], [2], [3]], 3.16247))), read


def test_level_1_holds_the_numbers_the_read_and_the_offset(tmp_path):
    data = ramp(2000, 60000)
    frame, read = roman_frame(tmp_path, data)
    ob.write(frame, tmp_path / "r_uncal.asdf")
    with open_asdf(tmp_path / "r_uncal.asdf") as file:
        roman = file.tree["roman"]
        np.testing.assert_array_equal(file.read(roman["data"]), frame.data[0])
        np.testing.assert_array_equal(file.read(roman["reference_read"]), read)
        assert roman["meta"]["instrument"]["data_encoding_offset"] == 4000
        assert roman["meta"]["exposure"]["nresultants"] == len(data) + 1  # romanisim 0.15: it counts as one
    again = ob.read(tmp_path / "r_uncal.asdf")
    np.testing.assert_array_equal(again.data[0], data)
    ob.write(again, tmp_path / "decoded_uncal.asdf")
    np.testing.assert_array_equal(ob.read(tmp_path / "decoded_uncal.asdf").data[0], data)


def test_our_own_files_keep_the_companion(tmp_path):
    frame, _ = encoded()
    ob.write(frame, tmp_path / "r.fits")
    assert ob.read(tmp_path / "r.fits").companions["reference_read"] == frame.companions["reference_read"]


@pytest.mark.filterwarnings("error")
def test_roman_datamodels_accepts_an_encoded_file(tmp_path):
    datamodels = pytest.importorskip("roman_datamodels.datamodels")
    frame, read = roman_frame(tmp_path, ramp(2000, 60000))
    ob.write(frame, tmp_path / "r_uncal.asdf")
    with datamodels.open(tmp_path / "r_uncal.asdf") as opened:
        opened.validate()
        np.testing.assert_array_equal(opened.reference_read, read)


def with_reference_read():
    table = Detector.load("roman_wfi").resized((64, 64)).to_table()
    effects = {**table["effects"], "reference_read": {}}
    return Detector.from_table(
        {**table, "effects": effects, "recipe": {"steps": ["reference_read", *table["recipe"]["steps"]]}}
    )


def test_the_read_behind_the_reset_has_the_reset_of_its_ramp_and_a_noise_of_its_own():
    detector = with_reference_read().without("cosmic_rays", "snowballs", "dark_current", "dark_decay", "bias_drift")
    detector = detector.with_effect(detector.effect("reset_noise").replace(sigma=100.0))
    exposure = Exposure("r", pattern=ob.ReadPattern.even(4, frame_time=3.16247))
    read = detector.geometry.unclock(reference_read(detector.readout, Run(detector.chain, exposure, 1), 0))
    absolute = detector.without("reference_read").expose(0.0, exposure, seed=1).data[0, 0]
    inside = (slice(8, -8), slice(8, -8))
    alone, difference = (plane[inside].astype(float) for plane in (read, absolute.astype(float) - read))
    n = alone.size
    # 50 DN of reset, evened out by the couplings; 5 DN a read, each of them rounded: root of 2 (25 + 1/12)
    assert alone.std() == pytest.approx(50.0 * np.sqrt((ROMAN_KERNEL**2).sum()), rel=0.1)
    assert difference.std() == pytest.approx(np.sqrt(2 * (25 + 1 / 12)), rel=5 / np.sqrt(2 * n))
    assert difference.mean() == pytest.approx(0.0, abs=5 * 7.1 / np.sqrt(n))


def test_a_detector_that_subtracts_its_read_gives_the_same_rates():
    plain, encoding = Detector.load("roman_wfi").resized((64, 64)), with_reference_read()
    exposure = Exposure("r", pattern=ma_table(3))
    raw = encoding.expose(20.0, exposure, seed=1)
    absolute = plain.expose(20.0, exposure, seed=1)
    inside = (raw.data > 0) & (raw.data < 65535)
    decoded = encoding.effect("reference_read").correct(raw, Moment.of(raw, encoding.geometry)).data
    np.testing.assert_array_equal(decoded[inside], absolute.data[inside])
    assert np.median(raw.data[0, 0]) == pytest.approx(4000.0, abs=50.0)
    np.testing.assert_array_equal(encoding.calibrate(raw).data, plain.calibrate(absolute).data)
