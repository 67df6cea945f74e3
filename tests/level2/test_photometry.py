"""Stars through the whole chain: fluxes from level 2, and their errors from its variances."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest

from obverse import Detector, Frame
from obverse.scene.drawing import draw
from obverse.scene.profiles import moffat
from obverse.scene.scene import Scene
from obverse.scene.sources import Sources
from obverse.sums import sum_variance
from obverse.testing import check_equivalent
from tests.chain.gates import SPARE, WITHIN_68, WITHIN_95
from tests.level2.simulating import SHAPE, before, drawn_belief, science, true_wfi

FLUXES = (10.0, 100.0, 1000.0, 4000.0, 20000.0)
"""Of the stars [electron/s]: from a tenth of the sky in the aperture to cores that fill in a third of the ramp."""

SKY = 0.5
REACH = 5
PSF = moffat(2.0, 3.5)
DARK_ERROR = 0.0005
"""What `drawn_belief` states of the dark rate, common to all pixels [electron/s]."""


def stars(seed: int) -> Sources:
    """Return 36 stars on a grid, off its points by up to half a pixel, their fluxes in turn."""
    random = np.random.default_rng([seed, 8])
    row, column = (axis.ravel() + random.uniform(-0.5, 0.5, 36) for axis in np.meshgrid(*[np.arange(28, 230, 40)] * 2))
    return Sources(row=row, column=column, flux=np.array(FLUXES)[(np.arange(36) + seed) % len(FLUXES)])


def profile(row: float, column: float) -> np.ndarray:
    """Return the light of a star of flux 1 within the aperture."""
    light = draw(Sources(row=[row], column=[column], flux=[1.0]), PSF, SHAPE)
    rows, columns = np.ogrid[: SHAPE[0], : SHAPE[1]]
    return np.where(np.hypot(rows - row, columns - column) < REACH, light, 0.0)


def measured_flux(image: Frame, p: np.ndarray, belief: Detector) -> tuple[float, float]:
    """Return the flux of a star and its error: the profile for weights, which do not follow the data."""
    p = np.where(image.unusable(), 0.0, p)
    w = p / (p**2).sum()
    flux = float((w * np.where(w > 0, image.data - SKY, 0.0)).sum())
    variance = sum_variance(image, w, belief) + (DARK_ERROR * w.sum()) ** 2
    return flux, float(np.sqrt(variance))


@cache
def pulls(scenes: int) -> dict[float, np.ndarray]:
    """Return the pulls of all stars by their flux."""
    found: dict[float, list[float]] = {flux: [] for flux in FLUXES}
    for i in range(scenes):
        truth, sources = true_wfi(i % 10), stars(i)
        belief = drawn_belief(i % 10).with_effect(truth.effect("gain"))  # standard stars set the scale of fluxes
        scene = Scene(sources, PSF, sky=SKY)
        raw = truth.expose(scene, science(f"stars {i}"), seed=60 + i, history=before())
        image = belief.calibrate(raw, history=before())
        for row, column, flux in zip(sources.row, sources.column, sources.flux, strict=True):
            got, error = measured_flux(image, profile(row, column), belief)
            found[flux].append((got - flux) / error)
    return {flux: np.array(each) for flux, each in found.items()}


def test_fluxes_of_a_few_scenes_are_right():
    """Few stars: five standard errors of what unit pulls allow."""
    for flux, pull in pulls(3).items():
        n = pull.size
        assert abs(pull.mean()) < 5 / np.sqrt(n), (flux, pull.mean())
        assert abs(pull.std() - 1.0) < 5 / np.sqrt(2 * n), (flux, pull.std())


@pytest.mark.validate
def test_pulls_of_fluxes_in_200_scenes():
    every = np.concatenate(list(pulls(200).values()))
    n = every.size
    check_equivalent("pull std", every.std(), 1.0, 1 / np.sqrt(2 * n), 0.03, SPARE)
    check_equivalent("mean pull", every.mean(), 0.0, 1 / np.sqrt(n), 0.05, SPARE)
    for share, limit, tolerance in ((WITHIN_68, 1.0, 0.025), (WITHIN_95, 1.96, 0.0125)):
        error = np.sqrt(share * (1 - share) / n)
        check_equivalent(f"{share:.0%} coverage", (np.abs(every) < limit).mean(), share, error, tolerance, SPARE)
    for flux, pull in pulls(200).items():  # a fifth of the stars each
        check_equivalent(f"{flux} electron/s: pull std", pull.std(), 1.0, 1 / np.sqrt(2 * pull.size), 0.1, SPARE)
        check_equivalent(f"{flux} electron/s: mean pull", pull.mean(), 0.0, 1 / np.sqrt(pull.size), 0.15, SPARE)
