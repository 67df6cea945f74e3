"""G2, G3: what a DN and an electron behind the register are, for values and for the errors that files bring."""

from __future__ import annotations

import numpy as np
import pytest

from obverse import Amplifier, Detector, Exposure, Frame, Geometry, Moment, io
from obverse.effects.em_gain import EmGain
from obverse.effects.gain import Gain
from tests.io.corgi_making import SHAPE, image_hdus, written


def moment(gain: float = 1.0) -> Moment:
    return Moment(Exposure("a", 1.0, em_gain=gain), Geometry((2, 2)))


def constant(level: float, unit: str, **more) -> Frame:
    return Frame(np.full((2, 2), level, "f4"), unit, **more)


def test_errors_become_electrons_with_the_values() -> None:
    """2 DN +- 0.5 at 9.55 electron/DN; the error of k itself is common to all frames, and kept with the detector."""
    done = Gain(gain=9.55).correct(constant(2.0, "DN", variances={"read": np.full((2, 2), 0.25)}), moment())
    np.testing.assert_allclose(done.data, 19.1, rtol=1e-6)
    np.testing.assert_allclose(done.error, 0.5 * 9.55, rtol=1e-6)
    assert done.unit == "electron"
    assert Gain(gain=9.55).correct(constant(2.0, "DN"), moment()).variances is None


def test_each_amplifier_has_its_own() -> None:
    frame = Frame(np.full((2, 1, 2), 2.0, "f4"), "DN", ("amplifier", "row", "column"),
                  variances={"read": np.ones((2, 1, 2))})  # fmt: skip
    two = Geometry((1, 4), (Amplifier("a", (0, 1), (0, 2)), Amplifier("b", (0, 1), (2, 4))))
    done = Gain(gain=np.array([2.0, 3.0])).correct(frame, Moment(Exposure("a", 1.0), two, layout="clocked"))
    np.testing.assert_allclose(done.error[:, 0, 0], [2.0, 3.0])


def test_errors_of_a_file_of_the_pipeline_go_through_the_recipe(tmp_path) -> None:
    """Bias subtracted by the pipeline, in DN, with the error of the bias; made electrons by us."""
    frame = io.read(written(tmp_path, image_hdus(), "l2a"))
    (name,) = frame.variances
    geometry = Geometry((8, 10), prescan=10, overscan=2, parallel_overscan=4, shielded=(2, 0, 0, 2))
    assert geometry.file_shape == SHAPE
    camera = Detector.load("corgi_excam").replace(geometry=geometry, modes=())
    done = camera.recipe().until("em_gain").run(frame)
    assert done.undone[-1] == "em_gain"
    np.testing.assert_allclose(np.sqrt(done.variances[name]), 3.0 * 8.7 / 100.0, rtol=1e-5)


@pytest.mark.parametrize("gain", [1000.0, 100.0])
def test_each_frame_is_divided_by_its_own_gain(gain: float) -> None:
    done = EmGain().correct(constant(2.0, "electron", variances={"read": np.full((2, 2), 0.25)}), moment(gain))
    np.testing.assert_allclose(done.data, 2.0 / gain, rtol=1e-6)
    np.testing.assert_allclose(done.error, 0.5 / gain, rtol=1e-6)
