"""Level 1 and level 2 in the hands of others: the mission's data models, plain ASDF, and another ramp fit."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

import obverse as ob
from obverse import Detector, Frame
from obverse.io.roman_cargo import BORDER
from obverse.io.roman_image import write_image
from obverse.ma_tables import ma_table
from obverse.moment import Moment
from obverse.noise import read_noise
from tests import naive
from tests.level2.simulating import before, drawn_belief, encoded, nominal, science, true_wfi

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # of the peers and of what they import
    datamodels = pytest.importorskip("roman_datamodels.datamodels", reason="the mission's package is not installed")
    asdf = pytest.importorskip("asdf")

RATE = 30.0
INSIDE = (slice(BORDER, -BORDER),) * 2


@pytest.fixture(scope="module", params=["plain", "encoded"])
def night(request: Any, tmp_path_factory: Any) -> tuple[Path, Frame, Frame]:
    """Return a folder with one exposure as level 1 and 2, and the frames that were written."""
    folder = tmp_path_factory.mktemp(request.param)
    truth, belief = true_wfi(), drawn_belief()
    if request.param == "encoded":
        truth, belief = encoded(truth), encoded(belief)
    raw = truth.expose(RATE, science("r01"), seed=3, history=before())
    ob.write(raw, folder / "r01_uncal.asdf")
    image = belief.calibrate(ob.read(folder / "r01_uncal.asdf"), history=before())
    write_image(image, folder / "r01_cal.asdf", detector=belief)
    return folder, raw, image


def quietly_opened(path: Path) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        opened = datamodels.open(path)
        opened.validate()
    return opened


def test_level_1_is_a_science_raw_model(night: Any) -> None:
    folder, raw, _ = night
    with quietly_opened(folder / "r01_uncal.asdf") as model:
        assert type(model).__name__ == "ScienceRawModel"
        assert_array_equal(model.data, raw.data[0])
        assert_array_equal(model.amp33, raw.companions["reference_output"].data[0])
        assert model.meta.exposure.read_pattern == [[int(n) for n in group] for group in ma_table(110).reads]
        told = "reference_read" in raw.companions
        assert hasattr(model, "reference_read") == told
        assert model.meta.exposure.nresultants == 16 + told


def test_level_2_is_an_image_model_with_all_its_planes(night: Any) -> None:
    folder, _, image = night
    gain = np.asarray(drawn_belief().effect("gain").gain)[drawn_belief().geometry.amplifier_map][INSIDE]
    variances = {name: plane[INSIDE] / gain**2 for name, plane in (image.variances or {}).items()}
    with quietly_opened(folder / "r01_cal.asdf") as model:
        assert type(model).__name__ == "ImageModel"
        good = (model.dq & 1) == 0
        assert good.mean() > 0.99
        assert_allclose(model.data[good], (image.data[INSIDE] / gain)[good], rtol=1e-6)
        for theirs, ours in (("var_poisson", "poisson"), ("var_rnoise", "read"), ("var_flat", "flat")):
            assert_allclose(getattr(model, theirs)[good].astype("f4"), variances[ours][good], rtol=1e-3, atol=3e-8)
        total = sum(getattr(model, name).astype("f8") for name in ("var_poisson", "var_rnoise", "var_flat"))
        assert_allclose(model.err[good].astype("f8"), np.sqrt(total[good]), rtol=1.5e-3)
        assert_allclose(model.chisq[good].astype("f4"), image.companions["chi2"].data[INSIDE][good], rtol=1e-3)
        assert np.isfinite(model.dumo[good]).all()
        steps = model.meta.cal_step
        done = ("saturation", "refpix", "dark_decay", "linearity", "ramp_fit", "dark", "flat_field")
        assert {getattr(steps, name) for name in done} == {"COMPLETE"}
        assert {steps.dq_init} == {"SKIPPED"}
        assert {steps.assign_wcs, steps.photom} == {"INCOMPLETE"}


def test_the_border_and_amplifier_33_are_those_of_level_1(night: Any) -> None:
    folder, raw, _ = night
    decoded = ob.read(folder / "r01_uncal.asdf").data[0]  # what was subtracted on board is added again
    with quietly_opened(folder / "r01_cal.asdf") as model:
        assert_array_equal(model.border_ref_pix_left, decoded[..., :BORDER])
        assert_array_equal(model.border_ref_pix_right, decoded[..., -BORDER:])
        assert_array_equal(model.border_ref_pix_bottom, decoded[:, :BORDER])
        assert_array_equal(model.border_ref_pix_top, decoded[:, -BORDER:])
        assert_array_equal(model.amp33, raw.companions["reference_output"].data[0])
        assert (model.dq_border_ref_pix_top & ob.Flag.REFERENCE_PIXEL).all()


@pytest.mark.parametrize("name", ["r01_uncal.asdf", "r01_cal.asdf"])
def test_plain_asdf_reads_it_without_the_mission(night: Any, name: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of tags that it has no class for
        with asdf.open(night[0] / name, lazy_load=False, memmap=False) as file:
            found = np.asarray(file["roman"]["data"])
    expected = ob.read(night[0] / name)
    if "uncal" in name:
        expected = night[1]
    assert_array_equal(found, expected.data.reshape(found.shape))


# -- another fit of the same file ------------------------------------------------------------------------------


def simple() -> Detector:
    """Return the instrument of which a ramp fit alone is the calibration: gain, level and noise."""
    aside = ("interpixel_capacitance", "nonlinearity", "dark_decay", "bias_drift", "cosmic_rays", "snowballs")
    return nominal().without(*aside, "persistence", "flat", "dark_current")


def test_their_fit_of_our_file_is_our_level_2(tmp_path: Path) -> None:
    likely_fit = pytest.importorskip("stcal.ramp_fitting.likely_fit")
    from stcal.ramp_fitting.likely_algo_classes import Covar

    detector = simple()
    light = np.full(detector.geometry.shape, 3.0) * np.geomspace(0.1, 100.0, 256)
    ob.write(detector.expose(light, science("r02"), seed=5), tmp_path / "r02_uncal.asdf")
    image = detector.calibrate(ob.read(tmp_path / "r02_uncal.asdf"))
    write_image(image, tmp_path / "r02_cal.asdf", detector=detector)
    with quietly_opened(tmp_path / "r02_uncal.asdf") as level1, quietly_opened(tmp_path / "r02_cal.asdf") as level2:
        seconds, groups = level1.meta.exposure.frame_time, level1.meta.exposure.read_pattern
        times = [[seconds * read for read in group] for group in groups]
        d = np.diff([np.mean(group) for group in times])
        at = Moment.of(image, detector.geometry)
        noise = float(read_noise(detector.effects, at, cancels=("integration",)))  # of a read and its rounding
        photons, reading = naive.read_covariances(times)
        covar, columns = Covar([np.array(group) for group in times]), level1.data.shape[2] - 2 * BORDER
        for row in (0, 100, 247):
            y = np.diff(level1.data[:, BORDER + row, BORDER:-BORDER].astype("f8"), axis=0)
            guess = np.array([first_rate(2.0 * y[:, i], d, photons, noise**2 * reading) for i in range(columns)]) / 2.0
            one = np.ones(columns)
            result = likely_fit.fit_ramps(
                y / d[:, None], covar, 2.0 * one, noise / 2.0 * one, np.maximum(guess, 0)[None], np.ones(y.shape, "u1")
            )
            assert_allclose(level2.data[row], result.countrate, rtol=2e-5, atol=2e-5)
            assert_allclose(level2.err[row].astype("f8"), result.uncert, rtol=6e-4)
            assert_allclose(level2.var_rnoise[row].astype("f8"), result.var_rnoise, rtol=1e-3, atol=6e-8)
            assert_allclose(level2.chisq[row].astype("f8"), result.chisq, rtol=1e-3, atol=0.01)


def first_rate(y: Any, d: Any, photons: Any, reading: Any) -> float:
    """Return the rate at which the covariance stands: that of the fit at the trimmed mean of the differences."""
    return float(naive.solve(y, d, max(naive.start_rate(y, d), 0) * photons + reading)[0])
