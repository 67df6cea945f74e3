"""Nonlinearity of the last amplifier: a table of factors, by level and by gain of the register before it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from obverse.contract import Exact
from obverse.effects._effect import Effect, site
from obverse.errors import UsageError
from obverse.frame import Frame
from obverse.kernels.level_table import divide_by_factor
from obverse.kernels.tables import cells, look_up
from obverse.moment import Moment
from obverse.params import param

__all__ = ["LevelNonlinearity"]

_STEEPEST = 2.0
"""How much faster or slower than the level itself the straight level may rise: rounding errors grow by as much."""


@dataclass(frozen=True, eq=False, kw_only=True)
class LevelNonlinearity(Effect):
    r"""What is measured times a factor that depends on it, and on the gain of the electron-multiplying register.

    .. math:: \hat q = y\, f(y, g), \qquad y: \ y\, f(y, g) = q

    The table is read by straight lines in level and gain; beyond its ends the factors at its ends hold. Between two
    levels :math:`y f(y)` is a parabola, so that the inverse is a root and needs no iteration.

    Parameters
    ----------
    levels
        Rising levels above the bias, (level,) [DN].
    gains
        Rising gains of the register, (gain,).
    table
        :math:`f`, (level, gain). At each gain it must reach from 1 or below to 1 or above: it is relative to a level
        where it is 1.

    Notes
    -----
    Limits: levels above the last one are corrected by its factor, and are not flagged. In a table of 461 levels the
    straight lines stand for whatever lies between. It must see levels above the bias: undo the bias first, and
    this before the gain. Where :math:`y f(y)` rises more than twice as fast, or as slowly, as :math:`y f` would with a
    constant factor, rounding would grow as much: such tables are refused.
    Reference: corgidrp 5.1, nonlinearity calibration (a factor by gain and level, straight lines, edges).

    Examples
    --------
    >>> from obverse import Exposure, Geometry, Moment
    >>> effect = LevelNonlinearity(levels=[1000.0, 3000.0], gains=[1.0, 100.0], table=[[1.0, 1.0], [1.0, 1.2]])
    >>> at = Moment(Exposure("a", 1.0, em_gain=100.0), Geometry((1, 2)))
    >>> effect.correct(Frame(np.array([[1000.0, 2000.0]], "f4"), "DN", undone=("bias",)), at).data
    array([[1000., 2200.]], dtype=float32)
    """

    name = "level_nonlinearity"
    contracts = (Exact(rtol=3e-7, domain="levels from 0 to the last of the table", high="highest"),)
    pointwise = True

    levels: NDArray[np.float64] = param("levels above the bias", unit="DN", minimum=0.0, shape="list")
    gains: NDArray[np.float64] = param("gains of the register", above=0.0, shape="list")
    table: NDArray[np.float64] = param("factor at each level and gain", above=0.0, shape="list")
    site: str = site("readout")

    def __post_init__(self) -> None:
        super().__post_init__()
        v, g, f = self.levels, self.gains, self.table
        if v.ndim != 1 or g.ndim != 1 or len(v) < 2 or f.shape != (len(v), len(g)):
            raise UsageError(
                f"level_nonlinearity: levels {v.shape}, gains {g.shape} and table {f.shape} must be (level,) with two "
                "levels or more, (gain,) and (level, gain)"
            )
        for what, rising in (("levels", v), ("gains", g)):
            if not (np.diff(rising) > 0).all():
                raise UsageError(f"level_nonlinearity: {what} must rise from entry to entry")
        self._refuse_bad_factors()

    def _refuse_bad_factors(self) -> None:
        f = self.table
        if not np.isfinite(f).all():
            raise UsageError("level_nonlinearity: table must hold a number at every level and gain")
        for gain, column in zip(self.gains, f.T, strict=True):
            if not column.min() <= 1.0 <= column.max():
                raise UsageError(
                    f"level_nonlinearity: at gain {gain:g} the factors are {column.min():g} to {column.max():g}, "
                    "they must reach from 1 or below to 1 or above"
                )
            steep = _steepness(self.levels, column)
            if not 1.0 / _STEEPEST <= steep.min() <= steep.max() <= _STEEPEST:
                raise UsageError(
                    f"level_nonlinearity: at gain {gain:g} level times factor rises {steep.min():.2g} to "
                    f"{steep.max():.2g} times as fast as the level, it must be {1 / _STEEPEST:g} to {_STEEPEST:g}"
                )

    @classmethod
    def from_array(cls, array: ArrayLike, **more: Any) -> LevelNonlinearity:
        """Take one array with gains in its first row, levels in its first column, and nothing (NaN) in the corner.

        Parameters
        ----------
        array
            (1 + level, 1 + gain).
        **more
            Other parameters of the effect.

        Raises
        ------
        UsageError
            If the corner holds a number, or the array no table.

        Examples
        --------
        >>> LevelNonlinearity.from_array([[np.nan, 1.0], [0.0, 0.99], [9000.0, 1.01]]).gains
        array([1.])
        """
        whole = np.asarray(array, np.float64)
        if whole.ndim != 2 or not np.isnan(whole[:1, :1]).all() or whole.size == 0:
            raise UsageError(
                f"level_nonlinearity: an array of shape {whole.shape} must be (1 + level, 1 + gain) with NaN in the "
                "corner, gains in the first row and levels in the first column"
            )
        return cls(levels=whole[1:, 0], gains=whole[0, 1:], table=whole[1:, 1:], **more)

    @property
    def highest(self) -> float:
        """Last level of the table [DN]."""
        return float(self.levels[-1])

    def imprint(self, charge: NDArray[Any], at: Moment) -> NDArray[Any]:
        """Return the level that is measured in place of a straight one [DN]."""
        factors = self.factors(at.exposure.applied_em_gain)
        measured = np.array(charge, np.float32, order="C")
        divide_by_factor(measured.reshape(-1), self.levels, factors, cells(self.levels * factors))
        return measured

    def correct(self, frame: Frame, at: Moment) -> Frame:
        """Make the levels straight [DN]."""
        if frame.unit != "DN":
            raise UsageError(
                f"level_nonlinearity: the frame is in {frame.unit!r}, it must be in 'DN': put it before 'gain'"
            )
        factors = np.array(frame.data, np.float32, order="C")
        look_up(factors.reshape(-1), self.levels, self.factors(at.exposure.applied_em_gain), cells(self.levels))
        return frame.replace(data=factors * frame.data.astype(np.float32))

    def factors(self, gain: float) -> NDArray[np.float64]:
        """Return the factor of each level at a gain of the register, (level,)."""
        if len(self.gains) == 1:
            return self.table[:, 0]
        place = np.interp(gain, self.gains, np.arange(len(self.gains)))
        i = min(int(place), len(self.gains) - 2)
        return self.table[:, i] + (place - i) * (self.table[:, i + 1] - self.table[:, i])


def _steepness(levels: NDArray[np.float64], factors: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the slope of y f(y) over f at both ends of each piece between levels; within, it lies between them."""
    slopes = np.diff(factors) / np.diff(levels)
    return 1.0 + np.concatenate([slopes * levels[:-1] / factors[:-1], slopes * levels[1:] / factors[1:]])
