"""Detector physics, one effect a file: the directory listing is the list of features.

Third parties add effects through the entry-point group ``obverse.effects``.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Mapping
from functools import cache
from importlib.metadata import entry_points
from types import MappingProxyType

from obverse.effects._effect import SITES, WHOLE, Effect
from obverse.errors import UsageError, nearest

__all__ = ["SITES", "WHOLE", "Effect", "find", "registry"]


@cache
def registry() -> Mapping[str, type[Effect]]:
    """Return every effect class by name, third-party ones included.

    Examples
    --------
    >>> registry()["gain"].__name__
    'Gain'
    """
    found = {cls.name: cls for cls in (_only_effect(name) for name in _modules())}
    for point in entry_points(group="obverse.effects"):
        cls = point.load()
        if cls.name in found:
            raise UsageError(f"two effects are called {cls.name!r}: {found[cls.name].__module__} and {point.value}")
        found[cls.name] = cls
    return MappingProxyType(found)


def find(name: str) -> type[Effect]:
    """Return the effect class of that name; an unknown one is refused with the nearest."""
    known = registry()
    if name not in known:
        raise UsageError(f"unknown effect {name!r}, {nearest(name, known)}")
    return known[name]


def _modules() -> list[str]:
    return [m.name for m in pkgutil.iter_modules(__path__) if not m.name.startswith("_")]


def _only_effect(module: str) -> type[Effect]:
    """Return the one public class of an effect's file."""
    home = importlib.import_module(f"{__name__}.{module}")
    (cls,) = (getattr(home, name) for name in home.__all__)
    if cls.name != module:
        raise UsageError(f"effects/{module}.py holds an effect called {cls.name!r}: file and effect share one name")
    return cls
