"""One set of flags: the bit numbers on which the JWST and Roman pipelines agree.

Every other mission's numbers live in `obverse.io` alone, where they are translated.

Reference: JWST and Roman data quality definitions (bits 0-3, 5, 6, 9-25, 30 and 31 agree).
"""

from __future__ import annotations

from enum import IntFlag

__all__ = ["UNUSABLE", "Flag"]


class Flag(IntFlag):
    """What is known to be wrong with a read (first eight bits) or with a pixel (all 32).

    Examples
    --------
    >>> Flag.SATURATED | Flag.JUMP_DET
    <Flag.SATURATED|JUMP_DET: 6>
    """

    DO_NOT_USE = 1 << 0
    SATURATED = 1 << 1
    JUMP_DET = 1 << 2
    DROPOUT = 1 << 3
    PERSISTENCE = 1 << 5
    AD_FLOOR = 1 << 6
    CHARGELOSS = 1 << 7
    NON_SCIENCE = 1 << 9
    DEAD = 1 << 10
    HOT = 1 << 11
    WARM = 1 << 12
    LOW_QE = 1 << 13
    TELEGRAPH = 1 << 15
    NONLINEAR = 1 << 16
    BAD_REF_PIXEL = 1 << 17
    NO_FLAT_FIELD = 1 << 18
    NO_GAIN_VALUE = 1 << 19
    NO_LIN_CORR = 1 << 20
    NO_SAT_CHECK = 1 << 21
    UNRELIABLE_BIAS = 1 << 22
    UNRELIABLE_DARK = 1 << 23
    UNRELIABLE_SLOPE = 1 << 24
    UNRELIABLE_FLAT = 1 << 25
    OTHER_BAD_PIXEL = 1 << 30
    REFERENCE_PIXEL = 1 << 31


UNUSABLE = Flag.DO_NOT_USE | Flag.SATURATED | Flag.DROPOUT | Flag.AD_FLOOR | Flag.CHARGELOSS
"""Bits that take a whole read out of a fit; a jump takes out only the difference that leads to it."""
