"""Time of every ramp fit in units of R, its memory, its growth with the groups, and the peers on the same arrays.

python bench/ramps.py [--even 512 2048] [--roman 4096] [--groups 10] [--long 44 200]
                      [--stcal PYTHON] [--romanisim PYTHON] [--quick]
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from _ramps import EVEN, ROMAN, Ramps, simulate
from _yardstick import in_turns, peak_memory, read_once

import obverse as ob

ESTIMATORS = ("likelihood", "ols", "casertano", "covariance")

PEERS_OF = {
    EVEN: {"stcal": ("OLS_C", "LIKELY")},
    ROMAN: {
        "stcal": ("cas22", "cas22 with search"),
        "romanisim": ("romanisim casertano", "romanisim optimal"),
    },
}
RIVAL = {
    "OLS_C": "ols, jumps flagged",
    "LIKELY": "likelihood with search, 5 % hit",
    "cas22": "casertano, jumps flagged",
    "cas22 with search": "casertano with search, 5 % hit",
    "romanisim casertano": "casertano, jumps flagged",
    "romanisim optimal": "covariance",
}


def ours(clean: Ramps, struck: Ramps, threads: int, rounds: int) -> dict[str, float]:
    """Time every estimator without hits, with hits that are flagged, and with its search."""
    plain, flagged, searched = clean.arguments(), struck.arguments(flagged=True), struck.arguments()
    jobs: dict[str, Any] = {
        "R": lambda: read_once(clean.counts, plain["flags"], plain["read_noise"], threads),
    }
    for name in ESTIMATORS:
        own = {"estimator": name, "threads": threads}
        jobs[name] = lambda own=own: ob.fit_ramps(clean.counts, find_jumps=False, **own, **plain)
        jobs[f"{name}, jumps flagged"] = lambda own=own: ob.fit_ramps(struck.counts, find_jumps=False, **own, **flagged)
        jobs[f"{name} with search, 5 % hit"] = lambda own=own: ob.fit_ramps(struck.counts, **own, **searched)
    took = in_turns(jobs, rounds)
    for name, seconds in took.items():
        print(f"  {name:32s} {1e3 * seconds:9.1f} ms {seconds / took['R']:7.2f} R")
    for name in ESTIMATORS:
        refuse_wrong(clean, name)
    return took


def refuse_wrong(ramps: Ramps, estimator: str) -> None:
    """Time no wrong answer."""
    fit = ob.fit_ramps(ramps.counts, find_jumps=False, estimator=estimator, **ramps.arguments())
    pull = (fit.rate - ramps.rate) / fit.error
    assert abs(pull.std() - 1) < 0.02, f"{estimator}: pulls scatter by {pull.std():.3f}"


def theirs(kind: str, struck: Ramps, took: dict[str, float], pythons: dict[str, str | None]) -> None:
    """Run the peers on the ramps with hits, flagged for those that look for none."""
    reads = np.array([(group[0], group[-1] + 1) for group in struck.pattern.reads], int)
    common = {"counts": struck.counts, "tbar": struck.pattern.tbar, "reads": reads, "read_time": 3.04}
    with tempfile.TemporaryDirectory() as folder:
        for package, names in PEERS_OF[kind].items():
            for name in names if pythons[package] else ():
                searches = name in ("LIKELY", "cas22 with search", "romanisim optimal")
                flags = struck.arguments(flagged=not searches)["flags"]
                source, target = Path(folder) / "ramps.npz", Path(folder) / "rate.npy"
                np.savez(source, flags=flags, **common)
                script = Path(__file__).parent / "_peers.py"
                command = [str(pythons[package]), str(script), name, str(source), str(target)]
                printed = subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()
                report_peer(name, float(printed[-2]), float(printed[-1]), np.load(target), struck, took)


def report_peer(name: str, seconds: float, memory: float, rate: Any, struck: Ramps, took: dict[str, float]) -> None:
    own = took[RIVAL[name]]
    off = np.median(abs(rate - struck.rate)[~struck.hit] / np.sqrt(struck.rate + 1)[~struck.hit])
    assert off < 1, f"{name} answers something else"
    print(
        f"  {name:32s} {1e3 * seconds:9.1f} ms {seconds / took['R']:7.0f} R, {memory:.0f} MB; "
        f"{RIVAL[name]} is {seconds / own:.0f} times faster"
    )


def memory(size: int, groups: int) -> None:
    print(f"\npeak memory, {size} x {size} x {groups}, with search, two threads")
    ramps = simulate(EVEN, size, groups, 0.05)
    for kind in ("float32", "uint16"):
        counts = ramps.counts.clip(0, 65535).astype(kind)
        for name in ESTIMATORS:
            one_fit(counts, ramps, name)


def one_fit(counts: Any, ramps: Ramps, estimator: str) -> None:
    known = ramps.arguments()
    ob.fit_ramps(counts, threads=2, estimator=estimator, **known)
    with peak_memory() as used:
        fit = ob.fit_ramps(counts, threads=2, estimator=estimator, **known)
    output = sum(plane.nbytes for plane in (*fit.planes().values(), fit.resultant_flags)) / 1e6
    sizes = f"input {counts.nbytes / 1e6:.0f} MB, output {output:.0f} MB"
    print(f"  {estimator:11s} {counts.dtype!s:8s} {sizes}, above the start {used['extra']:.0f} MB")


def growth(size: int, lengths: list[int]) -> None:
    print(f"\ngrowth with the groups, {size} x {size}, 1 thread: ns for each pixel and group, clean / 5 % hit, search")
    for groups in (5, 10, 20, *lengths):
        clean, struck = (simulate(EVEN, size, groups, share) for share in (0.0, 0.05))
        known = clean.arguments()
        jobs: dict[str, Any] = {"R": lambda c=clean, k=known: read_once(c.counts, k["flags"], k["read_noise"])}
        for name in ESTIMATORS:
            own = {"threads": 1, "estimator": name, **known}
            jobs[name] = lambda c=clean.counts, k=own: ob.fit_ramps(c, find_jumps=False, **k)
            jobs[f"{name} search"] = lambda c=struck.counts, k=own: ob.fit_ramps(c, **k)
        took = {name: 1e9 * seconds / clean.counts.size for name, seconds in in_turns(jobs, 3).items()}
        each = ", ".join(f"{name} {took[name]:.2f} / {took[f'{name} search']:.2f}" for name in ESTIMATORS)
        print(f"  {groups:3d} groups: R {took['R']:.2f}, {each}")


def first_call() -> None:
    script = (
        "import time; t = time.perf_counter(); import numpy as np, obverse as ob;"
        "ob.fit_ramps(np.ones((5, 8, 8), 'f4'), ob.ReadPattern.even(5), gain=1.0, read_noise=9.0, estimator='{}');"
        "print(time.perf_counter() - t)"
    )
    print("\nfirst fit of a new process, compiled code cached")
    for name in ESTIMATORS:
        command = [sys.executable, "-c", script.format(name)]
        took = [float(subprocess.run(command, check=True, capture_output=True).stdout) for _ in range(3)]
        print(f"  {name:11s} {min(took):.2f} s")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--even", type=int, nargs="*", default=[512, 2048], help="sizes with even groups")
    parser.add_argument("--roman", type=int, nargs="*", default=[4096], help="sizes with uneven resultants")
    parser.add_argument("--groups", type=int, default=10)
    parser.add_argument("--long", type=int, nargs="*", default=[44, 200], help="numbers of groups for the growth")
    parser.add_argument("--stcal", help="Python of an environment with stcal")
    parser.add_argument("--romanisim", help="Python of an environment with romanisim")
    parser.add_argument("--quick", action="store_true", help="small sizes, to see that it runs")
    asked = parser.parse_args()
    if asked.quick:
        asked.even, asked.roman, asked.long = [256], [256], [44]
    for kind, sizes in ((EVEN, asked.even), (ROMAN, asked.roman)):
        for size in sizes:
            clean, struck = (simulate(kind, size, asked.groups, share) for share in (0.0, 0.05))
            for threads in (1, 2):
                print(f"\n{kind}, {size} x {size} x {asked.groups} float32, {threads} thread(s)")
                took = ours(clean, struck, threads, 5 if size > 2048 else 9)
                if threads == 1:
                    theirs(kind, struck, took, {"stcal": asked.stcal, "romanisim": asked.romanisim})
    memory(max(asked.even, default=512), asked.groups)
    growth(min(max(asked.even, default=512), 512), asked.long)
    first_call()


if __name__ == "__main__":
    main()
