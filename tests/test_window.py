"""A subarray is the detector cut out: the same pixels behave the same."""

import numpy as np
import pytest

import obverse as ob
from obverse.errors import UsageError
from obverse.geometry import Section
from obverse.window import windowed

H2RG = ob.Detector.load("generic_h2rg")


def mapped():
    """Return a small detector of four outputs with a map, values by amplifier, and coefficients by amplifier."""
    small = H2RG.resized((64, 64))
    random = np.random.default_rng(2)
    small = small.with_effect(small.effect("flat").replace(response=random.uniform(0.9, 1.1, (64, 64))))
    return small.with_effect(small.effect("nonlinearity").replace(coefficients=np.array([[5e-7, 6e-7, 7e-7, 8e-7]])))


@pytest.mark.parametrize(
    ("section", "outputs"),
    [
        (Section((0, 64), (0, 64)), 4),
        (Section((10, 30), (0, 64)), 4),  # a stripe across all outputs
        (Section((0, 20), (16, 32)), 1),  # inside one
        (Section((0, 20), (8, 24)), 2),  # halves of two
        (Section((0, 20), (12, 50)), 1),  # uneven parts: one amplifier, values as maps
    ],
)
def test_every_pixel_keeps_its_numbers(section, outputs):
    whole = mapped()
    part = windowed(whole, section)
    assert part.geometry.shape == section.shape
    assert len(part.geometry.amplifiers) == outputs
    np.testing.assert_array_equal(part.geometry.sensitive, section.cut(whole.geometry.sensitive))
    at, there = (ob.Moment(ob.Exposure(), detector.geometry) for detector in (part, whole))
    for name, parameter in (("gain", "gain"), ("bias", "level"), ("flat", "response"), ("read_noise", "sigma")):
        values = np.broadcast_to(there.plane(getattr(whole.effect(name), parameter)), whole.geometry.shape)
        found = np.broadcast_to(at.plane(getattr(part.effect(name), parameter)), section.shape)
        np.testing.assert_array_equal(found, section.cut(values), err_msg=name)


@pytest.mark.parametrize("section", [Section((0, 20), (8, 24)), Section((0, 20), (12, 50))])
def test_it_responds_as_the_whole_does_there(section):
    whole = mapped().without("interpixel_capacitance")  # which looks beyond the edge
    whole_response = whole.respond(30000.0)
    found = windowed(whole, section).respond(30000.0)
    np.testing.assert_allclose(found, section.cut(whole_response), rtol=1e-6)


def test_drift_that_no_reference_pixel_shows_is_left_out():
    assert windowed(H2RG, Section((0, 64), (512, 576))).has("bias_drift")
    inner = windowed(H2RG, Section((512, 576), (512, 576)))
    assert not inner.has("bias_drift")
    assert "bias_drift" not in inner.steps


@pytest.mark.parametrize("section", [Section((0, 64), (2000, 2100)), Section((2000, 2050), (0, 64))])
def test_a_part_of_another_detector_is_refused(section):
    with pytest.raises(UsageError, match=r"subarray .* is not a part of its sensor \(2048, 2048\)"):
        windowed(H2RG, section)


def test_a_detector_with_scans_has_no_such_parts():
    with pytest.raises(UsageError, match="is not a part of its sensor"):
        windowed(ob.Detector.load("esis"), Section((0, 16), (0, 16)))
