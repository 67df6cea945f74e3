"""The zero frame: what bright stars have left where the first group averages several reads."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits

import obverse as ob
from tests.io import jwst_files as jf
from tests.use.test_calibrate_jwst import PART, rates, truth
from tests.use.test_command_line import run

READ = 10.73677  # s
LIGHT = {"faint": 60.0, "bright": 1500.0, "brightest": 4000.0}  # electron/s
ROWS = {"faint": slice(4, 20), "bright": slice(20, 34), "brightest": slice(34, 48)}
INNER = {name: slice(rows.start + 5, rows.stop - 5) for name, rows in ROWS.items()}  # saturated blocks grow
FRAMES, GAP, GROUPS = 4, 1, 4


def straight() -> ob.Detector:
    """Return a detector that does not bend: the straightening of averages has an error of its own."""
    return truth().without("nonlinearity")


@pytest.fixture(scope="module")
def night(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with an exposure of averaged groups, with and without its zero frame, and its detector.

    Of the faint light all groups are good, of the bright the first alone, of the brightest the first read alone.
    """
    folder = tmp_path_factory.mktemp("zero")
    detector = straight()
    scene = np.zeros(PART.shape)
    for name, rows in ROWS.items():
        scene[rows] = LIGHT[name]
    every = ob.ReadPattern.even(GROUPS * (FRAMES + GAP), frame_time=READ)
    reads = detector.expose(scene, ob.Exposure("jw02", pattern=every, integrations=2), seed=8).data
    split = reads.reshape(2, GROUPS, FRAMES + GAP, *PART.shape)[:, :, :FRAMES].astype(np.float64)
    start = {"SUBSTRT1": PART.columns[0] + 1, "SUBSTRT2": PART.rows[0] + 1}
    said = {"NFRAMES": FRAMES, "GROUPGAP": GAP, "READPATT": "MEDIUM4", **start}
    groups = np.rint(split.mean(axis=2)).astype(np.uint16)
    zero = jf.image("ZEROFRAME", reads[:, 0])
    jf.uncal(folder, groups, name="with_uncal.fits", more=[zero], **said)
    jf.uncal(folder, groups, name="without_uncal.fits", **said)
    detector.save(folder / "belief.toml")
    return folder


def calibrated(night: Path, out: Path, which: str, *words: object) -> fits.HDUList:
    given = ("calibrate", night / f"{which}_uncal.fits", "--detector", night / "belief.toml", "-o", out, *words)
    code, _, message = run(*given)
    assert code == 0, message
    return rates(out / f"{which}_rate.fits")


def share(rate: fits.HDUList, rows: slice) -> float:
    return float(np.isfinite(rate["SCI"].data[rows]).mean())


def off(rate: fits.HDUList, name: str) -> tuple[float, float]:
    """Return how far the mean rate is from the light, and its error [electron/s]."""
    values = (rate["SCI"].data * truth().effect("gain").gain)[INNER[name]]
    good = np.isfinite(values)
    return float(values[good].mean() - LIGHT[name]), float(values[good].std() / np.sqrt(good.sum()))


def test_a_pixel_full_behind_its_first_group_has_a_rate_with_its_zero_frame(night: Path, tmp_path: Path) -> None:
    assert share(calibrated(night, tmp_path, "without"), INNER["bright"]) == 0.0
    rate = calibrated(night, tmp_path, "with")
    assert share(rate, INNER["bright"]) > 0.99
    residual, error = off(rate, "bright")
    assert abs(residual) + 3 * error < 0.004 * LIGHT["bright"]
    residual, error = off(rate, "faint")  # the others are as good as before
    assert abs(residual) + 3 * error < 0.02 * LIGHT["faint"]


def test_its_error_is_that_of_the_scatter(night: Path, tmp_path: Path) -> None:
    rate = calibrated(night, tmp_path, "with")
    good = np.isfinite(rate["SCI"].data[INNER["bright"]])
    gain = truth().effect("gain").gain[INNER["bright"]]
    values, errors = ((rate[name].data[INNER["bright"]] * gain)[good] for name in ("SCI", "ERR"))
    pulls = (values - values.mean()) / errors
    assert pulls.std() == pytest.approx(1.0, abs=4 / np.sqrt(2 * pulls.size))


@pytest.mark.parametrize("estimator", ["likelihood", "ols"])
def test_the_first_read_alone_is_a_rate_where_somebody_asks(night: Path, tmp_path: Path, estimator: str) -> None:
    words = ("--estimator", estimator)
    assert share(calibrated(night, tmp_path / "no", "with", *words), INNER["brightest"]) == 0.0
    assert (
        share(calibrated(night, tmp_path / "none", "without", *words, "--no-suppress-one-group"), INNER["brightest"])
        == 0
    )
    rate = calibrated(night, tmp_path / "yes", "with", *words, "--no-suppress-one-group")
    assert share(rate, INNER["brightest"]) > 0.99
    doubtful = rate["DQ"].data & int(ob.Flag.UNRELIABLE_SLOPE) > 0
    assert doubtful[INNER["brightest"]].mean() > 0.99
    assert doubtful[INNER["faint"]].mean() < 0.01
    residual, error = off(rate, "brightest")
    assert abs(residual) + 3 * error < 0.004 * LIGHT["brightest"]


def test_what_a_dark_ramp_takes_off_comes_off_the_zero_frame_too(night: Path) -> None:
    belief = truth()
    frame = ob.read(night / "with_uncal.fits")
    planes = 3.0 * READ * np.arange(1.0, 41.0)[:, None, None] * np.ones(PART.shape)  # electron: 3 a second
    from obverse.effects.dark_ramp import DarkRamp

    dark = DarkRamp(ramp=planes, frame_time=READ)
    at = [effect.site for effect in belief.effects].index("charge")
    steps = list(belief.steps)
    steps.insert(steps.index("nonlinearity") + 1, "dark_ramp")
    more = belief.replace(effects=(*belief.effects[:at], dark, *belief.effects[at:]), steps=tuple(steps))
    plain = belief.recipe().until("nonlinearity").run(frame).companions["zero_frame"]
    lower = more.recipe().until("dark_ramp").run(frame).companions["zero_frame"]
    assert plain.unit == lower.unit == "electron"
    # as small numbers as one read of 10.7 s at 3 electron/s
    np.testing.assert_allclose(plain.data - lower.data, 3.0 * READ, rtol=2e-3)


def test_no_tile_changes_a_bit(night: Path) -> None:
    frame = ob.read(night / "with_uncal.fits")
    whole, strips = (truth().recipe().run(frame, tile_rows=rows, threads=n) for rows, n in ((48, 1), (16, 2)))
    assert whole == strips
