"""Nonlinearity: the response bends as the node fills."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import InitVar, dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from obverse.belief import Block
from obverse.contract import Exact
from obverse.effects._effect import Effect, site
from obverse.errors import UsageError
from obverse.flags import UNUSABLE, Flag
from obverse.frame import Frame
from obverse.moment import Moment
from obverse.params import param
from obverse.polynomial import Polynomials
from obverse.scaling import add_pixel_flag
from obverse.tiles import run_rows

__all__ = ["Nonlinearity"]

_IMPLIED = (0.0, 1.0)
"""Terms below the first that is given: no constant, and slope one."""

_STRIP = 128
"""Rows of maps that are judged at a time: a whole detector of coefficients is large."""


@dataclass(frozen=True, eq=False, kw_only=True)
class Nonlinearity(Effect):
    r"""A polynomial that straightens the measured signal, or one that bends the true one; the other is its inverse.

    .. math:: \hat q = P(y) = \sum_k c_k y^k \quad \text{(correction)}, \qquad y = P(q) \quad \text{(response)}

    Parameters
    ----------
    coefficients
        :math:`c_k` of any order, (order,) for all pixels, (order, amplifier), or maps (order, row, column)
        [electron^(1-k)]. A pixel with NaN or without a linear term is left as it is and flagged NO_LIN_CORR, and so
        is one whose pixel flags say that already.
    first
        The power :math:`k` that `coefficients` begin with. What is below it is that of a straight line:
        :math:`c_0 = 0, c_1 = 1`.
    face
        Which face the polynomial describes: ``"correction"`` or ``"response"``.
    maximum
        Largest measured signal for which it holds, a scalar, one an amplifier, or a map [electron]; the polynomial
        must rise up to there. Larger signals are flagged DO_NOT_USE.
    averages
        What to do with resultants that average reads: ``"ignore"`` straightens them as if they were one read,
        ``"resolve"`` straightens each read that the ramp predicts, and averages those.

    Notes
    -----
    Limits: saturated reads are left as they are. With ``averages="ignore"`` a resultant is wrong by :math:`c_2` times
    the variance of the signal within it; ``"resolve"`` takes the light for steady. Zero signal must be zero: undo the
    bias first.
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
    in_electrons = True
    contracts = (Exact(rtol=2e-6, domain="signals up to `maximum`, its edge included", high="edge"),)
    pointwise = True

    coefficients: NDArray[np.float64] = param(
        "coefficients of the polynomial", unit="electron^(1-k)", shape="coefficients"
    )
    maximum: float | NDArray[np.float64] = param(
        "largest measured signal that it holds for", default=1e6, unit="electron", above=0.0
    )
    first: int = param("power that the coefficients begin with", default=2, minimum=0, maximum=2, shape="whole")
    face: str = param("what it describes", default="correction", shape="text", choices=("correction", "response"))
    averages: str = param("averages of reads", default="ignore", shape="text", choices=("ignore", "resolve"))
    site: str = site("node")
    _judged: InitVar[bool] = False  # `from_counts` has left out what turns over, once

    def __post_init__(self, _judged: bool) -> None:
        super().__post_init__()
        if self.first + len(self.coefficients) < 2:
            raise UsageError("nonlinearity: the coefficients of the polynomial have no linear term")
        if not _judged and _turned(self.coefficients, self.maximum, self.first, self.face).any():
            raise UsageError(
                f"nonlinearity: the polynomial turns over below {np.nanmax(self.maximum):.0f} electron: "
                "set maximum below that, or the coefficients of such pixels to NaN"
            )

    @classmethod
    def from_counts(
        cls, coefficients: ArrayLike, gain: ArrayLike, *, maximum: ArrayLike, first: int = 0, **more: Any
    ) -> Nonlinearity:
        r"""Take the polynomial of a reference file, made for digital numbers: :math:`c_k \to c_k\, g^{1-k}`.

        Parameters
        ----------
        coefficients
            :math:`c_k` (order,) or (order, row, column) [DN^(1-k)].
        gain
            :math:`g`, a scalar or (row, column) [electron/DN].
        maximum
            Largest measured signal for which it holds, a scalar or (row, column) [DN].
        first
            The power that `coefficients` begin with.
        **more
            Other parameters of the effect.

        Returns
        -------
        Nonlinearity
            The effect in electrons; a pixel whose polynomial turns over below its maximum gets none (NaN). Maps are
            float32, as the kernels take them.

        Examples
        --------
        >>> Nonlinearity.from_counts([0.0, 1.0, 1e-6], 2.0, maximum=6e4).coefficients
        array([0.0e+00, 1.0e+00, 5.0e-07])
        """
        scaled = _in_electrons(np.asarray(coefficients), np.asarray(gain, np.float64), first)
        told = {"maximum": np.asarray(maximum) * np.asarray(gain), "first": first, "face": "correction", **more}
        if scaled.ndim != 3:
            return cls(coefficients=scaled, **told)
        turned = _turned(scaled, told["maximum"], first, told["face"])
        scaled[:, np.broadcast_to(turned, scaled.shape[1:])] = np.nan
        return cls(coefficients=scaled, **told, _judged=True)

    @property
    def edge(self) -> float:
        """Largest measured signal for which it holds in all pixels [electron]."""
        return float(np.nanmin(self.maximum))

    # -- the two faces -----------------------------------------------------------------------------------------

    def imprint(self, charge: NDArray[Any], at: Moment) -> NDArray[Any]:
        """Bend the signal (..., row, column) [electron]."""
        return self._bent(charge, self._known(at)[0], at)

    def correct(self, frame: Frame, at: Moment) -> Frame:
        """Straighten the signal [electron]; beyond `maximum` nothing is known."""
        if frame.unit != "electron":
            raise UsageError(
                f"nonlinearity: the frame is in {frame.unit!r}, it must be in 'electron': undo the gain first"
            )
        polynomials, unknown = self._known(at, frame)
        y = np.asarray(frame.data, np.float32)
        straight = self._resolved(frame, polynomials, at)
        if frame.flags is not None:
            np.copyto(straight, y, where=(frame.flags & np.uint8(Flag.SATURATED)) != 0)
        done = frame.replace(data=straight).flagged(y > at.plane(self.maximum), Flag.DO_NOT_USE)
        return add_pixel_flag(done, unknown, Flag.NO_LIN_CORR) if unknown.any() else done

    def _resolved(self, frame: Frame, polynomials: Polynomials, at: Moment) -> NDArray[np.float32]:
        """Return the straight signal of each resultant, taken for one read or read by read."""
        pattern = frame.exposure.pattern
        one = self.averages == "ignore" or pattern is None or "resultant" not in frame.axes
        if one or (pattern is not None and (pattern.n_reads == 1).all()):
            return self._straight(frame.data, polynomials, at)
        from obverse.linearity import straighten_reads

        return straighten_reads(
            frame.data,
            pattern.times,  # type: ignore[union-attr]
            usable=None if frame.flags is None else (frame.flags & np.uint8(UNUSABLE)) == 0,
            bend=lambda q: self._bent(q, polynomials, at),
            straighten=lambda y: self._straight(y, polynomials, at),
            maximum=at.plane(self.maximum),
        )

    def _straight(self, y: NDArray[Any], polynomials: Polynomials, at: Moment) -> NDArray[np.float32]:
        return polynomials(y) if self.face == "correction" else polynomials.inverse(y, at.plane(self.maximum))

    def _bent(self, q: NDArray[Any], polynomials: Polynomials, at: Moment) -> NDArray[np.float32]:
        maximum = at.plane(self.maximum)
        edge = np.broadcast_to(maximum, np.broadcast_shapes(maximum.shape, polynomials.terms.shape[1:]))
        if self.face == "correction":
            return polynomials.inverse(q, polynomials(edge))
        return polynomials(np.minimum(q, polynomials.inverse(edge, edge)))

    def _known(self, at: Moment, frame: Frame | None = None) -> tuple[Polynomials, NDArray[np.bool_]]:
        """Return the polynomials of the pixels in hand, and which of them are not known: a straight line there."""
        polynomials = Polynomials.of([*_IMPLIED[: self.first], *(at.plane(ck) for ck in self.coefficients)])
        unknown = ~polynomials.known
        if frame is not None and frame.pixel_flags is not None and "amplifier" not in frame.axes:
            unknown = unknown | ((frame.pixel_flags & np.uint32(Flag.NO_LIN_CORR)) != 0)
        return polynomials.straight(unknown), unknown

    def steepness(self, signal: float) -> float:
        """Return the slope of the correction at a typical signal [electron]: what it multiplies read noise by."""
        typical = [*_IMPLIED[: self.first], *(float(np.nanmean(ck)) for ck in self.coefficients)]
        slope = np.polynomial.Polynomial(typical).deriv()
        return float(slope(signal) if self.face == "correction" else 1.0 / slope(signal))

    # -- measured ----------------------------------------------------------------------------------------------

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
            Common coefficients of the correction, of the order that this effect has, with their covariance.
        """
        from obverse.linearity import fit_linearity

        order = self.first + len(self.coefficients) - 2
        values, covariance = fit_linearity(frames, at.geometry, order, self.edge)
        names = tuple(f"nonlinearity.coefficients.{k}" for k in range(order))
        return self.replace(coefficients=values, first=2, face="correction"), Block(names, covariance)


def _in_electrons(c: NDArray[Any], gain: NDArray[np.float64], first: int) -> NDArray[Any]:
    """Return the coefficients times the power of the gain that their order asks for, one order at a time."""
    pixels = np.broadcast_shapes(c.shape[1:], gain.shape)
    scaled = np.empty((len(c), *pixels), np.float32 if len(pixels) == 2 else np.float64)
    for k, ck in enumerate(c):
        scaled[k] = ck.astype(np.float64) * gain ** (1.0 - first - k)
    return scaled


def _turned(coefficients: NDArray[Any], maximum: ArrayLike, first: int, face: str) -> NDArray[np.bool_]:
    """Return where a polynomial gets too flat up to its maximum, over amplifiers or pixels; unknown ones do not."""
    top, pixels = _column(maximum), coefficients.shape[1:]
    if coefficients.ndim < 3 or np.broadcast_shapes(top.shape, pixels) != pixels:
        return _turned_together(coefficients, top, first, face)
    found, tops = np.empty(pixels, np.bool_), np.broadcast_to(top, pixels)

    def judge(start: int, stop: int) -> None:
        found[start:stop] = _turned_together(coefficients[:, start:stop], tops[start:stop], first, face)

    run_rows(len(found), judge, height=_STRIP)
    return found


def _turned_together(coefficients: NDArray[Any], top: NDArray[Any], first: int, face: str) -> NDArray[np.bool_]:
    polynomials = Polynomials.of([*_IMPLIED[:first], *(_column(ck) for ck in coefficients)])
    lines = polynomials.straight(~polynomials.known)
    return lines.turns_below(top) if face == "correction" else lines.turns_before(top)


def _column(value: ArrayLike) -> NDArray[Any]:
    """Stand one value an amplifier in a column; a number and a map stay what they are."""
    given = np.asarray(value)
    return given[:, None] if given.ndim == 1 else given
