"""The error of maps that were measured together, and subtracted one after the other."""

from __future__ import annotations

from collections.abc import Callable
from math import sqrt
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from obverse.belief import Block
from obverse.frame import Frame
from obverse.moment import Moment
from obverse.scaling import add_shared_variance

if TYPE_CHECKING:
    from obverse.detector import Detector

__all__ = ["joint_variance", "with_joint_variance"]

Work = Callable[[Frame, Moment], Frame]


def with_joint_variance(detector: Detector, name: str, work: Work) -> Work:
    """Return the work of a step; the last step of a block of maps adds what the block leaves open."""
    for block in detector.covariance:
        names = [parameter.partition(".")[0] for parameter in block.names]
        if block.matrix.ndim == 4 and len(names) > 1 and name == max(names, key=detector.steps.index):
            return _with(detector, block, work)
    return work


def _with(detector: Detector, block: Block, work: Work) -> Work:
    def worked(frame: Frame, at: Moment) -> Frame:
        done = work(frame, at)
        return add_shared_variance(done, "dark", joint_variance(detector, block, at), block.digest)

    return worked


def joint_variance(detector: Detector, block: Block, at: Moment) -> NDArray[np.float32]:
    r"""Return the variance of all that is subtracted with a block of maps (row, column) [electron squared].

    .. math:: \mathrm{Var} = \sum_{jk} a_j a_k \Sigma_{jk}, \qquad a = (1 / g,\ 1,\ t)

    for fixed pattern, clock-induced charge and dark current. Their covariances are negative: the sum of the three
    variances alone would be too large.

    Parameters
    ----------
    detector
        Whose effects the maps belong to.
    block
        Covariance (k, k, row, column) of maps on the sensor.
    at
        The exposure, and the rows in hand.
    """
    a = np.array([_leverage(detector, name.partition(".")[0], at) for name in block.names])
    covariance = block.matrix[..., at.rows, :]
    return np.einsum("j,k,jk...->...", a, a, covariance).astype(np.float32)


def _leverage(detector: Detector, name: str, at: Moment) -> float:
    """Return how much of the image a unit of a map is, behind all corrections that scale it."""
    names = [effect.name for effect in detector.effects]
    before = detector.effects[: names.index(name)]
    scale = [e.amplification(at.exposure) for e in before if e.site == "transfer"]
    return float(detector.effect(name).leverage(at.exposure) * sqrt(np.prod(scale)))
