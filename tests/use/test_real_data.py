"""Real frames of two cameras, from raw file to numbers that others have measured."""

from pathlib import Path

import numpy as np
import pytest

import obverse as ob
from obverse import jobs

DATA = Path(__file__).parents[3] / "shared" / "data"
LED = [DATA / "esis" / "led" / f"ESIS1_{n}.fit.gz" for n in ("04803", "04804")]
DARK = [DATA / "esis" / "led" / f"ESIS1_{n}.fit.gz" for n in ("04860", "04861")]
FE55 = DATA / "esis" / "fe55" / "ESIS1_00002.fit.gz"
IMA = DATA / "wfc3" / "iccz11q4q_ima.fits.gz"

esis = pytest.mark.skipif(not LED[0].exists(), reason="real data (../shared/data/esis) are not here")
wfc3 = pytest.mark.skipif(not IMA.exists(), reason="real data (../shared/data/wfc3) are not here")


@pytest.fixture(scope="module")
def belief(tmp_path_factory: pytest.TempPathFactory) -> ob.Detector:
    """Return the ESIS camera as measured from its LED pair and dark pair, by way of its file."""
    out = tmp_path_factory.mktemp("belief")
    jobs.measure("gain", {"flat": LED, "bias": DARK}, detector="esis", out=out)
    return ob.Detector.load(out / "esis-measured.toml")


@esis
def test_esis_gains_are_those_of_the_pair_method(belief: ob.Detector) -> None:
    # an independent measurement of the same four frames: 2.530, 2.503, 2.529, 2.514 electron/DN
    np.testing.assert_allclose(belief.effect("gain").gain, [2.530, 2.503, 2.529, 2.514], rtol=0.01)


@esis
def test_esis_read_noise_is_ten_electrons(belief: ob.Detector) -> None:
    sigma = np.asarray(belief.effect("read_noise").sigma)
    assert ((sigma > 9.5) & (sigma < 11.0)).all()


@esis
def test_esis_errors_are_stated_and_of_the_size_that_counting_gives(belief: ob.Detector) -> None:
    (block,) = belief.covariance
    # 460 x 994 pixels, sqrt(2/N) = 0.21 %, a little more where the light is uneven
    relative = block.error("gain.gain") / belief.effect("gain").gain
    assert ((relative > 0.0015) & (relative < 0.004)).all()


@esis
def test_neighbours_hold_variance_that_brighter_fatter_moved_there() -> None:
    detector = ob.Detector.load("esis")
    flats, darks = ([ob.read(path, detector=detector) for path in paths] for paths in (LED, DARK))
    summed = ob.photon_transfer([tuple(flats)], darks, detector, lags=1)
    # 2.50, 2.44, 2.47, 2.46, each good to 0.65 %
    np.testing.assert_allclose(summed.gain, [2.50, 2.44, 2.47, 2.46], rtol=0.015)
    plain = ob.photon_transfer([tuple(flats)], darks, detector)
    assert (summed.gain < plain.gain).all()


@esis
def test_esis_frames_become_assembled_electron_images_with_variance_and_flags(
    belief: ob.Detector,
) -> None:
    raw = ob.read(LED[0], detector=belief)
    image = belief.calibrate(raw)
    assert image.unit == "electron"
    assert image.shape == (1040, 2048)
    assert image.flags is not None
    # bias-subtracted means of the taps in DN, measured independently, times the gains
    # over rows 20-500 and columns 80-1000 in read-out order, 50 of which are blank
    rows, columns = (slice(20, 500), slice(540, 1020)), (slice(30, 950), slice(1098, 2018))
    taps = np.stack([image.data[r, c] for r in rows for c in columns])
    expected = np.array([15672.5, 11597.7, 24429.9, 19090.9]) * belief.effect("gain").gain
    np.testing.assert_allclose(taps.mean(axis=(1, 2)), expected, rtol=2e-3)
    np.testing.assert_allclose(image.variances["poisson"], np.maximum(image.data, 0))
    sigma = np.asarray(belief.effect("read_noise").sigma)
    assert image.variances["read"].min() >= sigma.min() ** 2
    assert image.variances["read"].max() <= 1.01 * sigma.max() ** 2


@esis
def test_the_dark_parts_of_an_fe55_frame_scatter_as_the_errors_say(belief: ob.Detector) -> None:
    image = belief.calibrate(ob.read(FE55, detector=belief))
    for rows in (slice(20, 500), slice(540, 1020)):
        for columns in (slice(80, 1000), slice(1048, 1968)):
            part, error = image.data[rows, columns], np.sqrt(image.variances["read"][rows, columns])
            middle = np.median(part)
            assert abs(middle) < 2.0
            # narrow-band interference changes the noise by some per cent from frame to frame, up to 15 % here
            assert 1.4826 * np.median(np.abs(part - middle)) == pytest.approx(float(np.median(error)), rel=0.2)


@wfc3
def test_the_wfc3_ramp_gives_the_difference_of_its_last_and_first_read() -> None:
    raw = ob.read(IMA)
    image = ob.Detector.load("hst_wfc3_ir").resized((266, 266)).calibrate(raw)
    times = raw.exposure.pattern.tbar
    difference = (raw.data[0, -1] - raw.data[0, 0]) / (times[-1] - times[0])
    good = ~image.unusable() & ((image.pixel_flags & ob.Flag.JUMP_DET) == 0)
    assert good.mean() > 0.9
    pull = (image.data - difference)[good] / image.error[good]
    assert abs(pull.mean()) < 5.0 / np.sqrt(good.sum())
    # equal white-noise reads: the fit and the last-minus-first share all but a part of the noise that is
    # sqrt(var(cds) / var(fit) - 1) = sqrt(10/9 - 1) = 0.33 of the error
    assert pull.std() == pytest.approx(np.sqrt(10.0 / 9.0 - 1.0), rel=0.05)


@wfc3
def test_the_sky_of_the_wfc3_ramp_scatters_as_its_errors_say() -> None:
    image = ob.Detector.load("hst_wfc3_ir").resized((266, 266)).calibrate(ob.read(IMA))
    good = ~image.unusable()
    pull = (image.data - np.median(image.data[good]))[good] / image.error[good]
    scatter = 1.4826 * np.median(np.abs(pull))
    assert scatter == pytest.approx(1.0, abs=0.03)  # READNSE of the header is quoted to 1 %, and scatters by 2 %
    chi2 = image.companions["chi2"].data[good]
    assert np.median(chi2) == pytest.approx(1.386, rel=0.05)  # the median of chi-square with two degrees of freedom


@wfc3
def test_wfc3_steps_that_the_pipeline_did_are_not_done_again() -> None:
    raw = ob.read(IMA)
    image = ob.Detector.load("hst_wfc3_ir").resized((266, 266)).calibrate(raw)
    assert set(raw.undone) >= {"dark_current", "flat", "nonlinearity", "gain"}
    assert image.undone[len(raw.undone) :] == ("cosmic_rays", "estimate")
