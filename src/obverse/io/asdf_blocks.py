"""The blocks behind the tree of an ASDF file: where they are, and their bytes inflated.

Reference: ASDF Standard 1.6, "Low-level file layout": magic, length of the header, flags, compression, allocated,
used and inflated size, MD5.
"""

from __future__ import annotations

import bz2
import hashlib
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from obverse.errors import DataError, UsageError
from obverse.io.publish import Buffer
from obverse.io.source import Source
from obverse.io.text import FETCH, shown

__all__ = ["HEADER", "MAGIC", "Block", "inflated", "md5", "read_blocks"]

MAGIC = b"\xd3BLK"
HEADER = struct.Struct(">I4sQQQ16s")
"""Flags, compression, allocated, used, inflated size, MD5."""

_STREAMED = 1
_INDEX = b"#ASDF BLOCK INDEX"
_PADDING = 1 << 20
_MOST = 10_000
_SMALL = 256 << 20  # below this size a bomb harms nobody
_RATIO = 1100  # zlib shrinks zeros 1030-fold, lz4 255-fold


@dataclass(frozen=True)
class Block:
    """One block: where its bytes begin, how many there are, and how many they inflate to."""

    start: int
    used: int
    size: int
    compression: str
    checksum: bytes


def md5(data: Buffer) -> bytes:
    """Return the checksum that ASDF uses; it guards against accidents, not against people."""
    return hashlib.md5(data, usedforsecurity=False).digest()


def read_blocks(source: Source, end: int) -> Iterator[Block]:
    """Find the blocks behind the tree, which ends at `end`; every size is checked against the file.

    Raises
    ------
    DataError
        If a block reaches beyond the file, something else stands where one should begin, or there are too many.
    """
    place, count = _first(source, end), 0
    while place is not None:
        block, place = _read(source, place)
        yield block
        place, count = _next(source, place), count + 1
        if count > _MOST:
            raise DataError(f"{source.name}: block: more than {_MOST} of them, no data product has: {FETCH}")


def _first(source: Source, end: int) -> int | None:
    """Return where the first block begins; padding may stand before it."""
    after = source.at(end, _PADDING)
    found = after.find(MAGIC)
    if found < 0 or after[:found].strip(b" \0\r\n"):
        if after.strip(b" \0\r\n") and not after.startswith(_INDEX):
            raise DataError(f"{source.name}: block 0: junk stands behind the tree, {FETCH}")
        return None
    return end + found


def _next(source: Source, place: int) -> int | None:
    head = source.at(place, len(_INDEX))
    if head.startswith(MAGIC):
        return place
    if head and not head.startswith(_INDEX):
        raise DataError(f"{source.name}: block: none begins at byte {place}, where one should: {FETCH}")
    return None


def _read(source: Source, place: int) -> tuple[Block, int]:
    """Read the header at `place`; return the block and where it ends."""
    where = f"{source.name}: block at byte {place}"
    head = source.at(place + len(MAGIC), 2)
    length = int.from_bytes(head, "big")
    fields = source.at(place + len(MAGIC) + 2, HEADER.size)
    if length < HEADER.size or len(fields) < HEADER.size:
        raise DataError(f"{where}: its header is cut, {FETCH}")
    flags, compression, allocated, used, size, checksum = HEADER.unpack(fields)
    start = place + len(MAGIC) + 2 + length
    if flags & _STREAMED:
        allocated = used = size = source.left(start)
    _refuse_bad_sizes(where, compression, allocated, used, size)
    source.claim(start + allocated)
    name = compression.rstrip(b"\0").decode("ascii", "backslashreplace")
    return Block(start, used, size, name, checksum.strip(b"\0") and checksum), start + allocated


def _refuse_bad_sizes(where: str, compression: bytes, allocated: int, used: int, size: int) -> None:
    if used > allocated or (not compression.strip(b"\0") and used != size):
        raise DataError(f"{where}: its sizes {allocated}, {used} and {size} contradict each other, {FETCH}")


def inflated(block: Block, raw: bytes, where: str, max_bytes: int) -> bytes:
    """Return the bytes of a block, inflated to exactly the size that its header says.

    Raises
    ------
    DataError
        If it claims more than `max_bytes`, is a bomb, is damaged, or is of another size.
    UsageError
        If it is compressed with lz4 and the package of that name is missing.
    """
    if not block.compression:
        return raw
    if block.size > max_bytes or (block.size > _SMALL and block.size > _RATIO * block.used):
        raise DataError(f"{where}: {block.used} bytes claim to hold {block.size}, this looks like a bomb")
    if block.compression not in _INFLATE:
        known = ", ".join(_INFLATE)
        raise DataError(f"{where}: compression {shown(block.compression)!r} is not one of {known}, write it anew")
    try:
        data = _INFLATE[block.compression](raw, block.size)
    except (ValueError, OSError, RuntimeError, EOFError, zlib.error, struct.error) as problem:
        raise (problem if isinstance(problem, UsageError) else _damaged(where, shown(problem))) from None
    if len(data) != block.size:
        raise _damaged(where, f"{len(data)} bytes where {block.size} are said")
    return data


def _damaged(where: str, what: str) -> DataError:
    return DataError(f"{where}: its compressed bytes are damaged ({what}), {FETCH}")


def _zlib(raw: bytes, size: int) -> bytes:
    return zlib.decompressobj().decompress(raw, size + 1)


def _bzip2(raw: bytes, size: int) -> bytes:
    return bz2.BZ2Decompressor().decompress(raw, size + 1)


def _lz4(raw: bytes, size: int) -> bytes:
    """Inflate the pieces of asdf: length (big-endian), then inflated length (little-endian) and an lz4 block."""
    unpack = _lz4_unpacker()
    pieces, place, left = [], 0, size
    while place < len(raw):
        length, promised = struct.unpack_from(">I", raw, place)[0], struct.unpack_from("<I", raw, place + 4)[0]
        if promised > left or length < 4:
            raise ValueError("its pieces hold more than the whole")
        pieces.append(unpack(raw[place + 4 : place + 4 + length]))
        place, left = place + 4 + length, left - promised
    return b"".join(pieces)


def _lz4_unpacker() -> Any:
    try:
        from lz4 import block
    except ImportError:
        raise UsageError(
            "this ASDF file is compressed with lz4, which is not installed: install the extra, obverse[roman]"
        ) from None
    return block.decompress


_INFLATE = {"zlib": _zlib, "bzp2": _bzip2, "lz4": _lz4}
