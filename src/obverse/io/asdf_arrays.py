"""Arrays as the tree of an ASDF file describes them: in a block of the file, or in the text itself."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from obverse.errors import DataError
from obverse.io.asdf_tree import CORE, TaggedMap, like, tag_of
from obverse.io.door import MAX_BYTES
from obverse.io.text import FETCH, shown

__all__ = ["NDARRAY", "Stored", "datatype", "with_arrays"]

NDARRAY = f"{CORE}core/ndarray-"
"""How the tag of an array begins; its version follows."""

_TYPES = {f"{kind}{8 * size}": f"{kind[0]}{size}" for kind in ("int", "uint") for size in (1, 2, 4, 8)}
_TYPES |= {f"float{8 * size}": f"f{size}" for size in (2, 4, 8)} | {"bool8": "b1"}


@dataclass(frozen=True, eq=False)
class Stored:
    """An array that lies in a block of the file."""

    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    block: int
    offset: int = 0
    strides: tuple[int, ...] | None = None

    @property
    def nbytes(self) -> int:
        """Bytes of its pixels."""
        return math.prod(self.shape) * self.dtype.itemsize


def with_arrays(value: Any, name: str) -> Any:
    """Turn the descriptions of arrays in a tree into `Stored` ones; all else stays.

    Parameters
    ----------
    value
        What `parse_tree` made.
    name
        Name of the file, for messages.

    Raises
    ------
    DataError
        If an array lies in another file, or is described in a way that cannot be read.
    """
    if tag_of(value).startswith(NDARRAY):
        return _array(value, name)
    if isinstance(value, dict):
        return like(value, {key: with_arrays(item, name) for key, item in value.items()})
    if isinstance(value, list):
        return like(value, [with_arrays(item, name) for item in value])
    return value


def _array(entry: Any, name: str) -> Stored | NDArray[Any]:
    """Read what the tree says of one array."""
    if not isinstance(entry, TaggedMap):
        return _inline(entry, None, name)
    if "data" in entry:
        return _inline(entry["data"], entry, name)
    source = entry.get("source")
    if isinstance(source, str):
        raise DataError(f"{name}: tree: an array lies in another file ({shown(source)}), which is not opened")
    numbers: list[Any] = [source, entry.get("offset", 0), *_list(entry, "shape"), *_list(entry, "strides")]
    if not all(isinstance(n, int) for n in numbers) or min(numbers[:2]) < 0 or "mask" in entry:
        raise DataError(f"{name}: tree: an array is described by {shown(dict(entry), 200)}, which cannot be read")
    shape = tuple(_list(entry, "shape"))
    dtype = _dtype(entry, name)
    made = Stored(shape, dtype, numbers[0], numbers[1], tuple(_list(entry, "strides")) or None)
    if not shape or min(shape) < 0 or made.nbytes > MAX_BYTES:
        raise DataError(f"{name}: tree: an array of shape {shown(shape)} is refused, {FETCH}")
    return made


def _list(entry: Mapping[Any, Any], key: str) -> list[Any]:
    value = entry.get(key, [])
    return value if isinstance(value, list) else [value]


def _dtype(entry: Mapping[Any, Any], name: str) -> np.dtype[Any]:
    said = entry.get("datatype")
    if not isinstance(said, str) or said not in _TYPES:
        raise DataError(f"{name}: tree: datatype {shown(said)} is not one of {', '.join(_TYPES)}")
    return np.dtype(_TYPES[said]).newbyteorder("<" if entry.get("byteorder", "little") == "little" else ">")


def datatype(dtype: np.dtype[Any]) -> str:
    """Return the word of ASDF for a type of numbers.

    Examples
    --------
    >>> datatype(np.dtype(">u2")), datatype(np.dtype(bool))
    ('uint16', 'bool8')
    """
    return "bool8" if dtype.kind == "b" else dtype.name


def _inline(numbers: Any, entry: Mapping[Any, Any] | None, name: str) -> NDArray[Any]:
    """Return an array whose numbers stand in the text."""
    dtype = None if entry is None or "datatype" not in entry else _dtype(entry, name).newbyteorder("=")
    try:
        made = np.array(numbers, dtype)
    except (TypeError, ValueError, OverflowError) as problem:
        raise DataError(f"{name}: tree: numbers of an array in the text: {problem}, {FETCH}") from None
    if made.dtype.kind not in "biuf":
        raise DataError(f"{name}: tree: an array in the text holds {made.dtype}, no numbers: {FETCH}")
    shape = [] if entry is None else _list(entry, "shape")
    if shape and tuple(shape) != made.shape and made.size:
        raise DataError(f"{name}: tree: an array of shape {made.shape} says it has {shown(shape)}, {FETCH}")
    return made.reshape(shape) if shape and not made.size and 0 in shape else made
