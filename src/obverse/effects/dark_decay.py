"""Dark decay: behind each reset the level of the pixels settles."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from obverse.contract import Exact
from obverse.effects._effect import Effect, site
from obverse.errors import UsageError
from obverse.frame import Frame
from obverse.geometry import Geometry
from obverse.moment import Moment
from obverse.params import param

__all__ = ["DarkDecay"]


@dataclass(frozen=True, eq=False, kw_only=True)
class DarkDecay(Effect):
    r"""A signal without light that decays after each reset, the same in every exposure.

    .. math::

        r'_k = r_k + \frac{A}{N_k} \sum_j e^{-(t_{kj} + f T - o T) / \tau}, \qquad
        f = \frac{i C + j}{R C}

    :math:`f` is the part of the read-out that is over when its amplifier, of R rows and C columns, reads the pixel:
    :math:`(i, j)` count from the corner that is read first.

    Parameters
    ----------
    amplitude
        :math:`A`, a scalar, one an amplifier, or a map (row, column) [DN].
    time_constant
        :math:`\tau`, likewise [s].
    frame_time
        :math:`T`, how long the reading of all pixels takes [s].
    offset
        :math:`o`, the time at which the amplitude is reached, counted as reads are: 1.5 is the middle of the first
        read, half a read behind the reset.

    Notes
    -----
    Limits: reference pixels have none, since amplitudes are measured on data from which theirs are subtracted; pauses
    between rows are left out; an image without resultants counts as one read at the end of the exposure. Nothing
    scatters, so that it is an exact inverse, though of a shape that a fitted rate does not remember: undo it on the
    ramp.
    Reference: Roman attribute dictionary 1.1, darkdecaysignal (amplitude and time constant by detector); order of
    the pixels and time of the amplitude: romanisim 0.15.

    Examples
    --------
    >>> from obverse import Exposure, Geometry, Moment
    >>> effect = DarkDecay(amplitude=0.4, time_constant=23.0, frame_time=3.0)
    >>> at = Moment(Exposure("a", 30.0), Geometry((2, 1)), layout="clocked", times=(3.0,))  # the first read
    >>> effect.imprint(np.zeros((1, 2, 1), "f4"), at).ravel().round(3)  # in the middle of it the second row
    array([0.427, 0.4  ], dtype=float32)
    """

    name = "dark_decay"
    contracts = (Exact(rtol=2e-7, domain="values up to 65535 DN"),)
    affine = True
    pointwise = True

    amplitude: float | NDArray[np.float64] = param("signal at the time of `offset`", unit="DN")
    time_constant: float | NDArray[np.float64] = param("time in which it falls to 1/e", unit="s", above=0.0)
    frame_time: float = param("time that reading all pixels takes", unit="s", above=0.0, shape="scalar")
    offset: float = param("when it has the amplitude: 1.5 is mid first read", default=1.5, unit="read", shape="scalar")
    site: str = site("readout")

    def imprint(self, charge: NDArray[Any], at: Moment) -> NDArray[Any]:
        """Add what is left of the decay, the mean over the reads in hand [DN]."""
        return charge + self._left(at.times or at.interval[1:], at) * self._within(at)

    def correct(self, frame: Frame, at: Moment) -> Frame:
        """Subtract what is left of the decay from each resultant [DN]."""
        if frame.unit != "DN":
            raise UsageError(f"dark_decay: the frame is in {frame.unit!r}, it must be in 'DN': put it before 'gain'")
        pattern = frame.exposure.pattern
        if "resultant" not in frame.axes:
            signal = self._left((frame.exposure.seconds,), at) * self._within(at)
        elif pattern is None:
            raise UsageError("dark_decay: a ramp needs a read pattern, which tells when it was read")
        else:
            within = self._within(at)
            signal = np.stack([self._left(times, at) * within for times in pattern.times])
        return frame.replace(data=np.asarray(frame.data, np.float32) - signal)

    def _left(self, times: Sequence[float], at: Moment) -> NDArray[np.float32]:
        """Return what is left at the start of the reads at these times, their mean."""
        since = [np.float32(time - self.offset * self.frame_time) for time in times]
        decays = [np.exp(-time / at.plane(self.time_constant)) for time in since]
        return np.asarray(at.plane(self.amplitude) * np.mean(decays, axis=0), np.float32)

    def _within(self, at: Moment) -> NDArray[np.float32]:
        """Return what the pixels still have when their turn comes, zero for those that see no light."""
        turn, lit = _turns(at.geometry, at.layout)
        seconds = np.float32(self.frame_time) * turn[..., at.rows, :]
        return np.asarray(np.exp(-seconds / at.plane(self.time_constant)) * lit[..., at.rows, :], np.float32)


@lru_cache(maxsize=4)
def _turns(geometry: Geometry, layout: str) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """Return which part of the read-out is over when a pixel is read, and whether it sees light, in the layout."""
    amplifiers, rows, columns = geometry.clocked_shape
    turn = np.arange(rows * columns, dtype=np.float32).reshape(1, rows, columns) / np.float32(rows * columns)
    if layout == "clocked":
        return turn, geometry.pad(geometry.sensitive)
    return geometry.assemble(np.broadcast_to(turn, (amplifiers, rows, columns))), geometry.sensitive
