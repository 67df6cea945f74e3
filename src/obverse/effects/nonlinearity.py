"""Nonlinearity: the response bends as the node fills."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from obverse.belief import Block
from obverse.contract import Exact
from obverse.effects._effect import Effect, site
from obverse.errors import UsageError
from obverse.flags import Flag
from obverse.frame import Frame
from obverse.moment import Moment
from obverse.params import param
from obverse.scaling import add_pixel_flag

__all__ = ["Nonlinearity"]

_FLATTEST = 0.05
"""A correction that rises more slowly than this is no inverse in single precision."""


@dataclass(frozen=True, eq=False, kw_only=True)
class Nonlinearity(Effect):
    r"""The correction is a polynomial of the measured signal, as in the field's reference files.

    .. math:: \hat q = y + c_2 y^2 + c_3 y^3 + \dots, \qquad y = \text{the inverse of it, by Newton's method}

    Parameters
    ----------
    coefficients
        :math:`c_2, c_3, \dots` of any order, (order,) for all pixels, (order, amplifier), or maps
        (order, row, column) [electron^(1-k)]. A pixel with NaN is left as it is and flagged.
    maximum
        Largest measured signal for which they hold [electron]; the polynomial must rise up to there. Larger
        signals are flagged DO_NOT_USE.

    Notes
    -----
    Limits: applied to resultants that average reads, it is wrong by :math:`c_2` times the variance of the signal
    within the resultant. Zero signal must be zero: undo the bias first.
    Reference: Hilbert 2014, WFC3 Instrument Science Report 2014-17 (polynomial of the measured signal).

    Examples
    --------
    >>> from obverse import Exposure, Geometry, Moment
    >>> at = Moment(Exposure("a", 1.0), Geometry((1, 1)))
    >>> bent = Nonlinearity(coefficients=[1e-6]).imprint(np.array([[50000.0]], "f4"), at)
    >>> round(float(bent[0, 0]))
    47723
    """

    name = "nonlinearity"
    contracts = (Exact(rtol=2e-6, domain="signals up to `maximum`, its edge included", high="maximum"),)

    coefficients: NDArray[np.float64] = param(
        "c2, c3, ... of the correction", unit="electron^(1-k)", shape="coefficients"
    )
    maximum: float = param(
        "largest measured signal that it holds for", default=1e6, unit="electron", above=0.0, shape="scalar"
    )
    site: str = site("node")

    def __post_init__(self) -> None:
        super().__post_init__()
        coefficients = list(self.coefficients)
        for y in np.linspace(0.0, self.maximum, 65):
            if np.nanmin(_slope(y, coefficients)) < _FLATTEST:
                raise UsageError(
                    f"nonlinearity: the polynomial turns over near {y:.0f} electron: set maximum below that"
                )

    def measure(self, frames: Sequence[Frame], at: Moment) -> tuple[Nonlinearity, Block]:
        """Measure the coefficients from ramps under steady light, or from a series of flats; see `obverse.linearity`.

        Parameters
        ----------
        frames
            Ramps, or single exposures of several exposure times, undone up to this step [electron].
        at
            The geometry.

        Returns
        -------
        effect, block
            Common coefficients of the order that this effect has, with their covariance.
        """
        from obverse.linearity import fit_linearity

        order = len(self.coefficients)
        values, covariance = fit_linearity(frames, at.geometry, order, self.maximum)
        names = tuple(f"nonlinearity.coefficients.{k}" for k in range(order))
        return self.replace(coefficients=values), Block(names, covariance)

    def imprint(self, charge: NDArray[Any], at: Moment) -> NDArray[Any]:
        """Bend the signal (..., row, column) [electron]."""
        c = [np.nan_to_num(at.plane(ck)).astype(np.float64) for ck in self.coefficients]
        top = _polynomial(np.float64(self.maximum), c)
        q = np.minimum(np.asarray(charge, np.float64), top)
        y = q / (1.0 + c[0] * np.maximum(q, 0.0)) if len(c) == 1 else q
        for _ in range(8):
            y = y - (_polynomial(y, c) - q) / _slope(y, c)
        return y.astype(np.float32)

    def steepness(self, signal: float) -> float:
        """Return the slope of the correction at a typical signal [electron]: what it multiplies read noise by."""
        typical = [float(np.nanmean(ck)) for ck in self.coefficients]
        return float(_slope(signal, typical))

    def correct(self, frame: Frame, at: Moment) -> Frame:
        """Straighten the signal [electron]; beyond `maximum` nothing is known."""
        if frame.unit != "electron":
            raise UsageError(
                f"nonlinearity: the frame is in {frame.unit!r}, it must be in 'electron': undo the gain first"
            )
        y = np.asarray(frame.data, np.float32)
        c = [at.plane(ck) for ck in self.coefficients]
        known = np.isfinite(sum(c))
        straight = _polynomial(y, [np.nan_to_num(ck) for ck in c]).astype(np.float32, copy=False)
        flagged = frame.replace(data=straight).flagged(y > np.float32(self.maximum), Flag.DO_NOT_USE)
        return flagged if known.all() else add_pixel_flag(flagged, ~known, Flag.NO_LIN_CORR)


def _polynomial(y: Any, c: list[Any]) -> Any:
    """Return y + c2 y^2 + c3 y^3 + ... by Horner's rule."""
    inner = c[-1]
    for ck in reversed(c[:-1]):
        inner = ck + y * inner
    return y + y * y * inner


def _slope(y: Any, c: list[Any]) -> Any:
    """Return its derivative 1 + 2 c2 y + 3 c3 y^2 + ..."""
    order = len(c)
    inner = (order + 1) * c[-1]
    for k in range(order - 2, -1, -1):
        inner = (k + 2) * c[k] + y * inner
    return 1.0 + y * inner
