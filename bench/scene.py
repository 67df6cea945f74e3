"""Time and memory of drawing stars and galaxies on 4088 x 4088 pixels, and of GalSim for each of them.

python bench/scene.py [--stars 10000000] [--galaxies 500] [--threads 2] [--peer /path/to/python-with-galsim]
"""

from __future__ import annotations

import argparse
import resource
import subprocess
import time

import numpy as np

from obverse.scene import Sources, draw, moffat

PEER = """
import time
import numpy as np, galsim
random = np.random.default_rng(1)
image, moffat = galsim.ImageD(1000, 1000), galsim.Moffat(3.0, fwhm=2.2)

def add(profile):
    row, column = random.uniform(150, 850, 2)
    stamp = profile.drawImage(scale=1.0, center=galsim.PositionD(column, row))
    image[stamp.bounds & image.bounds] += stamp[stamp.bounds & image.bounds]

def galaxy():
    index, radius, ratio = round(random.uniform(0.5, 4), 1), random.uniform(1, 6), random.uniform(0.3, 1)
    shape = galsim.Sersic(index, half_light_radius=radius).shear(q=ratio, beta=1.0 * galsim.radians)
    return galsim.Convolve(moffat, shape)

for name, make in (("star", lambda: moffat), ("galaxy", galaxy)):
    add(make())
    start = time.perf_counter()
    for _ in range(300):
        add(make())
    print(f"GalSim, a {name}: {(time.perf_counter() - start) / 300 * 1e3:.3f} ms")
"""


def crowd(stars: int, side: int) -> Sources:
    """Stars of 0.01 to 10 electron/s, and twenty of a million."""
    random = np.random.default_rng(2)
    flux = np.append(10 ** random.uniform(-2, 1, stars), np.full(20, 1e6))
    return Sources(*random.uniform(0, side, (2, flux.size)), flux)


def galaxies(n: int) -> Sources:
    random = np.random.default_rng(1)
    shape = random.uniform(1, 6, n), np.round(random.uniform(0.5, 4, n), 1), random.uniform(0.3, 1, n), np.ones(n)
    return Sources(*random.uniform(150, 850, (2, n)), np.ones(n), *shape)


def timed(sources: Sources, side: int, threads: int) -> float:
    start = time.perf_counter()
    image = draw(sources, moffat(2.2), (side, side), threads=threads)
    took = time.perf_counter() - start
    assert 0.9 * sources.flux.sum() < image.sum() < 1.001 * sources.flux.sum()
    return took


def main() -> None:
    options = argparse.ArgumentParser()
    options.add_argument("--stars", type=int, default=10_000_000)
    options.add_argument("--galaxies", type=int, default=500)
    options.add_argument("--threads", type=int, default=2)
    options.add_argument("--peer")
    given = options.parse_args()
    timed(crowd(1000, 64), 64, 1)  # compiles
    stars = crowd(given.stars, 4088)
    took = timed(stars, 4088, given.threads)
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    print(f"{given.stars} stars: {took:.1f} s, {memory:.2f} GB, {took / given.stars * 1e3:.4f} ms a star")
    some = galaxies(given.galaxies)
    timed(some, 1000, given.threads)
    print(f"a galaxy: {timed(some, 1000, given.threads) / given.galaxies * 1e3:.2f} ms")
    if given.peer:
        subprocess.run([given.peer, "-c", PEER], check=True)


if __name__ == "__main__":
    main()
