"""Dark campaigns that the tests make for themselves."""

from __future__ import annotations

import numpy as np

import obverse as ob

SMALL = ob.Geometry((106, 107), prescan=108, overscan=5, parallel_overscan=14, shielded=(2, 0, 0, 2))
"""The small SCI geometry of the cases: a file of 120 x 220."""

FPN, CIC, DARK, READ = 21.0, 0.02, 8.33e-4, 100.0


def grid(n_gains=7, n_times=7, top_gain=5000.0):
    """Every pair of EM gain and exposure time."""
    return [(float(g), float(t)) for g in np.linspace(2, top_gain, n_gains) for t in np.linspace(2, 100, n_times)]


def exposure(gain, time, name="dark", k_gain=7.0):
    return ob.Exposure(name, time, em_gain=gain, k_gain=k_gain, kind="dark")


def frame(data, gain, time, name="dark", k_gain=7.0, **more):
    return ob.Frame(data, "electron", exposure=exposure(gain, time, name, k_gain), **more)


def truth(geometry=SMALL):
    """F, C and D of every pixel of the file."""
    sensor = geometry.in_file("sensor")
    return FPN * sensor, np.full(geometry.file_shape, CIC), DARK * sensor


def amplified(rng, electrons, gain):
    """Electrons behind a register: gamma for each that enters, the law of high gain."""
    out = np.zeros(electrons.shape)
    some = electrons > 0
    out[some] = rng.gamma(electrons[some], gain)
    return out


def campaign(settings, n, seed, maps=None, geometry=SMALL, register=True, read=READ):
    """Frames of every (gain, time), n each; n may be a list, one a stack."""
    rng = np.random.default_rng(seed)
    fpn, cic, dark = truth(geometry) if maps is None else maps
    counts = np.broadcast_to(n, len(settings))
    frames = []
    for (gain, time), count in zip(settings, counts, strict=True):
        for k in range(count):
            electrons = rng.poisson(cic + time * dark) if register else rng.poisson(gain * (cic + time * dark))
            signal = amplified(rng, electrons, gain) if register else electrons
            data = (fpn + signal + rng.normal(0.0, read, fpn.shape)).astype(np.float32)
            frames.append(frame(data, gain, time, f"g{gain:g} t{time:g} {k}"))
    return frames


def exact(settings, maps, n=2):
    """Frames without noise."""
    fpn, cic, dark = maps
    return [frame(fpn + g * cic + g * t * dark, g, t) for g, t in settings for _ in range(n)]
