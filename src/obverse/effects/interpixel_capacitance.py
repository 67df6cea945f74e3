"""Interpixel capacitance: a pixel's voltage shows in its neighbours."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from obverse.contract import Approximate
from obverse.effects._coupling import couple, cross
from obverse.effects._effect import Effect, site
from obverse.errors import UsageError
from obverse.exposure import Exposure
from obverse.frame import Frame
from obverse.moment import Moment
from obverse.params import param

__all__ = ["InterpixelCapacitance"]

_MOST_ROUNDS = 8


@dataclass(frozen=True, eq=False, kw_only=True)
class InterpixelCapacitance(Effect):
    r"""A small symmetric blur of the signal, deterministic, after the photons were counted.

    .. math:: q'_i = q_i + \epsilon(q)_i, \quad \epsilon(q)_i = \sum_{n} k_n (q_n - q_i), \qquad
              \hat q_{m+1} = q' - \epsilon(\hat q_m) \ \ (m < M)

    The sum runs over the neighbours. Reference pixels and the outside are no neighbours: what a pixel would give
    them it keeps, so the sum is conserved. The correction leaves a fraction :math:`\|\epsilon\|^{M+1}` of the contrast:
    as many rounds M are made as the kernel needs to get under the bound (3 for couplings of 0.5 %, 6 for 2 %).

    Parameters
    ----------
    kernel
        3 x 3 weights around the pixel, sum 1, the same when turned by 180 degrees.

    Notes
    -----
    Limits: linear and the same everywhere; photon noise is correlated by it, and restored by the correction,
    which in turn correlates the read noise and raises its variance by `amplification`.
    Reference: Moore, Ninkov & Forrest 2006, Optical Engineering 45, 076402, eqs. 6-10.

    Examples
    --------
    >>> from obverse import Exposure, Geometry, Moment
    >>> at = Moment(Exposure("a", 1.0), Geometry((3, 3)))
    >>> spot = np.pad(np.array([[1000.0]], "f4"), 1)
    >>> InterpixelCapacitance.cross(0.005).imprint(spot, at)[1].round()
    array([  5., 980.,   5.], dtype=float32)
    """

    name = "interpixel_capacitance"
    contracts = (Approximate(bound=1e-5),)
    affine = True

    kernel: NDArray[np.float64] = param("3 x 3 coupling weights", shape="list", minimum=-1.0, maximum=1.0)
    site: str = site("node")

    def __post_init__(self) -> None:
        super().__post_init__()
        k = self.kernel
        if k.shape != (3, 3) or not np.array_equal(k, k[::-1, ::-1]) or abs(k.sum() - 1.0) > 1e-9:
            raise UsageError(
                "interpixel_capacitance.kernel must be 3 x 3, symmetric about its centre, with sum 1; "
                f"got {k.tolist()} with sum {k.sum():.6f}"
            )
        if self.rounds > _MOST_ROUNDS:
            raise UsageError(f"interpixel_capacitance.kernel couples too strongly for its correction: {k.tolist()}")

    @classmethod
    def cross(cls, coupling: float) -> InterpixelCapacitance:
        """Build the kernel of four equal couplings to the nearest neighbours."""
        return cls(kernel=cross(coupling))

    @property
    def strength(self) -> float:
        """Largest fraction by which one pass changes a signal: the couplings, given and received."""
        return 2.0 * float(np.abs(self.kernel).sum() - abs(self.kernel[1, 1]))

    @property
    def rounds(self) -> int:
        """Rounds of substitution that the correction needs, each reaching one pixel further."""
        strength, bound = self.strength, self.contracts[0].bound
        if strength >= 1.0:
            return _MOST_ROUNDS + 1
        return max(1, int(np.ceil(np.log(bound) / np.log(strength))) - 1) if strength > 0 else 1

    @property
    def halo(self) -> int:  # type: ignore[override] # of this kernel, not of all
        """Rows on each side that the correction needs."""
        return self.rounds

    def _coupled(self, image: NDArray[Any], at: Moment) -> NDArray[Any]:
        geometry = at.geometry
        sensitive = geometry.sensitive[at.rows] if any(geometry.reference) else None
        return couple(image, self.kernel, sensitive)

    def imprint(self, charge: NDArray[Any], at: Moment) -> NDArray[Any]:
        """Couple each pixel (..., row, column) [electron] to its neighbours."""
        return charge + self._coupled(charge, at)

    def correct(self, frame: Frame, at: Moment) -> Frame:
        """Uncouple the pixels by rounds of substitution."""
        seen = np.asarray(frame.data, np.float32)
        guess = seen
        for _ in range(self.rounds):
            guess = seen - self._coupled(guess, at)
        return frame.replace(data=guess)

    def amplification(self, exposure: Exposure) -> float:
        """Return the sum of squares of the inverse kernel: what white read noise is multiplied by."""
        rounds = self.rounds
        spot = np.zeros((4 * rounds + 1, 4 * rounds + 1))
        spot[2 * rounds, 2 * rounds] = 1.0
        guess = spot
        for _ in range(rounds):
            guess = spot - couple(guess, self.kernel, None)
        return float((guess**2).sum())
