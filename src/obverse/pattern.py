"""Read patterns: when the pixel is read, and which reads are averaged into one resultant."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from obverse.errors import UsageError
from obverse.quantities import plain

__all__ = ["ReadPattern"]


@dataclass(frozen=True, init=False)
class ReadPattern:
    r"""The reads of a ramp and how they are averaged into resultants.

    Resultant :math:`k` averages :math:`N_k` reads at the times :math:`t_{kj}`:

    .. math::

        \bar t_k = \frac{1}{N_k}\sum_j t_{kj}, \qquad
        \tau_k = \frac{1}{N_k^2}\sum_{j=1}^{N_k} \left(2(N_k-j)+1\right) t_{kj}

    :math:`\bar t_k` fixes the mean of a resultant and :math:`\tau_k` the variance of its photon noise.

    Parameters
    ----------
    reads
        Read numbers of each resultant, counted from 1, rising throughout: ``[[1], [2, 3], [5, 6]]``.
    read_time
        Seconds from one read to the next [s].

    Raises
    ------
    UsageError
        If a resultant is empty, the reads do not rise, or `read_time` is not a positive number.

    Notes
    -----
    Reference: Casertano 2022, STScI technical report Roman-STScI-000394, eqs. 14 and 15; Brandt 2024, PASP 136 045004.

    Examples
    --------
    >>> pattern = ReadPattern(reads=[[1], [2, 3], [4, 5]], read_time=3.0)
    >>> pattern.tbar
    array([ 3. ,  7.5, 13.5])
    >>> len(pattern)
    3
    """

    reads: tuple[tuple[float, ...], ...]
    read_time: float

    def __init__(self, reads: Iterable[Iterable[float]], read_time: float) -> None:
        read_time = plain("ReadPattern: read_time", read_time, "s")
        groups = tuple(tuple(float(read) for read in group) for group in reads)
        _refuse_bad_reads(groups, float(read_time))
        object.__setattr__(self, "reads", groups)
        object.__setattr__(self, "read_time", float(read_time))

    @classmethod
    def even(cls, n_groups: int, frames: int = 1, gap: int = 0, frame_time: float = 10.0) -> ReadPattern:
        """Make an even pattern from the JWST keywords NGROUPS, NFRAMES, GROUPGAP and TFRAME [s].

        Examples
        --------
        >>> ReadPattern.even(2, frames=2, gap=1, frame_time=10.0).times
        ((10.0, 20.0), (40.0, 50.0))
        """
        if n_groups < 1 or frames < 1 or gap < 0:
            raise UsageError(
                f"ReadPattern.even: n_groups={n_groups}, frames={frames}, gap={gap}: "
                "need at least one group of at least one frame and no negative gap"
            )
        period = frames + gap
        return cls([[k * period + j + 1 for j in range(frames)] for k in range(n_groups)], frame_time)

    @classmethod
    def from_times(cls, times: Iterable[Iterable[float]]) -> ReadPattern:
        """Make a pattern from the times of its reads [s], for uneven sequences such as WFC3 SPARS.

        Examples
        --------
        >>> ReadPattern.from_times([[0.0], [0.278], [0.556]]).tbar
        array([0.   , 0.278, 0.556])
        """
        return cls(times, 1.0)

    @classmethod
    def named(cls, name: str, groups: int | None = None, frame_time: float | None = None) -> ReadPattern:
        """Make a pattern by its name: ``"SHALLOW4"`` of NIRCam, ``"MA4"`` of Roman, or ``"4,1"`` (frames, gap).

        See `obverse.named_patterns.named_pattern`.

        Examples
        --------
        >>> ReadPattern.named("MEDIUM8", groups=6, frame_time=10.73677) == ReadPattern.even(6, 8, 2, 10.73677)
        True
        """
        from obverse.named_patterns import named_pattern

        return named_pattern(name, groups, frame_time)

    def first(self, resultants: int) -> ReadPattern:
        """Return the pattern of the first resultants alone.

        Examples
        --------
        >>> ReadPattern.even(5, frame_time=2.0).first(2).times
        ((2.0,), (4.0,))
        """
        return ReadPattern(self.reads[:resultants], self.read_time)

    @property
    def times(self) -> tuple[tuple[float, ...], ...]:
        """Time of every read, by resultant [s]."""
        return tuple(tuple(read * self.read_time for read in group) for group in self.reads)

    @cached_property
    def tbar(self) -> NDArray[np.float64]:
        """Mean time of each resultant, (resultant,) [s]."""
        return np.array([np.mean(group) for group in self.times])

    @cached_property
    def tau(self) -> NDArray[np.float64]:
        """Time that sets the photon variance of each resultant, (resultant,) [s]."""
        return np.array([_tau(group) for group in self.times])

    @cached_property
    def n_reads(self) -> NDArray[np.int64]:
        """Number of reads averaged in each resultant, (resultant,)."""
        return np.array([len(group) for group in self.reads])

    def __len__(self) -> int:
        return len(self.reads)


def _tau(times: Sequence[float]) -> float:
    n = len(times)
    weights = 2.0 * (n - np.arange(1, n + 1)) + 1.0
    return float(weights @ np.asarray(times)) / n**2


def _refuse_bad_reads(groups: tuple[tuple[float, ...], ...], read_time: float) -> None:
    if not (np.isfinite(read_time) and read_time > 0):
        raise UsageError(f"ReadPattern: read_time is {read_time}, it must be a positive number of seconds")
    if not groups or not all(groups):
        raise UsageError("ReadPattern: every resultant needs at least one read, and there must be a resultant")
    flat = np.array([read for group in groups for read in group])
    if not (np.isfinite(flat).all() and (np.diff(flat) > 0).all()):
        raise UsageError(f"ReadPattern: reads must rise from first to last, got {groups}")
