"""Time and memory of one frame of an EMCCD at high gain, 1200 x 2200, and of emccd_detect for the same frame.

python bench/emccd_frame.py [--gain 5000] [--threads 2] [--peer /path/to/python-with-emccd_detect]

Written down before the first measurement: `Detector.expose` of `corgi_excam` at a gain of 5000, electrons of the
stages included, takes 2 s or less and 0.3 GB on two threads, of which the register takes half; emccd_detect takes 2 s
in its fast mode, which leaves those electrons out, and asks for 11.9 GB with them, so that it is timed without.
"""

from __future__ import annotations

import argparse
import subprocess
import time

import numpy as np
from _yardstick import peak_memory

import obverse as ob
from obverse.seeds import Address, Stream

SECONDS, RATE = 10.0, 0.05

PEER = """
import resource, sys, time, warnings
import numpy as np
warnings.simplefilter("ignore")
from emccd_detect.emccd_detect import EMCCDDetect
gain, seconds, rate = map(float, sys.argv[1:4])
np.random.seed(1)
detector = EMCCDDetect(em_gain=gain, cr_rate=0, fast_gain_mode=True, gain_CIC_Q=0)
light = np.full((1024, 1024), rate)
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
took = []
for _ in range(3):
    start = time.perf_counter()
    detector.sim_full_frame(light, seconds)
    took.append(time.perf_counter() - start)
memory = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1e6
print(f"emccd_detect, fast, without partial CIC: {np.median(took):.2f} s, {memory:.2f} GB")
"""


def check(detector: ob.Detector, gain: float) -> None:
    """Refuse to time a wrong answer: mean and variance of a million multiplied electrons."""
    register = detector.effect("em_gain").register(ob.Exposure("check", em_gain=gain))
    grown = Stream(Address(1, "em_gain", "check")).drawn(np.ones((1024, 1024), np.float32), register)
    ones = np.ones(1)
    assert abs(grown.mean(dtype=np.float64) / register.mean(ones)[0] - 1.0) < 0.01
    assert abs(grown.var(dtype=np.float64) / register.variance(ones)[0] - 1.0) < 0.02


def main() -> None:
    options = argparse.ArgumentParser()
    options.add_argument("--gain", type=float, default=5000.0)
    options.add_argument("--threads", type=int, default=2)
    options.add_argument("--peer")
    given = options.parse_args()
    detector = ob.Detector.load("corgi_excam").without("cosmic_rays")  # the peer has none either
    check(detector, given.gain)
    light = np.full(detector.geometry.shape, RATE)
    took, extra, shares = [], [], []
    for i in range(6):
        exposure = ob.Exposure(f"frame{i}", SECONDS, em_gain=given.gain)
        with peak_memory() as memory:
            start = time.perf_counter()
            detector.expose(light, exposure, seed=1, threads=given.threads)
            took.append(time.perf_counter() - start)
        extra.append(memory["extra"] / 1e3)
        charge = np.random.default_rng(i).poisson(0.2, (1, 1200, 2200)).astype(np.float32)
        start = time.perf_counter()
        Stream(Address(1, "em_gain", f"{i}"), given.threads).drawn(
            charge, detector.effect("em_gain").register(exposure)
        )
        shares.append(time.perf_counter() - start)
    print(
        f"obverse, gain {given.gain:g} with partial CIC: {np.median(took[1:]):.2f} s, {max(extra):.2f} GB; "
        f"the register alone {np.median(shares[1:]):.2f} s; the first frame {took[0]:.2f} s"
    )
    if given.peer:
        subprocess.run([given.peer, "-c", PEER, str(given.gain), str(SECONDS), str(RATE)], check=True)


if __name__ == "__main__":
    main()
