"""Exposures of an even light with everything switched on, calibrated by a belief, and their pulls by kind of pixel."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from obverse import Detector, Exposure, Flag, Frame, ReadPattern, fit_ramps
from obverse.history import History
from obverse.moment import Moment
from obverse.noise import read_noise
from obverse.testing import check_equivalent
from tests.chain.gates import SPARE, WITHIN_68, WITHIN_95

Mask = NDArray[np.bool_]
EDGE = 4
"""Pixels from the reference border that count as edge."""


@dataclass(frozen=True)
class Trial:
    """One exposure of an even light, calibrated, and which pixels a particle hit."""

    calibrated: Frame
    rate: float
    hit: Mask
    detector: Detector

    @classmethod
    def of(
        cls,
        truth: Detector,
        belief: Detector,
        rate: float,
        exposure: Exposure,
        *,
        seed: int,
        history: History | None = None,
    ) -> Trial:
        """Expose and calibrate; that nothing else changes without particles tells which pixels they hit."""
        raw = truth.expose(rate, exposure, seed=seed, history=history)
        spared = truth.without("cosmic_rays", "snowballs").expose(rate, exposure, seed=seed, history=history)
        hit = (raw.data != spared.data).any(axis=(0, 1))
        return cls(belief.calibrate(raw, history=history), rate, hit, truth)

    @cached_property
    def kinds(self) -> dict[str, Mask]:
        """Usable pixels by what has happened to them."""
        good = ~self.calibrated.unusable() & self.detector.geometry.sensitive
        flags = self.calibrated.pixel_flags
        saturated, edge = (flags & Flag.SATURATED) != 0, self._edge
        clean = good & ~self.hit & ~saturated
        return {
            "all": good,
            "clean": clean & ~edge,
            "hit": good & self.hit,
            "flagged": good & self.hit & ((flags & Flag.JUMP_DET) != 0),
            "saturated": good & saturated,
            "edge": clean & edge,
            "persistent": clean & ((flags & Flag.PERSISTENCE) != 0),
        }

    @property
    def _edge(self) -> Mask:
        inner = np.zeros(self.calibrated.shape, bool)
        border = self.detector.geometry.reference[0] + EDGE
        inner[border:-border, border:-border] = True
        return ~inner

    @cached_property
    def off(self) -> NDArray[np.float64]:
        """Difference from the truth (row, column) about the mean of each amplifier, which shares gain and level.

        The mean is that of pixels that nothing has happened to, where there are any.
        """
        off = self.calibrated.data.astype(np.float64) - self.rate
        owner = self.detector.geometry.amplifier_map
        level = self.kinds["clean"] if self.kinds["clean"].mean() > 0.1 else self.kinds["all"]
        for i in range(len(self.detector.geometry.amplifiers)):
            off[owner == i] -= off[(owner == i) & level].mean()
        return off

    def pulls(self, kind: str) -> NDArray[np.float64]:
        """Differences over the stated errors, of one kind of pixel."""
        where = self.kinds[kind]
        return self.off[where] / self.calibrated.error[where]

    def chi2(self) -> NDArray[np.float64]:
        """Chi-square per degree of freedom of the clean pixels that the fit took whole."""
        flags = self.calibrated.pixel_flags
        whole = self.kinds["clean"] & ((flags & Flag.JUMP_DET) == 0)
        freedom = len(self.calibrated.exposure.pattern) - 2
        return self.calibrated.companions["chi2"].data[whole].astype(np.float64) / freedom


def check_scatter(
    what: str, pull: NDArray[np.float64], plain: NDArray[np.float64] | None = None, tolerance: float = 0.03
) -> None:
    """Scatter and mean of the pulls of a kind of pixel.

    Faint pulls are no unit normals, for anybody: `plain` are those of ramps that hold nothing but noise.
    """
    n = pull.size
    wanted, lean = (1.0, 0.0) if plain is None else (plain.std(), plain.mean())
    check_equivalent(f"{what}: pull std", pull.std(), wanted, 1 / np.sqrt(2 * n), tolerance, SPARE)
    check_equivalent(f"{what}: mean pull", pull.mean(), lean, 1 / np.sqrt(n), 0.05, SPARE)


def check_cover(what: str, pull: NDArray[np.float64], plain: NDArray[np.float64] | None = None) -> None:
    """How often the truth is inside one and two sigma."""
    for share, limit, tolerance in ((WITHIN_68, 1.0, 0.01), (WITHIN_95, 1.959964, 0.005)):
        wanted = share if plain is None else float((np.abs(plain) < limit).mean())
        error = np.sqrt(wanted * (1 - wanted) / pull.size)
        inside = (np.abs(pull) < limit).mean()
        check_equivalent(f"{what}: {share:.0%} coverage", inside, wanted, error, tolerance, SPARE)


def plain_like(one: Trial, belief: Detector, n: int = 100_000) -> NDArray[np.float64]:
    """Return pulls of ramps of noise alone at the light, the dark current and the read noise of a trial."""
    at = Moment.of(one.calibrated, belief.geometry)
    noise = float(np.mean(read_noise(belief.effects, at, cancels=("integration",))))
    rate = one.rate + float(np.mean(one.detector.effect("dark_current").rate))
    return plain_pulls(rate, noise, one.calibrated.exposure.pattern, n, seed=3)


def plain_pulls(rate: float, noise: float, pattern: ReadPattern, n: int, seed: int) -> NDArray[np.float64]:
    """Return pulls of the fit of ramps that hold photons and the noise of reads alone."""
    random = np.random.default_rng(seed)
    charge, last, means = np.zeros(n), 0.0, []
    for group in pattern.times:
        reads = []
        for time in group:
            charge = charge + random.poisson(rate * (time - last), n)
            last = time
            reads.append(charge + noise * random.standard_normal(n))
        means.append(np.mean(reads, axis=0))
    fit = fit_ramps(np.array(means).reshape(len(pattern), 1, n), pattern, gain=1.0, read_noise=noise)
    return ((fit.rate - rate) / fit.error).ravel()
