"""Detectors on disk: TOML, and FITS beside it for maps, bound by hash.

TOML never holds an import path or an expression: numbers, words, and names of effects.
"""

from __future__ import annotations

import hashlib
import tomllib
from collections.abc import Callable, Mapping
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np
import tomli_w
from numpy.typing import NDArray

from obverse.detector import Detector
from obverse.errors import DataError, UsageError, nearest

__all__ = ["aliases", "built_in", "digest", "load", "save", "to_toml"]

_INLINE = 64
"""Arrays of more numbers than this are maps and live in a FITS file."""


def built_in() -> list[str]:
    """Return the names of the detectors that come with the package.

    Examples
    --------
    >>> "generic_ccd" in built_in()
    True
    """
    return sorted(p.name.removesuffix(".toml") for p in _folder().iterdir() if p.name.endswith(".toml"))


@cache
def aliases() -> Mapping[str, str]:
    """Return the names by which files call the built-in detectors, and ours.

    Examples
    --------
    >>> aliases()["NIRCAM/NRCALONG"]
    'jwst_nircam_long'
    """
    tables = {name: tomllib.loads(_text(name)) for name in built_in()}
    return {alias: name for name, table in tables.items() for alias in table.get("file", {}).get("aliases", ())}


def load(what: str | Path | Mapping[str, Any]) -> Detector:
    """Load a detector from a built-in name, a path, TOML text, or a table."""
    if isinstance(what, Mapping):
        return Detector.from_table(_filled(dict(what), None))
    text = str(what)
    if "\n" in text or "=" in text:
        return _parsed(text, "detector text", None)
    if text in built_in():
        return _parsed(_text(text), text, None)
    name, _, mode = text.rpartition(":")
    if name in built_in():
        return load(name).in_mode(mode)
    path = Path(what)
    if not path.is_file():
        raise UsageError(
            f"detector {text!r}: no such file, and no built-in detector of that name, {nearest(text, built_in())}"
        )
    try:
        written = path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        raise UsageError(
            f"detector {text!r}: no text; a detector is a TOML file, its maps lie in FITS beside it"
        ) from None
    return _parsed(written, text, path.parent)


def to_toml(detector: Detector) -> str:
    """Write TOML text; refuse a detector with maps."""

    def refuse(name: str, array: NDArray[Any]) -> Any:
        raise UsageError(f"detector {detector.name!r} holds a map ({name}, {array.shape}): write it with save(path)")

    return tomli_w.dumps(_emptied(detector.to_table(), "", refuse))


def save(detector: Detector, path: Path, *, overwrite: bool = False) -> None:
    """Write ``name.toml``, and ``name.maps.fits`` beside it where the detector holds maps."""
    from obverse.io import write_fits, write_text

    maps: dict[str, NDArray[Any]] = {}
    beside = path.with_name(f"{path.stem}.maps.fits")

    def put(name: str, array: NDArray[Any]) -> Any:
        maps[f"MAP{len(maps) + 1}"] = array
        return {"file": beside.name, "hdu": f"MAP{len(maps)}", "shape": list(array.shape), "sha256": _hash(array)}

    text = tomli_w.dumps(_emptied(detector.to_table(), "", put))
    if maps:
        write_fits(beside, _map_hdus(maps), overwrite=overwrite)
    write_text(path, text, overwrite=overwrite)


def digest(detector: Detector) -> str:
    """Hash everything that is said of the detector."""
    table = _emptied(detector.to_table(), "", lambda name, array: {"sha256": _hash(array), "shape": list(array.shape)})
    return hashlib.sha256(tomli_w.dumps(table).encode()).hexdigest()


def _folder() -> Any:
    return resources.files("obverse") / "detectors"


def _text(name: str) -> str:
    return str((_folder() / f"{name}.toml").read_text(encoding="utf-8"))


def _parsed(text: str, where: str, folder: Path | None) -> Detector:
    try:
        table = tomllib.loads(text)
    except tomllib.TOMLDecodeError as problem:
        raise UsageError(f"{where}: not valid TOML: {problem}") from None
    try:
        return Detector.from_table(_filled(table, folder))
    except UsageError as problem:
        raise UsageError(f"{where}: {problem}") from None


def _emptied(value: Any, name: str, put: Callable[[str, NDArray[Any]], Any]) -> Any:
    """Turn arrays into lists, and large ones into what `put` returns."""
    if isinstance(value, Mapping):
        return {k: _emptied(v, f"{name}.{k}".strip("."), put) for k, v in value.items()}
    if isinstance(value, np.ndarray):
        return put(name, value) if value.size > _INLINE else value.tolist()
    if isinstance(value, list):
        return [_emptied(v, name, put) for v in value]
    return value


def _filled(value: Any, folder: Path | None) -> Any:
    """Turn references to maps into arrays."""
    if isinstance(value, Mapping):
        if set(value) == {"file", "hdu", "shape", "sha256"}:
            return _map(value, folder)
        return {k: _filled(v, folder) for k, v in value.items()}
    if isinstance(value, list) and value and isinstance(value[0], Mapping):
        return [_filled(v, folder) for v in value]
    return value


def _map(reference: Mapping[str, Any], folder: Path | None) -> NDArray[Any]:
    from obverse.io.door import open_fits

    name = str(reference["file"])
    if folder is None or Path(name).name != name:
        raise UsageError(f"map {name!r}: it must be a plain file name beside a detector file on disk")
    path = folder / name
    for hdu in open_fits(path):
        if hdu.name == reference["hdu"]:
            array = np.asarray(hdu.data).reshape(reference["shape"])
            if _hash(array) != reference["sha256"]:
                raise DataError(
                    f"{path}: {hdu.name}: the map is not the one that the detector file names, save the detector again"
                )
            return array
    raise DataError(f"{path}: {reference['hdu']}: no such HDU, save the detector again")


def _hash(array: NDArray[Any]) -> str:
    little = np.ascontiguousarray(array, array.dtype.newbyteorder("<"))
    return hashlib.sha256(f"{little.dtype.str}{little.shape}".encode() + little.tobytes()).hexdigest()


def _map_hdus(maps: Mapping[str, NDArray[Any]]) -> list[Any]:
    from obverse.io import Hdu, Header

    units = [("PRIMARY", None), *maps.items()]
    return [Hdu(i, name, 1, Header([]), array) for i, (name, array) in enumerate(units)]
