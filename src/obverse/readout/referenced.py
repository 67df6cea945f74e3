"""The read behind the reset that is subtracted on board, before any light has come."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from obverse.chain import Run

if TYPE_CHECKING:
    from obverse.effects.reference_read import ReferenceRead
    from obverse.readout._readout import Readout

__all__ = ["encoding_of", "reference_read"]


def encoding_of(run: Run) -> ReferenceRead | None:
    """Return the effect that subtracts a read on board, None where the chain has none."""
    return next((effect for effect in run.chain.effects if effect.name == "reference_read"), None)  # type: ignore[return-value]


def reference_read(readout: Readout, run: Run, integration: int) -> NDArray[Any]:
    """Return the digitised read at the reset (clocked) [DN]: level, reset noise and the noise of one read, no charge.

    Parameters
    ----------
    readout
        What brings charge onward.
    run
        The exposure; the random numbers of this read have an address of their own.
    integration
        Which one, counted from 0; its reset noise is that of all its reads.
    """
    when: dict[str, Any] = {"integration": integration, "read": "reference", "times": (0.0,)}
    clocked = readout.read(run, np.zeros(run.chain.geometry.shape, np.float32), **when)
    digital = run.chain.at("digital")
    names = [effect.name for effect in digital]
    return run.through(clocked, digital[: names.index("reference_read")], layout="clocked", **when)
