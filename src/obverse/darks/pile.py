"""Planes of pixels one upon the other, in memory or in a temporary file."""

from __future__ import annotations

import os
import tempfile
import weakref
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

__all__ = ["Pile"]


class Pile:
    """Planes of one shape that are put down in order and taken up again by rows.

    Read by position, not mapped into memory: the pages of a mapped file count as memory of the process.

    Parameters
    ----------
    shape
        Rows and columns.
    dtype
        Of the pixels.
    on_disk
        Keep them in a temporary file, which is gone when the pile is.

    Examples
    --------
    >>> pile = Pile((4, 2), "f8", on_disk=True)
    >>> pile.put(np.zeros((4, 2)))
    >>> pile.put(np.ones((4, 2)))
    >>> pile.rows(1, 3).shape, float(pile.plane(1).sum())
    ((2, 2, 2), 8.0)
    """

    def __init__(self, shape: tuple[int, ...], dtype: DTypeLike, *, on_disk: bool = False) -> None:
        self._shape, self._dtype = shape, np.dtype(dtype)
        self._planes: list[NDArray[Any]] = []
        self._file = tempfile.TemporaryFile() if on_disk else None  # noqa: SIM115 (lives as long as the pile)
        self._count = 0
        if self._file is not None:
            weakref.finalize(self, self._file.close)

    def __len__(self) -> int:
        return self._count

    def put(self, plane: NDArray[Any]) -> None:
        """Put a plane on the top; it is not copied, so that nobody may change it any more."""
        plane = plane.astype(self._dtype, copy=False)
        if self._file is None:
            self._planes.append(plane)
        else:
            self._file.write(plane.data)
            self._file.flush()
        self._count += 1

    def rows(self, start: int, stop: int) -> NDArray[Any]:
        """Return rows from start to stop of all planes, (plane, row, column)."""
        out = np.empty((self._count, stop - start, self._shape[1]), self._dtype)
        for i in range(self._count):
            out[i] = self._cut(i, start, stop)
        return out

    def plane(self, i: int) -> NDArray[Any]:
        """Return the i-th plane (row, column)."""
        return self._cut(i, 0, self._shape[0])

    def _cut(self, i: int, start: int, stop: int) -> NDArray[Any]:
        if self._file is None:
            return self._planes[i][start:stop]
        width = self._shape[1] * self._dtype.itemsize
        raw = os.pread(self._file.fileno(), (stop - start) * width, (i * self._shape[0] + start) * width)
        return np.frombuffer(raw, self._dtype).reshape(stop - start, self._shape[1])
