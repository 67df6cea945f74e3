"""What was measured together, how sure we are of it, and what that does to a result."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from obverse.errors import UsageError

if TYPE_CHECKING:
    from obverse.detector import Detector

__all__ = ["Block", "draw_effects", "spread", "summary"]


@dataclass(frozen=True, eq=False)
class Block:
    """Covariance of parameters that were measured together.

    Parameters
    ----------
    names
        k parameters, each ``effect.parameter`` or ``effect.parameter.i`` for the i-th of a list.
    matrix
        Covariance, (k, k), (k, k, amplifier) or (k, k, row, column).

    Examples
    --------
    >>> Block(("gain.gain", "read_noise.sigma"), np.eye(2)).matrix.shape
    (2, 2)
    """

    names: tuple[str, ...]
    matrix: NDArray[np.float64]

    def __post_init__(self) -> None:
        matrix = np.array(self.matrix, np.float64)
        k = len(self.names)
        if matrix.shape[:2] != (k, k):
            raise UsageError(f"covariance of {self.names} has shape {matrix.shape}, it must begin with {(k, k)}")
        if not np.allclose(matrix, np.swapaxes(matrix, 0, 1), rtol=1e-9, atol=0.0):
            raise UsageError(f"covariance of {self.names} is not symmetric")
        matrix.flags.writeable = False
        object.__setattr__(self, "names", tuple(self.names))
        object.__setattr__(self, "matrix", matrix)

    def draw(self, random: np.random.Generator) -> NDArray[np.float64]:
        """Draw deviations of the k parameters, (k, ...)."""
        stacked = np.moveaxis(self.matrix, (0, 1), (-2, -1))
        values, vectors = np.linalg.eigh(stacked)
        root = vectors * np.sqrt(np.maximum(values, 0.0))[..., None, :]
        normal = random.standard_normal((*stacked.shape[:-1], 1))
        return np.moveaxis((root @ normal)[..., 0], -1, 0)

    def error(self, name: str) -> NDArray[np.float64]:
        """Return the standard deviation of one parameter."""
        i = self.names.index(name)
        return np.sqrt(self.matrix[i, i])

    @cached_property
    def digest(self) -> str:
        """Hash of names and numbers, equal for equal blocks; of large maps it takes a while."""
        return hashlib.sha256(repr(self.names).encode() + np.ascontiguousarray(self.matrix).tobytes()).hexdigest()

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Block):
            return NotImplemented
        return self.names == other.names and np.array_equal(self.matrix, other.matrix)

    def __hash__(self) -> int:
        return hash((self.names, self.matrix.tobytes()))


def summary(belief: Detector, block: Block) -> list[tuple[str, str, float, float]]:
    """Return rows (parameter, amplifier, value, error) of a block; of a map, its mean and its median error."""
    rows = []
    for name in block.names:
        effect, parameter, *index = name.split(".")
        value = np.asarray(getattr(belief.effect(effect), parameter))
        value = value[int(index[0])] if index else value
        error = block.error(name)
        rows += [(name, where, v, e) for where, v, e in _told(belief, value, error)]
    return rows


def _told(belief: Detector, value: NDArray[Any], error: NDArray[Any]) -> list[tuple[str, float, float]]:
    if value.ndim == 0 or value.size == 1:
        return [("all", float(value), float(np.asarray(error).flat[0]))]
    if value.ndim == 1:
        errors = np.broadcast_to(error, value.shape)
        names = [amplifier.name for amplifier in belief.geometry.amplifiers]
        return [(n, float(v), float(e)) for n, v, e in zip(names, value, errors, strict=True)]
    return [("map", float(np.nanmean(value)), float(np.nanmedian(error)))]


def draw_effects(detector: Detector, seed: int) -> Detector:
    """Return the detector with its measured parameters drawn from their covariance."""
    random = np.random.Generator(np.random.Philox(seed))
    effects = {effect.name: effect for effect in detector.effects}
    for block in detector.covariance:
        for name, shift in zip(block.names, block.draw(random), strict=True):
            effect, parameter, *index = name.split(".")
            effects[effect] = effects[effect].replace(
                **{parameter: _moved(getattr(effects[effect], parameter), index, shift)}
            )
    return detector.replace(effects=tuple(effects.values()))


def _moved(value: ArrayLike, index: list[str], shift: NDArray[np.float64]) -> Any:
    moved = np.array(value, np.float64)
    if index:
        moved[int(index[0])] += shift
    else:
        moved = moved + shift
    return moved if moved.ndim else float(moved)


def spread(
    function: Callable[[Detector], ArrayLike], belief: Detector, *, draws: int = 32, seed: int = 0
) -> NDArray[np.float64]:
    """Return the scatter of a result over what the calibration leaves open.

    Parameters
    ----------
    function
        What is made with a detector, for example ``lambda d: d.calibrate(raw).data.mean()``.
    belief
        A measured detector, with its covariance.
    draws
        How many detectors to draw.
    seed
        Of the draws; the i-th detector is ``belief.draw(seed + i)``.

    Returns
    -------
    ndarray
        Standard deviation of the results, the shape of one result.

    Raises
    ------
    UsageError
        If the detector has no covariance (nothing was measured), or fewer than two draws are asked for.

    Examples
    --------
    >>> from obverse import Detector
    >>> belief = Detector.load("generic_ccd").with_covariance(Block(("gain.gain",), np.array([[1e-4]])))
    >>> bool(abs(spread(lambda d: d.effect("gain").gain[0], belief, draws=400, seed=1) - 0.01) < 0.001)
    True
    """
    if not belief.covariance:
        raise UsageError(f"spread: detector {belief.name!r} has no covariance: make it with Detector.measured(...)")
    if draws < 2:
        raise UsageError(f"spread: {draws} draws say nothing about a scatter, ask for 2 or more")
    results = [np.asarray(function(belief.draw(seed + i)), np.float64) for i in range(draws)]
    return np.std(results, axis=0, ddof=1)
