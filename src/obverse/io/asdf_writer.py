"""ASDF out: the same input gives the same bytes, blocks with checksums, whole files only."""

from __future__ import annotations

import importlib.metadata
import os
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from obverse.io.asdf_arrays import NDARRAY, Stored, datatype
from obverse.io.asdf_blocks import HEADER, MAGIC, md5
from obverse.io.asdf_door import open_asdf
from obverse.io.asdf_tree import CORE, TaggedList, TaggedMap, dump_tree, tag_of
from obverse.io.publish import Buffer, publish

__all__ = ["write_asdf"]

_HEAD = b"#ASDF 1.0.0\n#ASDF_STANDARD 1.6.0\n"


def write_asdf(
    path: str | os.PathLike[str],
    tree: Mapping[str, Any],
    *,
    overwrite: bool = False,
    inputs: Iterable[str | os.PathLike[str]] = (),
) -> None:
    """Write a tree with its arrays to an ASDF file, atomically.

    Parameters
    ----------
    path
        Name of the file; its directory exists (see `prepare_directory`).
    tree
        Plain values, tagged ones, and arrays of numbers; each array gets a block of its own, not compressed.
    overwrite, inputs
        See `obverse.io.publish.publish`.

    Raises
    ------
    DataError
        If the file exists, is an input, cannot be written, or does not read back.

    Examples
    --------
    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "ones.asdf"
    >>> write_asdf(path, {"data": np.ones((2, 3), "f4"), "unit": "DN"})
    >>> with open_asdf(path) as file:
    ...     file.tree["unit"], float(file.read(file.tree["data"]).sum())
    ('DN', 6.0)
    """
    arrays: list[NDArray[Any]] = []
    made = _software()
    told = {"asdf_library": made, **{key: _emptied(value, arrays) for key, value in tree.items()}}
    publish(path, _pieces(_HEAD + dump_tree(told), arrays), overwrite=overwrite, inputs=inputs, check=_read_back)


def _software() -> TaggedMap:
    made = TaggedMap(name="obverse", version=importlib.metadata.version("obverse"))
    made.tag = f"{CORE}core/software-1.0.0"
    return made


def _emptied(value: Any, arrays: list[NDArray[Any]]) -> Any:
    """Put the arrays of a tree into a list, and their descriptions into the tree."""
    if isinstance(value, np.ndarray):
        arrays.append(value)
        return _described(value, len(arrays) - 1)
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, Mapping):
        made: Any = TaggedMap((key, _emptied(item, arrays)) for key, item in value.items())
    elif isinstance(value, list | tuple):
        made = TaggedList(_emptied(item, arrays) for item in value)
    else:
        return value
    made.tag = tag_of(value)
    return made


def _described(array: NDArray[Any], block: int) -> TaggedMap:
    entry = TaggedMap(source=block, datatype=datatype(array.dtype), byteorder="little", shape=list(array.shape))
    entry.tag = f"{NDARRAY}1.1.0"
    return entry


def _pieces(head: bytes, arrays: Iterable[NDArray[Any]]) -> Iterator[Buffer]:
    """Yield the text, then the header and the bytes of each block."""
    yield head
    for array in arrays:
        pixels = np.ascontiguousarray(array, array.dtype.newbyteorder("<"))
        data: memoryview = pixels.reshape(-1).view(np.uint8).data
        yield MAGIC + HEADER.size.to_bytes(2, "big")
        yield HEADER.pack(0, b"\0\0\0\0", data.nbytes, data.nbytes, data.nbytes, md5(data))
        yield data


def _read_back(path: Path) -> None:
    with open_asdf(path) as file:
        for array in _arrays(file.tree):
            file.read(array)


def _arrays(value: Any) -> Iterator[Stored]:
    if isinstance(value, Stored):
        yield value
    elif isinstance(value, Mapping):
        for item in value.values():
            yield from _arrays(item)
