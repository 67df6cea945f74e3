"""Time of the likelihood fit in units of R, its memory, its growth, and the peer on the same arrays.

python bench/likelihood.py [--size 2048] [--groups 10] [--peer /path/to/python-with-stcal]
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from _yardstick import in_turns, peak_memory, read_once

import obverse as ob

GAIN, NOISE, GROUP_TIME = 2.0, 10.0, 10.0

PEER = """
import sys, time
import numpy as np
from stcal.ramp_fitting.likely_fit import likely_ramp_fit
from stcal.ramp_fitting.ramp_fit import ramp_fit_data
from stcal.ramp_fitting.ramp_fit_class import RampData
GAIN, NOISE, TIME = 2.0, 10.0, 10.0
bits = dict(GOOD=0, DO_NOT_USE=1, SATURATED=2, JUMP_DET=4, PERSISTENCE=32, CHARGELOSS=128,
            NO_GAIN_VALUE=2**19, UNRELIABLE_SLOPE=2**24)
counts = np.load(sys.argv[1])

def ready():
    data, shape = RampData(), counts.shape[1:]
    data.set_arrays(data=counts[None].copy(), groupdq=np.zeros((1, *counts.shape), "u1"),
                    pixeldq=np.zeros(shape, "u4"), average_dark_current=np.zeros(shape, "f4"))
    data.set_meta(name="NIRCAM", frame_time=TIME, group_time=TIME, groupgap=0, nframes=1, drop_frames1=0)
    data.set_dqflags(bits)
    return data, np.full(shape, NOISE / GAIN * 2**0.5, "f4"), np.full(shape, GAIN, "f4")

data, noise, gain = ready()
start = time.perf_counter()
slope = likely_ramp_fit(data, noise, gain)[0]["slope"]
print("LIKELY", time.perf_counter() - start)
np.save(sys.argv[2], slope * GAIN)
data, noise, gain = ready()
start = time.perf_counter()
ramp_fit_data(data, False, noise, gain, "OLS_C", "optimal", "none")
print("OLS_C", time.perf_counter() - start)
"""


def simulate(size: int, groups: int, hit: float, seed: int = 1) -> Any:
    """Ramps of 0.1 to 1000 electron/s in DN; a share `hit` of the pixels has one cosmic ray."""
    rng = np.random.default_rng(seed)
    rate = 10 ** rng.uniform(-1, 3, (size, size))
    when = np.where(rng.random((size, size)) < hit, rng.integers(1, groups, (size, size)), groups)
    height = rng.uniform(500, 5000, (size, size))
    charge, counts = np.zeros((size, size)), np.empty((groups, size, size), np.float32)
    for k in range(groups):
        charge += rng.poisson(rate * GROUP_TIME) + height * (when == k)
        counts[k] = (charge + rng.normal(0, NOISE, charge.shape)) / GAIN
    return counts, rate, when < groups


def arguments(counts: Any) -> dict[str, Any]:
    return {
        "pattern": ob.ReadPattern.even(len(counts), frame_time=GROUP_TIME),
        "gain": GAIN,
        "read_noise": np.full(counts.shape[1:], NOISE, np.float32),
        "flags": np.zeros(counts.shape, np.uint8),
    }


def speed(size: int, groups: int, threads: int) -> float:
    clean, rate, _ = simulate(size, groups, 0.0)
    struck, _, hit = simulate(size, groups, 0.05)
    known = arguments(clean)
    jobs = {
        "R": lambda: read_once(clean, known["flags"], known["read_noise"], threads),
        "fit": lambda: ob.fit_ramps(clean, find_jumps=False, threads=threads, **known),
        "fit with search, no hits": lambda: ob.fit_ramps(clean, threads=threads, **known),
        "fit with search, 5 % hit": lambda: ob.fit_ramps(struck, threads=threads, **known),
    }
    took = in_turns(jobs)
    print(f"\n{size} x {size} x {groups} float32, {threads} thread(s)")
    for name, seconds in took.items():
        print(f"  {name:26s} {1e3 * seconds:8.1f} ms {seconds / took['R']:6.2f} R")
    fit = ob.fit_ramps(struck, threads=threads, **known)
    pull = ((fit.rate - rate) / fit.error)[~hit]
    assert abs(pull.std() - 1) < 0.01, "timing a wrong answer"
    return took["fit"]


def memory(size: int, groups: int) -> None:
    for kind in ("float32", "uint16"):
        counts = simulate(size, groups, 0.05)[0].clip(0, 65535).astype(kind)
        known = arguments(counts)
        ob.fit_ramps(counts, threads=2, **known)
        with peak_memory() as used:
            fit = ob.fit_ramps(counts, threads=2, **known)
        planes = (
            fit.rate,
            fit.var_poisson,
            fit.var_read,
            fit.chi2,
            fit.flags,
            fit.pedestal,
            fit.resultant_flags,
        )
        output = sum(plane.nbytes for plane in planes) / 1e6
        sizes = f"input {counts.nbytes / 1e6:.0f} MB, output {output:.0f} MB"
        print(f"  {kind}: {sizes}, above the start {used['extra']:.0f} MB")


def growth(size: int) -> None:
    print(f"\ngrowth with the groups, {size} x {size}, 1 thread: ns for each pixel and group")
    for groups in (5, 10, 20, 40, 80):
        counts = simulate(size, groups, 0.0)[0]
        known = arguments(counts)
        jobs = {
            "fit": lambda c=counts, k=known: ob.fit_ramps(c, find_jumps=False, threads=1, **k),
            "search": lambda c=counts, k=known: ob.fit_ramps(c, threads=1, **k),
        }
        took = in_turns(jobs, 3)
        print(f"  {groups:3d} groups: " + ", ".join(f"{n} {1e9 * s / counts.size:.2f}" for n, s in took.items()))


def first_call() -> None:
    script = (
        "import time; t = time.perf_counter(); import numpy as np, obverse as ob;"
        "ob.fit_ramps(np.ones((5, 8, 8), 'f4'), ob.ReadPattern.even(5), gain=1.0, read_noise=9.0);"
        "print(time.perf_counter() - t)"
    )
    took = [
        float(subprocess.run([sys.executable, "-c", script], check=True, capture_output=True).stdout) for _ in range(3)
    ]
    print(f"\nfirst fit of a new process, compiled code cached: {min(took):.2f} s")


def peer(python: str, size: int, groups: int) -> None:
    counts = simulate(size, groups, 0.0)[0]
    known = arguments(counts)
    with tempfile.TemporaryDirectory() as folder:
        np.save(Path(folder) / "counts.npy", counts)
        command = [python, "-c", PEER, str(Path(folder) / "counts.npy"), str(Path(folder) / "rate.npy")]
        printed = subprocess.run(command, check=True, capture_output=True, text=True).stdout
        theirs = np.load(Path(folder) / "rate.npy")
    ours = in_turns(
        {
            "R": lambda: read_once(counts, known["flags"], known["read_noise"]),
            "fit": lambda: ob.fit_ramps(counts, threads=1, **known),
        }
    )
    print(f"\nstcal on the same {size} x {size} x {groups} arrays, one thread")
    for line in printed.splitlines():
        name, seconds = line.split()
        took, times = float(seconds), float(seconds) / ours["fit"]
        print(f"  {name:8s} {took:8.2f} s {took / ours['R']:8.0f} R, obverse {times:.0f} times faster")
    fit = ob.fit_ramps(counts, **known)
    apart = np.abs(theirs - fit.rate) / fit.error
    print(f"  apart from LIKELY by {np.median(apart):.1e} of an error (median), at most {np.nanmax(apart):.1e}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", type=int, default=2048)
    parser.add_argument("--groups", type=int, default=10)
    parser.add_argument("--peer", help="Python of an environment with stcal")
    asked = parser.parse_args()
    one, two = (speed(asked.size, asked.groups, threads) for threads in (1, 2))
    print(f"  two threads are {one / two:.2f} times as fast")
    print("\npeak memory, with search, two threads")
    memory(asked.size, asked.groups)
    growth(max(asked.size // 2, 64))
    first_call()
    if asked.peer:
        peer(asked.peer, asked.size // 2, asked.groups)


if __name__ == "__main__":
    main()
