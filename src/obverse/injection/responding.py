r"""The difference that more charge makes in stored numbers: the chain without noise, twice.

.. math:: \Delta_k = M\left(\tfrac1N \sum_j \rho(q_j + s_j)\right) - M\left(\tfrac1N \sum_j \rho(q_j)\right)

:math:`\rho` is what acts on each read, up to the last effect that bends the signal, and M the affine rest, which acts
once on the mean. Reads without new charge add the same to both means, and are left out of them.
"""

from __future__ import annotations

from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from obverse.chain import Chain, Run
from obverse.detector import Detector
from obverse.exposure import Exposure
from obverse.geometry import Geometry
from obverse.window import picked

__all__ = ["Responding"]

Array = NDArray[Any]


class Responding:
    """A detector's response to charge, read by read.

    Where no read sees the neighbours of a pixel, only pixels with new charge are worked out, in one line.

    Parameters
    ----------
    detector
        The detector.
    exposure
        What its response depends on.
    lit
        Pixels that get new charge, (row, column).
    """

    def __init__(self, detector: Detector, exposure: Exposure, lit: NDArray[np.bool_]) -> None:
        self._readout, self._run = detector.readout, Run(detector.chain, exposure, None)
        effects, held = self._readout.behind(detector.chain), detector.chain.at("pixel")
        bends = [i for i, effect in enumerate(effects) if not effect.affine]
        split = bends[-1] + 1 if bends else 0
        self._on_reads, self._on_means = (*held, *effects[:split]), effects[split:]
        on_sensor = all(effect.site in ("pixel", *self._readout.sensor_sites) for effect in self._on_reads)
        self._together = on_sensor
        self._empty: Array | None = None
        self._lit = np.nonzero(lit) if on_sensor and all(effect.pointwise for effect in self._on_reads) else None

    def pick(self, planes: Array) -> Array:
        """Return those pixels of planes (..., row, column) that are worked out: (..., 1, pixel), or all as they are."""
        return planes if self._lit is None else planes[..., self._lit[0], self._lit[1]][..., None, :]

    def spread(self, picked: Array) -> Array:
        """Return picked pixels in a plane (row, column), zeros around."""
        if self._lit is None:
            return picked
        plane = np.zeros(self._run.chain.geometry.shape, picked.dtype)
        plane[self._lit] = picked[0]
        return plane

    def reads(self, charge: Array) -> Array:
        """Return what reads see of charges (read, and the picked pixels) [electron]."""
        if self._lit is not None:
            return self._alone.through(charge, self._alone.chain.effects)
        return self._read(charge) if self._together else np.stack([self._read(one) for one in charge])

    def change(self, more: Array) -> Array:
        """Return what a higher mean of reads (picked pixels) adds in the file [DN]; 0 where it is not known."""
        mean = self.spread(np.asarray(more, np.float32))
        change = self._stored(mean) - self._nothing(mean.shape)
        return np.nan_to_num(change).astype(np.float64)

    @cached_property
    def _alone(self) -> Run:
        """The run of the picked pixels."""
        geometry = self._run.chain.geometry
        rows, columns = self._lit or ((), ())
        effects = picked(self._on_reads, geometry, rows, columns)
        return Run(Chain(effects, Geometry((1, len(rows)))), self._run.exposure, None)

    def _read(self, charge: Array) -> Array:
        held = [effect for effect in self._on_reads if effect.site == "pixel"]
        kept = np.asarray(self._run.through(charge, held), np.float32)
        return self._readout.onward(self._run, kept, self._on_reads[len(held) :])

    def _stored(self, mean: Array) -> Array:
        clocked = self._readout.clocked(self._run, self._readout.onward(self._run, mean, self._on_means))
        return self._run.chain.geometry.unclock(clocked)

    def _nothing(self, shape: tuple[int, ...]) -> Array:
        """Return what stands in the file without charge: of an affine M, a difference leaves it out."""
        if self._empty is None:
            self._empty = self._stored(np.zeros(shape, np.float32))
        return self._empty
