"""What calibrated frames and measured parameters must show when they are compared with the truth.

Equivalence, not non-rejection: a metric passes if it lies within its tolerance with some standard errors to spare,
so that a small sample fails. Standard errors of n pulls: 1/sqrt(n) of a mean, 1/sqrt(2n) of a standard deviation,
sqrt(p(1-p)/n) of a coverage p.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from obverse import Detector, Frame
from obverse.testing import check_equivalent, require

WITHIN_68, WITHIN_95 = 0.6827, 0.95
SPARE = 3.0
"""Standard errors to spare; the tolerances stand at each gate."""


@dataclass(frozen=True)
class Compared:
    """Differences of a calibrated frame from the truth, over its usable pixels."""

    off: NDArray[np.float64]
    error: NDArray[np.float64]

    @classmethod
    def of(cls, calibrated: Frame, truth: Any) -> Compared:
        """Compare a frame that has errors with the true light."""
        if calibrated.error is None:
            raise AssertionError("the calibrated frame has no errors")
        good = ~calibrated.unusable() & np.isfinite(calibrated.error)
        require(good.sum() > 10_000, f"only {good.sum()} pixels are usable")
        off = calibrated.data.astype(np.float64) - truth
        return cls(off[good], calibrated.error[good].astype(np.float64))

    @property
    def pull(self) -> NDArray[np.float64]:
        """Differences in units of the stated errors."""
        return self.off / self.error


def check_pulls(
    what: str,
    compared: Compared,
    *,
    std: float = 0.02,
    coverage: tuple[float, float] = (0.01, 0.005),
    oracle: NDArray[np.float64] | None = None,
) -> None:
    """Scatter of the pulls, and how often the truth is inside one and two sigma.

    Where an error is taken from the data, pulls are no unit normals at faint light, for anybody: an oracle then
    says what they are.
    """
    pull, n = compared.pull, compared.pull.size
    wanted = 1.0 if oracle is None else float(oracle.std())
    check_equivalent(f"{what}: pull std", pull.std(), wanted, 1 / np.sqrt(2 * n), std, SPARE)
    for normal, limit, tolerance in ((WITHIN_68, 1.0, coverage[0]), (WITHIN_95, 1.959964, coverage[1])):
        inside = normal if oracle is None else float((np.abs(oracle) < limit).mean())
        error = np.sqrt(inside * (1 - inside) / n)
        check_equivalent(
            f"{what}: {normal:.0%} coverage", (np.abs(pull) < limit).mean(), inside, error, tolerance, SPARE
        )


def check_bias(
    what: str, compared: Compared, truth: float, spread: float, *, relative: float, absolute: float = 0.0
) -> None:
    """The mean is as near to the truth as noise and calibration together say, and these say enough."""
    noise = compared.error.mean() / np.sqrt(compared.off.size)
    error = np.hypot(noise, spread)
    bias = compared.off.mean()
    require(
        abs(bias) < 5 * error, f"{what}: bias {bias:.4g}, {abs(bias) / error:.1f} times what is stated ({error:.2g})"
    )
    limit = relative * truth + absolute
    require(
        5 * error < limit, f"{what}: an error of {error:.2g} tells no bias of {limit:.2g}: use more pixels or frames"
    )


def pulls_of_measured(truth: Detector, belief: Detector) -> dict[str, NDArray[np.float64]]:
    """How far each measured parameter is from the truth, in units of its own error.

    A single rate and the bends are measured in the electron of the believed gain, and their errors hold that of the
    gain. Read noise of a belief holds the noise of the converter.
    A flat takes up what the gain of an amplifier got wrong: it is compared within each amplifier.
    """
    gain, true_gain = (np.asarray(d.effect("gain").gain) for d in (belief, truth))
    unit = float((gain / true_gain).mean())
    pulls = {}
    for block in belief.covariance:
        for name in block.names:
            effect, parameter, *index = name.split(".")
            got, want = (np.asarray(getattr(d.effect(effect), parameter), np.float64) for d in (belief, truth))
            if index:
                got, want = got[int(index[0])], want[int(index[0])]
            if name == "dark_current.rate" and want.ndim == 2:
                want = want * unit  # the error of a map is that of its pixels alone
            if name == "read_noise.sigma":
                want = np.sqrt(want**2 + true_gain**2 / 12.0)
            off = got - want
            if name == "flat.response":
                off = _within_amplifiers(off, truth)
            if name == "bias.level" and off.ndim == 2:
                continue  # the level of a ramp's first read holds its kTC noise, and cancels from the rate
            where = truth.geometry.sensitive if off.ndim == 2 else ...
            pulls[name] = off[where] / np.broadcast_to(block.error(name), off.shape)[where]
    return {name: np.atleast_1d(pull).ravel() for name, pull in pulls.items()}


def _within_amplifiers(off: NDArray[np.float64], truth: Detector) -> NDArray[np.float64]:
    left = off.copy()
    for amplifier in truth.geometry.amplifiers:
        block, lit = amplifier.section.cut(left), amplifier.section.cut(truth.geometry.sensitive)
        block -= block[lit].mean()
    return left


def check_measured(truth: Detector, belief: Detector, *, expected: set[str]) -> None:
    """Every measured parameter is within five of its errors of the truth; a map scatters by its errors."""
    pulls = pulls_of_measured(truth, belief)
    require(set(pulls) == expected, f"measured were {sorted(pulls)}, not {sorted(expected)}")
    for name, pull in pulls.items():
        if pull.size > 1000:
            check_equivalent(f"{name}: pull std of the map", pull.std(), 1.0, 1 / np.sqrt(2 * pull.size), 0.02, SPARE)
        else:
            require((np.abs(pull) < 5.0).all(), f"{name}: {pull} errors from the truth")


def check_precise(belief: Detector, *, gain: float, noise: float) -> None:
    """The calibration tells gain and read noise to these fractions, so that a mistake of that size would show."""
    for block in belief.covariance:
        if "gain.gain" in block.names:
            for name, limit in (("gain.gain", gain), ("read_noise.sigma", noise)):
                effect, parameter = name.split(".")
                share = block.error(name) / getattr(belief.effect(effect), parameter)
                require((share < limit).all(), f"{name} is known to {share}, not to {limit}")
            return
    raise AssertionError("gain and read noise were not measured")
