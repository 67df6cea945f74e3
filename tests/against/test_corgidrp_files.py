"""Files of Roman's coronagraph against corgidrp 5.1.1: it opens and uses ours, and we read what it writes."""

import warnings

import numpy as np
import pytest

import obverse as ob
from obverse import Exposure, Flag, Frame, io
from tests.against import peers
from tests.io.test_corgi_maps import maps

peers.corgidrp()

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # of what the peer imports
    from corgidrp import data, l1_to_l2a, l2a_to_l2b, mocks

pytestmark = pytest.mark.filterwarnings("ignore")

SCI = (1200, 2200)
NAME = "cgi_0200001001001001001_20270301t1000000"
IN_DN = ("adc", "saturation", "bias", "bias_drift", "cosmic_rays", "register_trail", "level_nonlinearity")


def exposure(**more):
    told = {
        "em_gain": 100.0,
        "em_gain_actual": 98.0,
        "k_gain": 8.7,
        "kind": "dark",
        "mode": "SCI",
        "filter": "1F",
        **more,
    }
    return Exposure("dark_007", 12.5, start="2027-03-01T10:00:00", detector="CGI/EXCAM", **told)


def raw():
    counts = np.random.default_rng(3).normal(1500, 12, SCI).round().astype(np.uint16)
    return Frame(counts, "DN", exposure=exposure())


def test_raw_frames_of_ours_go_through_the_pipeline(tmp_path):
    """L1 of ours, bias subtracted by the pipeline, saved by it, read by us."""
    path = tmp_path / f"{NAME}_l1_.fits"
    ob.write(raw(), path, provenance={"SEED": "1"})
    dataset = data.Dataset([str(path)])
    assert dataset[0].data.shape == SCI
    np.testing.assert_array_equal(dataset[0].data, raw().data)
    assert dataset[0].ext_hdr["EMGAIN_A"] == 98.0
    done = l1_to_l2a.prescan_biassub(dataset, return_full_frame=True)
    done = l1_to_l2a.update_to_l2a(done)
    done.save(str(tmp_path))
    found = ob.read(tmp_path / f"{NAME}_l2a.fits")
    assert found.undone == IN_DN
    np.testing.assert_array_equal(found.data, done[0].data.astype("f4"))
    np.testing.assert_array_equal(found.error, done[0].err[0].astype("f4"))
    assert found.exposure.em_gain_actual == 98.0
    assert (found.exposure.kind, found.exposure.mode) == ("dark", "SCI")
    assert found.exposure.start == "2027-03-01T10:00:00"


def test_simulated_frames_go_all_the_way(tmp_path):
    """Cosmic rays, gains and shot noise by the pipeline: what it has done is what we read."""
    path = tmp_path / f"{NAME}_l1_.fits"
    hit = raw().data.copy()
    hit[100, 1500:1506] = 16000
    ob.write(raw().replace(data=hit, exposure=exposure(filter=None)), path)
    done = l1_to_l2a.prescan_biassub(data.Dataset([str(path)]), return_full_frame=True)
    headers = mocks.create_default_calibration_product_headers()
    gain = data.KGain(
        8.7,
        err=0.1,
        ptc=np.array([[1.0, 12.0], [1e4, 40.0]]),
        pri_hdr=headers[0],
        ext_hdr=headers[1],
        input_dataset=done,
    )
    gain.ext_hdr.update({"RN": 100.0, "RN_ERR": 1.0})
    done = l1_to_l2a.detect_cosmic_rays(done, data.DetectorParams({}), gain)
    done = l2a_to_l2b.convert_to_electrons(l1_to_l2a.update_to_l2a(done), gain)
    done = l2a_to_l2b.add_shot_noise_to_err(l2a_to_l2b.em_gain_division(done), gain, data.DetectorParams({}))
    l2a_to_l2b.update_to_l2b(done).save(str(tmp_path), ["done_l2b.fits"])
    found = ob.read(tmp_path / "done_l2b.fits")
    assert found.undone == (*IN_DN, "gain", "em_gain", "estimate")
    assert set(found.variances) == {"shot"}
    assert (found.flags[100, 1500:1506] & Flag.JUMP_DET).all()
    assert (found.flags[100, 1500:1506] & Flag.SATURATED).all()
    told = io.constants(found)
    assert (told["gain"], told["read_noise"]) == ((8.7,), (100.0,))
    assert told["cosmic_ray_threshold"][0] == pytest.approx(done[0].ext_hdr["SAT_DN"], rel=0.1)


def test_electrons_of_the_pipeline(tmp_path):
    """The pipeline divides by the gain that we say the register had."""
    frame = Frame(raw().data.astype("f8"), "electron", exposure=exposure(), undone=(*IN_DN, "gain"))
    path = tmp_path / f"{NAME}_l2a.fits"
    ob.write(frame, path)
    divided = l2a_to_l2b.em_gain_division(data.Dataset([str(path)]))
    divided.save(str(tmp_path), ["divided_l2b.fits"])
    found = ob.read(tmp_path / "divided_l2b.fits")
    np.testing.assert_allclose(found.data, frame.data / 98.0, rtol=1e-6)


@pytest.mark.parametrize("actual", [None, 98.0])
def test_dark_of_ours_is_one_of_theirs(tmp_path, actual):
    flags = np.zeros((64, 64), "u4")
    flags[3, 4] = Flag.HOT
    dark = Frame(
        np.full((64, 64), 2.5), "electron", exposure=exposure(em_gain_actual=actual),
        undone=(*IN_DN, "gain", "em_gain"), variances={"dark": np.full((64, 64), 0.25)},
        shared={"dark": "ab"}, pixel_flags=flags,
    )  # fmt: skip
    path = tmp_path / f"{NAME}_drk_cal.fits"
    ob.write(dark, path)
    theirs = data.Dark(str(path))
    assert (theirs.data == 2.5).all()
    assert (theirs.err == 0.5).all()
    assert theirs.dq[3, 4] == 8
    assert theirs.ext_hdr["EXPTIME"] == 12.5


def test_noise_maps_of_ours_are_some_of_theirs(tmp_path):
    made = maps()
    path = tmp_path / f"{NAME}_dnm_cal.fits"
    io.write_noise_maps(made, path)
    theirs = data.DetectorNoiseMaps(str(path))
    np.testing.assert_array_equal(theirs.FPN_map, made.fpn)
    np.testing.assert_array_equal(theirs.DC_err, made.dark_current_error)
    assert (theirs.bias_offset, theirs.bias_offset_err) == (0.25, 0.25)
    assert "[2.0, 2.0, 29.5]" in str(theirs.ext_hdr["HISTORY"])
    theirs.save(str(tmp_path), "saved_dnm_cal.fits")  # as float32, our units included
    again = io.read_noise_maps(tmp_path / "saved_dnm_cal.fits")
    np.testing.assert_array_equal(again.fpn, made.fpn.astype("f4"))
    np.testing.assert_array_equal(again.cross, made.cross.astype("f4"))
    assert again.stacks == made.stacks
    assert again.geometry == made.geometry


def test_noise_maps_of_theirs(tmp_path):
    primary, image = mocks.create_default_L1_headers("SCI", "CGIVST_CAL_DRK")
    image.update({"B_O": 0.5, "B_O_ERR": 0.1, "DRPNFILE": 30, "FILE0": f"{NAME}_l2a.fits"})
    planes = np.random.default_rng(0).normal(size=(2, 3, 20, 30))
    dq = np.zeros((3, 20, 30), "u2")
    dq[:, 2, 3] = 4
    theirs = data.DetectorNoiseMaps(planes[0], primary, image, err=planes[1:], dq=dq)
    theirs.save(str(tmp_path), "x_dnm_cal.fits")
    found = io.read_noise_maps(tmp_path / "x_dnm_cal.fits")
    np.testing.assert_array_equal(found.cic, planes[0, 1].astype("f4"))
    np.testing.assert_array_equal(found.dark_current_error, planes[1, 2].astype("f4"))
    assert (found.bias_offset, found.n_frames) == (0.5, 30)
    assert found.flags[2, 3] == Flag.DEAD | Flag.DO_NOT_USE
