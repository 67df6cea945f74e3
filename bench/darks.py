"""Noise maps of full frames: seconds and peak memory, in memory and streamed, and the peer on the same files.

python bench/darks.py [--frames 3] [--peer /path/to/python-with-corgidrp]
python bench/darks.py --scaling        cost and memory against the frames of a stack, on a smaller geometry
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

import obverse as ob

FULL = ob.Geometry(
    (1037, 1056), prescan=1088, overscan=56, parallel_overscan=163, shielded=(13, 0, 0, 32), telemetry=(1199, 1200)
)
SMALL = ob.Geometry((106, 107), prescan=108, overscan=5, parallel_overscan=14, shielded=(2, 0, 0, 2))
SETTINGS = [(g, t) for g in (2.0, 1000.0, 5000.0) for t in (2.0, 100.0)]
FPN, CIC, DARK, READ = 21.0, 0.02, 8.33e-4, 100.0

OURS = """
import resource, sys, time, warnings
from pathlib import Path
warnings.simplefilter("ignore")
import obverse as ob
sys.path.insert(0, {here!r})
from darks import FULL, SMALL
from obverse.darks import calibrate_darks_lsq
mode, size, limit, *folders = sys.argv[1:]
geometry = {{"full": FULL, "small": SMALL}}[size]
warm, paths = [sorted(Path(folder).glob("*.fits")) for folder in folders]
calibrate_darks_lsq(warm, SMALL)  # load and compile
given = [ob.read(path) for path in paths] if mode == "memory" else paths
held = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
start = time.perf_counter()
maps = calibrate_darks_lsq(given, geometry, memory_limit=int(limit))
took = time.perf_counter() - start
print(took, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, held, maps.means["cic"])
"""

PEER = """
import resource, sys, time, warnings
from pathlib import Path
warnings.simplefilter("ignore")
from corgidrp import data
from corgidrp.darks import calibrate_darks_lsq
mode, folder = sys.argv[1:]
given = data.Dataset([str(path) for path in sorted(Path(folder).glob("*.fits"))])
if mode == "streamed":
    for frame in given.frames:
        frame.data = None
    given = data.Dataset(list(given.frames))
    for frame in given.frames:
        frame.data = None
held = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
start = time.perf_counter()
maps = calibrate_darks_lsq(given, data.DetectorParams({}), CR_threshold_check=False)
took = time.perf_counter() - start
print(took, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, held, maps.ext_hdr["CIC_IMM"])
"""


def make(folder: Path, geometry: ob.Geometry, frames: int) -> None:
    """Write a campaign, a frame a file, named as the coronagraph's are."""
    folder.mkdir()
    rng = np.random.default_rng(4567)
    sensor = geometry.in_file("sensor")
    for stack, (gain, time) in enumerate(SETTINGS):
        for k in range(frames):
            electrons = rng.poisson(CIC + time * DARK * sensor)
            signal = np.zeros(sensor.shape)
            signal[electrons > 0] = rng.gamma(electrons[electrons > 0], gain)
            data = FPN * sensor + signal + rng.normal(0.0, READ, sensor.shape)
            name = f"cgi_0200001001001001001_20260101t{stack:03d}{k:04d}_l2a.fits"
            exposure = ob.Exposure(
                name[:-9],
                time,
                em_gain=gain,
                k_gain=7.0,
                kind="dark",
                detector="CGI/EXCAM",
                start="2027-03-01T10:00:00",
            )
            frame = ob.Frame(data, "electron", exposure=exposure, undone=("bias", "gain"))
            ob.write(frame, folder / name)


def told(python: str, script: str, *args: object) -> tuple[float, float, float, float]:
    done = subprocess.run([python, "-c", script, *map(str, args)], capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(done.stderr[-2000:])
    seconds, peak, held, cic = map(float, done.stdout.split()[-4:])
    return seconds, peak, held, cic


def compare(root: Path, frames: int, peer: str | None) -> None:
    make(root / "warm", SMALL, 2)
    make(root / "full", FULL, frames)
    script = OURS.format(here=str(Path(__file__).parent))
    rows = {
        f"ours, {mode}": told(sys.executable, script, mode, "full", 2**27, root / "warm", root / "full")
        for mode in ("memory", "streamed")
    }
    if peer:
        rows |= {f"corgidrp, {mode}": told(peer, PEER, mode, root / "full") for mode in ("memory", "streamed")}
    print(f"1200x2200, {len(SETTINGS)} stacks x {frames} frames")
    for name, (seconds, peak, held, cic) in rows.items():
        print(f"{name:20s} {seconds:7.2f} s  peak {peak:6.0f} MB (before the fit {held:5.0f})  mean C {cic:.5f}")
    if peer:
        for mode in ("memory", "streamed"):
            mine, theirs = rows[f"ours, {mode}"], rows[f"corgidrp, {mode}"]
            print(f"{mode}: {theirs[0] / mine[0]:.1f} times as fast, {theirs[1] / mine[1]:.1f} times less memory")


def scale(root: Path) -> None:
    """Time and memory of 6 stacks, of up to 1,176 frames each."""
    make(root / "warm", SMALL, 2)
    script = OURS.format(here=str(Path(__file__).parent))
    print("120x220, 6 stacks; frames a stack, seconds, ms a frame, peak MB")
    for frames in (2, 147, 294, 588, 1176):
        folder = root / f"n{frames}"
        make(folder, SMALL, frames)
        seconds, peak, _, _ = told(sys.executable, script, "streamed", "small", 0, root / "warm", folder)
        print(f"{frames:5d} {seconds:8.2f} {1e3 * seconds / (6 * frames):8.2f} {peak:8.0f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--frames", type=int, default=3)
    parser.add_argument("--peer", help="a Python that has corgidrp")
    parser.add_argument("--scaling", action="store_true")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        if given.scaling:
            scale(Path(folder))
        else:
            compare(Path(folder), given.frames, given.peer)


if __name__ == "__main__":
    main()
