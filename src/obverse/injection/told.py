"""What was injected: one row a source."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from obverse.flags import UNUSABLE, Flag
from obverse.frame import Frame
from obverse.injection.light import Spot
from obverse.scene import Sources

if TYPE_CHECKING:
    from astropy.table import Table

__all__ = ["Told", "counted", "table_of", "worst"]


@dataclass(frozen=True, eq=False)
class Told:
    """What came of one source.

    Parameters
    ----------
    spot
        Where it is.
    rate
        Its light on the image [electron/s].
    expected
        Mean of its electrons, behind the flat.
    electrons
        How many were drawn.
    fell
        Where, (row, column) of its box.
    """

    spot: Spot
    rate: float
    expected: float
    electrons: int
    fell: NDArray[np.bool_]


def table_of(
    sources: Sources, told: list[Told], seen: NDArray[np.uint32], *, seed: int, frame: Frame, level: str
) -> Table:
    """Return the table; its meta says the exposure, the level and the seed.

    Parameters
    ----------
    sources
        In the pixels in which they were given.
    told
        What came of each.
    seen
        Flags of the pixels, (row, column).
    """
    from astropy.table import Table

    flux = sources.flux
    table = Table(meta={"exposure": frame.exposure.id, "level": level, "seed": seed})
    table["id"] = sources.id
    table["row"], table["column"] = sources.row, sources.column
    table["flux"] = flux
    on_image = np.array([one.rate for one in told])
    table["fraction"] = np.divide(on_image, flux, out=np.zeros(len(told)), where=flux > 0)
    table["expected"] = np.array([one.expected for one in told], np.float64)
    table["electrons"] = np.array([one.electrons for one in told], np.int64)
    table["pixels"] = np.array([one.fell.sum() for one in told], np.int64)
    table["flag"] = np.array([worst(seen[one.spot.where][one.fell]) for one in told], "U16")
    for name, unit in {
        "row": "pixel",
        "column": "pixel",
        "flux": "electron / s",
        "expected": "electron",
        "electrons": "electron",
    }.items():
        table[name].unit = unit
    table["fraction"].format, table["expected"].format, table["flux"].format = ".3f", ".1f", ".4g"
    return table


def counted(n: int) -> str:
    """Return so many sources in words.

    Examples
    --------
    >>> counted(1), counted(2)
    ('1 source', '2 sources')
    """
    return f"{n} source" if n == 1 else f"{n} sources"


def worst(flags: NDArray[np.uint32]) -> str:
    """Return the name of the worst flag that any of the pixels has; empty where none has one.

    Examples
    --------
    >>> worst(np.array([0, 6, 4], "u4")), worst(np.array([0], "u4"))
    ('SATURATED', '')
    """
    bits = int(np.bitwise_or.reduce(flags, axis=None)) if flags.size else 0
    ranked = (*(flag for flag in Flag if flag & UNUSABLE), *(flag for flag in Flag if not flag & UNUSABLE))
    return next((str(flag.name) for flag in ranked if bits & flag), "")
