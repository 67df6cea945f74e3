"""Columns of a catalogue as numbers in a known unit."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from obverse.errors import DataError, UsageError, nearest
from obverse.scene import bands

__all__ = ["Columns"]

Array = NDArray[np.float64]

_JANSKY = 3631.0
"""Flux density of AB magnitude 0 [Jy] (Oke & Gunn 1983)."""

_UNITS = "electron/s, photon/s, mag(AB), mgy (maggies), nmgy or Jy"


class Columns:
    """A table whose columns are asked for by name, whatever their case; problems name the file.

    Parameters
    ----------
    table
        astropy Table.
    file
        Name for the messages.
    """

    def __init__(self, table: Any, file: str) -> None:
        self.table, self.file = table, file
        self._names = {name.lower(): name for name in table.colnames}

    def __len__(self) -> int:
        return len(self.table)

    def __contains__(self, name: str) -> bool:
        return name.lower() in self._names

    def error(self, name: str, what: str) -> DataError:
        """Make the one-line error about a column."""
        return DataError(f"{self.file}: {name}: {what}")

    def first(self, *names: str) -> str | None:
        """Return the first of some names that there is."""
        return next((name for name in names if name in self), None)

    def missing(self, name: str) -> DataError:
        """Make the error for a column that is wanted."""
        return self.error(name, f"no such column, {nearest(name, self.table.colnames)}")

    def unit(self, name: str) -> Any:
        """Return the unit of a column; None where it has none."""
        return self._column(name).unit

    def words(self, name: str) -> NDArray[Any]:
        """Return a column of words, bytes decoded and blanks off."""
        return np.char.strip(np.asarray(self._column(name)).astype(str))

    def numbers(self, name: str, unit: str = "", fallback: str | None = None) -> Array:
        """Return a column (source,) in `unit`, or in `fallback`, if it has no unit; NaN where it is masked."""
        column = self._column(name)
        values = self._floats(name, column)
        own = column.unit if column.unit is not None else (fallback or unit)
        from astropy import units

        try:
            return np.asarray((values * units.Unit(own)).to_value(unit), np.float64)
        except (units.UnitsError, TypeError, ValueError):
            raise self.error(name, f"is in {str(own)!r}, it must be in {unit or 'no unit'!r}") from None

    def rates(self, name: str, unit: str | None, zero_point: float | None, efficiency: float | None) -> Array:
        """Return the rates of a column of fluxes or magnitudes (source,) [electron/s]."""
        from astropy import units

        column = self._column(name)
        values = self._floats(name, column)
        own = column.unit if column.unit is not None else unit
        if own is None:
            raise self.error(name, f"has no unit, write one into the table or give unit=: {_UNITS}")
        text = str(own)
        if column.unit is None and text == "mgy" and np.nanmedian(values) > 1.0:
            raise self.error(
                name, f"has no unit, and as maggies its median would be brighter than magnitude 0: give unit=: {_UNITS}"
            )
        if text in ("mag(AB)", "mag", "ABmag"):
            return np.asarray(bands.electrons(values, self._zero_point(name, zero_point)), np.float64)
        scale = units.Unit({"maggies": "mgy", "maggy": "mgy"}.get(text, own), parse_strict="silent")
        if scale.is_equivalent("electron/s"):
            return np.asarray((values * scale).to_value("electron/s"), np.float64)
        if scale.is_equivalent("photon/s"):
            return self._seen(name, (values * scale).to_value("photon/s"), efficiency)
        for reference in ("mgy", units.Unit(_JANSKY * units.Jy)):
            if scale.is_equivalent(reference):
                share = (values * scale).to_value(reference)
                return np.asarray(share * bands.electrons(0.0, self._zero_point(name, zero_point)), np.float64)
        raise self.error(name, f"is in {text!r}, wanted is {_UNITS}")

    def _seen(self, name: str, photons: Any, efficiency: float | None) -> Array:
        if efficiency is None:
            raise UsageError(
                f"{self.file}: {name}: is in photon/s, give quantum_efficiency= to turn it into electron/s"
            )
        return np.asarray(photons * efficiency, np.float64)

    def _zero_point(self, name: str, zero_point: float | None) -> float:
        if zero_point is None:
            raise UsageError(
                f"{self.file}: {name}: give zero_point=, the AB magnitude of 1 electron/s, or a Roman band="
            )
        return zero_point

    def _column(self, name: str) -> Any:
        if name not in self:
            raise self.missing(name)
        return self.table[self._names[name.lower()]]

    def _floats(self, name: str, column: Any) -> Array:
        from astropy.utils.masked import get_data_and_mask

        data, mask = get_data_and_mask(getattr(column, "value", column))
        try:
            values = np.array(data, np.float64)
        except (TypeError, ValueError):
            raise self.error(name, "holds what is no number") from None
        if values.ndim != 1:
            raise self.error(name, f"has shape {values.shape}, one number a row is wanted")
        if mask is not None:
            values[np.asarray(mask)] = np.nan
        return values
