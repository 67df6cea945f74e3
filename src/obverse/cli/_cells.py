"""Tables of `obverse.design` as text for a terminal."""

from __future__ import annotations

import math
from typing import Any

__all__ = ["FLUX_HEADER", "LIMIT_HEADER", "SUGGESTED", "flux_cells", "limit_cells", "suggested_cells"]

FLUX_HEADER = (
    "flux", "S/N", "error", "rates %", "scatter", "bias/error", "pulls", "68.3 %", "95 %", "hit %", "cost", "missed %"
)  # fmt: skip
"""Of the table of one pattern; fluxes and errors in electron/s."""

LIMIT_HEADER = ("pattern", "time [s]", "faintest", "last read", "no rate", "first read", "range [mag]")
"""Of the limits of all patterns, in electron/s."""

SUGGESTED = {
    "pattern": "pattern",
    "groups": "groups",
    "ramps": "ramps",
    "ramp_time": "ramp [s]",
    "merit": "merit",
    "worst": "worst",
    "error_low": "faint error",
    "error_high": "bright error",
    "saturation": "saturates at",
    "hit": "hit",
    "volume": "Mbyte",
}
"""Columns of a table of suggestions, and their headers."""


def flux_cells(rows: Any) -> list[tuple[str, ...]]:
    """Return the rows of one pattern, theory and trials."""
    return [
        (
            _text(row["flux"], ".3g"),
            _text(row["snr"], ".3g"),
            _text(row["error"], ".3g"),
            _text(100 * row["rates"], ".4g"),
            _text(row["scatter"], ".3g"),
            _text(row["bias"] / row["stated"], "+.3f"),
            _text(row["pull_std"], ".3f"),
            _text(100 * row["within_68"], ".1f"),
            _text(100 * row["within_95"], ".1f"),
            _text(100 * row["hit"], ".2g"),
            _text(row["hit_cost"], ".2f"),
            _text(100 * row["hit_missed"], ".2g"),
        )
        for row in rows
    ]


def limit_cells(table: Any) -> list[tuple[str, ...]]:
    """Return between which fluxes each pattern measures."""
    fields = ("exposure_time", "faintest", "saturation_last_read", "saturation_rate", "saturation_first_read")
    return [
        (name, *(_text(meta[field], ".4g") for field in fields), _text(meta["dynamic_range"], ".1f"))
        for name, meta in table.meta.items()
    ]


def suggested_cells(table: Any) -> list[tuple[str, ...]]:
    """Return the rows of a table of suggestions."""
    return [tuple(_plain(row[name]) for name in SUGGESTED) for row in table]


def _plain(value: Any) -> str:
    return _text(value, ".4g") if isinstance(value, float) else str(value)


def _text(value: float, how: str) -> str:
    """Return a number, or a dash for what is not known."""
    return format(float(value), how) if math.isfinite(value) else "-"
