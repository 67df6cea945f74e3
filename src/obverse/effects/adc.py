"""The analogue-to-digital converter: whole numbers in a finite range."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from obverse.contract import Averages, Flags, Lost
from obverse.effects._effect import Effect, site
from obverse.flags import Flag
from obverse.frame import Frame
from obverse.moment import Moment
from obverse.params import param

__all__ = ["Adc"]


@dataclass(frozen=True, eq=False, kw_only=True)
class Adc(Effect):
    r"""Rounds to the nearest code and clips to the range.

    .. math:: r' = \min\left(\max\left(\mathrm{round}(r), 0\right), 2^n - 1\right), \qquad
              \mathrm{Var} = \frac{1}{12}\ \mathrm{DN}^2

    Parameters
    ----------
    bits
        :math:`n`, 8 to 16.

    Notes
    -----
    Limits: ideal code widths; the rounding is lost for good, and its variance is :math:`g^2/12` electron squared.
    Reference: Widrow & Kollar 2008, Quantization Noise, Cambridge University Press (uniform error, variance 1/12).

    Examples
    --------
    >>> from obverse import Exposure, Geometry, Moment
    >>> at = Moment(Exposure("a", 1.0), Geometry((1, 3)))
    >>> Adc(bits=16).imprint(np.array([[-3.0, 7.6, 70000.0]], "f4"), at)
    array([[    0,     8, 65535]], dtype=uint16)
    """

    name = "adc"
    contracts = (Lost("rounding to whole numbers"), Averages(), Flags(Flag.SATURATED), Flags(Flag.AD_FLOOR))
    pointwise = True

    bits: int = param("bits of a code", default=16, minimum=8, maximum=16, shape="whole")
    site: str = site("digital")

    @property
    def top(self) -> int:
        """The largest code."""
        return int(2**self.bits - 1)

    def imprint(self, charge: NDArray[Any], at: Moment) -> NDArray[Any]:
        """Round and clip [DN]; the clip comes before the integer type, so nothing wraps."""
        codes = np.rint(charge)
        np.fmax(codes, 0, out=codes)  # of a number and none, the number: NaN ends as 0
        np.fmin(codes, self.top, out=codes)
        return codes.astype(np.uint16)

    def correct(self, frame: Frame, at: Moment) -> Frame:
        """Flag the ends of the range: AD_FLOOR (with DO_NOT_USE) at zero, SATURATED at the top."""
        floored = frame.flagged(frame.data <= 0, Flag.AD_FLOOR | Flag.DO_NOT_USE)
        return floored.flagged(frame.data >= self.top, Flag.SATURATED)

    def variance(self, charge: NDArray[Any], at: Moment) -> NDArray[Any]:
        """Return the variance that a read must have for its resultant to scatter by 1/12 [DN squared]."""
        pattern = at.exposure.pattern
        reads = 1.0 if pattern is None else float(pattern.n_reads.mean())
        return np.full((), reads / 12.0, np.float32)
