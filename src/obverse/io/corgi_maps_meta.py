"""What noise maps say besides their planes, as a table of keys and JSON values: the pipeline has no place for it."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from obverse.geometry import Amplifier, Geometry, Section

if TYPE_CHECKING:
    from obverse.darks import NoiseMaps

__all__ = ["META", "STACKS", "meta_fields", "meta_table", "stack_reports", "stack_table"]

META, STACKS = "OBV_META", "STACKS"
"""Names of the units that hold the table of keys, and the table of stacks."""

_NUMBERS = ("bias_offset", "bias_offset_low", "bias_offset_up", "bias_offset_error", "read_noise", "n_frames")
_MAPPINGS = ("means", "medians", "map_variances")
_SECTIONS = ("prescan_at", "image_at", "overscan_at")


def meta_table(maps: NoiseMaps) -> NDArray[Any]:
    """Return the numbers, the geometry and the noise profile."""
    entries: dict[str, Any] = {name: _plain(getattr(maps, name)) for name in _NUMBERS}
    entries |= {name: {k: _plain(v) for k, v in getattr(maps, name).items()} for name in _MAPPINGS}
    entries |= {"skipped": list(maps.skipped), "geometry": _as_dict(maps.geometry), "profile": _as_dict(maps.profile)}
    rows = [(key.encode(), json.dumps(value).encode()) for key, value in entries.items()]
    widths = [max(len(row[i]) for row in rows) for i in (0, 1)]
    return np.array(rows, [("KEY", f"S{widths[0]}"), ("VALUE", f"S{widths[1]}")])


def meta_fields(table: NDArray[Any]) -> dict[str, Any]:
    """Return the fields of noise maps that a table holds.

    Raises
    ------
    ValueError, KeyError, TypeError
        If it is damaged.
    """
    from obverse.darks.profile import NoiseProfile

    entries = {row["KEY"].decode("ascii"): json.loads(row["VALUE"]) for row in table}
    fields: dict[str, Any] = {name: _number(name, entries[name]) for name in _NUMBERS}
    fields |= {name: {k: _number(f"{name}.{k}", v) for k, v in entries[name].items()} for name in _MAPPINGS}
    profile = entries["profile"]
    return {
        **fields,
        "n_frames": _count("n_frames", entries["n_frames"], 0),
        "skipped": tuple(_word("skipped", each) for each in entries["skipped"]),
        "geometry": _geometry(entries["geometry"]),
        "profile": None if profile is None else NoiseProfile(**_profile(profile)),
    }


def _profile(entry: Mapping[str, Any]) -> dict[str, Any]:
    """Return the numbers of a noise profile: variances and electrons cannot be negative, stages are one or more."""
    numbers = {key: _number(f"profile.{key}", value) for key, value in entry.items()}
    if not all(value >= 0 for value in numbers.values()):
        raise ValueError(f"profile is {dict(entry)!r}, none of it can be negative")
    return {**numbers, "stages": _count("profile.stages", entry["stages"], 1)}


def _number(name: str, value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TypeError(f"{name} is {value!r}, it must be a number")
    return value


def _count(name: str, value: Any, least: int) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value < least:
        raise TypeError(f"{name} is {value!r}, it must be a whole number from {least} on")
    return value


def _word(name: str, value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{name} holds {value!r}, it must hold names")
    return value


def stack_table(maps: NoiseMaps) -> NDArray[Any]:
    """Return one row a stack; a k gain that nobody has said is NaN."""
    width = max(len(stack.verdict.encode("ascii", "backslashreplace")) for stack in maps.stacks)
    kinds: Mapping[str, str] = {"frames": "i8", "verdict": f"S{max(width, 1)}"}
    names = [item.name for item in dataclasses.fields(maps.stacks[0])]
    rows = [tuple(_cell(getattr(stack, name)) for name in names) for stack in maps.stacks]
    return np.array(rows, [(name.upper(), kinds.get(name, "f8")) for name in names])


def stack_reports(table: NDArray[Any]) -> tuple[Any, ...]:
    """Return the stacks of a table."""
    from obverse.darks.verdicts import StackReport

    names = [item.name for item in dataclasses.fields(StackReport)]
    return tuple(StackReport(**{name: _value(name, row[name.upper()]) for name in names}) for row in table)


def _cell(value: Any) -> Any:
    if isinstance(value, str):
        return value.encode("ascii", "backslashreplace")
    return np.nan if value is None else value


def _value(name: str, cell: Any) -> Any:
    if isinstance(cell, bytes) and name == "verdict":
        return cell.decode("ascii")
    value = _number(name, cell.item())
    return None if name == "k_gain" and np.isnan(value) else value


def _plain(value: Any) -> Any:
    return value.item() if isinstance(value, np.generic) else value


def _as_dict(value: Any) -> dict[str, Any] | None:
    return None if value is None else {key: _plain(entry) for key, entry in dataclasses.asdict(value).items()}


def _geometry(entry: Mapping[str, Any] | None) -> Geometry | None:
    if entry is None:
        return None
    pairs: dict[str, Any] = {key: tuple(value) if isinstance(value, list) else value for key, value in entry.items()}
    return Geometry(**{**pairs, "amplifiers": tuple(_amplifier(each) for each in entry["amplifiers"])})


def _amplifier(entry: Mapping[str, Any]) -> Amplifier:
    sections = {key: _section(entry[key]) for key in _SECTIONS}
    return Amplifier(entry["name"], tuple(entry["rows"]), tuple(entry["columns"]), entry["corner"], **sections)


def _section(entry: Mapping[str, Any] | None) -> Section | None:
    return None if entry is None else Section(tuple(entry["rows"]), tuple(entry["columns"]))
