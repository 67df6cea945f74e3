"""What noise maps must keep: unbiased, efficient, and with errors of the right size."""

from __future__ import annotations

import numpy as np

from tests.darks.campaigns import SMALL, truth

NAMES = ("fpn", "cic", "dark_current")


def deviations(maps, true=None):
    """Maps less the truth, and their errors, (map, pixel) of the sensor."""
    sensor = SMALL.in_file("sensor")
    true = truth() if true is None else true
    off = [(getattr(maps.unclipped, name) - plane)[sensor] for name, plane in zip(NAMES, true, strict=True)]
    return np.array(off), np.array([getattr(maps, f"{name}_error")[sensor] for name in NAMES])


def is_unbiased(pull):
    """Means of pulls (map, pixel) lie within four of their errors of 0."""
    for name, values in zip(NAMES, pull, strict=True):
        z = values.mean() * np.sqrt(values.size)
        assert abs(z) < 4, f"{name} is {z:.1f} sigma off"


def is_sized(pull, tolerance):
    """|std - 1| + 3 SE < tolerance."""
    for name, values in zip(NAMES, pull, strict=True):
        se = 1 / np.sqrt(2 * values.size)
        assert abs(values.std() - 1) + 3 * se < tolerance, f"{name}: pulls of {values.std():.3f}"


def is_efficient(off):
    """Below the limits of X2."""
    for name, values, limit in zip(NAMES, off, (8.0, 0.015, 3.1e-4), strict=True):
        assert np.sqrt((values**2).mean()) < limit, f"{name}: {values.std()}"


def propagates(maps, tolerance=0.05):
    """Pulls of the synthesized dark at several gains and times."""
    off, _ = deviations(maps)
    sensor = SMALL.in_file("sensor")
    for gain, time in ((1000.0, 60.0), (5000.0, 100.0), (2.0, 2.0)):
        direction = np.array([1 / gain, 1.0, time])
        pull = direction @ off / np.sqrt(maps.variance_of(direction)[sensor])
        assert abs(pull.std() - 1) + 3 / np.sqrt(2 * pull.size) < tolerance, f"{gain} {time}: {pull.std():.3f}"


def reports_the_mean(means):
    """X4: the mean of C before clipping."""
    assert abs(means["cic"] - 0.02) < 4e-4
