"""The error of maps that were measured together, and subtracted one after the other."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
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

__all__ = ["JointVariance", "joint_variance", "with_joint_variance"]

Work = Callable[[Frame, Moment], Frame]

_BEGINS = "estimate"
"""The step that makes variances; it takes in what was subtracted before it."""


def with_joint_variance(detector: Detector, name: str, work: Work) -> Work:
    """Return the work of a step; one that subtracts a map of a block adds what that leaves open."""
    for block in detector.covariance:
        if block.matrix.ndim == 4 and len(block.names) > 1 and name in (_BEGINS, *_steps(block)):
            work = JointVariance(detector, block, name, work)
    return work


@dataclass(frozen=True)
class JointVariance:
    """A step of a recipe that subtracts a map, and adds to the variance what that map and those before it leave open.

    What counts is which maps *have* been subtracted from the frame: a recipe may leave some out, or stop between them
    and go on later.

    Parameters
    ----------
    detector
        Whose effects the maps belong to.
    block
        The maps' covariance.
    name
        Of the step.
    work
        What the step does.
    """

    detector: Detector
    block: Block
    name: str
    work: Work

    def __call__(self, frame: Frame, at: Moment) -> Frame:
        """Do the work, and add the difference that it makes to the joint variance."""
        done, undone = self.work(frame, at), (*frame.undone, self.name)
        if _BEGINS not in undone or not set(_steps(self.block)) & set(undone):
            return done
        counted = frame.undone if _BEGINS in frame.undone else ()
        more = _variance(self.detector, self.block, at, undone, counted)
        added = add_shared_variance(done, "dark", more, self.block.digest)
        # one block is one digest, however many steps it took
        return added if not counted or not _is_in(self.block, done) else added.replace(shared=done.shared)


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
    return _variance(detector, block, at, _steps(block), ())


def _variance(
    detector: Detector, block: Block, at: Moment, undone: Collection[str], counted: Collection[str]
) -> NDArray[np.float32]:
    """Return what the maps that are undone leave open, less what those that are counted did."""
    weight = _weights(detector, block, at, undone) - _weights(detector, block, at, counted)
    total = np.zeros(block.matrix[0, 0, at.rows].shape)
    for j, k in np.argwhere(weight):
        total += weight[j, k] * block.matrix[j, k, at.rows]
    return total.astype(np.float32)


def _weights(detector: Detector, block: Block, at: Moment, undone: Collection[str]) -> NDArray[np.float64]:
    """Return the products a_j a_k, zero where a map was not subtracted."""
    a = np.array([_leverage(detector, name, at) if name in undone else 0.0 for name in _steps(block)])
    return np.outer(a, a)


def _steps(block: Block) -> list[str]:
    return [parameter.partition(".")[0] for parameter in block.names]


def _is_in(block: Block, frame: Frame) -> bool:
    return block.digest in frame.shared.get("dark", "").split("+")


def _leverage(detector: Detector, name: str, at: Moment) -> float:
    """Return how much of the image a unit of a map is, behind all corrections that scale it."""
    names = [effect.name for effect in detector.effects]
    before = detector.effects[: names.index(name)]
    scale = [e.amplification(at.exposure) for e in before if e.site == "transfer"]
    return float(detector.effect(name).leverage(at.exposure) * sqrt(np.prod(scale)))
