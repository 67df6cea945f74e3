"""One destructive read at the end of the exposure: CCDs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from obverse.chain import Run
from obverse.errors import UsageError
from obverse.frame import Frame
from obverse.moment import Moment
from obverse.readout._readout import Readout
from obverse.readout.gathering import arriving, fallen
from obverse.readout.local_charge import REACH, local_charge

__all__ = ["SingleRead"]


@dataclass(frozen=True, eq=False, kw_only=True)
class SingleRead(Readout):
    r"""Expose, then clock every pixel to the node of its amplifier and read it once.

    .. math:: \hat q = q, \qquad \mathrm{Var} = F^2 m + \sigma^2

    :math:`m = \max(q, 0)`. Behind a register :math:`F` is its excess noise factor, and :math:`m` the charge around the
    pixel (`local_charge`): of few electrons, a pixel that caught none would claim to be exact.

    Notes
    -----
    Limits: the Poisson variance is taken from the data, so it scatters with them; below some ten electrons with
    little read noise, weights made from it are biased low: fit with a model variance there. Without any light
    the positive half of the noise counts as photons: errors are 10 % too large at 4 electrons of read noise.
    Reference: Howell 2006, Handbook of CCD Astronomy, 2nd ed., ch. 4.4.

    Examples
    --------
    >>> from obverse import Exposure, Geometry
    >>> at = Moment(Exposure("a", 1.0), Geometry((1, 1)), read_noise=3.0)
    >>> SingleRead().estimate(Frame(np.array([[16.0]], "f4"), "electron"), at).error
    array([[5.]], dtype=float32)
    """

    name = "single"
    sensor_sites = ()
    clocked_sites = ("transfer", "node", "readout")

    def expose(self, run: Run, rate: NDArray[Any]) -> Frame:
        """Turn a rate of photons (row, column) [photon/s] into a raw frame in file layout (row, column) [DN]."""
        if run.exposure.integrations != 1:
            raise UsageError(
                f"Exposure {run.exposure.id!r}: {run.exposure.integrations} integrations, a single read has 1"
            )
        electrons = run.through(rate, run.chain.at("light"))
        interval = (0.0, run.exposure.seconds)
        hits = fallen(run, integration=0, read=0, interval=interval)
        charge = arriving(run, run.counted(electrons, run.exposure.seconds), interval, hits=hits)
        held = run.through(charge, run.chain.at("pixel"))
        if run.left is not None:
            run.left[...] = held
        raw = self.digitise(run, self.read(run, held))
        return Frame(raw, "DN", ("row", "column"), exposure=run.exposure)

    def estimate(self, frame: Frame, at: Moment) -> Frame:
        """Give an image [electron] its variances, ``poisson`` and ``read``; what is saturated keeps its flag."""
        if frame.unit != "electron":
            raise UsageError(f"estimate: the frame is in {frame.unit!r}, it must be in 'electron': undo the gain first")
        read = np.broadcast_to(np.asarray(at.read_noise, np.float32) ** 2, frame.shape)
        return frame.replace(
            variances={
                **(frame.variances or {}),
                "poisson": self._poisson(frame, at),
                "read": read,
            }
        )

    @property
    def halo(self) -> int:
        """Rows on each side whose charge tells the noise of a pixel."""
        return REACH

    def _poisson(self, frame: Frame, at: Moment) -> NDArray[np.float32]:
        """Return the variance of the electrons that were counted, those of the dark with them [electron squared]."""
        charge = np.maximum(frame.data, 0) if at.excess == 1.0 else local_charge(frame, at.read_noise, at.excess)
        return np.asarray(np.float32(at.excess) * charge, np.float32)
