"""One stack of frames in the making: its mean, its scatter, and what was flagged in all of them."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from obverse.darks.refusals import WrongArgumentError
from obverse.kernels.stacking import add_rows, pool_rows
from obverse.tiles import run_rows

__all__ = ["Stack", "pooled_scatter"]

Array = NDArray[Any]


class Stack:
    """Frames that are added one at a time, and forgotten.

    Memory does not grow with their number, and their order changes nothing but rounding.

    Parameters
    ----------
    shape
        Rows and columns.
    threads
        Worker threads, None for one a processor; their number changes nothing.

    Examples
    --------
    >>> stack = Stack((1, 1))
    >>> for value in (1.0, 2.0, 6.0):
    ...     stack.add(np.full((1, 1), value), np.zeros((1, 1), np.uint32))
    >>> stack.mean, stack.squares
    (array([[3.]]), array([[14.]]))
    """

    def __init__(self, shape: tuple[int, ...], threads: int | None = None) -> None:
        self.shape, self.frames, self._threads = tuple(shape), 0, threads
        self.n = np.zeros(shape, np.uint16)
        self.mean, self.squares = np.zeros(shape), np.zeros(shape)
        self.seen = np.zeros(shape, np.uint32)

    def add(self, data: Array, marks: Array) -> None:
        """Add one frame (row, column); any bit of `marks` takes a pixel out.

        Raises
        ------
        WrongArgumentError
            If it has another shape than the stack: the kernel goes by the rows and columns of the first.
        """
        if np.shape(data) != self.shape or np.shape(marks) != self.shape:
            raise WrongArgumentError(
                f"darks: an image of {np.shape(data)}, masked by {np.shape(marks)}, in a stack of {self.shape} "
                "(row, column): all must be of one shape"
            )
        self._each_row(add_rows, data, np.asarray(marks, np.uint32), self.n, self.mean, self.squares, self.seen)
        self.frames += 1

    def join(self, other: Stack, where: NDArray[np.bool_]) -> None:
        """Add the frames of another stack of the same frames, in some pixels (row, column)."""
        n, more = self.n[where].astype(np.float64), other.n[where].astype(np.float64)
        total, apart = n + more, other.mean[where] - self.mean[where]
        self.mean[where] += apart * more / total
        self.squares[where] += other.squares[where] + apart**2 * n * more / total
        self.n[where] = total

    def lost(self) -> NDArray[np.uint32]:
        """Return the flags of all frames together where none of them counts, 0 elsewhere."""
        never = self.n == 0
        return np.where(never, self.seen, np.uint32(0)) if never.any() else np.zeros_like(self.seen)

    def _each_row(self, kernel: Any, *planes: Array) -> None:
        run_rows(self.shape[0], lambda start, stop: kernel(*planes, start, stop), self._threads)


def pooled_scatter(
    squares: Array, n: Array, labels: NDArray[np.uint8], size: int, threads: int | None = None
) -> NDArray[np.float64]:
    """Return the sum of squared deviations and of degrees of freedom, (label, 2), over the pixels of each label.

    Examples
    --------
    >>> pooled_scatter(np.array([[6.0, 2.0]]), np.array([[3, 2]]), np.array([[0, 1]], np.uint8), 2)
    array([[6., 2.],
           [2., 1.]])
    """
    sums = np.zeros((n.shape[0], size, 2))
    run_rows(n.shape[0], lambda start, stop: pool_rows(squares, n, labels, sums, start, stop), threads)
    return np.asarray(sums.sum(axis=0))
