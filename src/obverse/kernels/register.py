"""Electrons in a multiplication register: each doubles in a stage with a small probability.

Few electrons are followed, exactly: from doubling to doubling, or by tables to the stage in which they stop being few.
Many are drawn at once from a gamma law with the first three cumulants of the branching process: a cumulant of n
electrons is n times that of one, so the laws differ by 1/n.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from obverse.kernels._binomial import MOST, binomial
from obverse.kernels._gamma import gamma, normal
from obverse.kernels._jit import jit
from obverse.kernels._random import uniform

__all__ = ["Tables", "add_spurious", "multiply"]

Array = NDArray[Any]

_MANY = 8.0
"""Mean doublings in a stage from which on a binomial number a stage is cheaper than the way to the next doubling."""

_NORMAL = 1e12
"""Shape from which on nobody tells a gamma law from a normal one."""


class Tables(NamedTuple):
    """What kernels know of a register."""

    p: float
    """Probability of a doubling in a stage."""

    few: float
    """Fewer electrons than these are followed."""

    law: Array
    """Cumulants of what one electron has become after so many stages, (stages + 1, 3)."""

    doubled: Array
    """Probability that so many of so many electrons double, (K, K); this and what follows is empty for ``K = 0``."""

    at_most: Array
    """Probability that of so many electrons these or fewer have become after each stage, (K, stages + 1, K)."""

    below: Array
    """Probability that they are still fewer than K, (K, stages + 1)."""


@jit
def multiply(charge: Array, tables: Tables, state: Array, out: Array) -> None:
    """Fill `out` (pixel,) with what the electrons in `charge` (pixel,) become; a negative number of them is none.

    A fraction of an electron is a whole one that often.
    """
    stages = tables.law.shape[0] - 1
    for j in range(charge.shape[0]):
        if not charge[j] > 0.0:
            out[j] = charge[j] if math.isnan(charge[j]) else 0.0
            continue
        held = min(np.float64(charge[j]), np.float64(MOST))
        n = int(held)
        if held > n and uniform(state) < held - n:
            n += 1
        out[j] = _grown(n, stages, tables, state) if n > 0 else 0.0


@jit
def add_spurious(made: float, tables: Tables, state: Array, out: Array) -> None:
    """Add to `out` (pixel,) what each stage makes of nothing with the probability `made`, grown by the stages behind.

    The stages of all pixels stand in one row, and each step leads to the next one that makes an electron.
    """
    if made <= 0.0:
        return
    stages = tables.law.shape[0] - 1
    cells = out.shape[0] * stages
    cell = _failures(made, state)
    while cell < cells:
        out[cell // stages] += _grown(1, stages - 1 - cell % stages, tables, state)
        cell += 1 + _failures(made, state)


@jit
def _failures(p: float, state: Array) -> int:
    """Draw how many trials fail before the first that succeeds."""
    return int(math.log(uniform(state)) / math.log1p(-p))


@jit
def _grown(n: int, left: int, tables: Tables, state: Array) -> float:
    """Return what `n` electrons become in `left` stages."""
    if left > 0 and n < tables.below.shape[0]:
        n, left = _reached(n, left, tables.doubled, tables.at_most[n], tables.below[n], state)
    n, left = _followed(n, left, tables.law, tables.p, tables.few, state)
    return _matched(np.float64(n), tables.law[left], state) if left > 0 else np.float64(n)


@jit
def _reached(n: int, left: int, doubled: Array, at_most: Array, below: Array, state: Array) -> Any:
    """Go to the stage behind which electrons are no longer few: how many they are there, and the stages left."""
    u = uniform(state)
    if u < below[left]:
        while u >= at_most[left, n]:
            n += 1
        return n, 0
    early, late = 0, left  # behind the one they are still few, behind the other many
    while late - early > 1:
        middle = (early + late) // 2
        if u < below[middle]:
            early = middle
        else:
            late = middle
    return _past(at_most[early], below[early] - below[late], doubled, state), left - late


@jit
def _past(at_most: Array, chance: float, doubled: Array, state: Array) -> int:
    """Draw how many electrons there are behind the stage that made them many, from how many there were before.

    `chance` is that of a stage to do so; the nearer they were to many, the likelier: the sum begins there.
    """
    many = at_most.shape[0]
    left = chance * uniform(state)
    found = many
    for n in range(many - 1, 0, -1):
        held = at_most[n] - at_most[n - 1]
        for more in range(many - n, n + 1):
            part = held * doubled[n, more]
            if part > 0.0:
                found = n + more
            if left < part:
                return found
            left -= part
    return found  # rounding left some of the sum over


@jit
def _followed(n: int, left: int, law: Array, p: float, few: float, state: Array) -> Any:
    """Follow `n` electrons through `left` stages while there are few, or few doublings are to come."""
    while p > 0.0 and left > 0 and n < MOST and (n < few or n * (law[left, 0] - 1.0) < few):
        if n * p > _MANY:
            n += binomial(n, p, state)
            left -= 1
            continue
        trial = _failures(p, state)  # electrons of one stage, then those of the next: no need to stop at each
        quiet = trial // n
        if quiet >= left:
            return n, 0
        left -= quiet + 1
        n += 1 + binomial(n - 1 - trial % n, p, state)
    return n, left


@jit
def _matched(n: float, one: Array, state: Array) -> float:
    """Draw from the gamma law that has `n` times the cumulants of `one` electron, shifted."""
    mean, variance, third = n * one[0], n * one[1], n * one[2]
    if not variance > 0.0:
        return mean
    if third * third * _NORMAL < 4.0 * variance**3:
        return mean + math.sqrt(variance) * normal(state)
    shape = 4.0 * variance**3 / (third * third)
    return mean + third / (2.0 * variance) * (gamma(shape, state) - shape)
