"""How the electrons of a steady light are shared out among the reads of a ramp."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

__all__ = ["Shares"]


class Shares:
    r"""The law of arrival: each electron comes at an even time between the reset and the last read.

    .. math:: (n_1, \dots, n_m) \sim \mathrm{Multinomial}\left(n;\ \frac{t_j - t_{j-1}}{t_m}\right)

    It is drawn by splitting the reads in two, and these in two, with a binomial number at each split. With a Poisson
    number :math:`n` the reads get independent Poisson numbers, exactly.

    Parameters
    ----------
    times
        :math:`t_j` of all reads, rising [s].

    Examples
    --------
    >>> shares = Shares([3.0, 6.0, 9.0, 12.0])
    >>> shares.parts
    array([0.25, 0.25, 0.25, 0.25])
    >>> first, middle, late = shares.splits
    >>> first.tolist(), middle.tolist(), late.tolist()
    ([0, 0, 2], [2, 1, 3], [0.5, 0.5, 0.5])
    """

    def __init__(self, times: Sequence[float]) -> None:
        self._edges = np.array([0.0, *times])

    def __len__(self) -> int:
        return len(self._edges) - 1

    @cached_property
    def parts(self) -> NDArray[np.float64]:
        """Mean fraction that arrives before each read, (read,)."""
        return np.diff(self._edges) / self._edges[-1]

    @cached_property
    def splits(self) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]]:
        """First read of each half, and the probability of the second half, (split,)."""
        splits = self._halved(0, len(self))
        first, middle, late = zip(*splits, strict=True) if splits else ((), (), ())
        return np.array(first, np.int64), np.array(middle, np.int64), np.array(late, np.float64)

    def _halved(self, start: int, stop: int) -> list[tuple[int, int, float]]:
        """Split the reads from start to stop, and their halves.

        The first half is a power of two: with even reads, all but a few splits are then fair coins, the fastest.
        """
        if stop - start < 2:
            return []
        middle = start + 2 ** ((stop - start - 1).bit_length() - 1)
        late = (self._edges[stop] - self._edges[middle]) / (self._edges[stop] - self._edges[start])
        return [(start, middle, float(_near_half(late))), *self._halved(start, middle), *self._halved(middle, stop)]


def _near_half(p: float) -> float:
    """Return one half where rounding alone makes it something else."""
    return 0.5 if abs(p - 0.5) < 1e-12 else p
