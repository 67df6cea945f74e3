"""Threads by a word."""

from __future__ import annotations

from obverse.errors import UsageError
from obverse.tiles import processors

__all__ = ["cores"]


def cores(word: str) -> int:
    """Return the threads that ``none``, ``quarter``, ``half``, ``all`` or a number of processors stands for.

    Examples
    --------
    >>> cores("none"), cores("3")
    (1, 3)
    """
    have = processors()
    named = {"none": 1, "quarter": max(have // 4, 1), "half": max(have // 2, 1), "all": have}
    if word in named:
        return named[word]
    if not (word.isdecimal() and int(word) > 0):
        raise UsageError(f"--maximum-cores {word}: must be none, quarter, half, all or a whole number from 1")
    return int(word)
