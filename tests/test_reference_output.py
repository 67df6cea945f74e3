"""Amplifier 33: the output that reads no pixels of the sensor."""

from __future__ import annotations

import numpy as np
import pytest

import obverse as ob
from obverse import Detector, Exposure, Frame, ReadPattern
from obverse.chain import Run
from obverse.io.asdf_door import open_asdf
from obverse.reference_output import reference_output

PATTERN = ReadPattern([[1], [2, 3, 4, 5], [6]], 3.16247)
ROMAN = Detector.load("roman_wfi").resized((256, 256))


def output(detector=ROMAN, seed=4, integrations=1, id="r"):
    exposure = Exposure(id, pattern=PATTERN, integrations=integrations)
    return reference_output(Run(detector.chain, exposure, seed), PATTERN, 128)


def test_it_has_the_level_and_the_noise_of_a_read_and_of_their_mean():
    # romanisim 0.15: 5 DN a read, less by the root of the reads; by hand, rounding adds 1/12 to the variance
    seen = output().astype(np.float64)[0]
    assert seen.shape == (3, 256, 128)
    n = seen[0].size
    for plane, reads in zip(seen, (1, 4, 1), strict=True):
        sigma = np.sqrt(25.0 / reads + 1 / 12)
        assert plane.mean() == pytest.approx(5000.0, abs=5 * sigma / np.sqrt(n))
        assert plane.std() == pytest.approx(sigma, rel=5 / np.sqrt(2 * n))


def test_it_sees_no_charge_and_no_decay_behind_the_reset():
    decay = ROMAN.effect("dark_decay").replace(amplitude=1000.0)
    np.testing.assert_array_equal(output(ROMAN.with_effect(decay)), output())


def test_the_same_seed_gives_the_same_bytes_and_nothing_else_does():
    np.testing.assert_array_equal(output(), output())
    for other in (output(seed=5), output(id="s")):
        assert (other != output()).mean() > 0.8
    two = output(integrations=2)
    assert (two[0] != two[1]).mean() > 0.8
    np.testing.assert_array_equal(two[:1], output())


def test_it_takes_nothing_from_the_streams_of_the_pixels():
    exposure = Exposure("r", pattern=PATTERN)
    pixels = ROMAN.without("cosmic_rays", "snowballs").expose(0.0, exposure, seed=4).data
    one = pixels[0, 0, :, :128].astype(float) - 5000.0
    two = output()[0, 0].astype(float) - 5000.0
    flipped = (two, two[::-1], two[:, ::-1], two[::-1, ::-1])
    assert max(abs(np.corrcoef(one.ravel(), each.ravel())[0, 1]) for each in flipped) < 5 / np.sqrt(one.size)


def test_values_of_each_amplifier_or_pixel_become_their_mean():
    gains, levels = np.linspace(1.0, 3.0, 32), np.full((256, 256), 6000.0)
    levels[0, 0] = np.nan
    several = ROMAN.with_effect(ROMAN.effect("gain").replace(gain=gains))
    several = several.with_effect(several.effect("bias").replace(level=levels))
    one = ROMAN.with_effect(ROMAN.effect("bias").replace(level=6000.0))
    np.testing.assert_array_equal(output(several), output(one))


def test_level_1_of_roman_holds_it(tmp_path):
    exposure = Exposure("r", pattern=PATTERN)
    data = np.full((1, 3, 256, 256), 5000, np.uint16)
    axes = ("integration", "resultant", "row", "column")
    companion = Frame(output(), "DN", axes, exposure=exposure)
    ob.write(
        Frame(data, "DN", axes, exposure=exposure, companions={"reference_output": companion}), tmp_path / "r.asdf"
    )
    with open_asdf(tmp_path / "r.asdf") as file:
        np.testing.assert_array_equal(file.read(file.tree["roman"]["amp33"]), output()[0])
    np.testing.assert_array_equal(ob.read(tmp_path / "r.asdf").companions["reference_output"].data, output())
