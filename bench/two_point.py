"""Time of the two-point jump search in units of R, and of the peer on the same arrays.

python bench/two_point.py [--size 1024] [--groups 10] [--peer /path/to/python-with-stcal]
"""

from __future__ import annotations

import argparse
import subprocess
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from _ramps import EVEN, simulate
from _yardstick import in_turns, read_once

import obverse as ob
from obverse.ramps.two_point import TwoPoint

ALONE = TwoPoint(neighbours=None)

PEER = """
import sys, time, logging, warnings
import numpy as np
logging.disable(50)
warnings.filterwarnings("ignore")
from stcal.jump.jump import detect_jumps_data
from stcal.jump.jump_class import JumpData
GAIN, NOISE = 2.0, 10.0
bits = dict(GOOD=0, DO_NOT_USE=1, SATURATED=2, JUMP_DET=4, NO_GAIN_VALUE=1 << 19, REFERENCE_PIXEL=1 << 31)
counts = np.load(sys.argv[1])
image = counts.shape[1:]
for neighbours in (True, False):
    took = []
    for _ in range(3):
        gain, noise = np.full(image, GAIN, "f4"), np.full(image, NOISE / GAIN * 2**0.5, "f4")
        data = JumpData(gain2d=gain, rnoise2d=noise, dqflags=bits)
        data.nframes, data.max_cores, data.flag_4_neighbors = 1, "none", neighbours
        data.dt_group, data.n_reads_groupdiff = np.ones(1), np.ones(1) * 2
        data.init_arrays_from_arrays(counts[None].copy(), np.zeros((1, *counts.shape), "u1"), np.zeros(image, "u4"))
        start = time.perf_counter()
        flags = detect_jumps_data(data)[0]
        took.append(time.perf_counter() - start)
    print("with" if neighbours else "without", np.median(took))
np.save(sys.argv[2], flags[0])
"""


def ours(size: int, groups: int, threads: int) -> dict[str, float]:
    both = [simulate(EVEN, size, groups, share) for share in (0.0, 0.05)]
    (clean, struck), hit, known = (ramps.counts for ramps in both), both[1].hit, both[0].arguments()
    took = in_turns(
        {
            "R": lambda: read_once(clean, known["flags"], known["read_noise"], threads),
            "no hits": lambda: ob.find_jumps(clean, threads=threads, options=ALONE, **known),
            "5 % hit": lambda: ob.find_jumps(struck, threads=threads, options=ALONE, **known),
            "5 % hit, neighbours": lambda: ob.find_jumps(struck, threads=threads, **known),
        }
    )
    print(f"\n{size} x {size} x {groups} float32, {threads} thread(s)")
    for name, seconds in took.items():
        print(f"  {name:22s} {1e3 * seconds:8.1f} ms {seconds / took['R']:6.2f} R")
    found = (ob.find_jumps(struck, threads=threads, options=ALONE, **known) & 4 != 0).any(axis=0)
    assert found[hit].mean() > 0.99, "timing a wrong answer"
    assert found[~hit].mean() < 0.01, "timing a wrong answer"
    return took


def peer(python: str, size: int, groups: int, took: dict[str, float]) -> None:
    ramps = simulate(EVEN, size, groups, 0.05)
    counts = ramps.counts
    with tempfile.TemporaryDirectory() as folder:
        np.save(Path(folder) / "counts.npy", counts)
        command = [python, "-c", PEER, str(Path(folder) / "counts.npy"), str(Path(folder) / "flags.npy")]
        printed = subprocess.run(command, check=True, capture_output=True, text=True).stdout
        theirs: Any = np.load(Path(folder) / "flags.npy")
    print(f"\nstcal on the same {size} x {size} x {groups} arrays, 5 % hit, one thread")
    for line, own in zip(printed.splitlines(), ("5 % hit, neighbours", "5 % hit"), strict=True):
        name, seconds = line.split()[0], float(line.split()[1])
        in_r, times = seconds / took["R"], seconds / took[own]
        print(f"  {name:7s} neighbours {seconds:6.2f} s {in_r:6.0f} R, {times:.0f} times ours")
    found = ob.find_jumps(counts, options=ALONE, **ramps.arguments())
    print(f"  flags that differ: {(found != theirs).sum()} of {(theirs != 0).sum()}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", type=int, default=1024)
    parser.add_argument("--groups", type=int, default=10)
    parser.add_argument("--peer", help="Python of an environment with stcal")
    asked = parser.parse_args()
    one, _ = (ours(asked.size, asked.groups, threads) for threads in (1, 2))
    if asked.peer:
        peer(asked.peer, asked.size, asked.groups, one)


if __name__ == "__main__":
    main()
