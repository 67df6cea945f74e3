"""Clock-induced charge: where it is made, how much of it, and what its map's error does to a frame."""

from __future__ import annotations

import math

import numpy as np
import pytest

from obverse import Detector, Exposure, Flag, Frame, Geometry, Moment, UsageError
from obverse.effects.clock_induced_charge import ClockInducedCharge
from obverse.effects.dark_current import DarkCurrent
from obverse.seeds import Address, Stream

EXCAM = Geometry((106, 107), prescan=108, overscan=5, parallel_overscan=14, shielded=(2, 0, 0, 2))
"""The small frame on which the noise maps of the coronagraph's camera are tested."""


def stream(index="0"):
    return Stream(Address(4, "clock_induced_charge", "fact", index))


def at(geometry=EXCAM, layout="clocked", **more):
    return Moment(Exposure("cic", 1.0), geometry, layout, **more)


def drawn(effect, index="0", **more):
    """What it makes of an empty frame."""
    return effect.imprint(np.zeros(EXCAM.clocked_shape, np.float32), at(rng=stream(index), **more))[0]


def test_parallel_charge_of_three_electrons_has_a_mean_of_three():
    # at gain 1 on zeros, in the columns of the sensor; a simulator of detectors gives 0 here
    made = np.stack([drawn(ClockInducedCharge(level=0.0, parallel=3.0), str(i)) for i in range(20)])
    sensor = made[:, :, EXCAM.image_columns]
    assert abs(sensor.mean(dtype=np.float64) - 3.0) < 5 * math.sqrt(3.0 / sensor.size)
    assert sensor.var(dtype=np.float64) == pytest.approx(3.0, rel=0.02)
    beside = made.copy()
    beside[:, :, EXCAM.image_columns] = 0
    assert not beside.any()


def test_serial_charge_is_everywhere_and_rows_behind_the_image_have_both():
    effect = ClockInducedCharge(level=0.5, parallel=1.5)
    mean = np.broadcast_to(effect.mean(at()), EXCAM.clocked_shape)[0]
    assert set(np.unique(mean[:, :108])) == {np.float32(0.5)} == set(np.unique(mean[:, 215:]))
    np.testing.assert_array_equal(mean[106:, 108:215], np.float32(2.0))
    made = np.stack([drawn(effect, str(i)) for i in range(20)])
    for rows, columns, wanted in [(slice(None), slice(108), 0.5), (slice(106, None), slice(108, 215), 2.0)]:
        part = made[:, rows, columns]
        assert abs(part.mean(dtype=np.float64) - wanted) < 5 * math.sqrt(wanted / part.size)


def test_a_mean_of_reads_scatters_less():
    made = drawn(ClockInducedCharge(level=2.0), times=(1.0, 2.0, 3.0, 4.0))
    assert made.var(dtype=np.float64) == pytest.approx(0.5, rel=0.05)
    assert abs(made.mean(dtype=np.float64) - 2.0) < 5 * math.sqrt(0.5 / made.size)


@pytest.mark.parametrize("layout", ["sensor", "clocked"])
def test_maps_of_the_sensor_and_of_the_file_are_taken_alike(layout):
    whole = np.random.default_rng(1).uniform(0.5, 1.5, EXCAM.file_shape)
    inside = EXCAM.assemble(EXCAM.clock(whole))
    shape = EXCAM.clocked_shape if layout == "clocked" else EXCAM.shape
    axes = ("amplifier", "row", "column") if layout == "clocked" else ("row", "column")
    frame = Frame(np.ones(shape, "f4"), "electron", axes)
    maps = [inside, whole] if layout == "clocked" else [inside]
    done = [ClockInducedCharge(level=level).correct(frame, at(layout=layout)).data for level in maps]
    for data in done:
        sensor = EXCAM.assemble(data) if layout == "clocked" else data
        np.testing.assert_allclose(sensor, 1.0 - inside, rtol=1e-5, atol=1e-7)


def dark_errors(*effects):
    """The frame behind the corrections, with a variance that it had before."""
    frame = Frame(np.full((2, 2), 9.0, "f4"), "electron", variances={"read": np.full((2, 2), 4.0, "f4")},
                  exposure=Exposure("d", 10.0))  # fmt: skip
    for effect in effects:
        frame = effect.correct(frame, Moment(frame.exposure, Geometry((2, 2))))
    return frame


def test_errors_of_two_maps_add_up():
    charge = ClockInducedCharge(level=np.full((2, 2), 1.0), error=np.full((2, 2), 0.3))
    dark = DarkCurrent(rate=np.full((2, 2), 0.1), error=np.full((2, 2), 0.04))
    both, other = dark_errors(charge, dark), dark_errors(dark, charge)
    np.testing.assert_allclose(both.variances["dark"], 0.3**2 + (0.04 * 10) ** 2, rtol=1e-6)
    np.testing.assert_array_equal(both.variances["dark"], other.variances["dark"])
    np.testing.assert_allclose(both.data, 7.0, rtol=1e-6)
    assert both.shared["dark"] == f"{charge.digest()}+{dark.digest()}"
    assert dark_errors(charge).shared["dark"] == charge.digest()


def test_a_pixel_of_unknown_level_keeps_its_charge_and_is_flagged():
    level = np.array([[1.0, np.nan], [1.0, 1.0]])
    done = dark_errors(ClockInducedCharge(level=level, error=np.where(np.isnan(level), np.nan, 0.1)))
    np.testing.assert_array_equal(done.data, [[8.0, 9.0], [8.0, 8.0]])
    assert done.pixel_flags[0, 1] == Flag.UNRELIABLE_DARK | Flag.DO_NOT_USE
    assert (done.pixel_flags != 0).sum() == 1
    assert np.isfinite(done.variances["dark"]).all()


def test_a_frame_that_is_not_in_electrons_is_refused():
    for unit in ("DN", "electron/s"):
        with pytest.raises(UsageError, match=r"clock_induced_charge: .*divided by the EM gain"):
            ClockInducedCharge(level=0.01).correct(Frame(np.ones((2, 2), "f4"), unit), at(Geometry((2, 2)), "sensor"))


def test_a_frame_of_nothing_but_bias_has_a_mean_of_nothing():
    # bias 1500, 8.2 electron/DN: a simulator that cuts instead of rounding ends at -3.7 electrons
    ccd = Detector.load("generic_ccd").resized((256, 256)).without("nonlinearity", "bias_drift")
    changed = {"bias": {"level": 1500.0}, "gain": {"gain": 8.2}, "read_noise": {"sigma": 30.0}}
    effects = tuple(effect.replace(**changed.get(effect.name, {})) for effect in ccd.effects)
    detector = ccd.replace(effects=effects)
    frames = [detector.expose(0.0, Exposure(f"b{i}", 0.0), seed=2) for i in range(60)]
    means = [detector.recipe().until("gain").run(frame).data.mean(dtype=np.float64) for frame in frames]
    assert abs(np.mean(means)) + 3 * np.std(means) / math.sqrt(60) < 0.1
