r"""The difference that more charge makes in stored numbers: the chain without noise, twice.

.. math:: \Delta_k = M\left(\tfrac1N \sum_j \rho(q_j + s_j)\right) - M\left(\tfrac1N \sum_j \rho(q_j)\right)

:math:`\rho` is what acts on each read, up to the last effect that bends the signal, and M the affine rest, which acts
once on the mean. Reads without new charge add the same to both means, and are left out of them.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from obverse.chain import Run
from obverse.detector import Detector
from obverse.exposure import Exposure

__all__ = ["Responding"]

Array = NDArray[Any]


class Responding:
    """A detector's response to charge, read by read.

    Parameters
    ----------
    detector
        The detector.
    exposure
        What its response depends on.
    """

    def __init__(self, detector: Detector, exposure: Exposure) -> None:
        self._readout, self._run = detector.readout, Run(detector.chain, exposure, None)
        effects = self._readout.behind(detector.chain)
        bends = [i for i, effect in enumerate(effects) if not effect.affine]
        split = bends[-1] + 1 if bends else 0
        self._on_reads, self._on_means = effects[:split], effects[split:]

    def read(self, charge: Array) -> Array:
        """Return what one read sees of a charge (row, column) [electron], as far as it must be told read by read."""
        held = self._run.through(charge, self._run.chain.at("pixel"))
        return self._readout.onward(self._run, np.asarray(held, np.float32), self._on_reads)

    def change(self, before: Array, after: Array) -> Array:
        """Return the difference of two means of reads in the file [DN]; 0 where the response is not known."""
        change = self._stored(after) - self._stored(before)
        return np.nan_to_num(change).astype(np.float64)

    def _stored(self, mean: Array) -> Array:
        clocked = self._readout.clocked(self._run, self._readout.onward(self._run, mean, self._on_means))
        return self._run.chain.geometry.unclock(clocked)
