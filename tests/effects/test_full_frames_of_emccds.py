"""H4: a whole frame of the coronagraph at its highest gain, partial clock-induced charge and all, in little memory."""

from __future__ import annotations

import subprocess
import sys

import pytest

SIMULATE = """
import resource
from obverse import Detector, Exposure
camera = Detector.load("corgi_excam")
assert camera.effect("em_gain").partial > 0
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
raw = camera.expose(0.1, Exposure("a", 10.0, em_gain=5000.0), seed=1)
assert raw.shape == (1200, 2200)
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, before)
"""


@pytest.mark.validate
@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere the largest memory is told in other units")
def test_a_full_frame_takes_less_than_a_gigabyte() -> None:
    done = subprocess.run([sys.executable, "-c", SIMULATE], capture_output=True, text=True, check=True)
    most, before = (int(word) / 1e6 for word in done.stdout.split())
    assert most < 1.0, f"{most:.2f} GB, {before:.2f} of them before the frame"
