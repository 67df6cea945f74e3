"""Parameters of effects and read-outs: declared once, with unit, bounds and meaning.

A parameter is a scalar, one value an amplifier, or a map of pixels; `param` says which are allowed.
The declaration serves the checks, the TOML reader, the help of ``obverse show`` and the units at the border.
"""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from obverse.errors import UsageError, nearest
from obverse.quantities import plain

__all__ = ["Declared", "Parameters", "declared", "param"]

_KEY = "obverse"


@dataclass(frozen=True)
class Declared:
    """What is known of one parameter."""

    doc: str
    unit: str = ""
    minimum: float = -np.inf
    maximum: float = np.inf
    above: float = -np.inf
    shape: str = "any"
    choices: tuple[str, ...] = ()


def param(
    doc: str,
    *,
    default: Any = dataclasses.MISSING,
    unit: str = "",
    minimum: float = -np.inf,
    maximum: float = np.inf,
    above: float = -np.inf,
    shape: str = "any",
    choices: tuple[str, ...] = (),
) -> Any:
    """Declare a parameter of an effect.

    Parameters
    ----------
    doc
        One line on what it is.
    default
        Value where nobody gives one; without it the parameter is required.
    unit
        Unit of the number inside the package; a Quantity is converted to it at the border.
    minimum, maximum, above
        Allowed range: inclusive, inclusive, exclusive.
    shape
        ``"any"`` (scalar, one an amplifier, or a map), ``"scalar"``, ``"whole"`` (a whole number),
        ``"list"`` (polynomial, kernel),
        ``"coefficients"`` (a list, or one list an amplifier or pixel), ``"text"``, ``"map"`` (of pixels, or nothing)
        or ``"flags"`` (a map of 32-bit `Flag`).
    choices
        The allowed words of a text.

    Examples
    --------
    >>> from dataclasses import dataclass
    >>> @dataclass(frozen=True, eq=False)
    ... class Offset(Parameters):
    ...     level: float = param("height of the step", unit="DN", minimum=0.0)
    >>> Offset(level=3.0).level
    3.0
    """
    info = Declared(doc, unit, minimum, maximum, above, shape, choices)
    return dataclasses.field(default=default, metadata={_KEY: info})


def declared(cls: type) -> dict[str, Declared]:
    """List the declared parameters of a class, by name."""
    return {f.name: f.metadata[_KEY] for f in dataclasses.fields(cls) if _KEY in f.metadata}


@dataclass(frozen=True, eq=False)
class Parameters:
    """Base of everything that is made of parameters: checked when built, compared by value, frozen."""

    def __post_init__(self) -> None:
        for name, info in declared(type(self)).items():
            object.__setattr__(self, name, _checked(f"{self.label()}.{name}", getattr(self, name), info))

    @classmethod
    def label(cls) -> str:
        """Name by which messages call this thing."""
        return str(getattr(cls, "name", cls.__name__))

    @classmethod
    def from_table(cls, table: Mapping[str, Any]) -> Any:
        """Build from a table of a TOML file; unknown and missing keys are refused with the nearest name."""
        known = declared(cls)
        for key in table:
            if key not in known:
                raise UsageError(f"{cls.label()}: unknown key {key!r}, {nearest(key, known)}")
        for field in dataclasses.fields(cls):
            if field.name in known and field.default is dataclasses.MISSING and field.name not in table:
                raise UsageError(f"{cls.label()}: {field.name!r} is missing ({known[field.name].doc})")
        return cls(**table)

    def to_table(self) -> dict[str, Any]:
        """Write what differs from nothing said, for a TOML file; maps stay arrays."""
        values = {name: getattr(self, name) for name in declared(type(self))}
        return {name: _plain(value) for name, value in values.items() if value is not None}

    def replace(self, **changes: Any) -> Any:
        """Return a copy with some parameters changed."""
        return dataclasses.replace(self, **changes)

    def digest(self) -> str:
        """Hash of the parameters, equal for equal values."""
        state = hashlib.sha256(self.label().encode())
        for name, value in self.to_table().items():
            content = np.ascontiguousarray(value).tobytes() if isinstance(value, np.ndarray) else repr(value).encode()
            state.update(f"|{name}|".encode() + content)
        return state.hexdigest()

    def __eq__(self, other: object) -> bool:
        if type(self) is not type(other):
            return NotImplemented
        return all(_same(getattr(self, name), getattr(other, name)) for name in declared(type(self)))

    def __hash__(self) -> int:
        return hash((type(self), tuple(declared(type(self)))))


def _plain(value: Any) -> Any:
    if isinstance(value, np.ndarray) and value.ndim < 2:
        return value.tolist()
    return value


def _same(a: Any, b: Any) -> bool:
    if isinstance(a, np.ndarray) or isinstance(b, np.ndarray):
        a, b = np.asarray(a), np.asarray(b)
        return a.dtype == b.dtype and np.array_equal(a, b, equal_nan=a.dtype.kind == "f")
    return bool(a == b)


def _checked(name: str, value: Any, info: Declared) -> Any:
    if value is None and info.shape == "map":
        return None
    if info.shape == "text":
        return _checked_text(name, value, info)
    if isinstance(value, bool | str):
        raise UsageError(f"{name} is {value!r}, it must be a number{_in_unit(info)}")
    number = _to_array(name, value, info)
    _refuse_bad_shape(name, number, info)
    _refuse_out_of_range(name, number, info)
    if number.ndim == 0:
        return _whole(name, number) if info.shape == "whole" else float(number)
    number.flags.writeable = False
    return number


def _checked_text(name: str, value: Any, info: Declared) -> str:
    if not isinstance(value, str):
        raise UsageError(f"{name} is {value!r}, it must be a word")
    if info.choices and value not in info.choices:
        raise UsageError(f"{name} is {value!r}, {nearest(value, info.choices)}")
    return value


def _to_array(name: str, value: Any, info: Declared) -> np.ndarray[Any, np.dtype[Any]]:
    value = plain(name, value, info.unit)
    if info.shape == "flags":
        return _to_flags(name, value)
    try:
        array = np.array(value)
        return array if array.dtype.kind in "f" else array.astype(np.float64)
    except (TypeError, ValueError):
        raise UsageError(f"{name} is {value!r}, it must be a number{_in_unit(info)} or an array of them") from None


def _to_flags(name: str, value: Any) -> np.ndarray[Any, np.dtype[Any]]:
    array = np.array(value)
    if array.dtype.kind not in "iu" or (array.size and not 0 <= int(array.min()) <= int(array.max()) < 2**32):
        raise UsageError(f"{name} must be a map of flags, whole numbers from 0 to {2**32 - 1}, not of {array.dtype}")
    return array.astype(np.uint32)


def _refuse_bad_shape(name: str, number: np.ndarray[Any, Any], info: Declared) -> None:
    wanted = {
        "scalar": (0,),
        "whole": (0,),
        "map": (2, 3),
        "flags": (2,),
        "list": (1, 2),
        "coefficients": (1, 2, 3),
        "ramp": (3, 4),
        "any": (0, 1, 2),
    }[info.shape]
    if number.ndim not in wanted:
        words = {
            "scalar": "one number",
            "whole": "one whole number",
            "map": "a map of pixels",
            "flags": "a map (row, column)",
            "list": "a list of numbers",
            "ramp": "planes of pixels (resultant, row, column) or (integration, resultant, row, column)",
        }
        raise UsageError(
            f"{name} has shape {number.shape}, it must be "
            + words.get(info.shape, "one number, one an amplifier, or a map (row, column)")
        )


def _refuse_out_of_range(name: str, number: np.ndarray[Any, Any], info: Declared) -> None:
    good = number[~np.isnan(number)] if number.ndim >= 2 else number  # a map may have holes, a scalar may not
    inside = (good >= info.minimum) & (good <= info.maximum) & (good > info.above)
    if not inside.all() or (number.ndim < 2 and not np.isfinite(number).all()):
        wrong = np.atleast_1d(good)[~np.atleast_1d(inside & np.isfinite(good))][0]
        raise UsageError(f"{name} is {wrong}, it must be a finite number {_range(info)}{_in_unit(info)}")


def _whole(name: str, number: np.ndarray[Any, Any]) -> int:
    if number != np.rint(number):
        raise UsageError(f"{name} is {number}, it must be a whole number")
    return int(number)


def _range(info: Declared) -> str:
    parts = []
    if info.above > -np.inf:
        parts.append(f"above {info.above:g}")
    if info.minimum > -np.inf:
        parts.append(f"of at least {info.minimum:g}")
    if info.maximum < np.inf:
        parts.append(f"of at most {info.maximum:g}")
    return " and ".join(parts)


def _in_unit(info: Declared) -> str:
    return f" [{info.unit}]" if info.unit else ""
