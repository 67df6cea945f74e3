"""Units end at the door: a Quantity becomes a number in the package's own unit, or one clear refusal."""

from __future__ import annotations

from typing import Any

from obverse.errors import UsageError

__all__ = ["plain"]


def plain(name: str, value: Any, unit: str) -> Any:
    """Return a Quantity as a number in `unit`, and anything else as it is; adu and DN are one.

    Raises
    ------
    UsageError
        If the Quantity has a unit that cannot be `unit`.

    Examples
    --------
    >>> from astropy import units
    >>> float(plain("gain", 2.5 * units.electron / units.adu, "electron/DN"))
    2.5
    """
    if not hasattr(value, "to_value"):
        return value
    from astropy import units

    for spelling in (value, value * units.adu / units.DN, value * units.DN / units.adu):
        try:
            return spelling.to_value(unit)
        except (
            units.UnitConversionError,
            ValueError,
        ):  # ValueError: a unit such as electron^(1-k) is none of astropy's
            continue
    raise UsageError(f"{name} is in {str(value.unit)!r}, it must be in {unit or 'no unit'!r}")
