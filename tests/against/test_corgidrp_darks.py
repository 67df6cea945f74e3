"""Darks of Roman's coronagraph against corgidrp 5.1.1: the same files through both, where the peer has no known fault.

Its faults: telemetry rows of noise maps are 1, weights of the noise maps are frames and not what they tell, errors of a
traditional dark count those of its frames whole, and photons are counted with a law that is cut after three electrons.
"""

import warnings
from dataclasses import replace

import numpy as np
import pytest

import obverse as ob
from obverse import Exposure, Flag, io
from obverse.darks import build_synthesized_dark, build_trad_dark, calibrate_darks_lsq, mean_combine
from obverse.emccd import count_photons, excess_noise_factor
from tests.against import peers
from tests.darks.campaigns import SMALL, campaign, grid
from tests.darks.test_coronagraph_files import IN_DN, TELEMETRY, told, written
from tests.emccd.simulating import pixels

peers.corgidrp()

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # of what the peer imports
    from corgidrp import darks, data, detector, l1_to_l2a, l2a_to_l2b, mocks, photon_counting

pytestmark = pytest.mark.filterwarnings("ignore")


def section(rows, columns, row, column, **more):
    return {"rows": rows, "cols": columns, "r0c0": [row, column], **more}


REGIONS = {
    "SCI": {
        "frame_rows": 120,
        "frame_cols": 220,
        "image": section(104, 105, 2, 108),
        "prescan": section(120, 108, 0, 0, col_start=0, col_end=108),
        "prescan_reliable": section(120, 108, 0, 0),
        "parallel_overscan": section(14, 107, 106, 108),
        "serial_overscan": section(120, 5, 0, 215),
    }
}
USED = (slice(0, 119), slice(None))
"""All but the row of telemetry."""


def dataset(paths):
    return data.Dataset([str(path) for path in paths])


@pytest.fixture(scope="module")
def frames():
    return [told(frame, k) for k, frame in enumerate(campaign(grid(3, 3, 1000.0), 6, 3))]


@pytest.fixture(scope="module")
def paths(frames, tmp_path_factory):
    return written(frames, tmp_path_factory.mktemp("l2a"), "l2a")


@pytest.fixture(scope="module")
def divided(frames, tmp_path_factory):
    """Six frames of one setting, divided by their gain."""
    made = [
        each.replace(data=each.data / np.float32(each.exposure.em_gain), undone=(*IN_DN, "em_gain"))
        for each in frames[:6]
    ]
    return written(made, tmp_path_factory.mktemp("l2b"), "l2b")


# -- noise maps -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("ours", "weighting"), [("frames", True), ("none", False)])
def test_noise_maps_with_their_weights_are_theirs(paths, ours, weighting):
    theirs = darks.calibrate_darks_lsq(
        dataset(paths), data.DetectorParams({}), weighting, REGIONS, CR_threshold_check=False
    )
    mine = calibrate_darks_lsq(paths, TELEMETRY, ours)
    seen = mine.flags == 0
    assert seen.sum() > 120 * 220 - 5
    here = seen[USED]
    pairs = {
        "fpn": theirs.FPN_map,
        "cic": theirs.CIC_map,
        "dark_current": theirs.DC_map,
        "fpn_error": theirs.FPN_err,
        "cic_error": theirs.CIC_err,
        "dark_current_error": theirs.DC_err,
    }
    for name, plane in pairs.items():
        got, expected = getattr(mine, name)[USED][here], plane[USED][here]
        tolerance = 1e-6 if name.endswith("error") else 1e-9  # errors are kept in single precision
        np.testing.assert_allclose(got, expected, rtol=tolerance, atol=tolerance * np.abs(expected).max(), err_msg=name)
    np.testing.assert_array_equal(mine.flags[~seen] > 0, theirs.dq[0][~seen] > 0)
    assert mine.bias_offset == pytest.approx(theirs.bias_offset, abs=0.05 * theirs.bias_offset_err)
    assert mine.bias_offset_error == pytest.approx(theirs.bias_offset_err, rel=0.05)
    size = SMALL.in_file("sensor").sum()
    known = size / (size - 1)  # a pixel that no frame could use counts as 0 in their means
    assert mine.means["fpn"] == pytest.approx(theirs.ext_hdr["FPN_IMM"] * known, rel=1e-9)
    assert mine.means["dark_current"] == pytest.approx(theirs.ext_hdr["DC_IMM"] * known, rel=1e-9)
    assert mine.n_frames == theirs.ext_hdr["DRPNFILE"]


def test_our_own_weights_are_better_than_theirs(paths):
    """Scatter of F about the truth."""
    theirs = darks.calibrate_darks_lsq(dataset(paths), data.DetectorParams({}), True, REGIONS, CR_threshold_check=False)
    mine = calibrate_darks_lsq(paths, TELEMETRY)
    sensor = SMALL.in_file("sensor")
    mine_off, theirs_off = (np.nanstd(plane[sensor] - 21.0) for plane in (mine.unclipped.fpn, theirs.FPN_map))
    three_errors = 3 / np.sqrt(2 * sensor.sum())
    assert mine_off * (1 + three_errors) < theirs_off * (1 - three_errors)


# -- means and darks --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("err", [False, True])
def test_means_are_theirs(err):
    rng = np.random.default_rng(1)
    images = list(rng.normal(5, 3, (7, 20, 30)))
    masks = list((rng.random((7, 20, 30)) < 0.5).astype(int))
    mine, theirs = mean_combine(images, masks, err), darks.mean_combine(images, masks, err)
    np.testing.assert_allclose(mine[0], theirs[0], rtol=1e-12)
    np.testing.assert_array_equal(mine[1], theirs[1])
    np.testing.assert_array_equal(mine[2], theirs[2])
    assert mine[3] is theirs[3]


@pytest.mark.parametrize("full_frame", [True, False])
def test_traditional_dark_is_theirs(divided, full_frame):
    theirs = darks.build_trad_dark(dataset(divided), data.DetectorParams({}), REGIONS, full_frame)
    mine = build_trad_dark(divided, TELEMETRY, full_frame)
    enough = mine.companions["frames"].data > 1  # of one frame, they take the scatter of one other pixel
    if full_frame:
        enough = enough & ~TELEMETRY.in_file("telemetry")
    np.testing.assert_allclose(mine.data[enough], theirs.data[enough], rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(mine.error[enough], theirs.err[0][enough], rtol=1e-5)
    lost = mine.companions["frames"].data == 0
    np.testing.assert_array_equal(theirs.dq > 0, lost)
    if full_frame:
        assert (mine.pixel_flags[7, 110], theirs.dq[7, 110]) == (Flag.JUMP_DET, 128)


@pytest.mark.parametrize("full_frame", [True, False])
def test_synthesized_dark_is_theirs(frames, paths, tmp_path, full_frame):
    """But for the covariance, which they have not."""
    maps = replace(calibrate_darks_lsq(frames, TELEMETRY), cross=None)
    path = tmp_path / "x_dnm_cal.fits"
    io.write_noise_maps(maps, path)
    theirs = darks.build_synthesized_dark(
        dataset(paths[-6:]), data.DetectorNoiseMaps(str(path)), REGIONS, full_frame=full_frame
    )
    mine = build_synthesized_dark(frames[-6:], maps, TELEMETRY, full_frame)
    np.testing.assert_allclose(mine.data, theirs.data, rtol=1e-9)
    np.testing.assert_allclose(mine.error, theirs.err[0], rtol=1e-6)
    np.testing.assert_array_equal(mine.pixel_flags > 0, theirs.dq > 0)
    assert theirs.ext_hdr["EXPTIME"] == mine.exposure.seconds


@pytest.mark.parametrize("stages", [2, 100, 604])
def test_excess_noise_is_theirs(stages):
    for gain in (1.0, 1.5, 4.0):
        assert excess_noise_factor(gain, stages) == pytest.approx(detector.ENF(gain, stages), rel=1e-12)
    for gain in (100.0, 5000.0):
        assert stages == 2 or excess_noise_factor(gain, stages) == pytest.approx(detector.ENF(gain, stages), rel=1e-12)


# -- photons ----------------------------------------------------------------------------------------------------------


def counted_by_both(mean, folder, n=60, gain=5000.0):
    """Mean electrons that both find in the same files."""
    rng = np.random.default_rng(7)
    exposure = Exposure("a", 1.0, em_gain=gain, k_gain=8.7, mode="SCI", detector="CGI/EXCAM", start=START)
    made = [
        ob.Frame(pixels(mean, (120, 120), gain, 100.0, rng).astype("f4"), "electron", exposure=exposure, undone=IN_DN)
        for _ in range(n)
    ]
    paths = written(made, folder, "l2a")
    opened = dataset(paths)
    for image in opened:
        image.ext_hdr["RN"], image.ext_hdr["ISPC"], image.ext_hdr["HISTORY"] = 100.0, 1, "L2a"
    theirs = photon_counting.get_pc_mean(opened, inputmode="illuminated", pc_ecount_max=1.0)
    mine = count_photons(paths, threshold=500.0, read_noise=100.0)
    return mine, theirs[0]


def test_counted_photons_are_theirs_where_photons_are_few(tmp_path):
    """They count what a gamma law loses, four in a hundred more than 604 stages do; and they cut what is below 0."""
    mine, theirs = counted_by_both(0.02, tmp_path)
    counts = mine.companions["counts"].data
    assert np.array_equal(counts > 0, theirs.data > 0)  # the same pixels have passed the same threshold
    found = mine.data.mean(), theirs.data.mean()
    assert abs(found[0] / found[1] - 1) < 0.02
    assert abs(found[0] - 0.02) < 4 * np.sqrt(0.02 / 60 / mine.data.size) * 1.1


# -- whole files, simulated ------------------------------------------------------------------------------------------

START = "2027-03-01T10:00:00"
SETTINGS = [(2.0, 2.0), (2.0, 100.0), (1000.0, 2.0), (1000.0, 100.0)]


@pytest.fixture(scope="module")
def simulated(tmp_path_factory):
    """Raw darks of the camera at its real size, as `obverse simulate` writes them; of a dark prescan."""
    truth = ob.Detector.load("corgi_excam")
    for name, values in {
        "clock_induced_charge": {"level": 0.0, "parallel": 0.02},
        "em_gain": {"partial": 0.0},
        "cosmic_rays": {"flux": 0.0},
    }.items():
        truth = truth.with_effect(truth.effect(name).replace(**values))
    folder, paths = tmp_path_factory.mktemp("raw"), []
    for gain, time in SETTINGS:
        for k in range(2):
            exposure = Exposure(f"g{gain:g}_t{time:g}_{k}", time, em_gain=gain, kind="dark", mode="SCI", k_gain=8.7)
            paths.append(folder / f"cgi_0200001001001001001_20270301t10000{len(paths):02d}_l1_.fits")
            ob.write(truth.expose(0.0, replace(exposure, detector="CGI/EXCAM", start=START), seed=6), paths[-1])
    return truth, paths


def their_l2a(paths, folder, truth):
    """Bias, cosmic rays, nonlinearity and k gain by the pipeline."""
    headers = mocks.create_default_calibration_product_headers()
    gain = data.KGain(8.7, ptc=np.ones((2, 2)), pri_hdr=headers[0], ext_hdr=headers[1], input_dataset=dataset(paths))
    bend = truth.effect("level_nonlinearity")
    table = np.block([[np.array([[np.nan]]), np.atleast_2d(bend.gains)], [np.c_[bend.levels], bend.table]])
    table = data.NonLinearityCalibration(table, *headers[:2], input_dataset=dataset(paths))
    out = []
    for path in paths:
        done = l1_to_l2a.prescan_biassub(dataset([path]), return_full_frame=True)
        done = l1_to_l2a.detect_cosmic_rays(done, data.DetectorParams({}), gain)
        done = l1_to_l2a.update_to_l2a(l1_to_l2a.correct_nonlinearity(done, table))
        done = l2a_to_l2b.convert_to_electrons(done, gain)
        out.append(folder / path.name.replace("_l1_", "_l2a"))
        done.save(str(folder), [out[-1].name])
    return out


def test_darks_of_their_steps_and_of_ours_agree(simulated, tmp_path):
    """Raw files through both: levels of the maps agree within what a median of 200 columns and a mean are apart."""
    truth, paths = simulated
    mine = calibrate_darks_lsq(paths, truth, prepare=truth.recipe().until("gain").run)
    theirs = calibrate_darks_lsq(their_l2a(paths, tmp_path, truth), truth)
    sensor = truth.geometry.in_file("sensor") & np.isfinite(mine.fpn) & np.isfinite(theirs.fpn)
    rows = np.flatnonzero(sensor.any(axis=1))
    for name, true in (("fpn", 21.0), ("cic", 0.02), ("dark_current", 8.33e-4)):
        planes = [getattr(maps.unclipped, name)[rows][:, 1088:2144] for maps in (mine, theirs)]
        for plane in planes:
            level = np.nanmean(plane, axis=1)  # a row shares the error of its bias
            assert abs(level.mean() - true) < 5 * level.std(ddof=1) / np.sqrt(len(level)), name
        off = planes[0] - planes[1]
        error = getattr(mine, f"{name}_error")[rows][:, 1088:2144]
        assert np.nanstd(off) < 0.3 * error.mean(), name  # the same noise is in both
