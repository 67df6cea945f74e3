"""Particles that the shield sets free: as many as its thickness says, with half of the loss."""

from __future__ import annotations

import math

import numpy as np
import pytest

from obverse import Detector, Exposure, Geometry, Moment
from obverse.effects.cosmic_rays import CosmicRays
from obverse.seeds import Address, Stream

AT = Moment(
    Exposure("a", 1000.0), Geometry((400, 400)), interval=(0.0, 1000.0), rng=Stream(Address(5, "cosmic_rays", "a"))
)


def charge(part):
    return float(CosmicRays(secondaries=part).imprint(np.zeros((400, 400), np.float32), AT).sum(dtype=np.float64))


def test_the_shield_of_the_coronagraph_sets_a_tenth_free():
    """1 - exp(-s / l) of 10 mm and 96 mm: emccd_detect 2.6.2, which draws the other nine tenths instead."""
    assert Detector.load("corgi_excam").effect("cosmic_rays").secondaries == pytest.approx(
        1.0 - math.exp(-10.0 / 96.0), abs=5e-4
    )


@pytest.mark.parametrize("part", [0.099, 0.5, 1.0])
def test_secondaries_lose_half(part):
    """The charge of the same 1280 tracks falls by half of their part; single tracks scatter by twice their mean."""
    chance = 0.5 * 2.0 * np.sqrt(part * (1.0 - part) / 1280)
    assert charge(part) / charge(0.0) == pytest.approx(1.0 - 0.5 * part, abs=5.0 * chance + 0.01)


def test_tracks_stay_where_they_were():
    hit = [CosmicRays(secondaries=part).imprint(np.zeros((400, 400), np.float32), AT) > 0 for part in (0.0, 1.0)]
    assert (hit[0] == hit[1]).mean() > 0.999  # the ends of a track, of few electrons, may hold none
