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
from obverse.testing import check_equivalent, require
from tests.chain.gates import SPARE, WITHIN_68, WITHIN_95

Mask = NDArray[np.bool_]
EDGE = 4
"""Pixels from the reference border that count as edge."""


@dataclass(frozen=True)
class Trial:
    """One exposure of an even light, calibrated, which pixels a particle hit, and with what charge by resultant."""

    calibrated: Frame
    rate: float
    hit: Mask
    detector: Detector
    deposits: NDArray[np.float64] | None = None

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
        more = raw.data[0].astype(np.float32) - spared.data[0]
        gain = np.asarray(truth.effect("gain").gain, np.float32)[truth.geometry.amplifier_map]
        charge = Frame(more * gain, "electron", ("resultant", "row", "column"), exposure=exposure)
        alone = truth.effect("interpixel_capacitance").correct(charge, Moment.of(charge, truth.geometry)).data
        return cls(belief.calibrate(raw, history=history), rate, (more != 0).any(axis=0), truth, alone)

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


def check_no_worse(what: str, pull: NDArray[np.float64], struck: NDArray[np.float64]) -> None:
    """Hit pixels lean and scatter no more than ramps of noise that are struck alike: small hits nobody can find."""
    error = np.sqrt(1 / pull.size + 1 / struck.size)
    most, far = max(struck.std(), 1.0) + 0.03, abs(struck.mean()) + 0.05
    require(
        pull.std() + SPARE * error / np.sqrt(2) < most, f"{what}: pull std {pull.std():.4f}, wanted below {most:.4f}"
    )
    require(abs(pull.mean()) + SPARE * error < far, f"{what}: mean pull {pull.mean():.4f}, wanted within {far:.4f}")


def check_cover(what: str, pull: NDArray[np.float64], plain: NDArray[np.float64] | None = None) -> None:
    """How often the truth is inside one and two sigma."""
    for share, limit, tolerance in ((WITHIN_68, 1.0, 0.01), (WITHIN_95, 1.959964, 0.005)):
        wanted = share if plain is None else float((np.abs(plain) < limit).mean())
        error = np.sqrt(wanted * (1 - wanted) / pull.size)
        inside = (np.abs(pull) < limit).mean()
        check_equivalent(f"{what}: {share:.0%} coverage", inside, wanted, error, tolerance, SPARE)


def light_and_noise(one: Trial, belief: Detector) -> tuple[float, float]:
    """Return the light with the dark current [electron/s] and the read noise [electron] of a trial."""
    at = Moment.of(one.calibrated, belief.geometry)
    noise = float(np.mean(read_noise(belief.effects, at, cancels=("integration",))))
    return one.rate + float(np.mean(one.detector.effect("dark_current").rate)), noise


def plain_like(one: Trial, belief: Detector, n: int = 100_000) -> NDArray[np.float64]:
    """Return pulls of ramps of noise alone at the light, the dark current and the read noise of a trial."""
    rate, noise = light_and_noise(one, belief)
    pattern = one.calibrated.exposure.pattern
    return pulls_and_flags(plain_ramps(rate, noise, pattern, n, seed=3), rate, noise, pattern)[0]


def struck_like(one: Trial, belief: Detector, seed: int) -> dict[str, NDArray[np.float64]]:
    """Return pulls of ramps of noise alone that were struck as the hit pixels of a trial: all, and the flagged ones."""
    rate, noise = light_and_noise(one, belief)
    pattern, struck = one.calibrated.exposure.pattern, one.deposits[:, one.kinds["hit"]]
    ramps = plain_ramps(rate, noise, pattern, struck.shape[1], seed) + struck
    pull, flagged = pulls_and_flags(ramps, rate, noise, pattern)
    return {"hit": pull, "flagged": pull[flagged]}


def plain_ramps(rate: float, noise: float, pattern: ReadPattern, n: int, seed: int) -> NDArray[np.float64]:
    """Return n ramps (resultant, n) that hold photons and the noise of reads alone [electron]."""
    random = np.random.default_rng(seed)
    charge, last, means = np.zeros(n), 0.0, []
    for group in pattern.times:
        reads = []
        for time in group:
            charge = charge + random.poisson(rate * (time - last), n)
            last = time
            reads.append(charge + noise * random.standard_normal(n))
        means.append(np.mean(reads, axis=0))
    return np.array(means)


def pulls_and_flags(
    ramps: NDArray[np.float64], rate: float, noise: float, pattern: ReadPattern
) -> tuple[NDArray[np.float64], Mask]:
    """Return the pulls of the fit of ramps, and which have a jump."""
    fit = fit_ramps(ramps[:, None], pattern, gain=1.0, read_noise=noise)
    return ((fit.rate - rate) / fit.error).ravel(), ((fit.flags & np.uint32(Flag.JUMP_DET)) != 0).ravel()
