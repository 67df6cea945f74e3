"""Time and memory of level 1, 4088 x 4088 x 44 reads in 9 resultants, and of the peer from the same counted electrons.

python bench/level1.py [--size 4088] [--threads 2] [--romanisim /path/to/python-with-romanisim]

Each runs in a process of its own. *Like the peer*: sharing out, cosmic rays, reset noise, full well, read noise, gain,
level, converter. *Everything*: all effects of roman_wfi. *Calibrated* is the whole recipe up to the rate, and *fit* the
ramp fit alone.
"""

from __future__ import annotations

import argparse
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

TABLE, GAIN = 4, 2.0
LIKE_THE_PEER = {
    "flat",
    "dark_current",
    "cosmic_rays",
    "saturation",
    "reset_noise",
    "read_noise",
    "gain",
    "bias",
    "adc",
}

PEER = """
import sys, time, resource, logging, warnings
import numpy as np, galsim
logging.disable(50)
warnings.filterwarnings("ignore")
from romanisim import l1, ramp
from romanisim.models import parameters
counts = galsim.ImageI(np.load(sys.argv[1]).astype("i4"))
start = time.perf_counter()
resultants, flags = l1.make_l1(counts, 4, seed=5, gain=2.0, crparam={})
print("level 1", time.perf_counter() - start, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000)
reads = parameters.read_pattern[4]
start = time.perf_counter()
fit = ramp.fit_ramps_casertano(np.asarray(resultants, "f4") * 2.0, flags & 4, 10.0, reads)
print("fit", time.perf_counter() - start, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000)
np.save(sys.argv[2], np.asarray(resultants, "f4").mean(axis=(1, 2)))
"""


def counted(size: int) -> Any:
    """Counts from 10 to 10 000 electrons in the whole exposure."""
    random = np.random.default_rng(3)
    return random.poisson(10.0 ** random.uniform(1.0, 4.0, (size, size))).astype(np.int32)


def memory() -> float:
    """Highest resident memory of this process [MB]."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000


def said(what: str, start: float) -> None:
    print(what, time.perf_counter() - start, memory(), flush=True)


def ours(source: str, target: str, what: str, threads: int) -> None:
    """Simulate, and where everything is asked for calibrate; one line each: what, seconds, memory."""
    import obverse as ob

    counts = np.load(source)
    detector = ob.Detector.load("roman_wfi")
    if what == "like the peer":
        detector = detector.without(*(e.name for e in detector.effects if e.name not in LIKE_THE_PEER))
    ob.simulate_l1(counts[:64, :64], TABLE, seed=1, detector=detector)  # compiled, or taken from the cache
    start = time.perf_counter()
    raw = ob.simulate_l1(counts, TABLE, seed=5, detector=detector, threads=threads)
    said("level 1", start)
    inner = raw.data[0, :, *detector.resized(raw.shape[-2:]).geometry.lit]
    np.save(target, inner.mean(axis=(1, 2)))
    pattern = raw.exposure.pattern
    assert pattern is not None
    counts32 = np.ascontiguousarray(inner)
    ob.fit_ramps(counts32[:, :64, :64], pattern, gain=GAIN, read_noise=10.0)
    for find_jumps in (False, True):
        start = time.perf_counter()
        ob.fit_ramps(counts32, pattern, gain=GAIN, read_noise=10.0, find_jumps=find_jumps, threads=threads)
        said("fit with search" if find_jumps else "fit", start)
    if what == "everything":
        start = time.perf_counter()
        detector.resized(raw.shape[-2:]).calibrate(raw, threads=threads)
        said("calibrated", start)


def run(command: list[str]) -> dict[str, tuple[float, float]]:
    """Run in a process of its own and return seconds and memory by what was timed."""
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    lines = [line.rsplit(" ", 2) for line in done.stdout.splitlines()]
    return {what: (float(seconds), float(peak)) for what, seconds, peak in lines}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", type=int, default=4088)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--romanisim", help="Python of an environment with romanisim")
    parser.add_argument("--run", nargs=3, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.run:
        ours(*asked.run, asked.threads)
        return
    with tempfile.TemporaryDirectory() as folder:
        source, target = str(Path(folder) / "counts.npy"), str(Path(folder) / "means.npy")
        counts = counted(asked.size)
        np.save(source, counts)
        theirs = run([asked.romanisim, "-c", PEER, source, target]) if asked.romanisim else {}
        means = {"romanisim": np.load(target)} if theirs else {}
        print(f"{asked.size} x {asked.size} x 44 reads, table {TABLE}; the peer on one thread, ours on {asked.threads}")
        for what, (seconds, peak) in theirs.items():
            print(f"  {'romanisim':14s} {what:16s} {seconds:7.2f} s {peak:6.0f} MB")
        for name in ("like the peer", "everything"):
            took = run([sys.executable, __file__, "--threads", str(asked.threads), "--run", source, target, name])
            means[name] = np.load(target)
            for what, (seconds, peak) in took.items():
                told = theirs.get(what.removesuffix(" with search"))
                ratio = f"{told[0] / seconds:6.1f} times as fast" if told else ""
                print(f"  {name:14s} {what:16s} {seconds:7.2f} s {peak:6.0f} MB {ratio}")
    for name, mean in means.items():  # the slope of the means is the light, whatever the level
        slope = (mean[-1] - mean[0]) / (counts.mean() / GAIN * 42.5 / 44.0)
        assert abs(slope - 1.0) < 0.03, f"{name}: timing a wrong answer, {slope}"


if __name__ == "__main__":
    main()
