"""Smear: without a shutter, rows collect light while they are clocked out."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from obverse.contract import Exact
from obverse.effects._effect import WHOLE, Effect, site
from obverse.errors import UsageError
from obverse.flags import Flag
from obverse.frame import Frame
from obverse.kernels.smear import add_smear, take_out_smear, variance_without_smear
from obverse.moment import Moment
from obverse.params import param

__all__ = ["Smear"]


@dataclass(frozen=True, eq=False, kw_only=True)
class Smear(Effect):
    r"""Each row passes under the light of all rows between it and the register, a row time under each.

    .. math::

        y_r = x_r + q \sum_{s \le r} x_s, \quad q = \frac{t_{row}}{t}, \qquad
        S_r = \frac{S_{r-1} + q\, y_r}{1 + q}, \quad \hat x_r = y_r - S_r

    :math:`x` is the light of the exposure time :math:`t`, rows are counted from the register. The recursion is the
    exact inverse: :math:`S_r` is the sum of the first equation, told from what was read instead of from the light.
    The variance of :math:`\hat x_r = (y_r - S_{r-1}) / (1 + q)` follows from independent pixels.

    Parameters
    ----------
    row_time
        :math:`t_{row}`, time in which all rows move on by one [s].
    least_signal
        Frames whose mean signal is less than that many sigma of read noise are left as they are; 0 for none.

    Notes
    -----
    Limits: only pixels that see light give and take, each amplifier by itself, and light falls evenly in time. What
    falls on rows before the exposure, while the sensor is cleared, is not there, nor on a frame without exposure
    time. Dark current is no light: put smear before `dark_current` in the chain, and behind it in the recipe.
    Electrons of particles (JUMP_DET) did not pass under their own light, so the mean of the nearest unflagged pixels of
    their row stands for them in the sum; they keep their own value, less the smear. Saturated pixels are
    counted as they are: they smeared at least as much. Pixels of a column share their smear's noise, which the
    variances do not tell.
    Reference: Powell et al. 1999, Applied Optics 38, 1343 (smear without a shutter); corgidrp 5.1 (the row time).

    Examples
    --------
    >>> from obverse import Exposure, Geometry, Moment
    >>> at = Moment(Exposure("a", 1.0), Geometry((3, 1)), interval=(0.0, 1.0))
    >>> Smear(row_time=0.01).imprint(np.array([[100.0], [0.0], [100.0]], "f4"), at)
    array([[101.],
           [  1.],
           [102.]], dtype=float32)
    """

    name = "smear"
    contracts = (
        Exact(rtol=3e-7, domain="light of 100 electrons and more, where smear adds less than that again", low=100.0),
    )
    acts_on = "expected"
    steady = True
    halo = WHOLE

    row_time: float = param("time in which rows move by one", default=223.5e-6, unit="s", minimum=0.0, shape="scalar")
    least_signal: float = param(
        "mean signal below which nothing is done", default=0.0, unit="sigma", minimum=0.0, shape="scalar"
    )
    site: str = site("charge")

    def imprint(self, charge: NDArray[Any], at: Moment) -> NDArray[Any]:
        """Add what falls during read-out to the light (row, column) of the exposure [electron]."""
        smeared = np.array(charge, np.result_type(charge, np.float32))
        if at.seconds > 0.0:
            for part in _lit(smeared, at):
                add_smear(part, self.row_time / at.seconds)
        return smeared

    def correct(self, frame: Frame, at: Moment) -> Frame:
        """Take it out of an image, or of its rates."""
        if frame.unit == "DN" or frame.axes != ("row", "column"):
            raise UsageError(
                f"smear: the frame is in {frame.unit!r} with axes {frame.axes}, it must be an image (row, column) "
                "in 'electron' or a rate: put it behind 'assemble' and 'estimate'"
            )
        if at.seconds <= 0.0 or self._too_faint(frame, at):
            return frame
        q, smears = self.row_time / at.seconds, _by_light(frame)
        data = np.array(frame.data, np.result_type(frame.data, np.float32))
        for part, good in zip(_lit(data, at), _lit(smears, at), strict=True):
            take_out_smear(part, good, q)
        variances = frame.variances and {k: _reduced(v, smears, q, at) for k, v in frame.variances.items()}
        return frame.replace(data=data, variances=variances)

    def _too_faint(self, frame: Frame, at: Moment) -> bool:
        if not self.least_signal:
            return False
        mean = frame.data[at.geometry.lit].mean(dtype=np.float64, where=_by_light(frame)[at.geometry.lit])
        return bool(mean < self.least_signal * np.nanmean(at.read_noise))


def _by_light(frame: Frame) -> NDArray[np.bool_]:
    """Return the pixels (row, column) that hold what light has brought."""
    good = np.isfinite(frame.data)
    return good if frame.flags is None else good & ((frame.flags & np.uint8(Flag.JUMP_DET)) == 0)


def _reduced(variance: NDArray[Any], smears: NDArray[np.bool_], q: float, at: Moment) -> NDArray[np.float32]:
    left = np.array(variance, np.float32)
    for part, good in zip(_lit(left, at), _lit(smears, at), strict=True):
        variance_without_smear(part, good & np.isfinite(part), q)
    return left


def _lit(image: NDArray[Any], at: Moment) -> Iterator[NDArray[Any]]:
    """Yield views of what sees light, an amplifier at a time, its rows counted from the register."""
    rows, columns = at.geometry.lit
    for amplifier in at.geometry.amplifiers:
        first = max(amplifier.rows[0], rows.start), max(amplifier.columns[0], columns.start)
        last = min(amplifier.rows[1], rows.stop), min(amplifier.columns[1], columns.stop)
        yield amplifier.flip(image[first[0] : max(last[0], first[0]), first[1] : max(last[1], first[1])])
