"""Gates that are no law of one effect: each raises AssertionError, so that a seeded mistake can be shown to fail it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from obverse import Detector, Exposure, Flag, Frame, ReadPattern
from obverse.effects import Effect
from obverse.testing import Stand, require

Array = NDArray[Any]


def check_pattern(pattern: ReadPattern) -> None:
    r"""Photon variance and mean time of a resultant, against the double sum over its reads.

    Reads at :math:`t_i, t_j` share the photons that came before the earlier one: their covariance is
    :math:`a \min(t_i, t_j)`, and that of the mean of N reads :math:`a \sum_{ij} \min(t_i, t_j) / N^2`.
    """
    for times, tau, tbar in zip(pattern.times, pattern.tau, pattern.tbar, strict=True):
        n = len(times)
        double_sum = sum(min(a, b) for a in times for b in times) / n**2
        require(np.isclose(tau, double_sum, rtol=1e-12), f"tau is {tau}, the double sum says {double_sum}")
        require(np.isclose(tbar, sum(times) / n, rtol=1e-12), f"tbar is {tbar}, the mean is {sum(times) / n}")


NOISY = ("cosmic_rays", "reset_noise", "read_noise", "bias_drift")


def check_streams_are_private(detector: Detector, rate: float, exposure: Exposure) -> None:
    """Taking one noisy effect out leaves what all others add as it was, and no two add alike."""
    noisy = [name for name in NOISY if detector.has(name)]
    require(len(noisy) >= 2, "fewer than two noisy effects: nothing to compare")
    whole = _added(detector, rate, exposure)
    for name in noisy:
        for other, added in _added(detector.without(name), rate, exposure).items():
            # what is added comes out of a float32 difference: 6e-8 of levels up to 1e5, a few times
            off = np.abs(added - whole[other]).max()
            require(off < 0.05, f"without {name} the noise of {other} is another, by {off:.2g}")
    if {"read_noise", "reset_noise"} <= set(whole):
        # the same numbers in another layout are still the same numbers: compare them sorted, where those of
        # independent streams differ by about 1/sqrt(n), and those of one stream by rounding
        one, other = (np.sort(whole[name] / whole[name].std(), axis=None) for name in ("read_noise", "reset_noise"))
        apart = np.abs(one - other).mean() * np.sqrt(one.size)
        require(apart > 0.2, "read noise and reset noise draw the same numbers")


def _added(detector: Detector, rate: float, exposure: Exposure) -> dict[str, Array]:
    """What each noisy effect added to the first read that it saw, in sensor layout."""
    before, added = np.zeros(()), {}
    for name, pixels in detector.stages(rate, exposure, seed=3):
        after = (detector.geometry.assemble(pixels) if pixels.ndim == 3 else pixels).astype(np.float64)
        if name in NOISY and name not in added:
            added[name] = after - before
        before = after
    return added


def check_saturation_stays(effect: Effect, stand: Stand) -> None:
    """Once a ramp has been flagged SATURATED it stays so to its end, even if noise dips below the threshold."""
    full = float(np.min(effect.full_well))  # type: ignore[attr-defined]
    ramp = full * np.array([0.1, 0.5, 1.0, 0.6, 1.0])[:, None, None] * np.ones(stand.shape, np.float32)
    data = ramp.astype(np.float32)[None]
    flags = effect.correct(Frame(data, "electron", ("integration", "resultant", "row", "column")), stand.at()).flags
    saturated = (flags[0] & Flag.SATURATED) != 0
    require(not saturated[:2].any(), "reads far below full well are flagged")
    require(saturated[2:].all(), "a read behind saturation is not flagged")


def check_rendering(effect: Effect, stand: Stand, signal: float, wanted: float, tolerance: float) -> None:
    """One signal imprinted, against a number from outside."""
    got = stand.imprint(np.full(stand.shape, signal, np.float32))
    off = np.abs(got.astype(np.float64)[stand.lit] - wanted).max()
    require(off <= tolerance, f"{effect.name}: {signal} became {got[stand.lit][0]}, not {wanted}")


def rejects(check: Callable[[], object]) -> bool:
    """Whether a gate raises AssertionError."""
    try:
        check()
    except AssertionError:
        return True
    return False
