"""The multi-accumulation tables of the Roman Wide Field Instrument: which reads make which resultant."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType

from obverse.errors import UsageError
from obverse.pattern import ReadPattern

__all__ = ["MA_TABLES", "READ_TIME", "ma_numbers", "ma_table"]

READ_TIME = 3.16247
"""Seconds from one read to the next."""

MA_TABLES: Mapping[int, tuple[int, ...]] = MappingProxyType(
    {
        3: (1, 2, 6, 8, 1),
        4: (1, 1, 2, 5, 8, 8, 8, 10, 1),
        5: (1, 1, 2, 6, 6, 6, 6, 6, 8, 10, 10, 1),
        6: (1, 1, 2, 6, 6, 6, 8, 8, 8, 8, 8, 10, 10, 10, 1),
        7: (1, 1, 2, 8, 8, 10, 10, *(12,) * 7, 1),
        8: (1, 1, 2, 8, 9, 10, 12, *(16,) * 7, 1),
        9: (1, 1, 2, 8, 8, 10, 12, *(16,) * 5, 32, 32, 1),
        10: (1, 1, 2, 8, 12, *(16,) * 5, *(32,) * 4, 1),
        11: (1, 1, 2, 16, 16, 16, *(32,) * 8, 1),
        12: (1, 2, 2, *(4,) * 9, 8, 8, 1),
        13: (1, 2, 2, *(4,) * 4, *(8,) * 7, 1),
        14: (1, 2, 2, 4, 6, *(8,) * 8, 16, 1),
        15: (1, 2, 2, 4, 6, 6, *(12,) * 8, 1),
        16: (1, 2, 2, 8, *(12,) * 7, *(16,) * 3, 1),
        17: (2, 2, 2, 6, 8, 12, *(16,) * 6, 32, 32, 1),
        110: (1, *(3,) * 14, 1),
    }
)
"""Reads averaged in each resultant, by number of the table; no read is left out between them."""

_WITH_GAPS: Mapping[int, Sequence[Sequence[int]]] = MappingProxyType(
    {109: [[1], [2, 3], range(5, 8), range(10, 14), range(15, 21), range(21, 27), range(27, 33), range(33, 39),
           range(39, 44), [44]]}
)  # fmt: skip


def ma_numbers() -> list[int]:
    """Return the numbers of the tables that are known.

    Examples
    --------
    >>> ma_numbers()[:3], ma_numbers()[-2:]
    ([3, 4, 5], [109, 110])
    """
    return sorted([*MA_TABLES, *_WITH_GAPS])


def ma_table(number: int, read_time: float = READ_TIME) -> ReadPattern:
    """Return the read pattern of a multi-accumulation table.

    Parameters
    ----------
    number
        Number of the table, ``exposure.ma_table_number`` of a Roman file.
    read_time
        Seconds from one read to the next [s].

    Raises
    ------
    UsageError
        If no table has that number.

    Notes
    -----
    Limits: the tables as they stood before launch; a file brings its own read pattern, which is what counts.
    Reference: the tables of romanisim 0.15 (BSD licence), after the Roman project reference database.

    Examples
    --------
    >>> ma_table(3).n_reads
    array([1, 2, 6, 8, 1])
    >>> ma_table(110).reads[1]
    (2.0, 3.0, 4.0)
    """
    if number in _WITH_GAPS:
        return ReadPattern(_WITH_GAPS[number], read_time)
    if number not in MA_TABLES:
        raise UsageError(f"no multi-accumulation table {number}, known: {', '.join(map(str, ma_numbers()))}")
    return ReadPattern(_consecutive(MA_TABLES[number]), read_time)


def _consecutive(counts: Sequence[int]) -> list[range]:
    """Number the reads from 1, without a gap."""
    starts = [1 + sum(counts[:k]) for k in range(len(counts))]
    return [range(start, start + count) for start, count in zip(starts, counts, strict=True)]
